//! The archive: a local copy of the releases that the consoles of this user have read, for browsing without a network.
//! Greenroom bases no decision on the archive, and shows nothing in it as running.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;

use super::Result;
use crate::history::{
    AuditRecord, Filter, Kept, KeptAudit, KeptLog, Listed, Pruning, Recorded, ReleaseRecord,
    Retention,
};
use crate::inventory::{ReleaseId, Target};

/// A range of ids of releases, holds or repairs. Both ends are excluded; `None` is an open end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Within {
    /// Only ids newer than this id.
    pub after: Option<ReleaseId>,
    /// Only ids older than this id.
    pub before: Option<ReleaseId>,
}

#[async_trait]
pub trait ArchiveReader: Send + Sync {
    /// Lists the releases that match a filter and are older than `before`, newest first.
    async fn list(
        &self,
        filter: &Filter,
        before: Option<ReleaseId>,
        limit: usize,
    ) -> Result<Vec<Listed>>;

    /// One release with everything that the archive has about it, except its log. None if the archive does not have the
    /// release.
    async fn release(&self, id: ReleaseId) -> Result<Option<Kept>>;

    /// The releases with an id that matches the typed text, newest first: see [`ReleaseId::is_meant_by`].
    async fn named(&self, typed: &str, limit: usize) -> Result<Vec<ReleaseId>>;

    /// The records of these releases, without their entries. A release that the archive does not have is left out.
    async fn heads(&self, ids: &[ReleaseId]) -> Result<BTreeMap<ReleaseId, ReleaseRecord>>;

    /// The releases of a target that have no outcome in the archive.
    async fn unfinished(&self, target: &Target) -> Result<Vec<ReleaseId>>;

    /// The newest release up to which a target's journal was read completely.
    async fn seen_up_to(&self, target: &Target) -> Result<Option<ReleaseId>>;

    /// The logs of a release's candidate and tasks, in the order in which they began.
    async fn logs(&self, id: ReleaseId) -> Result<Vec<KeptLog>>;

    /// Lists the holds and repairs that match a filter, newest first.
    async fn audit(&self, filter: &Filter, within: Within, limit: usize) -> Result<Vec<KeptAudit>>;

    /// The holds and repairs with an id that matches the typed text, newest first.
    async fn audit_named(&self, typed: &str, limit: usize) -> Result<Vec<KeptAudit>>;

    /// Those of `ids` that were in the archive and have been pruned.
    async fn forgotten(&self, ids: &[ReleaseId]) -> Result<BTreeSet<ReleaseId>>;

    /// The records that `retention` no longer keeps at `now`, for [`ArchiveWriter::prune`]. Changes nothing.
    async fn prunable(&self, retention: &Retention, now: Timestamp) -> Result<Pruning>;
}

/// Writes to the archive. Writing the same record again changes nothing. If a journal later differs from the copy, the
/// first copy remains and the archive notes the difference.
#[async_trait]
pub trait ArchiveWriter: Send + Sync {
    /// Copies releases into the archive, all or none of them.
    async fn keep(&self, releases: Vec<Recorded>) -> Result<()>;

    /// Notes that a target's journal was read completely up to this release.
    async fn note_seen_up_to(&self, target: &Target, id: ReleaseId) -> Result<()>;

    /// Copies a log of a release into the archive. If the archive already has a log of this owner, the log with more
    /// lines remains. The log may arrive before the release.
    async fn keep_log(&self, id: ReleaseId, log: &KeptLog) -> Result<()>;

    /// Copies holds and repairs into the archive, and returns how many of them were new or changed. If a record
    /// contradicts the copy instead of completing it, the archive notes the difference.
    async fn keep_audit(&self, records: Vec<AuditRecord>) -> Result<usize>;

    /// Removes these records for good: a later copy does not add them again. The archive reuses the freed space.
    async fn prune(&self, pruning: &Pruning) -> Result<()>;
}
