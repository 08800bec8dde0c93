//! Finds the kind of an error from Docker. Docker reports many errors with status 500 and a text, so this module
//! recognises some texts.

use std::io::ErrorKind;
use std::time::Duration;

use bollard::errors::Error;

use super::connection::TooLarge;
use crate::ports::{Failure, FailureKind, innermost_cause};
use crate::sanitize::sanitize;

/// Whether a call can change something, which decides what a lost answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// The call only reads, so a lost answer means that nothing was changed.
    Read,
    /// The call changes something. After a lost answer, the change may have been made.
    Write,
}

impl Act {
    fn lost(self) -> FailureKind {
        match self {
            Self::Read => FailureKind::Unreachable,
            Self::Write => FailureKind::Ambiguous,
        }
    }
}

/// Describes an error of the client library. The failure does not contain the error itself, because the text of the
/// error is not sanitized.
pub(super) fn failure(error: &Error, act: Act, target: String, doing: &str) -> Failure {
    if let Some(too_large) = TooLarge::of(error) {
        return oversized(too_large, act, target, doing);
    }
    let (kind, message) = match error {
        Error::DockerResponseServerError {
            status_code,
            message,
        } => (by_status(*status_code, message), message.clone()),
        Error::DockerStreamError { error } => (by_text(error), error.clone()),
        Error::SocketNotFoundError(_) => {
            (FailureKind::Unreachable, "the socket does not exist".into())
        }
        // A configured TLS file cannot be used.
        Error::IOError { err } if err.kind() == ErrorKind::InvalidInput => {
            (FailureKind::Rejected, err.to_string())
        }
        Error::HyperLegacyError { err } if err.is_connect() => {
            (FailureKind::Unreachable, innermost_cause(err).to_string())
        }
        Error::HyperLegacyError { err } => (act.lost(), innermost_cause(err).to_string()),
        Error::HyperResponseError { .. } | Error::IOError { .. } | Error::RequestTimeoutError => {
            (act.lost(), innermost_cause(error).to_string())
        }
        Error::JsonDataError { .. }
        | Error::JsonSerdeError { .. }
        | Error::StrParseError { .. } => (FailureKind::Garbled, error.to_string()),
        _ => (FailureKind::Rejected, error.to_string()),
    };
    let failure = Failure::new(kind, target, sanitize(doing), sanitize(&message));
    if kind == FailureKind::Unreachable {
        let has_answered = matches!(
            error,
            Error::DockerResponseServerError { .. } | Error::DockerStreamError { .. }
        );
        return failure.hint(if has_answered {
            "Docker answered, but could not reach another server: check the network of Docker's host"
        } else {
            "check that Docker is running at this address. For a socket, this user needs permission to use it; for TLS, check the certificates"
        });
    }
    failure
}

/// The failure for an answer that was cut off at its limit. The change of a write may have been made.
pub(super) fn oversized(too_large: TooLarge, act: Act, target: String, doing: &str) -> Failure {
    let kind = match act {
        Act::Read => FailureKind::Unsupported,
        Act::Write => FailureKind::Ambiguous,
    };
    Failure::new(kind, target, sanitize(doing), too_large.to_string()).hint(
        "Greenroom stopped reading. Check that Docker answers at this address; see greenroom help limits",
    )
}

/// The failure for an item of a stream that was cut off at its limit. `item` is the name of the item, e.g. `an event`.
pub(super) fn oversized_item(
    too_large: TooLarge,
    item: &str,
    target: String,
    doing: &str,
) -> Failure {
    let message = format!("{item} has more than {} MiB", too_large.mebibytes());
    Failure::new(FailureKind::Unsupported, target, sanitize(doing), message)
        .hint("Greenroom no longer follows this stream; see greenroom help limits")
}

/// Whether Docker refused the agreed API version. Docker has then not carried out the call.
pub(super) fn refuses_version(error: &Error) -> bool {
    let Error::DockerResponseServerError {
        status_code: 400,
        message,
    } = error
    else {
        return false;
    };
    message.contains("client version")
        && ["too new", "too old"]
            .iter()
            .any(|end| message.contains(end))
}

/// The failure for a call without an answer in time. The call may still take effect.
pub(super) fn timed_out(act: Act, target: String, doing: &str, deadline: Duration) -> Failure {
    let message = format!("no answer within {} s", deadline.as_secs());
    Failure::new(act.lost(), target, sanitize(doing), message)
}

fn by_status(status: u16, message: &str) -> FailureKind {
    match status {
        401 | 403 => FailureKind::Denied,
        404 => match by_text(message) {
            // An image registry answers in the same way for a private and a missing repository, so the text decides.
            FailureKind::Denied => FailureKind::Denied,
            _ => FailureKind::Missing,
        },
        409 => FailureKind::Conflict,
        501 => FailureKind::Unsupported,
        _ => by_text(message),
    }
}

fn by_text(message: &str) -> FailureKind {
    let message = message.to_lowercase();
    let says = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
    if says(&[
        "unauthorized",
        "authentication required",
        "no basic auth",
        "access denied",
        "denied:",
    ]) {
        return FailureKind::Denied;
    }
    if says(&[
        "manifest unknown",
        "not found",
        "no such image",
        "name unknown",
    ]) {
        return FailureKind::Missing;
    }
    if says(&["address already in use", "port is already allocated"]) {
        return FailureKind::Conflict;
    }
    if says(&["client version", "does not support reading"]) {
        return FailureKind::Unsupported;
    }
    if says(&[
        "connection refused",
        "no such host",
        "i/o timeout",
        "deadline exceeded",
    ]) {
        return FailureKind::Unreachable;
    }
    FailureKind::Rejected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_status_500_are_distinguished() {
        for (text, kind) in [
            (
                "Head http://r/v2/: no basic auth credentials",
                FailureKind::Denied,
            ),
            ("unauthorized: authentication required", FailureKind::Denied),
            (
                "manifest for r/web:9 not found: manifest unknown",
                FailureKind::Missing,
            ),
            (
                "driver failed: Bind for 127.0.0.1:80 failed: port is already allocated",
                FailureKind::Conflict,
            ),
            ("something else", FailureKind::Rejected),
        ] {
            assert_eq!(by_status(500, text), kind, "{text}");
        }
        assert_eq!(by_status(501, ""), FailureKind::Unsupported);
    }

    #[test]
    fn a_version_refusal_is_recognised_by_status_and_text() {
        let refused = |status_code, message: &str| {
            refuses_version(&Error::DockerResponseServerError {
                status_code,
                message: message.into(),
            })
        };
        let new = "client version 1.53 is too new. Maximum supported API version is 1.47";
        let old =
            "client version 1.41 is too old. Minimum supported API version is 1.44, please upgrade";
        assert!(refused(400, new) && refused(400, old));
        assert!(!refused(500, new));
        assert!(!refused(400, "invalid reference format"));
    }

    #[test]
    fn only_a_lost_write_is_ambiguous() {
        let kind = |act| timed_out(act, String::new(), "", Duration::ZERO).kind;
        assert_eq!(kind(Act::Write), FailureKind::Ambiguous);
        assert_eq!(kind(Act::Read), FailureKind::Unreachable);
    }

    #[test]
    fn text_from_the_engine_is_sanitized() {
        let error = Error::DockerResponseServerError {
            status_code: 500,
            message: "\u{1b}[31mred\u{202e}".into(),
        };
        let message = failure(&error, Act::Read, String::new(), "").message;
        assert_eq!(message, "red\u{fffd}");
    }
}
