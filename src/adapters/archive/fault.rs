//! Errors of the archive.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::ports::{Failure, FailureKind};
use crate::sanitize::sanitize;

/// An error inside a transaction.
#[derive(Debug)]
pub(super) enum Fault {
    /// From the database.
    Database(rusqlite::Error),
    /// From the contents or the location of the database.
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
            "another program may have changed the file: move it away, and Greenroom fills a new one from the stores",
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
            "another process has held the file too long: try again",
        ),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => (
            FailureKind::Garbled,
            "the file is damaged or not a database: move it away, and Greenroom fills a new one from the stores",
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

/// The name of the archive in errors.
pub(super) fn target(path: &Path) -> String {
    sanitize(&format!("the archive at {}", path.display()))
}
