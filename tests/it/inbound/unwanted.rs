//! Requests that no sender sends: forged, oversized, slow and malformed ones, and wrong methods and paths.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use greenroom::adapters::inbound::Limits;
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{SECRET, World, answer, plain, status};

/// Set in the process that measures its memory.
const MEASURED: &str = "GREENROOM_TEST_FORGED";
/// How many forged deliveries one sender sends, on one connection.
const EACH: usize = 1250;
/// How many send them at the same time.
const FORGERS: usize = 8;

/// The resident memory of this process, in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|it| it.parse().ok()).expect("a number")
}

/// A forged delivery: with a wrong signature, a wrong token, or for a sender that does not exist.
fn forged(world: &World, number: usize) -> reqwest::RequestBuilder {
    let body = plain(&format!("t{number}"));
    match number % 4 {
        0 => world
            .sign_as("ci", &format!("m{number}"), &body)
            .body(plain("another")),
        1 => world
            .post("/push/ghcr", body)
            .header("x-github-event", "package")
            .header("x-hub-signature-256", format!("sha256={number:064x}")),
        2 => world
            .post("/push/registry", body)
            .header("authorization", format!("Bearer {SECRET}{number}")),
        _ => world.sign_as(&format!("nobody{number}"), "m1", &body),
    }
}

