//! `greenroom sandbox push`, the real binary: a new version appears, is reported to the inbox over HTTP, and the agent
//! of the sandbox releases it.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::sandbox::{Sandbox, until, words};
use crate::support::json_lines::{json_data, json_list};

const SOON: Duration = Duration::from_mins(1);

/// The states of a tag's entries, by target.
fn states(sandbox: &Sandbox, tag: &str) -> Vec<(String, String)> {
    let output = sandbox.run(&["--json", "queue", "--all"]);
    let targets = json_list(&output, "targets").into_iter();
    let entries = targets.filter_map(|target| target["entries"].as_array().cloned());
    let entries = entries.flatten();
    let of_tag = entries.filter(|entry| entry["push"]["tag"] == tag);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let states = of_tag.map(|entry| {
        let target = &entry["target"];
        let target = format!(
            "{}/{}",
            text(&target["service"]),
            text(&target["environment"])
        );
        (target, text(&entry["state"]))
    });
    let mut states: Vec<_> = states.collect();
    states.sort();
    states
}

fn wait_for(sandbox: &Sandbox, tag: &str, expected: &[(&str, &str)]) {
    until(&format!("{tag} is {expected:?}"), SOON, || {
        let states = states(sandbox, tag);
        let states = states
            .iter()
            .map(|(target, state)| (target.as_str(), state.as_str()));
        states.eq(expected.iter().copied())
    });
}

fn push(sandbox: &Sandbox, arguments: &[&str]) {
    let push = ["--json", "sandbox", "push", "web"];
    let pushed = sandbox.run(&[&push[..], arguments].concat());
    assert!(pushed.status.success(), "{}", words(&pushed));
    assert!(json_data(&pushed)["text"].is_string());
}

#[test]
fn a_version_that_is_pushed_to_the_sandbox_is_released() {
    let mut sandbox = Sandbox::with_agent().up();
    push(&sandbox, &["1.9.3"]);
    wait_for(
        &sandbox,
        "1.9.3",
        &[("web/dev", "done"), ("web/qa", "done")],
    );
    assert_eq!(sandbox.live("web", "qa"), "1.9.3");
    push(&sandbox, &["1.9.4", "--fault", "failing-checks"]);
    wait_for(
        &sandbox,
        "1.9.4",
        &[("web/dev", "failed"), ("web/qa", "failed")],
    );
    assert_eq!(sandbox.live("web", "qa"), "1.9.3");
    push(&sandbox, &["v2.0.0"]);
    wait_for(
        &sandbox,
        "v2.0.0",
        &[
            ("web/dev", "done"),
            ("web/production", "offered"),
            ("web/qa", "done"),
        ],
    );
    assert_eq!(sandbox.live("web", "production"), "1.8.2");
    let refused = sandbox.run(&["sandbox", "push", "web", "a b"]);
    assert_eq!(refused.status.code(), Some(2), "{}", words(&refused));
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
    sandbox.assert_no_request_failed();
}

#[test]
fn a_console_of_the_sandbox_pushes_the_next_version() {
    let sandbox = Sandbox::with_agent().up();
    let mut console = sandbox.on_a_terminal(&[]);
    console.wait_for_text("web/dev: healthy", SOON);
    // F9
    console.keys("\u{1b}[20~");
    console.wait_for_text("sandbox/web:1.9.3 was pushed", SOON);
    wait_for(
        &sandbox,
        "1.9.3",
        &[("web/dev", "done"), ("web/qa", "done")],
    );
    console.keys("\u{1b}[20~");
    console.wait_for_text("sandbox/web:1.9.4, whose checks fail, was pushed", SOON);
    wait_for(
        &sandbox,
        "1.9.4",
        &[("web/dev", "failed"), ("web/qa", "failed")],
    );
    assert_eq!(sandbox.live("web", "qa"), "1.9.3");
}
