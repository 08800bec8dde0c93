//! `greenroom history` and `greenroom show`: the real binary with a store in a real file.

use std::path::PathBuf;
use std::process::{Command, Output};

use greenroom::history::{Chain, Entry, Recorded, ReleaseRecord};
use greenroom::inventory::LockRecord;
use greenroom::ports::{Acquired, JournalWriter, Locks};
use rusqlite::Connection;
use tempfile::TempDir;

use super::samples::{backed_out, by, done, open};
use crate::store::world::World;
use crate::support::json_lines::{assert_fits, json_data, json_end, json_list};
use crate::support::pairs::Pairs;

const CONFIGURATION: &str = r#"
[history]
archive = "archive.db"
[environments.production]
tier = "development"
runtime = "process"
store = "sqlite"
proxy = "embedded"
process = { state = "processes", catalogue = "catalogue.json" }
sqlite = { path = "store.db" }
embedded = { answer = "127.0.0.1:8090", state = "proxy" }

[services.web]
image = "registry.example/team/web"
listen = { port = 8080 }
health = { path = "/health" }

[services.web.environments.production]
endpoints = { blue = "127.0.0.1:18081", green = "127.0.0.1:18082" }
[services.web.environments.production.proxy]
server_names = ["localhost"]
listen = "127.0.0.1:8080"
preview_listen = "127.0.0.1:8081"
"#;

/// A configuration file and the store that it names.
pub(super) struct Place {
    directory: TempDir,
}

