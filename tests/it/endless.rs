//! Servers that answer without an end: in one line, in headers, byte by byte, or compressed.
//! Reading stops at the limit with an error that names it, and uses little memory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use greenroom::adapters::docker::{DockerAddress, DockerReader, DockerWriter, Engine};
use greenroom::adapters::http::HttpChecker;
use greenroom::adapters::notices::{IncomingWebhook, Server};
use greenroom::adapters::oci_registry::OciRegistry;
use greenroom::adapters::outbound_proxy::OutboundProxy;
use greenroom::adapters::secrets::LocalSecrets;
use greenroom::checks::{Case, CaseKind, Expectation, HealthCheck, RequestCase, Verdict};
use greenroom::history::{Notice, NoticeEvent, ReleaseKind};
use greenroom::inventory::{
    Address, EnvironmentValue, ImageLabels, InstanceId, Operator, PublicAddress, ReleaseId, Target,
    Tier, Version,
};
use greenroom::ports::{
    Checker, Connection, Failure, FailureKind, Images, Notifier, RegistryReader, RuntimeReader,
    RuntimeWriter,
};

use crate::etcd::world::World;
use crate::silent_servers;

const MIB: u64 = 1024 * 1024;
/// Bytes that may be in transit when reading stops: buffers of two sockets and of a library.
const ON_ITS_WAY: u64 = 12 * MIB;

/// What a stand-in sends: the start of its answer, then `rest` again and again.
pub(crate) struct Answer {
    head: Vec<u8>,
    rest: Vec<u8>,
    /// The delay between two sends.
    pause: Duration,
}

impl Answer {
    pub(crate) fn whole(status: &str, body: &str) -> Self {
        let length = body.len();
        Self {
            head: format!(
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
            .into_bytes(),
            rest: Vec::new(),
            pause: Duration::ZERO,
        }
    }

    /// A good answer whose body starts with this and has no end.
    fn endless(status: &str, begin: &[u8]) -> Self {
        let mut head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n").into_bytes();
        head.extend_from_slice(begin);
        Self {
            head,
            rest: vec![b'y'; 64 * 1024],
            pause: Duration::ZERO,
        }
    }

    fn endless_headers() -> Self {
        Self {
            head: b"HTTP/1.1 200 OK\r\nx-first: ".to_vec(),
            ..Self::endless("200 OK", b"")
        }
    }

    /// One byte of the body every tenth of a second.
    fn drip() -> Self {
        Self {
            rest: vec![b'y'],
            pause: Duration::from_millis(100),
            ..Self::endless("200 OK", b"")
        }
    }
}

/// A server that answers each request, recognized by its first line and its headers, as configured.
pub(crate) struct StandIn {
    pub(crate) at: SocketAddr,
    sent: Arc<AtomicU64>,
}

impl StandIn {
    pub(crate) fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("its address");
        let sent = Arc::new(AtomicU64::new(0));
        let (count, answer) = (Arc::clone(&sent), Arc::new(answer));
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (count, answer) = (Arc::clone(&count), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &*answer, &count));
            }
        });
        Self { at, sent }
    }

    pub(crate) fn engine(&self) -> Arc<Engine> {
        let address = DockerAddress::parse(&format!("tcp://{}", self.at), None);
        Engine::at(address.expect("an address"))
    }

    /// Asserts that no more than `most` was sent, apart from bytes in transit.
    fn assert_sent_at_most(&self, most: u64) {
        let sent = self.sent.load(Ordering::Relaxed);
        assert!(sent < most + ON_ITS_WAY, "{} MiB were sent", sent / MIB);
    }
}

/// Whether a request has arrived with its body.
fn is_whole(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|end| end == b"\r\n\r\n") else {
        return false;
    };
    let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().expect("a number"));
    request.len() >= head + 4 + length
}

