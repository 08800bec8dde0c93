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
use crate::inventory::Address;
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
            (first_of(host.as_str(), *port, within).await?, name)
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

/// Connects to the first address of a host that accepts a connection.
async fn first_of(host: &str, port: u16, within: Duration) -> Result<TcpStream, NoConnection> {
    let resolved = lookup_host((host, port)).await;
    let unresolved = |why: &str| NoConnection::of(&format!("{host} cannot be resolved: {why}"));
    let resolved = resolved.map_err(|error| unresolved(&error.to_string()))?;
    let addresses: Vec<SocketAddr> = resolved.collect();
    let count = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    let (mut failed, mut late) = (Vec::new(), false);
    for address in addresses {
        match tcp(address, within / count).await {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                late |= error.late;
                failed.push(format!("{host} at {address}: {error}"));
            }
        }
    }
    if failed.is_empty() {
        return Err(unresolved("the name has no addresses"));
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
