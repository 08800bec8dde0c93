//! An image registry over the distribution API: tags, and the digest of a reference. This module makes the requests
//! itself, because the existing libraries do not limit an answer, and send a password to any token server that the
//! registry names. A registry's texts about an image are untrusted. This module knows nothing about Docker or releases.

mod access;
mod failure;
mod get;
mod labels;
mod manifest;
mod repository;
mod tags;
mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use secrecy::SecretString;
use tokio::time::timeout;

use self::access::{Access, Accesses};
use self::repository::Repository;
use super::outbound_proxy::OutboundProxy;
use crate::inventory::{Digest, ImageTag, Version, VersionRef, registry_host};
use crate::ports::{Bound, Credentials, Failure, FailureKind, Images, Result, TimeLimit};
use crate::sanitize::sanitize;

/// The directory in which Docker looks for the authorities of registries. It has a subdirectory for each
/// `host[:port]`, with files that end in `.crt`.
pub const DOCKER_CERTIFICATES: &str = "/etc/docker/certs.d";

/// The time limit of each part of a lookup: finding out how to reach the registry, logging in for a list of tags, each
/// page of that list, and resolving a reference with all its requests.
const DEADLINE: Duration = Duration::from_secs(10);

/// The read limits for a registry.
pub const BOUNDS: [Bound; 3] = [
    bound(
        "a page of tags",
        tags::TAGS.largest,
        TimeLimit::Within(DEADLINE),
    ),
    bound(
        "a manifest",
        manifest::MANIFEST.largest,
        TimeLimit::Within(DEADLINE),
    ),
    bound("a token", token::TOKEN.largest, TimeLimit::Within(DEADLINE)),
];

const fn bound(answer: &'static str, bytes: usize, time: TimeLimit) -> Bound {
    Bound {
        server: "image registry",
        answer,
        bytes: bytes as u64,
        time,
    }
}

pub struct OciRegistry {
    credentials: BTreeMap<String, Credentials>,
    token_servers: BTreeMap<String, String>,
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

/// One lookup in one registry, e.g. of the tags of a repository.
struct Lookup<'a> {
    access: Arc<Access>,
    repository: Repository,
    /// The user and the password.
    login: Option<(&'a str, SecretString)>,
    /// A token server on another host that may receive the password.
    token_server: Option<&'a str>,
    host: &'a str,
    doing: String,
    deadline: Duration,
}

impl OciRegistry {
    /// A reader for any registry. `credentials` has the login of each `host[:port]` that needs a login (`docker.io` for
    /// the default registry). The hosts in `plain` are reached without TLS. A loopback host is reached without TLS
    /// unless it answers with TLS.
    pub fn new(credentials: BTreeMap<String, Credentials>, plain: BTreeSet<String>) -> Self {
        Self {
            credentials,
            token_servers: BTreeMap::new(),
            accesses: Accesses::without_tls(plain),
            deadline: DEADLINE,
        }
    }

    /// Sets another time limit for each part of a lookup.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Trusts the authorities in these PEM files as well, each for one host.
    #[must_use]
    pub fn with_authorities(mut self, authorities: BTreeMap<String, PathBuf>) -> Self {
        self.accesses.authorities = authorities;
        self
    }

    /// Allows the password of a host to be sent to its token server on another host (`host` or `host:port`).
    #[must_use]
    pub fn with_token_servers(mut self, servers: BTreeMap<String, String>) -> Self {
        self.token_servers = servers;
        self
    }

    /// Trusts the authorities in these directories as well. The directories have the layout of [`DOCKER_CERTIFICATES`].
    #[must_use]
    pub fn with_docker_certificates(mut self, directories: Vec<PathBuf>) -> Self {
        self.accesses.docker_certificates = directories;
        self
    }

    /// Sends the requests through these forward proxies.
    #[must_use]
    pub fn through(mut self, proxy: OutboundProxy) -> Self {
        self.accesses.proxy = proxy;
        self
    }

    /// Prepares a lookup: reads the password, and finds out how to reach the registry.
    async fn lookup<'a>(&'a self, repository: &'a str, doing: String) -> Result<Lookup<'a>> {
        let host = registry_host(repository);
        let parsed = Repository::parse(repository)
            .map_err(|message| failure(FailureKind::Rejected, host, None, &doing, &message))?;
        let access = match timeout(self.deadline, self.accesses.for_host(host)).await {
            Ok(Ok(access)) => access,
            Ok(Err(message)) => {
                return Err(failure(FailureKind::Rejected, host, None, &doing, &message));
            }
            Err(_) => {
                let message = too_late(self.deadline);
                return Err(failure(
                    FailureKind::Unreachable,
                    host,
                    None,
                    &doing,
                    &message,
                ));
            }
        };
        let login = match self.credentials.get(host) {
            None => None,
            Some(known) => {
                let password = known.password.value().await.map_err(|unread| {
                    failure(unread.kind, host, None, &doing, &unread.message).hint(unread.hint)
                })?;
                Some((known.user.as_str(), password))
            }
        };
        Ok(Lookup {
            access,
            repository: parsed,
            login,
            token_server: self.token_servers.get(host).map(String::as_str),
            host,
            doing,
            deadline: self.deadline,
        })
    }
}

#[async_trait]
impl Images for OciRegistry {
    fn address(&self, repository: &str) -> String {
        sanitize(&format!("image registry {}", registry_host(repository)))
    }

