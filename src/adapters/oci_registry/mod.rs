//! An image registry over the distribution API, by `oci-client`: tags, and what a reference names
//! now. What a registry says about an image is untrusted text. Must not know engines or releases.

mod failure;
mod labels;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use oci_client::client::{ClientConfig, ClientProtocol, current_platform_resolver};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::{OciImageManifest, OciManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use self::failure::{in_words, is_missing};
use self::labels::labels_in;
use crate::harmless::harmless;
use crate::inventory::{Digest, ImageLabels, ImageTag, Version, VersionRef};
use crate::ports::{Credentials, Failure, FailureKind, Images, Result, registry_host};

/// How long one question may take, with all the requests it needs.
const DEADLINE: Duration = Duration::from_secs(10);
/// How many tags are asked for at once, and how often at most.
const PAGE: usize = 1000;
const PAGES: usize = 200;
/// The largest image configuration that is read.
const LARGEST_CONFIG: u64 = 4 * 1024 * 1024;

/// Looks at the images of any registry.
pub struct OciRegistry {
    credentials: BTreeMap<String, Credentials>,
    plain: BTreeSet<String>,
    deadline: Duration,
    http: OnceLock<Client>,
    https: OnceLock<Client>,
}

impl fmt::Debug for OciRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OciRegistry")
            .field("plain", &self.plain)
            .finish_non_exhaustive()
    }
}

/// One question to one registry.
struct Question<'a> {
    client: &'a Client,
    auth: RegistryAuth,
    host: &'a str,
    doing: String,
    deadline: Duration,
}

impl OciRegistry {
    /// Asks registries with the credentials of their `host[:port]` (`docker.io` for the default
    /// one), if there are any; without TLS on this machine's loopback and for the hosts in `plain`.
    pub fn new(credentials: BTreeMap<String, Credentials>, plain: BTreeSet<String>) -> Self {
        Self {
            credentials,
            plain,
            deadline: DEADLINE,
            http: OnceLock::new(),
            https: OnceLock::new(),
        }
    }

    /// The same with another deadline for a question.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    fn ask<'a>(&'a self, repository: &'a str, doing: String) -> Question<'a> {
        let host = registry_host(repository);
        let client = if self.plain.contains(host) || is_loopback(host) {
            self.http.get_or_init(|| client(ClientProtocol::Http))
        } else {
            self.https.get_or_init(|| client(ClientProtocol::Https))
        };
        let auth = match self.credentials.get(host) {
            Some(known) => {
                let password = known.password.expose_secret().to_owned();
                RegistryAuth::Basic(known.user.clone(), password)
            }
            None => RegistryAuth::Anonymous,
        };
        Question {
            client,
            auth,
            host,
            doing,
            deadline: self.deadline,
        }
    }
}

fn client(protocol: ClientProtocol) -> Client {
    Client::new(ClientConfig {
        protocol,
        connect_timeout: Some(DEADLINE),
        ..Default::default()
    })
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    let name = name.trim_matches(['[', ']']);
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[async_trait]
impl Images for OciRegistry {
    async fn tags(&self, repository: &str) -> Result<Vec<ImageTag>> {
        let question = self.ask(repository, format!("listing the tags of {repository}"));
        let reference = question.reference(repository)?;
        question.within(question.authenticate(&reference)).await?;
        let mut seen = BTreeSet::new();
        let mut tags: Vec<ImageTag> = Vec::new();
        // Registries answer with fewer than was asked for, or with all of them each time: the
        // list is at its end when nothing new comes.
        for _ in 0..PAGES {
            let last = tags.last().map(|tag| tag.name.clone());
            let page = question
                .within(question.page(&reference, last.as_deref()))
                .await?;
            let before = tags.len();
            let known = page.into_iter().filter(|name| is_tag(name));
            tags.extend(
                known
                    .filter(|name| seen.insert(name.clone()))
                    .map(|name| ImageTag { name }),
            );
            if tags.len() == before {
                break;
            }
        }
        Ok(tags)
    }

    async fn resolve(&self, repository: &str, reference: &VersionRef) -> Result<Version> {
        let (whole, tag) = match reference {
            VersionRef::Tag(tag) => (format!("{repository}:{tag}"), Some(tag.clone())),
            VersionRef::Digest(digest) => (format!("{repository}@{digest}"), None),
        };
        let question = self.ask(repository, format!("resolving {whole}"));
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

impl Question<'_> {
    fn failure(&self, kind: FailureKind, said: &str) -> Failure {
        Failure::new(
            kind,
            format!("image registry {}", harmless(self.host)),
            harmless(&self.doing),
            harmless(&failure::cut(said)),
        )
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
            Err(_) => {
                let said = format!("no answer within {:?}", self.deadline);
                Err(self.failure(FailureKind::Unreachable, &said))
            }
        }
    }

    fn worded(&self, error: &OciDistributionError) -> Failure {
        let (kind, said) = in_words(error);
        let failure = self.failure(kind, &said);
        match (kind, &self.auth) {
            (FailureKind::Denied, RegistryAuth::Anonymous) => {
                failure.hint("no credentials are configured for this registry")
            }
            (FailureKind::Denied, _) => failure.hint("are its user and password right?"),
            _ => failure,
        }
    }

    /// Gets a token where one is needed. Done apart from the question itself: there, the client
    /// library drops the reason when it fails, and trusts a token to be a header value.
    async fn authenticate(&self, image: &Reference) -> Result<()> {
        let asked = self
            .client
            .auth(image, &self.auth, RegistryOperation::Pull)
            .await;
        let token = asked.map_err(|e| self.worded(&e))?.unwrap_or_default();
        if token.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Ok(());
        }
        Err(self.failure(FailureKind::Garbled, "its token is not a token"))
    }

    async fn page(&self, image: &Reference, last: Option<&str>) -> Result<Vec<String>> {
        let answer = self
            .client
            .list_tags(image, &self.auth, Some(PAGE), last)
            .await;
        match answer {
            Ok(page) => Ok(page.tags),
            // Some answer so after the last page.
            Err(e) if last.is_some() && is_missing(&e) => Ok(Vec::new()),
            Err(e) => Err(self.worded(&e)),
        }
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
        let pulled = self.client.pull_manifest(image, &self.auth).await;
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
        let pulled = self.client.pull_blob(image, &own.config, &mut bytes).await;
        pulled.map_err(|e| self.worded(&e))?;
        labels_in(bytes.as_ref()).map_err(|e| {
            let said = format!("the image's configuration cannot be read: {e}");
            self.failure(FailureKind::Garbled, &said)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_loopback_is_asked_without_tls() {
        for host in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:5000",
            "127.8.8.8",
            "[::1]:5000",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "docker.io",
            "localhost.evil.example",
            "127.0.0.1.example:5000",
            "10.0.0.1:80",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
