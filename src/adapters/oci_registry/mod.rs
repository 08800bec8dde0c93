//! An image registry over the distribution API, by `oci-client`: tags, and what a reference names
//! now. What a registry says about an image is untrusted text. Must not know engines or releases.

mod access;
mod failure;
mod labels;
mod tags;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use oci_client::client::current_platform_resolver;
use oci_client::errors::OciDistributionError;
use oci_client::manifest::{OciImageManifest, OciManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use self::access::{Access, Accesses};
use self::failure::in_words;
use self::labels::labels_in;
use super::outbound_proxy::OutboundProxy;
use crate::harmless::harmless;
use crate::inventory::{Digest, ImageLabels, ImageTag, Version, VersionRef};
use crate::ports::{Credentials, Failure, FailureKind, Images, Result, registry_host};

/// Where Docker looks for the authorities of registries: a directory for each `host[:port]`, and in it files that end
/// in `.crt`.
pub const DOCKER_CERTIFICATES: &str = "/etc/docker/certs.d";

/// How long one question may take, with all the requests it needs.
const DEADLINE: Duration = Duration::from_secs(10);
/// The largest image configuration that is read.
const LARGEST_CONFIG: u64 = 4 * 1024 * 1024;

/// Looks at the images of any registry.
pub struct OciRegistry {
    credentials: BTreeMap<String, Credentials>,
    accesses: Accesses,
    deadline: Duration,
}

impl fmt::Debug for OciRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OciRegistry")
            .field("plain", &self.accesses.plain)
            .finish_non_exhaustive()
    }
}

/// One question to one registry.
struct Question<'a> {
    access: Arc<Access>,
    auth: RegistryAuth,
    host: &'a str,
    doing: String,
    deadline: Duration,
}

impl OciRegistry {
    /// Asks registries with the credentials of their `host[:port]` (`docker.io` for the default
    /// one), if there are any; without TLS the hosts in `plain`, and those on this machine's loopback that do not speak
    /// TLS.
    pub fn new(credentials: BTreeMap<String, Credentials>, plain: BTreeSet<String>) -> Self {
        Self {
            credentials,
            accesses: Accesses::without_tls(plain),
            deadline: DEADLINE,
        }
    }

    /// The same with another deadline for a question.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The same, trusting also the authorities in these PEM files, each for one host.
    #[must_use]
    pub fn with_authorities(mut self, authorities: BTreeMap<String, PathBuf>) -> Self {
        self.accesses.authorities = authorities;
        self
    }

    /// The same, trusting also what is in these directories, which are made like [`DOCKER_CERTIFICATES`].
    #[must_use]
    pub fn with_docker_certificates(mut self, directories: Vec<PathBuf>) -> Self {
        self.accesses.docker_certificates = directories;
        self
    }

    /// The same, through these forward proxies.
    #[must_use]
    pub fn through(mut self, proxy: OutboundProxy) -> Self {
        self.accesses.proxy = proxy;
        self
    }

    async fn ask<'a>(&'a self, repository: &'a str, doing: String) -> Result<Question<'a>> {
        let host = registry_host(repository);
        let access = match timeout(self.deadline, self.accesses.of(host)).await {
            Ok(Ok(access)) => access,
            Ok(Err(said)) => return Err(failure(FailureKind::Rejected, host, None, &doing, &said)),
            Err(_) => {
                let said = too_late(self.deadline);
                return Err(failure(FailureKind::Unreachable, host, None, &doing, &said));
            }
        };
        let auth = match self.credentials.get(host) {
            Some(known) => {
                let password = known.password.expose_secret().to_owned();
                RegistryAuth::Basic(known.user.clone(), password)
            }
            None => RegistryAuth::Anonymous,
        };
        Ok(Question {
            access,
            auth,
            host,
            doing,
            deadline: self.deadline,
        })
    }
}

#[async_trait]
impl Images for OciRegistry {
    async fn tags(&self, repository: &str) -> Result<Vec<ImageTag>> {
        let doing = format!("listing the tags of {repository}");
        let question = self.ask(repository, doing).await?;
        question.tags(&question.reference(repository)?).await
    }

    async fn resolve(&self, repository: &str, reference: &VersionRef) -> Result<Version> {
        let (whole, tag) = match reference {
            VersionRef::Tag(tag) => (format!("{repository}:{tag}"), Some(tag.clone())),
            VersionRef::Digest(digest) => (format!("{repository}@{digest}"), None),
        };
        let question = self.ask(repository, format!("resolving {whole}")).await?;
        let named = question.reference(&whole)?;
        let (digest, labels) = question.within(question.look(&named)).await?;
        Ok(Version {
            repository: repository.to_owned(),
            tag,
            digest,
            labels,
        })
    }
}

fn is_tag(name: &str) -> bool {
    matches!(name.parse(), Ok(VersionRef::Tag(_)))
}

fn too_late(deadline: Duration) -> String {
    format!("no answer within {deadline:?}")
}

