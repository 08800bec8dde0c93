//! The addresses of etcd, its certificates and the login, as plain values.

use std::path::PathBuf;
use std::time::Duration;

use etcd_client::{Certificate, ConnectOptions, Identity, TlsOptions};
use secrecy::{ExposeSecret, SecretString};

use crate::inventory::servers::TlsConfig;
use crate::inventory::{Address, plain};
pub use crate::ports::Credentials;
use crate::ports::{Failure, FailureKind, Result};

/// The default prefix of every key.
pub const DEFAULT_PREFIX: &str = "/greenroom/v1";

/// The default time limit of one call.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);

/// How to reach a cluster.
#[derive(Debug, Clone)]
pub struct Options {
    /// The nodes, e.g. `https://10.0.0.7:2379`. If a node does not answer, a call goes to the next. The default scheme
    /// is `https` if `tls` is given, otherwise `http`.
    pub endpoints: Vec<String>,
    /// The prefix of every key, e.g. `/greenroom/v1`, without a slash at the end.
    pub prefix: String,
    /// The certificates. If none are given, an `https` endpoint must have a certificate that this machine trusts.
    pub tls: Option<TlsConfig>,
    /// The user and password; none if etcd requires no login.
    pub credentials: Option<Credentials>,
    /// The time limit of one call, including attempts at other nodes.
    pub deadline: Duration,
}

impl Options {
    /// Options with the default prefix and a deadline of five seconds, without TLS and credentials.
    pub fn new(endpoints: Vec<String>) -> Self {
        Self {
            endpoints,
            prefix: DEFAULT_PREFIX.to_owned(),
            tls: None,
            credentials: None,
            deadline: DEADLINE,
        }
    }
}

/// The endpoints with their scheme. A failure says what is wrong with an endpoint, and never repeats a password.
pub(super) fn urls(options: &Options) -> Result<Vec<String>> {
    if options.endpoints.is_empty() {
        return Err(refused("no endpoint is configured").hint("set `endpoints` in the etcd table"));
    }
    options
        .endpoints
        .iter()
        .map(|given| url(given.trim(), options.tls.is_some()))
        .collect()
}

fn url(given: &str, tls: bool) -> Result<String> {
    if given.contains('@') {
        return Err(refused("an endpoint contains an `@`")
            .hint("set `user` and `password` separately from the address"));
    }
    let default = if tls { "https" } else { "http" };
    let (scheme, rest) = given.split_once("://").unwrap_or((default, given));
    let address = format!("{scheme}://{}", rest.trim_end_matches('/'));
    let Ok(address) = address.parse::<Address>() else {
        return Err(refused(format!("{given:?} is not an endpoint"))
            .hint("write an address like http://10.0.0.7:2379"));
    };
    if tls && !address.uses_tls() {
        return Err(refused(format!(
            "certificates are configured, but {given} is plain http"
        ))
        .hint("write https://, or remove `tls` from the etcd table"));
    }
    Ok(address.url())
}

/// The prefix, validated: it starts with a slash, does not end with a slash, and has only plain characters.
pub(super) fn prefix(given: &str) -> Result<String> {
    if plain::is_key_prefix(given) {
        return Ok(given.to_owned());
    }
    Err(refused(format!("{given:?} is not a prefix for keys"))
        .hint(format!("write a path like {DEFAULT_PREFIX}")))
}

/// The client library's options for one endpoint, without the user.
pub(super) fn connect_options(options: &Options, url: &str) -> Result<ConnectOptions> {
    let mut connect = ConnectOptions::new()
        .with_connect_timeout(options.deadline / 5)
        .with_keep_alive(Duration::from_secs(5), Duration::from_secs(3))
        .with_keep_alive_while_idle(true)
        .with_require_leader(true)
        .with_auto_token_refresh(true);
    if url.starts_with("https://") {
        connect = connect.with_tls(certificates(options.tls.as_ref())?);
    }
    Ok(connect)
}

/// Adds the login to the client library's options.
pub(super) fn with_user(
    connect: ConnectOptions,
    user: &str,
    password: &SecretString,
) -> ConnectOptions {
    connect.with_user(user, password.expose_secret())
}

fn certificates(tls: Option<&TlsConfig>) -> Result<TlsOptions> {
    let mut config = TlsOptions::new();
    config = match tls.and_then(|tls| tls.ca.as_ref()) {
        Some(ca) => config.ca_certificate(Certificate::from_pem(pem(ca)?)),
        None => config.with_native_roots(),
    };
    if let Some((certificate, key)) = tls.and_then(TlsConfig::identity) {
        config = config.identity(Identity::from_pem(pem(certificate)?, pem(key)?));
    }
    Ok(config)
}

pub(super) fn pem(path: &PathBuf) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        refused(format!(
            "the TLS file {} cannot be read: {error}",
            path.display()
        ))
        .hint("check that the file exists and is readable for this user")
        .caused_by(error)
    })
}

pub(super) fn refused(reason: impl Into<String>) -> Failure {
    Failure::new(
        FailureKind::Rejected,
        "etcd",
        "reading the settings",
        reason,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(endpoint: &str) -> Options {
        Options::new(vec![endpoint.to_owned()])
    }

    #[test]
    fn an_endpoint_is_completed_or_refused_without_repeating_its_password() {
        assert_eq!(
            urls(&options("10.0.0.7:2379")).expect("an endpoint"),
            ["http://10.0.0.7:2379"]
        );
        let failure = urls(&options("http://ana:sesame@10.0.0.7")).expect_err("a password");
        assert!(!format!("{failure:?}").contains("sesame"));
        for bad in ["", "ftp://a", "http://a b", "http://"] {
            assert!(urls(&options(bad)).is_err(), "{bad}");
        }
        let mut secure = options("http://a:1");
        secure.tls = Some(TlsConfig::default());
        assert!(urls(&secure).is_err());
    }

    #[test]
    fn debug_output_holds_no_password() {
        let mut options = options("a");
        options.credentials = Some(Credentials {
            user: "ana".into(),
            password: "sesame".into(),
        });
        assert!(!format!("{options:?}").contains("sesame"));
    }
}
