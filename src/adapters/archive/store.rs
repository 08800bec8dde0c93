//! The database file: one connection writes and one reads, so browsing does not wait for writes. Calls run outside the
//! async threads.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{
    Connection, ErrorCode, InterruptHandle, OpenFlags, Transaction, TransactionBehavior,
};

use super::fault::{self, Fault};
use super::{reserve, schema};
use crate::ports::{Failure, FailureKind, Result};
use crate::private_files;

/// How long a call waits for another process that is writing.
const BUSY: Duration = Duration::from_secs(5);

/// The same for a trial ([`Archive::try_out`]).
const BUSY_TRIED: Duration = Duration::from_secs(2);

/// How long a call may take in total: the disk may hang.
const DEADLINE: Duration = Duration::from_secs(30);

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct Archive {
    path: Arc<Path>,
    is_file: bool,
    reading: Arc<Mutex<Connection>>,
    writing: Arc<Mutex<Connection>>,
    /// Interrupts a running statement of the reading connection.
    interrupt: Arc<InterruptHandle>,
    /// How long a read may take.
    deadline: Duration,
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Archive").field(&self.path).finish()
    }
}

impl Archive {
    /// Opens the archive at `path`. Creates the file and its directory where they do not exist.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path: Arc<Path> = path.into().into();
        let place = Arc::clone(&path);
        let both = blocking(&path, "opening it".into(), DEADLINE, move || {
            create(&place)?;
            let mut writing = connect(&place, BUSY)?;
            // Takes effect only in a new file: there, removing releases makes the file smaller.
            writing.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
            write_ahead(&writing)?;
            // The archive is a copy: what a power cut loses is read from the stores again.
            writing.pragma_update(None, "synchronous", "NORMAL")?;
            // The write-ahead log has to fit into the reserve when the disk is full.
            writing.pragma_update(None, "wal_autocheckpoint", 256)?;
            schema::prepare(&mut writing)?;
            reserve::make(&place);
            Ok((connect(&place, BUSY)?, writing))
        });
        let (reading, writing) = both.await?;
        Ok(Self {
            path,
            is_file: true,
            interrupt: Arc::new(reading.get_interrupt_handle()),
            deadline: DEADLINE,
            reading: Arc::new(Mutex::new(reading)),
            writing: Arc::new(Mutex::new(writing)),
        })
    }

    /// Checks that the archive can be read and written, and changes nothing. Returns how many releases it has; None
    /// where there is no file. Creates no file.
    pub async fn try_out(path: &Path) -> Result<Option<i64>> {
        let place = path.to_owned();
        let tried = blocking(path, "trying to write to it".into(), DEADLINE, move || {
            let is_there = place.try_exists();
            let unseen =
                |error: std::io::Error| Fault::refused(FailureKind::Denied, error.to_string(), "");
            if !is_there.map_err(unseen)? {
                return Ok(None);
            }
            let mut connection = connect(&place, BUSY_TRIED)?;
            // Dropping it rolls it back.
            let behavior = TransactionBehavior::Immediate;
            let transaction = connection.transaction_with_behavior(behavior)?;
            schema::recognise(&transaction)?;
            let releases =
                transaction.query_row("SELECT count(*) FROM releases", [], |row| row.get(0))?;
            Ok(Some(releases))
        });
        tried.await
    }

    /// An archive in memory, for when no file can be created. Its contents are lost when it is dropped.
    pub async fn in_memory() -> Result<Self> {
        let path: Arc<Path> = Path::new("memory").into();
        let only = blocking(&path, "opening it".into(), DEADLINE, || {
            let mut only = Connection::open_in_memory()?;
            schema::prepare(&mut only)?;
            Ok(only)
        });
        let only = only.await?;
        let interrupt = Arc::new(only.get_interrupt_handle());
        let only = Arc::new(Mutex::new(only));
        Ok(Self {
            path,
            is_file: false,
            interrupt,
            deadline: DEADLINE,
            reading: Arc::clone(&only),
            writing: only,
        })
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs a reading transaction: everything in it is read at one moment.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        doing: impl Into<String>,
        work: impl FnOnce(&Transaction<'_>) -> std::result::Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let connection = Arc::clone(&self.reading);
        let is_running = Arc::new(AtomicBool::new(false));
        let running = Arc::clone(&is_running);
        let read = blocking(&self.path, doing.into(), self.deadline, move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            running.store(true, Ordering::SeqCst);
            let done = connection.transaction().map_err(Fault::from);
            let done = done.and_then(|transaction| work(&transaction));
            running.store(false, Ordering::SeqCst);
            done
        });
        let read = read.await;
        // The caller already has its answer. A statement without an end must block neither the next read nor the end of
        // the process.
        if is_running.load(Ordering::SeqCst) {
            self.interrupt.interrupt();
        }
        read
    }

    /// Creates or removes the reserve, unless the archive is in memory.
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
    pub(super) async fn alone<T: Send + 'static>(
        &self,
        doing: impl Into<String>,
        work: impl FnOnce(&Connection) -> std::result::Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let connection = Arc::clone(&self.writing);
        blocking(&self.path, doing.into(), DEADLINE, move || {
            work(&connection.lock().unwrap_or_else(PoisonError::into_inner))
        })
        .await
    }

    /// Runs a writing transaction.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        doing: impl Into<String>,
        work: impl FnOnce(&Transaction<'_>) -> std::result::Result<T, Fault> + Send + 'static,
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
    work: impl FnOnce() -> std::result::Result<T, Fault> + Send + 'static,
) -> Result<T> {
    let failed = |said: String| {
        Failure::new(
            FailureKind::Unreachable,
            fault::target(path),
            doing.clone(),
            said,
        )
    };
    match tokio::time::timeout(deadline, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => done.map_err(|fault| fault.into_failure(path, &doing)),
        Ok(Err(error)) => Err(failed(format!("the call failed: {error}"))),
        Err(_) => Err(failed(format!("no answer within {deadline:?}"))),
    }
}

