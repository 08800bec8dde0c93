//! Seals of finished releases, holds and repairs, written under another user than those who drive releases.

use async_trait::async_trait;

use super::Result;
use crate::history::Seal;
use crate::inventory::{ReleaseId, Target};

/// Writes seals. Only a store that separates the rights to write them supports it; elsewhere it is
/// [unsupported](super::FailureKind::Unsupported).
#[async_trait]
pub trait Seals: Send + Sync {
    /// Seals the record with that id for good. A second seal does not replace the first.
    async fn seal(&self, target: &Target, id: ReleaseId, seal: &Seal) -> Result<()>;
}
