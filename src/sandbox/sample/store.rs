//! Stores what must survive a release: the number of calls and the starts of versions, in one SQLite file that both
//! slots may have open. All functions block, so callers must use a blocking thread.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde::Serialize;

/// A version that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Start {
    pub(super) version: String,
    pub(super) slot: Option<String>,
    pub(super) host: String,
    /// The time in the format of RFC 3339.
    pub(super) started: String,
}

/// How many starts are reported. The file keeps all of them.
const REPORTED_STARTS: u32 = 20;

pub(super) struct Store(Connection);

impl Store {
    /// Opens or creates `calls.sqlite` in `directory`. Without a directory, the store is in memory.
    pub(super) fn open(directory: Option<&Path>) -> rusqlite::Result<Self> {
        let connection = match directory {
            Some(directory) => Connection::open(directory.join("calls.sqlite"))?,
            None => Connection::open_in_memory()?,
        };
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        // A power cut may lose the last calls, which is acceptable for a sample.
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.execute_batch(
            "begin immediate;
             create table if not exists total (id integer primary key check (id = 1), calls integer not null) strict;
             insert or ignore into total (id, calls) values (1, 0);
             create table if not exists starts (
                 id integer primary key, version text not null, slot text, host text not null, started text not null
             ) strict;
             create table if not exists migrations (name text primary key) strict;
             commit;",
        )?;
        Ok(Self(connection))
    }

    /// Notes a migration. Returns false if it was noted before.
    pub(super) fn add_migration(&self, name: &str) -> rusqlite::Result<bool> {
        let insert = "insert or ignore into migrations (name) values (?1)";
        Ok(self.0.execute(insert, params![name])? > 0)
    }

    /// Removes a migration. Returns false if it was not noted.
    pub(super) fn remove_migration(&self, name: &str) -> rusqlite::Result<bool> {
        let delete = "delete from migrations where name = ?1";
        Ok(self.0.execute(delete, params![name])? > 0)
    }

    #[cfg(test)]
    pub(super) fn migrations(&self) -> rusqlite::Result<Vec<String>> {
        let mut statement = self
            .0
            .prepare("select name from migrations order by name")?;
        let names = statement.query_map([], |row| row.get(0))?;
        names.collect()
    }

    /// Adds calls and returns the total, including the other slot's calls.
    pub(super) fn add(&self, calls: u64) -> rusqlite::Result<u64> {
        let calls = i64::try_from(calls).unwrap_or(i64::MAX);
        let total: i64 = self.0.query_row(
            "update total set calls = calls + ?1 where id = 1 returning calls",
            params![calls],
            |row| row.get(0),
        )?;
        Ok(u64::try_from(total).unwrap_or(0))
    }

    pub(super) fn record_start(
        &self,
        version: &str,
        slot: Option<&str>,
        host: &str,
    ) -> rusqlite::Result<()> {
        self.0.execute(
            "insert into starts (version, slot, host, started) values (?1, ?2, ?3, ?4)",
            params![version, slot, host, Timestamp::now().to_string()],
        )?;
        Ok(())
    }

    /// The last starts, oldest first.
    pub(super) fn starts(&self) -> rusqlite::Result<Vec<Start>> {
        let mut statement = self.0.prepare_cached(
            "select version, slot, host, started from
               (select * from starts order by id desc limit ?1) order by id",
        )?;
        let rows = statement.query_map(params![REPORTED_STARTS], |row| {
            Ok(Start {
                version: row.get(0)?,
                slot: row.get(1)?,
                host: row.get(2)?,
                started: row.get(3)?,
            })
        })?;
        rows.collect()
    }
}
