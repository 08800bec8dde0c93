//! Connecting: what is sent, which engines are refused, and unreachable engines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use greenroom::adapters::docker::{DockerReader, DockerWriter};
use greenroom::inventory::{Slot, Version};
use greenroom::ports::{Credentials, FailureKind, RuntimeReader, RuntimeWriter};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::sync::mpsc;

use super::fixture::{
    OneSecret, PASSWORD, USER, WAIT, World, both, engine, engine_at, engine_behind,
};
use super::proxy::Proxy;

#[tokio::test]
async fn the_engine_reports_its_identity_and_the_agreed_version() {
    let info = DockerReader::new(engine())
        .engine()
        .await
        .expect("an answer");
    assert!(info.name.starts_with("Docker "), "{info:?}");
    let (major, minor) = info.api.split_once('.').expect("a version");
    assert!(
        major == "1" && minor.parse::<u16>().expect("a number") >= 41,
        "{info:?}"
    );
}

#[tokio::test]
async fn every_call_names_the_version_and_logs_start_at_the_nanosecond() {
    let world = World::pulled();
    let (_, writer) = both(&engine());
    let id = writer
        .start(&world.spec(Slot::Blue, WAIT))
        .await
        .expect("started");
    let proxy = Proxy::start(None);
    let (reader, _) = both(&engine_behind(proxy.socket()));
    let api = reader.engine().await.expect("an answer").api;
    reader.instances(&world.target).await.expect("a list");
    let since: Timestamp = "2026-11-21T06:00:00.123456789Z".parse().expect("a time");
    let mut lines = reader.logs(&id, Some(since), 10).await.expect("logs");
    let waiting = futures_util::StreamExt::next(&mut lines);
    let _ = tokio::time::timeout(Duration::from_millis(300), waiting).await;
    let heads = proxy.heads();
    let unversioned = heads
        .iter()
        .filter(|h| !h.contains(&format!(" /v{api}/")))
        .count();
    assert_eq!(
        unversioned, 1,
        "only the first asks for the version: {heads:#?}"
    );
    let logs = heads
        .iter()
        .find(|h| h.contains("/logs?"))
        .expect("asked for logs");
    let seconds = since.as_second();
    assert!(
        logs.contains(&format!("since={seconds}.123456789")),
        "{logs}"
    );
}

#[tokio::test]
async fn a_refused_version_is_negotiated_again() {
    let world = World::pulled();
    let proxy = Proxy::replaceable();
    let (reader, writer) = both(&engine_behind(proxy.socket()));
    let first = reader.engine().await.expect("an answer").api;
    let asked_in = |version: &str| {
        let version = format!(" /v{version}/");
        let heads = proxy.heads();
        heads.iter().filter(|head| head.contains(&version)).count()
    };
    let before = asked_in(&first);
    proxy.replace_by("1.44");
    let listed = reader.instances(&world.target).await.expect("a list");
    assert_eq!(listed, []);
    assert_eq!(asked_in(&first), before + 1, "one call is refused");
    // The refused call changed nothing, so repeating it performs the change once.
    proxy.replace_by("1.45");
    let id = writer
        .start(&world.spec(Slot::Blue, WAIT))
        .await
        .expect("started");
    proxy.replace_by("1.44");
    let mut lines = reader.logs(&id, None, 10).await.expect("logs");
    let waiting = futures_util::StreamExt::next(&mut lines);
    let said = tokio::time::timeout(Duration::from_millis(200), waiting).await;
    assert!(!matches!(said, Ok(Some(Err(_)))), "{said:?}");
    proxy.replace_by("1.45");
    writer.stop(&id, Duration::ZERO).await.expect("stopped");
    assert_eq!(reader.engine().await.expect("an answer").api, "1.45");
    assert_eq!(asked_in(&first), before + 1);
}

