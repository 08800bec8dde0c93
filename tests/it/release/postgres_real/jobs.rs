//! Workers that take their jobs from a real PostgreSQL. A release of them loses no job and does none twice: a worker that
//! is stopped finishes its job first.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use greenroom::history::{Outcome, Step};
use greenroom::inventory::{Edges, Role};
use greenroom::release::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

use super::super::fixture::{Fixture, FixtureOptions, version};
use super::application::Session;
use super::database::{DATABASE, Database, ROLE};
use crate::support::eventually;
use crate::support::versions::Versions;

const RELEASES: usize = 6;
const MEMBERS: usize = 3;
/// How long a job takes. A worker that is killed in this time loses the job.
const JOB: Duration = Duration::from_millis(20);
/// How many jobs are added at once, and how often.
const JOBS_ADDED: usize = 10;
const ADD_INTERVAL: Duration = Duration::from_millis(100);
/// The environment variable that makes this program a worker.
const VARIABLE: &str = "GREENROOM_TEST_WORKER";
const TEST: &str = "no_job_is_lost_while_workers_are_released";

/// Does one job after another until it is told to stop. It does not stop in the middle of a job.
async fn work() {
    let mut terminate = signal(SignalKind::terminate()).expect("a signal");
    let version = std::env::var("SAMPLE_VERSION").expect("a variable");
    let mut session = Session::open();
    let take = format!(
        "WITH taken AS (UPDATE jobs SET taken_by = '{version}' WHERE id = \
         (SELECT id FROM jobs WHERE taken_by IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) \
         RETURNING id) SELECT coalesce(max(id), 0) FROM taken"
    );
    while terminate.recv().now_or_never().is_none() {
        let job = session.row(&take).await.expect("the database answers");
        sleep(JOB).await;
        if job != "0" {
            let done = format!("UPDATE jobs SET done = done + 1 WHERE id = {job} RETURNING id");
            session.row(&done).await.expect("the database answers");
        }
    }
}

/// The configuration of the fixture, with this program as a worker instead of the sample.
fn configured(text: &str, name: &str, versions: &Versions, database: &Database) -> String {
    let (environments, _) = text.split_once("[services.").expect("a service");
    let own = std::env::current_exe().expect("this program");
    let test = format!(
        "{}::{TEST}",
        module_path!().split_once("::").expect("a module").1
    );
    let mount = |source: &Path, target: &str| {
        format!(
            "{{ source = \"{}\", target = \"{target}\" }}",
            source.display()
        )
    };
    format!(
        r#"{environments}[services.{name}]
kind = "worker"
image = "{image}"
restart = "no"
command = ["/worker", "--exact", "{test}", "--nocapture"]
mounts = [{program}, {sockets}]
healthcheck = {{ command = ["psql", "-c", "SELECT 1"], interval = "200ms", retries = 1 }}
environment = {{ {VARIABLE} = "yes", PGHOST = "/run/postgresql", PGUSER = "{ROLE}", PGDATABASE = "{DATABASE}" }}

[[services.{name}.checks]]
name = "no address"
command = ["/bin/sh", "-c", "test -z \"$GREENROOM_ADDRESS$GREENROOM_URL\" && test -n \"$GREENROOM_SLOT\""]

[services.{name}.environments.production]
members = {MEMBERS}
"#,
        image = versions.image(),
        program = mount(&own, "/worker"),
        sockets = mount(database.directory(), "/run/postgresql"),
    )
}

/// Adds jobs until it is dropped.
async fn add_jobs(database: Arc<Database>) {
    let add = format!("INSERT INTO jobs (done) SELECT 0 FROM generate_series(1, {JOBS_ADDED})");
    let mut ticks = interval(ADD_INTERVAL);
    loop {
        ticks.tick().await;
        let (database, add) = (Arc::clone(&database), add.clone());
        let added = tokio::task::spawn_blocking(move || database.query(&add));
        added.await.expect("added");
    }
}

/// Releases one more version, and backs it out after it has become live.
async fn back_out_in_the_watch(fixture: &mut Fixture, versions: &Versions) {
    let (short, long) = ("watch = \"1s\"", "watch = \"1m\"");
    fixture.rebuild(|text| text.replace(short, long)).await;
    let taken_back = versions.another("none").await;
    let running = fixture.begin(version(&taken_back)).await;
    running.until_running(Step::Watch).await;
    assert_eq!(fixture.snapshot().await.edges, Edges::none());
    let by = fixture.app.engine.operator().clone();
    let reason = "the operator changed their mind".to_owned();
    let back_out = running.handle.command(Command::BackOut { by, reason });
    back_out.await.expect("driven");
    let finished = running.finish().await;
    assert!(finished.is_backed_out(), "{finished:?}");
    fixture.rebuild(|text| text.replace(long, short)).await;
}

/// A version whose healthcheck fails does not become live.
async fn fail_the_healthcheck(fixture: &mut Fixture, versions: &Versions) {
    let (good, bad) = ("SELECT 1", "SELECT nonsense");
    fixture.rebuild(|text| text.replace(good, bad)).await;
    let unhealthy = versions.another("none").await;
    let finished = fixture.begin(version(&unhealthy)).await.finish().await;
    assert!(finished.is_backed_out(), "{finished:?}");
    let why = format!("{finished:?}");
    assert!(
        why.contains("start failed") && why.contains("HEALTHCHECK says unhealthy"),
        "{why}"
    );
    fixture.rebuild(|text| text.replace(bad, good)).await;
}

async fn every_job_is_done_once(database: &Database) {
    eventually("all jobs are done", Duration::from_mins(1), || async {
        database.query("SELECT count(*) FROM jobs WHERE done = 0") == "0"
    })
    .await;
    let twice = "SELECT count(*) FROM jobs WHERE done <> 1";
    assert_eq!(database.query(twice), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_is_lost_while_workers_are_released() {
    if std::env::var_os(VARIABLE).is_some() {
        // This is a worker, in a container of the test.
        return work().await;
    }
    let database = Arc::new(Database::start().await);
    database.query(
        "CREATE TABLE jobs (id serial PRIMARY KEY, taken_by text, done int NOT NULL DEFAULT 0)",
    );
    let mut fixture = Fixture::new(FixtureOptions {
        standby: "200ms",
        ..FixtureOptions::default()
    })
    .await;
    let name = fixture.target.service.to_string();
    let versions = Versions::with_psql(&format!("of-{name}")).await;
    fixture
        .rebuild(|text| configured(text, &name, &versions, &database))
        .await;
    let mut fixture = fixture.with(&versions.another("none").await).await;

    let over = CancellationToken::new();
    let adding = add_jobs(Arc::clone(&database));
    let adding = tokio::spawn(over.clone().run_until_cancelled_owned(adding));
    let mut live = String::new();
    for _ in 0..RELEASES {
        live = versions.another("none").await;
        let finished = fixture.promote(&live).await;
        assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    }
    back_out_in_the_watch(&mut fixture, &versions).await;
    fail_the_healthcheck(&mut fixture, &versions).await;
    fixture.stands(&live, Role::Empty).await;

    over.cancel();
    adding.await.expect("it ends");
    every_job_is_done_once(&database).await;
    let busy = database.query("SELECT count(DISTINCT taken_by) FROM jobs");
    let jobs = database.query("SELECT count(*) FROM jobs");
    println!("{RELEASES} releases and a back-out, {jobs} jobs by {busy} versions");
    // Those of the unhealthy version may have taken jobs too.
    let busy: usize = busy.parse().expect("a number");
    assert!(busy >= RELEASES + 2, "{busy} versions");
}
