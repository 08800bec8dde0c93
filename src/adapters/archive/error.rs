//! Errors inside a transaction of the archive, and the [`Failure`] that callers get for each of them.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::ports::{Failure, FailureKind};
use crate::sanitize::sanitize;

#[derive(Debug)]
pub(super) enum Error {
    Database(rusqlite::Error),
    /// The contents or the location of the database cannot be used.
    Refused {
        kind: FailureKind,
        message: String,
        hint: &'static str,
    },
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl Error {
    pub(super) fn refused(
        kind: FailureKind,
        message: impl Into<String>,
        hint: &'static str,
    ) -> Self {
        Self::Refused {
            kind,
            message: message.into(),
            hint,
        }
    }

    pub(super) fn garbled(message: impl Into<String>) -> Self {
        Self::refused(
            FailureKind::Garbled,
            message,
            "another program may have changed the file: move the file away, and Greenroom creates a new archive from the stores",
        )
    }

    pub(super) fn into_failure(self, path: &Path, doing: &str) -> Failure {
        let target = target(path);
        match self {
            Self::Refused {
                kind,
                message,
                hint,
            } => Failure::new(kind, target, doing, sanitize(&message)).hint(hint),
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
            "another process kept the file locked for too long: try again",
        ),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => (
            FailureKind::Garbled,
            "the file is damaged or is not a database: move the file away, and Greenroom creates a new archive from the stores",
        ),
        Some(ErrorCode::DiskFull) => (FailureKind::Rejected, "the disk is full: free some space"),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => (
            FailureKind::Denied,
            "make the file and its directory writable for this user",
        ),
        Some(ErrorCode::SystemIoFailure) => (
            FailureKind::Unreachable,
            "check the disk and the file system",
        ),
        _ => (FailureKind::Rejected, ""),
    }
}

/// The name of the archive in error messages.
pub(super) fn target(path: &Path) -> String {
    sanitize(&format!("the archive at {}", path.display()))
}
