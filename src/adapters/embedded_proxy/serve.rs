//! Runs the proxy: its listeners, and what each of them answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, Response, StatusCode, Uri};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::answer::{self, Answer, place};
use super::descriptors;
use super::forward::{Content, Traffic, text_response};
use super::recent::{Recent, Since};
use super::site::Site;
use crate::adapters::http_server::{self, Client, HttpServer, Respond, bind};
use crate::adapters::live_pointer::{LivePointer, ThisHost};
use crate::inventory::{Door, ProxyAnswer};
use crate::ports::Result;

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

impl Limits {
    fn of_connections(self) -> http_server::Limits {
        http_server::Limits {
            head: self.head,
            head_size: None,
            write_idle: self.write_idle,
            connections: self.connections,
            leaving: self.leaving,
        }
    }
}

/// The running proxy. Dropping it stops accepting connections; [`EmbeddedProxy::stop`] also waits for the open
/// requests.
#[derive(Debug)]
pub struct EmbeddedProxy(HttpServer);

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
        let server = HttpServer::default();
        let mut listeners = Vec::new();
        let mut by_path = BTreeMap::new();
        for site in sites {
            let traffic = Arc::new(Traffic {
                link: pointer.link(&site.target),
                open: super::count::Open::default(),
                recent: Recent::default(),
                turn: std::sync::atomic::AtomicUsize::new(0),
                body_idle: limits.body_idle,
                site,
            });
            let site = &traffic.site;
            for (door, at) in [(Door::Public, site.public), (Door::Preview, site.preview)] {
                let purpose = Purpose::Pass(Arc::clone(&traffic), door);
                listeners.push((bind(at, place(answer)).await?, purpose));
            }
            by_path.insert(Site::answer_path(&site.target), Arc::clone(&traffic));
        }
        let answering = Purpose::Answer(Arc::new(Answering {
            pointer,
            sites: by_path,
            ending: server.ending(),
        }));
        listeners.push((bind(answer, place(answer)).await?, answering));
        for (listener, purpose) in listeners {
            server.serve((listener, limits.of_connections()), None, purpose);
        }
        Ok(Self(server))
    }

    /// Stops accepting connections and waits for the open requests. After `grace`, closes the connections that remain.
    pub async fn stop(self, grace: Duration) {
        self.0.stop(grace).await;
    }
}

impl Respond for Purpose {
    type Body = Content;

    async fn respond(&self, request: Request<Incoming>, client: Client) -> Response<Content> {
        match self {
            Self::Pass(traffic, door) => traffic.pass(request, *door, client.address).await,
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
