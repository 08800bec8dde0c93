//! What all transactions of this store share: the check of the lock, the revision and the keys.

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

/// The key under which a lock with an impossible expiry is reported as a problem.
pub(super) const LOCK_END: &str = "lock/expires_at_ms";
/// The largest value that is read, in bytes. It is smaller than the limit of the database, which also refuses a row
/// whose values together are too large.
const LARGEST_READ: i64 = 3 * 1024 * 1024;
/// The first revision that is refused. No store reaches it by counting, so another program must have written it.
const LAST_REVISION: i64 = 1 << 62;

/// The key of a registration below a target.
pub(super) fn slot_key(slot: Slot) -> String {
    format!("slots/{slot}")
}

/// The full key, as in etcd but without the prefix.
pub(super) fn full_key(target: &Target, name: &str) -> String {
    sanitize(&format!("targets/{target}/{name}"))
}

/// The current time in milliseconds since 1970, the unit of leases.
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

    /// Fails unless the caller holds the lock of `fence` at this moment.
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
        let reason = match held {
            Some((token, ends)) if token == fence.token.0 && is_running(ends, now) => {
                return Ok(());
            }
            Some((token, ends)) if token == fence.token.0 && ends > now => {
                format!("lock {token} is not valid: it expires later than any lease lasts")
            }
            Some((token, _)) if token == fence.token.0 => {
                format!("the lease of lock {token} expired")
            }
            Some((token, _)) => format!("lock {} was replaced by lock {token}", fence.token),
            None => format!("lock {} does not exist", fence.token),
        };
        Err(Fault::refused(FailureKind::Fenced, reason))
    }

    /// The revision of this transaction. All rows that the transaction writes get this revision.
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

    /// Writes a key with the revision of this transaction.
    pub(super) fn put(&self, target: &Target, name: &str, value: &str) -> Result<(), Fault> {
        let revision = self.revision()?;
        self.sql.execute(
            "INSERT INTO registry (target, name, value, revision) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET value = excluded.value, revision = excluded.revision",
            params![target.to_string(), name, value, revision],
        )?;
        Ok(())
    }

    pub(super) fn remove(&self, target: &Target, name: &str) -> Result<(), Fault> {
        self.revision()?;
        self.sql.execute(
            "DELETE FROM registry WHERE target = ?1 AND name = ?2",
            params![target.to_string(), name],
        )?;
        Ok(())
    }

    /// Commits the transaction. Returns the new revision if anything changed.
    pub(super) fn commit(self) -> Result<Option<i64>, Fault> {
        self.sql.commit()?;
        Ok(self.made.get())
    }
}

/// Reads a text column. Another program may have stored bytes that are not UTF-8. They are replaced, so that the
/// other rows can still be read.
pub(super) fn text(row: &Row<'_>, index: usize) -> rusqlite::Result<String> {
    let stored = row.get_ref(index)?;
    let bytes = stored.as_bytes().map_err(|_| {
        rusqlite::Error::InvalidColumnType(index, "text".into(), stored.data_type())
    })?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// The value of a key and the revision of its last change.
pub(super) fn get(
    sql: &Transaction<'_>,
    target: &Target,
    name: &str,
) -> Result<Option<(String, i64)>, Fault> {
    let found = sql
        .query_row(
            // Greenroom never writes a value this large. The text that is returned instead cannot be decoded, so only
            // this key has a problem.
            "SELECT CASE WHEN octet_length(value) <= ?3 THEN value
             ELSE octet_length(value) || ' bytes, more than Greenroom reads' END, revision
             FROM registry WHERE target = ?1 AND name = ?2",
            params![target.to_string(), name, LARGEST_READ],
            |row| Ok((text(row, 0)?, row.get(1)?)),
        )
        .optional()?;
    Ok(found)
}

/// The values whose names start with `prefix`, newest first. Values that are too large are skipped.
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
    let parameters = params![target.to_string(), prefix, behind, limit, LARGEST_READ];
    let rows = statement.query_map(parameters, |row| text(row, 0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn current_revision(sql: &rusqlite::Connection) -> Result<i64, rusqlite::Error> {
    sql.query_row("SELECT value FROM revision", [], |row| row.get(0))
}

/// The failure if the revision cannot be raised, with the command that lowers it. If the proxy then has a higher
/// token than the store, `greenroom repair` corrects it.
fn used_up(sql: &rusqlite::Connection, last: i64) -> Fault {
    let file = sql.path().unwrap_or("FILE");
    Fault::refused(
        FailureKind::Rejected,
        sanitize(&format!(
            "another program has set the revision to {last}, so no change can be written. Stop every console that uses the file, then run: sqlite3 {file} \"UPDATE revision SET value = (SELECT COALESCE(MAX(revision), 0) FROM registry WHERE revision < {LAST_REVISION})\""
        )),
    )
    .hint("then `greenroom status` says whether `greenroom repair` is needed")
}

/// The most characters of an error about a stored value.
const SHOWN: usize = 240;

/// Decodes a stored value. The error says what is wrong with the value.
pub(super) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| {
        // The error quotes the unexpected value, which may be long.
        let error: String = sanitize(&error.to_string()).chars().take(SHOWN).collect();
        format!("the value is not valid: {error}")
    })
}

pub(super) fn encode<T: serde::Serialize>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value)
        .map_err(|error| Fault::refused(FailureKind::Rejected, error.to_string()))
}
