//! Pulls an image by tag or digest, and reports the progress of all layers together.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use bollard::auth::DockerCredentials;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptions;
use futures_util::StreamExt;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Engine;
use super::failure::{Act, oversized, timed_out};
use super::names::is_repository;
use crate::inventory::{ImageReference, Mask, TagOrDigest, Version, registry_host};
use crate::ports::{FailureKind, PullProgress, Result};

/// The longest pause without new data.
pub(super) const IDLE: Duration = Duration::from_mins(1);
/// The most layers for which progress is counted. Images have at most 127 layers, so more layers mean a wrong answer.
const LAYERS: usize = 1024;

/// The name of an image, as Docker takes it.
#[derive(Debug, Clone)]
pub(super) struct ImageName {
    pub(super) repository: String,
    /// A tag or a digest.
    selector: String,
    /// The whole name, e.g. `repository:tag`.
    full: String,
}

impl From<&Version> for ImageName {
    fn from(version: &Version) -> Self {
        Self {
            repository: version.repository.clone(),
            selector: version.digest.to_string(),
            full: version.pinned(),
        }
    }
}

impl From<&ImageReference> for ImageName {
    fn from(image: &ImageReference) -> Self {
        Self {
            repository: image.repository.clone(),
            selector: match &image.named_by {
                TagOrDigest::Tag(tag) => tag.clone(),
                TagOrDigest::Digest(digest) => digest.to_string(),
            },
            full: image.to_string(),
        }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}

impl Engine {
    /// Whether Docker has an image of that name.
    pub(super) async fn has_image(&self, image: &ImageName) -> Result<bool> {
        let doing = format!("looking for {image}");
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
        let docker = self.docker().await?;
        match self
            .quick(Act::Read, &doing, || docker.inspect_image(&image.full))
            .await
        {
            Ok(_) => Ok(true),
            Err(failure) if failure.kind == FailureKind::Missing => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Pulls the image, unless Docker has it. Succeeds only if Docker has the image afterwards.
    pub(super) async fn pull(
        &self,
        image: &ImageName,
        login: Option<(&str, &SecretString)>,
        progress: &mpsc::Sender<PullProgress>,
    ) -> Result<()> {
        if self.has_image(image).await? {
            return Ok(());
        }
        let doing = format!("pulling {image}");
        let options = CreateImageOptions {
            from_image: Some(image.repository.clone()),
            tag: Some(image.selector.clone()),
            ..Default::default()
        };
        let (docker, meter) = self.streaming().await?;
        let mask = Mask::of(login.map(|(_, password)| password.expose_secret()));
        let header = login.map(|(user, password)| header(user, password, &image.repository));
        let mut answers = Box::pin(docker.create_image(Some(options), None, header));
        let mut layers = Layers::default();
        loop {
            let answer = timeout(IDLE, answers.next()).await;
            let Ok(answer) = answer else {
                return Err(timed_out(Act::Write, self.target(), &doing, IDLE));
            };
            let Some(answer) = answer else {
                break;
            };
            let info = answer.map_err(|e| match meter.check() {
                Err(large) => oversized(large, Act::Write, self.target(), &doing),
                Ok(()) => self.describe_error(&e, Act::Write, &doing).masked(&mask),
            })?;
            meter.restart();
            if let Some(so_far) = layers.take(&info) {
                let _ = progress.try_send(so_far);
            }
        }
        if self.has_image(image).await? {
            return Ok(());
        }
        let message = "Docker ended the pull, but does not have the image";
        Err(self.refuse(FailureKind::Ambiguous, doing, message))
    }
}

fn header(user: &str, password: &SecretString, repository: &str) -> DockerCredentials {
    DockerCredentials {
        username: Some(user.to_owned()),
        password: Some(password.expose_secret().to_owned()),
        serveraddress: Some(registry_host(repository).to_owned()),
        ..Default::default()
    }
}

/// The bytes of each layer: received and total.
#[derive(Debug, Default)]
struct Layers(HashMap<String, (u64, u64)>);

impl Layers {
    fn take(&mut self, info: &CreateImageInfo) -> Option<PullProgress> {
        let id = info.id.clone()?;
        match info.status.as_deref()? {
            "Downloading" => {
                let detail = info.progress_detail.as_ref()?;
                let bytes = |n: Option<i64>| n.and_then(|n| n.try_into().ok()).unwrap_or(0);
                let done: u64 = bytes(detail.current);
                if self.0.len() >= LAYERS && !self.0.contains_key(&id) {
                    return None;
                }
                self.0.insert(id, (done, done.max(bytes(detail.total))));
            }
            "Download complete" | "Pull complete" => {
                let (done, total) = self.0.get_mut(&id)?;
                *done = *total;
            }
            _ => return None,
        }
        let layers = self.0.values();
        Some(
            layers.fold(PullProgress::default(), |sum, (done, total)| PullProgress {
                done: sum.done.saturating_add(*done),
                total: sum.total.saturating_add(*total),
            }),
        )
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::ProgressDetail;

    use super::*;

    fn info(id: &str, status: &str, bytes: Option<(i64, i64)>) -> CreateImageInfo {
        CreateImageInfo {
            id: Some(id.into()),
            status: Some(status.into()),
            progress_detail: bytes.map(|(current, total)| ProgressDetail {
                current: Some(current),
                total: Some(total),
            }),
            ..Default::default()
        }
    }

    #[test]
    fn progress_is_summed_over_layers() {
        let mut layers = Layers::default();
        let so_far = |done, total| Some(PullProgress { done, total });
        assert_eq!(layers.take(&info("a", "Pulling fs layer", None)), None);
        assert_eq!(
            layers.take(&info("a", "Downloading", Some((10, 100)))),
            so_far(10, 100)
        );
        assert_eq!(
            layers.take(&info("b", "Downloading", Some((5, 50)))),
            so_far(15, 150)
        );
        assert_eq!(
            layers.take(&info("a", "Download complete", None)),
            so_far(105, 150)
        );
        assert_eq!(
            layers.take(&info("c", "Downloading", Some((7, -1)))),
            so_far(112, 157)
        );
        assert_eq!(layers.take(&info("a", "Extracting", Some((1, 100)))), None);
    }
}
