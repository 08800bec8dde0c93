//! The lock of a target. At most one driver holds the lock, for as long as the driver renews the lease.

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::DropGuard;

use super::{Fence, Result};
use crate::inventory::{FencingToken, LockHolder, LockRecord, ReleaseId, Target};

/// Whether this process still holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseState {
    /// The lease was renewed in time, so this process holds the lock.
    Held,
    /// The lock is lost, or may be lost. The process must stop changing the target. The text is the reason.
    Lost(String),
}

/// A lock that this process holds. A heartbeat renews the lease until this value is dropped. Dropping the value does
/// not release the lock; only [`Locks::release`] or the end of the lease does.
#[derive(Debug)]
pub struct Lease {
    /// The fencing token that every write under the lock carries.
    pub fence: Fence,
    /// Whether the lock is still held. Becomes [`LeaseState::Lost`] after two thirds of the lease without a renewal, or
    /// when the heartbeat finds that the lock has another holder or no longer exists.
    pub state: watch::Receiver<LeaseState>,
    /// Stops the heartbeat when dropped.
    pub heartbeat: DropGuard,
}

/// The end of a release's journal at the time it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalEnd {
    pub release: ReleaseId,
    /// The number of the last entry; 0 if the release has none.
    pub last_entry: u32,
}

#[derive(Debug)]
pub enum Acquired {
    /// This process now holds the lock.
    Held(Lease),
    /// Another driver holds the lock.
    Taken(Box<LockHolder>),
}

#[async_trait]
pub trait Locks: Send + Sync {
    /// Takes the lock if it is free.
    async fn acquire(&self, target: &Target, record: &LockRecord) -> Result<Acquired>;

    /// Takes the lock in one transaction if the lock is held under exactly `from`, or is free. If the lock is held
    /// under another token, the answer is [`Acquired::Taken`]. After a takeover, every write under `from` is refused.
    async fn take_over(
        &self,
        target: &Target,
        record: &LockRecord,
        from: FencingToken,
    ) -> Result<Acquired>;

    /// Takes the lock like [`Locks::take_over`], but only if its driver has no step in progress: the journal of the
    /// driver's release must still end at `end`. The transaction compares the lock and the journal, so a driver that
    /// starts a step at the same moment keeps its lock.
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
