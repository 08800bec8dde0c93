//! The recipe of `greenroom help tasks` for a migration of the database, on a real PostgreSQL: expand before the start,
//! contract after the stop. Each version has a column of its own, so every release moves the data of the application
//! while it is used.

mod application;
mod database;
mod jobs;
mod schedulers;

use std::path::Path;
use std::time::{Duration, Instant};

use greenroom::history::{Outcome, Step};
use greenroom::inventory::Role;
use greenroom::release::Command;

use super::fixture::{Fixture, FixtureOptions, Running, version};
use super::{load, nothing_was_noticed};
use crate::support::versions::Versions;
use crate::support::{eventually, from_environment};
use database::{DATABASE, Database, ROLE};

const RELEASES: usize = 20;
/// Another release is backed out before these.
const FAILING_TASK_BEFORE: usize = 4;
const FAILING_CHECKS_BEFORE: usize = 8;
const BACKED_OUT_BEFORE: usize = 14;

/// The new version uses the column `NEW_NAME`, and the old one `OLD_NAME`. Until the contract, a trigger copies each
/// change from either column to the other.
const EXPAND: &str = "
BEGIN;
ALTER TABLE people ADD COLUMN IF NOT EXISTS NEW_NAME text;
CREATE OR REPLACE FUNCTION copy_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.NEW_NAME := coalesce(NEW.NEW_NAME, NEW.OLD_NAME);
    NEW.OLD_NAME := coalesce(NEW.OLD_NAME, NEW.NEW_NAME);
  ELSIF NEW.NEW_NAME IS DISTINCT FROM OLD.NEW_NAME THEN
    NEW.OLD_NAME := NEW.NEW_NAME;
  ELSE
    NEW.NEW_NAME := NEW.OLD_NAME;
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER copy_name BEFORE INSERT OR UPDATE ON people
  FOR EACH ROW EXECUTE FUNCTION copy_name();
COMMIT;
UPDATE people SET NEW_NAME = OLD_NAME WHERE NEW_NAME IS NULL;
";

/// Every change by the new version is in the column of the old one as well.
const UNDO: &str = "
BEGIN;
DROP TRIGGER IF EXISTS copy_name ON people;
ALTER TABLE people DROP COLUMN IF EXISTS NEW_NAME;
COMMIT;
";

const CONTRACT: &str = "
BEGIN;
DROP TRIGGER IF EXISTS copy_name ON people;
ALTER TABLE people DROP COLUMN IF EXISTS OLD_NAME;
COMMIT;
";

/// The column of a version: `name_7` for `1.7.0`.
fn column(version: &str) -> String {
    let minor = version.split('.').nth(1).expect("three numbers");
    format!("name_{minor}")
}

/// The application with its database.
struct World {
    fixture: Fixture,
    versions: Versions,
    live: String,
    /// The versions that were promoted, with the tasks that must have run.
    expected: Vec<String>,
    /// The last field, because the containers use it.
    database: Database,
}

impl World {
    /// The first version is live, and the next ones have tasks.
    async fn new() -> Self {
        let database = Database::start().await;
        let options = FixtureOptions {
            standby: "200ms",
            ..FixtureOptions::default()
        };
        let mut fixture = Fixture::new(options).await;
        let name = fixture.target.service.to_string();
        let versions = Versions::with_psql(&format!("of-{name}")).await;
        let live = versions.another("none").await;
        database.query(&format!(
            "CREATE TABLE people (id serial PRIMARY KEY, {0} text); \
             INSERT INTO people VALUES (0, '0'); \
             INSERT INTO people ({0}) SELECT 'first ' || n FROM generate_series(1, 1000) n; \
             CREATE TABLE task_runs (id serial, task text, version text, lock_timeout text)",
            column(&live)
        ));
        let migrations = fixture.place.path().join("migrations");
        std::fs::create_dir(&migrations).expect("a directory");
        fixture
            .rebuild(|text| configured(text, &migrations, &versions, &database))
            .await;
        let mut fixture = fixture.with(&live).await;
        let tasks = recipe().replace("services.web.", &format!("services.{name}."));
        fixture.rebuild(|text| format!("{text}{tasks}")).await;
        Self {
            fixture,
            versions,
            live,
            expected: Vec::new(),
            database,
        }
    }

