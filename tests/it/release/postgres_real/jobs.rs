//! Workers that take their jobs from a real PostgreSQL. A release of them loses no job and does none twice: a worker that
//! is stopped finishes its job first, or is quieted before.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use greenroom::history::{Outcome, Step};
use greenroom::inventory::{Edges, Role};
use greenroom::release::Command;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

use super::super::fixture::{Fixture, FixtureOptions, version};
use super::application::Session;
use super::database::{DATABASE, Database, ROLE};
use crate::support::eventually;
use crate::support::versions::Versions;

const RELEASES: usize = 4;
const QUIET_RELEASES: usize = 2;
const MEMBERS: usize = 3;
/// How long a job takes. A worker that is killed in this time loses the job.
const JOB: Duration = Duration::from_millis(20);
/// The same for a worker that is quieted.
const LONG_JOB: Duration = Duration::from_millis(400);
/// How many jobs are added in a second.
const JOBS_PER_SECOND: u32 = 100;
const LONG_JOBS_PER_SECOND: u32 = 5;
/// How often jobs are added, at most.
const ADDITIONS_PER_SECOND: u32 = 10;
/// The environment variable that makes this program a worker, and says which.
const VARIABLE: &str = "GREENROOM_TEST_WORKER";
const TEST: &str = "no_job_is_lost_while_workers_are_released";
/// It finishes its job when it is told to stop.
const FINISHES: &str = "finishes";
/// It aborts its job when it is told to stop, unless it was quieted before.
const ABORTS: &str = "aborts";

/// Does one job after another until it is told to stop or to take no more jobs.
async fn work(kind: &str) {
    let mut terminate = signal(SignalKind::terminate()).expect("a signal");
    if kind == FINISHES {
        return do_jobs(JOB, &mut terminate).await;
    }
    let mut quiet = signal(SignalKind::user_defined1()).expect("a signal");
    tokio::select! {
        () = do_jobs(LONG_JOB, &mut quiet) => {}
        _ = terminate.recv() => return,
    }
    // A worker that is quiet has no job left, and waits for its stop.
    terminate.recv().await;
}

/// Does one job after another until the signal. It finishes the job that it has.
async fn do_jobs(time: Duration, end: &mut Signal) {
    let version = std::env::var("SAMPLE_VERSION").expect("a variable");
    let mut session = Session::open();
    let take = format!(
        "WITH taken AS (UPDATE jobs SET taken_by = '{version}' WHERE id = \
         (SELECT id FROM jobs WHERE taken_by IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) \
         RETURNING id) SELECT coalesce(max(id), 0) FROM taken"
    );
    while end.recv().now_or_never().is_none() {
        let job = session.row(&take).await.expect("the database answers");
        sleep(time).await;
        if job != "0" {
            let done = format!("UPDATE jobs SET done = done + 1 WHERE id = {job} RETURNING id");
            session.row(&done).await.expect("the database answers");
        }
    }
}

/// How this program runs in the containers of a service.
pub(super) struct Program {
    /// `worker` or `scheduler`.
    pub(super) service_kind: &'static str,
    /// The environment variable that makes this program such a service, and its value.
    pub(super) variable: (&'static str, &'static str),
    /// The name of the test that reads the variable.
    pub(super) test: String,
    /// The line with the number of members.
    pub(super) members: String,
}

/// The name of a test of this program.
pub(super) fn test_name(module: &str, test: &str) -> String {
    let (_, module) = module.split_once("::").expect("a module");
    format!("{module}::{test}")
}

/// The configuration of the fixture, with this program as a background service instead of the sample.
pub(super) fn configured(
    text: &str,
    program: &Program,
    (name, versions): (&str, &Versions),
    database: &Database,
) -> String {
    let (environments, _) = text.split_once("[services.").expect("a service");
    let own = std::env::current_exe().expect("this program");
    let mount = |source: &Path, target: &str| {
        format!(
            "{{ source = \"{}\", target = \"{target}\" }}",
            source.display()
        )
    };
    let Program {
        service_kind,
        variable: (variable, value),
        test,
        members,
    } = program;
    format!(
        r#"{environments}[services.{name}]
kind = "{service_kind}"
image = "{image}"
restart = "no"
command = ["/worker", "--exact", "{test}", "--nocapture"]
mounts = [{program}, {sockets}]
healthcheck = {{ command = ["psql", "-c", "SELECT 1"], interval = "200ms", retries = 1 }}
environment = {{ {variable} = "{value}", PGHOST = "/run/postgresql", PGUSER = "{ROLE}", PGDATABASE = "{DATABASE}" }}

[[services.{name}.checks]]
name = "no address"
command = ["/bin/sh", "-c", "test -z \"$GREENROOM_ADDRESS$GREENROOM_URL\" && test -n \"$GREENROOM_SLOT\""]

[services.{name}.environments.production]
{members}
"#,
        image = versions.image(),
        program = mount(&own, "/worker"),
        sockets = mount(database.directory(), "/run/postgresql"),
    )
}

