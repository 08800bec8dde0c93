//! The database file. It has one connection and runs one call at a time, on blocking threads.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::watch;

use super::fault::{self, Fault};
use super::schema;
use super::transaction::Change;
use crate::ports::{Failure, FailureKind, Result};
use crate::private_files;

/// How long a call waits while another process writes.
const BUSY: Duration = Duration::from_secs(5);

/// How long a call may take in total. The limit exists because a disk may hang.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// The largest value that is read or written, in bytes. The limit exists because every user of the store can write
/// into it.
pub(super) const LARGEST_VALUE: u64 = 4 * 1024 * 1024;

/// The store in one file. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) path: Arc<Path>,
    /// None until the first call opens the database.
    database: Arc<Mutex<Option<Database>>>,
    /// How long a lock lasts without a renewal.
    pub(super) lease: Duration,
    /// How often a lock is renewed.
    pub(super) heartbeat: Duration,
    /// The revision of the last change through this store.
    pub(super) changed: watch::Sender<i64>,
}

impl Store {
    /// Opens the database at `path`. If the file does not exist, reads return an empty store, and the first write
    /// creates the file and its directory: a command that only reads creates nothing. A lock of this store lasts for
    /// `lease` and is renewed every `heartbeat`, which must be at most a third of `lease`.
    pub async fn open(
        path: impl Into<PathBuf>,
        lease: Duration,
        heartbeat: Duration,
    ) -> Result<Self> {
        let store = Self::unopened(path, lease, heartbeat)?;
        store.read("opening the store", |_| Ok(())).await?;
        Ok(store)
    }

    /// Like [`Store::open`], but the first call opens the file. If that fails, only the environments that use this
    /// file fail.
    pub fn unopened(
        path: impl Into<PathBuf>,
        lease: Duration,
        heartbeat: Duration,
    ) -> Result<Self> {
        let path: PathBuf = path.into();
        check_times(&fault::target(&path), lease, heartbeat)?;
        Ok(Self {
            path: path.into(),
            database: Arc::default(),
            lease,
            heartbeat,
            changed: watch::Sender::new(0),
        })
    }

    /// The same database with another lease and heartbeat. Environments that share a file can have different ones.
    pub fn leasing(&self, lease: Duration, heartbeat: Duration) -> Result<Self> {
        check_times(&fault::target(&self.path), lease, heartbeat)?;
        Ok(Self {
            lease,
            heartbeat,
            ..self.clone()
        })
    }

    /// Whether the file exists and has the tables of this store. May wait for a call in progress.
    pub(super) fn has_file(&self) -> std::result::Result<bool, Fault> {
        let database = self.database.lock();
        let mut database = database.unwrap_or_else(PoisonError::into_inner);
        let database = Database::opened(&mut database, &self.path)?;
        Ok(matches!(database, Database::File(_)))
    }

    /// Runs `work` in a transaction that only reads, so that all its reads show one revision.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        doing: impl Into<String>,
        work: impl FnOnce(&Transaction<'_>) -> std::result::Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let (database, path) = (Arc::clone(&self.database), Arc::clone(&self.path));
        blocking(
            fault::target(&self.path),
            doing.into(),
            FailureKind::Unreachable,
            move || {
                let mut database = database.lock().unwrap_or_else(PoisonError::into_inner);
                let database = Database::opened(&mut database, &path)?;
                work(&database.for_reading(&path)?.transaction()?)
            },
        )
        .await
    }

    /// Runs `work` in a transaction that writes. The change is durable when this returns, and watchers get a hint.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        doing: impl Into<String>,
        work: impl FnOnce(&Change<'_>) -> std::result::Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let (database, path) = (Arc::clone(&self.database), Arc::clone(&self.path));
        let changed = self.changed.clone();
        blocking(
            fault::target(&self.path),
            doing.into(),
            FailureKind::Ambiguous,
            move || {
                let mut database = database.lock().unwrap_or_else(PoisonError::into_inner);
                let database = Database::opened(&mut database, &path)?;
                let connection = database.for_writing(&path)?;
                let change = Change::new(
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?,
                );
                let done = work(&change)?;
                if let Some(revision) = change.commit()? {
                    changed.send_replace(revision);
                }
                Ok(done)
            },
        )
        .await
    }
}

#[derive(Debug)]
enum Database {
    File(Connection),
    /// An empty database in memory, while the file does not exist.
    Missing(Connection),
}

