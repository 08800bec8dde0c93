//! Connections to Docker with a limit on the received bytes. The client library collects an answer, a line of events or
//! a frame of logs in memory, however long it is, so each connection counts its bytes as they arrive.

use std::fmt;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::DATE;
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::Timestamp;
use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::{DockerAddress, TlsFiles};
use crate::inventory::http_date;

const MIB: u64 = 1024 * 1024;
/// The most bytes of one answer, such as a list of all images or the output of a command in a container.
pub(super) const ANSWER: u64 = 16 * MIB;
/// The most bytes between two items of a stream: a line of events or of a pull, a frame of logs.
pub(super) const ITEM: u64 = MIB;
/// The client library's own time limit for the first byte of an answer. It is long, because the calls that need a
/// deadline have their own shorter deadline.
const LIBRARY_LIMIT_SECONDS: u64 = 24 * 60 * 60;

/// An answer was larger than its limit. The field is the limit in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer has more than {} MiB", .0 / MIB)]
pub(super) struct TooLarge(u64);

impl TooLarge {
    /// The error for one item of a stream.
    pub(super) fn item() -> Self {
        Self(ITEM)
    }

    /// The error for an answer with more bytes than `limit`.
    pub(super) fn over(limit: u64) -> Self {
        Self(limit)
    }

    /// The exceeded limit in MiB.
    pub(super) fn mebibytes(self) -> u64 {
        self.0 / MIB
    }

    /// Finds this error among the causes of the client library's error.
    pub(super) fn of(error: &Error) -> Option<Self> {
        match error {
            // `source` of this variant does not return `err`, so the search starts at `err`.
            Error::IOError { err } => Self::within(err),
            other => Self::within(other),
        }
    }

    fn within(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let mut cause = Some(error);
        while let Some(it) = cause {
            // `source` of an I/O error does not return the error inside it, but `get_ref` does.
            let inner = it.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            let inner = inner.and_then(|inner| inner.downcast_ref::<Self>());
            if let Some(found) = inner.or_else(|| it.downcast_ref::<Self>()) {
                return Some(*found);
            }
            cause = it.source();
        }
        None
    }
}

/// Counts the bytes that arrive, up to a limit. Clones share one count.
#[derive(Debug, Clone)]
pub(super) struct Meter {
    arrived: Arc<AtomicU64>,
    limit: u64,
}

impl Meter {
    fn new(limit: u64) -> Self {
        Self {
            arrived: Arc::new(AtomicU64::new(0)),
            limit,
        }
    }

    /// A meter for an endless stream. The reader calls [`Meter::restart`] after each item.
    pub(super) fn of_a_stream() -> Self {
        Self::new(ITEM)
    }

    pub(super) fn restart(&self) {
        self.arrived.store(0, Ordering::Relaxed);
    }

    fn count(&self, bytes: usize) -> Result<(), TooLarge> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let before = self.arrived.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.limit {
            return Err(TooLarge(self.limit));
        }
        Ok(())
    }

    /// Fails if the limit has been exceeded. For an error inside a stream, the client library keeps only the text. So
    /// callers cannot find [`TooLarge`] in such an error, and ask the meter instead.
    pub(super) fn check(&self) -> Result<(), TooLarge> {
        self.count(0)
    }
}

/// The kind of answers that a client reads. The kind decides how the client counts bytes.
#[derive(Clone)]
pub(super) enum Reading {
    /// Whole answers, each over its own connection and with its own count.
    Answers,
    /// One endless stream, counted by this meter.
    Stream(Meter),
}

/// A client for Docker at `address`. Sends nothing yet. Fails if the socket does not exist or a TLS file cannot be
/// used.
pub(super) fn client(address: &DockerAddress, reading: Reading) -> Result<Docker, Error> {
    let url = url(address)?;
    let client = http(address, reading);
    let transport = move |request: BollardRequest| {
        let client = client.clone();
        async move { client.request(request).await.map_err(Error::from) }
    };
    Docker::connect_with_custom_transport(
        transport,
        Some(url),
        LIBRARY_LIMIT_SECONDS,
        API_DEFAULT_VERSION,
    )
}

/// The time of the machine that runs Docker, from the `Date` header of a ping; none if the header is missing or not
/// valid. The ping is a request of its own, because the client library does not return headers. `/info` has the time
/// too, but makes Docker inspect every container and its storage.
pub(super) async fn date(address: &DockerAddress) -> Result<Option<Timestamp>, Error> {
    let client = http::<Empty<Bytes>>(address, Reading::Answers);
    let request = Request::get(url(address)? + "/_ping").body(Empty::new())?;
    let answer = client.request(request).await?;
    let date = answer.headers().get(DATE);
    Ok(date.and_then(|date| http_date(date.as_bytes())))
}

/// Requests a stream and returns the body of a successful answer. For any other answer, the error has Docker's
/// text.
pub(super) async fn get(
    address: DockerAddress,
    meter: Meter,
    path: String,
) -> Result<Incoming, Error> {
    let client = http::<Empty<Bytes>>(&address, Reading::Stream(meter));
    let request = Request::get(url(&address)? + &path)
        .body(Empty::new())
        .map_err(|error| Error::IOError {
            err: io::Error::other(error),
        })?;
    let answer = client.request(request).await.map_err(Error::from)?;
    let status_code = answer.status().as_u16();
    if answer.status().is_success() {
        return Ok(answer.into_body());
    }
    let body = answer.into_body().collect().await?.to_bytes();
    let reply: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let message = reply["message"].as_str().map_or_else(
        || String::from_utf8_lossy(&body).into_owned(),
        str::to_owned,
    );
    Err(Error::DockerResponseServerError {
        status_code,
        message,
    })
}