#[tokio::test]
async fn a_version_refused_twice_is_not_negotiated_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("docker.sock");
    let listener = UnixListener::bind(&socket).expect("bound");
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let asked = Arc::clone(&count);
    let serving = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = [0; 4096];
            let length = client.read(&mut head).await.unwrap_or(0);
            let is_version = head[..length].starts_with(b"GET /version");
            let (status, body) = if is_version {
                asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                ("200 OK", r#"{"Version":"x","ApiVersion":"1.47"}"#)
            } else {
                (
                    "400 Bad Request",
                    r#"{"message":"client version 1.47 is too new. Maximum supported API version is 1.46"}"#,
                )
            };
            let text = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = client.write_all(text.as_bytes()).await;
        }
    });
    let (reader, _) = both(&engine_behind(&socket));
    let failure = reader.all_instances().await.expect_err("refused");
    assert_eq!(failure.kind, FailureKind::Unsupported, "{failure}");
    assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 2);
    serving.abort();
}

#[tokio::test]
async fn credentials_use_the_base64_alphabet_of_the_engine() {
    let proxy = Proxy::start(None);
    let engine = engine_behind(proxy.socket());
    let host = "127.0.0.1:9";
    let credentials = Credentials {
        user: USER.into(),
        password: PASSWORD.into(),
    };
    let all = BTreeMap::from([(host.to_owned(), credentials)]);
    let writer = DockerWriter::new(engine, all, Arc::new(OneSecret));
    let version = Version {
        repository: format!("{host}/web"),
        tag: None,
        digest: format!("sha256:{}", "0".repeat(64))
            .parse()
            .expect("a digest"),
        labels: greenroom::inventory::ImageLabels::default(),
    };
    let failure = writer
        .pull(&version, mpsc::channel(1).0)
        .await
        .expect_err("no engine listens there");
    assert!(!failure.to_string().contains(PASSWORD), "{failure}");
    let heads = proxy.heads();
    let create = heads
        .iter()
        .find(|h| h.contains("/images/create"))
        .expect("pulled");
    let header = create
        .lines()
        .find_map(|l| {
            l.to_lowercase()
                .starts_with("x-registry-auth: ")
                .then(|| &l[17..])
        })
        .expect("a header");
    assert!(!header.contains(['+', '/']), "{header}");
    assert!(
        header.contains(['-', '_']),
        "the password needs the other letters: {header}"
    );
}

#[tokio::test]
async fn an_unreachable_engine_is_reported_with_its_address() {
    let directory = tempfile::tempdir().expect("a directory");
    let refusing = directory.path().join("refusing.sock");
    drop(UnixListener::bind(&refusing).expect("bound"));
    let missing = directory.path().join("missing.sock");
    for socket in [&refusing, &missing] {
        let (reader, _) = both(&engine_behind(socket));
        let failure = reader
            .all_instances()
            .await
            .expect_err("no engine listens there");
        assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
        assert!(
            failure.to_string().contains(&*socket.to_string_lossy()),
            "{failure}"
        );
    }
    let port = crate::support::free_port();
    let (reader, _) = both(&engine_at(&format!("tcp://127.0.0.1:{port}")));
    let failure = reader.engine().await.expect_err("no engine listens there");
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
}

#[tokio::test]
async fn an_engine_that_answers_again_is_used_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("docker.sock");
    let (reader, _) = both(&engine_behind(&socket));
    assert!(reader.engine().await.is_err());
    let address = crate::support::docker();
    let real = address.strip_prefix("unix://").expect("a unix socket");
    std::os::unix::fs::symlink(real, &socket).expect("linked");
    assert!(reader.engine().await.is_ok());
}

#[tokio::test]
async fn an_old_engine_or_another_server_is_refused_with_an_explanation() {
    for (answer, kind) in [
        (
            r#"{"Version":"19.03","ApiVersion":"1.40"}"#,
            FailureKind::Unsupported,
        ),
        (
            r#"{"Version":"x","ApiVersion":"\u001b[31mevil"}"#,
            FailureKind::Garbled,
        ),
        ("<html>hello</html>", FailureKind::Garbled),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = directory.path().join("docker.sock");
        let listener = UnixListener::bind(&socket).expect("bound");
        let serving = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let _ = client.read(&mut [0; 4096]).await;
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
                let text = format!("{head} {}\r\n\r\n{answer}", answer.len());
                let _ = client.write_all(text.as_bytes()).await;
            }
        });
        let (reader, _) = both(&engine_behind(&socket));
        let failure = reader.engine().await.expect_err("refused");
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(!failure.to_string().contains('\u{1b}'), "{failure:?}");
        serving.abort();
    }
}
