//! Holds stop promotes of a target. People place and clear them, even while a release is being driven, so
//! no lock is needed. Each call compares the hold that exists.

use async_trait::async_trait;

use super::Result;
use crate::inventory::{Cleared, Hold, Target};

/// Places and clears holds. Each change is also recorded for good, in the same transaction: see
/// [`JournalReader::holds`](super::JournalReader::holds).
#[async_trait]
pub trait Holds: Send + Sync {
    /// Places a hold if none exists at `hold.since`. Returns the hold that exists instead; none if ours was
    /// placed. A hold that cannot be read counts as existing, and is a conflict.
    async fn place(&self, target: &Target, hold: &Hold) -> Result<Option<Hold>>;

    /// Clears exactly this hold and records who cleared it. A conflict if another hold exists, or none.
    async fn clear(&self, target: &Target, hold: &Hold, cleared: &Cleared) -> Result<()>;

    /// Replaces exactly this hold by `next` in one transaction and records who ended the old one: there is no
    /// moment without a hold. A conflict if another hold exists, or none.
    async fn replace(
        &self,
        target: &Target,
        hold: &Hold,
        cleared: &Cleared,
        next: &Hold,
    ) -> Result<()>;

    /// Removes a hold that cannot be read, if it still has that revision, and keeps `record`, which says what was
    /// removed and by whom. A conflict if another hold exists, if this one can be read, or if none exists.
    async fn remove_unreadable(&self, target: &Target, revision: i64, record: &Hold) -> Result<()>;
}
