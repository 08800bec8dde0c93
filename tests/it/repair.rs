//! `greenroom repair`, the real binary in a sandbox. After a manual change a dry run shows the
//! repair, a confirmed run does it, and the history records it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::sandbox::{Sandbox, until, words};
use crate::support::json_lines::{json_data, json_lines, json_list};

fn repair(sandbox: &Sandbox, more: &[&str]) -> Output {
    sandbox.run(&[&["--json", "repair", "web", "qa"], more].concat())
}

/// The plan that is shown first.
fn plan(output: &Output) -> Value {
    json_lines(output)[0]["data"].clone()
}

/// The current differences of `web` in `qa`.
fn named(sandbox: &Sandbox) -> Vec<String> {
    let status = sandbox.status("web", "qa");
    let drift = status["drift"].as_array().expect("a list");
    let names = drift
        .iter()
        .map(|drift| drift["name"].as_str().expect("a name"));
    names.map(str::to_owned).collect()
}

/// The store, as `sqlite3` sees it.
fn by_hand(sandbox: &Sandbox, sql: &str) {
    let store = Connection::open(sandbox.place().join("store.sqlite")).expect("the store");
    let wait = Duration::from_secs(10);
    store.busy_timeout(wait).expect("a patient hand");
    let changed = store.execute(sql, []).expect(sql);
    assert_eq!(changed, 1, "{sql}");
}

fn kill_live(sandbox: &Sandbox) {
    let status = sandbox.status("web", "qa");
    let slot = status["live"].as_str().expect("a live slot");
    let pid = &status["snapshot"]["slots"][slot]["members"][0]["pid"];
    let pid = i32::try_from(pid.as_i64().expect("a process")).expect("its id");
    let pid = Pid::from_raw(pid).expect("a process");
    kill_process(pid, Signal::KILL).expect("it runs");
}

