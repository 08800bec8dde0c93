//! Classifies a failed call: never sent, perhaps applied, or refused. The classification depends on the status codes
//! and the messages of etcd since 3.0. The texts of an error are sanitized.

use std::io::ErrorKind;

use etcd_client::Error;
use secrecy::{ExposeSecret, SecretString};

use crate::inventory::Mask;
use crate::ports::{Failure, FailureKind, innermost_cause};
use crate::sanitize::sanitize;

/// A call that failed on one node.
#[derive(Debug)]
pub(super) struct EtcdError {
    pub(super) class: Class,
    pub(super) message: String,
    /// What the operator can do. Empty if the caller chooses the hint by `class`.
    pub(super) hint: String,
}

/// Whether a failed call may have been applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// The call was not applied and can be repeated: it reached no server, or the server was too busy to accept it.
    NotSent,
    /// The call may have been applied.
    Unclear,
    /// A server received the call and refused it.
    Refused(FailureKind),
    /// The token has expired, or is older than the last change to users. The call was not applied, and a new token
    /// helps.
    OldToken,
    /// The call reached no server, because the password or a certificate cannot be read.
    Unprepared,
}

impl EtcdError {
    pub(super) fn not_sent(message: impl Into<String>) -> Self {
        Self {
            class: Class::NotSent,
            message: message.into(),
            hint: String::new(),
        }
    }

    pub(super) fn unclear(message: impl Into<String>) -> Self {
        Self {
            class: Class::Unclear,
            message: message.into(),
            hint: String::new(),
        }
    }

    pub(super) fn unprepared(failure: Failure) -> Self {
        Self {
            class: Class::Unprepared,
            message: failure.message,
            hint: failure.hint,
        }
    }

    /// Removes the password from the text, because a server that refuses a request may repeat the password. Only a
    /// request for a token contains the password.
    #[must_use]
    pub(super) fn without(mut self, password: Option<&SecretString>) -> Self {
        let mask = Mask::of(password.map(ExposeSecret::expose_secret));
        self.message = mask.hide(&self.message);
        self
    }

    pub(super) fn is_denied(&self) -> bool {
        self.class == Class::Refused(FailureKind::Denied)
    }

    /// Whether etcd refused the login itself, and not only an action of the user.
    pub(super) fn is_login_refused(&self) -> bool {
        self.is_denied() && self.message.contains(LOGIN_REFUSED)
    }

    pub(super) fn refused(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            class: Class::Refused(kind),
            message: message.into(),
            hint: String::new(),
        }
    }
}

impl From<Error> for EtcdError {
    fn from(error: Error) -> Self {
        let class = classify(&error);
        let message = match &error {
            Error::GRpcStatus(status) if exceeds(status.message()) => too_large(status.message()),
            Error::GRpcStatus(status) => innermost_cause(status).to_string(),
            Error::TransportError(transport) => innermost_cause(transport).to_string(),
            other => other.to_string(),
        };
        Self {
            class,
            message: sanitize(&message),
            hint: String::new(),
        }
    }
}

fn classify(error: &Error) -> Class {
    let status = match error {
        Error::GRpcStatus(status) => status,
        Error::IoError(_)
        | Error::WatchError(_)
        | Error::TransportError(_)
        | Error::Internal(_) => {
            return Class::Unclear;
        }
        Error::LeaseKeepAliveError(_) => return Class::Refused(FailureKind::Missing),
        _ => return Class::Refused(FailureKind::Rejected),
    };
    let message = status.message();
    if message.contains("auth store is old") || message.contains("invalid auth token") {
        return Class::OldToken;
    }
    if exceeds(message) {
        return Class::Refused(FailureKind::Unsupported);
    }
    // The numbers are gRPC status codes.
    match status.code() as i32 {
        3 if message.contains(LOGIN_REFUSED) || message.contains("user name is empty") => {
            Class::Refused(FailureKind::Denied)
        }
        7 | 16 => Class::Refused(FailureKind::Denied),
        5 => Class::Refused(FailureKind::Missing),
        12 => Class::Refused(FailureKind::Unsupported),
        // The call was not applied, and can be repeated in a moment.
        8 if message.contains("too many requests") => Class::NotSent,
        3 | 6 | 8 | 9 | 11 => Class::Refused(FailureKind::Rejected),
        14 if never_connected(status) => Class::NotSent,
        _ => Class::Unclear,
    }
}

/// The message with which etcd refuses a user or a password.
const LOGIN_REFUSED: &str = "authentication failed";

const MIB: u64 = 1024 * 1024;

/// The start of the message about an answer that is larger than its limit.
const TOO_LARGE: &str = "the answer has more than";

/// The message about an answer that is larger than its limit. The client library names the limit, which differs from call
/// to call.
fn too_large(message: &str) -> String {
    let limit = message.split_once("the limit is: ").map(|(_, rest)| rest);
    let limit = limit.and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok());
    match limit {
        Some(bytes) if bytes >= MIB => format!("{TOO_LARGE} {} MiB", bytes / MIB),
        Some(bytes) => format!("{TOO_LARGE} {bytes} bytes"),
        None => format!("{TOO_LARGE} its limit"),
    }
}

/// Whether the message says that an answer was larger than its limit.
pub(super) fn is_too_large(message: &str) -> bool {
    message.starts_with(TOO_LARGE)
}

/// Whether the message says that authentication is disabled in etcd although a user is configured.
pub(super) fn is_auth_disabled(message: &str) -> bool {
    message.contains("authentication is not enabled")
}

/// Whether the client library refused an answer because of its size.
fn exceeds(message: &str) -> bool {
    message.contains("decoded message length too large")
}

/// Whether the message says that the cluster refuses writes because its space is used up.
pub(super) fn is_full(message: &str) -> bool {
    message.contains("database space exceeded")
}

fn never_connected(status: &(impl std::error::Error + 'static)) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        let refused = error.downcast_ref::<std::io::Error>().is_some_and(|error| {
            matches!(
                error.kind(),
                ErrorKind::ConnectionRefused
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
                    | ErrorKind::AddrNotAvailable
            )
        });
        // The other test is for the transport's own error type, which has no public name.
        if refused || format!("{error:?}").starts_with("ConnectError(") {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_too_large_names_the_limit_of_its_call() {
        let refused = |limit: u64| {
            too_large(&format!(
                "Error, decoded message length too large: found 99999999 bytes, the limit is: {limit} bytes"
            ))
        };
        for (limit, expected) in [
            (4 * MIB, "the answer has more than 4 MiB"),
            (32 * MIB, "the answer has more than 32 MiB"),
            (1000, "the answer has more than 1000 bytes"),
        ] {
            assert_eq!(refused(limit), expected);
            assert!(is_too_large(expected));
        }
        assert_eq!(
            too_large("decoded message length too large"),
            "the answer has more than its limit"
        );
    }
}
