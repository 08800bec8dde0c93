//! Finds the kind of an error that an image registry answered, and extracts the reason from its text.

use serde::Deserialize;

use crate::inventory::Mask;
use crate::ports::{FailureKind, innermost_cause};

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
    (kind, innermost_cause(error).to_string())
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

/// An image counts as missing only if no other known error is listed: with another error, the image registry may have
/// it.
fn by_envelope(envelope: &Envelope, mask: &Mask) -> (FailureKind, String) {
    let of_code = |code: &str| match code {
        "MANIFEST_UNKNOWN"
        | "NAME_UNKNOWN"
        | "NOT_FOUND"
        | "BLOB_UNKNOWN"
        | "MANIFEST_BLOB_UNKNOWN" => Some(FailureKind::Missing),
        "UNAUTHORIZED" | "DENIED" => Some(FailureKind::Denied),
        "TOOMANYREQUESTS" => Some(FailureKind::Unreachable),
        "UNSUPPORTED" => Some(FailureKind::Unsupported),
        _ => None,
    };
    let codes = envelope.errors.iter().map(|error| error.code.as_str());
    let known: Vec<FailureKind> = codes.filter_map(of_code).collect();
    let other = known.iter().find(|kind| **kind != FailureKind::Missing);
    let kind = other.or(known.first()).copied();
    let messages: Vec<&str> = envelope.errors.iter().map(|e| e.message.as_str()).collect();
    let message = cut(&mask.hide(&messages.join("; ")));
    (kind.unwrap_or(FailureKind::Rejected), message)
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
    fn an_image_is_missing_only_if_no_other_known_error_is_listed() {
        for (codes, kind) in [
            (&["MANIFEST_UNKNOWN"][..], FailureKind::Missing),
            (&["MANIFEST_UNKNOWN", "X"], FailureKind::Missing),
            (&["DENIED", "NAME_UNKNOWN"], FailureKind::Denied),
            (&["NAME_UNKNOWN", "DENIED"], FailureKind::Denied),
            (&["NOT_FOUND", "TOOMANYREQUESTS"], FailureKind::Unreachable),
            (&["X"], FailureKind::Rejected),
            (&[], FailureKind::Rejected),
        ] {
            let errors = codes
                .iter()
                .map(|code| format!(r#"{{"code":"{code}","message":"m"}}"#));
            let errors: Vec<String> = errors.collect();
            let body = format!(r#"{{"errors":[{}]}}"#, errors.join(","));
            let (found, _) = of_status(404, body.as_bytes(), &Mask::of(["hunter2"]));
            assert_eq!(found, kind, "{codes:?}");
        }
    }

    #[test]
    fn a_secret_is_hidden_before_the_text_is_shortened() {
        let body = format!("{}hunter2-hunter2", "x".repeat(LONGEST - 7));
        let (_, message) = of_status(403, body.as_bytes(), &Mask::of(["hunter2-hunter2"]));
        assert!(!message.contains("hunter"), "{message}");
    }
}
