//! What the store claims and no release proves, in a sandbox: it is not started and gets no traffic, and there is a way on
//! that works.

use std::fs::File;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use greenroom::inventory::{Slot, Target, instance_name};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::sandbox::{Sandbox, until, words};
use crate::support::pairs::Pairs;

/// How long a lock of a driver that was killed may last, on a busy machine.
const FREE: Duration = Duration::from_secs(30);

/// A store of all environments has one lease: the shortest that its heartbeat allows here.
const LEASES: [&str; 12] = [
    "--set",
    "environments.dev.lock.lease=3s",
    "--set",
    "environments.dev.lock.heartbeat=1s",
    "--set",
    "environments.qa.lock.lease=3s",
    "--set",
    "environments.qa.lock.heartbeat=1s",
    "--set",
    "environments.production.lock.lease=3s",
    "--set",
    "environments.production.lock.heartbeat=1s",
];

fn store(sandbox: &Sandbox) -> Pairs {
    Pairs::of(&sandbox.place().join("store.sqlite"))
}

fn repair(sandbox: &Sandbox, more: &[&str]) -> Output {
    sandbox.run(&[&["repair", "web", "qa"], more].concat())
}

fn live_slot(status: &Value) -> Slot {
    match status["live"].as_str() {
        Some("blue") => Slot::Blue,
        Some("green") => Slot::Green,
        _ => panic!("a live slot: {status}"),
    }
}

fn instance(status: &Value, slot: Slot) -> &Value {
    &status["snapshot"]["slots"][slot.as_str()]["members"][0]
}

/// Ends what is live and removes every trace of it, as `docker rm -f` does.
fn remove_live(sandbox: &Sandbox, status: &Value) {
    let slot = live_slot(status);
    let pid = instance(status, slot)["pid"].as_i64();
    let pid = i32::try_from(pid.expect("a process")).expect("its id");
    let target = Target::new(
        "web".parse().expect("a name"),
        "qa".parse().expect("a name"),
    );
    let name = instance_name(&target, slot, 1);
    let processes = sandbox.place().join("processes");
    // The process that started it notes its exit in the record. The lock keeps the record from being written again
    // after it was removed.
    let lock = File::open(processes.join("locks").join(&name)).expect("its lock");
    lock.lock().expect("locked");
    kill_process(Pid::from_raw(pid).expect("a process"), Signal::KILL).expect("it runs");
    let record = processes.join("records").join(format!("{name}.json"));
    std::fs::remove_file(record).expect("its record");
}

/// The command that a message names.
fn named_command(said: &str) -> Vec<String> {
    let at = said.find("greenroom promote").expect(said);
    let command = said[at..].split_whitespace().skip(1);
    command.take(5).map(str::to_owned).collect()
}

#[test]
fn a_version_that_is_gone_and_that_no_release_proves_is_promoted_again_as_the_repair_says() {
    let mut sandbox = Sandbox::kept().up().hurried();
    let before = sandbox.status("web", "qa");
    let slot = live_slot(&before);
    let digest = instance(&before, slot)["digest"].clone();
    remove_live(&sandbox, &before);
    assert!(store(&sandbox).delete("targets/web/qa/steps/*") > 0);

    let repaired = repair(&sandbox, &["--yes"]);
    let said = words(&repaired);
    assert_eq!(repaired.status.code(), Some(3), "{said}");
    assert!(said.contains("does not prove"), "{said}");
    let command = named_command(&said);
    let mut promote: Vec<&str> = command.iter().map(String::as_str).collect();
    promote.extend(["--yes", "--no-standby-wait"]);
    // A shorter standby could end before the command leaves it, and then the release removes the entry itself.
    promote.extend(["--set", "environments.qa.timing.standby=1m"]);
    let promoted = sandbox.run(&promote);
    assert_eq!(promoted.status.code(), Some(0), "{}", words(&promoted));

    let after = sandbox.status("web", "qa");
    assert_eq!(live_slot(&after), slot.other(), "{after}");
    assert_eq!(instance(&after, slot.other())["digest"], digest, "{after}");
    assert_eq!(after["interrupted"], json!([]), "{after}");
    // What is left is the entry of the slot that was lost.
    assert_eq!(after["drift"][0]["name"], "instance-gone", "{after}");
    let repaired = repair(&sandbox, &["--yes"]);
    assert_eq!(repaired.status.code(), Some(0), "{}", words(&repaired));
    let after = sandbox.status("web", "qa");
    assert_eq!(after["agreed"], true, "{after}");
    // It runs there now: once more there is nothing to do.
    let again = sandbox.run(&promote);
    assert!(words(&again).contains("already live"), "{}", words(&again));
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
}