    async fn tags(&self, repository: &str) -> Result<Vec<ImageTag>> {
        let doing = format!("listing the tags of {repository}");
        let lookup = self.lookup(repository, doing.clone()).await?;
        let answer = lookup.tags().await;
        if self.is_password_renewed(&answer, &lookup).await {
            return self.lookup(repository, doing).await?.tags().await;
        }
        answer
    }

    async fn resolve(&self, repository: &str, reference: &VersionRef) -> Result<Version> {
        let (whole, tag) = match reference {
            VersionRef::Tag(tag) => (format!("{repository}:{tag}"), Some(tag.clone())),
            VersionRef::Digest(digest) => (format!("{repository}@{digest}"), None),
        };
        let doing = format!("resolving {whole}");
        let lookup = self.lookup(repository, doing.clone()).await?;
        let mut answer = lookup.within(lookup.digest_and_labels(reference)).await;
        if self.is_password_renewed(&answer, &lookup).await {
            let lookup = self.lookup(repository, doing).await?;
            answer = lookup.within(lookup.digest_and_labels(reference)).await;
        }
        let (digest, labels) = answer?;
        Ok(Version {
            repository: repository.to_owned(),
            tag,
            digest,
            labels,
        })
    }

    async fn digest_of(&self, repository: &str, tag: &str) -> Result<Digest> {
        let doing = format!("asking for the digest of {repository}:{tag}");
        let lookup = self.lookup(repository, doing.clone()).await?;
        let mut answer = lookup.within(lookup.announced_digest(tag)).await;
        if self.is_password_renewed(&answer, &lookup).await {
            let lookup = self.lookup(repository, doing).await?;
            answer = lookup.within(lookup.announced_digest(tag)).await;
        }
        answer
    }
}

impl OciRegistry {
    /// Whether the password was refused, and its source now has another password.
    async fn is_password_renewed<T>(&self, answer: &Result<T>, lookup: &Lookup<'_>) -> bool {
        let is_denied = matches!(answer, Err(failure) if failure.kind == FailureKind::Denied);
        let known = self.credentials.get(lookup.host).filter(|_| is_denied);
        match (known, &lookup.login) {
            (Some(known), Some((_, refused))) => known.password.renewed(refused).await.is_some(),
            _ => false,
        }
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
    message: &str,
) -> Failure {
    let through = through.map(|proxy| format!(" through the proxy {proxy}"));
    let place = format!("image registry {host}{}", through.unwrap_or_default());
    Failure::new(
        kind,
        sanitize(&place),
        sanitize(doing),
        sanitize(&failure::cut(message)),
    )
}

impl Lookup<'_> {
    fn failure(&self, kind: FailureKind, message: &str) -> Failure {
        let through = self.access.through.as_deref();
        failure(kind, self.host, through, &self.doing, message)
    }

    /// Waits for the whole answer within the time limit. If the client library panics over a hostile answer, the
    /// result is a failure.
    async fn within<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        match timeout(self.deadline, AssertUnwindSafe(answer).catch_unwind()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(self.failure(FailureKind::Garbled, "the answer cannot be read")),
            Err(_) => Err(self.failure(FailureKind::Unreachable, &too_late(self.deadline))),
        }
    }

    /// A failure of this kind, with a hint if Greenroom knows one.
    fn failure_with_hint(&self, (kind, message): (FailureKind, String)) -> Failure {
        let failure = self.failure(kind, &message);
        match (kind, &self.login, &self.access.through) {
            (FailureKind::Denied, None, _) => {
                failure.hint("no credentials are configured for this image registry: configure user and password if it requires a login, otherwise check the name of the repository")
            }
            (FailureKind::Denied, ..) => failure.hint("check the user and password of this image registry, and that this user may read the repository"),
            _ if message.contains("certificate") => failure.hint(format!(
                "if the image registry has its own authority, set `ca` in the environment's `registry` table, or copy the authority's certificate to {DOCKER_CERTIFICATES}/{}/ca.crt",
                self.host
            )),
            _ if message.contains("InvalidContentType") => {
                failure.hint("the image registry answers without TLS: set `plain_http = true` if that is intended")
            }
            (FailureKind::Unreachable, _, Some(_)) => failure.hint(format!(
                "the environment variable {}_PROXY or ALL_PROXY sets this proxy; NO_PROXY lists hosts that do not use it",
                self.access.scheme.to_ascii_uppercase()
            )),
            _ => failure,
        }
    }
}
