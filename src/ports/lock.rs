//! One driver per target: a lock on a lease.

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::DropGuard;

use super::{Fence, Result};
use crate::inventory::{FencingToken, LockHolder, LockRecord, ReleaseId, Target};

/// Whether this process still holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseState {
    /// Yes, as far as its lease tells.
    Held,
    /// No, or it is not certain: stop acting. With the reason.
    Lost(String),
}

/// A lock that is held. Its heartbeat runs until this is dropped. Dropping it does not release the
/// lock (a crash would not either): [`Locks::release`] does.
#[derive(Debug)]
pub struct Lease {
    /// The fencing token that every write under the lock carries.
    pub fence: Fence,
    /// Whether it is still held. Becomes [`LeaseState::Lost`] after two thirds of the lease without a renewal.
    pub state: watch::Receiver<LeaseState>,
    /// Stops the heartbeat when dropped.
    pub heartbeat: DropGuard,
}

/// The end of a release's journal at the time it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalEnd {
    /// The release.
    pub release: ReleaseId,
    /// The number of its last entry; 0 if it has none.
    pub last_entry: u32,
}

/// The answer to a request for a lock.
#[derive(Debug)]
pub enum Acquired {
    /// This process holds it now.
    Held(Lease),
    /// Another driver holds it.
    Taken(Box<LockHolder>),
}

/// Acquires and releases locks.
#[async_trait]
pub trait Locks: Send + Sync {
    /// Takes the lock if it is free.
    async fn acquire(&self, target: &Target, record: &LockRecord) -> Result<Acquired>;

    /// Takes the lock from the driver that holds it under exactly `from`, in one transaction; also if the lock is
    /// free by now. If it is held under another token, the answer is [`Acquired::Taken`]. From then on every write
    /// under `from` is refused.
    async fn take_over(
        &self,
        target: &Target,
        record: &LockRecord,
        from: FencingToken,
    ) -> Result<Acquired>;

    /// Takes the lock from a driver that has no step in progress: the lock is held under exactly `from`, and the
    /// journal of its release still ends at `end`. The transaction compares both, so a driver that starts something
    /// at the same moment keeps its lock.
    async fn take_over_at_rest(
        &self,
        target: &Target,
        record: &LockRecord,
        from: FencingToken,
        end: JournalEnd,
    ) -> Result<Acquired>;

    /// Whether the store still has the lock under `fence`.
    async fn holds(&self, target: &Target, fence: &Fence) -> Result<bool>;

    /// Releases the lock if it is still held under `fence`.
    async fn release(&self, target: &Target, fence: &Fence) -> Result<()>;
}