#[test]
fn a_version_that_is_gone_with_its_route_is_released_again() {
    let mut sandbox = Sandbox::kept().up().hurried();
    let before = sandbox.status("web", "qa");
    let slot = live_slot(&before);
    remove_live(&sandbox, &before);
    assert_eq!(store(&sandbox).delete("targets/web/qa/route"), 1);

    let repaired = repair(&sandbox, &["--yes"]);
    let said = words(&repaired);
    assert!(
        said.contains("promote the version that should run"),
        "{said}"
    );
    let promote = ["promote", "web", "qa", "--version", "1.8.2", "--yes"];
    let promoted = sandbox.run(&[&promote[..], &["--no-standby-wait"]].concat());
    assert_eq!(promoted.status.code(), Some(0), "{}", words(&promoted));

    let after = sandbox.status("web", "qa");
    assert_eq!(live_slot(&after), slot.other(), "{after}");
    assert_eq!(after["drift"][0]["name"], "instance-gone", "{after}");
    let repaired = repair(&sandbox, &["--yes"]);
    assert_eq!(repaired.status.code(), Some(0), "{}", words(&repaired));
    assert_eq!(sandbox.live("web", "qa"), "1.8.2");
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
}

/// Leaves a candidate running whose checks were not over.
fn leave_a_candidate(sandbox: &Sandbox) {
    let promote = ["promote", "web", "qa", "--version", "1.8.2", "--yes"];
    let slow = ["--set", "environments.qa.timing.minimum_healthy=1m"];
    let slow = [
        &slow[..],
        &["--set", "environments.qa.timing.health_deadline=2m"],
    ]
    .concat();
    let mut command: Command = sandbox.command(&[&promote[..], &LEASES, &slow].concat());
    let mut driver = command.stdout(Stdio::null()).spawn().expect("greenroom");
    until("the candidate runs", FREE, || {
        let status = sandbox.status("web", "qa");
        let other = live_slot(&status).other();
        instance(&status, other)["state"] == "running"
    });
    driver.kill().expect("killed");
    driver.wait().expect("its end");
    until("it is left", FREE, || {
        let leave = ["resume", "web", "qa", "--leave", "--yes"];
        let left = sandbox.run(&[&leave[..], &LEASES].concat());
        left.status.code() == Some(3) && !words(&left).contains("is locked by")
    });
}

/// The value of a key of `web/qa`.
fn key(store: &Pairs, name: &str) -> Value {
    let text = store.get(&format!("targets/web/qa/{name}")).expect(name);
    serde_json::from_str(&text).expect("JSON")
}

fn put(store: &Pairs, name: &str, value: &Value) {
    store.put(format!("targets/web/qa/{name}"), value.to_string());
}

/// Another program registers the candidate and routes to it.
fn forge_a_route_to_it(sandbox: &Sandbox, status: &Value) {
    let store = store(sandbox);
    let other = live_slot(status).other();
    let candidate = instance(status, other);
    let mut entry = key(&store, &format!("slots/{}", other.other()));
    let endpoint = &status["snapshot"]["slots"][other.as_str()]["addresses"][0];
    entry["slot"] = other.as_str().into();
    entry["members"] = json!([{ "endpoint": endpoint, "instance": candidate["id"] }]);
    for field in ["digest", "tag", "release"] {
        entry[field] = candidate[field].clone();
    }
    put(&store, &format!("slots/{other}"), &entry);
    let mut route = key(&store, "route");
    let generation = route["generation"].as_u64().expect("a generation");
    route["generation"] = (generation + 1).into();
    route["live"] = other.as_str().into();
    route["addresses"] = json!([endpoint]);
    for field in ["digest", "release"] {
        route[field] = entry[field].clone();
    }
    put(&store, "route", &route);
}

#[test]
fn a_route_that_another_program_wrote_moves_no_traffic_to_a_candidate_that_was_left() {
    let mut sandbox = Sandbox::kept().up().hurried();
    let version = sandbox.live("web", "qa");
    leave_a_candidate(&sandbox);
    let before = sandbox.status("web", "qa");
    forge_a_route_to_it(&sandbox, &before);
    let (live, other) = (live_slot(&before), live_slot(&before).other());

    let repaired = repair(&sandbox, &["--yes"]);
    let said = words(&repaired);
    assert_eq!(repaired.status.code(), Some(0), "{said}");
    assert!(said.contains(&format!("set the route to {live}")), "{said}");
    assert!(
        !said.contains(&format!("point the proxy at {other}")),
        "{said}"
    );
    assert_eq!(sandbox.live("web", "qa"), version);
    let after = sandbox.status("web", "qa");
    assert_eq!(live_slot(&after), live, "{after}");
    // The target can be released to.
    let promote = ["promote", "web", "qa", "--version", "1.8.2", "--yes"];
    let promoted = sandbox.run(&[&promote[..], &["--no-standby-wait"]].concat());
    assert_eq!(promoted.status.code(), Some(0), "{}", words(&promoted));
    assert_eq!(sandbox.live("web", "qa"), "1.8.2");
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
    sandbox.assert_no_request_failed();
}
