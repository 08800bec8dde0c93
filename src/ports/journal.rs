//! The journal: the record of each release, written while it runs, so that another driver can resume the release.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Failure, FailureKind, Fence, Result};
use crate::history::{AuditRecord, Entry, HoldRecord, Recorded, ReleaseRecord, RepairRecord, Seal};
use crate::inventory::{ReleaseId, Target};

#[async_trait]
pub trait JournalReader: Send + Sync {
    /// The records of a target's newest releases, without their entries, newest first.
    async fn releases(&self, target: &Target, limit: usize) -> Result<Vec<ReleaseRecord>>;

    /// The records of the releases older than `before`, without their entries, newest first, so that a long journal can
    /// be read in parts. An empty list means that no older release exists.
    async fn releases_before(
        &self,
        target: &Target,
        before: ReleaseId,
        limit: usize,
    ) -> Result<Vec<ReleaseRecord>>;

    /// Searches the newest `limit` releases. Returns the releases with a record that cannot be read, newest first, each
    /// with the reason. [`JournalReader::releases`] skips these releases. A key that names no release is not listed.
    async fn unreadable(
        &self,
        _target: &Target,
        _limit: usize,
    ) -> Result<Vec<(ReleaseId, Failure)>> {
        Ok(Vec::new())
    }

    /// The record of the current release of each target that has one: see [`crate::history::current`]. Many targets are
    /// read together, so an adapter makes as few calls as its store allows. If the newest record of a target cannot be
    /// read, only that target gets a failure.
    async fn current(&self, targets: &[Target]) -> Result<BTreeMap<Target, Result<ReleaseRecord>>>;

    /// One release with its entries.
    async fn release(&self, target: &Target, id: ReleaseId) -> Result<Option<Recorded>>;

    /// One release with the entries that can be read, and a failure for each entry that is missing or cannot be read. A
    /// driver does not use this call: it resumes a release only if every entry can be read.
    async fn as_stored(
        &self,
        target: &Target,
        id: ReleaseId,
    ) -> Result<Option<(Recorded, Vec<Failure>)>> {
        let whole = self.release(target, id).await?;
        Ok(whole.map(|recorded| (recorded, Vec::new())))
    }

    /// The hold or repair with this id, even if it has ended.
    async fn audit_record(&self, target: &Target, id: ReleaseId) -> Result<Option<AuditRecord>>;

    /// The seals of a target's finished records; empty if the store has no seals.
    async fn seals(&self, _target: &Target) -> Result<BTreeMap<ReleaseId, Seal>> {
        Ok(BTreeMap::new())
    }

    /// The newest holds of a target, newest first, including ended ones. A hold that cannot be read is skipped.
    async fn holds(&self, _target: &Target, _limit: usize) -> Result<Vec<HoldRecord>> {
        Ok(Vec::new())
    }

    /// The newest repairs of a target, newest first. A repair that this Greenroom cannot read is skipped.
    async fn repairs(&self, _target: &Target, _limit: usize) -> Result<Vec<RepairRecord>> {
        Ok(Vec::new())
    }
}

/// Writes the journal. A write is durable when it returns. Repeating a write with the same content changes nothing. A
/// release can be closed once, and an open repair can be updated. Any other write of different content under the same
/// id or number is a conflict.
#[async_trait]
pub trait JournalWriter: Send + Sync {
    /// Writes the record of a release. A record without an outcome opens the release; a record with an outcome closes
    /// the release.
    async fn head(&self, record: &ReleaseRecord, fence: &Fence) -> Result<()>;

    async fn append(
        &self,
        target: &Target,
        release: ReleaseId,
        entry: &Entry,
        fence: &Fence,
    ) -> Result<()>;

    /// Writes a repair, or its result so far. A closed repair can no longer be changed. The failure is
    /// [`FailureKind::Unsupported`] if the store cannot record repairs. The caller must then repair nothing.
    async fn repair(&self, record: &RepairRecord, _fence: &Fence) -> Result<()> {
        Err(Failure::new(
            FailureKind::Unsupported,
            "the journal",
            format!("recording a repair of {}", record.target),
            "the store cannot record repairs",
        ))
    }
}