    /// A new version, with its migrations. The tasks of the earlier ones have ended.
    async fn another(&self, fault: &str) -> String {
        let tag = self.versions.another(fault).await;
        let migrations = self.fixture.place.path().join("migrations");
        for (task, sql) in [("expand", EXPAND), ("undo", UNDO), ("contract", CONTRACT)] {
            let sql = sql
                .replace("NEW_NAME", &column(&tag))
                .replace("OLD_NAME", &column(&self.live));
            // Counted first and in a transaction of its own, so that a run that fails is counted too.
            let counted = format!(
                "INSERT INTO task_runs (task, version, lock_timeout) \
                 VALUES ('{task}', '{tag}', current_setting('lock_timeout'));"
            );
            let file = migrations.join(format!("{task}.sql"));
            std::fs::write(file, format!("{counted}{sql}")).expect("written");
        }
        tag
    }

    async fn released(&mut self) {
        let tag = self.another("none").await;
        let finished = self.fixture.promote(&tag).await;
        assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
        self.expected.push(format!("{tag} expand contract"));
        self.live = tag;
        self.assert_migrated();
    }

    /// The new version fails its checks, before it has the traffic.
    async fn failed_its_checks(&mut self) {
        let tag = self.another("failing-checks").await;
        let running = self.fixture.begin(version(&tag)).await;
        self.is_backed_out(&tag, running, Some(Step::Verify)).await;
    }

    /// Expand fails in the middle.
    async fn failed_to_expand(&mut self) {
        let tag = self.another("none").await;
        let file = self.fixture.place.path().join("migrations/expand.sql");
        let sql = std::fs::read_to_string(&file).expect("a migration");
        let (half, _) = sql.split_once("\nUPDATE").expect("it fills the column");
        std::fs::write(&file, format!("{half}\nSELECT 1 / 0;")).expect("written");
        let running = self.fixture.begin(version(&tag)).await;
        self.is_backed_out(&tag, running, Some(Step::BeforeStart))
            .await;
    }

    /// The operator backs out when the new version has written to the database.
    async fn backed_out_after_the_switch(&mut self) {
        let (short, long) = ("watch = \"200ms\"", "watch = \"1m\"");
        self.fixture.rebuild(|text| text.replace(short, long)).await;
        let tag = self.another("none").await;
        let running = self.fixture.begin(version(&tag)).await;
        running.until_running(Step::Watch).await;
        let (live, wrote) = (column(&self.live), Duration::from_secs(20));
        eventually("the new version writes", wrote, || async {
            let newest = format!("SELECT count(*) FROM people WHERE {live} LIKE '{tag} %'");
            self.database.query(&newest) != "0"
        })
        .await;
        let by = self.fixture.app.engine.operator().clone();
        let reason = "the operator changed their mind".to_owned();
        let back_out = running.handle.command(Command::BackOut { by, reason });
        back_out.await.expect("driven");
        self.is_backed_out(&tag, running, None).await;
        let kept = format!("SELECT count(*) > 0 FROM people WHERE {live} LIKE '{tag} %'");
        assert_eq!(self.database.query(&kept), "t", "what {tag} wrote");
        self.fixture.rebuild(|text| text.replace(long, short)).await;
    }

    async fn is_backed_out(&mut self, tag: &str, running: Running, failed: Option<Step>) {
        let finished = running.finish().await;
        assert!(finished.is_backed_out(), "{finished:?}");
        assert_eq!(finished.failed_step(), failed, "{finished:?}");
        self.expected.push(format!("{tag} expand undo"));
        self.assert_migrated();
    }

