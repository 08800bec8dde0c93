//! The parts that all transactions of this store share: the fence, the revision and the keys.

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

/// The name for the problem of a lock whose expiry is not believed.
pub(super) const LOCK_END: &str = "lock/expires_at_ms";
/// The largest value that is read, in bytes. The database refuses a row whose values together are larger than its own
/// limit.
const LARGEST_READ: i64 = 3 * 1024 * 1024;
/// No store reaches it by counting. A higher revision was written by another program, and leaves no room to count.
const LAST_REVISION: i64 = 1 << 62;

/// The key of a registration below a target.
pub(super) fn slot_key(slot: Slot) -> String {
    format!("slots/{slot}")
}

/// A key as in etcd, below its prefix.
pub(super) fn full_key(target: &Target, name: &str) -> String {
    sanitize(&format!("targets/{target}/{name}"))
}

/// Now, in milliseconds since 1970, the unit of leases.
pub(super) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// A transaction that may write.
pub(super) struct Change<'connection> {
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

    /// Fails unless the lock of `fence` is held at this moment.
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
                format!("the lease of lock {token} expired")
            }
            Some((token, _)) => format!("lock {} was lost to lock {token}", fence.token),
            None => format!("lock {} is not held", fence.token),
        };
        Err(Fault::refused(FailureKind::Fenced, said))
    }

    /// The revision of this transaction. It is one revision, however many rows the transaction writes.
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

    /// Removes a key.
    pub(super) fn remove(&self, target: &Target, name: &str) -> Result<(), Fault> {
        self.revision()?;
        self.sql.execute(
            "DELETE FROM registry WHERE target = ?1 AND name = ?2",
            params![target.to_string(), name],
        )?;
        Ok(())
    }

    /// Commits. Returns the new revision, if anything changed.
    pub(super) fn commit(self) -> Result<Option<i64>, Fault> {
        self.sql.commit()?;
        Ok(self.made.get())
    }
}

/// A text of a row. Another program may have stored a value that is not UTF-8: only its own read fails.
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
            // A value that is too large is not Greenroom's. It is skipped and hides no other.
            "SELECT CASE WHEN octet_length(value) <= ?3 THEN value
             ELSE octet_length(value) || ' bytes, more than Greenroom reads' END, revision
             FROM registry WHERE target = ?1 AND name = ?2",
            params![target.to_string(), name, LARGEST_READ],
            |row| Ok((text(row, 0)?, row.get(1)?)),
        )
        .optional()?;
    Ok(found)
}

/// The last values with a prefix, the last one first.
pub(super) fn newest_below(
    sql: &Transaction<'_>,
    target: &Target,
    prefix: &str,
    limit: usize,
) -> Result<Vec<String>, Fault> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    // `0` is the character after `/`.
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

/// Why nothing can be written, and how to lower the revision. If the proxy then has a higher token, a repair finds
/// that.
fn used_up(sql: &rusqlite::Connection, last: i64) -> Fault {
    let file = sql.path().unwrap_or("FILE");
    Fault::refused(
        FailureKind::Rejected,
        sanitize(&format!(
            "its revision is {last}, and no change can count further: another program wrote it. Stop every console that uses the file, then run: sqlite3 {file} \"UPDATE revision SET value = (SELECT COALESCE(MAX(revision), 0) FROM registry WHERE revision < {LAST_REVISION})\""
        )),
    )
    .hint("greenroom status then says whether greenroom repair is needed")
}

/// The most characters of the description of a bad value.
const SHOWN: usize = 240;

/// Decodes a stored value. The error says what is wrong with it.
pub(super) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| {
        // The error quotes the unexpected value, however long it is.
        let said: String = sanitize(&error.to_string()).chars().take(SHOWN).collect();
        format!("it cannot be read: {said}")
    })
}

/// The stored form of a value.
pub(super) fn encode<T: serde::Serialize>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value)
        .map_err(|error| Fault::refused(FailureKind::Rejected, error.to_string()))
}
