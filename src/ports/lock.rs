//! One driver per target: a lock on a lease.

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::DropGuard;

use super::{Fence, Result};
use crate::inventory::{FencingToken, LockHolder, LockRecord, ReleaseId, Target};

/// Whether a lock is still ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseState {
    /// It is, as far as its lease tells.
    Held,
    /// It is not, or cannot be known to be: stop acting. Said in words.
    Lost(String),
}

/// A lock that is held. Its heartbeat runs until this is dropped; dropping it does not give the
/// lock back (a crash would not either): [`Locks::release`] does.
#[derive(Debug)]
pub struct Lease {
    /// What every write under it compares.
    pub fence: Fence,
    /// Whether it is still held; turns to lost at two thirds of the lease without a renewal.
    pub state: watch::Receiver<LeaseState>,
    /// Ends the heartbeat.
    pub heartbeat: DropGuard,
}

/// Where the journal of a release ended when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalEnd {
    /// The release.
    pub release: ReleaseId,
    /// The number of its last entry; 0 when it has none.
    pub last_entry: u32,
}

/// The answer to asking for a lock.
#[derive(Debug)]
pub enum Acquired {
    /// It is ours now.
    Held(Lease),
    /// Somebody has it.
    Taken(Box<LockHolder>),
}

/// Takes and gives back locks.
#[async_trait]
pub trait Locks: Send + Sync {
    /// Takes the lock if nobody has it.
    async fn acquire(&self, target: &Target, record: &LockRecord) -> Result<Acquired>;

    /// Takes the lock from whoever holds it under exactly `from`, in one transaction; also when nobody
    /// has it any more. Held by yet another, it is taken. From then on every write under `from` is
    /// refused.
    async fn take_over(
        &self,
        target: &Target,
        record: &LockRecord,
        from: FencingToken,
    ) -> Result<Acquired>;

    /// Takes the lock from a driver that has nothing under way: it is held under exactly `from`, and the
    /// journal of its release still ends where `end` says. Both are compared in the transaction that takes
    /// it, so a driver that begins something in the same moment keeps its lock.
    async fn take_over_at_rest(
        &self,
        target: &Target,
        record: &LockRecord,
        from: FencingToken,
        end: JournalEnd,
    ) -> Result<Acquired>;

    /// Whether it is still the one of `fence`, as the store itself has it now.
    async fn holds(&self, target: &Target, fence: &Fence) -> Result<bool>;

    /// Gives it back, if it still is the one of `fence`.
    async fn release(&self, target: &Target, fence: &Fence) -> Result<()>;
}
