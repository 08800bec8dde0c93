//! The shared truth between operators: registrations and routes.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use super::{Failure, FailureKind, Result};
use crate::inventory::{
    Endpoint, FencingToken, KeyLine, PerSlot, Registration, RegistryRecord, Route, RouteChange,
    Slot, Target,
};

/// The proof of holding a target's lock, compared in the same transaction as the write it goes with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The lock's token.
    pub token: FencingToken,
}

/// What changed in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Something of this target: its registrations, its lock, its journal.
    Target(Target),
    /// It is not known what: anything may have.
    Anything,
}

/// Looks at registrations.
#[async_trait]
pub trait RegistryReader: Send + Sync {
    /// Which store is asked, and at which address.
    fn address(&self) -> String {
        "the store".to_owned()
    }

    /// Where the store is and its version, e.g. `etcd 3.4.23`; the cheapest call that proves it answers.
    async fn store(&self) -> Result<String>;

    /// What time its machines say it is; none where that is this machine, or they do not say.
    async fn clock(&self) -> Result<Option<Timestamp>> {
        Ok(None)
    }

    /// Everything about a target at one revision.
    async fn read(&self, target: &Target) -> Result<RegistryRecord>;

    /// The same keys as they are stored, for showing.
    async fn keys(&self, target: &Target) -> Result<Vec<KeyLine>>;

    /// A hint with each change under any target, beginning after now. Survives reconnects and
    /// compaction by hinting at anything; an item that is a failure means "not heard right now".
    async fn changes(&self) -> Result<BoxStream<'static, Result<Hint>>>;
}

/// Changes registrations. Each call is one transaction that compares the fence; where it may have
/// happened without an answer, the adapter reads back before it reports [`super::FailureKind::Ambiguous`].
#[async_trait]
pub trait RegistryWriter: Send + Sync {
    /// Writes a slot's entry. Repeating it with the same entry changes nothing.
    async fn register(&self, target: &Target, entry: &Registration, fence: &Fence) -> Result<()>;

    /// Removes a slot's entry, unless the route names that slot: that is a conflict.
    async fn deregister(&self, target: &Target, slot: Slot, fence: &Fence) -> Result<()>;

    /// What a release of the target would write in the store and another target has, in words with what to do. None is
    /// ever written over.
    async fn taken(&self, _target: &Target, _endpoints: &PerSlot<Endpoint>) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Swaps the route if it is still `from`, the slot it goes to is registered, and hold and approvals are
    /// what they have to be: [`super::FailureKind::Changed`] where those are not. When the route is `to`
    /// already, nothing changes and that is success.
    async fn swap_route(&self, target: &Target, change: &RouteChange, fence: &Fence) -> Result<()>;

    /// Writes the route over one that cannot be read, if the slot it goes to is registered. One that can
    /// be read, and none, are a conflict; when it is `to` already, that is success.
    async fn replace_route(&self, target: &Target, _to: &Route, _fence: &Fence) -> Result<()> {
        Err(Failure::new(
            FailureKind::Unsupported,
            "the store",
            format!("writing the route of {target} anew"),
            "it cannot",
        ))
    }
}
