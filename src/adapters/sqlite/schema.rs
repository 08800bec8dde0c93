//! The tables, and how the store recognises its own database.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::fault::Fault;
use super::presence;
use crate::ports::FailureKind;

/// The schema version that this Greenroom reads and writes. It is stored in `user_version`.
const VERSION: i64 = 1;

/// `grrm`, the `application_id` that marks a database as a store of Greenroom.
const APPLICATION: i64 = 0x6772_726d;

/// `registry` has a row for each key that etcd would have below a target. The lock has a separate table, because its
/// expiry and token have to be compared.
const TABLES: &str = "
CREATE TABLE revision (only INTEGER PRIMARY KEY CHECK (only = 1), value INTEGER NOT NULL) STRICT;
INSERT INTO revision VALUES (1, 0);

CREATE TABLE registry (
    target TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, revision INTEGER NOT NULL,
    PRIMARY KEY (target, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE locks (
    target TEXT PRIMARY KEY, token INTEGER NOT NULL, record TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE releases (
    target TEXT NOT NULL, id TEXT NOT NULL, head TEXT NOT NULL, PRIMARY KEY (target, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE entries (
    target TEXT NOT NULL, release TEXT NOT NULL, sequence INTEGER NOT NULL, entry TEXT NOT NULL,
    PRIMARY KEY (target, release, sequence)
) STRICT, WITHOUT ROWID;
";

/// Creates the tables in an empty database. Accepts a store of Greenroom and refuses any other database.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = pragma(&transaction, "user_version")?;
    let application: i64 = pragma(&transaction, "application_id")?;
    if application == APPLICATION {
        accept(version)?;
        transaction.execute_batch(presence::TABLE)?;
        transaction.commit()?;
        return Ok(());
    }
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 || version != 0 || application != 0 {
        return Err(Fault::conflict("the database belongs to another program")
            .hint("configure another file"));
    }
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(presence::TABLE)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

fn accept(version: i64) -> Result<(), Fault> {
    if version == VERSION {
        return Ok(());
    }
    Err(Fault::refused(
        FailureKind::Unsupported,
        format!("the database has schema {version}, but this Greenroom reads schema {VERSION}"),
    )
    .hint("a newer Greenroom wrote the file: use that version, or configure another file"))
}

fn pragma(transaction: &Transaction<'_>, name: &str) -> Result<i64, rusqlite::Error> {
    transaction.pragma_query_value(None, name, |row| row.get(0))
}
