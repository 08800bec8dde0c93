//! The inbox over HTTPS: with its certificate, and with the one that replaces it while the inbox is running.

use std::path::Path;
use std::time::Duration;

use greenroom::adapters::inbound::{Inbox, Limits, Validity};
use greenroom::inventory::servers::ServerTls;
use jiff::Timestamp;
use reqwest::{Certificate, Client};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;

use super::World;
use crate::support;
use crate::support::certificates::{authority, authority_for, certificate};

const OWN: &str = "subjectAltName=IP:127.0.0.1";

/// A client that trusts this authority only, and opens a connection for each request.
fn client(directory: &Path, authority: &str) -> Client {
    let pem = std::fs::read(directory.join(format!("{authority}.pem"))).expect("a file");
    let authority = Certificate::from_pem(&pem).expect("a certificate");
    support::http_client()
        .tls_certs_only([authority])
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client")
}

/// Copies a certificate, and then its key, to where the inbox reads them.
fn install(directory: &Path, name: &str, kinds: &[&str]) {
    for kind in kinds {
        let new = directory.join("new");
        std::fs::copy(directory.join(format!("{name}.{kind}")), &new).expect("copied");
        std::fs::rename(&new, directory.join(format!("inbox.{kind}"))).expect("renamed");
    }
}

async fn world() -> World {
    World::over(Limits::default(), |directory| {
        let directory = directory.path();
        for (old, name) in [("first", "one"), ("second", "two")] {
            authority(directory, old);
            certificate(directory, name, old, OWN);
        }
        install(directory, "one", &["pem", "key"]);
        Some(ServerTls {
            certificate: directory.join("inbox.pem"),
            key: directory.join("inbox.key"),
        })
    })
    .await
}

#[tokio::test]
async fn a_renewed_certificate_is_used_for_the_next_connection() {
    let world = world().await;
    let directory = world.directory.path();
    let address = format!("https://{}/health", world.address());
    let answers = async |authority: &str| {
        let asked = client(directory, authority).get(&address).send().await;
        asked.is_ok_and(|answer| answer.status() == 200)
    };
    assert!(answers("first").await);
    assert!(!answers("second").await);
    install(directory, "two", &["pem"]);
    assert!(
        answers("first").await,
        "a certificate without its key is not used"
    );
    install(directory, "two", &["key"]);
    assert!(answers("second").await);
    assert!(!answers("first").await);
    std::fs::remove_file(directory.join("inbox.key")).expect("removed");
    assert!(answers("second").await, "the last certificate stays");
}

#[tokio::test]
async fn a_client_that_does_not_speak_tls_is_cut() {
    let world = World::over(
        Limits {
            read: Duration::from_millis(300),
            ..Limits::default()
        },
        |directory| {
            authority(directory.path(), "first");
            certificate(directory.path(), "inbox", "first", OWN);
            Some(ServerTls {
                certificate: directory.path().join("inbox.pem"),
                key: directory.path().join("inbox.key"),
            })
        },
    )
    .await;
    let url = format!("http://{}/health", world.address());
    assert!(world.client.get(url).send().await.is_err());
    let mut silent = tokio::net::TcpStream::connect(world.address())
        .await
        .expect("a connection");
    let read = tokio::time::timeout(Duration::from_secs(10), silent.read_u8()).await;
    assert!(read.expect("the connection is closed").is_err());
}

#[tokio::test]
async fn a_missing_certificate_is_named() {
    use greenroom::adapters::inbound::Inbox;
    use greenroom::inventory::servers::InboxConfig;
    use std::sync::Arc;
    let config = InboxConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        tls: Some(ServerTls {
            certificate: "/nowhere/inbox.pem".into(),
            key: "/nowhere/inbox.key".into(),
        }),
        senders: Vec::new(),
    };
    let started = Inbox::start(
        config,
        Arc::new(greenroom::adapters::secrets::LocalSecrets::default()),
        Arc::new(super::Receiver::default()),
        Arc::new(greenroom::ports::SystemClock::default()),
    );
    let failure = started.await.err().expect("a failure").to_string();
    assert!(failure.contains("/nowhere/inbox.pem"), "{failure}");
}

#[tokio::test]
async fn the_check_of_a_certificate_reads_its_dates() {
    let directory = TempDir::new().expect("a directory");
    let directory = directory.path();
    authority(directory, "first");
    certificate(directory, "one", "first", OWN);
    for name in ["first", "one"] {
        let validity = Inbox::check_certificate(&tls(directory, name, name)).await;
        let Validity { from, until } = validity.unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(until.duration_since(from).as_hours(), 48, "{name}");
        let age = Timestamp::now().duration_since(from);
        assert!((0..2).contains(&age.as_hours()), "{name}: {age}");
    }
}

#[tokio::test]
async fn the_check_of_a_certificate_finds_the_first_end_of_its_chain() {
    let directory = TempDir::new().expect("a directory");
    let directory = directory.path();
    authority_for(directory, "short", 1);
    certificate(directory, "one", "short", OWN);
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).expect("a file");
    let chain = read("one.pem") + &read("short.pem");
    std::fs::write(directory.join("one.pem"), chain).expect("written");
    let validity = Inbox::check_certificate(&tls(directory, "one", "one")).await;
    let until = validity.expect("its dates").until;
    assert!(until.duration_since(Timestamp::now()).as_hours() < 25);
}

#[tokio::test]
async fn a_certificate_may_expire_at_the_end_of_the_last_year() {
    let directory = TempDir::new().expect("a directory");
    let directory = directory.path();
    // One hour before 9999-12-31 23:59:59 UTC or up to a day earlier, and after the latest timestamp.
    let last = 253_402_300_799 - 3600;
    let days = (last - Timestamp::now().as_second()) / (24 * 3600);
    authority_for(directory, "ever", days);
    let validity = Inbox::check_certificate(&tls(directory, "ever", "ever")).await;
    let until = validity.expect("its dates").until;
    assert_eq!(until, Timestamp::MAX);
}

#[tokio::test]
async fn the_check_of_a_certificate_refuses_unusable_files() {
    let directory = TempDir::new().expect("a directory");
    let directory = directory.path();
    authority(directory, "first");
    certificate(directory, "one", "first", OWN);
    for (certificate, key) in [("one", "first"), ("one", "none"), ("none", "one")] {
        let checked = Inbox::check_certificate(&tls(directory, certificate, key)).await;
        checked.expect_err("the files do not fit");
    }
}

fn tls(directory: &Path, certificate: &str, key: &str) -> ServerTls {
    ServerTls {
        certificate: directory.join(format!("{certificate}.pem")),
        key: directory.join(format!("{key}.key")),
    }
}
