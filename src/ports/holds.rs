//! Holds stop promotes of a target. Operators place and clear holds even while a release is running, so these calls
//! need no lock. Each call changes a hold only if it is still the hold that the caller has read.

use async_trait::async_trait;

use super::Result;
use crate::inventory::{Cleared, Hold, Target};

/// Places and clears holds. The same transaction also writes a permanent record of the change: see
/// [`JournalReader::holds`](super::JournalReader::holds).
#[async_trait]
pub trait Holds: Send + Sync {
    /// Places a hold unless another hold is in force at `hold.since`. Returns that other hold, or none if this hold
    /// was placed. It is a conflict if the existing hold cannot be read.
    async fn place(&self, target: &Target, hold: &Hold) -> Result<Option<Hold>>;

    /// Clears exactly this hold and records who cleared it. It is a conflict if the target has another hold or none.
    async fn clear(&self, target: &Target, hold: &Hold, cleared: &Cleared) -> Result<()>;

    /// Replaces exactly this hold with `next`, and records who ended it. One transaction does both, so the target is
    /// never without a hold. It is a conflict if the target has another hold or none.
    async fn replace(
        &self,
        target: &Target,
        hold: &Hold,
        cleared: &Cleared,
        next: &Hold,
    ) -> Result<()>;

    /// Removes a hold that cannot be read, if its revision is still `revision`, and stores `record`, which says what
    /// was removed and by whom. It is a conflict if the hold has changed, can be read, or does not exist.
    async fn remove_unreadable(&self, target: &Target, revision: i64, record: &Hold) -> Result<()>;
}
