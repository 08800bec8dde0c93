//! How to reach a registry: with or without TLS, its trusted authorities and its forward proxy.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use reqwest::tls;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::sync::Mutex;

use crate::adapters::outbound_proxy::OutboundProxy;
use crate::adapters::{system_authorities, tls_provider};

/// The time limit to connect.
const CONNECTING: Duration = Duration::from_secs(10);
/// The most redirects that are followed.
const REDIRECTS: usize = 5;
const AGENT: &str = concat!("greenroom/", env!("CARGO_PKG_VERSION"));
/// The extension of an authority's file in one of Docker's directories.
const AUTHORITY: &str = "crt";

/// The client for one registry.
pub(super) struct Access {
    pub(super) http: reqwest::Client,
    /// `http` or `https`.
    pub(super) scheme: &'static str,
    /// The forward proxy for the requests, if there is one.
    pub(super) through: Option<String>,
}

/// The configuration for reaching registries, and the clients created so far.
#[derive(Default)]
pub(super) struct Accesses {
    /// The hosts that are reached without TLS.
    pub(super) plain: BTreeSet<String>,
    /// A file of authorities for each host that has one.
    pub(super) authorities: BTreeMap<String, PathBuf>,
    /// Directories with a subdirectory for each host, as in Docker's `certs.d`.
    pub(super) docker_certificates: Vec<PathBuf>,
    pub(super) proxy: OutboundProxy,
    created: Mutex<BTreeMap<String, Arc<Access>>>,
}

impl Accesses {
    /// Reaches the hosts in `plain` without TLS.
    pub(super) fn without_tls(plain: BTreeSet<String>) -> Self {
        Self {
            plain,
            ..Self::default()
        }
    }

    /// The client for a host, created at the first call. An error says what is wrong with the configuration.
    pub(super) async fn for_host(&self, host: &str) -> Result<Arc<Access>, String> {
        if let Some(access) = self.created.lock().await.get(host) {
            return Ok(Arc::clone(access));
        }
        let tls = if self.plain.contains(host) {
            Some(false)
        } else if is_loopback(host) {
            speaks_tls(host).await
        } else {
            Some(true)
        };
        let scheme = if tls.unwrap_or(false) {
            "https"
        } else {
            "http"
        };
        let access = Arc::new(self.make(host, scheme)?);
        // If it is unknown whether the registry uses TLS, the client is used once and not remembered.
        if tls.is_some() {
            let mut created = self.created.lock().await;
            created.insert(host.to_owned(), Arc::clone(&access));
        }
        Ok(access)
    }

    fn make(&self, host: &str, scheme: &'static str) -> Result<Access, String> {
        let authorities = if scheme == "https" {
            self.authorities_of(host)?
        } else {
            Vec::new()
        };
        let describe = |error: reqwest::Error| error.without_url().to_string();
        tls_provider::install();
        let http = reqwest::Client::builder()
            .user_agent(AGENT)
            .connect_timeout(CONNECTING)
            .redirect(Policy::custom(follow));
        let http = if authorities.is_empty() {
            let tls = system_authorities::tls().map_err(|error| error.to_string())?;
            http.tls_backend_preconfigured(tls)
        } else {
            let mut certificates = Vec::new();
            for der in &authorities {
                certificates.push(tls::Certificate::from_der(der).map_err(describe)?);
            }
            http.tls_certs_merge(certificates)
        };
        let http = self
            .proxy
            .apply(http)
            .and_then(reqwest::ClientBuilder::build);
        Ok(Access {
            http: http.map_err(describe)?,
            scheme,
            through: self.proxy.proxy_for(&format!("{scheme}://{host}/")),
        })
    }

    /// The authorities that are trusted for a host, in addition to the authorities of this machine.
    fn authorities_of(&self, host: &str) -> Result<Vec<Vec<u8>>, String> {
        let mut files: Vec<PathBuf> = self.authorities.get(host).into_iter().cloned().collect();
        for directory in &self.docker_certificates {
            files.extend(authorities_in(&directory.join(host))?);
        }
        let mut found = Vec::new();
        for file in files {
            found.extend(certificates_in(&file)?);
        }
        Ok(found)
    }
}

/// Follows a few redirects, because layers are often stored elsewhere, but never from TLS to plain HTTP. If a request
/// is redirected to another host, the library removes the password and the token from this request. But the library
/// sends both with the next request to that host. So a redirect by another host is not followed.
fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let came_from = attempt.previous().last().map(reqwest::Url::scheme);
    if came_from == Some("https") && attempt.url().scheme() != "https" {
        return attempt.error("the server redirects to an address without TLS");
    }
    let mut before = attempt.previous().iter().map(reqwest::Url::origin);
    if let Some(first) = before.next()
        && before.any(|other| other != first)
    {
        return attempt.error("the server redirects to another host, which redirects again");
    }
    if attempt.previous().len() > REDIRECTS {
        return attempt.error("the server redirects too many times");
    }
    attempt.follow()
}

/// The authority files in one of Docker's directories; empty if the directory does not exist.
fn authorities_in(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let describe = |error: io::Error| format!("{} cannot be read: {error}", directory.display());
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(describe(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(describe)?.path();
        if path.extension().is_some_and(|end| end == AUTHORITY) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn certificates_in(file: &Path) -> Result<Vec<Vec<u8>>, String> {
    let shown = file.display();
    let text = std::fs::read(file).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let certificates: Result<Vec<Vec<u8>>, _> = CertificateDer::pem_slice_iter(&text)
        .map(|read| read.map(|der| der.as_ref().to_vec()))
        .collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(format!("{shown} has no certificate in PEM form")),
        Err(error) => Err(format!("{shown} is not in PEM form: {error}")),
    }
}

/// Whether the host speaks TLS, with any certificate; none if this cannot be determined, e.g. because the host did not
/// answer. The request contains no secret.
async fn speaks_tls(host: &str) -> Option<bool> {
    tls_provider::install();
    let client = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(CONNECTING)
        .tls_danger_accept_invalid_certs(true)
        .user_agent(AGENT)
        .build()
        .ok()?;
    match client.get(format!("https://{host}/v2/")).send().await {
        Ok(_) => Some(true),
        Err(error) => is_not_tls(&error).then_some(false),
    }
}

/// Whether the error says that the received bytes are not TLS.
fn is_not_tls(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(it) = cause {
        let is_garbled = |it: &io::Error| it.kind() == io::ErrorKind::InvalidData;
        if it.downcast_ref::<io::Error>().is_some_and(is_garbled) {
            return true;
        }
        cause = it.source();
    }
    false
}

/// A `host[:port]` without its port.
pub(super) fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    }
}

fn is_loopback(host: &str) -> bool {
    let name = name_of(host).trim_matches(['[', ']']);
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_hosts_may_be_reached_without_tls() {
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
