//! The access log of a target: its rates and its lines.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use greenroom::inventory::{PerSlot, Rates, RequestCount, Slot};
use greenroom::ports::{
    FailureKind, Installation, LogChunk, LogStream, RouterReader, RouterWriter,
};

use super::arena::{Arena, client, get, order};
use crate::support::eventually;

const PUBLIC: &str = "shop.example.com";
const PREVIEW: &str = "preview.example.com";
const SOON: Duration = Duration::from_secs(10);

/// An nginx with an access log for each target, a target on it, and blue live.
async fn logging() -> Arena {
    let mut arena = Arena::start().await;
    arena.arrangement.config.access_log = Some(arena.place.path().join("logs"));
    let writer = arena.writer();
    writer.install(&arena.target).await.expect("installed");
    let live = writer
        .switch(&arena.target, &order(None, Slot::Blue, 1))
        .await;
    live.expect("live");
    arena
}

fn log(arena: &Arena) -> PathBuf {
    arena.place.path().join("logs/web.production.access.log")
}

/// A client with a name that opens a connection for each request.
async fn ask(client: &reqwest::Client, port: u16, host: &str, path: &str, agent: &str) -> u16 {
    let answer = client
        .get(format!("http://127.0.0.1:{port}{path}"))
        .header("host", host)
        .header("user-agent", agent)
        .send()
        .await;
    answer.expect("an answer").status().as_u16()
}

fn counted(rates: &PerSlot<Option<Rates>>) -> PerSlot<(u64, u64)> {
    PerSlot::from_fn(|slot| {
        let rates = rates.get(slot).as_ref().expect("rates");
        (rates.requests, rates.errors)
    })
}

#[tokio::test]
async fn rates_are_per_slot_and_exclude_greenrooms_own_requests() {
    let arena = logging().await;
    let (reader, target) = (arena.reader(), &arena.target);
    let none = reader.rates(target).await.expect("rates");
    assert_eq!(counted(&none), PerSlot::default(), "no traffic yet");
    let again = reader.rates(target).await.expect("rates");
    assert_eq!(none, again, "what nothing happened to does not change");

    let client = client(false);
    let blue = arena.upstream(Slot::Blue).await;
    let _green = arena.upstream(Slot::Green).await;
    for n in 0..20 {
        let path = format!("/orders/{n}");
        assert_eq!(
            ask(&client, arena.public, PUBLIC, &path, "curl/8").await,
            200
        );
        ask(&client, arena.public, PUBLIC, "/own", "greenroom/0.1.0").await;
        ask(&client, arena.preview, PREVIEW, "/look", "curl/8").await;
    }
    drop(blue);
    let (mut asked, mut failed) = (20, 0);
    while failed < 3 {
        asked += 1;
        let status = ask(&client, arena.public, PUBLIC, "/", "curl/8").await;
        failed += u64::from(status == 502);
        assert!(asked < 1000, "blue still answers");
    }
    // Only whole seconds count, so the last requests appear up to a second later.
    eventually("the requests are counted", SOON, || async {
        let rates = reader.rates(target).await.expect("rates");
        counted(&rates).blue == (asked, failed)
    })
    .await;
    let rates = reader.rates(target).await.expect("rates");
    assert_eq!(counted(&rates).green, (0, 0), "a preview is no traffic");
    let blue = rates.blue.expect("rates");
    assert!(
        blue.p50 <= blue.p99 && blue.p99 < Duration::from_secs(2),
        "{blue:?}"
    );
    let text = fs::read_to_string(log(&arena)).expect("a log");
    assert!(!text.contains("/own"), "{text}");
}

#[tokio::test]
async fn requests_are_counted_since_a_given_time() {
    let arena = logging().await;
    let (reader, target) = (arena.reader(), &arena.target);
    let client = client(false);
    let blue = arena.upstream(Slot::Blue).await;
    let started = jiff::Timestamp::now();
    for _ in 0..5 {
        ask(&client, arena.public, PUBLIC, "/", "curl/8").await;
        ask(&client, arena.public, PUBLIC, "/own", "greenroom/0.1.0").await;
        ask(&client, arena.preview, PREVIEW, "/look", "curl/8").await;
    }
    drop(blue);
    let failed = std::sync::atomic::AtomicU64::new(0);
    eventually("blue is gone", SOON, || async {
        let status = ask(&client, arena.public, PUBLIC, "/", "curl/8").await;
        failed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        status == 502
    })
    .await;
    let asked = 5 + failed.into_inner();
    // nginx writes its log line after the answer.
    eventually("the requests are counted", SOON, || async {
        let counted = reader
            .traffic(target, Slot::Blue, started)
            .await
            .expect("counted");
        counted
            == Some(RequestCount {
                requests: asked,
                errors: 1,
            })
    })
    .await;
    let green = reader
        .traffic(target, Slot::Green, started)
        .await
        .expect("counted");
    assert_eq!(green, Some(RequestCount::default()));
    let later = started + jiff::SignedDuration::from_secs(3600);
    let none = reader
        .traffic(target, Slot::Blue, later)
        .await
        .expect("counted");
    assert_eq!(none, Some(RequestCount::default()));
}

