//! The embedded proxy under a real load, with real instances behind it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use futures_util::stream;
use greenroom::adapters::embedded_proxy::{EmbeddedProxy, EmbeddedRouter, Limits, Site};
use greenroom::inventory::{Address, Addresses, Endpoint, FencingToken, PerSlot, Slot, Target};
use greenroom::ports::{
    Connections, FailureKind, Installation, RouterReader, RouterWriter, SwitchOrder,
};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::support::{eventually, free_port, http_client};

const SOON: Duration = Duration::from_secs(10);

/// An instance that answers with the name of its slot; it ends when dropped.
struct Upstream {
    task: JoinHandle<()>,
    /// Lets a `/slow` answer continue.
    proceed: Arc<Notify>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn endless() -> impl stream::Stream<Item = Result<Bytes, Infallible>> {
    stream::repeat_with(|| Ok(Bytes::from(vec![b'x'; 64 * 1024])))
}

fn application(slot: Slot, proceed: Arc<Notify>) -> Router {
    let in_parts = move || {
        let proceed = Arc::clone(&proceed);
        let parts = stream::unfold(0_u8, move |part| {
            let proceed = Arc::clone(&proceed);
            async move {
                if part == 1 {
                    proceed.notified().await;
                }
                let text = Bytes::from(format!("{slot} part {part}\n"));
                (part < 2).then_some((Ok::<_, Infallible>(text), part + 1))
            }
        });
        async move { Body::from_stream(parts) }
    };
    Router::new()
        .route("/", get(move || async move { slot.as_str() }))
        .route("/slow", get(in_parts))
        .route("/endless", get(|| async { Body::from_stream(endless()) }))
        .route("/echo", post(|body: Bytes| async move { body }))
        .route(
            "/headers",
            get(|headers: axum::http::HeaderMap| async move { format!("{headers:?}") }),
        )
}

async fn upstream(slot: Slot, at: &Address) -> Upstream {
    let proceed = Arc::new(Notify::new());
    let application = application(slot, Arc::clone(&proceed));
    let task = match at.endpoint().expect("an endpoint") {
        Endpoint::Tcp(address) => {
            let listener = TcpListener::bind(address).await.expect("a listener");
            tokio::spawn(async move { axum::serve(listener, application).await.expect("served") })
        }
        Endpoint::Unix(path) => {
            let listener = UnixListener::bind(path).expect("a listener");
            tokio::spawn(async move { axum::serve(listener, application).await.expect("served") })
        }
    };
    Upstream { task, proceed }
}

struct World {
    directory: TempDir,
    site: Site,
    answer: SocketAddr,
    proxy: EmbeddedProxy,
    router: EmbeddedRouter,
}

impl World {
    async fn new() -> Self {
        Self::within(Limits::default()).await
    }

    async fn within(limits: Limits) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let slots = PerSlot {
            blue: loopback().into(),
            green: Address::Unix(directory.path().join("green.sock")).into(),
        };
        Self::of(directory, slots, limits).await
    }

    async fn of(directory: TempDir, slots: PerSlot<Addresses>, limits: Limits) -> Self {
        let site = Site {
            target: Target::new(
                "web".parse().expect("a name"),
                "qa".parse().expect("a name"),
            ),
            public: loopback(),
            preview: loopback(),
            preview_allow: Vec::new(),
            slots,
        };
        let answer = loopback();
        let state = directory.path().join("state");
        let sites = vec![site.clone()];
        let proxy = EmbeddedProxy::start_within(sites.clone(), answer, &state, limits).await;
        Self {
            router: EmbeddedRouter::new(sites, answer, &state),
            directory,
            site,
            answer,
            proxy: proxy.expect("a proxy"),
        }
    }

    fn target(&self) -> &Target {
        &self.site.target
    }

    async fn both(&self) -> PerSlot<Upstream> {
        PerSlot {
            blue: upstream(
                Slot::Blue,
                self.site.slots.blue.first().expect("an address"),
            )
            .await,
            green: upstream(
                Slot::Green,
                self.site.slots.green.first().expect("an address"),
            )
            .await,
        }
    }

