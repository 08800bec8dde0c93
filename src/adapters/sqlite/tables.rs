//! The tables, and how Greenroom recognises its own database.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::fault::Fault;
use crate::ports::FailureKind;

/// The schema version that this Greenroom reads and writes. It is stored in `user_version`.
const VERSION: i64 = 2;

/// `grrm`, the `application_id` that marks a database as a store of Greenroom.
const APPLICATION: i64 = 0x6772_726d;

/// A pair on a lease that has expired or does not exist is treated as absent. The next transaction that writes deletes
/// the pair. `changes` has the keys of the last revisions, for watches.
const TABLES: &str = "
CREATE TABLE revision (only INTEGER PRIMARY KEY CHECK (only = 1), value INTEGER NOT NULL) STRICT;
INSERT INTO revision VALUES (1, 0);

CREATE TABLE leases (
    id INTEGER PRIMARY KEY, ttl_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE pairs (
    key TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT NULL, lease INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX pairs_on_leases ON pairs (lease) WHERE lease IS NOT NULL;

CREATE TABLE changes (
    revision INTEGER NOT NULL, key TEXT NOT NULL, PRIMARY KEY (revision, key)
) STRICT, WITHOUT ROWID;
";

/// Creates the tables in an empty database. Accepts a store of Greenroom and refuses any other database.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = pragma(&transaction, "user_version")?;
    let application: i64 = pragma(&transaction, "application_id")?;
    if application == APPLICATION {
        return accept(version);
    }
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 || version != 0 || application != 0 {
        let message = "the database belongs to another program";
        return Err(Fault::refused(FailureKind::Conflict, message).hint("configure another file"));
    }
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()?;
    Ok(())
}

fn accept(version: i64) -> Result<(), Fault> {
    if version == VERSION {
        return Ok(());
    }
    let hint = if version > VERSION {
        "a newer Greenroom wrote the file: use that version, or configure another file"
    } else {
        "an unreleased Greenroom wrote the file: move the file away, or configure another file"
    };
    Err(Fault::refused(
        FailureKind::Unsupported,
        format!("the database has schema {version}, but this Greenroom reads schema {VERSION}"),
    )
    .hint(hint))
}

fn pragma(transaction: &Transaction<'_>, name: &str) -> Result<i64, rusqlite::Error> {
    transaction.pragma_query_value(None, name, |row| row.get(0))
}
