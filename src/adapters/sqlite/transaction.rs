//! What every transaction of this store has in common: the fence, the revision, the keys.

use std::cell::Cell;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde::de::DeserializeOwned;

use super::fault::Fault;
use super::lock::is_running;
use crate::inventory::{Slot, Target};
use crate::ports::{FailureKind, Fence};
use crate::sanitize::sanitize;

/// The key of the route below a target.
pub(super) const ROUTE: &str = "route";
/// The key of the hold below a target.
pub(super) const HOLD: &str = "hold";
/// The key of the lock below a target.
pub(super) const LOCK: &str = "lock";

/// What is said of a lock whose end is not believed.
pub(super) const LOCK_END: &str = "lock/expires_at_ms";
/// The largest value that is read: the database itself refuses a row whose values are larger together.
const LARGEST_READ: i64 = 3 * 1024 * 1024;
/// No store counts up to it: a higher revision was written by another program, and leaves none to count up to.
const LAST_REVISION: i64 = 1 << 62;

/// The key of a registration below a target.
pub(super) fn slot_key(slot: Slot) -> String {
    format!("slots/{slot}")
}

/// A key as etcd would have it, below its prefix.
pub(super) fn full_key(target: &Target, name: &str) -> String {
    sanitize(&format!("targets/{target}/{name}"))
}

/// Now, in milliseconds since 1970, as leases are measured.
pub(super) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// A transaction that may write.
pub(super) struct Change<'connection> {
    /// The transaction.
    pub(super) sql: Transaction<'connection>,
    made: Cell<Option<i64>>,
}

impl<'connection> Change<'connection> {
    pub(super) fn new(sql: Transaction<'connection>) -> Self {
        Self {
            sql,
            made: Cell::new(None),
        }
    }

    /// Refuses when the lock of `fence` is not held at this moment.
    pub(super) fn compare(&self, target: &Target, fence: &Fence) -> Result<(), Fault> {
        let held: Option<(i64, i64)> = self
            .sql
            .query_row(
                "SELECT token, expires_at_ms FROM locks WHERE target = ?1",
                [target.to_string()],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let now = now_ms();
        let said = match held {
            Some((token, ends)) if token == fence.token.0 && is_running(ends, now) => {
                return Ok(());
            }
            Some((token, ends)) if token == fence.token.0 && ends > now => {
                format!("lock {token} ends later than any lease lasts, and is not believed")
            }
            Some((token, _)) if token == fence.token.0 => {
                format!("the lease of lock {token} ran out")
            }
            Some((token, _)) => format!("lock {} was lost to lock {token}", fence.token),
            None => format!("lock {} is not held", fence.token),
        };
        Err(Fault::refused(FailureKind::Fenced, said))
    }

    /// The revision that this transaction makes; one, however many rows it writes.
    pub(super) fn revision(&self) -> Result<i64, Fault> {
        if let Some(revision) = self.made.get() {
            return Ok(revision);
        }
        let last = current_revision(&self.sql)?;
        if last >= LAST_REVISION {
            return Err(used_up(&self.sql, last));
        }
        let revision = self.sql.query_row(
            "UPDATE revision SET value = value + 1 RETURNING value",
            [],
            |row| row.get(0),
        )?;
        self.made.set(Some(revision));
        Ok(revision)
    }

    /// Writes a key with this transaction's revision.
    pub(super) fn put(&self, target: &Target, name: &str, value: &str) -> Result<(), Fault> {
        let revision = self.revision()?;
        self.sql.execute(
            "INSERT INTO registry (target, name, value, revision) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET value = excluded.value, revision = excluded.revision",
            params![target.to_string(), name, value, revision],
        )?;
        Ok(())
    }

    /// Removes a key that is there.
    pub(super) fn remove(&self, target: &Target, name: &str) -> Result<(), Fault> {
        self.revision()?;
        self.sql.execute(
            "DELETE FROM registry WHERE target = ?1 AND name = ?2",
            params![target.to_string(), name],
        )?;
        Ok(())
    }

    /// Makes it durable; the revision it made, if it changed anything.
    pub(super) fn commit(self) -> Result<Option<i64>, Fault> {
        self.sql.commit()?;
        Ok(self.made.get())
    }
}

/// A text of a row. Another program may have stored what is not UTF-8: that does not fit where it is read, and hides
/// nothing else.
pub(super) fn text(row: &Row<'_>, index: usize) -> rusqlite::Result<String> {
    let stored = row.get_ref(index)?;
    let bytes = stored.as_bytes().map_err(|_| {
        rusqlite::Error::InvalidColumnType(index, "text".into(), stored.data_type())
    })?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// A key's value and the revision of its last change.
pub(super) fn get(
    sql: &Transaction<'_>,
    target: &Target,
    name: &str,
) -> Result<Option<(String, i64)>, Fault> {
    let found = sql
        .query_row(
            // One that is too large is not what Greenroom wrote, and hides nothing else.
            "SELECT CASE WHEN octet_length(value) <= ?3 THEN value
             ELSE octet_length(value) || ' bytes, more than Greenroom reads' END, revision
             FROM registry WHERE target = ?1 AND name = ?2",
            params![target.to_string(), name, LARGEST_READ],
            |row| Ok((text(row, 0)?, row.get(1)?)),
        )
        .optional()?;
    Ok(found)
}

/// The last values whose names begin so, the last one first.
pub(super) fn newest_below(
    sql: &Transaction<'_>,
    target: &Target,
    prefix: &str,
    limit: usize,
) -> Result<Vec<String>, Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    // `0` is the character behind `/`.
    let behind = format!("{}0", prefix.trim_end_matches('/'));
    let mut statement = sql.prepare_cached(
        "SELECT value FROM registry WHERE target = ?1 AND name >= ?2 AND name < ?3
         AND octet_length(value) <= ?5 ORDER BY name DESC LIMIT ?4",
    )?;
    let asked = params![target.to_string(), prefix, behind, limit, LARGEST_READ];
    let rows = statement.query_map(asked, |row| text(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The revision of the last change of the store.
pub(super) fn current_revision(sql: &rusqlite::Connection) -> Result<i64, rusqlite::Error> {
    sql.query_row("SELECT value FROM revision", [], |row| row.get(0))
}

/// Why nothing is written, and how the revision gets lower. Where the proxy has a token above it then, a repair finds out.
fn used_up(sql: &rusqlite::Connection, last: i64) -> Fault {
    let file = sql.path().unwrap_or("FILE");
    Fault::refused(
        FailureKind::Rejected,
        sanitize(&format!(
            "its revision is {last}, and no change can count on from there: another program wrote it. End every console that uses the file, then run: sqlite3 {file} \"UPDATE revision SET value = (SELECT COALESCE(MAX(revision), 0) FROM registry WHERE revision < {LAST_REVISION})\""
        )),
    )
    .hint("greenroom status then says whether greenroom repair is needed")
}

/// How many characters of what is wrong with a value are shown.
const SHOWN: usize = 240;

/// Reads a stored value, or says in words what is wrong with it.
pub(super) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| {
        // It repeats what it did not expect, however long that is.
        let said: String = sanitize(&error.to_string()).chars().take(SHOWN).collect();
        format!("it cannot be read: {said}")
    })
}

/// A value as it is stored.
pub(super) fn encode<T: serde::Serialize>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value)
        .map_err(|error| Fault::refused(FailureKind::Rejected, error.to_string()))
}
