//! The queue of pushes of each target. Its entries are read with the rest of the target: see
//! [`RegistryRecord::queue`](crate::inventory::RegistryRecord::queue). No call needs the lock of the target, and none
//! changes anything else.

use async_trait::async_trait;

use super::Result;
use crate::inventory::{EntryId, QueueEntry, Target};

/// What became of a new entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queued {
    /// The entry was stored.
    New,
    /// The queue has an entry with this id already, so nothing was changed.
    Known,
    /// The queue has as many pending entries as it may have, so nothing was changed.
    Full,
}

#[async_trait]
pub trait QueueStore: Send + Sync {
    /// Stores a new entry. The entry is durable when the call returns.
    async fn add(&self, entry: &QueueEntry) -> Result<Queued>;

    /// Replaces the entry `from` with `to`, which has the same id. Returns false if the entry has changed since it was
    /// read, cannot be read any more, or does not exist; nothing is changed then. If the entry already is `to`, the call
    /// succeeds. It is an `Unsupported` failure if a newer Greenroom has changed the entry.
    async fn change(&self, from: &QueueEntry, to: &QueueEntry) -> Result<bool>;

    /// Deletes entries that have ended. An entry that is pending again stays.
    async fn forget(&self, target: &Target, entries: &[EntryId]) -> Result<()>;
}
