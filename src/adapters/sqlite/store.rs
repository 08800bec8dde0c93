//! The store: one connection, one call at a time, away from the async threads.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::watch;

use super::fault::{self, Fault};
use super::schema;
use super::transaction::Change;
use crate::ports::{Failure, FailureKind, Result};

/// How long a call waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);

/// How long a call may take in all; the disk may hang.
const DEADLINE: Duration = Duration::from_secs(10);

/// Registrations, journal and lock in one file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) path: Arc<Path>,
    connection: Arc<Mutex<Connection>>,
    /// How long a lock lasts without a renewal.
    pub(super) lease: Duration,
    /// How often a lock is renewed.
    pub(super) heartbeat: Duration,
    /// The revision of the last change made through this very store.
    pub(super) changed: watch::Sender<i64>,
}

impl Store {
    /// Opens the database at `path`, making it and its directory when they are not there. Locks
    /// taken through it last for `lease` and are renewed every `heartbeat`, which has to be at most
    /// a third of it.
    pub async fn open(
        path: impl Into<PathBuf>,
        lease: Duration,
        heartbeat: Duration,
    ) -> Result<Self> {
        let path: PathBuf = path.into();
        let target = fault::target(&path);
        keeps(&target, lease, heartbeat)?;
        let place = path.clone();
        let connection = blocking(
            target,
            "opening the store".into(),
            FailureKind::Unreachable,
            {
                move || {
                    if let Some(directory) = place.parent() {
                        std::fs::create_dir_all(directory).map_err(|error| {
                            Fault::refused(FailureKind::Denied, format!("its directory: {error}"))
                                .hint("name a directory that this user may write")
                        })?;
                    }
                    connect(&place, true)
                }
            },
        )
        .await?;
        Ok(Self {
            path: path.into(),
            connection: Arc::new(Mutex::new(connection)),
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

    /// Runs a reading transaction: everything in it is seen at one revision.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        doing: impl Into<String>,
        work: impl FnOnce(&Transaction<'_>) -> std::result::Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let connection = Arc::clone(&self.connection);
        blocking(
            fault::target(&self.path),
            doing.into(),
            FailureKind::Unreachable,
            move || {
                let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
                work(&connection.transaction()?)
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
        let connection = Arc::clone(&self.connection);
        let changed = self.changed.clone();
        blocking(
            fault::target(&self.path),
            doing.into(),
            FailureKind::Ambiguous,
            move || {
                let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
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

/// Opens a connection; `prepare` also makes or checks the tables.
pub(super) fn connect(path: &Path, prepare: bool) -> std::result::Result<Connection, Fault> {
    // Without SQLITE_OPEN_URI: a path is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    if prepare {
        write_ahead(&connection)?;
        // The default of `bundled` is FULL already; stated because "durable when it returns" rests on it.
        connection.pragma_update(None, "synchronous", "FULL")?;
        schema::prepare(&mut connection)?;
    }
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
