//! Errors inside a database call, and the [`Failure`] that callers get for each of them.

use std::path::Path;

use rusqlite::ErrorCode;

pub(super) use crate::adapters::database_file::DatabaseError as Fault;
use crate::ports::{Failure, FailureKind};
use crate::sanitize::sanitize;

/// The failure to report. `unsure` is the kind for an I/O error, which differs between reads and writes.
pub(super) fn failure(fault: Fault, target: String, doing: &str, unsure: FailureKind) -> Failure {
    fault.into_failure(target, doing, |code| meaning(code, unsure))
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
