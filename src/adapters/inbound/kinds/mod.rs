//! The formats in which senders report pushes, one file each. A parser believes nothing: it only finds out which
//! repository and tag a delivery names. It never uses an address of the payload.

mod distribution;
mod docker_hub;
mod github;
mod gitlab;
mod harbor;
mod signed;

use hyper::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::inventory::servers::SenderKind;
use crate::inventory::{Digest, is_tag};
use crate::sanitize::sanitize;

/// How much of the reason is told why a payload cannot be read, in characters.
const LONGEST_REASON: usize = 200;

/// A push as a delivery reports it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reported {
    pub(super) repository: String,
    pub(super) tag: String,
    pub(super) digest: Option<Digest>,
    /// The person or program that pushed.
    pub(super) by: Option<String>,
    /// The sender's name of the delivery or of the event; none if the content of the delivery is the name.
    pub(super) delivery: Option<String>,
}

/// Why a payload cannot be read. The text is sanitized and short.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct BadPayload(String);

impl BadPayload {
    fn new(reason: &str) -> Self {
        let shortened: String = reason.chars().take(LONGEST_REASON).collect();
        Self(sanitize(&shortened))
    }
}

/// The pushes that a delivery reports. The list is empty if the delivery is about something else.
pub(super) fn pushes(
    kind: SenderKind,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Vec<Reported>, BadPayload> {
    match kind {
        SenderKind::DockerHub => docker_hub::pushes(headers, body),
        SenderKind::Distribution => distribution::pushes(headers, body),
        SenderKind::GitHub => github::pushes(headers, body),
        SenderKind::GitLab => gitlab::pushes(headers, body),
        SenderKind::Harbor => harbor::pushes(headers, body),
        SenderKind::Signed => signed::pushes(headers, body),
    }
}

/// Greenroom's own form of a push.
#[derive(Debug, Deserialize)]
struct PlainPush {
    repository: String,
    tag: String,
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    by: Option<String>,
}

impl PlainPush {
    fn reported(self, delivery: &str) -> Reported {
        Reported {
            repository: self.repository,
            tag: self.tag,
            digest: digest(self.digest.as_deref()),
            by: self.by,
            delivery: Some(delivery.to_owned()),
        }
    }
}

fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, BadPayload> {
    serde_json::from_slice(body)
        .map_err(|error| BadPayload::new(&format!("the payload cannot be read: {error}")))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty()).then_some(value)
}

/// A digest that a sender claims; none if it is no digest. The agent resolves the tag anyway.
fn digest(text: Option<&str>) -> Option<Digest> {
    text?.parse().ok()
}

/// A tag, unless it is empty or a digest: then the image was pushed without a tag, e.g. as a part of an index.
fn tag(text: Option<String>) -> Option<String> {
    text.filter(|tag| is_tag(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parser_refuses_a_malformed_payload() {
        let kinds = [
            SenderKind::DockerHub,
            SenderKind::Distribution,
            SenderKind::GitHub,
            SenderKind::GitLab,
            SenderKind::Harbor,
            SenderKind::Signed,
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-github-event", "package"),
            ("webhook-id", "m1"),
            ("idempotency-key", "k1"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let deep = "[".repeat(100_000);
        for body in [
            "",
            "{",
            "null",
            "[]",
            "7",
            "\u{1b}[2J",
            "{\"tag\":7}",
            &deep,
        ] {
            for kind in kinds {
                let refused = pushes(kind, &headers, body.as_bytes());
                let refused = refused.expect_err(body).to_string();
                assert!(refused.chars().count() < 300, "{refused}");
                assert!(!refused.contains(char::is_control), "{refused:?}");
            }
        }
    }
}