fn failure(
    kind: FailureKind,
    host: &str,
    through: Option<&str>,
    doing: &str,
    said: &str,
) -> Failure {
    let through = through.map(|proxy| format!(" through the proxy {proxy}"));
    let place = format!("image registry {host}{}", through.unwrap_or_default());
    Failure::new(
        kind,
        harmless(&place),
        harmless(doing),
        harmless(&failure::cut(said)),
    )
}

impl Question<'_> {
    fn failure(&self, kind: FailureKind, said: &str) -> Failure {
        let through = self.access.through.as_deref();
        failure(kind, self.host, through, &self.doing, said)
    }

    fn reference(&self, text: &str) -> Result<Reference> {
        text.parse().map_err(|e: oci_client::ParseError| {
            self.failure(FailureKind::Rejected, &e.to_string())
        })
    }

    /// The whole answer within the deadline. A panic of the client library over a hostile answer
    /// is an answer that cannot be understood.
    async fn within<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        match timeout(self.deadline, AssertUnwindSafe(answer).catch_unwind()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(self.failure(FailureKind::Garbled, "its answer cannot be handled")),
            Err(_) => Err(self.failure(FailureKind::Unreachable, &too_late(self.deadline))),
        }
    }

    fn worded(&self, error: &OciDistributionError) -> Failure {
        self.told(in_words(error))
    }

    /// A failure with a hint of what to do about it.
    fn told(&self, (kind, said): (FailureKind, String)) -> Failure {
        let failure = self.failure(kind, &said);
        match (kind, &self.auth, &self.access.through) {
            (FailureKind::Denied, RegistryAuth::Anonymous, _) => {
                failure.hint("no credentials are configured for this registry")
            }
            (FailureKind::Denied, ..) => failure.hint("are its user and password right?"),
            _ if said.contains("certificate") => failure.hint(format!(
                "an authority of your own is named by `ca` in the environment's registry table, or put into {DOCKER_CERTIFICATES}/{}/ca.crt",
                self.host
            )),
            _ if said.contains("InvalidContentType") => {
                failure.hint("it answers without TLS: is `plain_http = true` meant?")
            }
            (FailureKind::Unreachable, _, Some(_)) => failure.hint(format!(
                "the proxy is that of {}_PROXY or ALL_PROXY; NO_PROXY exempts hosts from it",
                self.access.scheme.to_ascii_uppercase()
            )),
            _ => failure,
        }
    }

    /// Gets a token where one is needed. Done apart from the question itself: there, the client
    /// library drops the reason when it fails, and trusts a token to be a header value.
    async fn authenticate(&self, image: &Reference) -> Result<Option<String>> {
        let asked = self
            .access
            .oci
            .auth(image, &self.auth, RegistryOperation::Pull)
            .await;
        let token = asked.map_err(|e| self.worded(&e))?;
        let mut bytes = token.iter().flat_map(|token| token.bytes());
        if bytes.all(|b| b.is_ascii_graphic() || b == b' ') {
            return Ok(token);
        }
        Err(self.failure(FailureKind::Garbled, "its token is not a token"))
    }

    /// The digest of what `image` names (of the index, where it is one: that is what an engine
    /// pulls and remembers), and the labels of the image for this machine.
    async fn look(&self, image: &Reference) -> Result<(Digest, ImageLabels)> {
        self.authenticate(image).await?;
        let (manifest, digest) = self.manifest(image).await?;
        let own = match manifest {
            OciManifest::Image(own) => own,
            OciManifest::ImageIndex(index) => {
                let Some(chosen) = current_platform_resolver(&index.manifests) else {
                    return Ok((digest, ImageLabels::default()));
                };
                let chosen: Digest = chosen
                    .parse()
                    .map_err(|_| self.failure(FailureKind::Garbled, "its index is malformed"))?;
                let inner = image.clone_with_digest(chosen.to_string());
                let OciManifest::Image(own) = self.manifest(&inner).await?.0 else {
                    let said = "its index names another index";
                    return Err(self.failure(FailureKind::Unsupported, said));
                };
                own
            }
        };
        Ok((digest, self.labels(image, &own).await?))
    }

    async fn manifest(&self, image: &Reference) -> Result<(OciManifest, Digest)> {
        let pulled = self.access.oci.pull_manifest(image, &self.auth).await;
        let (manifest, digest) = pulled.map_err(|e| self.worded(&e))?;
        let digest = digest.parse().map_err(|_| {
            self.failure(FailureKind::Garbled, &format!("{digest:?} is not a digest"))
        })?;
        Ok((manifest, digest))
    }

    async fn labels(&self, image: &Reference, own: &OciImageManifest) -> Result<ImageLabels> {
        if own.config.digest.parse::<Digest>().is_err() {
            return Err(self.failure(FailureKind::Garbled, "its manifest is malformed"));
        }
        let mut bytes = labels::Limited::new(LARGEST_CONFIG);
        let pulled = self.access.oci.pull_blob(image, &own.config, &mut bytes);
        let pulled = pulled.await;
        pulled.map_err(|e| self.worded(&e))?;
        labels_in(bytes.as_ref()).map_err(|e| {
            let said = format!("the image's configuration cannot be read: {e}");
            self.failure(FailureKind::Garbled, &said)
        })
    }
}
