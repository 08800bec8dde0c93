//! An operator who may drive releases cannot rewrite a finished one unnoticed: a separate user
//! seals it, on an etcd with the users and roles of `greenroom help etcd`, and the real program
//! detects the change.

use std::path::Path;
use std::process::{Command, Output};

use greenroom::history::{Chain, HoldRecord, Recorded, ReleaseRecord};
use greenroom::inventory::ReleaseId;
use serde::Serialize;
use tempfile::TempDir;

use super::roles;
use super::server::Server;
use crate::archive::samples::done;

/// The release with its hashes, as its driver writes it.
fn written(minute: u32, reason: &str) -> Recorded {
    let mut release = done(minute);
    release.head.reason = Some(reason.into());
    release.head.target = roles::target("qa");
    let closed = release.head.closed.take();
    let mut chain = Chain::of(&release.head);
    let entries = release.entries.drain(..).map(|entry| chain.linked(entry));
    release.entries = entries.collect();
    release.head = chain.closed(ReleaseRecord {
        closed,
        ..release.head
    });
    release
}

/// An etcd, and a configuration for each of its users.
struct Cluster {
    server: Server,
    room: TempDir,
}

impl Cluster {
    async fn start() -> Self {
        let server = Server::start().await;
        roles::run_commands(&server);
        let room = tempfile::tempdir().expect("a directory");
        Self { server, room }
    }

    /// Like an operator's own etcdctl.
    fn etcdctl(&self, user: &str, arguments: &[&str]) -> Output {
        Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &self.server.endpoint()])
            .args(["--user", &format!("{user}:{user}-password")])
            .args(arguments)
            .output()
            .expect("etcdctl runs")
    }

    fn put(&self, user: &str, key: &str, value: &impl Serialize) {
        let value = serde_json::to_string(value).expect("JSON");
        let put = self.etcdctl(user, &["put", key, &value]);
        assert!(put.status.success(), "{put:?}");
    }

    /// Writes a release with all its entries, as any user with write permission can.
    fn write(&self, user: &str, release: &Recorded) {
        let (at, id) = ("/greenroom/v1/targets/web/qa", release.head.id);
        self.put(user, &format!("{at}/releases/{id}"), &release.head);
        for entry in &release.entries {
            let key = format!("{at}/steps/{id}/{:04}", entry.sequence);
            self.put(user, &key, entry);
        }
    }

    /// Runs the real program with an empty archive.
    fn greenroom(&self, user: &str, arguments: &[&str]) -> Output {
        let place = tempfile::tempdir_in(self.room.path()).expect("a directory");
        self.greenroom_at(place.path(), user, arguments)
    }

    /// The same with a persistent archive.
    fn greenroom_at(&self, place: &Path, user: &str, arguments: &[&str]) -> Output {
        let file = configuration(place, &self.server.endpoint(), user);
        Command::new(env!("CARGO_BIN_EXE_greenroom"))
            .arg("--config")
            .arg(file)
            .args(arguments)
            .env("XDG_STATE_HOME", place)
            .output()
            .expect("it runs")
    }
}

