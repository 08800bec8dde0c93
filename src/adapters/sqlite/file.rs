//! Opens the database file. Only a write creates the file.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::limits::Limit;

use super::fault::Fault;
use super::tables;
use crate::adapters::database_file;

/// How long a call waits while another process writes.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// The largest value that is read or written, in bytes. The limit is needed because every user of the store can write
/// values of any size.
pub(super) const LARGEST_VALUE: u64 = 4 * 1024 * 1024;

/// An open database.
#[derive(Debug)]
pub(super) enum Opened {
    File(Connection),
    /// An empty database in memory, while the file does not exist.
    Missing(Connection),
}

impl Opened {
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        if may_exist(path) {
            return connect(path).map(Self::File);
        }
        let mut empty = Connection::open_in_memory()?;
        tables::prepare(&mut empty)?;
        Ok(Self::Missing(empty))
    }

    /// The connection for a read. Opens the file if another process has created it.
    pub(super) fn for_reading(&mut self, path: &Path) -> Result<&mut Connection, Fault> {
        if matches!(self, Self::Missing(_)) && may_exist(path) {
            *self = Self::File(connect(path)?);
        }
        Ok(self.connection())
    }

    /// The connection for a write. Creates the file if it does not exist.
    pub(super) fn for_writing(&mut self, path: &Path) -> Result<&mut Connection, Fault> {
        if matches!(self, Self::Missing(_)) {
            database_file::create(path)?;
            *self = Self::File(connect(path)?);
        }
        Ok(self.connection())
    }

    fn connection(&mut self) -> &mut Connection {
        match self {
            Self::File(connection) | Self::Missing(connection) => connection,
        }
    }
}

/// Whether the file exists, or its existence cannot be checked. In the second case, opening the file reports the error.
pub(super) fn may_exist(path: &Path) -> bool {
    !matches!(path.try_exists(), Ok(false))
}

/// Opens a connection to an existing file, and creates or checks the tables.
pub(super) fn connect(path: &Path) -> Result<Connection, Fault> {
    database_file::remove_access_of_others(path)?;
    let mut connection = database_file::open(path, BUSY)?;
    let largest = i32::try_from(LARGEST_VALUE).unwrap_or(i32::MAX);
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, largest)?;
    database_file::write_ahead(&connection, BUSY)?;
    // FULL is already the default of the bundled `SQLite`. It is set explicitly because `Kv::commit` promises
    // durability.
    connection.pragma_update(None, "synchronous", "FULL")?;
    tables::prepare(&mut connection)?;
    Ok(connection)
}