#[tokio::test]
async fn without_an_access_log_request_counts_are_unknown() {
    let arena = Arena::start().await;
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");
    let since = jiff::Timestamp::UNIX_EPOCH;
    let counts = arena
        .reader()
        .traffic(&arena.target, Slot::Blue, since)
        .await;
    assert_eq!(counts.expect("no failure"), None);
}

async fn next(
    lines: &mut (impl StreamExt<Item = greenroom::ports::Result<LogChunk>> + Unpin),
) -> LogChunk {
    let line = tokio::time::timeout(SOON, lines.next()).await;
    line.expect("a line in time")
        .expect("no end")
        .expect("no failure")
}

fn text(line: &LogChunk) -> String {
    String::from_utf8(line.bytes.clone()).expect("text")
}

#[tokio::test]
async fn the_log_is_followed_over_rotation_and_truncation() {
    let mut arena = logging().await;
    let _upstreams = (
        arena.upstream(Slot::Blue).await,
        arena.upstream(Slot::Green).await,
    );
    let client = client(false);
    for path in ["/one", "/two", "/three\u{1b}[31m"] {
        ask(&client, arena.public, PUBLIC, path, "curl/8").await;
    }
    eventually("three lines", SOON, || async {
        fs::read_to_string(log(&arena)).is_ok_and(|text| text.lines().count() == 3)
    })
    .await;
    let mut lines = arena.reader().log(&arena.target, 2).await.expect("a log");
    let two = next(&mut lines).await;
    assert!(text(&two).starts_with("GET /two 200 "), "{two:?}");
    assert!(text(&two).ends_with("ms blue"), "{two:?}");
    assert!(two.at.is_some() && two.stream == LogStream::Out);
    assert!(text(&next(&mut lines).await).starts_with("GET /three%1B"));

    ask(&client, arena.preview, PREVIEW, "/look", "curl/8").await;
    let look = text(&next(&mut lines).await);
    assert!(
        look.starts_with("GET /look 200 ") && look.ends_with(" green preview"),
        "{look}"
    );

    fs::rename(log(&arena), arena.place.path().join("logs/old")).expect("turned");
    let mut reopen = arena.arrangement.command.clone();
    let main = arena
        .arrangement
        .config
        .configuration
        .to_string_lossy()
        .into_owned();
    reopen.extend(["-s", "reopen", "-c", &main].map(str::to_owned));
    arena.arrangement.host.run(&reopen).await.expect("asked");
    eventually("another file", SOON, || async { log(&arena).exists() }).await;
    ask(&client, arena.public, PUBLIC, "/turned", "curl/8").await;
    assert!(text(&next(&mut lines).await).starts_with("GET /turned 200 "));

    fs::write(log(&arena), "").expect("emptied");
    ask(&client, arena.public, PUBLIC, "/e", "curl/8").await;
    assert!(text(&next(&mut lines).await).starts_with("GET /e 200 "));
    arena.kill();
}

#[tokio::test]
async fn without_a_log_directory_nothing_is_written_and_the_setting_is_named() {
    let mut arena = Arena::start().await;
    let target = arena.target.clone();
    arena.writer().install(&target).await.expect("installed");
    let file = fs::read_to_string(arena.site_file()).expect("a file");
    assert!(
        !file.contains("access_log /") && !file.contains("log_format"),
        "{file}"
    );
    let failure = arena.reader().rates(&target).await.expect_err("none");
    assert_eq!(failure.kind, FailureKind::Unsupported);
    assert!(failure.to_string().contains("access_log"), "{failure}");
    let failure = arena.reader().log(&target, 5).await.err().expect("none");
    assert_eq!(failure.kind, FailureKind::Unsupported);

    // A directory that is configured later makes the installation outdated; the next release renews
    // it.
    arena.arrangement.config.access_log = Some(arena.place.path().join("logs"));
    let installation = arena.reader().installation(&target).await.expect("looked");
    assert!(
        matches!(installation, Installation::Outdated(_)),
        "{installation:?}"
    );
    let failure = arena.reader().rates(&target).await.expect_err("not yet");
    assert_eq!(failure.kind, FailureKind::Missing);
    assert!(
        failure.to_string().contains("the next release"),
        "{failure}"
    );
    arena.writer().install(&target).await.expect("installed");
    let installation = arena.reader().installation(&target).await.expect("looked");
    assert_eq!(installation, Installation::Current);
    assert!(get(&client(false), arena.public, PUBLIC).await.is_ok());
    arena.reader().rates(&target).await.expect("rates");
}

#[tokio::test]
async fn a_missing_log_directory_is_refused_before_any_change() {
    let mut arena = Arena::start().await;
    let target = arena.target.clone();
    arena.writer().install(&target).await.expect("installed");
    let before = arena.files("conf.d");
    arena.arrangement.config.access_log = Some(arena.place.path().join("nowhere"));
    let failure = arena.writer().install(&target).await.expect_err("refused");
    assert_eq!(failure.kind, FailureKind::Rejected);
    assert!(failure.to_string().contains("nowhere"), "{failure}");
    assert_eq!(arena.files("conf.d"), before);
}
