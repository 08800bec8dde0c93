//! The database of one machine. It has one connection and runs one call at a time, on blocking threads.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::fault::{self, Fault};
use super::file::{BUSY, Opened};
use super::pairs::Changes;
use crate::ports::kv::Call;
use crate::ports::{Failure, FailureKind, Result};

/// How long a call may take in total. The caller then gets a failure, even if the disk hangs.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// The stages of a call. `WAITING`: the call has changed no value yet. `STARTED`: the call may read or change values.
/// `CANCELLED`: the deadline of the caller has passed, and the call must do nothing.
const WAITING: u8 = 0;
const STARTED: u8 = 1;
const CANCELLED: u8 = 2;

/// A store in one file, which several processes of a machine may open. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Database {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) path: Box<Path>,
    pub(super) name: String,
    /// None until the first call opens the database.
    opened: Mutex<Option<Opened>>,
    /// The revision of the last change through this database and its clones.
    pub(super) changed: watch::Sender<i64>,
}

impl Database {
    /// The database at `path`. The first call opens the file, so a file that cannot be opened makes only these calls
    /// fail. If the file does not exist, reads return an empty store, and the first write creates the file and its
    /// directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path: PathBuf = path.into();
        Self {
            inner: Arc::new(Inner {
                name: fault::target(&path),
                path: path.into(),
                opened: Mutex::default(),
                changed: watch::Sender::new(0),
            }),
        }
    }

    /// Runs `work` in a transaction that only reads, so that all its reads show one revision.
    pub(super) async fn reading<T: Send + 'static>(
        &self,
        call: Call<'_>,
        work: impl FnOnce(&Transaction<'_>) -> std::result::Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        self.run(call, FailureKind::Unreachable, |inner, stage, until| {
            let mut opened = inner.opened.lock().unwrap_or_else(PoisonError::into_inner);
            stage.start()?;
            let connection = database(&mut opened, inner)?.for_reading(&inner.path)?;
            wait_until(connection, until)?;
            work(&connection.transaction()?)
        })
        .await
    }

    /// Runs `work` in a transaction that writes. When this call returns, the change is durable, and watches of this
    /// process have been notified. If the deadline passes before the transaction has locked the file, nothing is
    /// changed, now or later.
    pub(super) async fn writing<T: Send + 'static>(
        &self,
        call: Call<'_>,
        work: impl FnOnce(&Changes<'_>) -> std::result::Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        self.run(call, FailureKind::Ambiguous, |inner, stage, until| {
            let mut opened = inner.opened.lock().unwrap_or_else(PoisonError::into_inner);
            stage.check()?;
            let connection = database(&mut opened, inner)?.for_writing(&inner.path)?;
            wait_until(connection, until)?;
            let behavior = TransactionBehavior::Immediate;
            let changes = Changes::new(connection.transaction_with_behavior(behavior)?);
            stage.start()?;
            let done = work(&changes)?;
            if let Some(revision) = changes.commit()? {
                inner.changed.send_replace(revision);
            }
            Ok(done)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        call: Call<'_>,
        unsure: FailureKind,
        work: impl FnOnce(&Inner, &Stage, Instant) -> std::result::Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let (since, until) = (Instant::now(), call.until);
        let stage = Stage::default();
        let (inner, at) = (Arc::clone(&self.inner), stage.clone());
        let task = tokio::task::spawn_blocking(move || work(&inner, &at, until));
        let failed = |kind, message: String| {
            Failure::new(kind, self.inner.name.as_str(), call.doing, message)
        };
        match timeout_at(until, task).await {
            Ok(Ok(done)) => done.map_err(|fault| {
                fault::failure(fault, self.inner.name.clone(), call.doing, unsure)
            }),
            Ok(Err(error)) => Err(failed(unsure, format!("the call failed: {error}"))),
            Err(_) => {
                let kind = if stage.cancel() {
                    FailureKind::Unreachable
                } else {
                    unsure
                };
                let waited = until.saturating_duration_since(since).as_millis();
                let waited = Duration::from_millis(u64::try_from(waited).unwrap_or(u64::MAX));
                Err(failed(kind, format!("no answer within {waited:?}")))
            }
        }
    }
}

/// The stage of a call, which the call and its caller share.
#[derive(Debug, Clone, Default)]
pub(super) struct Stage(Arc<AtomicU8>);

impl Stage {
    fn enter(&self, next: u8) -> bool {
        let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
        let moved = self.0.compare_exchange(WAITING, next, success, failure);
        moved.is_ok()
    }

    /// Fails if the caller no longer waits.
    fn start(&self) -> std::result::Result<(), Fault> {
        if self.enter(STARTED) {
            return Ok(());
        }
        self.check()
    }

    fn check(&self) -> std::result::Result<(), Fault> {
        if self.0.load(Ordering::Acquire) == CANCELLED {
            return Err(Fault::refused(
                FailureKind::Unreachable,
                "the time limit passed before the database was used: nothing was read or written",
            ));
        }
        Ok(())
    }

    /// Stops a call that has not started. Returns whether it was stopped.
    fn cancel(&self) -> bool {
        self.enter(CANCELLED)
    }
}

fn database<'a>(
    opened: &'a mut Option<Opened>,
    inner: &Inner,
) -> std::result::Result<&'a mut Opened, Fault> {
    let open = match opened.take() {
        Some(open) => open,
        None => Opened::open(&inner.path)?,
    };
    Ok(opened.insert(open))
}

/// Makes the connection wait for other processes, but not longer than the caller waits.
fn wait_until(connection: &Connection, until: Instant) -> std::result::Result<(), Fault> {
    let left = until.saturating_duration_since(Instant::now());
    Ok(connection.busy_timeout(left.min(BUSY))?)
}
