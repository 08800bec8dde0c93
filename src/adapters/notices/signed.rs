//! A notice or a push as JSON with a signature, as in Standard Webhooks. The receiver can check the sender, the content
//! and the time, and recognise a repeated notice by its id.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderValue};
use serde::Serialize;
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook,
};

use super::Request;
use crate::history::Notice;
use crate::inventory::{Digest, Push};
use crate::ports::{Failure, FailureKind, Result};

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    timestamp: Timestamp,
    data: &'a Notice,
}

/// A push in the plain form of the inbox.
#[derive(Serialize)]
struct PlainPush<'a> {
    repository: &'a str,
    tag: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
}

/// The request for a notice, signed at `now`.
pub(super) fn request(notice: &Notice, key: &Webhook, now: Timestamp) -> Result<Request> {
    let subject = if notice.event.is_of_push() {
        "push"
    } else {
        "release"
    };
    let body = Body {
        r#type: format!("{subject}.{}", notice.event),
        timestamp: notice.at,
        data: notice,
    };
    signed(("signing the notice", &notice.id), &body, key, now)
}

/// The request that reports a push to an inbox, signed at `now`.
pub(super) fn push_request(push: &Push, key: &Webhook, now: Timestamp) -> Result<Request> {
    let body = PlainPush {
        repository: &push.repository,
        tag: &push.tag,
        digest: push.digest.as_ref(),
        by: push.by.as_deref(),
    };
    signed(("signing the push", &push.delivery), &body, key, now)
}

fn signed(
    (doing, id): (&str, &str),
    body: &impl Serialize,
    key: &Webhook,
    now: Timestamp,
) -> Result<Request> {
    let failure =
        |reason: String| Failure::new(FailureKind::Rejected, "signed webhook", doing, reason);
    let body = serde_json::to_string(body).map_err(|error| failure(error.to_string()))?;
    let signature = key.sign(id, now.as_second(), body.as_bytes());
    let signature = signature.map_err(|error| failure(error.to_string()))?;
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (HEADER_WEBHOOK_ID, id.to_owned()),
        (HEADER_WEBHOOK_TIMESTAMP, now.as_second().to_string()),
        (HEADER_WEBHOOK_SIGNATURE, signature),
    ] {
        let value = HeaderValue::try_from(value).map_err(|error| failure(error.to_string()))?;
        headers.insert(name, value);
    }
    Ok(Request { headers, body })
}
