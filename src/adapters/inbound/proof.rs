//! How a request proves that a sender sent it. Its head shows a credential, or a signature over its content. Secrets are
//! compared by their hashes, and signatures in constant time, so the time of a comparison tells no part of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::percent_decode_str;
use ring::{digest, hmac};
use secrecy::{ExposeSecret, SecretString};

use crate::adapters::signing_key;
use crate::inventory::servers::{SenderCredential, SenderKind};
use crate::ports::{Result, same_secret};

/// How far the time of a signature may differ from the own time, as Standard Webhooks says.
const SIGNATURE_AGE: SignedDuration = SignedDuration::from_mins(5);

/// The head of a request, which is read before the content.
pub(super) struct Head<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) query: Option<&'a str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// `Authorization: Bearer TOKEN`.
    Bearer,
    /// `Authorization: Basic BASE64`, with this user.
    Basic { user: String },
    /// The query `?token=TOKEN`, for senders that cannot send a header.
    Query,
    /// `X-Gitlab-Token: TOKEN`.
    GitLabToken,
    /// `X-Hub-Signature-256: sha256=HEX`, the HMAC of the content.
    HubSignature,
    /// The three headers of Standard Webhooks.
    StandardWebhook,
}

impl Proof {
    pub(super) fn of(kind: SenderKind, credential: &SenderCredential) -> Self {
        match (kind, credential) {
            (_, SenderCredential::Login { user, .. }) => Self::Basic { user: user.clone() },
            (SenderKind::DockerHub, SenderCredential::Token(_)) => Self::Query,
            (SenderKind::GitLab, SenderCredential::Token(_)) => Self::GitLabToken,
            (_, SenderCredential::Token(_)) => Self::Bearer,
            (SenderKind::GitHub, SenderCredential::Secret(_)) => Self::HubSignature,
            (_, SenderCredential::Secret(_)) => Self::StandardWebhook,
        }
    }

    /// Fails if the secret cannot be used for this proof.
    pub(super) fn check(&self, secret: &SecretString) -> Result<()> {
        match self {
            Self::StandardWebhook => signing_key::parse(secret).map(drop),
            _ => Ok(()),
        }
    }

    /// Whether the proof is a signature over the content.
    pub(super) fn is_signature(&self) -> bool {
        matches!(self, Self::HubSignature | Self::StandardWebhook)
    }

    /// Whether the head has the headers of a signature, in the right form and with the right time. Only then the content
    /// is read.
    pub(super) fn may_be_signed(&self, head: &Head<'_>, now: Timestamp) -> bool {
        let shown = |name| header(head.headers, name);
        match self {
            Self::HubSignature => hub_signature(head.headers).is_some(),
            Self::StandardWebhook => {
                let time = shown("webhook-timestamp").and_then(|it| it.parse().ok());
                let time = time.and_then(|it| Timestamp::from_second(it).ok());
                let is_v1 = |text: &str| text.split(' ').any(|it| it.starts_with("v1,"));
                shown("webhook-id").is_some_and(|it| !it.is_empty())
                    && shown("webhook-signature").is_some_and(is_v1)
                    && time.is_some_and(|time| now.duration_since(time).abs() <= SIGNATURE_AGE)
            }
            _ => false,
        }
    }

    /// Whether the head shows the secret.
    pub(super) fn is_shown(&self, secret: &SecretString, head: &Head<'_>) -> bool {
        let headers = head.headers;
        let shown = match self {
            Self::HubSignature | Self::StandardWebhook => None,
            Self::Bearer => authorization(headers, "bearer").map(str::to_owned),
            Self::Basic { .. } => authorization(headers, "basic").and_then(login),
            Self::Query => head.query.and_then(token),
            Self::GitLabToken => header(headers, "x-gitlab-token").map(str::to_owned),
        };
        let wanted = match self {
            Self::Basic { user } => format!("{user}:{}", secret.expose_secret()).into(),
            _ => secret.clone(),
        };
        let is_shown = shown.is_some();
        same_secret(&shown.unwrap_or_default().into(), &wanted) && is_shown
    }

