//! Implements [`Images`] for the catalogue of programs.

use async_trait::async_trait;

use super::catalogue::Catalogue;
use crate::inventory::{ImageTag, Version, VersionRef};
use crate::ports::{Failure, FailureKind, Images, Result};
use crate::sanitize::sanitize;

#[async_trait]
impl Images for Catalogue {
    async fn tags(&self, repository: &str) -> Result<Vec<ImageTag>> {
        let mut tags: Vec<ImageTag> = Vec::new();
        let programs = self.read()?;
        for program in programs.iter().filter(|p| p.repository == repository) {
            let tag = ImageTag {
                name: program.tag.clone(),
            };
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        if tags.is_empty() {
            let doing = format!("listing the tags of {repository}");
            return Err(missing(
                &doing,
                "the catalogue does not have this repository",
            ));
        }
        Ok(tags)
    }

    async fn resolve(&self, repository: &str, reference: &VersionRef) -> Result<Version> {
        let is_meant = |tag: &str, digest| match reference {
            VersionRef::Tag(wanted) => wanted == tag,
            VersionRef::Digest(wanted) => wanted == digest,
        };
        // If several programs have the tag, the tag means the last of them, so the search starts at the end.
        let programs = self.read()?;
        let mut versions = programs.iter().rev();
        let found = versions.find(|p| p.repository == repository && is_meant(&p.tag, &p.digest));
        let Some(program) = found else {
            let doing = format!("resolving {repository} {reference}");
            return Err(missing(&doing, "the catalogue does not have this version"));
        };
        let mut version = program.version();
        if matches!(reference, VersionRef::Digest(_)) {
            version.tag = None;
        }
        Ok(version)
    }
}

fn missing(doing: &str, message: &str) -> Failure {
    let target = "the catalogue of programs";
    Failure::new(FailureKind::Missing, target, sanitize(doing), message)
}