    async fn switch(&self, from: Option<Slot>, to: Slot, generation: u64) {
        let done = self
            .router
            .switch(self.target(), &order(from, to, generation))
            .await;
        done.expect("switched");
    }

    async fn open(&self, slot: Slot) -> u64 {
        match self.router.connections(self.target(), slot).await {
            Ok(Connections::Open(number)) => number,
            other => panic!("not counted: {other:?}"),
        }
    }
}

fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], free_port()).into()
}

fn order(from: Option<Slot>, to: Slot, generation: u64) -> SwitchOrder {
    SwitchOrder {
        from,
        to,
        generation,
        token: FencingToken(5),
    }
}

/// One connection, kept until the other side closes it.
async fn connect(at: SocketAddr) -> Option<SendRequest<Empty<Bytes>>> {
    let stream = TcpStream::connect(at).await.ok()?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}

/// Status, the slot in the header, and the body.
type Got = (u16, Option<String>, String);

async fn ask(sender: &mut SendRequest<Empty<Bytes>>, path: &str) -> Option<Got> {
    let request = Request::get(path)
        .header("host", "web.example")
        .body(Empty::new())
        .ok()?;
    sender.ready().await.ok()?;
    let answer = sender.send_request(request).await.ok()?;
    let stamp = answer.headers().get("x-greenroom-slot");
    let stamp = stamp
        .and_then(|value| value.to_str().ok())
        .map(String::from);
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.ok()?.to_bytes();
    Some((status, stamp, String::from_utf8(body.to_vec()).ok()?))
}

async fn fetch(at: SocketAddr, path: &str) -> Got {
    let mut sender = connect(at).await.expect("a connection");
    ask(&mut sender, path).await.expect("an answer")
}

fn from(slot: Slot) -> Got {
    (200, Some(slot.to_string()), slot.to_string())
}

#[tokio::test]
async fn before_the_first_release_only_the_preview_answers() {
    let world = World::new().await;
    let installation = world.router.installation(world.target()).await;
    assert_eq!(installation.expect("asked"), Installation::Missing);
    world
        .router
        .install(world.target())
        .await
        .expect("installed");
    world.router.install(world.target()).await.expect("again");
    let installation = world.router.installation(world.target()).await;
    assert_eq!(installation.expect("asked"), Installation::Current);

    let (status, stamp, _) = fetch(world.site.public, "/").await;
    assert_eq!((status, stamp), (503, None));
    let (status, stamp, _) = fetch(world.site.preview, "/").await;
    assert_eq!((status, stamp), (503, None));
    let answer = world
        .router
        .answer(world.target())
        .await
        .expect("an answer");
    assert_eq!((answer.slot, answer.generation), (None, 0));
    let _green = upstream(
        Slot::Green,
        world.site.slots.green.first().expect("an address"),
    )
    .await;
    assert_eq!(fetch(world.site.preview, "/").await, from(Slot::Green));
}

#[tokio::test]
async fn a_preview_with_an_allow_list_answers_only_listed_addresses() {
    let mut world = World::new().await;
    let _upstreams = world.both().await;
    world.site.preview = loopback();
    world.site.public = loopback();
    world.site.preview_allow = vec!["127.0.0.1".parse().expect("a range")];
    let (sites, answer) = (vec![world.site.clone()], loopback());
    let state = world.directory.path().join("state");
    let proxy = EmbeddedProxy::start(sites.clone(), answer, &state).await;
    let _proxy = proxy.expect("a proxy");
    let router = EmbeddedRouter::new(sites, answer, &state);
    router.install(world.target()).await.expect("installed");
    world.switch(None, Slot::Blue, 1).await;
    assert_eq!(fetch(world.site.preview, "/").await.0, 200);
    let from = |at: SocketAddr| async move {
        let client = http_client();
        let other = std::net::IpAddr::from([127, 0, 0, 2]);
        let client = client.local_address(other).build().expect("a client");
        let answer = client.get(format!("http://{at}/")).send().await;
        answer.expect("an answer").status().as_u16()
    };
    assert_eq!(from(world.site.preview).await, 403);
    assert_eq!(from(world.site.public).await, 200);
}

