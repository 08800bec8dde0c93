//! Finds the kind of an error that an image registry answered, and extracts the reason from its text.

use std::error::Error;

use serde::Deserialize;

use crate::inventory::Mask;
use crate::ports::FailureKind;

/// The most characters that are shown of a registry's text.
const LONGEST: usize = 300;

/// The form of errors of registries and token servers:
/// <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes>.
#[derive(Deserialize)]
struct Envelope {
    errors: Vec<ErrorItem>,
}

#[derive(Deserialize)]
struct ErrorItem {
    code: String,
    #[serde(default)]
    message: String,
}

/// Describes the refusal of a token server.
pub(super) fn refusal(body: &[u8], mask: &Mask) -> String {
    let reason = match serde_json::from_slice::<Envelope>(body) {
        Ok(envelope) => by_envelope(&envelope, mask).1,
        Err(_) => cut(&mask.hide(&String::from_utf8_lossy(body))),
    };
    let message = format!("the token server refused to issue a token: {reason}");
    message.trim_end_matches(": ").to_owned()
}

/// The kind of a failed request, and the reason.
pub(super) fn of_request(error: &reqwest::Error) -> (FailureKind, String) {
    let kind = if error.is_decode() || error.is_body() {
        FailureKind::Garbled
    } else {
        FailureKind::Unreachable
    };
    (kind, innermost(error))
}

/// The kind of an unsuccessful answer, and its masked text.
pub(super) fn of_status(code: u16, body: &[u8], mask: &Mask) -> (FailureKind, String) {
    if code == 401 {
        return (
            FailureKind::Denied,
            "the image registry denies access".into(),
        );
    }
    match serde_json::from_slice::<Envelope>(body) {
        Ok(envelope) if (400..500).contains(&code) => by_envelope(&envelope, mask),
        _ => {
            let text = mask.hide(&String::from_utf8_lossy(body));
            (by_status(code), format!("status {code}: {}", cut(&text)))
        }
    }
}

fn by_envelope(envelope: &Envelope, mask: &Mask) -> (FailureKind, String) {
    let mut kind = FailureKind::Rejected;
    let mut messages = Vec::new();
    for error in &envelope.errors {
        kind = match error.code.as_str() {
            "MANIFEST_UNKNOWN"
            | "NAME_UNKNOWN"
            | "NOT_FOUND"
            | "BLOB_UNKNOWN"
            | "MANIFEST_BLOB_UNKNOWN" => FailureKind::Missing,
            "UNAUTHORIZED" | "DENIED" => FailureKind::Denied,
            "TOOMANYREQUESTS" => FailureKind::Unreachable,
            "UNSUPPORTED" => FailureKind::Unsupported,
            _ => kind,
        };
        messages.push(error.message.as_str());
    }
    (kind, cut(&mask.hide(&messages.join("; "))))
}

fn by_status(code: u16) -> FailureKind {
    match code {
        401 | 403 => FailureKind::Denied,
        404 => FailureKind::Missing,
        429 | 500.. => FailureKind::Unreachable,
        _ => FailureKind::Rejected,
    }
}

/// Shortens a text of a registry, which may be a whole page.
pub(super) fn cut(text: &str) -> String {
    text.trim().chars().take(LONGEST).collect()
}

fn innermost(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_looks_like_the_envelope_does_not_change_the_kind() {
        let body = br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no errors for errors"}]}"#;
        let (kind, message) = of_status(404, body, &Mask::of(["errors"]));
        assert_eq!(kind, FailureKind::Missing);
        assert_eq!(message, "no (hidden) for (hidden)");
    }

    #[test]
    fn a_secret_is_hidden_before_the_text_is_shortened() {
        let body = format!("{}hunter2-hunter2", "x".repeat(LONGEST - 7));
        let (_, message) = of_status(403, body.as_bytes(), &Mask::of(["hunter2-hunter2"]));
        assert!(!message.contains("hunter"), "{message}");
    }
}
