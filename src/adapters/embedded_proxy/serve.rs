//! Runs the proxy: its listeners, their connections, and how they are closed.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::{self, Answer, place};
use super::connections::{Answered, Places, Progress, Watched};
use super::descriptors;
use super::forward::{Content, Traffic, text_response};
use super::recent::{Recent, Since};
use super::site::Site;
use crate::adapters::live_pointer::{LivePointer, ThisHost};
use crate::inventory::{Door, ProxyAnswer};
use crate::ports::{Failure, FailureKind, Result};
use crate::sanitize::sanitize;

/// The pause after a failed accept, e.g. when the process has no free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const DEFAULT_CONNECTIONS: usize = 1024;

/// Limits on how long a client may keep the proxy waiting, and on the number of clients.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The time limit for the head of a request, counted from the end of the previous request. A connection without a
    /// request also ends after this time. The default equals the default of nginx. Many load balancers close idle
    /// connections earlier.
    pub head: Duration,
    /// The longest time in which a client may send nothing of a request body.
    pub body_idle: Duration,
    /// The longest time in which a client may read nothing of an answer.
    pub write_idle: Duration,
    /// How many connections one listener serves at the same time. A further connection takes the place of the
    /// connection that has waited longest for its client. If no connection can lose its place, the further connection
    /// waits for a place.
    pub connections: usize,
    /// How long a client that loses its place may still send a request.
    pub leaving: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(75),
            body_idle: Duration::from_secs(30),
            write_idle: Duration::from_secs(30),
            connections: DEFAULT_CONNECTIONS,
            leaving: Duration::from_secs(1),
        }
    }
}

/// The running proxy. Dropping it stops accepting connections; [`EmbeddedProxy::stop`] also waits for the open
/// requests.
#[derive(Debug)]
pub struct EmbeddedProxy {
    /// Cancelled when the proxy stops accepting connections and requests.
    ending: CancellationToken,
    /// Cancelled when all connections must be closed immediately.
    cut: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Clone)]
enum Purpose {
    /// Forwarding the traffic of a target.
    Pass(Arc<Traffic>, Door),
    /// Reporting how the proxy routes the targets.
    Answer(Arc<Answering>),
}

/// The state of the answer listener.
struct Answering {
    pointer: LivePointer,
    /// The targets by the path of their report.
    sites: BTreeMap<String, Arc<Traffic>>,
    ending: CancellationToken,
}

impl EmbeddedProxy {
    /// Listens at the addresses of all `sites`, and at `answer` for status requests. The live pointers are below
    /// `state`. If one address cannot be bound, the call fails and leaves no listener open.
    pub async fn start(
        sites: Vec<Site>,
        answer: SocketAddr,
        state: impl Into<PathBuf>,
    ) -> Result<Self> {
        Self::start_within(sites, answer, state, Limits::default()).await
    }