fn configuration(place: &Path, endpoint: &str, user: &str) -> std::path::PathBuf {
    let file = place.join("greenroom.toml");
    let text = format!(
        r#"
[operator]
from = "etcd"
[history]
archive = "archive.db"
[environments.qa]
tier = "staging"
docker = {{ address = "unix:///nowhere/docker.sock" }}
etcd = {{ endpoints = ["{endpoint}"], user = "{user}", password = {{ command = ["echo", "{user}-password"] }} }}
[environments.qa.nginx]
answer = {{ listen = "127.0.0.1:8090" }}
[services.web]
image = "registry.example/web"
listen = {{ port = 8080 }}
health = {{ path = "/health" }}
[services.web.environments.qa]
endpoints = {{ blue = "127.0.0.1:9001", green = "127.0.0.1:9002" }}
[services.web.environments.qa.proxy]
server_names = ["web.example"]
listen = "127.0.0.1:8080"
"#
    );
    std::fs::write(&file, text).expect("written");
    file
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test]
async fn a_driver_cannot_rewrite_a_sealed_release_unnoticed() {
    let cluster = Cluster::start().await;
    let (first, second) = (written(1, "fix basket"), written(2, "fix checkout"));
    cluster.write("ben", &first);
    cluster.write("ben", &second);
    // A driver's user cannot seal, and the sealing user cannot drive.
    let denied = cluster.greenroom("ben", &["history", "seal"]);
    assert_eq!(denied.status.code(), Some(1), "{}", said(&denied));
    let key = format!("/greenroom/v1/seals/web/qa/{}", first.head.id);
    let forged = cluster.etcdctl("ben", &["put", &key, "{}"]);
    assert!(!forged.status.success(), "{forged:?}");
    let key = "/greenroom/v1/targets/web/qa/hold";
    assert!(
        !cluster
            .etcdctl("vault", &["put", key, "{}"])
            .status
            .success()
    );

    let sealed = cluster.greenroom("vault", &["history", "seal"]);
    assert!(sealed.status.success(), "{}", said(&sealed));
    assert!(
        said(&sealed).contains("web/qa: 2 sealed now, 0 sealed before"),
        "{}",
        said(&sealed)
    );
    let again = cluster.greenroom("vault", &["history", "seal", "web", "qa"]);
    assert!(
        said(&again).contains("0 sealed now, 2 sealed before"),
        "{}",
        said(&again)
    );
    let whole = cluster.greenroom("wall", &["history", "verify"]);
    assert!(whole.status.success(), "{}", said(&whole));
    assert!(
        said(&whole).contains("2 were compared with a seal"),
        "{}",
        said(&whole)
    );

    // All hashes are computed again, and the reader has never read the release before.
    let rewritten = written(1, "nothing at all");
    cluster.write("ben", &rewritten);
    let found = cluster.greenroom("wall", &["history", "verify"]);
    assert_eq!(found.status.code(), Some(3), "{}", said(&found));
    assert!(
        said(&found).contains(&first.head.id.to_string())
            && said(&found)
                .contains("the stored record differs from the record that was sealed by vault@"),
        "{}",
        said(&found)
    );
    assert!(!said(&found).contains(&second.head.id.to_string()));
    // `seal` does not seal the altered release again.
    let again = cluster.greenroom("vault", &["history", "seal"]);
    assert!(
        said(&again).contains("0 sealed now, 2 sealed before"),
        "{}",
        said(&again)
    );
    cluster.write("ben", &first);
    let seen = tempfile::tempdir_in(cluster.room.path()).expect("a directory");
    let whole = cluster.greenroom_at(seen.path(), "wall", &["history", "verify"]);
    assert!(whole.status.success(), "{}", said(&whole));

    // A deleted release is reported missing to a new reader and to one that has read it before.
    let key = format!("/greenroom/v1/targets/web/qa/releases/{}", second.head.id);
    assert!(cluster.etcdctl("ben", &["del", &key]).status.success());
    let found = cluster.greenroom("wall", &["history", "verify"]);
    assert_eq!(found.status.code(), Some(3), "{}", said(&found));
    assert!(
        said(&found).contains("missing in the store, although it was sealed by"),
        "{}",
        said(&found)
    );
    let found = cluster.greenroom_at(seen.path(), "wall", &["history", "verify"]);
    assert_eq!(found.status.code(), Some(3), "{}", said(&found));
    assert!(
        said(&found).contains(&format!("release {}  web/qa", second.head.id))
            && said(&found).contains("missing in the store, although it was sealed by"),
        "{}",
        said(&found)
    );
}