/// The memory of a process is that of all its tests, so a test that measures it runs itself in a process of its own.
/// Returns whether this is that process.
fn is_measured(test: &str) -> bool {
    if std::env::var_os(MEASURED).is_some() {
        return true;
    }
    let own = std::env::current_exe().expect("this program");
    let run = Command::new(own)
        .args(["--exact", &format!("inbound::unwanted::{test}")])
        .env(MEASURED, "yes")
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_deliveries_are_refused_and_leave_nothing_behind() {
    if !is_measured("forged_deliveries_are_refused_and_leave_nothing_behind") {
        return;
    }
    let world = World::start().await;
    let wave = async |count: usize| {
        let world = &world;
        let forgers = (0..FORGERS).map(|forger| async move {
            for number in forger * count..(forger + 1) * count {
                let (status, text) = answer(forged(world, number)).await;
                assert_eq!(status, 401, "{number}: {text}");
                assert_eq!(text, "unknown sender or wrong credential\n");
            }
        });
        futures_util::future::join_all(forgers).await;
    };
    wave(EACH / 5).await;
    let before = memory();
    wave(EACH).await;
    let grown = memory().saturating_sub(before);
    assert!(
        grown < 4 * 1024,
        "{grown} KiB for {} deliveries",
        EACH * FORGERS
    );
    assert_eq!(world.got(), []);
    let counted = u64::try_from(FORGERS * (EACH + EACH / 5)).expect("a number");
    assert_eq!(world.inbox.counts().wrong_credential, counted);
    assert_eq!(status(world.signed("m1", "develop")).await, 200);
}

#[tokio::test]
async fn a_signature_is_valid_only_for_its_content_its_name_and_a_time() {
    let world = World::start().await;
    let body = plain("develop");
    let key = standardwebhooks::Webhook::from_bytes(SECRET.into()).expect("a key");
    let at = |seconds: i64| {
        let time = jiff::Timestamp::now().as_second() + seconds;
        let signature = key.sign("m1", time, body.as_bytes()).expect("a signature");
        world
            .post("/push/ci", body.clone())
            .header("webhook-id", "m1")
            .header("webhook-timestamp", time.to_string())
            .header("webhook-signature", signature)
    };
    assert_eq!(status(at(-200)).await, 200);
    for request in [
        at(-400),
        at(400),
        at(0).body(plain("other")),
        world.post("/push/ci", body.clone()),
        world
            .post("/push/ci", body.clone())
            .header("webhook-id", "m1"),
    ] {
        assert_eq!(status(request).await, 401);
    }
    assert_eq!(world.got().len(), 1);
}

#[tokio::test]
async fn malformed_payloads_are_refused() {
    let world = World::start().await;
    let deep = "[".repeat(200_000);
    for body in [
        "",
        "{",
        "[]",
        "null",
        r#"{"tag":"develop"}"#,
        r#"{"repository":"team/web","tag":7}"#,
        r#"{"repository":"team/web","tag":"../up"}"#,
        r#"{"repository":"team/we b","tag":"develop"}"#,
        &deep,
    ] {
        let (status, text) = answer(world.sign_as("ci", "m1", body)).await;
        assert_eq!(status, 400, "{body:.40}: {text}");
        assert!(text.len() < 500, "{text}");
    }
    assert_eq!(world.got(), []);
    assert_eq!(world.inbox.counts().malformed, 9);
}

#[tokio::test]
async fn only_the_documented_paths_and_methods_are_answered() {
    let world = World::start().await;
    let ask = |method: Method, path: &str| status(world.client.request(method, world.url(path)));
    for (method, path, wanted) in [
        (Method::GET, "/", 200),
        (Method::GET, "/health", 200),
        (Method::HEAD, "/health", 200),
        (Method::POST, "/health", 405),
        (Method::GET, "/push/ci", 405),
        (Method::PUT, "/push/ci", 405),
        (Method::GET, "/healthy", 404),
        (Method::POST, "/push", 404),
        (Method::POST, "/push/", 401),
        (Method::POST, "/push/ci/more", 401),
        (Method::POST, "/push/%63i", 401),
        (Method::POST, "/push/nobody", 401),
    ] {
        assert_eq!(ask(method.clone(), path).await, wanted, "{method} {path}");
    }
    let (_, text) = answer(world.client.get(world.url("/health"))).await;
    assert_eq!(text, "the inbox of Greenroom is running\n");
}

/// The head of a delivery to `ci` with a signature that is in the right form, but wrong.
fn forged_head(framing: &str) -> String {
    forged_head_of("ci", framing)
}

fn forged_head_of(name: &str, framing: &str) -> String {
    let now = jiff::Timestamp::now().as_second();
    let signature = "A".repeat(43);
    format!(
        "POST /push/{name} HTTP/1.1\r\nhost: x\r\nwebhook-id: m1\r\nwebhook-timestamp: {now}\r\n\
         webhook-signature: v1,{signature}=\r\n{framing}\r\n\r\n"
    )
}

/// The head of a delivery to `registry` with a token.
fn token_head(token: &str, framing: &str) -> String {
    format!(
        "POST /push/registry HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{framing}\r\n\r\n"
    )
}

/// Sends the beginning of a request, and returns everything that the inbox answers until it closes the connection.
async fn raw(at: SocketAddr, begin: &str) -> String {
    let mut stream = TcpStream::connect(at).await.expect("a connection");
    stream.write_all(begin.as_bytes()).await.expect("sent");
    let mut text = String::new();
    let read = timeout(Duration::from_secs(20), stream.read_to_string(&mut text)).await;
    // The connection may be reset, because the inbox does not read everything.
    let _ = read.expect("the connection is closed");
    text
}

#[tokio::test]
async fn an_oversized_delivery_is_refused_before_it_is_read() {
    let world = World::within(Limits {
        body: 1000,
        ..Limits::default()
    })
    .await;
    let text = raw(world.address(), &forged_head("content-length: 1001")).await;
    assert!(text.starts_with("HTTP/1.1 413"), "{text}");
    let chunk = format!("3e8\r\n{}\r\n", "x".repeat(1000));
    let head = forged_head("transfer-encoding: chunked");
    let chunked = format!("{head}{chunk}1\r\nx\r\n");
    let text = raw(world.address(), &chunked).await;
    assert!(text.starts_with("HTTP/1.1 413"), "{text}");
    assert_eq!(world.inbox.counts().too_large, 2);
    let head = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "y".repeat(20_000)
    );
    let text = raw(world.address(), &head).await;
    assert!(!text.starts_with("HTTP/1.1 200"), "{text}");
    assert_eq!(status(world.signed("m1", "develop")).await, 200);
}

