//! The manifest of an image, and the image's configuration.

use reqwest::StatusCode;
use serde::Deserialize;

use super::Lookup;
use super::get::{Kind, Permit};
use super::labels::labels_in;
use crate::inventory::{Digest, ImageLabels, VersionRef};
use crate::ports::{FailureKind, Result};

pub(super) const MANIFEST: Kind = Kind {
    name: "manifest",
    accept: "application/vnd.docker.distribution.manifest.v2+json, \
             application/vnd.docker.distribution.manifest.list.v2+json, \
             application/vnd.oci.image.manifest.v1+json, \
             application/vnd.oci.image.index.v1+json",
    // The limit of registries:
    // <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests>.
    largest: 4 * 1024 * 1024,
};
const CONFIGURATION: Kind = Kind {
    name: "image configuration",
    accept: "",
    largest: 4 * 1024 * 1024,
};

/// A manifest or an index. Registries may omit the media type, so the fields show whether this is a manifest or an
/// index.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    /// Only the manifest of an image has this field.
    config: Option<Descriptor>,
    /// Only an index has this field.
    manifests: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    architecture: String,
    os: String,
}

impl Platform {
    /// Whether Docker on this machine can run an image for this platform. Docker runs images on Linux, even if this
    /// machine runs another system. Images use Go's names of architectures.
    fn is_ours(&self) -> bool {
        let own = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        self.os == "linux" && self.architecture == own
    }
}

impl Lookup<'_> {
    /// The digest of the reference, and the labels of the image for this machine. If the reference names an index, the
    /// result is the digest of the index, because Docker pulls and remembers that digest.
    pub(super) async fn digest_and_labels(
        &self,
        reference: &VersionRef,
    ) -> Result<(Digest, ImageLabels)> {
        let permit = self.permit().await?;
        let (manifest, digest) = self.manifest(reference, &permit).await?;
        if let Some(config) = manifest.config {
            return Ok((digest, self.labels(&config, &permit).await?));
        }
        let Some(index) = manifest.manifests else {
            let message = "the manifest has no configuration and no list of images";
            return Err(self.failure(FailureKind::Garbled, message));
        };
        let is_ours = |entry: &&Descriptor| entry.platform.as_ref().is_some_and(Platform::is_ours);
        let Some(chosen) = index.iter().find(is_ours) else {
            return Ok((digest, ImageLabels::default()));
        };
        let chosen = chosen.digest.parse();
        let chosen = chosen
            .map_err(|_| self.failure(FailureKind::Garbled, "the index has a malformed digest"))?;
        let (inner, _) = self.manifest(&VersionRef::Digest(chosen), &permit).await?;
        let Some(config) = inner.config else {
            let message = "the index names another index, which is not supported";
            return Err(self.failure(FailureKind::Unsupported, message));
        };
        Ok((digest, self.labels(&config, &permit).await?))
    }

    /// The digest that the registry announces for a tag, without the manifest. If the registry announces none, the
    /// digest of the manifest.
    pub(super) async fn announced_digest(&self, tag: &str) -> Result<Digest> {
        let permit = self.permit().await?;
        let url = self.url(&format!("manifests/{tag}"))?;
        let answer = self.head(&url, &permit, &MANIFEST).await?;
        let announced = answer.headers.get("Docker-Content-Digest").cloned();
        let status = answer.status;
        if status != StatusCode::METHOD_NOT_ALLOWED {
            self.successful_body(answer)?;
        }
        let announced = announced
            .as_ref()
            .and_then(|it| it.to_str().ok()?.parse().ok());
        if let Some(digest) = announced {
            return Ok(digest);
        }
        let reference = VersionRef::Tag(tag.to_owned());
        Ok(self.manifest(&reference, &permit).await?.1)
    }

    async fn manifest(&self, wanted: &VersionRef, permit: &Permit) -> Result<(Manifest, Digest)> {
        let (path, requested) = match wanted {
            VersionRef::Tag(tag) => (tag.as_str(), None),
            VersionRef::Digest(digest) => (digest.as_str(), Some(digest.as_str())),
        };
        let url = self.url(&format!("manifests/{path}"))?;
        let answer = self.get(&url, permit, &MANIFEST).await?;
        let named = answer.headers.get("Docker-Content-Digest").cloned();
        let body = self.successful_body(answer)?;
        let digest = Digest::of(&body);
        let named = named
            .as_ref()
            .map(|named| named.to_str().unwrap_or("not a digest"));
        // A digest with another algorithm cannot be compared.
        let named = named.filter(|named| !named.starts_with("sha512:"));
        for other in [requested, named].into_iter().flatten() {
            self.check_digest(&digest, other)?;
        }
        let manifest: Manifest = serde_json::from_slice(&body).map_err(|error| {
            let message = format!("the manifest cannot be read: {error}");
            self.failure(FailureKind::Garbled, &message)
        })?;
        if manifest.schema_version != 2 {
            let message = format!(
                "the manifest has schema version {}, but only version 2 is supported",
                manifest.schema_version
            );
            return Err(self.failure(FailureKind::Unsupported, &message));
        }
        Ok((manifest, digest))
    }

    async fn labels(&self, config: &Descriptor, permit: &Permit) -> Result<ImageLabels> {
        let malformed =
            |_| self.failure(FailureKind::Garbled, "the manifest has a malformed digest");
        let digest: Digest = config.digest.parse().map_err(malformed)?;
        let url = self.url(&format!("blobs/{digest}"))?;
        let body = self.successful_body(self.get(&url, permit, &CONFIGURATION).await?)?;
        self.check_digest(&Digest::of(&body), digest.as_str())?;
        labels_in(&body).map_err(|error| {
            let message = format!("the image's configuration cannot be read: {error}");
            self.failure(FailureKind::Garbled, &message)
        })
    }

    fn check_digest(&self, found: &Digest, named: &str) -> Result<()> {
        if found.as_str() == named {
            return Ok(());
        }
        let message =
            format!("the answer has the digest {found}, but {named} was requested or announced");
        Err(self.failure(FailureKind::Garbled, &message))
    }
}
