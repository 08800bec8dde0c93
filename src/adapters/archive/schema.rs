//! The tables, and the check that a database is an archive of Greenroom.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::Error;
use crate::ports::FailureKind;

/// The schema version that this Greenroom writes. It is stored in `user_version`.
const VERSION: i64 = 4;

/// `grra`, the `application_id` that marks a database as an archive of Greenroom.
const APPLICATION: i64 = 0x6772_7261;

/// The tables of schema 1. SQLite appends the key of the table to each index. `number` has the time in its high bits,
/// so each index yields releases in order of time. `standing` is the state of a release, and `among` is the group of
/// that state.
const SCHEMA_1: &str = "
CREATE TABLE releases (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, service TEXT NOT NULL,
    environment TEXT NOT NULL, version TEXT NOT NULL, digest TEXT NOT NULL, operator TEXT NOT NULL,
    host TEXT NOT NULL, standing TEXT NOT NULL, among TEXT NOT NULL,
    differences INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX releases_by_service ON releases (service);
CREATE INDEX releases_by_target ON releases (service, environment);
CREATE INDEX releases_by_environment ON releases (environment);
CREATE INDEX releases_by_version ON releases (version);
CREATE INDEX releases_by_digest ON releases (digest);
CREATE INDEX releases_by_operator ON releases (operator);
CREATE INDEX releases_by_standing ON releases (standing);
CREATE INDEX releases_by_among ON releases (among);

CREATE TABLE heads (number INTEGER PRIMARY KEY, head TEXT NOT NULL) STRICT;

CREATE TABLE entries (
    number INTEGER NOT NULL, sequence INTEGER NOT NULL, entry TEXT NOT NULL,
    PRIMARY KEY (number, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE differences (
    number INTEGER NOT NULL, what TEXT NOT NULL, found TEXT NOT NULL, kept TEXT NOT NULL,
    noticed_at TEXT NOT NULL, UNIQUE (number, what, found)
) STRICT;

CREATE TABLE seen (target TEXT PRIMARY KEY, id TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE VIRTUAL TABLE words USING fts5 (
    service, environment, version, operator, among, text,
    content = '', contentless_delete = 1, prefix = '2 3', tokenize = 'unicode61'
);
";

/// Schema 2 adds the size of each release, the logs of candidates, and the ids of removed releases.
const SCHEMA_2: &str = "
ALTER TABLE releases ADD COLUMN size INTEGER NOT NULL DEFAULT 0;

CREATE TABLE logs (
    id TEXT PRIMARY KEY, lines INTEGER NOT NULL, log BLOB NOT NULL
) STRICT;

CREATE TABLE forgotten (id TEXT PRIMARY KEY, at TEXT NOT NULL) STRICT, WITHOUT ROWID;
";

/// Schema 3 adds holds and repairs.
const SCHEMA_3: &str = "
CREATE TABLE audit (
    id TEXT PRIMARY KEY, service TEXT NOT NULL, environment TEXT NOT NULL, record TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Schema 4 adds the differences between a stored hold or repair and a later copy of that record.
const SCHEMA_4: &str = "
CREATE TABLE audit_differences (
    id TEXT NOT NULL, what TEXT NOT NULL, found TEXT NOT NULL, kept TEXT NOT NULL,
    noticed_at TEXT NOT NULL, UNIQUE (id, found)
) STRICT;
";

/// Sets the size of every release: the number of characters in its stored texts, as an estimate of their bytes. A
/// caller may append a `WHERE` clause.
pub(super) const WEIGH: &str = "
UPDATE releases SET size =
    coalesce((SELECT length(head) FROM heads h WHERE h.number = releases.number), 0)
    + coalesce((SELECT sum(length(entry)) FROM entries e WHERE e.number = releases.number), 0)
";

/// The tables that each schema adds, in order.
const TABLE_NAMES: [(i64, &[&str]); 4] = [
    (
        1,
        &[
            "releases",
            "heads",
            "entries",
            "differences",
            "seen",
            "words",
        ],
    ),
    (2, &["logs", "forgotten"]),
    (3, &["audit"]),
    (4, &["audit_differences"]),
];

/// Creates the tables in an empty database, upgrades an older archive and accepts a current one. Refuses any other
/// database.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = pragma(&transaction, "user_version")?;
    let application: i64 = pragma(&transaction, "application_id")?;
    if application == APPLICATION {
        accept(version)?;
        check_tables(&transaction, version)?;
        if version < 2 {
            transaction.execute_batch(SCHEMA_2)?;
            transaction.execute(WEIGH, [])?;
        }
        if version < 3 {
            transaction.execute_batch(SCHEMA_3)?;
        }
        if version < VERSION {
            transaction.execute_batch(SCHEMA_4)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.commit()?;
        }
        return Ok(());
    }
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 || version != 0 || application != 0 {
        return Err(not_an_archive());
    }
    transaction.execute_batch(SCHEMA_1)?;
    transaction.execute_batch(SCHEMA_2)?;
    transaction.execute_batch(SCHEMA_3)?;
    transaction.execute_batch(SCHEMA_4)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

/// Refuses a database that is not an archive of Greenroom, has an unknown schema, lacks a table, or has a view or a
/// trigger.
pub(super) fn recognise(transaction: &Transaction<'_>) -> Result<(), Error> {
    let application: i64 = pragma(transaction, "application_id")?;
    if application == APPLICATION {
        let version = pragma(transaction, "user_version")?;
        accept(version)?;
        return check_tables(transaction, version);
    }
    Err(not_an_archive())
}

fn not_an_archive() -> Error {
    let message = "the database is not an archive of Greenroom";
    Error::refused(FailureKind::Conflict, message).hint("set `history.archive` to another file")
}

fn accept(version: i64) -> Result<(), Error> {
    if (1..=VERSION).contains(&version) {
        return Ok(());
    }
    let message = format!(
        "the database has schema {version}, but this Greenroom reads schemas 1 to {VERSION}"
    );
    Err(Error::refused(FailureKind::Unsupported, message)
        .hint("use the version of Greenroom that wrote the file, or set `history.archive` to another file"))
}

/// Refuses a database that has a view or a trigger, or that lacks one of the tables of Greenroom. Another user may have
/// written the file, and a view or a trigger could run forever.
fn check_tables(transaction: &Transaction<'_>, version: i64) -> Result<(), Error> {
    let refused = |message: String| {
        Error::refused(FailureKind::Conflict, message).hint(
            "another program may have changed the file: move the file away, and Greenroom creates a new archive from the stores",
        )
    };
    let mut statement = transaction.prepare(
        "SELECT name, type FROM sqlite_schema WHERE type IN ('view', 'trigger') LIMIT 1",
    )?;
    let unexpected = statement
        .query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?
        .next()
        .transpose()?;
    if let Some((name, kind)) = unexpected {
        return Err(refused(format!(
            "the database has a {kind} {name:?}, which Greenroom never creates"
        )));
    }
    let mut statement =
        transaction.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1")?;
    let expected = TABLE_NAMES.iter().filter(|(since, _)| *since <= version);
    for name in expected.flat_map(|(_, names)| *names) {
        if !statement.exists([name])? {
            return Err(refused(format!("the database has no table {name}")));
        }
    }
    Ok(())
}

fn pragma(transaction: &Transaction<'_>, name: &str) -> Result<i64, rusqlite::Error> {
    transaction.pragma_query_value(None, name, |row| row.get(0))
}
