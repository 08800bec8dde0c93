//! Counts calls without a transaction for each call: each process counts in memory, and adds its count to the shared
//! total every tenth of a second and when it ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::store::{Start, Store};

/// The time between two flushes. Until the next flush, only this process knows of a call.
pub(super) const FLUSHED_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
struct Count {
    /// The shared total after the last flush.
    stored: u64,
    /// The calls that this process has counted since the last flush.
    pending: u64,
    starts: Vec<Start>,
}

/// The calls of all versions, as far as this process knows them. Clones are cheap and share the count.
#[derive(Clone)]
pub(super) struct Calls {
    count: Arc<Mutex<Count>>,
    store: Arc<Mutex<Store>>,
}

impl Calls {
    /// Starts with the stored total.
    pub(super) fn new(store: Store) -> rusqlite::Result<Self> {
        let count = Count {
            stored: store.add(0)?,
            pending: 0,
            starts: store.starts()?,
        };
        Ok(Self {
            count: Arc::new(Mutex::new(count)),
            store: Arc::new(Mutex::new(store)),
        })
    }

    pub(super) fn count(&self) {
        lock(&self.count).pending += 1;
    }

    /// All calls since the first version. Calls that the other slot counted after the last flush of this process are
    /// missing. The total never decreases within a process.
    pub(super) fn total(&self) -> u64 {
        let count = lock(&self.count);
        count.stored + count.pending
    }

    /// The starts of versions, oldest first.
    pub(super) fn starts(&self) -> Vec<Start> {
        lock(&self.count).starts.clone()
    }

    /// Flushes forever. A failed flush is tried again. Only the first failure in a row is reported.
    pub(super) async fn keep_flushing(self, failed: impl Fn(String)) {
        let mut ticks = interval(FLUSHED_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            ticks.tick().await;
            match self.flush().await {
                Ok(()) => failing = false,
                Err(_) if failing => {}
                Err(error) => {
                    failing = true;
                    failed(error);
                }
            }
        }
    }

    /// Adds the pending calls to the shared total, and reads what other processes have added. Does nothing if no call
    /// is pending.
    pub(super) async fn flush(&self) -> Result<(), String> {
        let calls = self.clone();
        spawn_blocking(move || calls.flush_blocking())
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())
    }

    fn flush_blocking(&self) -> rusqlite::Result<()> {
        // The lock is held during the whole flush, because two parallel flushes would add the same calls twice.
        let store = lock(&self.store);
        let adding = lock(&self.count).pending;
        if adding == 0 {
            return Ok(());
        }
        let stored = store.add(adding)?;
        let starts = store.starts()?;
        let mut count = lock(&self.count);
        count.stored = stored;
        count.pending -= adding;
        count.starts = starts;
        Ok(())
    }
}

/// Locks a mutex, even if another thread has panicked while it held the lock. A wrong count is better than a second
/// panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
