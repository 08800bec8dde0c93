//! The key of Standard Webhooks: the agent's inbox verifies signatures with it, and notices are signed with it.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use secrecy::{ExposeSecret, SecretString};
use standardwebhooks::Webhook;

use crate::ports::{Failure, FailureKind, Result};

/// The prefix of a secret in base64.
const PREFIX: &str = "whsec_";
/// The minimum length, in bytes, of a secret without the prefix. It is the minimum of the specification for every key.
const SHORTEST: usize = 24;
/// The same in base64.
const SHORTEST_BASE64: usize = 32;

/// Parses a secret in the form in which receivers and senders exchange it: `whsec_` and base64. A secret without that
/// prefix is itself the key.
pub(super) fn parse(secret: &SecretString) -> Result<Webhook> {
    let text = secret.expose_secret();
    let wrong = |reason: &str| {
        Failure::new(
            FailureKind::Rejected,
            "signed webhook",
            "reading the signing secret",
            reason,
        )
    };
    if text.starts_with(PREFIX) {
        let key = Webhook::new(text).map_err(|_| wrong("the text after whsec_ is not base64"));
        let is_short = text.len() - PREFIX.len() < SHORTEST_BASE64;
        return key.and_then(|key| {
            if is_short {
                return Err(wrong(
                    "the secret after whsec_ has fewer than 24 bytes: use a longer secret",
                ));
            }
            Ok(key)
        });
    }
    if text.len() < SHORTEST {
        return Err(wrong(
            "the secret has fewer than 24 bytes: use a longer secret",
        ));
    }
    let key = Webhook::from_bytes(text.as_bytes().to_vec());
    key.map_err(|_| wrong("the secret cannot be used as a key"))
}