#[test]
fn manual_changes_in_a_sandbox_are_planned_repaired_and_recorded() {
    let sandbox = Sandbox::kept().up().hurried();
    let live = sandbox.status("web", "qa")["live"]
        .as_str()
        .expect("a slot")
        .to_owned();
    let version = sandbox.live("web", "qa");

    let output = repair(&sandbox, &["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert_eq!(json_data(&output)["plan"], Value::Null, "nothing differs");

    let slot = format!("key = 'targets/web/qa/slots/{live}'");
    let route = "key = 'targets/web/qa/route'";
    let edits = [
        (
            format!("DELETE FROM pairs WHERE {slot}"),
            "live-not-registered",
        ),
        (
            format!("UPDATE pairs SET value = 'by hand' WHERE {slot}"),
            "key-unreadable",
        ),
        (format!("DELETE FROM pairs WHERE {route}"), "route-missing"),
        (
            format!("UPDATE pairs SET value = 'by hand' WHERE {route}"),
            "key-unreadable",
        ),
    ];
    for (sql, name) in &edits {
        by_hand(&sandbox, sql);
        assert_eq!(named(&sandbox), [*name], "{sql}");
        let output = repair(&sandbox, &["--dry-run"]);
        assert_eq!(output.status.code(), Some(0), "{sql}: {}", words(&output));
        assert_eq!(named(&sandbox), [*name], "{sql}: a dry run changes nothing");
        let output = repair(&sandbox, &["--only", "two-live", "--yes"]);
        assert_eq!(output.status.code(), Some(0), "{sql}: {}", words(&output));
        assert_eq!(
            named(&sandbox),
            [*name],
            "{sql}: of that name nothing differs"
        );
        let output = repair(&sandbox, &["--only", name, "--yes"]);
        assert_eq!(output.status.code(), Some(0), "{sql}: {}", words(&output));
        let planned = plan(&output);
        assert_eq!(planned["items"][0]["name"], *name, "{planned}");
        let end = json_data(&output);
        assert_eq!(end["repair"]["closed"][1]["outcome"], "done", "{end}");
        assert_eq!(sandbox.live("web", "qa"), version, "{sql}");
    }

    // A hold stops promotes. It stops no repair, and the plan names it.
    let held = sandbox.run(&["hold", "web", "qa", "--reason", "payday"]);
    assert_eq!(held.status.code(), Some(0), "{}", words(&held));
    kill_live(&sandbox);
    assert!(named(&sandbox).contains(&"instance-stopped".to_owned()));
    let shown = sandbox.run(&["repair", "web", "qa", "--dry-run"]);
    assert!(
        words(&shown).contains("payday (until it is cleared); it does not stop a repair"),
        "{}",
        words(&shown)
    );
    let output = repair(&sandbox, &["--yes"]);
    assert_eq!(plan(&output)["holds"][0]["reason"], "payday");
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert_eq!(sandbox.live("web", "qa"), version);

    let output = sandbox.run(&["--json", "history", "web", "qa"]);
    let shown = json_list(&output, "items");
    let repairs: Vec<&Value> = shown
        .iter()
        .filter(|line| line["kind"] == "repair")
        .collect();
    assert_eq!(repairs.len(), edits.len() + 1, "{shown:?}");
    assert_eq!(repairs[0]["differences"][0]["name"], "instance-stopped");
    let output = sandbox.run(&["history", "web", "qa"]);
    assert!(words(&output).contains("start "), "{}", words(&output));

    // Records of a newer version and foreign keys are skipped.
    by_hand(
        &sandbox,
        "INSERT INTO pairs VALUES ('targets/web/qa/repairs/7ZZZZZZZZZZZZZZZZZZZZZZZZZ', '{\"format\":9}', 1, NULL)",
    );
    let output = sandbox.run(&["--json", "history", "web", "qa"]);
    assert_eq!(json_list(&output, "items").len(), shown.len());
    assert_eq!(named(&sandbox), [""; 0]);
}

#[test]
fn an_unrepairable_difference_exits_with_3_and_a_repair_needs_a_yes() {
    let sandbox = Sandbox::kept().up();
    let status = sandbox.status("web", "qa");
    let live = status["live"].as_str().expect("a slot");
    // Another version in both keys: Greenroom cannot verify the running version.
    let digest = format!("sha256:{}", "d".repeat(64));
    for name in ["route", &format!("slots/{live}")] {
        by_hand(
            &sandbox,
            &format!(
                "UPDATE pairs SET value = json_set(value, '$.digest', '{digest}') \
                 WHERE key = 'targets/web/qa/{name}'"
            ),
        );
    }
    let output = repair(&sandbox, &["--yes"]);
    assert_eq!(output.status.code(), Some(3), "{}", words(&output));
    let data = json_data(&output);
    assert_eq!(data["repair"], Value::Null, "nothing was started: {data}");
    assert_eq!(data["plan"]["items"][0]["by"], "person", "{data}");

    let output = repair(&sandbox, &[]);
    assert_eq!(output.status.code(), Some(2), "nobody is here to say yes");
    let output = sandbox.run(&["--read-only", "repair", "web", "qa", "--yes"]);
    assert_eq!(output.status.code(), Some(3), "{}", words(&output));
    let output = repair(&sandbox, &["--only", "nonsense", "--yes"]);
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    let output = sandbox.run(&["repair", "web", "nowhere", "--dry-run"]);
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
}

/// How long earlier requests count, on a busy machine.
const RESTORED: Duration = Duration::from_mins(1);

/// Restores everything in a store from a copy, while programs have it open.
fn restore(store: &Path, copy: &Path) {
    let store = Connection::open(store).expect("the store");
    store
        .busy_timeout(Duration::from_secs(10))
        .expect("a patient hand");
    store
        .execute("ATTACH ?1 AS copy", [copy.to_str().expect("a path")])
        .expect("the copy");
    let tables = ["revision", "leases", "pairs", "changes"];
    let back = tables.map(|table| {
        format!("DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM copy.{table};")
    });
    let back = format!("BEGIN IMMEDIATE; {} COMMIT;", back.concat());
    store.execute_batch(&back).expect("restored");
}

/// A restored store: the file is replaced by a copy from before the last releases.
#[test]
fn a_store_restored_from_an_older_copy_is_repaired() {
    let mut sandbox = Sandbox::kept().up().hurried();
    let copy = sandbox.place().join("older.sqlite");
    let store = sandbox.place().join("store.sqlite");
    Connection::open(&store)
        .and_then(|store| store.execute("VACUUM INTO ?1", [copy.to_str().expect("a path")]))
        .expect("a copy");
    for tag in ["1.8.2", "1.9.0", "1.8.2"] {
        let promote = ["promote", "web", "qa", "--version", tag, "--yes"];
        let promoted = sandbox.run(&[&promote[..], &["--no-standby-wait"]].concat());
        assert_eq!(promoted.status.code(), Some(0), "{}", words(&promoted));
    }
    restore(&store, &copy);
    let names = named(&sandbox);
    assert!(names.contains(&"store-went-back".to_owned()), "{names:?}");
    let promote = ["promote", "web", "qa", "--version", "1.9.0", "--yes"];
    for refused in [&promote[..], &["rollback", "web", "qa", "--yes"]] {
        let refused = sandbox.run(refused);
        let said = words(&refused);
        assert_ne!(refused.status.code(), Some(0), "{said}");
        assert!(said.contains("greenroom repair web qa"), "{said}");
    }
    let doctor = sandbox.run(&["doctor"]);
    let said = words(&doctor);
    assert!(said.contains("greenroom repair web qa"), "{said}");

    let output = repair(&sandbox, &["--only", "store-went-back", "--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    until(
        "the rest is repaired, and no request of before counts",
        RESTORED,
        || repair(&sandbox, &["--yes"]).status.code() == Some(0),
    );
    assert_eq!(named(&sandbox), [""; 0]);
    assert_eq!(sandbox.live("web", "qa"), "1.8.2", "the traffic stays");
    let promoted = sandbox.run(&[&promote[..], &["--no-standby-wait"]].concat());
    assert_eq!(promoted.status.code(), Some(0), "{}", words(&promoted));
    assert_eq!(sandbox.live("web", "qa"), "1.9.0");
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
    sandbox.assert_no_request_failed();
}

#[test]
fn a_route_deleted_in_the_watch_keeps_the_old_version_until_it_is_repaired() {
    let mut sandbox = Sandbox::kept().up();
    let old = sandbox.status("web", "qa")["live"].clone();
    let old = old.as_str().expect("a slot");
    let short = ["--set", "environments.qa.timing.standby=1ms"];
    let promote = [
        "--json",
        "promote",
        "web",
        "qa",
        "--version",
        "1.8.2",
        "--yes",
    ];
    let mut command = sandbox.command(&[&short[..], &promote].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut promoting = command.spawn().expect("greenroom");
    let lines = BufReader::new(promoting.stdout.take().expect("its output")).lines();
    let mut events = lines.map(|line| line.expect("a line"));
    let watches = events.find(|line| {
        let event: Value = serde_json::from_str(line).expect("JSON");
        event["event"] == "began" && event["data"]["step"] == "watch"
    });
    assert!(watches.is_some(), "the release watches the new version");
    by_hand(
        &sandbox,
        "DELETE FROM pairs WHERE key = 'targets/web/qa/route'",
    );
    let text: String = events.collect();
    let status = promoting.wait().expect("its end");
    assert_ne!(status.code(), Some(0), "{text}");
    let kept = format!("{old} is kept: the store has no readable route");
    assert!(text.contains(&kept), "{text}");
    assert!(text.contains("greenroom repair web qa"), "{text}");
    let slots = &sandbox.status("web", "qa")["snapshot"]["slots"];
    assert_eq!(slots[old]["members"][0]["state"], "running", "{slots}");
    let output = repair(&sandbox, &["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert_eq!(sandbox.live("web", "qa"), "1.8.2");
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
    sandbox.assert_no_request_failed();
}

#[test]
fn a_store_that_is_one_revision_behind_the_proxy_is_repaired_at_once() {
    let mut sandbox = Sandbox::kept().up().hurried();
    let token = sandbox.status("web", "qa")["snapshot"]["proxy"]["token"].clone();
    let behind = token.as_i64().expect("a token") - 1;
    by_hand(&sandbox, &format!("UPDATE revision SET value = {behind}"));
    let names = named(&sandbox);
    assert!(names.contains(&"store-went-back".to_owned()), "{names:?}");
    let output = repair(&sandbox, &["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert_eq!(named(&sandbox), [""; 0]);
    let promote = ["promote", "web", "qa", "--version", "1.8.2", "--yes"];
    let promoted = sandbox.run(&[&promote[..], &["--no-standby-wait"]].concat());
    assert_eq!(promoted.status.code(), Some(0), "{}", words(&promoted));
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
    sandbox.assert_no_request_failed();
}
