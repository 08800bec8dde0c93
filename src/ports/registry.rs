//! The store that operators share: registrations and routes.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use super::{Failure, FailureKind, Result};
use crate::inventory::{
    Endpoint, FencingToken, KeyLine, PerSlot, Registration, RegistryRecord, Route, RouteChange,
    Slot, Target,
};

/// The proof that the caller holds a target's lock. The transaction of each write compares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The lock's token.
    pub token: FencingToken,
}

/// What has changed in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Something of this target: its registrations, lock or journal.
    Target(Target),
    /// Unknown: anything may have changed.
    Anything,
}

/// Reads registrations.
#[async_trait]
pub trait RegistryReader: Send + Sync {
    /// Which store this is, and its address.
    fn address(&self) -> String {
        "the store".to_owned()
    }

    /// The store's kind and version, e.g. `etcd 3.4.23`; the cheapest call that proves that it answers.
    async fn store(&self) -> Result<String>;

    /// The time of the store's machines; none if the store is on this machine or does not tell.
    async fn clock(&self) -> Result<Option<Timestamp>> {
        Ok(None)
    }

    /// Everything about a target at one revision.
    async fn read(&self, target: &Target) -> Result<RegistryRecord>;

    /// The same keys as stored, for showing.
    async fn keys(&self, target: &Target) -> Result<Vec<KeyLine>>;

    /// A hint for each change under any target from now on. After a reconnect or a compaction it sends
    /// [`Hint::Anything`]. An item that is a failure means that the store does not answer at the moment.
    async fn changes(&self) -> Result<BoxStream<'static, Result<Hint>>>;
}

/// Changes registrations. Each call is one transaction that compares the fence. If a call may have taken effect
/// without an answer, the adapter reads back before it reports [`super::FailureKind::Ambiguous`].
#[async_trait]
pub trait RegistryWriter: Send + Sync {
    /// Writes a slot's entry. Repeating it with the same entry changes nothing.
    async fn register(&self, target: &Target, entry: &Registration, fence: &Fence) -> Result<()>;

    /// Removes a slot's entry. It is a conflict if the route names that slot.
    async fn deregister(&self, target: &Target, slot: Slot, fence: &Fence) -> Result<()>;

    /// Entries of other targets where a release of this target would write, as messages that say what to do. Such an
    /// entry is never overwritten.
    async fn taken(&self, _target: &Target, _endpoints: &PerSlot<Endpoint>) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Swaps the route if it is still `from`, the new slot is registered, and hold and approvals are
    /// as required: [`super::FailureKind::Changed`] if those are not. If the route is `to`
    /// already, nothing changes and the call succeeds.
    async fn swap_route(&self, target: &Target, change: &RouteChange, fence: &Fence) -> Result<()>;

    /// Replaces a route that cannot be read, if the new slot is registered. A readable or missing
    /// route is a conflict. If the route is `to` already, the call succeeds.
    async fn replace_route(&self, target: &Target, _to: &Route, _fence: &Fence) -> Result<()> {
        Err(Failure::new(
            FailureKind::Unsupported,
            "the store",
            format!("replacing the unreadable route of {target}"),
            "this store cannot do it",
        ))
    }
}
