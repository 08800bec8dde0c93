//! Where every release that was ever seen is kept for browsing, without a network. A copy: nothing
//! is decided from it, and nothing that is shown as running comes from it.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::Result;
use crate::history::{Filter, Kept, Listed, Recorded, ReleaseRecord};
use crate::inventory::{ReleaseId, Target};

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

    /// The releases whose id begins so, newest first.
    async fn named(&self, beginning: &str, limit: usize) -> Result<Vec<ReleaseId>>;

    /// The heads of those of these releases that are kept.
    async fn heads(&self, ids: &[ReleaseId]) -> Result<BTreeMap<ReleaseId, ReleaseRecord>>;

    /// The releases of a target that are kept without an end.
    async fn unfinished(&self, target: &Target) -> Result<Vec<ReleaseId>>;

    /// The release up to which a target's journal was once read whole.
    async fn seen_up_to(&self, target: &Target) -> Result<Option<ReleaseId>>;
}

/// Keeps what was seen. Keeping the same again changes nothing; what a journal says otherwise later is
/// noted beside what was kept first.
#[async_trait]
pub trait ArchiveWriter: Send + Sync {
    /// Keeps releases, all or none of them.
    async fn keep(&self, releases: Vec<Recorded>) -> Result<()>;

    /// A target's journal was read whole, up to this release.
    async fn note_seen_up_to(&self, target: &Target, id: ReleaseId) -> Result<()>;
}
