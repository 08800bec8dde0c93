//! Reads and changes pairs and leases inside a transaction.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, Transaction, params};

use super::fault::Fault;
use crate::ports::FailureKind;
use crate::ports::kv::{LeaseId, Pair, Range, Write};
use crate::sanitize::sanitize;

/// How many revisions the table of changes keeps. A watch that starts at an older revision gets `Compacted`.
pub(super) const KEPT_REVISIONS: i64 = 1000;
/// The largest value that is read, in bytes. It is smaller than the limit of the database, because that limit applies
/// to all values of a row together.
const LARGEST_READ: i64 = 3 * 1024 * 1024;
/// The most bytes of all values that one call reads. Other programs may write any number of values.
const LARGEST_ANSWER: i64 = 32 * 1024 * 1024;
/// A store never reaches this revision by counting. If the revision is this high, another program has written it.
const LAST_REVISION: i64 = 1 << 62;

type Outcome<T> = Result<T, Fault>;

/// Now, in milliseconds since 1970, the unit of leases.
pub(super) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

pub(super) fn current_revision(sql: &Connection) -> rusqlite::Result<i64> {
    sql.query_row("SELECT value FROM revision", [], |row| row.get(0))
}

/// A key as `SQLite` stores it. A key of another program need not be UTF-8.
struct Key<'a>(&'a [u8]);

impl ToSql for Key<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

/// The bytes of a text.
pub(super) fn bytes(row: &Row<'_>, index: usize) -> rusqlite::Result<Vec<u8>> {
    let stored = row.get_ref(index)?;
    let bytes = stored.as_bytes().map_err(|_| {
        rusqlite::Error::InvalidColumnType(index, "text".into(), stored.data_type())
    })?;
    Ok(bytes.to_vec())
}

/// The condition that the lease of a pair has not expired. `?1` is the current time.
const LEASE_IS_RUNNING: &str =
    "(lease IS NULL OR lease IN (SELECT id FROM leases WHERE expires_at_ms > ?1))";

/// Reads the pairs of each range. In place of a value that is too large, a pair has a text that no caller can decode.
pub(super) fn read(sql: &Connection, ranges: &[Range]) -> Outcome<Vec<Vec<Pair>>> {
    let largest = largest_read(sql, ranges)?;
    let read = |range: &Range| {
        let value = if range.is_keys_only {
            "''"
        } else {
            "CASE WHEN octet_length(value) <= ?2 THEN value
             ELSE octet_length(value) || ' bytes, more than Greenroom reads' END"
        };
        let columns = format!("key, {value}, revision, lease");
        rows(sql, range, &columns, largest, |row| {
            Ok(Pair {
                key: bytes(row, 0)?,
                value: bytes(row, 1)?,
                revision: row.get(2)?,
                lease: row.get::<_, Option<i64>>(3)?.map(LeaseId),
            })
        })
    };
    ranges.iter().map(read).collect()
}

/// The largest value to read, in bytes, so that all values together are not larger than [`LARGEST_ANSWER`]. The values
/// of Greenroom are small, so the large values of other programs are left out first.
fn largest_read(sql: &Connection, ranges: &[Range]) -> Outcome<i64> {
    let mut sizes = Vec::new();
    for range in ranges.iter().filter(|range| !range.is_keys_only) {
        let size = |row: &Row<'_>| row.get::<_, i64>(0);
        sizes.extend(rows(sql, range, "octet_length(value)", LARGEST_READ, size)?);
    }
    sizes.sort_unstable();
    let mut left = LARGEST_ANSWER;
    let too_large = sizes.into_iter().find(|size| {
        left -= size;
        left < 0
    });
    Ok(too_large.map_or(LARGEST_READ, |size| LARGEST_READ.min(size - 1)))
}

