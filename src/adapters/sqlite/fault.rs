//! Errors inside a database call, and the [`Failure`] that callers get for each of them.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::ports::{Failure, FailureKind};
use crate::sanitize::sanitize;

#[derive(Debug)]
pub(super) enum Fault {
    Database(rusqlite::Error),
    /// The call broke a rule of the port (lock, compare-and-swap), or the content or location of the database cannot
    /// be used.
    Refused {
        kind: FailureKind,
        message: String,
        hint: &'static str,
    },
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl Fault {
    pub(super) fn refused(kind: FailureKind, message: impl Into<String>) -> Self {
        Self::Refused {
            kind,
            message: message.into(),
            hint: "",
        }
    }

    pub(super) fn conflict(message: impl Into<String>) -> Self {
        Self::refused(FailureKind::Conflict, message)
    }

    pub(super) fn hint(mut self, text: &'static str) -> Self {
        if let Self::Refused { hint, .. } = &mut self {
            *hint = text;
        }
        self
    }

    /// The failure to report. `unsure` is the kind for an I/O error, which differs between reads and writes.
    pub(super) fn into_failure(
        self,
        target: String,
        doing: String,
        unsure: FailureKind,
    ) -> Failure {
        match self {
            Self::Refused {
                kind,
                message,
                hint,
            } => Failure::new(kind, target, doing, message).hint(hint),
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
            "another process kept the file locked for too long: try again",
        ),
        Some(ErrorCode::NotADatabase) => (
            FailureKind::Garbled,
            "the file is not an SQLite database: move the file away, or configure another file",
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            FailureKind::Garbled,
            "the file is damaged: restore it from a backup, or move it away",
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
            "make the file and its directory readable and writable for this user",
        ),
        Some(ErrorCode::TooBig) => (
            FailureKind::Unsupported,
            "a value is larger than Greenroom reads or writes: see `greenroom help limits`",
        ),
        Some(ErrorCode::SystemIoFailure) => (unsure, "check the disk and the file system"),
        _ => (FailureKind::Rejected, ""),
    }
}

/// The name of this store in error messages.
pub(super) fn target(path: &Path) -> String {
    sanitize(&format!("sqlite at {}", path.display()))
}