fn url(address: &DockerAddress) -> Result<String, Error> {
    Ok(match address {
        DockerAddress::Unix(path) if !path.exists() => {
            return Err(Error::SocketNotFoundError(path.display().to_string()));
        }
        DockerAddress::Unix(_) => "http://localhost".to_owned(),
        DockerAddress::Tcp(authority) => format!("http://{authority}"),
        DockerAddress::Tls(authority, files) => {
            tls(files).map_err(|err| Error::IOError { err })?;
            format!("https://{authority}")
        }
    })
}

fn http<B>(address: &DockerAddress, reading: Reading) -> Client<Connector, B>
where
    B: Body + Send,
    B::Data: Send,
{
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector = Connector {
        address: address.clone(),
        reading,
        tcp,
    };
    // Each request has its own connection. So the bytes of each request are counted separately, and no idle connection
    // breaks when Docker restarts.
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build(connector)
}

#[derive(Clone)]
struct Connector {
    address: DockerAddress,
    reading: Reading,
    tcp: HttpConnector,
}

impl Connector {
    async fn connect(mut self, uri: Uri) -> io::Result<TokioIo<Metered>> {
        let stream: Box<dyn Stream> = match &self.address {
            DockerAddress::Unix(path) => Box::new(UnixStream::connect(path).await?),
            DockerAddress::Tcp(_) => Box::new(self.over_tcp(uri).await?),
            DockerAddress::Tls(_, files) => {
                // The certificates are read at each connection, so that renewed certificates are used.
                let config = tls(files)?;
                let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                let tcp = self.over_tcp(uri).await?;
                let tls = TlsConnector::from(Arc::new(config));
                Box::new(tls.connect(name, tcp).await?)
            }
        };
        let meter = match self.reading {
            Reading::Answers => Meter::new(ANSWER),
            Reading::Stream(meter) => meter,
        };
        Ok(TokioIo::new(Metered { stream, meter }))
    }

    async fn over_tcp(&mut self, uri: Uri) -> io::Result<tokio::net::TcpStream> {
        let connected = self.tcp.call(uri).await.map_err(io::Error::other)?;
        Ok(connected.into_inner())
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Metered>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// The authorities that this machine trusts. There are hundreds of certificates, and each request makes a connection,
/// so the certificates are read only once.
static SYSTEM_AUTHORITIES: LazyLock<Vec<CertificateDer<'static>>> =
    LazyLock::new(|| rustls_native_certs::load_native_certs().certs);

/// The TLS configuration from these files. Docker's certificate must be signed by the authority in `files` or by an
/// authority that this machine trusts. Greenroom sends its own certificate. An error names the file and says what is
/// wrong with it.
fn tls(files: &TlsFiles) -> io::Result<ClientConfig> {
    let wrong = |path: &Path, why: &dyn fmt::Display| {
        let message = format!("the TLS file {} cannot be used: {why}", path.display());
        io::Error::new(io::ErrorKind::InvalidInput, message)
    };
    let certificates = |path: &Path| -> io::Result<Vec<CertificateDer<'static>>> {
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
        let read: Vec<_> = read.map_err(|error| wrong(path, &error))?;
        if read.is_empty() {
            return Err(wrong(path, &"the file has no certificate"));
        }
        Ok(read)
    };
    let mut authorities = RootCertStore::empty();
    let (usable, _) = authorities.add_parsable_certificates(certificates(&files.ca)?);
    if usable == 0 {
        return Err(wrong(
            &files.ca,
            &"the file has no usable certificate of an authority",
        ));
    }
    authorities.add_parsable_certificates(SYSTEM_AUTHORITIES.iter().cloned());
    let key = PrivateKeyDer::from_pem_file(&files.key);
    let key = key.map_err(|error| wrong(&files.key, &error))?;
    let certificate = certificates(&files.cert)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| {
            let config = config.with_root_certificates(authorities);
            config.with_client_auth_cert(certificate, key)
        })
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                let why = format!(
                    "the key does not belong to the certificate {}",
                    files.cert.display()
                );
                wrong(&files.key, &why)
            }
            other => wrong(&files.cert, &other),
        })
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection that counts the bytes that it receives.
struct Metered {
    stream: Box<dyn Stream>,
    meter: Meter,
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let arrived = buffer.filled().len() - before;
        Poll::Ready(self.meter.count(arrived).map_err(io::Error::other))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Connection for Metered {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_limit_is_found_in_the_causes_of_an_error() {
        let meter = Meter::new(2 * MIB);
        assert_eq!(meter.count(1024 * 1024), Ok(()));
        let too_large = meter.count(1024 * 1024 + 1).expect_err("too large");
        assert_eq!(too_large.to_string(), "the answer has more than 2 MiB");
        assert_eq!(meter.check(), Err(too_large));
        let in_library = Error::from(io::Error::other(too_large));
        assert_eq!(TooLarge::of(&in_library), Some(too_large));
        let other = Error::from(io::Error::other("reset"));
        assert_eq!(TooLarge::of(&other), None);
        meter.restart();
        assert_eq!(meter.check(), Ok(()));
    }
}
