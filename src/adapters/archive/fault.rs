//! How a call on the archive fails.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::ports::{Failure, FailureKind};
use crate::sanitize::sanitize;

/// What went wrong inside a transaction.
#[derive(Debug)]
pub(super) enum Fault {
    /// The database itself.
    Database(rusqlite::Error),
    /// What is in it, or where it is.
    Refused {
        kind: FailureKind,
        said: String,
        hint: &'static str,
    },
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl Fault {
    pub(super) fn refused(kind: FailureKind, said: impl Into<String>, hint: &'static str) -> Self {
        Self::Refused {
            kind,
            said: said.into(),
            hint,
        }
    }

    pub(super) fn garbled(said: impl Into<String>) -> Self {
        Self::refused(
            FailureKind::Garbled,
            said,
            "was it changed by somebody else? moved away, it is filled again from the stores",
        )
    }

    pub(super) fn into_failure(self, path: &Path, doing: &str) -> Failure {
        let target = target(path);
        match self {
            Self::Refused { kind, said, hint } => {
                Failure::new(kind, target, doing, sanitize(&said)).hint(hint)
            }
            Self::Database(error) => {
                let (kind, hint) = meaning(error.sqlite_error_code());
                Failure::new(kind, target, doing, sanitize(&error.to_string()))
                    .hint(hint)
                    .caused_by(error)
            }
        }
    }
}

fn meaning(code: Option<ErrorCode>) -> (FailureKind, &'static str) {
    match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            FailureKind::Unreachable,
            "another process has been writing for too long",
        ),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => (
            FailureKind::Garbled,
            "the file is damaged or no database: move it away, it is filled again from the stores",
        ),
        Some(ErrorCode::DiskFull) => (FailureKind::Rejected, "the disk is full: make room"),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => (
            FailureKind::Denied,
            "the file and its directory have to be writable for this user",
        ),
        Some(ErrorCode::SystemIoFailure) => (
            FailureKind::Unreachable,
            "the disk or the file system has a problem",
        ),
        _ => (FailureKind::Rejected, ""),
    }
}

/// How the archive is called in failures.
pub(super) fn target(path: &Path) -> String {
    sanitize(&format!("the archive at {}", path.display()))
}
