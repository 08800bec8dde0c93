//! The database file. One connection writes and another connection reads, so that browsing does not wait for writes.
//! Calls run on blocking threads, not on the async threads.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, InterruptHandle, Transaction, TransactionBehavior};

use super::error::{self, Error};
use super::{reserve, schema};
use crate::adapters::database_file;
use crate::ports::{Failure, FailureKind, Result};

/// How long a call waits while another process writes.
const BUSY: Duration = Duration::from_secs(5);

/// How long [`Archive::try_out`] waits while another process writes.
const BUSY_TRY_OUT: Duration = Duration::from_secs(2);

/// How long a call may take in total. The caller then gets a failure, even if the disk hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// The archive of this machine. Clones share the two connections.
#[derive(Clone)]
pub struct Archive {
    path: Arc<Path>,
    is_file: bool,
    reading: Arc<Mutex<Connection>>,
    writing: Arc<Mutex<Connection>>,
    /// Interrupts a running statement of the reading connection.
    interrupt: Arc<InterruptHandle>,
    /// How long a read may take. Writes use [`DEADLINE`].
    deadline: Duration,
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Archive").field(&self.path).finish()
    }
}

impl Archive {
    /// Opens the archive at `path`, and creates the file and its directory if they do not exist.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path: Arc<Path> = path.into().into();
        let place = Arc::clone(&path);
        let connections = blocking(&path, "opening the database".into(), DEADLINE, move || {
            database_file::create(&place)?;
            database_file::remove_access_of_others(&place)?;
            let mut writing = connect(&place, BUSY)?;
            // The pragma takes effect only in a new file. It lets the file shrink when releases are removed.
            writing.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
            database_file::write_ahead(&writing, BUSY)?;
            // The archive is a copy. If a power failure loses records, Greenroom reads them from the stores again.
            writing.pragma_update(None, "synchronous", "NORMAL")?;
            // A small write-ahead log fits into the space that deleting the reserve file frees on a full disk.
            writing.pragma_update(None, "wal_autocheckpoint", 256)?;
            schema::prepare(&mut writing)?;
            reserve::create(&place);
            Ok((connect(&place, BUSY)?, writing))
        });
        let (reading, writing) = connections.await?;
        Ok(Self {
            path,
            is_file: true,
            interrupt: Arc::new(reading.get_interrupt_handle()),
            deadline: DEADLINE,
            reading: Arc::new(Mutex::new(reading)),
            writing: Arc::new(Mutex::new(writing)),
        })
    }

    /// Checks that the archive can be read and written, without changing or creating anything. Returns the number of
    /// releases; none if the file does not exist.
    pub async fn try_out(path: &Path) -> Result<Option<i64>> {
        let place = path.to_owned();
        let tried = blocking(
            path,
            "testing that it can be written".into(),
            DEADLINE,
            move || {
                let is_there = place.try_exists();
                let denied = |error: std::io::Error| {
                    let message = format!("the file cannot be checked: {error}");
                    Error::refused(FailureKind::Denied, message)
                        .hint("make its directory readable for this user")
                };
                if !is_there.map_err(denied)? {
                    return Ok(None);
                }
                let mut connection = connect(&place, BUSY_TRY_OUT)?;
                // Dropping the transaction rolls it back.
                let behavior = TransactionBehavior::Immediate;
                let transaction = connection.transaction_with_behavior(behavior)?;
                schema::recognise(&transaction)?;
                let releases =
                    transaction.query_row("SELECT count(*) FROM releases", [], |row| row.get(0))?;
                Ok(Some(releases))
            },
        );
        tried.await
    }

    /// Opens an archive in memory, for when no file can be created. The contents are lost when the archive is dropped.
    pub async fn in_memory() -> Result<Self> {
        let path: Arc<Path> = Path::new("memory").into();
        let connection = blocking(&path, "opening the database".into(), DEADLINE, || {
            let mut connection = Connection::open_in_memory()?;
            schema::prepare(&mut connection)?;
            Ok(connection)
        });
        let connection = connection.await?;
        let interrupt = Arc::new(connection.get_interrupt_handle());
        let connection = Arc::new(Mutex::new(connection));
        Ok(Self {
            path,
            is_file: false,
            interrupt,
            deadline: DEADLINE,
            reading: Arc::clone(&connection),
            writing: connection,
        })
    }

    /// The path of the file; `memory` for an archive in memory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in a transaction that only reads, so that all its reads show the same moment.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        doing: impl Into<String>,
        work: impl FnOnce(&Transaction<'_>) -> std::result::Result<T, Error> + Send + 'static,
    ) -> Result<T> {
        let connection = Arc::clone(&self.reading);
        let is_running = Arc::new(AtomicBool::new(false));
        let running = Arc::clone(&is_running);
        let read = blocking(&self.path, doing.into(), self.deadline, move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            running.store(true, Ordering::SeqCst);
            let done = connection.transaction().map_err(Error::from);
            let done = done.and_then(|transaction| work(&transaction));
            running.store(false, Ordering::SeqCst);
            done
        });
        let read = read.await;
        // After the time limit the caller has its failure, but the statement may still be running. Without the
        // interrupt, a statement that never ends would block the next read and the exit of the process.
        if is_running.load(Ordering::SeqCst) {
            self.interrupt.interrupt();
        }
        read
    }

    /// Runs `work` on the path of the archive, to create or delete the reserve. Does nothing for an archive in
    /// memory.
    pub(super) async fn reserve(&self, work: fn(&Path)) -> Result<()> {
        if !self.is_file {
            return Ok(());
        }
        let place = Arc::clone(&self.path);
        let done = move || {
            work(&place);
            Ok(())
        };
        blocking(&self.path, "reserving disk space".into(), DEADLINE, done).await
    }

    /// Runs `work` on the writing connection, outside a transaction.
    pub(super) async fn without_transaction<T: Send + 'static>(
        &self,
        doing: impl Into<String>,
        work: impl FnOnce(&Connection) -> std::result::Result<T, Error> + Send + 'static,
    ) -> Result<T> {
        let connection = Arc::clone(&self.writing);
        blocking(&self.path, doing.into(), DEADLINE, move || {
            work(&connection.lock().unwrap_or_else(PoisonError::into_inner))
        })
        .await
    }

    /// Runs `work` in a transaction that writes, and commits it.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        doing: impl Into<String>,
        work: impl FnOnce(&Transaction<'_>) -> std::result::Result<T, Error> + Send + 'static,
    ) -> Result<T> {
        let connection = Arc::clone(&self.writing);
        blocking(&self.path, doing.into(), DEADLINE, move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&change)?;
            change.commit()?;
            Ok(done)
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    path: &Path,
    doing: String,
    deadline: Duration,
    work: impl FnOnce() -> std::result::Result<T, Error> + Send + 'static,
) -> Result<T> {
    let failed = |message: String| {
        Failure::new(
            FailureKind::Unreachable,
            error::target(path),
            doing.clone(),
            message,
        )
    };
    match tokio::time::timeout(deadline, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => done.map_err(|error| error::failure(error, path, &doing)),
        Ok(Err(error)) => Err(failed(format!("the call failed: {error}"))),
        Err(_) => Err(failed(format!("no answer within {deadline:?}"))),
    }
}

fn connect(path: &Path, busy: Duration) -> std::result::Result<Connection, Error> {
    let connection = database_file::open(path, busy)?;
    // The file may be damaged or from another program. Its schema must not run functions with side effects or use
    // virtual tables.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_read_that_never_ends_is_interrupted() {
        let archive = Archive::in_memory().await.unwrap();
        let impatient = Archive {
            deadline: Duration::from_millis(100),
            ..archive.clone()
        };
        let read = impatient.read("counting", |transaction| {
            let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
            Ok(transaction.query_row(endless, [], |row| row.get::<_, i64>(0))?)
        });
        let message = read.await.unwrap_err().to_string();
        assert!(message.contains("no answer within 100ms"), "{message}");
        // The interrupted statement no longer blocks the connection.
        let next = archive.read("counting", |transaction| {
            Ok(transaction.query_row("SELECT 1", [], |row| row.get::<_, i64>(0))?)
        });
        assert_eq!(next.await.unwrap(), 1);
    }
}
