//! The fixture for killed releases: its program reaches etcd and the Docker engine through lines
//! that can be stopped at an act, under a permanent load.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use etcd_client::Client;
use greenroom::history::{Recorded, ReleaseRecord};
use greenroom::inventory::{Role, Snapshot, instance_name};

use super::super::command_line::greenroom;
use super::super::fixture::{Fixture, FixtureOptions, is_heard, remove_container};
use crate::support::load::{Load, LoadReport};
use crate::support::middleman::{Ledger, Middleman, Passed};
use crate::support::versions::Versions;
use crate::support::{docker, etcd, eventually};

use super::trial::Course;

/// How long a command may take, on a busy machine.
pub(super) const SOON: Duration = Duration::from_mins(1);

pub(super) struct Stage {
    pub(super) fixture: Fixture,
    pub(super) ledger: Arc<Ledger>,
    pub(super) versions: Versions,
    /// Number of commands with an output file.
    said: AtomicU32,
    /// Whether the killed program was an older version.
    pub(super) is_older: bool,
    /// None for a background service.
    load: Option<Load>,
    etcd: Middleman,
    engine: Middleman,
    shapes: u32,
    /// Whether the next lease of a killed program expires by itself here.
    pub(super) waits_for_expiry: bool,
}

/// How the lock of a killed program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LockEnd {
    /// By the lease's own time, or there was none.
    Expired,
    /// The test revoked the lease.
    Revoked,
    /// Another operator took it over.
    Forced,
}

/// A running command; its output goes to a file.
pub(super) struct Driving {
    pub(super) child: Child,
    said: std::path::PathBuf,
}

