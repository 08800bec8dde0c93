//! Opens the database files of the store and of the archive.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::ports::{Failure, FailureKind};
use crate::private_files;
use crate::sanitize::sanitize;

/// An error of a call that uses a database file.
#[derive(Debug)]
pub(super) enum DatabaseError {
    Database(rusqlite::Error),
    /// The call broke a rule of its port, or the content or location of the database cannot be used.
    Refused {
        kind: FailureKind,
        message: String,
        hint: &'static str,
    },
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl DatabaseError {
    pub(super) fn refused(kind: FailureKind, message: impl Into<String>) -> Self {
        Self::Refused {
            kind,
            message: message.into(),
            hint: "",
        }
    }

    pub(super) fn hint(mut self, text: &'static str) -> Self {
        if let Self::Refused { hint, .. } = &mut self {
            *hint = text;
        }
        self
    }

    /// The failure to report. `meaning` has the kind and the hint for an error of the database.
    pub(super) fn into_failure(
        self,
        target: String,
        doing: &str,
        meaning: impl FnOnce(Option<ErrorCode>) -> (FailureKind, &'static str),
    ) -> Failure {
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

/// Creates the file and its directory if they do not exist. Only this user can read a new file or directory.
pub(super) fn create(path: &Path) -> Result<(), DatabaseError> {
    let denied = |what: &str, error: std::io::Error| {
        let message = format!("the {what} cannot be created: {error}");
        DatabaseError::refused(FailureKind::Denied, message)
            .hint("configure a path that this user can write")
    };
    if let Some(directory) = path.parent() {
        let created = private_files::create_directory(directory);
        created.map_err(|error| denied("directory", error))?;
    }
    private_files::create(path).map_err(|error| denied("file", error))
}

/// Removes the access of other users from the file and from the files that `SQLite` keeps next to it.
pub(super) fn remove_access_of_others(path: &Path) -> Result<(), DatabaseError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        private_files::remove_access_of_others(Path::new(&name)).map_err(|error| {
            DatabaseError::refused(FailureKind::Denied, error.to_string())
                .hint("configure a path that this user can write")
        })?;
    }
    Ok(())
}

/// Opens a connection to an existing file, which waits for up to `busy` while another process writes.
pub(super) fn open(path: &Path, busy: Duration) -> Result<Connection, DatabaseError> {
    // Without SQLITE_OPEN_URI, a path that starts with `file:` is an ordinary path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let resolved = private_files::resolved(path).map_err(|error| {
        let message = format!("the directory of the file cannot be reached: {error}");
        DatabaseError::refused(FailureKind::Denied, message)
            .hint("make the directory readable for this user")
    })?;
    let connection = Connection::open_with_flags(resolved, flags)?;
    connection.busy_timeout(busy)?;
    Ok(connection)
}

/// Turns on the write-ahead log. `SQLite` ignores the busy timeout while it changes the journal mode, so this function
/// retries for up to `busy`. Otherwise processes that open a new file at the same time would fail.
pub(super) fn write_ahead(connection: &Connection, busy: Duration) -> Result<(), DatabaseError> {
    let until = Instant::now() + busy;
    loop {
        let mode = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            Ok(mode) => {
                let message = format!(
                    "the file system does not support a write-ahead log (journal mode {mode})"
                );
                return Err(DatabaseError::refused(FailureKind::Unsupported, message)
                    .hint("put the file on a local file system"));
            }
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < until =>
            {
                sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_cannot_have_a_write_ahead_log_is_refused() {
        let connection = Connection::open_in_memory().expect("a database");
        let refused = write_ahead(&connection, Duration::ZERO).expect_err("refused");
        let no_meaning = |_| (FailureKind::Rejected, "");
        let failure = refused.into_failure("a database".into(), "opening", no_meaning);
        assert_eq!(failure.kind, FailureKind::Unsupported);
        assert!(failure.message.contains("journal mode memory"), "{failure}");
    }
}
