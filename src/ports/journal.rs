//! The journal: releases, written down as they happen, so that another driver can resume them.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Failure, FailureKind, Fence, Result};
use crate::history::{AuditRecord, Entry, HoldRecord, Recorded, ReleaseRecord, RepairRecord, Seal};
use crate::inventory::{ReleaseId, Target};

/// Reads the journal.
#[async_trait]
pub trait JournalReader: Send + Sync {
    /// The newest releases of a target, newest first, heads only.
    async fn releases(&self, target: &Target, limit: usize) -> Result<Vec<ReleaseRecord>>;

    /// The same, starting after `before`: a long journal is read in parts. An empty list means that no older
    /// release exists.
    async fn releases_before(
        &self,
        target: &Target,
        before: ReleaseId,
        limit: usize,
    ) -> Result<Vec<ReleaseRecord>>;

    /// The releases among the newest `limit` whose heads cannot be read, newest first, each with the reason. The other
    /// lists skip them. A key that names no release is skipped here too.
    async fn unreadable(
        &self,
        _target: &Target,
        _limit: usize,
    ) -> Result<Vec<(ReleaseId, Failure)>> {
        Ok(Vec::new())
    }

    /// The head of the current release of each target that has one: see [`crate::history::current`]. Makes as few
    /// calls as the store allows, because many targets are read at once. Where the newest head of a target
    /// cannot be read, only that target gets a failure.
    async fn current(&self, targets: &[Target]) -> Result<BTreeMap<Target, Result<ReleaseRecord>>>;

    /// One release with its entries.
    async fn release(&self, target: &Target, id: ReleaseId) -> Result<Option<Recorded>>;

    /// One release with the entries that can be read, and a failure for each entry that is missing or cannot be read.
    /// Only for the archive and `history verify`: a driver resumes a release only if it is complete.
    async fn as_stored(
        &self,
        target: &Target,
        id: ReleaseId,
    ) -> Result<Option<(Recorded, Vec<Failure>)>> {
        let whole = self.release(target, id).await?;
        Ok(whole.map(|recorded| (recorded, Vec::new())))
    }

    /// One hold or repair, including ones that have ended.
    async fn beside(&self, target: &Target, id: ReleaseId) -> Result<Option<AuditRecord>>;

    /// The seals of a target's finished records; empty if the store keeps none.
    async fn seals(&self, _target: &Target) -> Result<BTreeMap<ReleaseId, Seal>> {
        Ok(BTreeMap::new())
    }

    /// The newest holds of a target, newest first, including ended ones. Unreadable ones are skipped.
    async fn holds(&self, _target: &Target, _limit: usize) -> Result<Vec<HoldRecord>> {
        Ok(Vec::new())
    }

    /// The newest repairs of a target, newest first. Those that only a newer Greenroom can read are skipped.
    async fn repairs(&self, _target: &Target, _limit: usize) -> Result<Vec<RepairRecord>> {
        Ok(Vec::new())
    }
}

/// Writes the journal. A write is durable when it returns. Repeating a write with the same content changes nothing;
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

    /// Writes a repair, or its result so far. A closed repair stays as it is.
    /// [`FailureKind::Unsupported`] if the store cannot keep repairs: then nothing is repaired.
    async fn repair(&self, record: &RepairRecord, _fence: &Fence) -> Result<()> {
        Err(Failure::new(
            FailureKind::Unsupported,
            "the journal",
            format!("writing down a repair of {}", record.target),
            "it cannot keep repairs",
        ))
    }
}