#[tokio::test]
async fn a_slow_sender_is_cut() {
    let world = World::within(Limits {
        read: Duration::from_millis(300),
        ..Limits::default()
    })
    .await;
    for (begin, wanted) in [
        (String::new(), ""),
        ("POST /push/ci HTTP/1.1\r\nhost: x\r\n".to_owned(), ""),
        (forged_head("content-length: 10") + "{\"tag", "HTTP/1.1 408"),
    ] {
        let began = Instant::now();
        let text = raw(world.address(), &begin).await;
        assert!(text.starts_with(wanted), "{begin:?}: {text}");
        assert!(began.elapsed() < Duration::from_secs(10), "{begin:?}");
    }
    assert_eq!(world.inbox.counts().too_slow, 1);
}

#[tokio::test]
async fn a_sender_that_sends_one_byte_at_a_time_is_cut() {
    let world = World::within(Limits {
        read: Duration::from_millis(500),
        ..Limits::default()
    })
    .await;
    let mut stream = TcpStream::connect(world.address())
        .await
        .expect("a connection");
    let head = forged_head("content-length: 10000");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let began = Instant::now();
    let mut answered = [0; 12];
    let (mut reader, mut writer) = stream.split();
    let drip = async {
        loop {
            let _ = writer.write_all(b"x").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        read = reader.read_exact(&mut answered) => { read.expect("an answer"); }
        () = drip => {}
    }
    assert_eq!(&answered, b"HTTP/1.1 408");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn silent_connections_keep_no_sender_out() {
    let world = World::within(Limits {
        connections: 4,
        ..Limits::default()
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(
            TcpStream::connect(world.address())
                .await
                .expect("a connection"),
        );
    }
    let answered = timeout(
        Duration::from_secs(8),
        status(world.signed("m1", "develop")),
    )
    .await;
    assert_eq!(answered, Ok(200));
}

#[tokio::test]
async fn a_wrong_token_is_refused_before_the_content_is_sent() {
    let world = World::start().await;
    for expect in ["", "expect: 100-continue\r\n"] {
        let framing = format!("{expect}content-length: 1048576");
        let text = raw(world.address(), &token_head("wrong", &framing)).await;
        assert!(text.starts_with("HTTP/1.1 401"), "{text}");
        let head = text.to_ascii_lowercase();
        assert!(head.contains("connection: close"), "{text}");
    }
    assert_eq!(world.inbox.counts().wrong_credential, 2);
}

#[tokio::test]
async fn a_sender_without_the_headers_of_a_signature_is_refused_before_its_content_is_sent() {
    let world = World::start().await;
    for name in ["ci", "ghcr"] {
        let head =
            format!("POST /push/{name} HTTP/1.1\r\nhost: x\r\ncontent-length: 1048576\r\n\r\n");
        let text = raw(world.address(), &head).await;
        assert!(text.starts_with("HTTP/1.1 401"), "{name}: {text}");
    }
}

#[tokio::test]
async fn a_refused_sender_can_read_its_answer_after_it_has_sent_everything() {
    let world = World::start().await;
    let head = token_head("wrong", "content-length: 65536");
    let text = raw(world.address(), &format!("{head}{}", "x".repeat(65536))).await;
    assert!(text.starts_with("HTTP/1.1 401"), "{text}");
}

#[tokio::test]
async fn a_known_sender_that_expects_to_be_asked_is_asked_for_its_content() {
    let world = World::start().await;
    let body = r#"{"events":[]}"#;
    let framing = format!("expect: 100-continue\r\ncontent-length: {}", body.len());
    let mut stream = TcpStream::connect(world.address())
        .await
        .expect("a connection");
    let head = token_head(SECRET, &framing);
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).await.expect("an answer");
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).await.expect("sent");
    let mut answered = [0; 12];
    stream.read_exact(&mut answered).await.expect("an answer");
    assert_eq!(&answered, b"HTTP/1.1 202");
}

/// Sends one byte from time to time, until the inbox closes the connection.
async fn drip(mut stream: TcpStream) {
    while stream.write_all(b"x").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn slow_senders_without_a_credential_do_not_delay_a_delivery() {
    let limits = Limits::default();
    // Without this, the time limit of a request would end the slow ones.
    let world = World::within(Limits {
        read: Duration::from_mins(5),
        ..limits
    })
    .await;
    let slow = [
        forged_head("content-length: 1048576"),
        "POST /push/registry HTTP/1.1\r\nhost: x\r\nx-slow: ".to_owned(),
    ];
    let mut drips = tokio::task::JoinSet::new();
    for number in 0..2 * limits.connections {
        let mut stream = TcpStream::connect(world.address())
            .await
            .expect("a connection");
        let head = slow[number % slow.len()].as_bytes();
        // An early connection may have lost its place already.
        let _ = stream.write_all(head).await;
        drips.spawn(drip(stream));
    }
    let delivery = timeout(
        Duration::from_mins(1),
        status(world.signed("m1", "develop")),
    );
    assert_eq!(delivery.await, Ok(200));
}

#[tokio::test]
async fn a_known_sender_that_stops_sending_keeps_no_other_out() {
    let limits = Limits {
        read: Duration::from_mins(5),
        connections: 4,
        ..Limits::default()
    };
    let world = World::within(limits).await;
    let mut silent = Vec::new();
    for _ in 0..limits.connections {
        let mut stream = TcpStream::connect(world.address())
            .await
            .expect("a connection");
        let head = token_head(SECRET, "content-length: 100");
        stream.write_all(head.as_bytes()).await.expect("sent");
        silent.push(stream);
    }
    let delivery = timeout(
        Duration::from_mins(1),
        status(world.signed("m1", "develop")),
    );
    assert_eq!(delivery.await, Ok(200));
}

#[tokio::test]
async fn slow_large_contents_without_a_proof_do_not_delay_a_large_delivery() {
    let world = World::within(Limits {
        read: Duration::from_mins(5),
        ..Limits::default()
    })
    .await;
    let mut slow = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(world.address())
            .await
            .expect("a connection");
        let head = forged_head("content-length: 1048576");
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream.write_all(&CONTENT[..65537]).await.expect("sent");
        slow.spawn(drip(stream));
    }
    let large = format!("{}{}", plain("develop"), " ".repeat(100 * 1024));
    let delivery = timeout(
        Duration::from_mins(1),
        status(world.sign_as("ci", "m1", &large)),
    );
    assert_eq!(delivery.await, Ok(200));
}

#[tokio::test]
async fn an_unknown_name_is_treated_alike_after_a_restart() {
    let statuses = async || {
        let world = World::within(Limits {
            body: 1000,
            ..Limits::default()
        })
        .await;
        let mut statuses = Vec::new();
        for number in 0..16 {
            let head = forged_head_of(&format!("nobody{number}"), "content-length: 1001");
            let text = raw(world.address(), &head).await;
            statuses.push(text["HTTP/1.1 ".len()..][..3].to_owned());
        }
        statuses
    };
    let before = statuses().await;
    // A sender with a signature announces too much, and one with a token is refused.
    for status in ["401", "413"] {
        assert!(before.iter().any(|it| it == status), "{before:?}");
    }
    assert_eq!(statuses().await, before);
}

static CONTENT: [u8; 1 << 20] = [b'x'; 1 << 20];

/// All connections send as much of a large content as the inbox reads, with a signature that cannot be checked before
/// the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_contents_without_a_proof_need_little_memory() {
    if !is_measured("large_contents_without_a_proof_need_little_memory") {
        return;
    }
    let limits = Limits {
        read: Duration::from_secs(4),
        ..Limits::default()
    };
    let world = World::within(limits).await;
    let before = memory();
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..limits.connections {
        let at = world.address();
        senders.spawn(async move {
            let mut stream = TcpStream::connect(at).await.expect("a connection");
            let head = forged_head("content-length: 1048576");
            stream.write_all(head.as_bytes()).await.expect("sent");
            // The last byte is missing. The inbox does not read all of it.
            let _ = stream.write_all(&CONTENT[1..]).await;
            let _ = stream.read(&mut [0; 12]).await;
        });
    }
    let mut most = before;
    while !senders.is_empty() {
        let _ = timeout(Duration::from_millis(50), senders.join_next()).await;
        most = most.max(memory());
    }
    let grown = most - before;
    assert!(grown < 32 * 1024, "{grown} KiB");
}