#[tokio::test]
async fn a_driver_cannot_rewrite_a_sealed_hold_unnoticed() {
    let cluster = Cluster::start().await;
    let held = cluster.greenroom("ben", &["hold", "web", "qa", "--reason", "payday"]);
    assert!(held.status.success(), "{}", said(&held));
    // A hold in force is not sealed, because it can still be cleared.
    let none = cluster.greenroom("vault", &["history", "seal"]);
    assert!(
        said(&none).contains("web/qa: 0 sealed now"),
        "{}",
        said(&none)
    );
    let clear = ["hold", "web", "qa", "--clear", "--reason", "paid out"];
    let cleared = cluster.greenroom("ben", &clear);
    assert!(cleared.status.success(), "{}", said(&cleared));
    let sealed = cluster.greenroom("vault", &["history", "seal"]);
    assert!(
        said(&sealed).contains("web/qa: 1 sealed now"),
        "{}",
        said(&sealed)
    );
    let whole = cluster.greenroom("wall", &["history", "verify"]);
    assert!(
        whole.status.success()
            && said(&whole).contains("1 holds and repairs: 1 intact")
            && said(&whole).contains("1 were compared with a seal"),
        "{}",
        said(&whole)
    );

    // A different end with the matching hash.
    let under = "/greenroom/v1/targets/web/qa/holds/";
    let read = cluster.etcdctl("ben", &["get", "--prefix", "--print-value-only", under]);
    let record: HoldRecord = serde_json::from_slice(&read.stdout).expect("a record");
    let mut other = record.hold.clone();
    let cleared = other.cleared.as_mut().expect("it is cleared");
    cleared.why = Some("nobody will know".into());
    let other = HoldRecord::new(&record.target, &other);
    assert_eq!(other.id, record.id);
    let key = format!("{under}{}", record.id);
    cluster.put("ben", &key, &other);
    let found = cluster.greenroom("wall", &["history", "verify"]);
    assert_eq!(found.status.code(), Some(3), "{}", said(&found));
    assert!(
        said(&found).contains(&format!("hold {}  web/qa", record.id))
            && said(&found)
                .contains("the stored record differs from the record that was sealed by vault@"),
        "{}",
        said(&found)
    );
    assert!(cluster.etcdctl("ben", &["del", &key]).status.success());
    let found = cluster.greenroom("wall", &["history", "verify"]);
    assert_eq!(found.status.code(), Some(3), "{}", said(&found));
    assert!(
        said(&found).contains("missing in the store, although it was sealed by"),
        "{}",
        said(&found)
    );
}

#[tokio::test]
async fn an_operator_has_the_name_of_the_etcd_user() {
    let cluster = Cluster::start().await;
    let doctor = cluster.greenroom("ben", &["doctor"]);
    let line = said(&doctor);
    let line = line.lines().find(|line| line.contains(" operator "));
    assert!(
        line.is_some_and(|line| line.contains("ben@")),
        "{}",
        said(&doctor)
    );
    let held = cluster.greenroom("ben", &["hold", "web", "qa", "--reason", "payday"]);
    assert!(said(&held).contains("held by ben@"), "{}", said(&held));
    // Without the password no user can use that name.
    let wrong = configuration(cluster.room.path(), &cluster.server.endpoint(), "ben");
    let text = std::fs::read_to_string(&wrong).expect("the configuration");
    std::fs::write(&wrong, text.replace("ben-password", "guessed")).expect("written");
    let refused = Command::new(env!("CARGO_BIN_EXE_greenroom"))
        .arg("--config")
        .arg(&wrong)
        .args(["hold", "web", "qa", "--clear"])
        .env("XDG_STATE_HOME", cluster.room.path())
        .output()
        .expect("it runs");
    assert!(!refused.status.success(), "{}", said(&refused));
}

#[tokio::test]
async fn an_approval_counts_only_for_the_etcd_user_who_wrote_it() {
    let cluster = Cluster::start().await;
    let id = ReleaseId(ulid::Ulid::generate());
    let head = crate::support::peer_approvals::head(&roles::target("qa"), id);
    let key = format!("/greenroom/v1/targets/web/qa/releases/{id}");
    cluster.put("ben", &key, &head);
    let needs = ["--set", "environments.qa.rules.approvals=1"];
    let approve = ["approve", "web", "qa", "--note", "go", "--yes"];
    let as_dora = [
        "--set",
        "operator.from=system",
        "--set",
        "operator.name=dora",
    ];

    let refused = cluster.greenroom("cleo", &[&needs[..], &as_dora, &approve].concat());
    let words = said(&refused);
    assert!(!refused.status.success(), "{words}");
    assert!(
        words.contains("logs in to etcd as cleo, but the operator name is dora"),
        "{words}"
    );
    // A driver's user cannot write there, under any name.
    let refused = cluster.greenroom("ben", &[&needs[..], &approve].concat());
    assert!(!refused.status.success(), "{}", said(&refused));
    assert!(
        said(&refused).contains("permission denied"),
        "{}",
        said(&refused)
    );

    let given = cluster.greenroom("cleo", &[&needs[..], &approve].concat());
    assert!(given.status.success(), "{}", said(&given));
    assert!(
        said(&given).contains("approved by cleo@"),
        "{}",
        said(&given)
    );
    let status = cluster.greenroom("wall", &[&needs[..], &["status", "web", "qa"]].concat());
    assert!(said(&status).contains("has 1: cleo@"), "{}", said(&status));
}
