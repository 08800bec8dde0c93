//! Passwords, roles and certificates.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use greenroom::adapters::etcd::{Credentials, Options};
use greenroom::inventory::servers::TlsConfig;
use greenroom::inventory::{SecretSource, Slot};
use greenroom::ports::{
    FailureKind, Password, PresenceStore, RegistryReader, RegistryWriter, Renewal, Result, Secrets,
};
use secrecy::{ExposeSecret, SecretString};

use super::server::Server;
use super::world::{World, etcdctl, registration};
use crate::support::certificates::{authority, certificate};
use crate::support::eventually;

fn options(server: &Server, user: &str, password: &str) -> Options {
    let mut options = Options::new(vec![server.endpoint()]);
    options.credentials = Some(Credentials {
        user: user.into(),
        password: password.into(),
    });
    options
}

#[tokio::test]
async fn a_password_is_accepted_and_a_wrong_one_is_denied_without_showing_it() {
    let mut server = Server::start().await;
    let endpoint = server.endpoint();
    for arguments in [
        "user add root:sesame",
        "user grant-role root root",
        "role add looker",
        "role grant-permission looker read --prefix=true /greenroom-test/",
        "user add ben:looks",
        "user grant-role ben looker",
        "auth enable",
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        etcdctl(&endpoint, &arguments);
    }
    let world = World::with(options(&server, "root", "sesame"), &[]);
    let lease = world.locked().await;
    world.registered(Slot::Blue, &lease.fence).await;

    let wrong = World::with(options(&server, "root", "opensesame"), &[]);
    let failure = wrong
        .reader
        .read(&wrong.target)
        .await
        .expect_err("wrong password");
    assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
    for text in [format!("{failure:?}"), format!("{:?}", wrong.store)] {
        assert!(!text.contains("sesame"), "{text}");
    }
    let anonymous = World::at(vec![server.endpoint()]);
    let failure = anonymous
        .reader
        .read(&anonymous.target)
        .await
        .expect_err("no password");
    assert_eq!(failure.kind, FailureKind::Denied, "{failure}");

    // A user with read permission only: reads work, and a write is denied.
    let looking = world.reached(options(&server, "ben", "looks"));
    let (reader, writer) = (&looking.reader, &looking.writer);
    let record = reader.read(&world.target).await.expect("may look");
    assert!(record.slots.blue.is_some());
    let entry = registration(Slot::Green, lease.fence.token);
    let failure = writer.register(&world.target, &entry, &lease.fence).await;
    assert_eq!(
        failure.expect_err("may not write").kind,
        FailureKind::Denied
    );

    // Presence is not announced either, which disturbs nothing.
    let presence = looking.presence();
    let watcher = crate::support::presence::watcher("ben");
    let shown = presence.show(&world.target, &watcher).await;
    assert_eq!(shown.expect_err("may not write").kind, FailureKind::Denied);
    let record = reader.read(&world.target).await.expect("may look");
    assert!(record.watching.is_empty() && record.lock.is_some());

    // A token from before a change of users, and one that the server forgot, are renewed silently.
    let changing = ["--user", "root:sesame", "user", "add", "eve:x"];
    etcdctl(&endpoint, &changing);
    world.reader.read(&world.target).await.expect("a new token");
    server.stop();
    server.start_again().await;
    world.registered(Slot::Green, &lease.fence).await;
}

#[tokio::test]
async fn authentication_can_be_switched_on_and_off_under_an_open_console() {
    let server = Server::start().await;
    let endpoint = server.endpoint();
    for arguments in ["user add root:sesame", "user grant-role root root"] {
        etcdctl(&endpoint, &arguments.split(' ').collect::<Vec<_>>());
    }
    let known = World::with(options(&server, "root", "sesame"), &[]);
    let unknown = World::at(vec![server.endpoint()]);
    let reads = async |world: &World| world.reader.read(&world.target).await.map(drop);
    let soon = std::time::Duration::from_secs(20);
    let off = ["--user", "root:sesame", "auth", "disable"];

    let failure = reads(&known).await.expect_err("it has no users yet");
    assert!(
        failure.to_string().contains("etcdctl auth enable"),
        "{failure}"
    );
    reads(&unknown).await.expect("no user is required");
    let mut told = unknown.reader.changes().await.expect("a stream");
    for _ in 0..2 {
        etcdctl(&endpoint, &["auth", "enable"]);
        eventually("the user is let in", soon, || async {
            reads(&known).await.is_ok()
        })
        .await;
        let failure = reads(&unknown).await.expect_err("it asks who we are");
        assert_eq!(failure.kind, FailureKind::Denied, "{failure}");
        assert!(failure.to_string().contains("check the user"), "{failure}");
        etcdctl(&endpoint, &off);
        eventually("no user is required", soon, || async {
            reads(&unknown).await.is_ok()
        })
        .await;
        eventually("the error says what to do", soon, || async {
            let failure = reads(&known).await.err();
            failure.is_some_and(|failure| failure.to_string().contains("etcdctl auth enable"))
        })
        .await;
    }
    let hears = async {
        loop {
            etcdctl(&endpoint, &["put", &unknown.key("route"), "changed"]);
            let told = tokio::time::timeout(std::time::Duration::from_millis(200), told.next());
            if let Ok(Some(Ok(_))) = told.await {
                return;
            }
        }
    };
    tokio::time::timeout(soon, hears)
        .await
        .expect("it hears again");
}

