//! Errors of a database call, before it is known whether it was a read or a write.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::ports::{Failure, FailureKind};
use crate::sanitize::sanitize;

/// An error inside a transaction.
#[derive(Debug)]
pub(super) enum Fault {
    /// From the database.
    Database(rusqlite::Error),
    /// From the contract of the ports: fence, compare-and-swap, content.
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
    pub(super) fn refused(kind: FailureKind, said: impl Into<String>) -> Self {
        Self::Refused {
            kind,
            said: said.into(),
            hint: "",
        }
    }

    pub(super) fn conflict(said: impl Into<String>) -> Self {
        Self::refused(FailureKind::Conflict, said)
    }

    pub(super) fn garbled(said: impl Into<String>) -> Self {
        Self::refused(FailureKind::Garbled, said)
    }

    pub(super) fn hint(mut self, text: &'static str) -> Self {
        if let Self::Refused { hint, .. } = &mut self {
            *hint = text;
        }
        self
    }

    /// The failure to report. `unsure` is the kind for an I/O error in this call.
    pub(super) fn into_failure(
        self,
        target: String,
        doing: String,
        unsure: FailureKind,
    ) -> Failure {
        match self {
            Self::Refused { kind, said, hint } => {
                Failure::new(kind, target, doing, said).hint(hint)
            }
            Self::Database(error) => {
                let (kind, hint) = meaning(error.sqlite_error_code(), unsure);
                Failure::new(kind, target, doing, sanitize(&error.to_string()))
                    .hint(hint)
                    .caused_by(error)
            }
        }
    }
}

fn meaning(code: Option<ErrorCode>, unsure: FailureKind) -> (FailureKind, &'static str) {
    match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            FailureKind::Unreachable,
            "another process has held the file too long: try again",
        ),
        Some(ErrorCode::NotADatabase) => (
            FailureKind::Garbled,
            "the file is not an SQLite database: move it away, or configure another file",
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            FailureKind::Garbled,
            "the file is damaged: move it away, or restore it from a copy",
        ),
        Some(ErrorCode::DiskFull) => (
            FailureKind::Rejected,
            "the disk is full: free some space and try again; nothing was changed",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => (
            FailureKind::Denied,
            "make the file and its directory writable for this user",
        ),
        Some(ErrorCode::CannotOpen) => (
            FailureKind::Denied,
            "create the directory and make it writable for this user",
        ),
        Some(ErrorCode::TooBig) => (
            FailureKind::Unsupported,
            "a value in the file is larger than Greenroom reads: see greenroom help limits",
        ),
        Some(ErrorCode::SystemIoFailure) => (unsure, "check the disk and the file system"),
        _ => (FailureKind::Rejected, ""),
    }
}

/// The name of this store in errors.
pub(super) fn target(path: &Path) -> String {
    sanitize(&format!("sqlite at {}", path.display()))
}