    /// Whether the secret signed the content.
    pub(super) fn is_signed(&self, secret: &SecretString, head: &Head<'_>, content: &[u8]) -> bool {
        match self {
            Self::HubSignature => hub_signature(head.headers).is_some_and(|signature| {
                let secret = secret.expose_secret().as_bytes();
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::verify(&key, content, &signature).is_ok()
            }),
            Self::StandardWebhook => {
                let key = signing_key::parse(secret);
                key.is_ok_and(|key| key.verify(content, head.headers).is_ok())
            }
            _ => false,
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    std::str::from_utf8(headers.get(name)?.as_bytes()).ok()
}

fn authorization<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let (shown, credential) = header(headers, AUTHORIZATION.as_str())?.split_once(' ')?;
    shown
        .eq_ignore_ascii_case(scheme)
        .then_some(credential.trim())
}

/// User and password as `user:password`.
fn login(encoded: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

fn token(query: &str) -> Option<String> {
    let mut pairs = query.split('&');
    let value = pairs.find_map(|pair| pair.strip_prefix("token="))?;
    let decoded = percent_decode_str(value).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// The signature of the header `X-Hub-Signature-256`; none if it is not the length of one.
fn hub_signature(headers: &HeaderMap) -> Option<Vec<u8>> {
    let shown = header(headers, "x-hub-signature-256")?;
    let signature = bytes(shown.strip_prefix("sha256=")?)?;
    (signature.len() == digest::SHA256_OUTPUT_LEN).then_some(signature)
}

/// The bytes of a text in hexadecimal digits.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| {
        char::from(c)
            .to_digit(16)
            .and_then(|it| u8::try_from(it).ok())
    };
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_given(proof: &Proof, headers: &[(&'static str, &str)], query: Option<&str>) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let head = Head {
            headers: &map,
            query,
        };
        let secret = "It's a Secret to Everybody".into();
        if proof.is_signature() {
            proof.may_be_signed(&head, NOW) && proof.is_signed(&secret, &head, b"Hello, World!")
        } else {
            proof.is_shown(&secret, &head)
        }
    }

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    /// The example of <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>.
    const SIGNED: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    #[test]
    fn the_example_of_github_is_verified() {
        let header = "x-hub-signature-256";
        assert!(is_given(&Proof::HubSignature, &[(header, SIGNED)], None));
        let other = SIGNED.replace("e17", "e18");
        let short = &SIGNED[..SIGNED.len() - 2];
        let odd = &SIGNED[..SIGNED.len() - 1];
        for wrong in [&other, short, odd, "sha256=", "", "sha1=75", &SIGNED[7..]] {
            assert!(
                !is_given(&Proof::HubSignature, &[(header, wrong)], None),
                "{wrong}"
            );
        }
        assert!(!is_given(&Proof::HubSignature, &[], None));
    }

    #[test]
    fn a_shown_secret_is_compared_as_a_whole() {
        let secret = "It's a Secret to Everybody";
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let ana = Proof::Basic { user: "ana".into() };
        let token = "x-gitlab-token";
        assert!(is_given(
            &Proof::Bearer,
            &[("authorization", &format!("bearer {secret}"))],
            None
        ));
        assert!(is_given(
            &ana,
            &[("authorization", &basic(&format!("ana:{secret}")))],
            None
        ));
        assert!(is_given(&Proof::GitLabToken, &[(token, secret)], None));
        let query = "a=b&token=It%27s%20a%20Secret%20to%20Everybody";
        assert!(is_given(&Proof::Query, &[], Some(query)));

        for wrong in ["", "It's", "It's a Secret to Everybody!", "Bearer"] {
            assert!(!is_given(
                &Proof::Bearer,
                &[("authorization", &format!("Bearer {wrong}"))],
                None
            ));
            assert!(!is_given(&Proof::GitLabToken, &[(token, wrong)], None));
            assert!(!is_given(
                &Proof::Query,
                &[],
                Some(&format!("token={wrong}"))
            ));
        }
        assert!(!is_given(
            &Proof::Bearer,
            &[("authorization", secret)],
            None
        ));
        assert!(!is_given(
            &Proof::Query,
            &[("authorization", &format!("Bearer {secret}"))],
            None
        ));
        for wrong in ["", ":", "ana:", "bob:It's a Secret to Everybody", secret] {
            assert!(
                !is_given(&ana, &[("authorization", &basic(wrong))], None),
                "{wrong}"
            );
        }
        assert!(!is_given(&ana, &[("authorization", "Basic %%%")], None));
    }

    #[test]
    fn the_content_is_read_only_after_a_plausible_head() {
        let signature = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=";
        let is_plausible = |id: &str, time: &str, signature: &str| {
            let mut headers = HeaderMap::new();
            for (name, value) in [
                ("webhook-id", id),
                ("webhook-timestamp", time),
                ("webhook-signature", signature),
            ] {
                if value != "-" {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            let query = None;
            let head = Head {
                headers: &headers,
                query,
            };
            Proof::StandardWebhook.may_be_signed(&head, NOW)
        };
        for time in ["0", "-300", "300"] {
            assert!(is_plausible("m1", time, signature), "{time}");
        }
        let rotated = format!("v1a,abc {signature}");
        assert!(is_plausible("m1", "0", &rotated));
        let lowest = i64::MIN.to_string();
        for (id, time, signature) in [
            ("", "0", signature),
            ("-", "0", signature),
            ("m1", "-", signature),
            ("m1", "now", signature),
            ("m1", "301", signature),
            ("m1", "-301", signature),
            ("m1", &lowest, signature),
            ("m1", "0", "-"),
            ("m1", "0", "v2,abc"),
        ] {
            assert!(
                !is_plausible(id, time, signature),
                "{id} {time} {signature}"
            );
        }
    }
}
