//! Where releases are written down as they happen, for whoever has to go on with them.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Failure, FailureKind, Fence, Result};
use crate::history::{AuditRecord, Entry, HoldRecord, Recorded, ReleaseRecord, RepairRecord, Seal};
use crate::inventory::{ReleaseId, Target};

/// Reads what was written down.
#[async_trait]
pub trait JournalReader: Send + Sync {
    /// The newest releases of a target, newest first, heads only.
    async fn releases(&self, target: &Target, limit: usize) -> Result<Vec<ReleaseRecord>>;

    /// The same from the one before `before` on: a journal that is long is read in parts. No release at
    /// all means that there is none before.
    async fn releases_before(
        &self,
        target: &Target,
        before: ReleaseId,
        limit: usize,
    ) -> Result<Vec<ReleaseRecord>>;

    /// The releases among the newest `limit` whose heads cannot be read, newest first, each with why. The lists pass
    /// them by. A key that names no release is none.
    async fn unreadable(
        &self,
        _target: &Target,
        _limit: usize,
    ) -> Result<Vec<(ReleaseId, Failure)>> {
        Ok(Vec::new())
    }

    /// The head of the current release of each of these targets that has any: see [`crate::history::current`]. In as
    /// few calls as the store allows, because many targets are asked for at once. Where the newest head of a target
    /// cannot be read, that is a failure of this target alone.
    async fn current(&self, targets: &[Target]) -> Result<BTreeMap<Target, Result<ReleaseRecord>>>;

    /// One release with its entries.
    async fn release(&self, target: &Target, id: ReleaseId) -> Result<Option<Recorded>>;

    /// One release with the entries that can be read, and a failure for each entry that cannot be read or is missing. Only
    /// for the archive and `history verify`: a driver resumes only a release that is whole.
    async fn as_stored(
        &self,
        target: &Target,
        id: ReleaseId,
    ) -> Result<Option<(Recorded, Vec<Failure>)>> {
        let whole = self.release(target, id).await?;
        Ok(whole.map(|recorded| (recorded, Vec::new())))
    }

    /// One hold or repair, also one that ended.
    async fn beside(&self, target: &Target, id: ReleaseId) -> Result<Option<AuditRecord>>;

    /// The seals of what is over in a target; none where the store keeps none.
    async fn seals(&self, _target: &Target) -> Result<BTreeMap<ReleaseId, Seal>> {
        Ok(BTreeMap::new())
    }

    /// The newest holds of a target, newest first, with those that ended. What cannot be read is passed by.
    async fn holds(&self, _target: &Target, _limit: usize) -> Result<Vec<HoldRecord>> {
        Ok(Vec::new())
    }

    /// The newest repairs of a target, newest first. What only a newer Greenroom can read is passed by.
    async fn repairs(&self, _target: &Target, _limit: usize) -> Result<Vec<RepairRecord>> {
        Ok(Vec::new())
    }
}

/// Writes down. Durable when it returns. Repeating a write with the same content changes nothing;
/// other content under the same number is a conflict.
#[async_trait]
pub trait JournalWriter: Send + Sync {
    /// Opens a release, or closes it by writing its head again with an outcome.
    async fn head(&self, record: &ReleaseRecord, fence: &Fence) -> Result<()>;

    /// Adds an entry.
    async fn append(
        &self,
        target: &Target,
        release: ReleaseId,
        entry: &Entry,
        fence: &Fence,
    ) -> Result<()>;

    /// Writes a repair down, or what has come of it since. One that is closed stays as it is.
    /// [`FailureKind::Unsupported`] where there is no place for it: then nothing is repaired.
    async fn repair(&self, record: &RepairRecord, _fence: &Fence) -> Result<()> {
        Err(Failure::new(
            FailureKind::Unsupported,
            "the journal",
            format!("writing down a repair of {}", record.target),
            "it keeps none",
        ))
    }
}