impl Database {
    fn opened<'a>(
        slot: &'a mut Option<Self>,
        path: &Path,
    ) -> std::result::Result<&'a mut Self, Fault> {
        if slot.is_none() {
            *slot = Some(Self::open(path)?);
        }
        slot.as_mut()
            .ok_or_else(|| Fault::refused(FailureKind::Unreachable, "the database is not open"))
    }

    fn open(path: &Path) -> std::result::Result<Self, Fault> {
        if is_there(path) {
            return connect(path, true).map(Self::File);
        }
        let mut empty = Connection::open_in_memory()?;
        schema::prepare(&mut empty)?;
        Ok(Self::Missing(empty))
    }

    /// The connection for a read: the file as soon as another process has created it.
    fn for_reading(&mut self, path: &Path) -> std::result::Result<&mut Connection, Fault> {
        if matches!(self, Self::Missing(_)) && is_there(path) {
            *self = Self::File(connect(path, true)?);
        }
        Ok(self.connection())
    }

    /// The connection for a write. Creates the file if it does not exist.
    fn for_writing(&mut self, path: &Path) -> std::result::Result<&mut Connection, Fault> {
        if matches!(self, Self::Missing(_)) {
            if let Some(directory) = path.parent() {
                private_files::create_directory(directory).map_err(|error| {
                    Fault::refused(
                        FailureKind::Denied,
                        format!("cannot create its directory: {error}"),
                    )
                    .hint("configure a directory that this user can write")
                })?;
            }
            private_files::create(path).map_err(|error| {
                Fault::refused(FailureKind::Denied, error.to_string())
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

/// Whether the file exists. True if that cannot be checked: opening the file then reports the error.
pub(super) fn is_there(path: &Path) -> bool {
    !matches!(path.try_exists(), Ok(false))
}

/// Checks that a lease survives one missed renewal.
fn check_times(target: &str, lease: Duration, heartbeat: Duration) -> Result<()> {
    if lease.is_zero() || heartbeat.is_zero() || heartbeat > lease / 3 {
        return Err(Failure::new(
            FailureKind::Rejected,
            target,
            "opening the store",
            format!("a heartbeat every {heartbeat:?} is too slow for a lease of {lease:?}"),
        )
        .hint("make the heartbeat at most a third of the lease"));
    }
    Ok(())
}

/// Runs a blocking call with a time limit. A call that exceeds the limit may still take effect; `unsure` is the kind
/// of that failure.
pub(super) async fn blocking<T: Send + 'static>(
    target: String,
    doing: String,
    unsure: FailureKind,
    work: impl FnOnce() -> std::result::Result<T, Fault> + Send + 'static,
) -> Result<T> {
    let failed = |message: String| Failure::new(unsure, target.clone(), doing.clone(), message);
    match tokio::time::timeout(DEADLINE, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => done.map_err(|fault| fault.into_failure(target, doing, unsure)),
        Ok(Err(error)) => Err(failed(format!("the call failed: {error}"))),
        Err(_) => Err(failed(format!("no answer within {DEADLINE:?}"))),
    }
}

/// Opens a connection to an existing file. With `prepare`, also creates or checks the tables.
pub(super) fn connect(path: &Path, prepare: bool) -> std::result::Result<Connection, Fault> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        private_files::close(Path::new(&name))
            .map_err(|error| Fault::refused(FailureKind::Denied, error.to_string()))?;
    }
    let connection = open(path)?;
    if prepare {
        prepared(connection)
    } else {
        Ok(connection)
    }
}

fn open(path: &Path) -> std::result::Result<Connection, Fault> {
    // Without SQLITE_OPEN_URI, a path that starts with `file:` is an ordinary path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let resolved = private_files::resolved(path)
        .map_err(|error| Fault::refused(FailureKind::Denied, error.to_string()))?;
    let connection = Connection::open_with_flags(resolved, flags)?;
    connection.busy_timeout(BUSY)?;
    let largest = i32::try_from(LARGEST_VALUE).unwrap_or(i32::MAX);
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, largest)?;
    Ok(connection)
}

fn prepared(mut connection: Connection) -> std::result::Result<Connection, Fault> {
    write_ahead(&connection)?;
    // FULL is already the default of the bundled `SQLite`. It is set explicitly because [`Store::write`] promises
    // durability.
    connection.pragma_update(None, "synchronous", "FULL")?;
    schema::prepare(&mut connection)?;
    Ok(connection)
}

/// Turns on the write-ahead log. `SQLite` ignores the busy timeout while it changes the journal mode, so this
/// function retries for up to [`BUSY`]. Otherwise processes that open a new file at the same time would fail.
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
                    format!(
                        "the file system does not support a write-ahead log (journal mode {mode})"
                    ),
                )
                .hint("put the file on a local file system"));
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
