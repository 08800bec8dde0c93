//! `promote --no-standby-wait`, the real binary in a sandbox: the command ends after the watch, the
//! old version keeps running, and the next operator rolls back to it or stops it.

use std::process::Output;

use rustix::process::Signal;
use serde_json::Value;

use crate::sandbox::{Sandbox, words};
use crate::support::json_lines::{json_data, json_list};

/// A command that waits for the end of the standby takes this long, and stops the old version.
const LONG: [&str; 2] = ["--set", "environments.dev.timing.standby=1m"];
const SHORT: [&str; 2] = ["--set", "environments.dev.timing.standby=1ms"];

fn promote(sandbox: &Sandbox, version: &str, more: &[&str]) -> Output {
    let promote = ["promote", "web", "dev", "--version", version, "--yes"];
    let leaving = ["--no-standby-wait"];
    let output = sandbox.run(&[&LONG[..], more, &promote, &leaving].concat());
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    output
}

/// The slot that is not live, and its content.
fn other(sandbox: &Sandbox) -> (String, Value) {
    let status = sandbox.status("web", "dev");
    let other = match status["live"].as_str() {
        Some("blue") => "green",
        _ => "blue",
    };
    (other.to_owned(), status["roles"][other].clone())
}

#[test]
fn a_standby_without_waiting_is_left_to_the_next_operator() {
    let mut sandbox = Sandbox::kept().up().hurried();
    let said = words(&promote(&sandbox, "1.8.2", &[]));
    for expected in [
        "the old version 1.9.0",
        "greenroom resume web dev",
        "greenroom rollback web dev",
        "Otherwise it runs until the next release",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    // A requested end is not a failure, and is not drawn as one.
    assert!(said.contains("the driver has stopped"), "{said}");
    assert!(!said.lines().any(|line| line.starts_with("x ")), "{said}");
    assert_eq!(sandbox.live("web", "dev"), "1.8.2");
    assert_eq!(other(&sandbox).1, "standby");

    // Nothing is wrong: no lock is held, and no operator is called.
    let status = sandbox.run(&["--json", "status", "web", "dev"]);
    assert_eq!(status.status.code(), Some(0), "{}", words(&status));
    let status = json_list(&status, "targets").remove(0);
    assert_eq!(status["snapshot"]["lock"], Value::Null);
    assert_eq!(status["interrupted"], serde_json::json!([]));
    assert_eq!(status["needs_person"], false);
    let left = status["standby_left"][0]["id"].clone();
    let text = words(&sandbox.run(&["status", "web", "dev"]));
    assert!(
        text.contains("left the old version 1.9.0") && text.contains("greenroom resume web dev"),
        "{text}"
    );

    // Another operator rolls back to it, which ends the release before.
    let ben = ["--set", "operator.name=ben"];
    let back = [
        "--json",
        "rollback",
        "web",
        "dev",
        "--yes",
        "--no-standby-wait",
    ];
    let output = sandbox.run(&[&LONG[..], &ben, &back].concat());
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    let data = json_data(&output);
    assert_eq!(data["standby"]["version"], "1.8.2", "{data}");
    assert_eq!(data["standby"]["stop"], "greenroom resume web dev");
    assert_eq!(sandbox.live("web", "dev"), "1.9.0");
    let history = sandbox.run(&["--json", "history", "web", "dev"]);
    let history = json_list(&history, "items");
    let before = history.iter().find(|one| one["id"] == left);
    let before = before.expect("the release before");
    assert_eq!(before["closed"][1]["outcome"], "superseded", "{before}");

    // Meanwhile differences can be repaired.
    let repair = words(&sandbox.run(&["repair", "web", "dev", "--dry-run"]));
    assert!(!repair.contains("has not ended"), "{repair}");

    // The named command ends the standby of the rollback too.
    let output = sandbox.run(&[&SHORT[..], &["resume", "web", "dev", "--yes"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert_eq!(other(&sandbox).1, "empty");
    let status = sandbox.status("web", "dev");
    assert_eq!(status["standby_left"], serde_json::json!([]), "{status}");

    // A hold keeps traffic from moving, but does not keep the old version running.
    let clear = sandbox.run(&["hold", "web", "dev", "--clear"]);
    assert_eq!(clear.status.code(), Some(0), "{}", words(&clear));
    promote(&sandbox, "1.8.2", &[]);
    let held = sandbox.run(&["hold", "web", "dev", "--reason", "payday"]);
    assert_eq!(held.status.code(), Some(0), "{}", words(&held));
    let output = sandbox.run(&[&SHORT[..], &["resume", "web", "dev", "--yes"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    assert_ne!(other(&sandbox).1, "standby");

    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
    sandbox.assert_no_request_failed();
}
