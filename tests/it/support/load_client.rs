//! One client of a load: raw HTTP/1.1 connections, so that nothing retries, pools or waits
//! unnoticed.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use greenroom::inventory::Slot;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONNECTION, HOST};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::load::{Kind, LoadPlan, slot_of};

/// A request that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Client {
    pub(super) kind: Kind,
    address: SocketAddr,
    host: String,
    path: String,
    connection: Option<Connection>,
    /// The progress of its request, to explain a missing answer.
    stage: Arc<Mutex<String>>,
}

/// The result of one request.
pub(super) struct Asked {
    /// The slot that answered, or why there is no good answer.
    pub(super) answer: Result<Option<Slot>, String>,
    /// Whether the kept connection had been closed and another one was opened for this request.
    pub(super) reopened: bool,
}

struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    /// Bytes ever received on it.
    came_back: Arc<AtomicU64>,
    local: SocketAddr,
}

enum Refused {
    /// The connection was closed before a byte of the answer; a GET may be repeated.
    Unanswered(String),
    /// An answer came that is not a good one.
    Bad(String),
}

impl Client {
    pub(super) fn new(plan: &LoadPlan, kind: Kind) -> Self {
        Self {
            kind,
            address: plan.address,
            host: plan.host.clone(),
            path: plan.path.clone(),
            connection: None,
            stage: Arc::default(),
        }
    }

    fn stage(&self, stage: impl Into<String>) {
        *self.stage.lock().expect("no panic") = stage.into();
    }

    pub(super) async fn ask(&mut self) -> Asked {
        let (stage, address) = (Arc::clone(&self.stage), self.address);
        let answer = {
            let mut asking = pin!(self.ask_with_timeout());
            let asked = timeout(TIMEOUT, &mut asking).await;
            // Read before the connections end with the request.
            match asked {
                Ok(asked) => asked,
                Err(_) => Asked {
                    answer: Err(unanswered(&stage, address).await),
                    reopened: false,
                },
            }
        };
        if answer.answer.is_err() {
            // Its state is unknown, so the next request must not use it.
            self.connection = None;
        }
        answer
    }

    async fn ask_with_timeout(&mut self) -> Asked {
        let mut reopened = false;
        if let Some(connection) = self.connection.take() {
            match self.exchange(connection).await {
                Ok(slot) => {
                    return Asked {
                        answer: Ok(slot),
                        reopened,
                    };
                }
                Err(Refused::Bad(why)) => {
                    return Asked {
                        answer: Err(why),
                        reopened,
                    };
                }
                // As every HTTP client does with a kept connection that was closed while idle.
                Err(Refused::Unanswered(_)) => reopened = true,
            }
        }
        let answer = match self.connect().await {
            Ok(connection) => match self.exchange(connection).await {
                Ok(slot) => Ok(slot),
                Err(Refused::Bad(why) | Refused::Unanswered(why)) => Err(why),
            },
            Err(error) => Err(format!("connecting: {error}")),
        };
        Asked { answer, reopened }
    }

    async fn connect(&self) -> io::Result<Connection> {
        self.stage("connecting");
        let stream = TcpStream::connect(self.address).await?;
        let local = stream.local_addr()?;
        stream.set_nodelay(true)?;
        let came_back = Arc::new(AtomicU64::new(0));
        let counted = Counted {
            stream,
            came_back: Arc::clone(&came_back),
        };
        let (sender, connection) = handshake(TokioIo::new(counted))
            .await
            .map_err(io::Error::other)?;
        // Its errors are also those of the requests on it.
        tokio::spawn(async move { drop(connection.await) });
        self.stage(format!("connected from {local}"));
        Ok(Connection {
            sender,
            came_back,
            local,
        })
    }

    /// Sends a request on a connection, and keeps the connection if it can be used again.
    async fn exchange(&mut self, mut connection: Connection) -> Result<Option<Slot>, Refused> {
        let before = connection.came_back.load(Ordering::SeqCst);
        let local = connection.local;
        self.stage(format!(
            "waiting for its turn on {local}, {before} came back"
        ));
        let unanswered = |connection: &Connection, error: &hyper::Error| {
            let why = described(error);
            if connection.came_back.load(Ordering::SeqCst) == before {
                Refused::Unanswered(why)
            } else {
                Refused::Bad(why)
            }
        };
        if let Err(error) = connection.sender.ready().await {
            return Err(unanswered(&connection, &error));
        }
        self.stage(format!("sending on {local}, {before} came back"));
        let sent = connection.sender.send_request(self.request()).await;
        let response = sent.map_err(|error| unanswered(&connection, &error))?;

        let status = response.status();
        let closes = response.headers().get(CONNECTION);
        let closes = closes.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        let slot = response.headers().get("x-greenroom-slot");
        let slot = slot.and_then(|value| value.to_str().ok()).and_then(slot_of);
        self.stage(format!("reading the body on {local}"));
        let body = response.into_body().collect().await;
        body.map_err(|error| Refused::Bad(format!("within the body: {}", described(&error))))?;
        if self.kind == Kind::Kept && !closes {
            self.connection = Some(connection);
        }
        if status.is_success() {
            Ok(slot)
        } else {
            Err(Refused::Bad(format!("answered {status}")))
        }
    }

    fn request(&self) -> Request<Empty<Bytes>> {
        let mut request = Request::get(&self.path).header(HOST, &self.host);
        if self.kind == Kind::Fresh {
            request = request.header(CONNECTION, "close");
        }
        request
            .body(Empty::new())
            .expect("a request that can be sent")
    }
}

