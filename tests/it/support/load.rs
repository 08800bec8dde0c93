//! A limited load on an address: clients that keep their connection and clients that open one per
//! request, from `start` to `stop`, and a report of every answer. The clients run on a thread of
//! their own, so that a busy or blocked test thread causes no failed request.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use greenroom::inventory::Slot;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::load_client::{Asked, Client};
pub(crate) use super::load_report::{Answer, Failed, Kind, LoadReport};

/// What is requested, by how many clients and how often.
#[derive(Debug, Clone)]
pub(crate) struct LoadPlan {
    /// The address to connect to.
    pub(crate) address: SocketAddr,
    /// The `Host` header.
    pub(crate) host: String,
    pub(crate) path: String,
    /// Clients that keep their connection.
    pub(crate) kept: usize,
    /// Clients that open a connection per request.
    pub(crate) fresh: usize,
    /// The time from one request of a client to its next; at least the time of the answer.
    pub(crate) every: Duration,
}

impl LoadPlan {
    /// Four clients of each kind, with a request every 40 ms: 200 a second. Every request also
    /// writes a line in two logs, and several tests with a load run at once, so more would use all
    /// processor time.
    pub(crate) fn new(address: SocketAddr, host: &str, path: &str) -> Self {
        Self {
            address,
            host: host.to_owned(),
            path: path.to_owned(),
            kept: 4,
            fresh: 4,
            every: Duration::from_millis(40),
        }
    }
}

/// A running load.
pub(crate) struct Load {
    stop: CancellationToken,
    report: oneshot::Receiver<LoadReport>,
    seen: Seen,
}

/// The results of all clients so far.
#[derive(Clone, Default)]
struct Seen {
    good: Arc<AtomicU64>,
    asked: Arc<AtomicU64>,
}

impl Load {
    pub(crate) fn start(plan: &LoadPlan) -> Self {
        let stop = CancellationToken::new();
        let seen = Seen::default();
        let (told, report) = oneshot::channel();
        let asking = ask_all(plan.clone(), stop.clone(), seen.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            // A client that fails before the stop no longer sends requests.
            let _ = told.send(runtime.block_on(asking));
        });
        Self { stop, report, seen }
    }

    /// Good answers so far: a test waits for some before it starts.
    pub(crate) fn good(&self) -> u64 {
        self.seen.good.load(Ordering::Relaxed)
    }

    /// Requests that have ended so far, successful or not.
    pub(crate) fn asked(&self) -> u64 {
        self.seen.asked.load(Ordering::Relaxed)
    }

    /// Lets each client finish its request, and returns the results of all.
    pub(crate) async fn stop(mut self) -> LoadReport {
        self.stop.cancel();
        (&mut self.report).await.expect("the clients of the load")
    }
}

impl Drop for Load {
    /// Ends the load when a failed test drops it.
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn ask_all(plan: LoadPlan, stop: CancellationToken, seen: Seen) -> LoadReport {
    let mut clients = JoinSet::new();
    let kinds = std::iter::repeat_n(Kind::Kept, plan.kept)
        .chain(std::iter::repeat_n(Kind::Fresh, plan.fresh));
    for kind in kinds {
        let client = Client::new(&plan, kind);
        clients.spawn(ask_until(stop.clone(), client, plan.every, seen.clone()));
    }
    let mut whole = LoadReport::default();
    while let Some(client) = clients.join_next().await {
        whole.absorb(client.expect("a client of the load"));
    }
    whole.settle();
    whole
}

async fn ask_until(
    stop: CancellationToken,
    mut client: Client,
    every: Duration,
    seen: Seen,
) -> LoadReport {
    let mut report = LoadReport::default();
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return report,
            _ = ticks.tick() => {}
        }
        let sent = Instant::now();
        let Asked { answer, reopened } = client.ask().await;
        seen.asked.fetch_add(1, Ordering::Relaxed);
        report.requests += 1;
        report.reopened += u64::from(reopened);
        match answer {
            Ok(slot) => {
                seen.good.fetch_add(1, Ordering::Relaxed);
                report.answers.push(Answer {
                    sent,
                    answered: Instant::now(),
                    kind: client.kind,
                    slot,
                });
            }
            Err(why) => report.fail(Failed {
                sent,
                after: sent.elapsed(),
                kind: client.kind,
                why,
            }),
        }
    }
}

/// The slot in the value of an `X-Greenroom-Slot` header: its first word.
pub(super) fn slot_of(value: &str) -> Option<Slot> {
    value.split([' ', ';', ',']).next()?.parse().ok()
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {} after {:?}", self.kind, self.why, self.after)
    }
}