fn serve(mut stream: TcpStream, answer: &dyn Fn(&str) -> Answer, sent: &AtomicU64) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&request) {
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => request.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
    let answer = answer(&String::from_utf8_lossy(&request));
    let mut bytes = answer.head.as_slice();
    while !bytes.is_empty() && stream.write_all(bytes).is_ok() {
        sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        std::thread::sleep(answer.pause);
        bytes = answer.rest.as_slice();
    }
}

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// An engine that answers this request without an end, and other requests normally.
fn engine(endless: &'static str, begin: &'static [u8]) -> StandIn {
    StandIn::start(move |request| {
        let asked = |path: &str| {
            request
                .lines()
                .next()
                .is_some_and(|line| line.contains(path))
        };
        if asked(endless) {
            return Answer::endless("200 OK", begin);
        }
        if asked("/version") {
            return Answer::whole("200 OK", r#"{"ApiVersion":"1.41","Version":"20.10"}"#);
        }
        if asked("/containers/json") {
            return Answer::whole("200 OK", "[]");
        }
        if asked("/images/") {
            return Answer::whole("404 Not Found", r#"{"message":"no such image"}"#);
        }
        let inspected =
            format!(r#"{{"Id":"{ID}","HostConfig":{{"LogConfig":{{"Type":"json-file"}}}}}}"#);
        Answer::whole("200 OK", &inspected)
    })
}

fn says(failure: &Failure, kind: FailureKind, limit: &str) {
    assert_eq!(failure.kind, kind, "{failure}");
    for words in ["docker at ", limit, "greenroom help limits"] {
        assert!(failure.to_string().contains(words), "{words}: {failure}");
    }
}

#[tokio::test]
async fn an_answer_of_an_engine_is_aborted_at_its_limit() {
    let server = engine("/containers/json", b"[");
    let reader = DockerReader::new(server.engine());
    let failure = reader.all_instances().await.expect_err("given up");
    says(&failure, FailureKind::Unsupported, "more than 16 MiB");
    server.assert_sent_at_most(16 * MIB);
}

#[tokio::test]
async fn the_first_answer_of_an_engine_is_bounded() {
    for server in [
        engine("/version", b"{"),
        StandIn::start(|_| Answer::endless_headers()),
    ] {
        let failure = DockerReader::new(server.engine()).engine().await;
        let failure = failure.expect_err("given up");
        assert!(failure.to_string().contains("docker at "), "{failure}");
        server.assert_sent_at_most(16 * MIB);
    }
}

#[tokio::test]
async fn a_line_of_events_is_aborted_at_its_limit() {
    let server = engine("/events", b"{\"Type\":\"");
    let reader = DockerReader::new(server.engine());
    let mut events = reader.changes().await.expect("followed");
    let failure = events.next().await.expect("an item").expect_err("given up");
    says(&failure, FailureKind::Unsupported, "more than 1 MiB");
    server.assert_sent_at_most(MIB);
}

#[tokio::test]
async fn a_frame_of_logs_is_aborted_at_its_limit() {
    // Standard output, of four gigabytes.
    let server = engine("/logs", b"\x01\0\0\0\xff\xff\xff\xff");
    let reader = DockerReader::new(server.engine());
    let logs = reader.logs(&InstanceId(ID.to_owned()), None, 10).await;
    let failure = logs.expect("followed").next().await.expect("an item");
    let failure = failure.expect_err("given up");
    says(&failure, FailureKind::Unsupported, "more than 1 MiB");
    server.assert_sent_at_most(MIB);
}

#[tokio::test]
async fn a_line_of_a_pull_is_aborted_at_its_limit() {
    let server = engine("/images/create", b"{\"status\":\"");
    let secrets = Arc::new(LocalSecrets::default());
    let writer = DockerWriter::new(server.engine(), BTreeMap::new(), secrets);
    let (progress, _told) = tokio::sync::mpsc::channel(4);
    let failure = writer.pull(&version(), progress).await;
    let failure = failure.expect_err("given up");
    says(&failure, FailureKind::Ambiguous, "more than 1 MiB");
    server.assert_sent_at_most(MIB);
}

pub(crate) fn version() -> Version {
    Version {
        repository: "registry.example/web".into(),
        tag: None,
        digest: format!("sha256:{}", "a".repeat(64))
            .parse()
            .expect("a digest"),
        labels: ImageLabels::default(),
    }
}

fn notice() -> Notice {
    let operator = Operator {
        name: "ana".into(),
        host: "ops-1".into(),
    };
    Notice {
        id: "1".into(),
        event: NoticeEvent::Started,
        at: jiff::Timestamp::UNIX_EPOCH,
        target: Target::new(
            "web".parse().expect("a name"),
            "qa".parse().expect("a name"),
        ),
        tier: Tier::Staging,
        release: Some(ReleaseId(ulid::Ulid::nil())),
        kind: Some(ReleaseKind::Promote),
        from: None,
        to: Some(version()),
        operator: operator.clone(),
        driver: operator,
        push: None,
        reason: None,
        overridden: Vec::new(),
        step: None,
        checks: None,
        failed_checks: Vec::new(),
        log: Vec::new(),
        text: "started".into(),
        why: None,
    }
}

fn health(timeout: Duration) -> HealthCheck {
    HealthCheck {
        path: "/health".into(),
        host: None,
        headers: BTreeMap::new(),
        query: BTreeMap::new(),
        interval: Duration::from_secs(1),
        timeout,
    }
}

pub(crate) fn case(timeout: Duration) -> Case {
    Case {
        name: "home".into(),
        timeout,
        required: true,
        retries: 0,
        kind: CaseKind::Request(RequestCase {
            method: "GET".into(),
            path: "/".into(),
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            body: None,
            through_preview: false,
            expect: Expectation {
                body_contains: Some("end".into()),
                ..Expectation::default()
            },
        }),
    }
}

#[tokio::test]
async fn a_slow_body_ends_at_the_timeout_of_the_whole_request() {
    let server = StandIn::start(|_| Answer::drip());
    let (at, timeout) = (Address::from(server.at), Duration::from_millis(700));
    let checker = HttpChecker::new();
    let probe = checker.health(&at, &health(timeout)).await;
    assert!(!probe.healthy, "{probe:?}");
    let report = checker.run(&case(timeout), &at, None).await;
    assert_eq!(report.verdict, Verdict::Errored, "{report:?}");
    for said in [probe.detail, report.detail] {
        assert!(said.contains("no complete answer within 700ms"), "{said}");
    }
}

#[tokio::test]
async fn endless_headers_are_no_answer() {
    let server = StandIn::start(|_| Answer::endless_headers());
    let at = Address::from(server.at);
    let report = HttpChecker::new()
        .run(&case(Duration::from_secs(20)), &at, None)
        .await;
    assert_eq!(report.verdict, Verdict::Errored, "{report:?}");
    assert!(report.detail.contains("KiB"), "{report:?}");
    server.assert_sent_at_most(MIB);
}

#[tokio::test]
async fn an_endless_body_is_cut_for_a_check_and_refused_on_a_kept_connection() {
    let server = StandIn::start(|_| Answer::endless("200 OK", b""));
    let endpoint = Address::from(server.at);
    let checker = HttpChecker::new();
    let report = checker
        .run(&case(Duration::from_secs(20)), &endpoint, None)
        .await;
    assert_eq!(report.verdict, Verdict::Failed, "{report:?}");
    assert!(report.detail.contains("first 1 MiB"), "{report:?}");
    let address = PublicAddress {
        endpoint,
        host: "web.example".into(),
        path: "/".into(),
    };
    let answer = checker.public(&address, Connection::Kept).await;
    assert!(answer.detail.contains("more than 1 MiB"), "{answer:?}");
    server.assert_sent_at_most(3 * MIB);
}

#[tokio::test]
async fn a_compressed_answer_is_neither_requested_nor_unpacked() {
    let packed = {
        use flate2::{Compression, write::GzEncoder};
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        for _ in 0..64 {
            packed.write_all(&vec![b'z'; 1024 * 1024]).expect("packed");
        }
        packed.finish().expect("packed")
    };
    let length = packed.len();
    let server = StandIn::start(move |request| {
        let asks = request.to_ascii_lowercase().contains("accept-encoding");
        let status = if asks { "400 It asks for it" } else { "200 OK" };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n"
        );
        Answer {
            head: [head.as_bytes(), &packed].concat(),
            ..Answer::whole(status, "")
        }
    });
    let report = HttpChecker::new()
        .run(
            &case(Duration::from_secs(20)),
            &Address::from(server.at),
            None,
        )
        .await;
    assert_eq!(report.verdict, Verdict::Failed, "{report:?}");
    assert!(report.response.starts_with("HTTP 200"), "{report:?}");
    assert!(!report.response.contains("zzz"), "{report:?}");
}

#[tokio::test]
async fn only_the_start_of_a_refusal_by_a_receiver_is_read() {
    for answer in [Answer::endless as fn(&str, &[u8]) -> Answer, |_, _| {
        Answer::endless_headers()
    }] {
        let server = StandIn::start(move |_| answer("500 Oh", b"no room "));
        let webhook = IncomingWebhook::new(Server::new(
            EnvironmentValue::Plain(format!("http://{}/hook", server.at)),
            Arc::new(LocalSecrets::default()),
            OutboundProxy::default(),
        ));
        let failure = webhook.notify(&notice()).await.expect_err("refused");
        assert!(failure.to_string().len() < 1000, "{failure}");
        server.assert_sent_at_most(MIB);
    }
}

#[tokio::test]
async fn an_answer_of_a_forward_proxy_is_aborted_at_its_limit() {
    let server = StandIn::start(|_| Answer::endless_headers());
    let proxy = format!("http://{}", server.at);
    let proxies =
        OutboundProxy::from_variables(|name| (name == "ALL_PROXY").then(|| proxy.clone()));
    let registry = OciRegistry::new(BTreeMap::new(), BTreeSet::new()).through(proxies);
    let failure = registry
        .tags("registry.example/web")
        .await
        .expect_err("given up");
    assert!(
        failure.to_string().contains(&server.at.to_string()),
        "{failure}"
    );
    server.assert_sent_at_most(MIB);
}

#[tokio::test]
async fn an_answer_of_etcd_is_aborted_at_its_limit() {
    let world = World::shared();
    let client = etcd_client::Client::connect([crate::support::etcd()], None);
    let client = client.await.expect("connected");
    let value = vec![b'v'; 1024 * 1024];
    for number in 0..40 {
        let key = world.key(&format!("watching/{number}"));
        let put = client.kv_client().put(key, value.clone(), None).await;
        put.expect("written");
    }
    let failure = world
        .reader
        .read(&world.target)
        .await
        .expect_err("given up");
    assert_eq!(failure.kind, FailureKind::Unsupported, "{failure}");
    for words in ["etcd at ", "more than 32 MiB", "greenroom help limits"] {
        assert!(failure.to_string().contains(words), "{words}: {failure}");
    }
}

/// The highest memory use of the process so far, in bytes; `None` once it has ended.
fn peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes * 1024)
}

#[test]
fn the_program_reports_endless_answers_and_uses_little_memory() {
    type Make = fn() -> Answer;
    let answers: [(Make, &str); 3] = [
        (|| Answer::endless("200 OK", b""), "docker at tcp://"),
        (Answer::endless_headers, "docker at tcp://"),
        (Answer::drip, "trying runtime: no answer within"),
    ];
    for (answer, words) in answers {
        let server = StandIn::start(move |_| answer());
        let world = silent_servers::World::at(server.at.port(), None);
        let mut doctor = world.command(&["doctor"]);
        let mut doctor = doctor.stdout(Stdio::piped()).spawn().expect("it runs");
        let mut most = 0;
        while doctor.try_wait().expect("its state").is_none() {
            most = most.max(peak(doctor.id()).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!((1..200 * MIB).contains(&most), "{} MiB", most / MIB);
        let output = doctor.wait_with_output().expect("its output");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(words), "{said}");
    }
}