/// Adds jobs until it is dropped.
async fn add_jobs(database: Arc<Database>, per_second: u32) {
    let at_once = per_second.div_ceil(ADDITIONS_PER_SECOND);
    let add = format!("INSERT INTO jobs (done) SELECT 0 FROM generate_series(1, {at_once})");
    let mut ticks = interval(Duration::from_secs(1) * at_once / per_second);
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

/// A database with an empty queue, and workers of this kind that are released from it.
async fn started(
    kind: &'static str,
    change: fn(&str) -> String,
) -> (Fixture, Versions, Arc<Database>) {
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
    let program = Program {
        service_kind: "worker",
        variable: (VARIABLE, kind),
        test: test_name(module_path!(), TEST),
        members: format!("members = {MEMBERS}"),
    };
    fixture
        .rebuild(|text| change(&configured(text, &program, (&name, &versions), &database)))
        .await;
    let fixture = fixture.with(&versions.another("none").await).await;
    (fixture, versions, database)
}

/// Jobs are added until it is stopped.
struct Adding {
    over: CancellationToken,
    task: JoinHandle<Option<()>>,
}

impl Adding {
    fn start(database: &Arc<Database>, per_second: u32) -> Self {
        let over = CancellationToken::new();
        let adding = add_jobs(Arc::clone(database), per_second);
        let task = tokio::spawn(over.clone().run_until_cancelled_owned(adding));
        Self { over, task }
    }

    async fn stop(self) {
        self.over.cancel();
        self.task.await.expect("it ends");
    }
}

async fn promoted(fixture: &Fixture, versions: &Versions) -> String {
    let version = versions.another("none").await;
    let finished = fixture.promote(&version).await;
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    version
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_is_lost_while_workers_are_released() {
    if let Ok(kind) = std::env::var(VARIABLE) {
        // This is a worker, in a container of the test.
        return work(&kind).await;
    }
    let (mut fixture, versions, database) = started(FINISHES, str::to_owned).await;
    let adding = Adding::start(&database, JOBS_PER_SECOND);
    let mut live = String::new();
    for _ in 0..RELEASES {
        live = promoted(&fixture, &versions).await;
    }
    back_out_in_the_watch(&mut fixture, &versions).await;
    fail_the_healthcheck(&mut fixture, &versions).await;
    fixture.stands(&live, Role::Empty).await;

    adding.stop().await;
    every_job_is_done_once(&database).await;
    let busy = database.query("SELECT count(DISTINCT taken_by) FROM jobs");
    let jobs = database.query("SELECT count(*) FROM jobs");
    println!("{RELEASES} releases and a back-out, {jobs} jobs by {busy} versions");
    // Those of the unhealthy version may have taken jobs too.
    let busy: usize = busy.parse().expect("a number");
    assert!(busy >= RELEASES + 2, "{busy} versions");
}

/// How the workers are quieted. Their containers count the jobs of their version.
fn quieted(text: &str) -> String {
    let count = "SELECT count(*) FROM jobs WHERE taken_by = '$SAMPLE_VERSION' AND done = 0";
    let jobs = format!("exec psql -XqAtc \\\"{count}\\\"");
    text.replace(
        "restart = \"no\"",
        &format!(
            "restart = \"no\"\nquiet = {{ signal = \"SIGUSR1\", timeout = \"1m\", \
             jobs = [\"/bin/busybox\", \"sh\", \"-c\", \"{jobs}\"] }}"
        ),
    )
}

/// Backs a release out while the old version is quiet: it is started again, and takes jobs.
async fn back_out_while_quiet(fixture: &mut Fixture, versions: &Versions, database: &Database) {
    let (counts, has_one) = ("exec psql", "echo 1; exec true");
    fixture.rebuild(|text| text.replace(counts, has_one)).await;
    let taken_back = versions.another("none").await;
    let running = fixture.begin(version(&taken_back)).await;
    running.until_running(Step::Quiet).await;
    let by = fixture.app.engine.operator().clone();
    let reason = "the operator changed their mind".to_owned();
    let back_out = running.handle.command(Command::BackOut { by, reason });
    back_out.await.expect("driven");
    let finished = running.finish().await;
    assert!(finished.is_backed_out(), "{finished:?}");
    fixture.rebuild(|text| text.replace(has_one, counts)).await;
    let newest = database.query("SELECT max(id) FROM jobs");
    let taken = format!("SELECT count(*) FROM jobs WHERE id > {newest} AND done = 1");
    eventually(
        "the old version takes jobs",
        Duration::from_mins(1),
        || async { database.query(&taken) != "0" },
    )
    .await;
}

/// These workers abort their job when they are stopped, so only quiet keeps their jobs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_quieted_finishes_its_job_before_it_is_stopped() {
    let (mut fixture, versions, database) = started(ABORTS, quieted).await;
    let adding = Adding::start(&database, LONG_JOBS_PER_SECOND);
    for _ in 0..QUIET_RELEASES {
        promoted(&fixture, &versions).await;
    }
    adding.stop().await;
    every_job_is_done_once(&database).await;
    let adding = Adding::start(&database, LONG_JOBS_PER_SECOND);
    back_out_while_quiet(&mut fixture, &versions, &database).await;
    adding.stop().await;
}