#[tokio::test]
async fn certificates_are_checked_both_ways() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    for name in ["ca", "other"] {
        authority(directory.path(), name);
    }
    for (name, extension) in [
        ("server", "subjectAltName=IP:127.0.0.1"),
        ("client", "extendedKeyUsage=clientAuth"),
    ] {
        certificate(directory.path(), name, "ca", extension);
    }
    let file = |name: &str| at(name).display().to_string();
    let more = [
        format!("--cert-file={}", file("server.pem")),
        format!("--key-file={}", file("server.key")),
        format!("--trusted-ca-file={}", file("ca.pem")),
        "--client-cert-auth".to_owned(),
    ];
    let server = Server::start_with("https", &more).await;
    let world = |ca: &str, identity: bool| {
        let mut options = Options::new(vec![server.endpoint()]);
        options.tls = Some(TlsConfig {
            ca: Some(at(ca)),
            cert: identity.then(|| at("client.pem")),
            key: identity.then(|| at("client.key")),
        });
        World::with(options, &[])
    };
    let good = world("ca.pem", true);
    good.reader
        .read(&good.target)
        .await
        .expect("both are known");
    let told = good.reader.clock().await.expect("asked").expect("a time");
    let off = told.duration_since(jiff::Timestamp::now()).abs();
    assert!(off < jiff::SignedDuration::from_secs(5), "{told}");
    let asked = std::time::Instant::now();
    for (ca, identity) in [("other.pem", true), ("ca.pem", false)] {
        let bad = world(ca, identity);
        let failure = bad.reader.read(&bad.target).await.expect_err("not known");
        assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
        assert!(failure.hint.contains("certificate"), "{failure}");
    }
    assert!(asked.elapsed() < std::time::Duration::from_secs(5));
    let mut missing = Options::new(vec![server.endpoint()]);
    missing.tls = Some(TlsConfig {
        ca: Some(at("none.pem")),
        ..TlsConfig::default()
    });
    // This fails only what needs the file: other environments have other files.
    let missing = World::with(missing, &[]);
    let failure = missing.reader.read(&missing.target).await;
    let failure = failure.expect_err("no such file");
    assert!(failure.message.contains("none.pem"), "{failure}");
}

/// A password that changes while a console runs. The first value read is used until a server
/// refuses it.
struct Rotated {
    kept: Mutex<&'static str>,
    now: &'static str,
}

#[async_trait]
impl Secrets for Rotated {
    async fn read(&self, _: &SecretSource) -> Result<SecretString> {
        Ok((*self.kept.lock().expect("no panic")).into())
    }

    async fn renewed(&self, _: &SecretSource, refused: &SecretString) -> Renewal {
        assert_eq!(refused.expose_secret(), "sesame");
        *self.kept.lock().expect("no panic") = self.now;
        Renewal::Other(self.now.into())
    }
}

#[tokio::test]
async fn a_changed_password_is_read_again_while_the_store_is_in_use() {
    let server = Server::start().await;
    let endpoint = server.endpoint();
    for arguments in [
        "user add root:sesame",
        "user grant-role root root",
        "auth enable",
    ] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        etcdctl(&endpoint, &arguments);
    }
    let secrets = Rotated {
        kept: Mutex::new("sesame"),
        now: "opensesame",
    };
    let source = SecretSource::File("/run/etcd-password".into());
    let setting = "environments.qa.etcd.password".to_owned();
    let mut options = Options::new(vec![server.endpoint()]);
    options.credentials = Some(Credentials {
        user: "root".into(),
        password: Password::read_on_use(Arc::new(secrets), source, setting),
    });
    let world = World::with(options, &[]);
    world.reader.read(&world.target).await.expect("let in");
    let mut changing = Command::new("etcdctl")
        .env("ETCDCTL_API", "3")
        .args(["--endpoints", &endpoint, "--user", "root:sesame"])
        .args(["user", "passwd", "root", "--interactive=false"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("etcdctl runs");
    let mut typed = changing.stdin.take().expect("its input");
    typed.write_all(b"opensesame\n").expect("typed");
    drop(typed);
    assert!(changing.wait().expect("it ends").success());
    let read = world.reader.read(&world.target).await;
    read.expect("let in with the new password");
}
