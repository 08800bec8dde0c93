//! The address of a server that Greenroom connects to: an instance, a proxy or another server.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Endpoint, HostName};

/// An address to connect to, written `127.0.0.1:18081`, `[::1]:8080`, `web-1.internal:8080`, with TLS
/// `https://web-1.internal:8443`, or `unix:/run/web/blue.sock`. `http://` may be written and means no TLS. With a
/// scheme, the port may be left out. Spellings of one address are equal, as with [`Endpoint`]; case does not matter.
///
/// A host name is resolved for each connection. With TLS, the certificate must be valid for the host of the address.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("format" = "address"))]
pub enum Address {
    Ip {
        at: SocketAddr,
        tls: bool,
    },
    Name {
        host: HostName,
        port: u16,
        tls: bool,
    },
    Unix(PathBuf),
}

/// The forms of an address, for messages.
pub const ADDRESS_FORMS: &str = "write 127.0.0.1:8080, [::1]:8080, web-1.internal:8080, https://web-1.internal:8443 or unix:/absolute/path.sock";

/// A text that is not an address. The message does not repeat a text that may contain a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}is not an address: {why}; {ADDRESS_FORMS}", shown(text.as_deref()))]
pub struct InvalidAddress {
    /// The text; none if it may contain a password.
    text: Option<String>,
    pub why: &'static str,
}

fn shown(text: Option<&str>) -> String {
    text.map_or_else(|| "this ".to_owned(), |text| format!("{text:?} "))
}

/// An address at which no program can listen, because it has a host name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} has a host name, and a program listens at an IP address or a unix socket: a name can belong to several addresses, and to those of other machines. Write an IP address, such as 127.0.0.1:{port}", port = .0.port().unwrap_or(8080)
)]
pub struct NotAnEndpoint(pub Address);

impl Address {
    pub fn uses_tls(&self) -> bool {
        matches!(
            self,
            Self::Ip { tls: true, .. } | Self::Name { tls: true, .. }
        )
    }

    /// The port; none for a unix socket.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Ip { at, .. } => Some(at.port()),
            Self::Name { port, .. } => Some(*port),
            Self::Unix(_) => None,
        }
    }

    /// The same address with the next higher port; none if there is none.
    pub fn next_port(&self) -> Option<Self> {
        let mut next = self.clone();
        match &mut next {
            Self::Ip { at, .. } => at.set_port(at.port().checked_add(1)?),
            Self::Name { port, .. } => *port = port.checked_add(1)?,
            Self::Unix(_) => return None,
        }
        Some(next)
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.uses_tls() { "https" } else { "http" }
    }

    /// The address with its scheme, e.g. `http://127.0.0.1:8080`.
    pub fn url(&self) -> String {
        match self {
            Self::Ip { tls: false, .. } | Self::Name { tls: false, .. } => format!("http://{self}"),
            _ => self.to_string(),
        }
    }

    /// Whether the port is the default port of the scheme: 80, or 443 with TLS.
    pub fn has_default_port(&self) -> bool {
        self.port() == Some(default_port(self.uses_tls()))
    }

    /// The address as the `Host` header names it: without the default port, and `localhost` for a unix socket.
    pub fn http_host(&self) -> String {
        let text = match self {
            Self::Ip { at, .. } => at.to_string(),
            Self::Name { host, port, .. } => format!("{host}:{port}"),
            Self::Unix(_) => return "localhost".to_owned(),
        };
        match text.rsplit_once(':') {
            Some((host, _)) if self.has_default_port() => host.to_owned(),
            _ => text,
        }
    }

    /// The place at which a program must listen to be reached at this address. With TLS, the program itself has the
    /// certificate.
    pub fn endpoint(&self) -> Result<Endpoint, NotAnEndpoint> {
        match self {
            Self::Ip { at, .. } => Ok(Endpoint::Tcp(*at)),
            Self::Unix(path) => Ok(Endpoint::Unix(path.clone())),
            Self::Name { .. } => Err(NotAnEndpoint(self.clone())),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(at: SocketAddr) -> Self {
        Endpoint::tcp(at).into()
    }
}

impl From<Endpoint> for Address {
    fn from(endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::Tcp(at) => Self::Ip { at, tls: false },
            Endpoint::Unix(path) => Self::Unix(path),
        }
    }
}

const fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        parse(text).map_err(|why| InvalidAddress {
            text: (!text.contains('@')).then(|| text.to_owned()),
            why,
        })
    }
}

fn parse(text: &str) -> Result<Address, &'static str> {
    if text.contains('@') {
        return Err("an address has no user and no password");
    }
    if text.starts_with("unix:") {
        let path = text.parse::<Endpoint>().map(Address::from);
        return path.map_err(|_| {
            "the path of a socket is absolute, without `..`, and has only A-Z, a-z, 0-9, /, ., _ and -"
        });
    }
    let (tls, authority) = match text.split_once("://") {
        None => (false, text.to_owned()),
        Some((scheme, rest)) => {
            let tls = match scheme.to_ascii_lowercase().as_str() {
                "http" => false,
                "https" => true,
                _ => return Err("the scheme is http:// or https://"),
            };
            let rest = rest.strip_suffix('/').unwrap_or(rest);
            let has_port = !rest.ends_with(']') && rest.contains(':');
            let port = default_port(tls);
            let with_port = || format!("{rest}:{port}");
            (
                tls,
                if has_port {
                    rest.to_owned()
                } else {
                    with_port()
                },
            )
        }
    };
    if authority.contains(['/', '?', '#']) {
        return Err("an address has no path and no query");
    }
    if let Ok(Endpoint::Tcp(at)) = authority.parse() {
        return match at.port() {
            0 => Err("port 0 is not a fixed port"),
            _ => Ok(Address::Ip { at, tls }),
        };
    }
    if authority.starts_with('[') {
        return Err("this is not an IPv6 address in brackets with a port");
    }
    let Some((host, port)) = authority.rsplit_once(':') else {
        return Err("there is no port");
    };
    if host.contains(':') {
        return Err("an IPv6 address needs brackets");
    }
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if port > 0 && is_number => Ok(Address::Name {
            host: HostName::parse(host)?,
            port,
            tls,
        }),
        _ => Err("a port is a number from 1 to 65535"),
    }
}

impl TryFrom<String> for Address {
    type Error = InvalidAddress;

