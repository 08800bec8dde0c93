//! Opens the database file. Only a write creates the file.

use std::path::Path;
use std::time::Duration;

use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use super::fault::Fault;
use super::tables;
use crate::adapters::write_ahead_log;
use crate::ports::FailureKind;
use crate::private_files;

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
        if is_there(path) {
            return connect(path, true).map(Self::File);
        }
        let mut empty = Connection::open_in_memory()?;
        tables::prepare(&mut empty)?;
        Ok(Self::Missing(empty))
    }

    /// The connection for a read. Opens the file if another process has created it.
    pub(super) fn for_reading(&mut self, path: &Path) -> Result<&mut Connection, Fault> {
        if matches!(self, Self::Missing(_)) && is_there(path) {
            *self = Self::File(connect(path, true)?);
        }
        Ok(self.connection())
    }

    /// The connection for a write. Creates the file if it does not exist.
    pub(super) fn for_writing(&mut self, path: &Path) -> Result<&mut Connection, Fault> {
        if matches!(self, Self::Missing(_)) {
            if let Some(directory) = path.parent() {
                private_files::create_directory(directory).map_err(|error| {
                    Fault::refused(
                        FailureKind::Denied,
                        format!("its directory cannot be created: {error}"),
                    )
                    .hint("configure a directory that this user can write")
                })?;
            }
            private_files::create(path).map_err(|error| {
                Fault::refused(
                    FailureKind::Denied,
                    format!("the file cannot be created: {error}"),
                )
                .hint("configure a file that this user can write")
            })?;
            *self = Self::File(connect(path, true)?);
        }
        Ok(self.connection())
    }

    fn connection(&mut self) -> &mut Connection {
        match self {
            Self::File(connection) | Self::Missing(connection) => connection,
        }
    }
}

/// Whether the file exists. Also true if this cannot be checked: opening the file then reports the error.
pub(super) fn is_there(path: &Path) -> bool {
    !matches!(path.try_exists(), Ok(false))
}

/// Opens a connection to an existing file. With `prepare`, also creates or checks the tables.
pub(super) fn connect(path: &Path, prepare: bool) -> Result<Connection, Fault> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        private_files::remove_access_of_others(Path::new(&name))
            .map_err(|error| Fault::refused(FailureKind::Denied, error.to_string()))?;
    }
    let mut connection = open(path)?;
    if prepare {
        if let Some(refused) = write_ahead_log::turn_on(&connection, BUSY)? {
            return Err(
                Fault::refused(FailureKind::Unsupported, refused).hint(write_ahead_log::HINT)
            );
        }
        // FULL is already the default of the bundled `SQLite`. It is set explicitly because `Kv::commit` promises
        // durability.
        connection.pragma_update(None, "synchronous", "FULL")?;
        tables::prepare(&mut connection)?;
    }
    Ok(connection)
}

fn open(path: &Path) -> Result<Connection, Fault> {
    // Without SQLITE_OPEN_URI, a path that starts with `file:` is an ordinary path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let resolved = private_files::resolved(path).map_err(|error| {
        let message = format!("the directory of the file cannot be reached: {error}");
        Fault::refused(FailureKind::Denied, message)
    })?;
    let connection = Connection::open_with_flags(resolved, flags)?;
    connection.busy_timeout(BUSY)?;
    let largest = i32::try_from(LARGEST_VALUE).unwrap_or(i32::MAX);
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, largest)?;
    Ok(connection)
}
