//! The store that operators share: registrations, routes, holds, locks and approvals of all targets.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use super::{Failure, FailureKind, Result};
use crate::inventory::{
    Addresses, FencingToken, KeyLine, PerSlot, Registration, RegistryRecord, Route, RouteChange,
    Slot, Target,
};

/// The proof that the caller holds a target's lock. The transaction of each write compares this token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    pub token: FencingToken,
}

/// A hint at a change in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Something of this target has changed, e.g. its registrations, lock or journal.
    Target(Target),
    /// Anything may have changed.
    Anything,
}

#[async_trait]
pub trait RegistryReader: Send + Sync {
    /// The kind and address of the store, for messages.
    fn address(&self) -> String {
        "the store".to_owned()
    }

    /// The store's kind and version, e.g. `etcd 3.4.23`. This is the cheapest call that proves that the store answers.
    async fn store(&self) -> Result<String>;

    /// The time of the store's machines; none if the store is on this machine or does not report its time.
    async fn clock(&self) -> Result<Option<Timestamp>> {
        Ok(None)
    }

    /// Everything about a target at one revision.
    async fn read(&self, target: &Target) -> Result<RegistryRecord>;

    /// Like [`RegistryReader::read`], with the keys and values as they are stored, for an operator to read. The record
    /// and the keys come from one read.
    async fn read_with_keys(&self, target: &Target) -> Result<(RegistryRecord, Vec<KeyLine>)>;

    /// A stream with a hint for each later change of any target. After a reconnect or a compaction, the hint is
    /// [`Hint::Anything`]. A failure in the stream means that the store does not answer at the moment.
    async fn changes(&self) -> Result<BoxStream<'static, Result<Hint>>>;
}

/// Changes registrations and routes. Each call is one transaction that compares the fence. If the answer to a call is
/// lost, the implementation reads the values back before it reports [`super::FailureKind::Ambiguous`].
#[async_trait]
pub trait RegistryWriter: Send + Sync {
    /// Writes a slot's entry. Repeating the call with the same entry changes nothing.
    async fn register(&self, target: &Target, entry: &Registration, fence: &Fence) -> Result<()>;

    /// Removes a slot's entry. It is a conflict if the route names that slot.
    async fn deregister(&self, target: &Target, slot: Slot, fence: &Fence) -> Result<()>;

    /// One message for each key that a release of this target would write but that belongs to another target. The
    /// message says what to do. A release never overwrites such a key.
    async fn keys_of_others(
        &self,
        _target: &Target,
        _endpoints: &PerSlot<Addresses>,
    ) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Changes the route to `change.to` if it is still `change.from`, its new slot is registered, and the hold and the
    /// approvals are as the change requires. If the hold or an approval is different, the failure is
    /// [`super::FailureKind::Changed`]. If the route is already `change.to`, the call succeeds and changes nothing.
    async fn swap_route(&self, target: &Target, change: &RouteChange, fence: &Fence) -> Result<()>;

    /// Replaces a route that cannot be read, if the slot of `to` is registered. It is a conflict if the route can be
    /// read or does not exist. If the route is already `to`, the call succeeds and changes nothing.
    async fn replace_route(&self, target: &Target, _to: &Route, _fence: &Fence) -> Result<()> {
        Err(Failure::new(
            FailureKind::Unsupported,
            "the store",
            format!("replacing the unreadable route of {target}"),
            "the store does not support this change",
        ))
    }
}