impl Place {
    pub(super) async fn with(releases: &[Recorded]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let place = Self { directory };
        std::fs::write(place.path("greenroom.toml"), CONFIGURATION).expect("written");
        std::fs::write(place.path("catalogue.json"), "[]").expect("written");
        place.release(releases).await;
        place
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes releases as their driver would.
    pub(super) async fn release(&self, releases: &[Recorded]) {
        let World { writer, locks, .. } = World::in_file_at(&self.path("store.db"));
        for release in releases {
            let target = &release.head.target;
            let record = LockRecord {
                purpose: greenroom::inventory::LockPurpose::Release,
                operator: by("ana"),
                console: "one".into(),
                release: release.head.id,
                since: release.head.opened_at,
                message: "releasing".into(),
            };
            let Ok(Acquired::Held(lease)) = locks.acquire(target, &record).await else {
                panic!("the lock was not to be had");
            };
            let fence = &lease.fence;
            writer
                .head(&release.head.opening(), fence)
                .await
                .expect("opened");
            for entry in &release.entries {
                let id = release.head.id;
                writer
                    .append(target, id, entry, fence)
                    .await
                    .expect("written");
            }
            writer.head(&release.head, fence).await.expect("closed");
            locks.release(target, fence).await.expect("given back");
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_greenroom"))
            .arg("--config")
            .arg(self.path("greenroom.toml"))
            .args(arguments)
            .env("XDG_STATE_HOME", self.path("state"))
            .output()
            .expect("it runs")
    }

    fn sql(&self, file: &str, change: &str) {
        let sql = Connection::open(self.path(file)).expect("the database");
        let changed = sql.execute(change, []).expect("changed");
        assert!(changed > 0, "{change}");
    }
}

/// Writes a release with its chain, as the driver of this version does.
fn chained(release: Recorded) -> Recorded {
    let mut chain = Chain::of(&release.head);
    let entries: Vec<Entry> = release
        .entries
        .into_iter()
        .map(|one| chain.linked(one))
        .collect();
    let head: ReleaseRecord = chain.closed(release.head);
    Recorded { head, entries }
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn ids(output: &Output) -> Vec<String> {
    let items = json_list(output, "items").into_iter();
    let id = |head: serde_json::Value| head["id"].as_str().expect("an id").to_owned();
    items.map(id).collect()
}

fn id(release: &Recorded) -> String {
    release.head.id.to_string()
}

fn three() -> [Recorded; 3] {
    let mut failed = backed_out(1, "verify failed: checkout said 500");
    failed.head.operator = by("ben");
    [done(0), failed, done(2)].map(chained)
}

#[tokio::test]
async fn releases_are_listed_filtered_and_exported() {
    let all = three();
    let place = Place::with(&all).await;
    let [first, failed, last] = all.each_ref().map(id);
    for (arguments, wanted) in [
        (&["history"][..], vec![&last, &failed, &first]),
        (
            &["history", "web", "production"],
            vec![&last, &failed, &first],
        ),
        (&["history", "--limit", "1"], vec![&last]),
        (&["history", "--operator", "ben"], vec![&failed]),
        (
            &["history", "--outcome", "ok", "--version", "1.9.0"],
            vec![&last, &first],
        ),
        (&["history", "--search", "checkout 500"], vec![&failed]),
        (&["history", "--until", "2026-11-21T00:01"], vec![&first]),
        (&["history", "--outcome", "open"], vec![]),
    ] {
        let output = place.run(&[arguments, &["--json"]].concat());
        assert_eq!(
            output.status.code(),
            Some(0),
            "{arguments:?}: {}",
            err(&output)
        );
        let wanted: Vec<String> = wanted.into_iter().cloned().collect();
        assert_eq!(ids(&output), wanted, "{arguments:?}");
    }
    let people = out(&place.run(&["history"]));
    assert!(people.contains("1.8.2 -> 1.9.0  backed out"), "{people}");
    assert!(
        people.contains("fix basket rounding; verify failed: checkout said 500"),
        "{people}"
    );
    let csv = out(&place.run(&["history", "--csv", "--operator", "ben"]));
    let mut lines = csv.lines();
    assert!(
        lines
            .next()
            .is_some_and(|line| line.starts_with("id,service,environment")),
        "{csv}"
    );
    let row = lines.next().unwrap_or_default();
    assert!(
        row.starts_with(&format!("{failed},web,production,promote,1.8.2,")),
        "{csv}"
    );
    assert!(
        row.contains(",60,backed-out,verify failed: checkout said 500,0"),
        "{csv}"
    );
}

#[tokio::test]
async fn an_archived_release_is_listed_without_the_store() {
    let all = three();
    let place = Place::with(&all).await;
    assert!(place.run(&["history"]).status.success());
    let more = chained(done(9));
    place.release(std::slice::from_ref(&more)).await;
    assert_eq!(
        ids(&place.run(&["history", "--offline", "--json"])).len(),
        3
    );
    assert_eq!(ids(&place.run(&["history", "--json"])).len(), 4);
    // The store has lost them. They are still listed, but not as running.
    place.sql(
        "store.db",
        "DELETE FROM pairs WHERE key GLOB '*/releases/*'",
    );
    assert_eq!(ids(&place.run(&["history", "--json"])).len(), 4);
    let shown = place.run(&["show", &id(&more), "--offline"]);
    assert_eq!(shown.status.code(), Some(0), "{}", err(&shown));
}

#[tokio::test]
async fn a_release_is_shown_by_its_id_prefix_and_two_are_compared() {
    let all = three();
    let place = Place::with(&all).await;
    let beginning = &id(&all[1])[..10];
    let shown = out(&place.run(&["show", beginning]));
    for words in [
        "web/production  promote  1.8.2 to 1.9.0",
        "by       ben@ops-1",
        "backed out after 1m: verify failed: checkout said 500",
        "pull: done, after 4s",
        "the hash chain is intact",
    ] {
        assert!(shown.contains(words), "{words:?} is not in:\n{shown}");
    }
    let ending = &id(&all[1])[6..];
    assert_eq!(out(&place.run(&["show", ending])), shown);
    let json = json_data(&place.run(&["show", beginning, "--json"]));
    assert_eq!(json["entries"].as_array().map(Vec::len), Some(2));
    let ambiguous = place.run(&["show", &beginning[..5]]);
    assert_eq!(ambiguous.status.code(), Some(2));
    assert!(
        err(&ambiguous).contains(&id(&all[2])),
        "{}",
        err(&ambiguous)
    );
    let nothing = place.run(&["show", "ZZZ"]);
    assert_eq!(nothing.status.code(), Some(2));
    let compared = out(&place.run(&["history", "compare", &id(&all[0]), &id(&all[1])]));
    let (first, rest) = compared.split_once("\ndifferent\n").expect("three parts");
    let (different, same) = rest.split_once("\nthe same\n").expect("three parts");
    // The outcome and version of both come first, whether they differ or not.
    for words in ["backed out", "1.9.0", "registry.example/team/web"] {
        assert!(first.contains(words), "{words}: {compared}");
    }
    assert!(different.contains("ben@ops-1"), "{compared}");
    assert!(
        same.contains("promote") && !different.contains("promote"),
        "{compared}"
    );
}

#[tokio::test]
async fn verify_names_the_first_altered_record() {
    let all = three();
    let place = Place::with(&all).await;
    let whole = place.run(&["history", "verify"]);
    assert_eq!(whole.status.code(), Some(0), "{}", err(&whole));
    assert!(
        out(&whole).contains("3 releases, 0 holds and repairs: 3 intact, 0 without hashes"),
        "{}",
        out(&whole)
    );

    // Another program changes an entry in the store after the archive read it.
    place.sql(
        "store.db",
        "UPDATE pairs SET value = replace(value, '\"took\":{\"secs\":4', '\"took\":{\"secs\":1')
         WHERE key GLOB '*/steps/*/0002' AND key LIKE '%' ||
         (SELECT min(substr(key, -26)) FROM pairs WHERE key GLOB '*/releases/*') || '/%'",
    );
    let forged = place.run(&["history", "verify"]);
    assert_eq!(forged.status.code(), Some(3), "{}", err(&forged));
    let said = out(&forged);
    assert!(said.contains(&id(&all[0])), "{said}");
    assert!(
        said.contains("in the store, the hash chain is broken at entry 2"),
        "{said}"
    );
    assert!(
        said.contains("differs from the archived one, first at entry 2"),
        "{said}"
    );
    assert!(
        said.contains(": 3 intact") && said.contains("1 altered"),
        "{said}"
    );
    assert!(!said.contains(&id(&all[1])), "{said}");
    // The archive still has the original.
    let offline = place.run(&["history", "verify", "--offline"]);
    assert_eq!(offline.status.code(), Some(0), "{}", out(&offline));

    // Another program changes the archive.
    place.sql(
        "archive.db",
        "UPDATE heads SET head = replace(head, 'checkout', 'nothing')
         WHERE head LIKE '%checkout%'",
    );
    let changed = place.run(&["history", "verify", "--offline"]);
    assert_eq!(changed.status.code(), Some(3));
    let said = out(&changed);
    assert!(said.contains(&id(&all[1])), "{said}");
    assert!(
        said.contains("in the archive, the hash chain is broken at the end"),
        "{said}"
    );
}

#[tokio::test]
async fn a_head_changed_in_the_store_is_noted_and_the_kept_one_stays() {
    let all = three();
    let place = Place::with(&all).await;
    assert!(place.run(&["history"]).status.success());
    place.sql(
        "store.db",
        "UPDATE pairs SET value = replace(value, 'fix basket rounding', 'nothing at all')
         WHERE key = (SELECT max(key) FROM pairs WHERE key GLOB '*/releases/*')",
    );
    let listed = out(&place.run(&["history", "--limit", "1"]));
    assert!(
        listed.contains("the store now has a different record"),
        "{listed}"
    );
    assert!(listed.contains("fix basket rounding"), "{listed}");
    let verified = out(&place.run(&["history", "verify"]));
    assert!(
        verified.contains("head: the store had a different value"),
        "{verified}"
    );
}

#[tokio::test]
async fn verify_names_a_hold_that_was_changed_or_deleted() {
    let place = Place::with(&[]).await;
    let greenroom = |arguments: &[&str]| {
        let output = place.run(arguments);
        (output.status.code(), out(&output) + &err(&output))
    };
    for (reason, why) in [("payday", "paid out"), ("holidays", "all are back")] {
        let held = greenroom(&["hold", "web", "production", "--reason", reason]);
        assert_eq!(held.0, Some(0), "{held:?}");
        // The archive reads one hold before it ends, as an open console would.
        let (code, said) = greenroom(&["history", "verify"]);
        assert_eq!(code, Some(0), "{said}");
        let clear = ["hold", "web", "production", "--clear", "--reason", why];
        let cleared = greenroom(&clear);
        assert_eq!(cleared.0, Some(0), "{cleared:?}");
    }
    let (code, said) = greenroom(&["history", "verify"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("0 releases, 2 holds and repairs: 2 intact"),
        "{said}"
    );

    // Another program changes who cleared it.
    place.sql(
        "store.db",
        "UPDATE pairs SET value = replace(value, 'paid out', 'never mind')
         WHERE key GLOB '*/holds/*'",
    );
    let (code, said) = greenroom(&["history", "verify"]);
    assert_eq!(code, Some(3), "{said}");
    for words in [
        "hold 0",
        "  web/production",
        "the hold: the store had a different value",
        "in the store, the hash chain is broken at the hold",
        "differs from the archived one, first at the hold",
        "1 altered",
    ] {
        assert!(said.contains(words), "{words:?} is not in:\n{said}");
    }
    let listed = out(&place.run(&["history"]));
    assert!(
        listed.contains("paid out; the store now has a different record"),
        "{listed}"
    );
    let id = said.lines().find_map(|line| line.strip_prefix("hold "));
    let id = id.and_then(|line| line.split_whitespace().next());
    let shown = out(&place.run(&["show", id.expect("its id")]));
    for words in [
        "paid out",
        "the hash chain is intact",
        "the store had a different value",
    ] {
        assert!(shown.contains(words), "{words:?} is not in:\n{shown}");
    }

    let told = json_data(&place.run(&["history", "verify", "--json"]));
    let wrong = told["wrong"].as_array().expect("a list");
    assert_eq!((&told["audit_records"], wrong.len()), (&2.into(), 1));
    assert_eq!(wrong[0]["kind"], "hold");
    let id = wrong[0]["id"].as_str().expect("an id");
    let shown = json_data(&place.run(&["show", id, "--json"]));
    assert_eq!(shown["chain"], "the hash chain is intact");
    assert_eq!(shown["record"]["hold"]["cleared"]["why"], "paid out");
    let found = shown["differences"][0]["found"].as_str();
    assert!(
        found.is_some_and(|found| found.contains("never mind")),
        "{shown}"
    );

    // A hold in an unreadable store does not count as deleted. For a deleted one the archive shows
    // that it existed.
    place.sql(
        "store.db",
        "UPDATE pairs SET value = '{' WHERE key GLOB '*/holds/*' AND value LIKE '%all are back%'",
    );
    let (code, said) = greenroom(&["history", "verify"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("2 altered") && said.contains("in the store, "),
        "{said}"
    );
    place.sql("store.db", "DELETE FROM pairs WHERE key GLOB '*/holds/*'");
    let (_, said) = greenroom(&["history", "verify"]);
    assert!(
        said.contains("1 altered or not verifiable; 2 were not compared"),
        "{said}"
    );
}

#[tokio::test]
async fn verify_names_a_record_of_a_newer_version_and_verifies_the_others() {
    let all = three();
    let place = Place::with(&all).await;
    assert!(place.run(&["history", "verify"]).status.success());
    // Releases are verified from the newest on, so two more follow the unreadable one.
    place.sql(
        "store.db",
        "UPDATE pairs SET value = json_set(value, '$.format', 99)
         WHERE key = (SELECT max(key) FROM pairs WHERE key GLOB '*/releases/*')",
    );
    let verified = place.run(&["history", "verify", "--json"]);
    assert_eq!(verified.status.code(), Some(3), "{}", err(&verified));
    let found = json_data(&verified);
    let wrong = found["wrong"].as_array().expect("a list");
    assert_eq!(wrong.len(), 1, "{found}");
    assert_eq!(wrong[0]["id"], id(&all[2]), "{found}");
    let problem = wrong[0]["wrong"].to_string();
    for words in [
        "this Greenroom cannot verify the record",
        "a newer Greenroom wrote it",
    ] {
        assert!(problem.contains(words), "{words:?} is not in {problem}");
    }
    assert_eq!(found["not_compared"], 0, "{found}");
}

#[tokio::test]
async fn a_target_whose_records_cannot_be_sealed_is_listed_with_null() {
    let place = Place::with(&three()).await;
    // A store in a file keeps no seals, because it does not restrict who writes which record.
    let failed = place.run(&["history", "seal", "--json"]);
    assert_eq!(failed.status.code(), Some(1), "{}", err(&failed));
    assert_fits(&json_end(&failed));
    let targets = json_list(&failed, "targets");
    assert_eq!(targets.len(), 1, "{targets:?}");
    assert_eq!(targets[0]["target"]["service"], "web");
    assert!(targets[0]["sealed"].is_null(), "{targets:?}");
}

#[tokio::test]
async fn sealing_without_a_target_names_the_missing_configuration() {
    let place = Place::with(&[]).await;
    std::fs::write(place.path("greenroom.toml"), "").expect("written");
    let refused = place.run(&["history", "seal"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = err(&refused);
    assert!(said.contains("no target is configured: add"), "{said}");
}

#[tokio::test]
async fn a_target_whose_hold_cannot_be_read_is_listed_with_null() {
    let place = Place::with(&[]).await;
    let hold = ["hold", "web", "production", "--reason", "payday"];
    assert!(place.run(&hold).status.success());
    let store = Pairs::of(&place.path("store.db"));
    store.put("targets/web/production/hold", "garbage");
    let listed = place.run(&["hold", "--json"]);
    assert_eq!(listed.status.code(), Some(3), "{}", err(&listed));
    assert_fits(&json_end(&listed));
    let targets = json_list(&listed, "targets");
    assert_eq!(targets.len(), 1, "{targets:?}");
    assert_eq!(targets[0]["target"]["service"], "web");
    for unknown in ["holds", "last_cleared", "past"] {
        assert!(targets[0][unknown].is_null(), "{unknown}");
    }
}

#[tokio::test]
async fn verify_accepts_unchained_records_of_older_versions() {
    let place = Place::with(&[done(0), open(5)]).await;
    let verified = place.run(&["history", "verify", "--json"]);
    assert_eq!(verified.status.code(), Some(0), "{}", out(&verified));
    let tally = json_data(&verified);
    assert_eq!(
        (&tally["releases"], &tally["not_chained"]),
        (&2.into(), &2.into())
    );
}

#[tokio::test]
async fn unknown_filters_and_targets_and_an_empty_history_are_reported() {
    let place = Place::with(&[]).await;
    for (arguments, code, says) in [
        (&["history"][..], 0, "there are no releases yet"),
        (&["history", "--search", "x"], 0, "no release matches"),
        (
            &["history", "nobody"],
            2,
            "no target has the service nobody",
        ),
        (&["history", "wbe"], 2, "did you mean web?"),
        (
            &["show", "last", "web", "prodution"],
            2,
            "did you mean production?",
        ),
        (&["history", "--outcome", "nice"], 2, "is not an outcome"),
        (&["history", "--since", "soon"], 2, "is not a time"),
    ] {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let all = out(&output) + &err(&output);
        assert!(all.contains(says), "{arguments:?}: {all}");
    }
}

#[tokio::test]
async fn releases_are_listed_without_an_archive() {
    let all = three();
    let place = Place::with(&all).await;
    std::fs::write(
        place.path("archive.db"),
        "no database, but long enough for one".repeat(40),
    )
    .expect("written");
    let output = place.run(&["history", "--json"]);
    assert_eq!(ids(&output).len(), 3, "{}", err(&output));
    assert!(
        err(&output).contains("keeps no local copy"),
        "{}",
        err(&output)
    );
}

#[tokio::test]
async fn a_long_journal_is_read_in_parts_and_a_failed_part_hides_no_other() {
    let many: Vec<Recorded> = (0..230).map(|minute| chained(done(minute))).collect();
    let place = Place::with(&many).await;
    let all = place.run(&["history", "--limit", "1000", "--json"]);
    let wanted: Vec<String> = many.iter().rev().map(id).collect();
    assert_eq!(ids(&all), wanted, "{}", err(&all));
    // Later releases are added, also when the journal is still growing.
    place.release(&[open(500)]).await;
    assert_eq!(
        ids(&place.run(&["history", "--outcome", "open", "--json"])).len(),
        1
    );
    place.release(&[done(500)]).await;
    assert_eq!(
        ids(&place.run(&["history", "--outcome", "open", "--json"])).len(),
        0
    );
    place.sql(
        "store.db",
        "UPDATE pairs SET value = '{'
         WHERE key = (SELECT max(key) FROM pairs WHERE key GLOB '*/releases/*')",
    );
    let failed = place.run(&["history", "--limit", "1000", "--json"]);
    assert_eq!(failed.status.code(), Some(3));
    assert_eq!(ids(&failed).len(), 231);
    assert!(err(&failed).contains("web/production"), "{}", err(&failed));
}

#[tokio::test]
async fn an_unreadable_head_is_reported_and_later_releases_are_read() {
    let many: Vec<Recorded> = (0..120).map(|minute| chained(done(minute))).collect();
    let place = Place::with(&many).await;
    let unreadable = &many[110];
    let change = format!(
        "UPDATE pairs SET value = '{{' WHERE key GLOB '*/releases/{}'",
        id(unreadable)
    );
    place.sql("store.db", &change);
    for _ in 0..2 {
        let partly = place.run(&["history", "--limit", "1000", "--json"]);
        assert_eq!(partly.status.code(), Some(3), "{}", err(&partly));
        assert_eq!(ids(&partly).len(), 119);
        assert!(err(&partly).contains(&id(unreadable)), "{}", err(&partly));
    }
    let kept = Connection::open(place.path("archive.db")).expect("the archive");
    let mark = kept.query_row("SELECT id FROM seen", [], |row| row.get::<_, String>(0));
    let mark = mark.expect("the read position is noted");
    assert!(
        id(&many[109]) <= mark && mark < id(unreadable),
        "{mark} is not before {}",
        id(unreadable)
    );
    // A newer version can read it, so the archive then keeps it.
    let head = serde_json::to_string(&unreadable.head).expect("JSON");
    let key = format!("targets/web/production/releases/{}", id(unreadable));
    Pairs::of(&place.path("store.db")).put(key, &head);
    let whole = place.run(&["history", "--limit", "1000", "--json"]);
    assert_eq!(whole.status.code(), Some(0), "{}", err(&whole));
    assert_eq!(ids(&whole).len(), 120);
}

#[tokio::test]
async fn an_entry_behind_a_gap_is_reported_and_hides_no_other() {
    let all = three();
    let place = Place::with(&all).await;
    let last = all.last().expect("a release");
    place.sql(
        "store.db",
        &format!(
            "INSERT INTO pairs SELECT replace(key, '/0001', '/9999'),
             replace(value, '\"sequence\":1', '\"sequence\":9999'), revision, lease
             FROM pairs WHERE key GLOB '*/steps/{}/0001'",
            id(last)
        ),
    );
    let listed = place.run(&["history", "--json"]);
    assert_eq!(listed.status.code(), Some(3), "{}", err(&listed));
    assert_eq!(ids(&listed).len(), 3, "none is hidden");
    assert!(
        err(&listed).contains("entry 3 is missing before entry 9999"),
        "{}",
        err(&listed)
    );
    let shown = place.run(&["show", &id(last), "--offline"]);
    let said = out(&shown);
    assert!(said.contains("entries 3 to 9998 are missing"), "{said}");
    let verified = place.run(&["history", "verify"]);
    assert_eq!(verified.status.code(), Some(3), "{}", err(&verified));
    let said = out(&verified);
    assert!(said.contains(&id(last)), "{said}");
    assert!(
        said.contains("entry 3 is missing before entry 9999"),
        "{said}"
    );
}

/// Adds a second environment whose store is another file.
const DEV: &str = r#"
[environments.dev]
tier = "development"
runtime = "process"
store = "sqlite"
proxy = "embedded"
process = { state = "dev-processes", catalogue = "catalogue.json" }
sqlite = { path = "dev.db" }
embedded = { answer = "127.0.0.1:8190", state = "dev-proxy" }

[services.web.environments.dev]
endpoints = { blue = "127.0.0.1:18083", green = "127.0.0.1:18084" }
[services.web.environments.dev.proxy]
server_names = ["localhost"]
listen = "127.0.0.1:8180"
preview_listen = "127.0.0.1:8181"
"#;

#[tokio::test]
async fn a_broken_store_affects_only_its_environment() {
    let place = Place::with(&three()).await;
    let both = format!("{CONFIGURATION}{DEV}");
    std::fs::write(place.path("greenroom.toml"), both).expect("written");
    std::fs::write(place.path("dev.db"), "no database ".repeat(1_000)).expect("written");
    let listed = place.run(&["history", "--json"]);
    let said = err(&listed);
    assert_eq!(listed.status.code(), Some(3), "{said}");
    assert_eq!(ids(&listed).len(), 3, "{said}");
    assert!(
        said.contains("web/dev") && said.contains("dev.db"),
        "{said}"
    );
    assert!(!said.contains("web/production"), "{said}");

    let status = json_list(&place.run(&["status", "--json"]), "targets");
    let of = |environment: &str| {
        let mut targets = status.iter();
        let is_its = |target: &&serde_json::Value| target["target"]["environment"] == environment;
        targets.find(is_its).expect("a target")
    };
    assert_eq!(of("production")["interrupted"], serde_json::json!([]));
    assert_eq!(of("dev")["interrupted"], serde_json::Value::Null);
}

#[tokio::test]
async fn the_timeline_says_how_long_each_version_was_live() {
    let all = three();
    let place = Place::with(&all).await;
    let told = out(&place.run(&["history", "timeline", "production"]));
    assert!(told.contains("2026-11-21, Saturday"), "{told}");
    assert!(
        told.contains("became live last, at 00:03:00 UTC; ana@ops-1"),
        "{told}"
    );
    assert!(told.contains("was live for "), "{told}");
    assert!(
        told.contains("backed out: verify failed: checkout said 500; ben@ops-1"),
        "{told}"
    );
    assert_eq!(
        place.run(&["history", "timeline", "mars"]).status.code(),
        Some(2)
    );
}

#[tokio::test]
async fn last_shows_the_newest_release() {
    let all = three();
    let place = Place::with(&all).await;
    let newest = all
        .iter()
        .max_by_key(|release| release.head.id)
        .expect("three");
    let shown = |arguments: &[&str]| out(&place.run(&[&["show", "last"], arguments].concat()));
    let wanted = format!("release  {}", id(newest));
    assert!(shown(&[]).contains(&wanted), "{}", shown(&[]));
    let there = shown(&["web", "production"]);
    assert!(there.contains(&wanted), "{there}");
    let refused = place.run(&["show", "last", "mars"]);
    assert_eq!(refused.status.code(), Some(2), "{}", err(&refused));
    let refused = place.run(&["show", &id(newest), "web"]);
    assert_eq!(refused.status.code(), Some(2), "{}", err(&refused));
}

#[tokio::test]
async fn pruned_releases_are_listed_first_stay_forgotten_and_verify() {
    let all = three();
    let place = Place::with(&all).await;
    let [first, failed, last] = all.each_ref().map(id);
    assert_eq!(ids(&place.run(&["history", "--json"])).len(), 3);
    let keeps = ["--set", "history.keep_last=1"];
    let dry = [&keeps[..], &["history", "prune", "--dry-run"]].concat();
    let said = out(&place.run(&dry));
    assert!(
        said.contains(&format!(
            "{first}  the target has more releases than history.keep_last"
        )) && said.contains("2 releases and 0 logs would be removed")
            && !said.contains(&last),
        "{said}"
    );
    assert_eq!(ids(&place.run(&["history", "--json"])).len(), 3);
    let said = out(&place.run(&[&keeps[..], &["history", "prune"]].concat()));
    assert!(
        said.contains("2 releases and 0 logs were removed"),
        "{said}"
    );
    assert!(said.contains(&failed), "{said}");

    // The journal still has them. Reading it again does not restore them, and verify does not
    // report them as missing.
    assert_eq!(ids(&place.run(&["history", "--json"])), [last]);
    let verified = place.run(&["history", "verify"]);
    assert!(verified.status.success(), "{}", err(&verified));
    let gone = place.run(&["show", &first]);
    assert_eq!(gone.status.code(), Some(2));
    assert!(err(&gone).contains("was pruned"), "{}", err(&gone));
    // With nothing to forget nothing happens, and what must stay may be more than there is room for.
    let said = out(&place.run(&["history", "prune"]));
    assert!(
        said.contains("0 releases and 0 logs were removed"),
        "{said}"
    );
    let small = ["--set", "history.max_size=1024B", "history", "prune"];
    let full = place.run(&small);
    assert_eq!(full.status.code(), Some(1));
    assert!(
        err(&full).contains("larger than history.max_size"),
        "{}",
        err(&full)
    );
}
