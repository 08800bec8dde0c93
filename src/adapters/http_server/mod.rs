//! An HTTP/1.1 server for the parts of Greenroom that listen: the embedded proxy and the inbox of the agent. It limits
//! the number of connections and how long a client may keep it waiting, speaks TLS if it has a certificate, and answers
//! the open requests before it stops. The content of requests and answers is the business of a [`Respond`].

mod certificate;
mod connections;
mod validity;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(super) use self::certificate::ServerCertificate;
pub(super) use self::connections::Client;
use self::connections::{Answered, Places, Progress, Watched};
pub use self::validity::Validity;
use crate::ports::{Failure, FailureKind, Result};
use crate::sanitize::sanitize;

/// The pause after a failed accept, e.g. when the process has no free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Limits on how long a client may keep the server waiting, and on the number of clients of one listener.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The time limit for the TLS handshake, and for the head of a request, counted from the end of the previous
    /// request. A connection without a request also ends after this time.
    pub(super) head: Duration,
    /// The largest head of a request, in bytes; hyper's own limit when absent.
    pub(super) head_size: Option<usize>,
    /// The longest time in which a client may read nothing of an answer.
    pub(super) write_idle: Duration,
    /// How many connections one listener serves at the same time. A further connection takes the place of the
    /// connection that has waited longest for its client. If no connection can lose its place, the further connection
    /// waits for a place.
    pub(super) connections: usize,
    /// How long a client that loses its place may still send a request.
    pub(super) leaving: Duration,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Answers requests.
pub(super) trait Respond: Clone + Send + Sync + 'static {
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static;

    fn respond(
        &self,
        request: Request<Incoming>,
        client: Client,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// A running server, which may have several listeners. Dropping it stops accepting connections; [`HttpServer::stop`]
/// also waits for the open requests.
#[derive(Debug, Default)]
pub(super) struct HttpServer {
    /// Cancelled when the server stops accepting connections and requests.
    ending: CancellationToken,
    /// Cancelled when all connections must be closed immediately.
    cut: CancellationToken,
    tasks: TaskTracker,
}

impl HttpServer {
    /// Cancelled when the server stops accepting connections and requests.
    pub(super) fn ending(&self) -> CancellationToken {
        self.ending.clone()
    }

    /// Serves the clients of a listener, over TLS if there is a certificate.
    pub(super) fn serve(
        &self,
        (listener, limits): (TcpListener, Limits),
        certificate: Option<Arc<ServerCertificate>>,
        respond: impl Respond,
    ) {
        self.tasks.spawn(accept(
            (listener, limits),
            certificate,
            respond,
            self.tasks.clone(),
            self.ending.clone(),
            self.cut.clone(),
        ));
    }

    /// Stops accepting connections and waits for the open requests. After `grace`, closes the connections that remain.
    pub(super) async fn stop(self, grace: Duration) {
        self.ending.cancel();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait())
            .await
            .is_err()
        {
            self.cut.cancel();
            self.tasks.wait().await;
        }
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.ending.cancel();
    }
}

/// Listens at an address. A failure names the server as `place`.
pub(super) async fn bind(at: SocketAddr, place: String) -> Result<TcpListener> {
    TcpListener::bind(at).await.map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::AddrInUse => FailureKind::Conflict,
            std::io::ErrorKind::PermissionDenied => FailureKind::Denied,
            _ => FailureKind::Rejected,
        };
        let message = sanitize(&error.to_string());
        Failure::new(kind, place, format!("listening on {at}"), message)
            .hint(match kind {
                FailureKind::Conflict => {
                    "stop the process that uses this address, or configure another port"
                }
                FailureKind::Denied => "configure a port that this user may use, e.g. above 1023",
                _ => "check the address in the configuration",
            })
            .caused_by(error)
    })
}

async fn accept<R: Respond>(
    (listener, limits): (TcpListener, Limits),
    certificate: Option<Arc<ServerCertificate>>,
    respond: R,
    tasks: TaskTracker,
    ending: CancellationToken,
    cut: CancellationToken,
) {
    let places = Places::new(limits.connections);
    loop {
        let next = async {
            let accepted = listener.accept().await;
            (accepted, places.take().await)
        };
        let (accepted, place) = tokio::select! {
            next = next => next,
            () = ending.cancelled() => return,
        };
        let Ok((stream, peer)) = accepted else {
            // Accepting usually fails because the process has no free file descriptor. Closing the connection of a
            // waiting client frees a descriptor.
            places.cut_one_waiting();
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let connection = Connection {
            limits,
            progress: Arc::clone(&place.progress),
            peer,
            ending: ending.clone(),
        };
        let serving = connection.serve_tcp(stream, certificate.clone(), respond.clone());
        let cut = cut.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = serving => {}
                () = place.progress.cut() => {}
                () = cut.cancelled() => {}
            }
        });
    }
}

struct Connection {
    limits: Limits,
    progress: Arc<Progress>,
    peer: SocketAddr,
    ending: CancellationToken,
}

impl Connection {
    async fn serve_tcp(
        self,
        stream: TcpStream,
        certificate: Option<Arc<ServerCertificate>>,
        respond: impl Respond,
    ) {
        let _ = stream.set_nodelay(true);
        let stream = Watched::new(stream, Arc::clone(&self.progress), self.limits.write_idle);
        let Some(certificate) = certificate else {
            return self.serve(stream, respond).await;
        };
        let handshake = async { certificate.acceptor().await.accept(stream).await };
        let handshake = tokio::time::timeout(self.limits.head, handshake);
        // A client without a successful handshake gets no answer, so nothing is lost when the server stops.
        match self.ending.run_until_cancelled(handshake).await {
            Some(Ok(Ok(stream))) => self.serve(stream, respond).await,
            Some(Ok(Err(error))) => {
                let peer = self.peer;
                tracing::debug!("TLS with {peer}: {}", sanitize(&error.to_string()));
            }
            Some(Err(_)) | None => {}
        }
    }

    /// Serves one connection, for as many requests as the client sends.
    async fn serve(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send,
        respond: impl Respond,
    ) {
        let Self {
            limits,
            progress,
            peer,
            ending,
        } = self;
        let service = service_fn(|request| {
            let (respond, counted) = (respond.clone(), progress.request());
            let client = Client {
                address: peer,
                progress: Arc::clone(&progress),
            };
            async move {
                let answer = respond.respond(request, client).await;
                Ok::<_, Infallible>(answer.map(|body| Answered::new(body, counted)))
            }
        });
        let mut server = http1::Builder::new();
        server
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head);
        if let Some(size) = limits.head_size {
            server.max_buf_size(size);
        }
        let mut connection = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
        // The result is ignored: a broken connection to a client is no error of the server.
        tokio::select! {
            // `biased` checks the connection first, so a request that has arrived is answered even if the connection
            // takes no further request.
            biased;
            _ = connection.as_mut() => return,
            () = progress.leaves(limits.leaving) => {}
            () = ending.cancelled() => {}
        }
        // hyper answers the request in progress, and closes an idle connection immediately.
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}