#[tokio::test]
async fn the_preview_never_answers_from_the_live_slot() {
    let world = World::new().await;
    let both = world.both().await;
    world.switch(None, Slot::Blue, 1).await;
    assert_eq!(fetch(world.site.public, "/").await, from(Slot::Blue));
    assert_eq!(fetch(world.site.preview, "/").await, from(Slot::Green));
    let PerSlot { blue: _blue, green } = both;
    drop(green);
    eventually("no candidate is left", SOON, async || {
        let (status, stamp, _) = fetch(world.site.preview, "/").await;
        assert_ne!(stamp.as_deref(), Some("blue"));
        (status, stamp) == (503, None)
    })
    .await;
    assert_eq!(fetch(world.site.public, "/").await, from(Slot::Blue));
}

#[tokio::test]
async fn members_get_requests_in_turn_and_one_that_does_not_answer_is_left_out() {
    let several = || Addresses::new((0..3).map(|_| loopback().into()).collect());
    let slots = PerSlot::from_fn(|_| several().expect("addresses"));
    let directory = tempfile::tempdir().expect("a directory");
    let world = World::of(directory, slots, Limits::default()).await;
    let mut members = Vec::new();
    for (address, slot) in world
        .site
        .slots
        .blue
        .iter()
        .zip([Slot::Blue, Slot::Green, Slot::Green])
    {
        // The answer of the first member differs, so that its turns can be counted.
        members.push(upstream(slot, address).await);
    }
    world.switch(None, Slot::Blue, 1).await;
    let mut by_first = 0;
    for _ in 0..9 {
        let (status, _, body) = fetch(world.site.public, "/").await;
        assert_eq!(status, 200);
        by_first += usize::from(body == "blue");
    }
    assert_eq!(by_first, 3);
    drop(members.remove(1));
    for _ in 0..6 {
        assert_eq!(fetch(world.site.public, "/").await.0, 200);
    }
    members.clear();
    eventually("no member answers", SOON, async || {
        fetch(world.site.public, "/").await.0 == 502
    })
    .await;
}

#[tokio::test]
async fn an_unreachable_live_slot_is_a_bad_gateway_and_not_the_other_slot() {
    let world = World::new().await;
    let _green = upstream(
        Slot::Green,
        world.site.slots.green.first().expect("an address"),
    )
    .await;
    world.switch(None, Slot::Blue, 1).await;
    let (status, stamp, _) = fetch(world.site.public, "/").await;
    assert_eq!((status, stamp.as_deref()), (502, Some("blue")));
    assert_eq!(world.open(Slot::Blue).await, 0);
}

/// What a load has observed.
#[derive(Default)]
struct Seen {
    started: AtomicU64,
    done: AtomicU64,
    over: AtomicBool,
    good: AtomicU64,
    stale: AtomicU64,
    failed: AtomicU64,
}

