//! The inbox of the agent: an HTTP or HTTPS server to which image registries and other senders report pushes. A sender
//! posts to `/push/NAME`. A delivery is answered when its pushes are stored, so that a sender repeats what may be lost.
//!
//! Anyone may reach the address, so a delivery needs the credential of a configured sender, and everything is limited:
//! connections, the size and the time of a request, the pushes of a delivery, and the rate of a sender. A payload is
//! only a hint: the agent asks the image registry of the configuration what the tag names. No address in a payload is
//! ever called.
//!
//! A connection belongs to an unknown client until a request proves its sender. It is closed after an answer without such
//! a proof. If all connections are in use, an unknown client loses its place to a newer one after a second, even if it is
//! still sending.
//!
//! The answers are:
//!
//! | status | meaning |
//! |---|---|
//! | 200 | at least one push is queued |
//! | 202 | nothing to queue: another event, a repository that no service has, or a tag that no target follows. These are no errors, because an image registry repeats a refused delivery for ever |
//! | 400 | the payload cannot be read |
//! | 413 | the delivery has too many bytes or pushes |
//! | 404, 405 | wrong path or method |
//! | 401 | unknown sender or wrong credential |
//! | 408 | the content arrived too slowly |
//! | 429 | the queue of a target is full, or the sender reports too much: try again after `Retry-After` |
//! | 503 | a push could not be stored, a credential could not be read, or too many large deliveries arrive at the same time: try again after `Retry-After` |

mod answer;
mod content;
mod counts;
mod delivery;
mod kinds;
mod proof;
mod rate;
mod sender;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use ring::{digest, hmac};
use tokio::sync::Semaphore;

pub use self::counts::Counts;
pub use crate::adapters::http_server::Validity;

use self::answer::Answer;
use self::content::LARGE_AT_ONCE;
use self::counts::Counting;
use self::sender::Sender;
use crate::adapters::http_server::{self, Client, HttpServer, Respond, ServerCertificate, bind};
use crate::inventory::servers::{InboxConfig, SenderConfig, ServerTls};
use crate::ports::{Bound, Clock, PushReceiver, Result, Secrets, TimeLimit};

/// The limits for reading from senders.
pub const BOUNDS: [Bound; 1] = [Bound {
    server: "inbox",
    answer: "the report of a push",
    bytes: LARGEST as u64,
    time: TimeLimit::Within(READ_TIME),
}];

/// The largest content of a delivery, in bytes.
const LARGEST: usize = 1 << 20;
/// How long the head and the content of a request may take, each.
const READ_TIME: Duration = Duration::from_secs(10);

/// What a sender may demand of the inbox.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest content of a delivery, in bytes.
    pub body: usize,
    /// How long a TLS handshake, the head and the content of a request may take, each. A connection without a request
    /// ends after this time, too.
    pub read: Duration,
    /// How many connections are served at the same time. A further connection takes the place of the connection that has
    /// waited longest for its client.
    pub connections: usize,
    /// How many pushes a delivery may report.
    pub pushes: usize,
    /// How many deliveries with pushes are accepted from one sender in a second, in the long run.
    pub per_second: u32,
    /// How many deliveries with pushes are accepted from one sender at once, after a pause.
    pub burst: u32,
    /// How long a sender waits for the receiver at most.
    pub receive: Duration,
    /// How long a credential is used before its source is read again. A credential that was replaced is accepted until
    /// then.
    pub credential: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: LARGEST,
            read: READ_TIME,
            connections: 64,
            pushes: 100,
            per_second: 50,
            burst: 200,
            receive: Duration::from_secs(30),
            credential: Duration::from_mins(1),
        }
    }
}

/// The largest head of a request, in bytes. A head consists of a path, a credential and a signature.
const LARGEST_HEAD: usize = 16 * 1024;

/// The running inbox. Dropping it stops accepting connections; [`Inbox::stop`] also waits for the open deliveries.
#[expect(missing_debug_implementations, reason = "holds trait objects")]
pub struct Inbox {
    server: HttpServer,
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What all requests share.
struct Shared {
    senders: BTreeMap<String, Sender>,
    receiver: Arc<dyn PushReceiver>,
    clock: Arc<dyn Clock>,
    counting: Counting,
    limits: Limits,
    /// Permits for large contents without a proof of their sender.
    large: Semaphore,
    /// Hashes unknown names. The key comes from the credentials, so no client knows it, and it is the same after a
    /// restart: otherwise an unknown name could behave differently then, and a known one would not.
    unknown: hmac::Key,
}

impl Inbox {
    /// Reads the credentials and the certificate, and listens. The failure says which of these is wrong.
    pub async fn start(
        config: InboxConfig,
        secrets: Arc<dyn Secrets>,
        receiver: Arc<dyn PushReceiver>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        Self::start_within(config, secrets, receiver, clock, Limits::default()).await
    }

