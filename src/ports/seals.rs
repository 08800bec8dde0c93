//! Where releases, holds and repairs that are over are sealed by somebody else than those who drive.

use async_trait::async_trait;

use super::Result;
use crate::history::Seal;
use crate::inventory::{ReleaseId, Target};

/// Seals. Only a store that keeps apart who may write what has a place for them; elsewhere it is
/// [unsupported](super::FailureKind::Unsupported).
#[async_trait]
pub trait Seals: Send + Sync {
    /// Seals what has that id once and for all; of two seals the first one stays.
    async fn seal(&self, target: &Target, id: ReleaseId, seal: &Seal) -> Result<()>;
}