impl Seen {
    /// Sends requests until the load ends. A request that overlaps no switch must be answered by
    /// the slot of the last switch.
    async fn load(self: Arc<Self>, at: SocketAddr, kept: bool) {
        let mut sender = None;
        while !self.over.load(Ordering::SeqCst) {
            let before = self.done.load(Ordering::SeqCst);
            if sender.is_none() || !kept {
                sender = connect(at).await;
            }
            let got = match &mut sender {
                Some(sender) => ask(sender, "/").await,
                None => None,
            };
            let after = self.started.load(Ordering::SeqCst);
            let expected = Slot::BOTH[usize::from(before % 2 == 1)];
            match got {
                Some(got) if got == from(Slot::Blue) || got == from(Slot::Green) => {
                    self.good.fetch_add(1, Ordering::SeqCst);
                    if before == after && got != from(expected) {
                        self.stale.fetch_add(1, Ordering::SeqCst);
                    }
                }
                _ => {
                    self.failed.fetch_add(1, Ordering::SeqCst);
                    sender = None;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_under_load_fails_no_request_and_gives_no_stale_answer() {
    let world = World::new().await;
    let _both = world.both().await;
    world.switch(None, Slot::Blue, 1).await;
    let seen = Arc::new(Seen::default());
    let loads: Vec<_> = [true, true, true, false, false]
        .map(|kept| tokio::spawn(Arc::clone(&seen).load(world.site.public, kept)))
        .into();
    for number in 0..20_u64 {
        let good = seen.good.load(Ordering::SeqCst);
        eventually("the load goes on", SOON, async || {
            seen.good.load(Ordering::SeqCst) > good + 50
        })
        .await;
        let now = Slot::BOTH[usize::from(number % 2 == 1)];
        seen.started.fetch_add(1, Ordering::SeqCst);
        world.switch(Some(now), now.other(), number + 2).await;
        seen.done.fetch_add(1, Ordering::SeqCst);
    }
    seen.over.store(true, Ordering::SeqCst);
    for load in loads {
        load.await.expect("a load");
    }
    assert_eq!(seen.failed.load(Ordering::SeqCst), 0);
    assert_eq!(seen.stale.load(Ordering::SeqCst), 0);
    assert!(seen.good.load(Ordering::SeqCst) > 1000);
}

#[tokio::test]
async fn a_slow_answer_survives_the_switch_and_is_counted_until_it_ends() {
    let world = World::new().await;
    let both = world.both().await;
    world.switch(None, Slot::Blue, 1).await;
    let at = world.site.public;
    let slow = tokio::spawn(async move { fetch(at, "/slow").await });
    eventually("it is open", SOON, async || {
        world.open(Slot::Blue).await == 1
    })
    .await;
    world.switch(Some(Slot::Blue), Slot::Green, 2).await;
    assert_eq!(fetch(world.site.public, "/").await, from(Slot::Green));
    assert_eq!(world.open(Slot::Blue).await, 1, "still draining");
    both.blue.proceed.notify_one();
    let text = "blue part 0\nblue part 1\n".to_owned();
    let whole = slow.await.expect("a task");
    assert_eq!(whole, (200, Some("blue".into()), text));
    eventually("it has drained", SOON, async || {
        world.open(Slot::Blue).await == 0
    })
    .await;
}

#[tokio::test]
async fn a_disconnected_client_is_no_longer_counted() {
    let world = World::new().await;
    let _both = world.both().await;
    world.switch(None, Slot::Green, 1).await;
    let at = world.site.public;
    let slow = tokio::spawn(async move { fetch(at, "/slow").await });
    eventually("it is open", SOON, async || {
        world.open(Slot::Green).await == 1
    })
    .await;
    slow.abort();
    eventually("it is given up", SOON, async || {
        world.open(Slot::Green).await == 0
    })
    .await;
}

#[tokio::test]
async fn bodies_are_forwarded_both_ways_and_connection_headers_are_not() {
    let world = World::new().await;
    let _both = world.both().await;
    for (from, to, generation) in [(None, Slot::Blue, 1), (Some(Slot::Blue), Slot::Green, 2)] {
        world.switch(from, to, generation).await;
        let client = http_client().build().expect("a client");
        let large = "x".repeat(1 << 20);
        let url = format!("http://{}/echo", world.site.public);
        let answer = client
            .post(url)
            .body(large.clone())
            .send()
            .await
            .expect("sent");
        assert_eq!(answer.text().await.expect("a body"), large);
        let url = format!("http://{}/headers?a=b", world.site.public);
        let asked = client
            .get(url)
            .header("connection", "x-mine")
            .header("x-mine", "1");
        let asked = asked.header("host", "web.example").header("te", "trailers");
        let text = asked
            .send()
            .await
            .expect("sent")
            .text()
            .await
            .expect("a body");
        assert!(text.contains(r#""host": "web.example""#), "{text}");
        assert!(text.contains(r#""x-forwarded-for": "127.0.0.1""#), "{text}");
        assert!(
            !text.contains("x-mine") && !text.contains("trailers"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn the_router_reads_back_a_switch_and_refuses_a_stale_one() {
    let world = World::new().await;
    let (router, target) = (&world.router, world.target());
    world.switch(None, Slot::Blue, 1).await;
    let answer = router.answer(target).await.expect("an answer");
    assert_eq!(
        (answer.slot, answer.generation, answer.token),
        (Some(Slot::Blue), 1, FencingToken(5))
    );
    router
        .switch(target, &order(None, Slot::Blue, 1))
        .await
        .expect("again");
    let lost = router.switch(target, &order(None, Slot::Green, 2)).await;
    assert_eq!(lost.expect_err("refused").kind, FailureKind::Conflict);
    let late = SwitchOrder {
        token: FencingToken(4),
        ..order(Some(Slot::Blue), Slot::Green, 2)
    };
    let late = router.switch(target, &late).await;
    assert_eq!(late.expect_err("refused").kind, FailureKind::Fenced);
    assert!(
        router
            .proxy()
            .await
            .expect("a name")
            .starts_with("greenroom/")
    );

    let elsewhere = Target::new(target.service.clone(), "dev".parse().expect("a name"));
    let missing = router.answer(&elsewhere).await.expect_err("unknown");
    assert_eq!(missing.kind, FailureKind::Missing);
    let mut moved = world.site.clone();
    moved.slots.blue = loopback().into();
    let state = world.directory.path().join("state");
    let moved = EmbeddedRouter::new(vec![moved], world.answer, &state);
    let installation = moved.installation(target).await.expect("asked");
    assert!(matches!(installation, Installation::Outdated(_)));
    let refused = moved.install(target).await.expect_err("another proxy");
    assert_eq!(refused.kind, FailureKind::Rejected);
}

#[tokio::test]
async fn a_taken_address_is_reported_and_leaves_nothing_listening() {
    let world = World::new().await;
    let fresh = loopback();
    let site = Site {
        public: fresh,
        preview: world.site.public,
        ..world.site.clone()
    };
    let started = EmbeddedProxy::start(vec![site], loopback(), Path::new("/nowhere")).await;
    let refused = started.expect_err("taken");
    assert_eq!(refused.kind, FailureKind::Conflict, "{refused}");
    assert!(TcpStream::connect(fresh).await.is_err());
}

#[tokio::test]
async fn stopping_lets_requests_finish_and_cuts_those_that_do_not() {
    let world = World::new().await;
    let both = world.both().await;
    world.switch(None, Slot::Blue, 1).await;
    let at = world.site.public;
    let idle = connect(at).await.expect("a connection");
    let slow = tokio::spawn(async move { fetch(at, "/slow").await });
    eventually("it is open", SOON, async || {
        world.open(Slot::Blue).await == 1
    })
    .await;
    let World {
        proxy,
        router,
        site,
        ..
    } = world;
    let stopping = tokio::spawn(proxy.stop(SOON));
    eventually("it does not listen any more", SOON, async || {
        TcpStream::connect(at).await.is_err()
    })
    .await;
    both.blue.proceed.notify_one();
    assert_eq!(slow.await.expect("a task").0, 200);
    stopping.await.expect("stopped");
    drop(idle);
    let gone = router.answer(&site.target).await.expect_err("gone");
    assert_eq!(gone.kind, FailureKind::Unreachable, "{gone}");

    let again = World::new().await;
    let _both = again.both().await;
    again.switch(None, Slot::Blue, 1).await;
    let at = again.site.public;
    let slow = tokio::spawn(async move {
        let mut sender = connect(at).await.expect("a connection");
        ask(&mut sender, "/slow").await
    });
    eventually("it is open", SOON, async || {
        again.open(Slot::Blue).await == 1
    })
    .await;
    let stopped_at = Instant::now();
    again.proxy.stop(Duration::from_millis(200)).await;
    assert!(stopped_at.elapsed() < SOON);
    assert_eq!(slow.await.expect("a task"), None, "it was cut");
}

/// The requests and errors counted for a slot.
async fn counted(world: &World, slot: Slot) -> (u64, u64) {
    let rates = world.router.rates(world.target()).await.expect("rates");
    let rates = rates.get(slot).clone().expect("it counts");
    (rates.requests, rates.errors)
}

#[tokio::test]
async fn rates_and_log_lines_belong_to_the_slot_that_answered() {
    let world = World::new().await;
    let upstreams = world.both().await;
    world.switch(None, Slot::Blue, 1).await;
    let quiet = world.router.rates(world.target()).await.expect("rates");
    let mut lines = world.router.log(world.target(), 10).await.expect("a log");
    for _ in 0..5 {
        fetch(world.site.public, "/").await;
    }
    fetch(world.site.preview, "/").await;
    let mut own = connect(world.site.public).await.expect("a connection");
    let request = Request::get("/")
        .header("user-agent", "greenroom/0.1.0")
        .body(Empty::<Bytes>::new())
        .expect("a request");
    own.send_request(request).await.expect("an answer");
    drop(upstreams);
    let asked = AtomicU64::new(5);
    eventually("blue is gone", SOON, || async {
        asked.fetch_add(1, Ordering::Relaxed);
        fetch(world.site.public, "/gone").await.0 == 502
    })
    .await;
    let next = async |lines: &mut stream::BoxStream<'static, _>| {
        let line = tokio::time::timeout(SOON, futures_util::StreamExt::next(lines)).await;
        let line: Result<greenroom::ports::LogChunk, greenroom::ports::Failure> =
            line.expect("in time").expect("no end");
        String::from_utf8(line.expect("a line").bytes).expect("text")
    };
    for _ in 0..5 {
        let line = next(&mut lines).await;
        assert!(
            line.starts_with("GET / 200 ") && line.ends_with("ms blue"),
            "{line}"
        );
    }
    let line = next(&mut lines).await;
    assert!(line.ends_with("ms green preview"), "{line}");
    loop {
        let line = next(&mut lines).await;
        assert!(
            line.starts_with("GET /gone "),
            "its own request is not logged: {line}"
        );
        if line.starts_with("GET /gone 502 ") {
            break;
        }
    }
    let since = async |second: i64| {
        let since = jiff::Timestamp::from_second(second).expect("a moment");
        let traffic = world.router.traffic(world.target(), Slot::Blue, since);
        let count = traffic.await.expect("counted").expect("it counts");
        (count.requests, count.errors)
    };
    assert_eq!(since(0).await, (asked.load(Ordering::Relaxed), 1));
    assert_eq!(since(jiff::Timestamp::MAX.as_second()).await, (0, 0));
    eventually("the requests are counted", SOON, || async {
        counted(&world, Slot::Blue).await == (asked.load(Ordering::Relaxed), 1)
    })
    .await;
    assert_eq!(counted(&world, Slot::Green).await, (0, 0));
    assert_eq!(quiet.blue.expect("it counts").requests, 0);
    // A pending reader of lines does not prevent the end.
    let waits = tokio::spawn(async move { next(&mut lines).await });
    tokio::task::yield_now().await;
    let started_at = Instant::now();
    world.proxy.stop(Duration::from_secs(5)).await;
    assert!(started_at.elapsed() < Duration::from_secs(4));
    assert!(waits.await.is_err(), "the stream ends with a failure");
}

/// Sends the start of a request, and reads until the proxy ends the connection.
async fn half_sent(at: SocketAddr, begin: &str) -> String {
    let mut stream = TcpStream::connect(at).await.expect("a connection");
    stream.write_all(begin.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await;
    // A reset and a normal close both count as an end.
    let _ = ended.expect("the proxy ends it");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn an_incomplete_request_is_aborted() {
    let short = Duration::from_millis(200);
    let world = World::within(Limits {
        head: short,
        body_idle: short,
        ..Limits::default()
    })
    .await;
    let _both = world.both().await;
    world
        .router
        .install(world.target())
        .await
        .expect("installed");
    world.switch(None, Slot::Blue, 1).await;
    let public = world.site.public;
    half_sent(public, "GET / HTTP/1.1\r\nhost: web\r\nx-unfinished: ").await;
    half_sent(world.answer, "GET / HTT").await;
    let body = "POST /echo HTTP/1.1\r\nhost: web\r\ncontent-length: 100\r\n\r\nhalf of it";
    let answer = half_sent(public, body).await;
    assert!(answer.contains("502") || answer.contains("400"), "{answer}");
}

/// A world with blue live and these limits.
async fn blue_within(limits: Limits) -> (World, PerSlot<Upstream>) {
    let world = World::within(limits).await;
    let both = world.both().await;
    let installed = world.router.install(world.target()).await;
    installed.expect("installed");
    world.switch(None, Slot::Blue, 1).await;
    (world, both)
}

/// A client that sends this request and reads nothing.
async fn asking(at: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(at).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nhost: web\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    stream
}

#[tokio::test]
async fn a_connection_whose_request_waits_for_its_slot_is_not_closed() {
    let (world, both) = blue_within(Limits {
        connections: 1,
        ..Limits::default()
    })
    .await;
    let public = world.site.public;
    let mut first = asking(public, "/slow").await;
    eventually("the first is answered", SOON, || async {
        world.open(Slot::Blue).await == 1
    })
    .await;
    let mut second = asking(public, "/").await;
    let mut answer = vec![0; 4096];
    let part = tokio::time::timeout(SOON, first.read(&mut answer)).await;
    assert!(part.expect("in time").expect("a part") > 0);
    let early = second.try_read(&mut answer);
    assert!(
        early.is_err(),
        "it was answered during the first: {early:?}"
    );
    both.blue.proceed.notify_one();
    let mut rest = String::new();
    while !rest.contains("blue part 1") {
        let read = tokio::time::timeout(SOON, first.read(&mut answer)).await;
        let read = read.expect("in time").expect("the rest");
        assert!(read > 0, "it was cut: {rest}");
        rest.push_str(&String::from_utf8_lossy(&answer[..read]));
    }
    // The first has its whole answer and is idle, so the proxy closes it for a new one.
    let read = tokio::time::timeout(SOON, second.read(&mut answer)).await;
    let length = read.expect("in time").expect("an answer");
    assert!(answer[..length].starts_with(b"HTTP/1.1 200"), "{answer:?}");
}

/// Sends a whole request over a connection that is open.
async fn send(stream: &mut TcpStream, lines: &str) {
    let request = format!("GET / HTTP/1.1\r\nhost: web\r\n{lines}\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
}

/// Reads until an answer of a slot is whole.
async fn whole_answer(stream: &mut TcpStream) -> String {
    let (mut answer, mut buffer) = (String::new(), vec![0; 4096]);
    while !answer.ends_with("blue") {
        let read = tokio::time::timeout(SOON, stream.read(&mut buffer)).await;
        let length = read.expect("in time").expect("no reset");
        assert!(length > 0, "it ended: {answer}");
        answer.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    answer
}

/// Two clients of a proxy with one place, which the second has taken from the first.
async fn displaced(leaving: Duration) -> (World, PerSlot<Upstream>, [TcpStream; 2]) {
    let (world, both) = blue_within(Limits {
        connections: 1,
        leaving,
        ..Limits::default()
    })
    .await;
    let mut first = asking(world.site.public, "/").await;
    whole_answer(&mut first).await;
    let mut second = asking(world.site.public, "/").await;
    whole_answer(&mut second).await;
    (world, both, [first, second])
}

#[tokio::test]
async fn a_client_that_loses_its_place_has_its_late_request_answered() {
    let (_world, _both, [mut first, _second]) = displaced(SOON).await;
    send(&mut first, "").await;
    let mut answer = String::new();
    let ended = tokio::time::timeout(SOON, first.read_to_string(&mut answer)).await;
    ended.expect("it ends").expect("no reset");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    assert!(answer.ends_with("blue"), "{answer}");
}

#[tokio::test]
async fn a_client_that_loses_its_place_and_sends_nothing_more_is_closed() {
    let (_world, _both, [mut first, mut second]) = displaced(Duration::from_millis(100)).await;
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(SOON, first.read_to_end(&mut rest)).await;
    ended.expect("it ends").expect("no reset");
    assert!(rest.is_empty(), "{rest:?}");
    send(&mut second, "").await;
    whole_answer(&mut second).await;
}

#[tokio::test]
async fn one_client_that_is_leaving_keeps_no_new_client_out() {
    let (world, _both, [mut first, _second]) = displaced(10 * SOON).await;
    assert_eq!(fetch(world.site.public, "/").await.2, "blue");
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(SOON, first.read_to_end(&mut rest)).await;
    let _ = ended.expect("it is cut");
}

#[tokio::test]
async fn while_a_leaving_client_is_answered_an_idle_one_is_cut_for_a_new_one() {
    let (world, both, [mut first, mut second]) = displaced(10 * SOON).await;
    let late = b"GET /slow HTTP/1.1\r\nhost: web\r\n\r\n";
    first.write_all(late).await.expect("sent");
    eventually("the late request is answered", SOON, || async {
        world.open(Slot::Blue).await == 1
    })
    .await;
    assert_eq!(fetch(world.site.public, "/").await.2, "blue");
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(SOON, second.read_to_end(&mut rest)).await;
    let _ = ended.expect("it is cut");
    both.blue.proceed.notify_one();
    let mut answer = String::new();
    let ended = tokio::time::timeout(SOON, first.read_to_string(&mut answer)).await;
    ended.expect("it ends").expect("no reset");
    assert!(answer.contains("blue part 1"), "{answer}");
}

#[tokio::test]
async fn a_request_that_needs_another_protocol_is_refused_in_words() {
    let (world, _both) = blue_within(Limits::default()).await;
    for at in [world.site.public, world.site.preview] {
        let mut stream = TcpStream::connect(at).await.expect("a connection");
        let lines =
            "connection: Upgrade, close\r\nupgrade: WebSocket\r\nsec-websocket-version: 13\r\n";
        send(&mut stream, lines).await;
        let mut answer = String::new();
        let ended = tokio::time::timeout(SOON, stream.read_to_string(&mut answer)).await;
        ended.expect("it ends").expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 501 "), "{answer}");
        assert!(answer.contains("does not support websocket"), "{answer}");
    }
    // A newer HTTP is only offered.
    let mut stream = TcpStream::connect(world.site.public).await.expect("one");
    let lines =
        "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQ\r\n";
    send(&mut stream, lines).await;
    let answer = whole_answer(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_proxy_that_starts_may_have_as_many_connections_as_is_allowed() {
    let before = getrlimit(Resource::Nofile);
    let hard = before.maximum.unwrap_or(u64::MAX);
    let wanted = hard.min(64 * 1024);
    let lower = Rlimit {
        current: Some(wanted - 1),
        maximum: before.maximum,
    };
    setrlimit(Resource::Nofile, lower).expect("lowered");
    let _world = World::new().await;
    assert_eq!(getrlimit(Resource::Nofile).current, Some(wanted));
}

#[tokio::test]
async fn slow_readers_do_not_block_new_clients() {
    let (world, _both) = blue_within(Limits {
        connections: 4,
        ..Limits::default()
    })
    .await;
    let public = world.site.public;
    let mut slow = Vec::new();
    for _ in 0..8 {
        slow.push(asking(public, "/endless").await);
    }
    eventually("each place is taken", SOON, || async {
        world.open(Slot::Blue).await >= 4
    })
    .await;
    assert_eq!(fetch(public, "/").await.2, "blue");
}

#[tokio::test]
async fn idle_clients_do_not_block_the_answer_listener() {
    let (world, _both) = blue_within(Limits {
        connections: 4,
        ..Limits::default()
    })
    .await;
    let mut idle = Vec::new();
    for _ in 0..12 {
        let stream = TcpStream::connect(world.answer).await;
        idle.push(stream.expect("a connection"));
    }
    let answered = world.router.answer(world.target()).await;
    assert!(answered.is_ok(), "{answered:?}");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_disconnected() {
    let (world, _both) = blue_within(Limits {
        write_idle: Duration::from_millis(200),
        ..Limits::default()
    })
    .await;
    let _slow = asking(world.site.public, "/endless").await;
    eventually("it is passed on", SOON, || async {
        world.open(Slot::Blue).await == 1
    })
    .await;
    eventually("it is given up", SOON, || async {
        world.open(Slot::Blue).await == 0
    })
    .await;
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let (world, _both) = blue_within(Limits {
        head: Duration::from_millis(200),
        ..Limits::default()
    })
    .await;
    let mut stream = asking(world.site.public, "/").await;
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await;
    ended.expect("the proxy ends it").expect("an end");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
}
