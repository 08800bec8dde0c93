//! A scheduler that writes each of its beats to a real PostgreSQL. Its own records show that two never ran at once.

use std::sync::Arc;
use std::time::Duration;

use greenroom::history::{Outcome, Step};
use greenroom::inventory::Role;
use greenroom::release::Command;
use tokio::time::sleep;

use super::super::fixture::{Fixture, FixtureOptions, Running, version};
use super::application::Session;
use super::database::Database;
use super::jobs::{Program, configured, test_name};
use crate::support::eventually;
use crate::support::versions::Versions;

const RELEASES: usize = 4;
/// How long a beat takes.
const BEAT: Duration = Duration::from_millis(20);
/// The environment variable that makes this program a scheduler.
const VARIABLE: &str = "GREENROOM_TEST_SCHEDULER";
const TEST: &str = "two_schedulers_never_run_at_once";

/// Writes a beat at a time, until it is killed. Each run has a number of its own.
async fn beat() {
    let mut session = Session::open();
    let run = session
        .row("SELECT nextval('runs')")
        .await
        .expect("a number");
    let version = std::env::var("SAMPLE_VERSION").expect("a variable");
    let beat = format!("INSERT INTO beats (run, version) VALUES ({run}, '{version}') RETURNING id");
    loop {
        session.row(&beat).await.expect("the database answers");
        sleep(BEAT).await;
    }
}

/// The beats of each run must be next to each other, in the order in which the database got them.
fn never_two_at_once(database: &Database) -> u32 {
    let overlaps = "WITH spans AS (SELECT run, min(id) AS first, max(id) AS last FROM beats GROUP BY run) \
         SELECT count(*) FROM spans a JOIN spans b ON a.run < b.run AND a.first < b.last AND b.first < a.last";
    assert_eq!(database.query(overlaps), "0", "two ran at once");
    let runs = database.query("SELECT count(DISTINCT run) FROM beats");
    runs.parse().expect("a number")
}

/// Waits until the live scheduler beats, and says which version that is.
async fn beating(database: &Database) -> String {
    let newest = database.query("SELECT coalesce(max(id), 0) FROM beats");
    let beats = format!("SELECT version FROM beats WHERE id > {newest} ORDER BY id DESC LIMIT 1");
    eventually("it beats", Duration::from_secs(20), || async {
        !database.query(&beats).is_empty()
    })
    .await;
    database.query(&beats)
}

async fn backed_out_at(step: Step, running: Running, fixture: &Fixture) {
    running.until_running(step).await;
    let by = fixture.app.engine.operator().clone();
    let reason = "the operator changed their mind".to_owned();
    let back_out = running.handle.command(Command::BackOut { by, reason });
    back_out.await.expect("driven");
    let finished = running.finish().await;
    assert!(finished.is_backed_out(), "{step}: {finished:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_schedulers_never_run_at_once() {
    if std::env::var_os(VARIABLE).is_some() {
        return beat().await;
    }
    let database = Arc::new(Database::start().await);
    database.query(
        "CREATE SEQUENCE runs; \
         CREATE TABLE beats (id serial PRIMARY KEY, run int NOT NULL, version text NOT NULL, \
          at timestamptz NOT NULL DEFAULT clock_timestamp())",
    );
    let mut fixture = Fixture::new(FixtureOptions::default()).await;
    let name = fixture.target.service.to_string();
    let versions = Versions::with_psql(&format!("of-{name}")).await;
    let program = Program {
        service_kind: "scheduler",
        variable: (VARIABLE, "yes"),
        test: test_name(module_path!(), TEST),
        members: String::new(),
    };
    fixture
        .rebuild(|text| configured(text, &program, (&name, &versions), &database))
        .await;
    let mut fixture = fixture.with(&versions.another("none").await).await;
    let mut live = String::new();
    for _ in 0..RELEASES {
        live = versions.another("none").await;
        let finished = fixture.promote(&live).await;
        assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
        assert_eq!(beating(&database).await, live);
    }

    let (short, long) = ("watch = \"1s\"", "watch = \"1m\"");
    fixture.rebuild(|text| text.replace(short, long)).await;
    for step in [Step::Start, Step::Watch] {
        let taken_back = versions.another("none").await;
        let running = fixture.begin(version(&taken_back)).await;
        backed_out_at(step, running, &fixture).await;
        assert_eq!(beating(&database).await, live, "{step}");
    }
    fixture.rebuild(|text| text.replace(long, short)).await;
    fixture.stands(&live, Role::Empty).await;

    let runs = never_two_at_once(&database);
    let gap = database.query(
        "SELECT round(1000 * max(extract(epoch FROM at - before)))::int FROM \
         (SELECT at, lag(at) OVER (ORDER BY id) AS before FROM beats) AS beats",
    );
    println!("{RELEASES} releases and 2 back-outs: {runs} runs, none ran for at most {gap} ms");
}
