//! The address at which Docker listens.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::inventory::plain;
use crate::sanitize::sanitize;

/// The files of a TLS connection with certificates on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authority that signed Docker's certificate, in PEM format.
    pub ca: PathBuf,
    /// Greenroom's own certificate, in PEM format.
    pub cert: PathBuf,
    /// The key of Greenroom's certificate, in PEM format.
    pub key: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DockerAddress {
    Unix(PathBuf),
    /// `host:port`, in clear text.
    Tcp(String),
    /// `host:port`, with TLS.
    Tls(String, TlsFiles),
}

/// The text is not an address of Docker, or TLS files were given for a unix socket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot be used as the address of Docker: write unix:///absolute/path.sock (without TLS files) or tcp://host:port"
)]
pub struct InvalidDockerAddress(pub String);

impl DockerAddress {
    /// Parses an address in the form of `DOCKER_HOST`. The connection uses TLS if TLS files are given.
    pub fn parse(text: &str, tls: Option<TlsFiles>) -> Result<Self, InvalidDockerAddress> {
        let wrong = || InvalidDockerAddress(text.to_owned());
        if let Some(path) = text.strip_prefix("unix://") {
            return match (path.starts_with('/'), tls) {
                (true, None) => Ok(Self::Unix(path.into())),
                _ => Err(wrong()),
            };
        }
        let authority = ["tcp://", "https://", "http://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .ok_or_else(wrong)?;
        if !plain::is_host_and_port(authority) {
            return Err(wrong());
        }
        Ok(match tls {
            Some(files) => Self::Tls(authority.to_owned(), files),
            None => Self::Tcp(authority.to_owned()),
        })
    }

    /// The hint for when Docker does not answer at this address. None unless this address is a unix socket and
    /// `docker_host`, the value of `DOCKER_HOST`, is another address.
    pub(super) fn docker_host_hint(&self, docker_host: &str) -> Option<String> {
        let docker_host = sanitize(docker_host.trim());
        if !matches!(self, Self::Unix(_))
            || docker_host.is_empty()
            || docker_host == self.to_string()
        {
            return None;
        }
        let hint =
            format!("DOCKER_HOST is {docker_host}, but Greenroom reads only its configuration");
        Some(if docker_host.starts_with("ssh://") {
            format!(
                "{hint}. Greenroom cannot connect over ssh: set docker.address to a socket or to tcp://host:port"
            )
        } else {
            format!("{hint}. To use that engine, set docker.address to it")
        })
    }

    /// Whether Docker runs on this machine, so that Greenroom can test the addresses of slots here.
    pub(super) fn is_local(&self) -> bool {
        let (Self::Tcp(authority) | Self::Tls(authority, _)) = self else {
            return true;
        };
        let host = authority.rsplit_once(':').map_or("", |(host, _)| host);
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for DockerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(authority) | Self::Tls(authority, _) => write!(f, "tcp://{authority}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_names_the_engine_of_docker_host() {
        let local_engine = DockerAddress::Unix("/var/run/docker.sock".into());
        let hint = local_engine.docker_host_hint("unix:///run/user/1000/docker.sock");
        assert_eq!(
            hint.as_deref(),
            Some(
                "DOCKER_HOST is unix:///run/user/1000/docker.sock, but Greenroom reads only its configuration. \
                 To use that engine, set docker.address to it"
            )
        );
        let by_ssh = local_engine
            .docker_host_hint("ssh://ops@host\u{1b}[2J")
            .expect("a hint");
        assert!(by_ssh.contains("cannot connect over ssh"), "{by_ssh}");
        assert!(!by_ssh.contains('\u{1b}'), "{by_ssh:?}");
        assert_eq!(
            local_engine.docker_host_hint("unix:///var/run/docker.sock"),
            None
        );
        assert_eq!(local_engine.docker_host_hint(""), None);
        let remote_engine = DockerAddress::Tcp("docker.example:2375".into());
        assert_eq!(
            remote_engine.docker_host_hint("tcp://other.example:2375"),
            None
        );
    }

    #[test]
    fn addresses_have_the_form_of_docker_host() {
        for (text, local) in [
            ("unix:///run/docker.sock", true),
            ("tcp://127.0.0.1:2375", true),
            ("tcp://[::1]:2375", true),
            ("tcp://docker.example:2376", false),
        ] {
            let address = DockerAddress::parse(text, None);
            assert_eq!(
                address.as_ref().map(ToString::to_string),
                Ok(text.to_owned())
            );
            assert_eq!(address.map(|a| a.is_local()), Ok(local));
        }
        for bad in [
            "",
            "/run/docker.sock",
            "unix://run",
            "tcp://host",
            "tcp://a/b:1",
            "ssh://h:1",
        ] {
            assert!(DockerAddress::parse(bad, None).is_err(), "{bad}");
        }
    }
}
