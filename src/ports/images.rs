//! Where images come from: an image registry.

use async_trait::async_trait;

use super::Result;
use crate::inventory::{ImageTag, Version, VersionRef};

/// Looks at images.
#[async_trait]
pub trait Images: Send + Sync {
    /// Which image registry is asked for a repository.
    fn address(&self, repository: &str) -> String {
        format!("the image registry of {repository}")
    }

    /// The tags of a repository, in the registry's order.
    async fn tags(&self, repository: &str) -> Result<Vec<ImageTag>>;

    /// What a reference names now: its digest and its labels. A missing one is
    /// [`super::FailureKind::Missing`].
    async fn resolve(&self, repository: &str, reference: &VersionRef) -> Result<Version>;
}
