//! Image registries: the tags of a repository, and the version that a tag or digest names.

use async_trait::async_trait;

use super::Result;
use crate::inventory::{Digest, ImageTag, Version, VersionRef};

#[async_trait]
pub trait Images: Send + Sync {
    /// The name of a repository's image registry in messages.
    fn address(&self, repository: &str) -> String {
        format!("the image registry of {repository}")
    }

    /// The tags of a repository, in the registry's order.
    async fn tags(&self, repository: &str) -> Result<Vec<ImageTag>>;

    /// The version that a reference names at the moment: its digest and labels. A missing image is
    /// [`super::FailureKind::Missing`].
    async fn resolve(&self, repository: &str, reference: &VersionRef) -> Result<Version>;

    /// The digest that a tag names at the moment. The call may cost less than [`Images::resolve`], and the
    /// digest is not verified.
    async fn digest_of(&self, repository: &str, tag: &str) -> Result<Digest> {
        let reference = VersionRef::Tag(tag.to_owned());
        Ok(self.resolve(repository, &reference).await?.digest)
    }
}
