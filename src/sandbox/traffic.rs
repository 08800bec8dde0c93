//! A small stream of real requests to every public address, as visitors would send them. Some visitors keep their
//! connection, others open a new connection for each request.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONNECTION, HOST};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use crate::inventory::local_time;
use crate::sanitize::sanitize;

/// The time between two requests of one visitor.
const REQUEST_INTERVAL: Duration = Duration::from_millis(500);
/// The delay between the starts of two visitors, so that they do not all send at the same moment.
const START_SPACING: Duration = Duration::from_millis(170);
/// A request that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    pub requests: u64,
    pub failed: u64,
    /// The first failure, with its time and address.
    pub first_failure: Option<String>,
}

#[derive(Debug)]
pub struct SampleTraffic {
    stop: CancellationToken,
    visitors: JoinSet<()>,
    tally: Arc<Mutex<Tally>>,
}

/// How a visitor treats connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    Keeps,
    OpensAnew,
}

impl SampleTraffic {
    /// Starts two visitors for each address: one keeps its connection, and the other opens a new connection for each
    /// request.
    pub fn start(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let stop = CancellationToken::new();
        let tally = Arc::new(Mutex::new(Tally::default()));
        let mut visitors = JoinSet::new();
        let habits = [Habit::Keeps, Habit::OpensAnew];
        let visits = addresses
            .into_iter()
            .flat_map(|address| habits.map(|habit| (address, habit)));
        let mut start = Instant::now();
        for (address, habit) in visits {
            let visitor = Visitor {
                address,
                habit,
                kept: None,
            };
            visitors.spawn(visit(visitor, start, stop.clone(), Arc::clone(&tally)));
            start += START_SPACING;
        }
        Self {
            stop,
            visitors,
            tally,
        }
    }

    /// Lets each visitor finish its request, and returns the results.
    pub async fn stop(mut self) -> Tally {
        self.stop.cancel();
        while self.visitors.join_next().await.is_some() {}
        self.tally
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn visit(
    mut visitor: Visitor,
    start: Instant,
    stop: CancellationToken,
    tally: Arc<Mutex<Tally>>,
) {
    let mut ticks = interval_at(start, REQUEST_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let result = timeout(TIMEOUT, visitor.request()).await;
        let answer = result.unwrap_or_else(|_| Err(format!("no answer within {TIMEOUT:?}")));
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.requests += 1;
        if let Err(why) = answer {
            visitor.kept = None;
            tally.failed += 1;
            tally.first_failure.get_or_insert_with(|| {
                let at = local_time::clock(jiff::Timestamp::now());
                format!("{at} http://{}/: {}", visitor.address, sanitize(&why))
            });
        }
    }
}

type Connection = SendRequest<Empty<Bytes>>;

struct Visitor {
    address: SocketAddr,
    habit: Habit,
    kept: Option<Connection>,
}

impl Visitor {
    async fn request(&mut self) -> Result<(), String> {
        if let Some(mut kept) = self.kept.take()
            && kept.ready().await.is_ok()
        {
            return self.exchange(kept).await;
        }
        // No connection is kept, or it was closed while idle: open a new one.
        let stream = TcpStream::connect(self.address)
            .await
            .map_err(|error| format!("connecting: {error}"))?;
        let (fresh, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| with_source(&error))?;
        // An error of the connection also fails the request on it, and the request reports the error.
        tokio::spawn(async move { drop(connection.await) });
        self.exchange(fresh).await
    }

    async fn exchange(&mut self, mut connection: Connection) -> Result<(), String> {
        let mut request = Request::get("/").header(HOST, "localhost");
        if self.habit == Habit::OpensAnew {
            request = request.header(CONNECTION, "close");
        }
        let request = request
            .body(Empty::new())
            .map_err(|error| error.to_string())?;
        let response = connection
            .send_request(request)
            .await
            .map_err(|error| with_source(&error))?;
        let status = response.status();
        response
            .into_body()
            .collect()
            .await
            .map_err(|error| with_source(&error))?;
        if self.habit == Habit::Keeps {
            self.kept = Some(connection);
        }
        if status.is_success() {
            Ok(())
        } else {
            Err(format!("answered {status}"))
        }
    }
}

fn with_source(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
