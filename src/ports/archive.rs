//! The archive: every release that this user's consoles have seen, for browsing without a network. It is a copy.
//! No decision is made from it, and nothing shown as running comes from it.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;

use super::Result;
use crate::history::{
    AuditRecord, CandidateLog, Filter, Kept, KeptAudit, Listed, Pruning, Recorded, ReleaseRecord,
    Retention,
};
use crate::inventory::{ReleaseId, Target};

/// A range of release ids, both ends excluded; `None` is an open end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Within {
    /// Newer than this one.
    pub after: Option<ReleaseId>,
    /// Older than this one.
    pub before: Option<ReleaseId>,
}

/// Reads the archive.
#[async_trait]
pub trait ArchiveReader: Send + Sync {
    /// Lists the releases that match a filter, newest first, starting after `before`.
    async fn list(
        &self,
        filter: &Filter,
        before: Option<ReleaseId>,
        limit: usize,
    ) -> Result<Vec<Listed>>;

    /// One release, with everything that is kept of it.
    async fn release(&self, id: ReleaseId) -> Result<Option<Kept>>;

    /// The releases whose id matches the typed text, newest first: see [`ReleaseId::is_meant_by`].
    async fn named(&self, typed: &str, limit: usize) -> Result<Vec<ReleaseId>>;

    /// The heads of these releases, as far as they are kept.
    async fn heads(&self, ids: &[ReleaseId]) -> Result<BTreeMap<ReleaseId, ReleaseRecord>>;

    /// The releases of a target that are kept without an outcome.
    async fn unfinished(&self, target: &Target) -> Result<Vec<ReleaseId>>;

    /// The newest release up to which a target's journal was read completely.
    async fn seen_up_to(&self, target: &Target) -> Result<Option<ReleaseId>>;

    /// The log of a release's candidate, if it is kept.
    async fn log(&self, id: ReleaseId) -> Result<Option<CandidateLog>>;

    /// Lists the holds and repairs that match a filter, newest first.
    async fn audit(&self, filter: &Filter, within: Within, limit: usize) -> Result<Vec<KeptAudit>>;

    /// The holds and repairs whose id matches the typed text, newest first.
    async fn audit_named(&self, typed: &str, limit: usize) -> Result<Vec<KeptAudit>>;

    /// Which of these releases were kept once and have been pruned.
    async fn forgotten(&self, ids: &[ReleaseId]) -> Result<BTreeSet<ReleaseId>>;

    /// What `prune` would remove at `now`. Changes nothing.
    async fn prunable(&self, retention: &Retention, now: Timestamp) -> Result<Pruning>;
}

/// Writes to the archive. Writing the same record again changes nothing. Where a journal later differs from the
/// copy, the first copy stays and the difference is noted.
#[async_trait]
pub trait ArchiveWriter: Send + Sync {
    /// Keeps releases, all or none of them.
    async fn keep(&self, releases: Vec<Recorded>) -> Result<()>;

    /// Notes that a target's journal was read completely up to this release.
    async fn note_seen_up_to(&self, target: &Target, id: ReleaseId) -> Result<()>;

    /// Keeps the log of a release's candidate. Of two logs, the one with more lines is kept. The log may arrive
    /// before the release.
    async fn keep_log(&self, id: ReleaseId, log: &CandidateLog) -> Result<()>;

    /// Keeps holds and repairs. Returns how many of them were new or changed. Where a record contradicts the kept one
    /// instead of completing it, the difference is noted.
    async fn keep_audit(&self, records: Vec<AuditRecord>) -> Result<usize>;

    /// Removes these records for good: they are not kept again. The freed space can be reused.
    async fn prune(&self, pruning: &Pruning) -> Result<()>;
}
