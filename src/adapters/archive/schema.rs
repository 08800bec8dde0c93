//! The tables, and the check that a database is an archive of Greenroom.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::Error;
use crate::ports::FailureKind;

/// The schema version that this Greenroom writes. It is stored in `user_version`.
const VERSION: i64 = 5;

/// `grra`, the `application_id` that marks a database as an archive of Greenroom.
const APPLICATION: i64 = 0x6772_7261;

/// The tables. SQLite appends the key of the table to each index. `number` has the time in its high bits, so each index
/// yields releases in order of time. `standing` is the state of a release, and `among` is the group of that state. `owner`
/// is the program that wrote the log. `forgotten` has the ids of removed releases. `audit` has holds and repairs.
const TABLES: &str = "
CREATE TABLE releases (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, service TEXT NOT NULL,
    environment TEXT NOT NULL, version TEXT NOT NULL, digest TEXT NOT NULL, operator TEXT NOT NULL,
    host TEXT NOT NULL, standing TEXT NOT NULL, among TEXT NOT NULL,
    differences INTEGER NOT NULL DEFAULT 0, size INTEGER NOT NULL DEFAULT 0
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

CREATE TABLE logs (
    id TEXT NOT NULL, owner TEXT NOT NULL, lines INTEGER NOT NULL, log BLOB NOT NULL,
    PRIMARY KEY (id, owner)
) STRICT;

CREATE TABLE forgotten (id TEXT PRIMARY KEY, at TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id TEXT PRIMARY KEY, service TEXT NOT NULL, environment TEXT NOT NULL, record TEXT NOT NULL
) STRICT, WITHOUT ROWID;

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

const TABLE_NAMES: [&str; 10] = [
    "releases",
    "heads",
    "entries",
    "differences",
    "seen",
    "words",
    "logs",
    "forgotten",
    "audit",
    "audit_differences",
];

/// Creates the tables in an empty database, and accepts an archive of this schema. Refuses any other database.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = pragma(&transaction, "user_version")?;
    let application: i64 = pragma(&transaction, "application_id")?;
    if application == APPLICATION {
        accept(version)?;
        return check_tables(&transaction);
    }
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 || version != 0 || application != 0 {
        return Err(not_an_archive());
    }
    transaction.execute_batch(TABLES)?;
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
        return check_tables(transaction);
    }
    Err(not_an_archive())
}

fn not_an_archive() -> Error {
    let message = "the database is not an archive of Greenroom";
    Error::refused(FailureKind::Conflict, message).hint("set `history.archive` to another file")
}

fn accept(version: i64) -> Result<(), Error> {
    if version == VERSION {
        return Ok(());
    }
    let message = format!(
        "the database has schema {version}, but this Greenroom reads only schema {VERSION}"
    );
    Err(Error::refused(FailureKind::Unsupported, message)
        .hint("use the version of Greenroom that wrote the file, or set `history.archive` to another file"))
}

/// Refuses a database that has a view or a trigger, or that lacks one of the tables of Greenroom. Another user may have
/// written the file, and a view or a trigger could run forever.
fn check_tables(transaction: &Transaction<'_>) -> Result<(), Error> {
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
    for name in TABLE_NAMES {
        if !statement.exists([name])? {
            return Err(refused(format!("the database has no table {name}")));
        }
    }
    Ok(())
}

fn pragma(transaction: &Transaction<'_>, name: &str) -> Result<i64, rusqlite::Error> {
    transaction.pragma_query_value(None, name, |row| row.get(0))
}