/// Creates the file and its directory, where they do not exist, for this user only.
fn create(path: &Path) -> std::result::Result<(), Fault> {
    let denied = |what: &str, error: std::io::Error| {
        let said = format!("{what}{error}");
        Fault::refused(
            FailureKind::Denied,
            said,
            "name one that this user may write",
        )
    };
    if let Some(directory) = path.parent() {
        private_files::create_directory(directory)
            .map_err(|error| denied("its directory: ", error))?;
    }
    private_files::create(path).map_err(|error| denied("", error))?;
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        private_files::close(Path::new(&name)).map_err(|error| denied("", error))?;
    }
    Ok(())
}

fn connect(path: &Path, busy: Duration) -> std::result::Result<Connection, Fault> {
    // Without SQLITE_OPEN_URI: a path is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let resolved = private_files::resolved(path)
        .map_err(|error| Fault::refused(FailureKind::Denied, error.to_string(), ""))?;
    let connection = Connection::open_with_flags(resolved, flags)?;
    connection.busy_timeout(busy)?;
    // A damaged or foreign schema must not run code: functions with side effects, or virtual tables of other programs.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    Ok(connection)
}

/// Turns on the write-ahead log. While it changes the journal mode, `SQLite` does not wait for others, whatever the
/// busy timeout is.
fn write_ahead(connection: &Connection) -> std::result::Result<(), Fault> {
    let until = Instant::now() + BUSY;
    loop {
        let mode = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            Ok(mode) => {
                return Err(Fault::refused(
                    FailureKind::Unsupported,
                    format!("a write-ahead log is not possible here (journal mode {mode})"),
                    "put the file on a local file system",
                ));
            }
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < until =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_read_without_an_end_is_interrupted() {
        let archive = Archive::in_memory().await.unwrap();
        let hurried = Archive {
            deadline: Duration::from_millis(100),
            ..archive.clone()
        };
        let read = hurried.read("counting", |transaction| {
            let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
            Ok(transaction.query_row(endless, [], |row| row.get::<_, i64>(0))?)
        });
        let said = read.await.unwrap_err().to_string();
        assert!(said.contains("no answer within 100ms"), "{said}");
        // The next read finds the connection free.
        let next = archive.read("counting", |transaction| {
            Ok(transaction.query_row("SELECT 1", [], |row| row.get::<_, i64>(0))?)
        });
        assert_eq!(next.await.unwrap(), 1);
    }
}
