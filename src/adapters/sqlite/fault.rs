//! How a call on the database fails, before it is known whether it was a reading or a writing one.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::ports::{Failure, FailureKind};
use crate::sanitize::sanitize;

/// What went wrong inside a transaction.
#[derive(Debug)]
pub(super) enum Fault {
    /// The database itself.
    Database(rusqlite::Error),
    /// The contract: fence, compare-and-swap, content.
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

    /// The failure to report. `unsure` is what an input or output error means to this call.
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
            "another process has been writing for too long",
        ),
        Some(ErrorCode::NotADatabase) => (
            FailureKind::Garbled,
            "the file is no SQLite database: move it away or name another file",
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            FailureKind::Garbled,
            "the file is damaged: move it away, or restore it from a copy",
        ),
        Some(ErrorCode::DiskFull) => (
            FailureKind::Rejected,
            "the disk is full: make room and try again; nothing was changed",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => (
            FailureKind::Denied,
            "the file and its directory have to be writable for this user",
        ),
        Some(ErrorCode::CannotOpen) => (
            FailureKind::Denied,
            "the directory has to exist and be writable for this user",
        ),
        Some(ErrorCode::TooBig) => (
            FailureKind::Unsupported,
            "a value in the file is larger than Greenroom reads: see greenroom help limits",
        ),
        Some(ErrorCode::SystemIoFailure) => (unsure, "the disk or the file system has a problem"),
        _ => (FailureKind::Rejected, ""),
    }
}

/// How this store is called in failures.
pub(super) fn target(path: &Path) -> String {
    sanitize(&format!("sqlite at {}", path.display()))
}