impl Driving {
    pub(super) fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap_or_default()
    }

    /// Kills it, as the system does when it is out of memory.
    pub(super) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("its end");
    }

    /// Waits for its end and returns its exit code.
    pub(super) async fn ended(&mut self) -> Option<i32> {
        let until = Instant::now() + SOON;
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                return status.code();
            }
            assert!(Instant::now() < until, "it does not end: {}", self.said());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Stage {
    pub(super) async fn new() -> Self {
        let mut stage = Self::of(|text, _| text.to_owned()).await;
        let mut plan = stage.fixture.load();
        (plan.kept, plan.fresh, plan.every) = (2, 2, Duration::from_millis(100));
        let load = Load::start(&plan);
        eventually("the load is answered", SOON, || async { load.good() > 20 }).await;
        stage.load = Some(load);
        stage
    }

    /// A stage without load. `change` changes the configuration of the service with this name.
    pub(super) async fn of(change: impl Fn(&str, &str) -> String) -> Self {
        let ledger = Arc::new(Ledger::default());
        let etcd = Middleman::to_etcd(&etcd(), &ledger).await;
        let engine = Middleman::to_engine(&docker(), &ledger);
        let options = FixtureOptions {
            docker: engine.address(),
            etcd: etcd.address(),
            standby: "200ms",
            // With four fixtures under load on two cores, an answer may take a second or two. No
            // driver that is alive may lose its lock because of that.
            lease: ("6s", "1s"),
            ..FixtureOptions::default()
        };
        let mut fixture = Fixture::new(options).await;
        let versions = Versions::in_repository(&format!("of-{}", fixture.target.service)).await;
        let image = crate::support::from_environment("GREENROOM_TEST_IMAGE");
        let name = fixture.target.service.to_string();
        fixture
            .rebuild(|text| {
                let text = text
                    .replace(
                        &format!("image = \"{image}\""),
                        &format!("image = \"{}\"", versions.image()),
                    )
                    .replace("minimum_healthy = \"500ms\"", "minimum_healthy = \"200ms\"")
                    .replace("watch = \"1s\"", "watch = \"200ms\"");
                change(&text, &name)
            })
            .await;
        let first = versions.another("none").await;
        let fixture = fixture.with(&first).await;
        let mut stage = Self {
            fixture,
            ledger,
            versions,
            load: None,
            etcd,
            engine,
            shapes: 0,
            said: AtomicU32::new(0),
            is_older: false,
            waits_for_expiry: false,
        };
        stage.with_leftover().await;
        stage
    }

    pub(super) fn is_background(&self) -> bool {
        self.load.is_none()
    }

    /// Makes a version live while the previous one is still in the other slot, stopped.
    pub(super) async fn with_leftover(&mut self) {
        let snapshot = self.snapshot().await;
        let live = snapshot.live().expect("something is live");
        if snapshot.role(live.other()) == Role::Stopped {
            return;
        }
        let tag = self.versions.another("none").await;
        let finished = Box::pin(self.fixture.promote(&tag)).await;
        assert_eq!(
            finished.outcome(),
            Some(greenroom::history::Outcome::Done),
            "{finished:?}"
        );
    }

    /// Removes the stopped version from the other slot.
    pub(super) async fn without_leftover(&self) {
        let snapshot = self.snapshot().await;
        let other = snapshot.live().expect("something is live").other();
        match snapshot.role(other) {
            Role::Empty => {}
            Role::Stopped => remove_container(&instance_name(&self.fixture.target, other, 1)),
            role => panic!("the other slot is {role}"),
        }
    }

    /// The state as every console shows it. Repeats the observation while a server is too slow to answer.
    pub(super) async fn snapshot(&self) -> Snapshot {
        let until = Instant::now() + SOON;
        loop {
            let snapshot = Box::pin(self.fixture.snapshot()).await;
            if is_heard(&snapshot) {
                return snapshot;
            }
            let (answers, public) = (&snapshot.sources, &snapshot.edges);
            assert!(Instant::now() < until, "no answer: {answers:?} {public:?}");
        }
    }

    /// Changes the configuration so that nginx needs a new installation.
    pub(super) async fn reshape(&mut self) {
        let old = format!("preview{}.web.example", shown(self.shapes));
        self.shapes += 1;
        let new = format!("preview{}.web.example", shown(self.shapes));
        self.fixture.rebuild(|text| text.replace(&old, &new)).await;
    }

    /// The acts of an undisturbed release.
    pub(super) async fn undisturbed(&mut self, course: Course) -> Vec<Passed> {
        let (mut first, _) = Box::pin(self.begin(course, None)).await;
        let code = first.ended().await;
        assert_eq!(code, Some(course.exit()), "{}", first.said());
        self.ledger.passed()
    }

    /// Starts the program, and does not wait for it.
    pub(super) fn start(&self, arguments: &[&str]) -> Driving {
        let number = self.said.fetch_add(1, Ordering::SeqCst);
        let said = self.fixture.place.path().join(format!("said-{number}.log"));
        let file = File::create(&said).expect("a file");
        let child = self
            .command(arguments)
            .stderr(file.try_clone().expect("the same file"))
            .stdout(file)
            .spawn()
            .expect("it runs");
        Driving { child, said }
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = greenroom(&self.fixture, arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program; returns its exit code and all output.
    pub(super) async fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut driving = self.start(arguments);
        let code = driving.ended().await;
        (code, driving.said())
    }

    /// The newest release according to the journal.
    pub(super) async fn newest(&self) -> ReleaseRecord {
        let site = self.fixture.app.engine.site(&self.fixture.target);
        let journal = &site.expect("the target").read.journal;
        let newest = journal.releases(&self.fixture.target, 1).await;
        newest
            .expect("the journal")
            .into_iter()
            .next()
            .expect("a release")
    }

    /// All of the newest release.
    pub(super) async fn recorded(&self) -> Recorded {
        let id = self.newest().await.id;
        let site = self.fixture.app.engine.site(&self.fixture.target);
        let journal = &site.expect("the target").read.journal;
        let recorded = journal.release(&self.fixture.target, id).await;
        recorded.expect("the journal").expect("the release")
    }

    /// Waits until the lock is free. A killed program's lease takes seconds to expire. The test waits for
    /// one of them and revokes the others, as etcd itself does when a lease expires.
    pub(super) async fn until_free(&mut self) -> LockEnd {
        let mut client = Client::connect([etcd()], None).await.expect("connected");
        let service = &self.fixture.target.service;
        let key = format!("/greenroom-test/{service}/targets/{service}/production/lock");
        let found = client.get(key.as_str(), None).await.expect("read");
        let Some(lock) = found.kvs().first() else {
            return LockEnd::Expired;
        };
        if !self.waits_for_expiry {
            client.lease_revoke(lock.lease()).await.expect("revoked");
            return LockEnd::Revoked;
        }
        eventually("the lease expires", Duration::from_secs(20), || async {
            let found = client.kv_client().get(key.as_str(), None).await;
            found.is_ok_and(|found| found.kvs().is_empty())
        })
        .await;
        self.waits_for_expiry = false;
        LockEnd::Expired
    }

    /// The report of the load.
    pub(super) async fn close(self) -> LoadReport {
        // The lines first: tearing down a fixture must not count as a kill.
        let Self {
            load, etcd, engine, ..
        } = self;
        let report = load.expect("a load").stop().await;
        drop((etcd, engine));
        report
    }
}

fn shown(shape: u32) -> String {
    if shape == 0 {
        String::new()
    } else {
        format!("-{shape}")
    }
}
