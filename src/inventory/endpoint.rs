//! Where a program listens: a TCP address or a unix socket.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plain;

/// An address to listen at, written `127.0.0.1:18081` or `unix:/run/web/blue.sock`. Two spellings of one address are
/// equal: `[0:0::1]:80` is `[::1]:80`, and `[::ffff:127.0.0.1]:80` is `127.0.0.1:80`.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("format" = "endpoint"))]
pub enum Endpoint {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an address: write 127.0.0.1:8080, [::1]:8080 or unix:/absolute/path.sock (in a path, only A-Z, a-z, 0-9, /, ., _ and -)"
)]
pub struct InvalidEndpoint(pub String);

impl Endpoint {
    /// A TCP address. An IPv4 address written in IPv6 form becomes that IPv4 address.
    pub fn tcp(address: SocketAddr) -> Self {
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => Self::Tcp(SocketAddr::new(ip.into(), address.port())),
            // An IPv6 address stays as it is, because a link-local address also names its interface.
            IpAddr::V6(_) => Self::Tcp(address),
        }
    }

    /// The port; none for a unix socket.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(address) => Some(address.port()),
            Self::Unix(_) => None,
        }
    }

    /// The address at which a listener can be reached: the loopback address if it listens on all addresses.
    #[must_use]
    pub fn reachable(&self) -> Self {
        match self {
            Self::Tcp(address) if address.ip().is_unspecified() => {
                let ip: IpAddr = match address.ip() {
                    IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                    IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
                };
                Self::Tcp(SocketAddr::new(ip, address.port()))
            }
            _ => self.clone(),
        }
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let wrong = || InvalidEndpoint(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            return if plain::is_path(Path::new(path)) {
                Ok(Self::Unix(PathBuf::from(path)))
            } else {
                Err(wrong())
            };
        }
        text.parse().map(Self::tcp).map_err(|_| wrong())
    }
}

impl TryFrom<String> for Endpoint {
    type Error = InvalidEndpoint;

    fn try_from(text: String) -> Result<Self, InvalidEndpoint> {
        text.parse()
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_equal() {
        for (first, second) in [
            ("[::1]:80", "[0:0:0:0:0:0:0:1]:80"),
            ("[2001:DB8::A]:80", "[2001:db8:0:0::000a]:80"),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1:80"),
            ("[::ffff:7f00:1]:80", "127.0.0.1:80"),
        ] {
            let read = |text: &str| text.parse::<Endpoint>().expect("an address");
            assert_eq!(read(first), read(second));
            assert_eq!(read(first).to_string(), read(second).to_string());
        }
        let link_local: Endpoint = "[fe80::1%2]:80".parse().expect("an address");
        assert_ne!(Ok(link_local), "[fe80::1%3]:80".parse());
    }

    #[test]
    fn endpoints_read_back_as_written() {
        for text in [
            "127.0.0.1:80",
            "[::1]:8080",
            "unix:/run/greenroom/web-1/blue.sock",
        ] {
            assert_eq!(
                text.parse::<Endpoint>().map(|e| e.to_string()),
                Ok(text.into())
            );
        }
        for bad in [
            "",
            "80",
            "localhost:80",
            "unix:blue.sock",
            "unix:/a/../b",
            "unix:/a b",
            "unix:/a;",
        ] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
    }
}