    /// Like [`EmbeddedProxy::start`], with other limits.
    pub async fn start_within(
        sites: Vec<Site>,
        answer: SocketAddr,
        state: impl Into<PathBuf>,
        limits: Limits,
    ) -> Result<Self> {
        descriptors::raise_limit();
        let pointer = LivePointer::new(Arc::new(ThisHost), state);
        let ending = CancellationToken::new();
        let mut listeners = Vec::new();
        let mut by_path = BTreeMap::new();
        for site in sites {
            let traffic = Arc::new(Traffic {
                link: pointer.link(&site.target),
                open: super::count::Open::default(),
                recent: Recent::default(),
                body_idle: limits.body_idle,
                site,
            });
            let site = &traffic.site;
            for (door, at) in [(Door::Public, site.public), (Door::Preview, site.preview)] {
                let purpose = Purpose::Pass(Arc::clone(&traffic), door);
                listeners.push((bind(at, answer).await?, purpose));
            }
            by_path.insert(Site::answer_path(&site.target), Arc::clone(&traffic));
        }
        let answering = Purpose::Answer(Arc::new(Answering {
            pointer,
            sites: by_path,
            ending: ending.clone(),
        }));
        listeners.push((bind(answer, answer).await?, answering));
        let proxy = Self {
            ending,
            cut: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        for (listener, purpose) in listeners {
            proxy.tasks.spawn(accept(
                (listener, limits),
                purpose,
                proxy.tasks.clone(),
                proxy.ending.clone(),
                proxy.cut.clone(),
            ));
        }
        Ok(proxy)
    }

    /// Stops accepting connections and waits for the open requests. After `grace`, closes the connections that remain.
    pub async fn stop(self, grace: Duration) {
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

impl Drop for EmbeddedProxy {
    fn drop(&mut self) {
        self.ending.cancel();
    }
}

async fn bind(at: SocketAddr, answer: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(at).await.map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::AddrInUse => FailureKind::Conflict,
            std::io::ErrorKind::PermissionDenied => FailureKind::Denied,
            _ => FailureKind::Rejected,
        };
        let message = sanitize(&error.to_string());
        Failure::new(kind, place(answer), format!("listening on {at}"), message)
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

async fn accept(
    (listener, limits): (TcpListener, Limits),
    purpose: Purpose,
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
        let progress = Arc::clone(&place.progress);
        let ending = ending.clone();
        let connection = serve_client((stream, limits), progress, peer, purpose.clone(), ending);
        let cut = cut.clone();
        tasks.spawn(async move {
            tokio::select! {
                () = connection => {}
                () = place.progress.cut() => {}
                () = cut.cancelled() => {}
            }
        });
    }
}

/// Serves one connection, for as many requests as the client sends.
async fn serve_client(
    (stream, limits): (TcpStream, Limits),
    progress: Arc<Progress>,
    peer: SocketAddr,
    purpose: Purpose,
    ending: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let stream = Watched::new(stream, Arc::clone(&progress), limits.write_idle);
    let service = service_fn(|request| {
        let (purpose, counted) = (purpose.clone(), progress.request());
        async move {
            let answer = purpose.respond(request, peer).await;
            Ok::<_, Infallible>(answer.map(|body| Answered::new(body, counted)))
        }
    });
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head);
    let mut connection = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
    // The result is ignored: a broken connection to a client is no error of the proxy.
    tokio::select! {
        // `biased` checks the connection first, so a request that has arrived is answered even if the connection takes
        // no further request.
        biased;
        _ = connection.as_mut() => return,
        () = progress.leaves(limits.leaving) => {}
        () = ending.cancelled() => {}
    }
    // hyper answers the request in progress, and closes an idle connection immediately.
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

impl Purpose {
    async fn respond(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Content> {
        match self {
            Self::Pass(traffic, door) => traffic.pass(request, *door, peer).await,
            Self::Answer(answering) => answering.respond(request.uri()).await,
        }
    }
}

impl Answering {
    async fn respond(&self, uri: &Uri) -> Response<Content> {
        let Some(traffic) = self.sites.get(uri.path()) else {
            return text_response(
                StatusCode::NOT_FOUND,
                "this proxy serves no target at this path",
            );
        };
        if let Some(second) = uri.query().and_then(answer::counted_since) {
            return json(&traffic.recent.counted_since(second));
        }
        match uri.query().and_then(Since::parse) {
            Some(since) => {
                // A request that waits for lines must not keep the proxy from stopping.
                let lines = traffic.recent.lines(since);
                let lines = self.ending.run_until_cancelled(lines).await;
                json(&lines.unwrap_or_default())
            }
            None => self.report(traffic).await,
        }
    }

    async fn report(&self, traffic: &Traffic) -> Response<Content> {
        let pointer = match self.pointer.read(&traffic.site.target).await {
            Ok(pointer) => pointer,
            Err(failure) => {
                return text_response(StatusCode::INTERNAL_SERVER_ERROR, &failure.to_string());
            }
        };
        let answer = Answer {
            proxy: ProxyAnswer {
                slot: pointer.slot,
                generation: pointer.generation,
                token: pointer.token,
                configuration: traffic.site.fingerprint(),
            },
            open: traffic.open.now(),
            rates: Some(traffic.recent.rates()),
        };
        json(&answer)
    }
}

fn json(answer: &impl Serialize) -> Response<Content> {
    match serde_json::to_vec(answer) {
        Ok(text) => {
            let mut response = Response::new(Either::Right(Full::from(text)));
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert("content-type", json);
            response
        }
        Err(error) => text_response(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}
