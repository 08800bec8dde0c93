//! Turns on the write-ahead log of a database, for the store and the archive.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

/// What to do if the file cannot have a write-ahead log.
pub(super) const HINT: &str = "put the file on a local file system";

/// Turns on the write-ahead log. `SQLite` ignores the busy timeout while it changes the journal mode, so this function
/// retries for up to `busy`. Otherwise processes that open a new file at the same time would fail. Returns why the file
/// cannot have a write-ahead log; none if it has one.
pub(super) fn turn_on(connection: &Connection, busy: Duration) -> rusqlite::Result<Option<String>> {
    let until = Instant::now() + busy;
    loop {
        let mode = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(None),
            Ok(mode) => {
                return Ok(Some(format!(
                    "the file system does not support a write-ahead log (journal mode {mode})"
                )));
            }
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < until =>
            {
                sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_cannot_have_a_log_is_refused() {
        let connection = Connection::open_in_memory().expect("a database");
        let refused = turn_on(&connection, Duration::ZERO).expect("an answer");
        assert!(refused.is_some_and(|why| why.contains("journal mode memory")));
    }
}
