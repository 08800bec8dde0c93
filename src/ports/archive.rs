//! Where every release that was ever seen is kept for browsing, without a network. A copy: nothing
//! is decided from it, and nothing that is shown as running comes from it.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;

use super::Result;
use crate::history::{
    AuditRecord, CandidateLog, Filter, Kept, KeptAudit, Listed, Pruning, Recorded, ReleaseRecord,
    Retention,
};
use crate::inventory::{ReleaseId, Target};

/// Between which ids, both left out; none for no end there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Within {
    /// Newer than this one.
    pub after: Option<ReleaseId>,
    /// Older than this one.
    pub before: Option<ReleaseId>,
}

/// Reads what is kept.
#[async_trait]
pub trait ArchiveReader: Send + Sync {
    /// Releases that a filter lets through, newest first, from the one before `before` on.
    async fn list(
        &self,
        filter: &Filter,
        before: Option<ReleaseId>,
        limit: usize,
    ) -> Result<Vec<Listed>>;

    /// One release, with all that is kept of it.
    async fn release(&self, id: ReleaseId) -> Result<Option<Kept>>;

    /// The releases whose id an operator means by the typed text, newest first: see [`ReleaseId::is_meant_by`].
    async fn named(&self, typed: &str, limit: usize) -> Result<Vec<ReleaseId>>;

    /// The heads of those of these releases that are kept.
    async fn heads(&self, ids: &[ReleaseId]) -> Result<BTreeMap<ReleaseId, ReleaseRecord>>;

    /// The releases of a target that are kept without an end.
    async fn unfinished(&self, target: &Target) -> Result<Vec<ReleaseId>>;

    /// The release up to which a target's journal was once read whole.
    async fn seen_up_to(&self, target: &Target) -> Result<Option<ReleaseId>>;

    /// What the candidate of a release wrote, if that is kept.
    async fn log(&self, id: ReleaseId) -> Result<Option<CandidateLog>>;

    /// Holds and repairs that a filter lets through, newest first.
    async fn audit(&self, filter: &Filter, within: Within, limit: usize) -> Result<Vec<KeptAudit>>;

    /// The holds and repairs whose id an operator means by the typed text, newest first.
    async fn audit_named(&self, typed: &str, limit: usize) -> Result<Vec<KeptAudit>>;

    /// Those of these releases that were kept once and are forgotten.
    async fn forgotten(&self, ids: &[ReleaseId]) -> Result<BTreeSet<ReleaseId>>;

    /// What is to be forgotten at `now`. Changes nothing.
    async fn prunable(&self, retention: &Retention, now: Timestamp) -> Result<Pruning>;
}

/// Keeps what was seen. Keeping the same again changes nothing; what a journal says otherwise later is
/// noted beside what was kept first.
#[async_trait]
pub trait ArchiveWriter: Send + Sync {
    /// Keeps releases, all or none of them.
    async fn keep(&self, releases: Vec<Recorded>) -> Result<()>;

    /// A target's journal was read whole, up to this release.
    async fn note_seen_up_to(&self, target: &Target, id: ReleaseId) -> Result<()>;

    /// Keeps what the candidate of a release wrote; of two that are given, the one with more lines. It may be
    /// kept before its release is.
    async fn keep_log(&self, id: ReleaseId, log: &CandidateLog) -> Result<()>;

    /// Keeps holds and repairs; how many of them said something new. What one says otherwise, and not only
    /// more, is noted beside it.
    async fn keep_audit(&self, records: Vec<AuditRecord>) -> Result<usize>;

    /// Forgets that. What is forgotten is not kept again, and the room it took is there for others.
    async fn prune(&self, pruning: &Pruning) -> Result<()>;
}
