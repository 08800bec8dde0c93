//! Seals of finished releases, holds and repairs. The user who writes seals is not a user who drives releases.

use async_trait::async_trait;

use super::Result;
use crate::history::Seal;
use crate::inventory::{ReleaseId, Target};

/// Writes seals. This is only possible in a store that has a separate permission for seals; in other stores the failure
/// is [unsupported](super::FailureKind::Unsupported).
#[async_trait]
pub trait Seals: Send + Sync {
    /// Seals the record with that id for good. A second seal does not replace the first.
    async fn seal(&self, target: &Target, id: ReleaseId, seal: &Seal) -> Result<()>;
}