/// The progress of an unanswered request, and the state of nginx's connections with their queues,
/// to show where it is stuck.
async fn unanswered(stage: &Mutex<String>, address: SocketAddr) -> String {
    let stage = stage.lock().expect("no panic").clone();
    let listed = tokio::process::Command::new("ss")
        .args(["-Htanpoe", "exclude", "time-wait"])
        .output()
        .await;
    let listed = listed.map_or_else(
        |error| error.to_string().into_bytes(),
        |listed| listed.stdout,
    );
    let listed = String::from_utf8_lossy(&listed);
    let own = format!(":{}", address.port());
    let lines = listed
        .lines()
        .filter(|line| line.contains("nginx") || line.contains(&own));
    let lines: Vec<&str> = lines.map(str::trim_end).collect();
    format!(
        "no answer within {TIMEOUT:?}: {stage}, and there is\n{}",
        lines.join("\n")
    )
}

fn described(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// A stream that counts received bytes, to tell a connection closed while idle from an incomplete
/// answer.
struct Counted {
    stream: TcpStream,
    came_back: Arc<AtomicU64>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let count = buffer.filled().len() - before;
        self.came_back.fetch_add(count as u64, Ordering::SeqCst);
        read
    }
}

impl AsyncWrite for Counted {
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

mod tests {
    use std::time::Instant;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::super::eventually;
    use super::super::load::Load;
    use super::*;

    const SOON: Duration = Duration::from_secs(10);
    const BLUE: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Greenroom-Slot: blue 7\r\n\r\nok\n";
    const GREEN: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Greenroom-Slot: green\r\n\r\nok\n";
    const CUT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\no";
    const WRONG: &[u8] = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n";

    /// A server that gives the same answer `times` times on each connection and then closes it.
    async fn server(
        says: impl Fn() -> &'static [u8] + Send + Sync + 'static,
        times: usize,
    ) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let says = Arc::new(says);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let says = Arc::clone(&says);
                tokio::spawn(async move {
                    let mut request = [0; 2048];
                    for _ in 0..times {
                        if !matches!(stream.read(&mut request).await, Ok(1..)) {
                            return;
                        }
                        if stream.write_all(says()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    async fn loaded(
        address: SocketAddr,
        kept: usize,
        fresh: usize,
        requests: u64,
    ) -> super::super::load::LoadReport {
        let mut plan = LoadPlan::new(address, "web.example", "/");
        (plan.kept, plan.fresh, plan.every) = (kept, fresh, Duration::from_millis(2));
        let load = Load::start(&plan);
        eventually("enough requests", SOON, async || load.asked() >= requests).await;
        load.stop().await
    }

    #[tokio::test]
    async fn good_answers_are_counted_by_slot_on_kept_and_on_fresh_connections() {
        let report = loaded(server(|| BLUE, usize::MAX).await, 2, 2, 50).await;
        report.assert_nothing_failed();
        assert_eq!(report.reopened, 0);
        assert_eq!(report.answered_by()[&Some(Slot::Blue)], report.requests);
        for kind in [Kind::Kept, Kind::Fresh] {
            assert!(report.answers.iter().any(|answer| answer.kind == kind));
            assert!(report.longest_gap(kind).is_some_and(|gap| gap < SOON));
        }
    }

    #[tokio::test]
    async fn a_connection_closed_while_idle_is_opened_again_and_is_no_failure() {
        let report = loaded(server(|| BLUE, 3).await, 2, 0, 50).await;
        report.assert_nothing_failed();
        assert!(report.reopened > 0, "{report}");
    }

    #[tokio::test]
    async fn an_incomplete_answer_a_refusal_and_a_closed_port_are_failures() {
        for (says, why) in [(CUT, "within the body"), (WRONG, "answered 503")] {
            let report = loaded(server(move || says, 1).await, 1, 1, 20).await;
            assert_eq!(report.failed_count, report.requests, "{report}");
            assert!(report.to_string().contains(why), "{report}");
        }
        let closed = SocketAddr::from(([127, 0, 0, 1], super::super::free_port()));
        let report = loaded(closed, 1, 1, 20).await;
        assert_eq!(report.failed_count, report.requests);
        assert!(report.to_string().contains("connecting"), "{report}");
    }

    #[tokio::test]
    async fn the_report_has_the_first_new_and_the_last_old_answer_after_a_switch() {
        let green = Arc::new(AtomicU64::new(0));
        let asked = Arc::clone(&green);
        let says = move || {
            if asked.load(Ordering::SeqCst) == 0 {
                BLUE
            } else {
                GREEN
            }
        };
        let load = Load::start(&LoadPlan::new(server(says, usize::MAX).await, "h", "/"));
        eventually("answers before", SOON, async || load.good() > 50).await;
        let early = Instant::now();
        let before = load.good();
        eventually("more answers", SOON, async || load.good() > before + 50).await;
        green.store(1, Ordering::SeqCst);
        let switched = Instant::now();
        let before = load.good();
        eventually("answers after", SOON, async || load.good() > before + 50).await;
        let report = load.stop().await;
        report.assert_nothing_failed();
        assert!(
            report
                .first_answer_by(Slot::Green, switched)
                .is_some_and(|time| time < SOON)
        );
        assert_eq!(report.last_answer_by(Slot::Blue, switched), None);
        let stale = report.last_answer_by(Slot::Blue, early);
        assert!(stale.is_some_and(|time| time <= switched - early + SOON));
    }
}