    fn try_from(text: String) -> Result<Self, InvalidAddress> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.uses_tls() {
            f.write_str("https://")?;
        }
        match self {
            Self::Ip { at, .. } => write!(f, "{at}"),
            Self::Name { host, port, .. } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Address {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn each_spelling_has_one_canonical_form() {
        for (written, canonical) in [
            ("127.0.0.1:18081", "127.0.0.1:18081"),
            ("http://127.0.0.1", "127.0.0.1:80"),
            ("https://127.0.0.1/", "https://127.0.0.1:443"),
            ("[0:0::1]:80", "[::1]:80"),
            ("[::ffff:7f00:1]:80", "127.0.0.1:80"),
            ("https://[2001:DB8::A]", "https://[2001:db8::a]:443"),
            ("http://[fe80::1%2]:80", "[fe80::1%2]:80"),
            ("localhost:8080", "localhost:8080"),
            ("Web-1.Internal:8080", "web-1.internal:8080"),
            ("HTTP://web-1.internal:8080", "web-1.internal:8080"),
            ("https://web-1.internal", "https://web-1.internal:443"),
            ("https://web-1.internal:80/", "https://web-1.internal:80"),
            ("xn--bcher-kva.example:080", "xn--bcher-kva.example:80"),
            ("web_1:8080", "web_1:8080"),
            ("3com.example:1", "3com.example:1"),
            ("unix:/run/web/blue.sock", "unix:/run/web/blue.sock"),
        ] {
            assert_eq!(read(written).to_string(), canonical, "{written}");
            assert_eq!(read(written), read(canonical));
        }
        assert_ne!(read("https://web:80"), read("http://web:80"));
        assert_ne!(read("[fe80::1%2]:80"), read("[fe80::1%3]:80"));
    }

    #[test]
    fn a_text_that_is_not_an_address_is_refused_with_its_reason() {
        for (text, why) in [
            ("", "no port"),
            ("80", "no port"),
            (":80", "host name"),
            ("web", "no port"),
            ("web:", "a number from 1"),
            ("web:0", "a number from 1"),
            ("web:+80", "a number from 1"),
            ("web:65536", "a number from 1"),
            ("web:80:90", "brackets"),
            ("127.0.0.1:0", "port 0"),
            ("::1:80", "brackets"),
            ("[::1]", "IPv6"),
            ("[web]:80", "IPv6"),
            ("http://[::1", "IPv6"),
            ("http://", "host name"),
            ("ftp://web:80", "scheme"),
            ("tcp://web:80", "scheme"),
            ("//web:80", "no path"),
            ("http://web:80/health", "no path"),
            ("http://web:80//", "no path"),
            ("http://web?a", "no path"),
            ("web:80#a", "no path"),
            ("http://http://web", "no path"),
            ("256.0.0.1:80", "four numbers"),
            ("127.1:80", "four numbers"),
            ("127.0.0.01:80", "four numbers"),
            ("0x7f000001:80", "four numbers"),
            ("web.0X1f:80", "four numbers"),
            ("web .internal:80", "host name"),
            ("-web:80", "host name"),
            ("web-:80", "host name"),
            ("web..internal:80", "host name"),
            ("web.internal.:80", "host name"),
            ("*.internal:80", "host name"),
            ("web\n:80", "host name"),
            ("web;:80", "host name"),
            ("$host:80", "host name"),
            ("bücher.example:80", "ASCII form"),
            ("ｗeb:80", "ASCII form"),
            ("unix:blue.sock", "absolute"),
            ("unix:/a/../b", "absolute"),
            ("unix:/a;", "absolute"),
            ("/run/blue.sock", "no path"),
        ] {
            let error = text.parse::<Address>().expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(error.contains("https://web-1.internal:8443"), "{error}");
        }
        let long = format!("{}:80", ["a"; 127].join("."));
        assert_eq!(read(&long).to_string(), long);
        assert!(format!("a.{long}").parse::<Address>().is_err());
        assert!(format!("{}:80", "a".repeat(63)).parse::<Address>().is_ok());
        assert!(format!("{}:80", "a".repeat(64)).parse::<Address>().is_err());
    }

    #[test]
    fn a_refusal_does_not_repeat_a_password() {
        let error = "https://ana:sesame@web:80".parse::<Address>();
        let error = error.expect_err("a password");
        assert!(!format!("{error} {error:?}").contains("sesame"));
        assert!(error.to_string().starts_with("this is not an address"));
    }

    #[test]
    fn a_host_header_has_only_another_port_than_the_default() {
        for (address, host) in [
            ("127.0.0.1:80", "127.0.0.1"),
            ("127.0.0.1:443", "127.0.0.1:443"),
            ("https://[::1]:443", "[::1]"),
            ("https://web:80", "web:80"),
            ("unix:/run/web.sock", "localhost"),
        ] {
            assert_eq!(read(address).http_host(), host);
        }
    }

    #[test]
    fn nothing_listens_at_a_host_name() {
        for at in ["127.0.0.1:80", "[::1]:80", "unix:/run/web.sock"] {
            assert_eq!(read(at).endpoint(), Ok(at.parse().expect("an endpoint")));
        }
        let tls = read("https://127.0.0.1:8443").endpoint();
        assert_eq!(tls, Ok("127.0.0.1:8443".parse().expect("an endpoint")));
        let error = read("localhost:8081").endpoint().expect_err("a name");
        assert!(error.to_string().contains("127.0.0.1:8081"), "{error}");
    }

    proptest! {
        #[test]
        fn an_address_reads_back_as_written(
            host in "[a-z0-9]([a-z0-9_-]{0,8}[a-z0-9])?(\\.[a-z]{1,8}){0,3}|[0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[[0-9a-f:]{2,20}\\]",
            scheme in "(http://|https://|HTTPS://)?",
            port in 1..=u16::MAX,
        ) {
            if let Ok(address) = format!("{scheme}{host}:{port}").parse::<Address>() {
                let text = address.to_string();
                prop_assert_eq!(text.parse(), Ok(address.clone()));
                prop_assert_eq!(address.port(), Some(port));
                prop_assert_eq!(address.uses_tls(), scheme.eq_ignore_ascii_case("https://"));
                let json = serde_json::to_string(&address).expect("text");
                prop_assert_eq!(serde_json::from_str::<Address>(&json).expect("text"), address);
            }
        }

        #[test]
        fn no_text_makes_two_addresses(text in "\\PC{0,40}|[a-z0-9.:/@\\[\\]%_-]{0,24}") {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }
    }
}
