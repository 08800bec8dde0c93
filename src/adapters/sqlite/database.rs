//! The database of one machine. It has one connection and runs one call at a time, on blocking threads.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinError;
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
    /// Makes each call wait for the call before it. A call waits here as a task, because a call that waited for `opened`
    /// would occupy a thread.
    turn: Arc<Semaphore>,
    /// None until the first call opens the database.
    opened: Mutex<Option<Opened>>,
    /// Like `turn`, for the checks of the watches. They have connections of their own, so they do not wait for calls.
    pub(super) check_turn: Arc<Semaphore>,
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
                turn: Arc::new(Semaphore::new(1)),
                opened: Mutex::default(),
                check_turn: Arc::new(Semaphore::new(1)),
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
        let task = one_at_a_time(&self.inner.turn, move || work(&inner, &at, until));
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

/// Runs `work` on a blocking thread, when all earlier work with this semaphore has ended.
pub(super) async fn one_at_a_time<T: Send + 'static>(
    turn: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::result::Result<T, JoinError> {
    // The semaphore is never closed.
    let permit = Arc::clone(turn).acquire_owned().await.ok();
    let task = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(permit);
        done
    });
    task.await
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::future::join_all;
    use tokio::runtime::Builder;
    use tokio::task::{spawn_blocking, yield_now};

    use super::*;

    #[test]
    fn calls_that_wait_occupy_no_thread() {
        let mut runtime = Builder::new_multi_thread();
        let runtime = runtime.max_blocking_threads(2).enable_time().build();
        runtime.unwrap().block_on(async {
            let turn = Arc::new(Semaphore::new(1));
            let (end, ended) = mpsc::channel::<()>();
            let first = tokio::spawn({
                let turn = Arc::clone(&turn);
                async move { one_at_a_time(&turn, move || ended.recv()).await }
            });
            while turn.available_permits() > 0 {
                yield_now().await;
            }
            let waiting = (0..10).map(|number| {
                let turn = Arc::clone(&turn);
                tokio::spawn(async move { one_at_a_time(&turn, move || number).await })
            });
            let waiting: Vec<_> = waiting.collect();
            // The second thread is free, so this work is done although the first call has not ended.
            spawn_blocking(|| ()).await.unwrap();
            assert!(!first.is_finished());
            end.send(()).unwrap();
            first.await.unwrap().unwrap().unwrap();
            let done: Vec<i32> = join_all(waiting)
                .await
                .into_iter()
                .map(|done| done.unwrap().unwrap())
                .collect();
            assert_eq!(done.len(), 10);
        });
    }
}
