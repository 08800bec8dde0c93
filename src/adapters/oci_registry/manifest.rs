//! The manifest of an image, and what the image's configuration says.

use oci_client::Reference;
use oci_client::client::current_platform_resolver;
use oci_client::manifest::{OciImageManifest, OciManifest, Versioned};

use super::Question;
use super::get::{Kind, Permit};
use super::labels::labels_in;
use crate::inventory::{Digest, ImageLabels};
use crate::ports::{FailureKind, Result};

const MANIFEST: Kind = Kind {
    name: "manifest",
    accept: "application/vnd.docker.distribution.manifest.v2+json, \
             application/vnd.docker.distribution.manifest.list.v2+json, \
             application/vnd.oci.image.manifest.v1+json, \
             application/vnd.oci.image.index.v1+json",
    // What registries take: <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests>.
    largest: 4 * 1024 * 1024,
};
const CONFIGURATION: Kind = Kind {
    name: "image configuration",
    accept: "",
    largest: 4 * 1024 * 1024,
};

impl Question<'_> {
    /// The digest of what the reference names (of the index, where it is one: that is what an engine
    /// pulls and remembers), and the labels of the image for this machine.
    pub(super) async fn look(&self) -> Result<(Digest, ImageLabels)> {
        let permit = self.permit().await?;
        let (manifest, digest) = self.manifest(&self.image, &permit).await?;
        let own = match manifest {
            OciManifest::Image(own) => own,
            OciManifest::ImageIndex(index) => {
                let Some(chosen) = current_platform_resolver(&index.manifests) else {
                    return Ok((digest, ImageLabels::default()));
                };
                let chosen: Digest = chosen
                    .parse()
                    .map_err(|_| self.failure(FailureKind::Garbled, "its index is malformed"))?;
                let inner = self.image.clone_with_digest(chosen.to_string());
                let OciManifest::Image(own) = self.manifest(&inner, &permit).await?.0 else {
                    let said = "its index names another index";
                    return Err(self.failure(FailureKind::Unsupported, said));
                };
                own
            }
        };
        Ok((digest, self.labels(&own, &permit).await?))
    }

    async fn manifest(&self, image: &Reference, permit: &Permit) -> Result<(OciManifest, Digest)> {
        let wanted = image.digest().or(image.tag()).unwrap_or("latest");
        let url = self.url(&format!("{}/manifests/{wanted}", image.repository()))?;
        let answer = self.get(&url, permit, &MANIFEST).await?;
        let named = answer.headers.get("Docker-Content-Digest").cloned();
        let body = self.good(answer)?;
        let digest = Digest::of(&body);
        let named = named
            .as_ref()
            .map(|named| named.to_str().unwrap_or("not a digest"));
        // Another algorithm than ours cannot be compared.
        let named = named.filter(|named| !named.starts_with("sha512:"));
        for other in [image.digest(), named].into_iter().flatten() {
            self.is_what_it_says(&digest, other)?;
        }
        let garbled = |error: serde_json::Error| {
            let said = format!("its manifest cannot be read: {error}");
            self.failure(FailureKind::Garbled, &said)
        };
        let version: Versioned = serde_json::from_slice(&body).map_err(garbled)?;
        if version.schema_version != 2 {
            let said = format!("its manifest has version {}, not 2", version.schema_version);
            return Err(self.failure(FailureKind::Unsupported, &said));
        }
        Ok((serde_json::from_slice(&body).map_err(garbled)?, digest))
    }

    async fn labels(&self, own: &OciImageManifest, permit: &Permit) -> Result<ImageLabels> {
        let malformed = |_| self.failure(FailureKind::Garbled, "its manifest is malformed");
        let digest: Digest = own.config.digest.parse().map_err(malformed)?;
        let url = self.url(&format!("{}/blobs/{digest}", self.image.repository()))?;
        let body = self.good(self.get(&url, permit, &CONFIGURATION).await?)?;
        self.is_what_it_says(&Digest::of(&body), digest.as_str())?;
        labels_in(&body).map_err(|error| {
            let said = format!("the image's configuration cannot be read: {error}");
            self.failure(FailureKind::Garbled, &said)
        })
    }

    fn is_what_it_says(&self, found: &Digest, named: &str) -> Result<()> {
        if found.as_str() == named {
            return Ok(());
        }
        let said = format!("its answer is not what its digest says: {found}, not {named}");
        Err(self.failure(FailureKind::Garbled, &said))
    }
}
