//! Errors inside a transaction of the archive, and the [`Failure`] that callers get for each of them.

use std::path::Path;

use rusqlite::ErrorCode;

pub(super) use crate::adapters::database_file::DatabaseError as Error;
use crate::ports::{Failure, FailureKind};
use crate::sanitize::sanitize;

pub(super) fn garbled(message: impl Into<String>) -> Error {
    Error::refused(FailureKind::Garbled, message).hint(
        "another program may have changed the file: move the file away, and Greenroom creates a new archive from the stores",
    )
}

pub(super) fn failure(error: Error, path: &Path, doing: &str) -> Failure {
    error.into_failure(target(path), doing, meaning)
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
