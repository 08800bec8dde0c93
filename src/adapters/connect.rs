//! Opens connections to addresses. A host name is resolved for each connection, because its addresses can change at any
//! time. With TLS, the server's certificate must be from an authority that this machine trusts, and valid for the host
//! of the address.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::system_authorities;
use crate::inventory::{Address, HostName};
use crate::sanitize::sanitize;

/// An open connection.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct NoConnection {
    message: String,
    /// Whether the server did not answer in time.
    pub(super) late: bool,
}

impl NoConnection {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            late: false,
        }
    }

    fn of(error: &dyn std::fmt::Display) -> Self {
        Self::new(sanitize(&error.to_string()))
    }
}

/// Connects to `at`. The addresses of a host name are tried in the order in which they are resolved, each for an equal
/// part of `within`. The TLS handshake has no time limit of its own.
pub(super) async fn connect(
    at: &Address,
    within: Duration,
) -> Result<Box<dyn Stream>, NoConnection> {
    let (stream, name) = match at {
        Address::Unix(path) => {
            let stream = UnixStream::connect(path).await;
            return Ok(Box::new(stream.map_err(|error| NoConnection::of(&error))?));
        }
        Address::Ip { at, .. } => (tcp(*at, within).await?, ServerName::from(at.ip())),
        Address::Name { host, port, .. } => {
            let name = ServerName::try_from(host.to_string());
            let name = name.map_err(|error| NoConnection::of(&error))?;
            let addresses = resolve(host, *port).await?;
            (first_of(host, &addresses, within).await?, name)
        }
    };
    if !at.uses_tls() {
        return Ok(Box::new(stream));
    }
    let secured = tls()?.connect(name, stream).await;
    match secured {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(NoConnection::of(&format!("no TLS with {at}: {error}"))),
    }
}

/// The addresses of a host, at least one.
async fn resolve(host: &HostName, port: u16) -> Result<Vec<SocketAddr>, NoConnection> {
    let unresolved = |why: &str| NoConnection::of(&format!("{host} cannot be resolved: {why}"));
    let resolved = lookup_host((host.as_str(), port)).await;
    let resolved = resolved.map_err(|error| unresolved(&error.to_string()))?;
    let addresses: Vec<SocketAddr> = resolved.collect();
    if addresses.is_empty() {
        return Err(unresolved("the name has no addresses"));
    }
    Ok(addresses)
}

/// Connects to the first address that accepts a connection.
async fn first_of(
    host: &HostName,
    addresses: &[SocketAddr],
    within: Duration,
) -> Result<TcpStream, NoConnection> {
    let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let (mut failed, mut late) = (Vec::new(), false);
    for address in addresses {
        match tcp(*address, within / count).await {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                late |= error.late;
                failed.push(format!("{host} at {address}: {error}"));
            }
        }
    }
    let message = failed.join("; ");
    Err(NoConnection { message, late })
}

async fn tcp(at: SocketAddr, within: Duration) -> Result<TcpStream, NoConnection> {
    let connecting = async {
        let stream = TcpStream::connect(at).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    match timeout(within, connecting).await {
        Ok(connected) => connected.map_err(|error: io::Error| NoConnection::of(&error)),
        Err(_) => Err(NoConnection {
            late: true,
            ..NoConnection::new(format!("no connection within {within:?}"))
        }),
    }
}

/// TLS for HTTP/1.1.
fn tls() -> Result<TlsConnector, NoConnection> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config).into());
    }
    let config = system_authorities::tls();
    let mut config = config.map_err(|error| NoConnection::of(&error))?;
    config.alpn_protocols = vec!["http/1.1".into()];
    Ok(Arc::clone(CONFIG.get_or_init(|| Arc::new(config))).into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn name(text: &str) -> Address {
        text.parse().expect("an address")
    }

    fn refusing() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    }

    #[tokio::test]
    async fn every_address_of_a_name_is_tried_in_order() {
        let Address::Name { host, .. } = name("web-1.internal:80") else {
            unreachable!("a name");
        };
        let listener = TcpListener::bind("[::1]:0").expect("a port");
        let open = listener.local_addr().expect("an address");
        let addresses = [refusing(), open, refusing()];
        let stream = first_of(&host, &addresses, Duration::from_secs(5)).await;
        let peer = stream.expect("a connection").peer_addr();
        assert_eq!(peer.expect("an address"), open);

        let addresses = [refusing(), refusing()];
        let error = first_of(&host, &addresses, Duration::from_secs(5)).await;
        let error = error.expect_err("nothing listens");
        for address in addresses {
            let said = error.to_string();
            assert!(
                said.contains(&format!("web-1.internal at {address}: ")),
                "{said}"
            );
        }
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_is_named() {
        let connected = connect(&name("web.invalid:80"), Duration::from_secs(5)).await;
        let error = connected.err().expect("no connection").to_string();
        assert!(
            error.starts_with("web.invalid cannot be resolved: "),
            "{error}"
        );
    }
}
