//! Holds: what stops promotes of a target. Placed and cleared by people, also while somebody drives it, so
//! that no lock is needed; each compares what stood.

use async_trait::async_trait;

use super::Result;
use crate::inventory::{Cleared, Hold, Target};

/// Places and clears holds. Each is written down for good, too, in the same transaction: see
/// [`JournalReader::holds`](super::JournalReader::holds).
#[async_trait]
pub trait Holds: Send + Sync {
    /// Places a hold, where none stands at `hold.since`. The one that does is the answer; none where it is
    /// ours now. What cannot be read stands, and is a conflict.
    async fn place(&self, target: &Target, hold: &Hold) -> Result<Option<Hold>>;

    /// Clears exactly this hold, and keeps by whom; a conflict where another stands, or none.
    async fn clear(&self, target: &Target, hold: &Hold, cleared: &Cleared) -> Result<()>;

    /// Places `next` instead of exactly this hold, in one transaction, and keeps who has ended this one: there is no
    /// moment without a hold. A conflict where another hold exists, or none.
    async fn replace(
        &self,
        target: &Target,
        hold: &Hold,
        cleared: &Cleared,
        next: &Hold,
    ) -> Result<()>;

    /// Removes a hold that cannot be read, if it is still the one of that revision, and keeps `record`, which says what
    /// was removed and by whom. A conflict where another hold exists, where this one can be read, or none exists.
    async fn remove_unreadable(&self, target: &Target, revision: i64, record: &Hold) -> Result<()>;
}