/// Reads `columns` of the pairs in a range. In `columns`, `?2` is `largest`.
fn rows<T>(
    sql: &Connection,
    range: &Range,
    columns: &str,
    largest: i64,
    row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Outcome<Vec<T>> {
    let keys = match range.to {
        Some(_) => "key >= ?3 AND key < ?4",
        None => "key = ?3 AND ?4 IS NULL",
    };
    let order = if range.is_descending { "DESC" } else { "ASC" };
    let mut statement = sql.prepare_cached(&format!(
        "SELECT {columns} FROM pairs
         WHERE {keys} AND {LEASE_IS_RUNNING} AND (?5 IS NULL OR revision = ?5) AND ?2 >= 0
         ORDER BY key {order} LIMIT ?6"
    ))?;
    let limit = range
        .limit
        .map_or(-1, |most| i64::try_from(most).unwrap_or(i64::MAX));
    let parameters = params![
        now_ms(),
        largest,
        Key(&range.from),
        range.to.as_deref().map(Key),
        range.changed_at,
        limit
    ];
    let found = statement.query_map(parameters, row)?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The time until a lease ends; none if the lease has ended.
pub(super) fn time_left(sql: &Connection, lease: LeaseId) -> Outcome<Option<Duration>> {
    let now = now_ms();
    let ends: Option<i64> = sql
        .query_row(
            "SELECT expires_at_ms FROM leases WHERE id = ?1 AND expires_at_ms > ?2",
            [lease.0, now],
            |row| row.get(0),
        )
        .optional()?;
    let left = ends.map(|ends| u64::try_from(ends.saturating_sub(now)).unwrap_or_default());
    Ok(left.map(Duration::from_millis))
}

/// A transaction that may write.
pub(super) struct Changes<'connection> {
    pub(super) sql: Transaction<'connection>,
    now: i64,
    /// The revision of this transaction. None until the transaction changes a key.
    made: Cell<Option<i64>>,
    /// The keys that this transaction has changed.
    keys: RefCell<BTreeSet<Vec<u8>>>,
}

impl<'connection> Changes<'connection> {
    pub(super) fn new(sql: Transaction<'connection>) -> Self {
        Self {
            sql,
            now: now_ms(),
            made: Cell::new(None),
            keys: RefCell::default(),
        }
    }

    /// The revision of a key; 0 if the key does not exist.
    pub(super) fn revision_of(&self, key: &str) -> Outcome<i64> {
        let sql = format!("SELECT revision FROM pairs WHERE key = ?2 AND {LEASE_IS_RUNNING}");
        let mut statement = self.sql.prepare_cached(&sql)?;
        let found = statement.query_row(params![self.now, key], |row| row.get(0));
        Ok(found.optional()?.unwrap_or(0))
    }

    /// The revision of this transaction. It is one revision, however many keys the transaction changes.
    fn revision(&self) -> Outcome<i64> {
        if let Some(revision) = self.made.get() {
            return Ok(revision);
        }
        let last = current_revision(&self.sql)?;
        if last >= LAST_REVISION {
            return Err(revision_used_up(&self.sql, last));
        }
        let revision = self.sql.query_row(
            "UPDATE revision SET value = value + 1 RETURNING value",
            [],
            |row| row.get(0),
        )?;
        self.made.set(Some(revision));
        Ok(revision)
    }

    fn note_changed(&self, key: &[u8]) {
        self.keys.borrow_mut().insert(key.to_vec());
    }

    pub(super) fn write(&self, write: &Write) -> Outcome<()> {
        match write {
            Write::Put { key, value, lease } => {
                if let Some(lease) = lease
                    && time_left(&self.sql, *lease)?.is_none()
                {
                    return Err(lease_ended());
                }
                self.put(key, value, *lease)
            }
            Write::PutKeepingLease { key, value } => {
                let sql = format!("SELECT lease FROM pairs WHERE key = ?2 AND {LEASE_IS_RUNNING}");
                let lease: Option<Option<i64>> = self
                    .sql
                    .query_row(&sql, params![self.now, key], |row| row.get(0))
                    .optional()?;
                let Some(lease) = lease else {
                    let message = format!("the key {} does not exist", sanitize(key));
                    return Err(Fault::refused(FailureKind::Missing, message));
                };
                self.put(key, value, lease.map(LeaseId))
            }
            Write::Delete { key } => {
                let sql = "DELETE FROM pairs WHERE key = ?1";
                if self.sql.prepare_cached(sql)?.execute([key])? > 0 {
                    self.revision()?;
                    self.note_changed(key.as_bytes());
                }
                Ok(())
            }
        }
    }

    fn put(&self, key: &str, value: &str, lease: Option<LeaseId>) -> Outcome<()> {
        let sql = "INSERT INTO pairs (key, value, revision, lease) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET value = excluded.value, revision = excluded.revision,
             lease = excluded.lease";
        let parameters = params![key, value, self.revision()?, lease.map(|lease| lease.0)];
        self.sql.prepare_cached(sql)?.execute(parameters)?;
        self.note_changed(key.as_bytes());
        Ok(())
    }

    /// Deletes the expired leases, and the pairs on a lease that has ended.
    pub(super) fn sweep(&self) -> Outcome<()> {
        let expired = "lease IS NOT NULL
             AND lease NOT IN (SELECT id FROM leases WHERE expires_at_ms > ?1)";
        self.delete_pairs(expired, self.now)?;
        let sql = "DELETE FROM leases WHERE expires_at_ms <= ?1";
        self.sql.prepare_cached(sql)?.execute([self.now])?;
        Ok(())
    }

    fn delete_pairs(&self, which: &str, parameter: i64) -> Outcome<()> {
        let sql = format!("DELETE FROM pairs WHERE {which} RETURNING key");
        let mut statement = self.sql.prepare_cached(&sql)?;
        let keys = statement.query_map([parameter], |row| bytes(row, 0))?;
        let keys = keys.collect::<rusqlite::Result<Vec<_>>>()?;
        if !keys.is_empty() {
            self.revision()?;
        }
        self.keys.borrow_mut().extend(keys);
        Ok(())
    }

    pub(super) fn grant(&self, ttl: Duration) -> Outcome<LeaseId> {
        let ttl = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
        // The id is random, so that no process renews by mistake a lease that was granted to another process.
        let id = self.sql.query_row(
            "INSERT INTO leases (id, ttl_ms, expires_at_ms)
             VALUES (random() & 9223372036854775807, ?1, ?2) RETURNING id",
            [ttl, self.now.saturating_add(ttl)],
            |row| row.get(0),
        )?;
        Ok(LeaseId(id))
    }

    /// Renews a lease. A renewal changes no key, so watches do not report it.
    pub(super) fn renew(&self, lease: LeaseId) -> Outcome<Duration> {
        let renewed: Option<i64> = self
            .sql
            .query_row(
                "UPDATE leases SET expires_at_ms = ?2 + ttl_ms WHERE id = ?1 AND expires_at_ms > ?2
                 RETURNING ttl_ms",
                [lease.0, self.now],
                |row| row.get(0),
            )
            .optional()?;
        let ttl = renewed.ok_or_else(lease_ended)?;
        Ok(Duration::from_millis(
            u64::try_from(ttl).unwrap_or_default(),
        ))
    }

    pub(super) fn revoke(&self, lease: LeaseId) -> Outcome<()> {
        self.delete_pairs("lease = ?1", lease.0)?;
        self.sql
            .execute("DELETE FROM leases WHERE id = ?1", [lease.0])?;
        Ok(())
    }

    /// Commits. Returns the new revision if a key has changed.
    pub(super) fn commit(self) -> Outcome<Option<i64>> {
        let Some(revision) = self.made.get() else {
            self.sql.commit()?;
            return Ok(None);
        };
        {
            let sql = "INSERT OR IGNORE INTO changes (revision, key) VALUES (?1, ?2)";
            let mut statement = self.sql.prepare_cached(sql)?;
            for key in self.keys.borrow().iter() {
                statement.execute(params![revision, Key(key)])?;
            }
            // Higher revisions remain if a repair lowered the revision.
            let sql = "DELETE FROM changes WHERE revision <= ?1 OR revision > ?2";
            let mut statement = self.sql.prepare_cached(sql)?;
            statement.execute([revision.saturating_sub(KEPT_REVISIONS), revision])?;
        }
        self.sql.commit()?;
        Ok(Some(revision))
    }

    /// The revision of the store after this transaction.
    pub(super) fn revision_after(&self) -> Outcome<i64> {
        match self.made.get() {
            Some(revision) => Ok(revision),
            None => Ok(current_revision(&self.sql)?),
        }
    }
}

fn lease_ended() -> Fault {
    Fault::refused(FailureKind::Missing, "the lease has expired or was revoked")
}

/// The failure if the revision cannot be raised, with the command that lowers it. If the proxy then has a higher token
/// than the store, `greenroom repair` corrects the token.
fn revision_used_up(sql: &Connection, last: i64) -> Fault {
    let file = sql.path().unwrap_or("FILE");
    Fault::refused(
        FailureKind::Rejected,
        sanitize(&format!(
            "another program has set the revision to {last}, so no change can be written. Stop every console that uses the file, then run: sqlite3 {file} \"UPDATE revision SET value = (SELECT COALESCE(MAX(revision), 0) FROM pairs WHERE revision < {LAST_REVISION})\""
        )),
    )
    .hint("then `greenroom status` says whether `greenroom repair` is needed")
}