    /// Like [`Inbox::start`], with other limits.
    pub async fn start_within(
        config: InboxConfig,
        secrets: Arc<dyn Secrets>,
        receiver: Arc<dyn PushReceiver>,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Result<Self> {
        let certificate = match config.tls {
            Some(tls) => {
                let read = ServerCertificate::read(tls.certificate, tls.key).await?;
                Some(Arc::new(read))
            }
            None => None,
        };
        let mut senders = BTreeMap::new();
        let mut key = digest::Context::new(&digest::SHA256);
        for (name, sender) in config.senders {
            let sender = Sender::new((name.clone(), sender), Arc::clone(&secrets), &limits).await?;
            key.update(sender.first_hash.as_str().as_bytes());
            senders.insert(name, sender);
        }
        let listen = config.listen;
        let listener = bind(listen, format!("inbox at {listen}")).await?;
        let address = listener.local_addr().unwrap_or(listen);
        let server = HttpServer::default();
        let shared = Arc::new(Shared {
            senders,
            receiver,
            clock,
            counting: Counting::default(),
            limits,
            large: Semaphore::new(LARGE_AT_ONCE),
            unknown: hmac::Key::new(hmac::HMAC_SHA256, key.finish().as_ref()),
        });
        let logging = (Arc::clone(&shared), server.ending());
        tokio::spawn(async move {
            let (shared, ending) = logging;
            shared.counting.log(ending).await;
        });
        let of_connections = http_server::Limits {
            head: limits.read,
            head_size: Some(LARGEST_HEAD),
            write_idle: limits.read,
            connections: limits.connections,
            leaving: Duration::from_secs(1),
        };
        server.serve(
            (listener, of_connections),
            certificate,
            Receiving(Arc::clone(&shared)),
        );
        Ok(Self {
            server,
            address,
            shared,
        })
    }

    /// Reads the credential of a sender as [`Inbox::start`] does. The failure says why the inbox would not start.
    pub async fn check_sender(
        name: &str,
        config: &SenderConfig,
        secrets: Arc<dyn Secrets>,
    ) -> Result<()> {
        let sender = (name.to_owned(), config.clone());
        let read = Sender::new(sender, secrets, &Limits::default()).await;
        read.map(drop)
    }

    /// Reads the certificate and its key as [`Inbox::start`] does, and returns when its whole chain is valid.
    /// The failure says why the inbox would not start; its kind is `Missing` or `Denied` if a file cannot be opened.
    pub async fn check_certificate(tls: &ServerTls) -> Result<Validity> {
        ServerCertificate::validity(&tls.certificate, &tls.key).await
    }

    /// The address at which the inbox listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was received and refused so far.
    pub fn counts(&self) -> Counts {
        self.shared.counting.now()
    }

    /// Stops accepting connections and waits for the open deliveries. After `grace`, closes the connections that remain.
    pub async fn stop(self, grace: Duration) {
        self.server.stop(grace).await;
    }
}

#[derive(Clone)]
struct Receiving(Arc<Shared>);

impl Respond for Receiving {
    type Body = Full<Bytes>;

    async fn respond(&self, request: Request<Incoming>, client: Client) -> Response<Full<Bytes>> {
        let name = request.uri().path().strip_prefix("/push/");
        let answer = match (name.map(str::to_owned), request.method()) {
            (Some(name), &Method::POST) => self.0.deliver(name, request, &client).await,
            (Some(_), _) => {
                let text = "a push is reported with POST";
                Answer::new(StatusCode::METHOD_NOT_ALLOWED, text)
                    .allow("POST")
                    .close()
            }
            (None, method) => health(request.uri().path(), method).close(),
        };
        if answer.closes() {
            client.leave_content();
        }
        answer.response()
    }
}

/// The answer for load balancers.
fn health(path: &str, method: &Method) -> Answer {
    if !matches!(path, "/" | "/health") {
        let text = "not found: pushes are reported to /push/NAME";
        return Answer::new(StatusCode::NOT_FOUND, text);
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        let text = "pushes are reported to /push/NAME";
        return Answer::new(StatusCode::METHOD_NOT_ALLOWED, text).allow("GET, HEAD");
    }
    Answer::new(StatusCode::OK, "the inbox of Greenroom is running")
}
