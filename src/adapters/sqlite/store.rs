//! The store: one connection, one call at a time, away from the async threads.

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

/// How long a call waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);

/// How long a call may take in all; the disk may hang.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// The largest value that is read or written, in bytes. Every user of the machine's store may write into it.
pub(super) const LARGEST_VALUE: u64 = 4 * 1024 * 1024;

/// Registrations, journal and lock in one file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) path: Arc<Path>,
    /// None until the first call opens it.
    database: Arc<Mutex<Option<Database>>>,
    /// How long a lock lasts without a renewal.
    pub(super) lease: Duration,
    /// How often a lock is renewed.
    pub(super) heartbeat: Duration,
    /// The revision of the last change made through this very store.
    pub(super) changed: watch::Sender<i64>,
}

impl Store {
    /// Opens the database at `path`. Where there is no file, reads are answered as by an empty one, and the first write
    /// makes the file and its directory: a command that only reads leaves nothing behind. Locks taken through it last
    /// for `lease` and are renewed every `heartbeat`, which has to be at most a third of it.
    pub async fn open(
        path: impl Into<PathBuf>,
        lease: Duration,
        heartbeat: Duration,
    ) -> Result<Self> {
        let store = Self::unopened(path, lease, heartbeat)?;
        store.read("opening the store", |_| Ok(())).await?;
        Ok(store)
    }

    /// The same, opened by the first call: a file that cannot be opened is then the failure of its own environment.
    pub fn unopened(
        path: impl Into<PathBuf>,
        lease: Duration,
        heartbeat: Duration,
    ) -> Result<Self> {
        let path: PathBuf = path.into();
        keeps(&fault::target(&path), lease, heartbeat)?;
        Ok(Self {
            path: path.into(),
            database: Arc::default(),
            lease,
            heartbeat,
            changed: watch::Sender::new(0),
        })
    }

    /// The same database, where locks last and are renewed otherwise: environments that share a file have
    /// leases of their own.
    pub fn leasing(&self, lease: Duration, heartbeat: Duration) -> Result<Self> {
        keeps(&fault::target(&self.path), lease, heartbeat)?;
        Ok(Self {
            lease,
            heartbeat,
            ..self.clone()
        })
    }

    /// Whether this store has a file with its tables. May wait for a call that is under way.
    pub(super) fn has_file(&self) -> std::result::Result<bool, Fault> {
        let database = self.database.lock();
        let mut database = database.unwrap_or_else(PoisonError::into_inner);
        let database = Database::opened(&mut database, &self.path)?;
        Ok(matches!(database, Database::File(_)))
    }

    /// Runs a reading transaction: everything in it is seen at one revision.
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

    /// Runs a writing transaction, durable when it returns, and hints at the change.
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

/// What a store reads and writes.
#[derive(Debug)]
enum Database {
    /// The file.
    File(Connection),
    /// An empty database in memory, for as long as there is no file.
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
            .ok_or_else(|| Fault::refused(FailureKind::Unreachable, "it is not open"))
    }

    fn open(path: &Path) -> std::result::Result<Self, Fault> {
        if is_there(path) {
            return connect(path, true).map(Self::File);
        }
        let mut empty = Connection::open_in_memory()?;
        schema::prepare(&mut empty)?;
        Ok(Self::Missing(empty))
    }

    /// The file as soon as another process has made it.
    fn for_reading(&mut self, path: &Path) -> std::result::Result<&mut Connection, Fault> {
        if matches!(self, Self::Missing(_)) && is_there(path) {
            *self = Self::File(connect(path, true)?);
        }
        Ok(self.connection())
    }

    /// The file, made where there is none.
    fn for_writing(&mut self, path: &Path) -> std::result::Result<&mut Connection, Fault> {
        if matches!(self, Self::Missing(_)) {
            if let Some(directory) = path.parent() {
                private_files::create_directory(directory).map_err(|error| {
                    Fault::refused(FailureKind::Denied, format!("its directory: {error}"))
                        .hint("name a directory that this user may write")
                })?;
            }
            private_files::create(path).map_err(|error| {
                Fault::refused(FailureKind::Denied, error.to_string())
                    .hint("name a file that this user may write")
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

/// Whether there is a file, or something that keeps it from being seen, which opening it then tells.
pub(super) fn is_there(path: &Path) -> bool {
    !matches!(path.try_exists(), Ok(false))
}

/// Whether a lease outlives a beat that is missed.
fn keeps(target: &str, lease: Duration, heartbeat: Duration) -> Result<()> {
    if lease.is_zero() || heartbeat.is_zero() || heartbeat > lease / 3 {
        return Err(Failure::new(
            FailureKind::Rejected,
            target,
            "opening the store",
            format!("a heartbeat every {heartbeat:?} does not keep a lease of {lease:?}"),
        )
        .hint("make the heartbeat at most a third of the lease"));
    }
    Ok(())
}

/// Runs a blocking call with a deadline. A call that did not come back in time may still happen:
/// `unsure` is what that means.
pub(super) async fn blocking<T: Send + 'static>(
    target: String,
    doing: String,
    unsure: FailureKind,
    work: impl FnOnce() -> std::result::Result<T, Fault> + Send + 'static,
) -> Result<T> {
    let failed = |said: String| Failure::new(unsure, target.clone(), doing.clone(), said);
    match tokio::time::timeout(DEADLINE, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => done.map_err(|fault| fault.into_failure(target, doing, unsure)),
        Ok(Err(error)) => Err(failed(format!("the call did not end: {error}"))),
        Err(_) => Err(failed(format!("no answer within {DEADLINE:?}"))),
    }
}

/// Opens a connection to a file that is there; `prepare` also makes or checks the tables.
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
    // Without SQLITE_OPEN_URI: a path is a path.
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
    // The default of `bundled` is FULL already; stated because "durable when it returns" rests on it.
    connection.pragma_update(None, "synchronous", "FULL")?;
    schema::prepare(&mut connection)?;
    Ok(connection)
}

/// Turns on the write-ahead log. `SQLite` does not wait for others while it changes the journal
/// mode, whatever the busy timeout says, so that several first openings would fail.
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
