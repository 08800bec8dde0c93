//! Lists and removes Docker's images. An image is removed by its repository and digest, so its names in other
//! repositories remain. Removal is never forced, so Docker refuses to remove an image in use.

use std::collections::HashMap;

use bollard::query_parameters::{ListImagesOptions, RemoveImageOptions};

use super::Engine;
use super::failure::Act;
use super::names::{is_repository, without_docker_hub};
use super::write::SLOW;
use crate::inventory::EngineImage;
use crate::ports::{FailureKind, Result};

impl Engine {
    pub(super) async fn images(&self, repository: &str) -> Result<Vec<EngineImage>> {
        let doing = format!("listing the images of {repository}");
        let filters = HashMap::from([("reference".to_owned(), vec![repository.to_owned()])]);
        let options = ListImagesOptions {
            filters: Some(filters),
            digests: true,
            ..Default::default()
        };
        let docker = self.docker().await?;
        let call = || docker.list_images(Some(options.clone()));
        let listed = self.quick(Act::Read, &doing, call).await?;
        let mut images = Vec::new();
        for summary in listed {
            let digests = summary.repo_digests.iter();
            for (name, digest) in digests.filter_map(|name| name.split_once('@')) {
                if without_docker_hub(name) != without_docker_hub(repository) {
                    continue;
                }
                // An image with a digest of an unknown kind is skipped.
                let Ok(digest) = digest.parse() else { continue };
                images.push(EngineImage {
                    repository: repository.to_owned(),
                    digest,
                    size: u64::try_from(summary.size).unwrap_or_default(),
                });
            }
        }
        Ok(images)
    }

    pub(super) async fn remove_image(&self, image: &EngineImage) -> Result<()> {
        let doing = format!("removing the image {}", image.digest.short());
        if !is_repository(&image.repository) {
            return Err(self.refuse(
                FailureKind::Rejected,
                doing,
                format!(
                    "the name of the repository {:?} is not valid: correct it in the configuration",
                    image.repository
                ),
            ));
        }
        let name = format!("{}@{}", image.repository, image.digest);
        let options = RemoveImageOptions {
            force: false,
            noprune: false,
            ..Default::default()
        };
        let docker = self.docker().await?;
        let call = || docker.remove_image(&name, Some(options.clone()), None);
        match self.within(SLOW, Act::Write, &doing, call).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.kind == FailureKind::Missing => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}