    /// Each task has run once, and the table has the shape of the live version.
    fn assert_migrated(&self) {
        let ran = "SELECT version || ' ' || string_agg(task, ' ' ORDER BY id) FROM task_runs \
                   GROUP BY version ORDER BY min(id)";
        let ran = self.database.query(ran);
        assert_eq!(ran.lines().collect::<Vec<_>>(), self.expected);
        let limits = "SELECT DISTINCT lock_timeout FROM task_runs";
        assert_eq!(self.database.query(limits), "2s", "also of each undo");
        let columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'people' \
                       ORDER BY ordinal_position";
        let expected = format!("id\n{}", column(&self.live));
        assert_eq!(self.database.query(columns), expected);
    }

    /// No version has lost what another one has written: each request has counted and added a person.
    fn assert_nothing_lost(&self, requests: u64) {
        let name = column(&self.live);
        let counted = self
            .database
            .query(&format!("SELECT {name} FROM people WHERE id = 0"));
        let added = format!(
            "SELECT count(DISTINCT split_part({name}, ' ', 2)) FROM people WHERE {name} LIKE '1.%'"
        );
        assert_eq!(self.database.query(&added), counted);
        let counted: u64 = counted.parse().expect("a number");
        assert!(counted >= requests, "{counted} of {requests} requests");
    }
}

/// The tasks of the recipe, as an operator copies them.
fn recipe() -> &'static str {
    let topic = include_str!("../../../../src/cli/help/topics/tasks.md");
    let (_, section) = topic
        .split_once("## A migration of the database")
        .expect("the section");
    let (_, rest) = section.split_once("```toml").expect("an example");
    rest.split_once("```").expect("its end").0
}

/// The configuration of the fixture, with the application instead of the sample and with shorter times.
fn configured(text: &str, migrations: &Path, versions: &Versions, database: &Database) -> String {
    let image = |name: &str| format!("image = \"{name}\"");
    let sample = from_environment("GREENROOM_TEST_IMAGE");
    let own = std::env::current_exe().expect("this program");
    let mounts = format!(
        "mounts = [{{ source = \"{}\", target = \"/application\", read_only = true }}, \
         {{ source = \"{}\", target = \"/migrate\", read_only = true }}, \
         {{ source = \"{}\", target = \"/run/postgresql\" }}, ",
        own.display(),
        migrations.display(),
        database.directory().display()
    );
    let test = format!(
        "{}::{TEST}",
        module_path!().split_once("::").expect("a module").1
    );
    let command = format!(
        "command = [\"/application\", \"--exact\", \"{test}\", \"--nocapture\"]\nrestart = \"no\""
    );
    let environment = format!(
        "environment = {{ {} = \"yes\", PGHOST = \"/run/postgresql\", PGUSER = \"{ROLE}\", \
         PGDATABASE = \"{DATABASE}\", ",
        application::VARIABLE
    );
    text.replace(&image(&sample), &image(&versions.image()))
        .replace("mounts = [", &mounts)
        .replace("restart = \"no\"", &command)
        .replace("environment = { ", &environment)
        .replace("minimum_healthy = \"500ms\"", "minimum_healthy = \"200ms\"")
        .replace("watch = \"1s\"", "watch = \"200ms\"")
}

const TEST: &str = "no_client_notices_20_migrations_of_the_database";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_notices_20_migrations_of_the_database() {
    if std::env::var_os(application::VARIABLE).is_some() {
        // This is the application, in a container of the test.
        return application::serve().await;
    }
    let mut world = World::new().await;
    let load = load(&world.fixture).await;
    let started = Instant::now();
    for number in 0..RELEASES {
        match number {
            FAILING_TASK_BEFORE => world.failed_to_expand().await,
            FAILING_CHECKS_BEFORE => world.failed_its_checks().await,
            BACKED_OUT_BEFORE => world.backed_out_after_the_switch().await,
            _ => {}
        }
        world.released().await;
    }
    let took = started.elapsed();
    let report = load.stop().await;
    println!("{RELEASES} migrations in {took:.0?}: {report}");
    nothing_was_noticed(&report);
    world.assert_nothing_lost(report.requests);
    world.fixture.stands(&world.live, Role::Stopped).await;
}
