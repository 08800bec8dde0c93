//! Rolling back to an earlier version: the list says which versions can be chosen and why others
//! cannot, and the chosen version is started again.

use std::time::Duration;

use greenroom::inventory::Digest;
use rustix::process::Signal;
use serde_json::Value;

use crate::sandbox::{Sandbox, until, words};
use crate::support::json_lines::json_list;
use crate::support::pairs::Pairs;

/// How long a step of a sandbox release may take on a busy machine.
const SOON: Duration = Duration::from_mins(1);

fn listed(sandbox: &Sandbox) -> Vec<Value> {
    let output = sandbox.run(&["--json", "rollback", "web", "dev", "--list"]);
    assert!(output.status.success(), "{}", words(&output));
    json_list(&output, "ways")
}

fn of<'a>(listed: &'a [Value], tag: &str) -> &'a Value {
    let found = listed.iter().find(|way| way["version"]["tag"] == tag);
    found.unwrap_or_else(|| panic!("no {tag}: {listed:?}"))
}

#[test]
fn the_list_says_which_versions_a_rollback_can_choose() {
    let mut sandbox = Sandbox::kept().up();
    let ways = listed(&sandbox);
    assert_eq!(of(&ways, "1.8.2")["can_be_chosen"], true, "{ways:?}");
    assert_eq!(of(&ways, "1.8.2")["found"]["image"], "engine");
    assert_eq!(of(&ways, "1.9.0")["can_be_chosen"], false);
    let said = words(&sandbox.run(&["rollback", "web", "dev", "--list"]));
    assert!(
        said.contains("cannot be chosen: 1.9.0 is live now"),
        "{said}"
    );
    assert!(said.contains("live until"), "{said}");

    // Its image has been deleted everywhere. The list and the refusal both say so.
    let catalogue = sandbox.place().join("catalogue.json");
    let text = std::fs::read_to_string(&catalogue).expect("the catalogue");
    let mut programs: Vec<Value> = serde_json::from_str(&text).expect("a list");
    programs.retain(|program| program["tag"] != "1.8.2");
    let fewer = serde_json::to_string(&programs).expect("JSON");
    std::fs::write(&catalogue, fewer).expect("written");
    let ways = listed(&sandbox);
    assert_eq!(of(&ways, "1.8.2")["found"]["image"], "gone", "{ways:?}");
    let said = words(&sandbox.run(&["rollback", "web", "dev", "--list"]));
    assert!(
        said.contains("cannot be chosen: the image of 1.8.2 is missing"),
        "{said}"
    );
    let back = [
        "rollback", "web", "dev", "--to", "1.8.2", "--yes", "--reason", "slow",
    ];
    let refused = sandbox.run(&back);
    assert_eq!(refused.status.code(), Some(1), "{}", words(&refused));
    assert_eq!(sandbox.live("web", "dev"), "1.9.0");

    std::fs::write(&catalogue, text).expect("written");
    let unknown = sandbox.run(&["rollback", "web", "nowhere", "--list"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", words(&unknown));
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
    sandbox.assert_no_request_failed();
}

/// Copies the head of the newest release of `web/dev` to another id, for a version that was never
/// live there, as another program with write access to the store could.
fn forged_head(sandbox: &Sandbox, tag: &str) -> String {
    let text = std::fs::read_to_string(sandbox.place().join("catalogue.json"));
    let programs: Vec<Value> = serde_json::from_str(&text.expect("the catalogue")).expect("a list");
    let program = programs.iter().find(|program| program["tag"] == tag);
    let words = program.expect("it is listed")["argv"].as_array();
    let words = words.expect("its arguments").iter();
    let mut line = Vec::new();
    for word in words {
        line.extend(word.as_str().expect("a word").bytes());
        line.push(0);
    }
    let digest = Digest::of(&line).to_string();
    let store = Pairs::of(&sandbox.place().join("store.sqlite"));
    let (id, head) = store.newest_ended("web/dev");
    let copy = ulid::Ulid::generate().to_string();
    let mut head: Value = serde_json::from_str(&head.replace(&id, &copy)).expect("JSON");
    head["to"][1]["tag"] = tag.into();
    head["to"][1]["digest"] = digest.into();
    store.put(format!("targets/web/dev/releases/{copy}"), head.to_string());
    copy
}

#[test]
fn a_forged_head_allows_no_rollback() {
    let mut sandbox = Sandbox::kept().up();
    let forged = forged_head(&sandbox, "1.9.1");
    let back = ["rollback", "web", "dev", "--to", "1.9.1", "--yes"];
    let refused = sandbox.run(&[&back[..], &["--reason", "slow"]].concat());
    let said = words(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("was live in this target and was not backed out"),
        "{said}"
    );
    assert!(said.contains(&forged), "{said}");
    assert!(said.contains("does not prove it"), "{said}");
    let ways = listed(&sandbox);
    assert!(
        ways.iter().all(|way| way["version"]["tag"] != "1.9.1"),
        "{ways:?}"
    );
    assert_eq!(of(&ways, "1.8.2")["can_be_chosen"], true, "{ways:?}");
    let shown = words(&sandbox.run(&["rollback", "web", "dev", "--list"]));
    assert!(shown.contains(&forged), "{shown}");
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
}

/// Replaces a text in the catalogue.
fn recast(sandbox: &Sandbox, change: impl FnOnce(&mut Vec<Value>)) {
    let path = sandbox.place().join("catalogue.json");
    let text = std::fs::read_to_string(&path).expect("the catalogue");
    let mut programs: Vec<Value> = serde_json::from_str(&text).expect("a list");
    change(&mut programs);
    let text = serde_json::to_string(&programs).expect("JSON");
    std::fs::write(&path, text).expect("written");
}

/// 1.9.1 without its fault, live in `web/dev`.
fn with_a_third_version(sandbox: &Sandbox) {
    recast(sandbox, |programs| {
        for program in programs.iter_mut().filter(|it| it["tag"] == "1.9.1") {
            let words = program["argv"].as_array_mut().expect("its arguments");
            *words.last_mut().expect("its fault") = "none".into();
        }
    });
    let third = ["promote", "web", "dev", "--version", "1.9.1", "--yes"];
    let third = sandbox.run(&third);
    assert!(third.status.success(), "{}", words(&third));
    assert_eq!(sandbox.live("web", "dev"), "1.9.1");
}

#[test]
fn keys_alone_roll_back_to_the_version_before_last() {
    let mut sandbox = Sandbox::kept().up().hurried();
    with_a_third_version(&sandbox);
    let mut pty = sandbox.on_a_terminal(&["--set", "environments.dev.timing.standby=5s"]);
    pty.resize((140, 40));
    let mut press = |keys: &str, shows: &str| {
        pty.keys(keys);
        pty.wait_for_text(shows, SOON);
    };
    press("", "web · dev");
    press("W", "armed");
    // The live version, the last one, and the one before that, each with the place of its image.
    press("R", "3 versions were live in this target");
    press("", "image present");
    // The cursor starts on the last good version; the plan is shown at once.
    press("\x1b[B\r", "[ Begin the rollback ]");
    press("\x1b[C\r", "1.8.2 is live");
    pty.keys("q");
    drop(pty);
    assert_eq!(sandbox.live("web", "dev"), "1.8.2");
    let held = words(&sandbox.run(&["hold", "web", "dev"]));
    assert!(held.contains("rolled back from 1.9.1 to 1.8.2"), "{held}");
    let history = words(&sandbox.run(&["history", "web", "dev", "--limit", "1"]));
    assert!(history.contains("no reason given yet"), "{history}");
    let reason = ["hold", "web", "dev", "--reason", "slow"];
    let given = sandbox.run(&reason);
    assert_eq!(given.status.code(), Some(0), "{}", words(&given));
    let held = words(&sandbox.run(&["hold", "web", "dev"]));
    assert!(
        held.contains("rolled back from 1.9.1 to 1.8.2: slow"),
        "{held}"
    );
    let history = words(&sandbox.run(&["history", "web", "dev", "--limit", "3"]));
    assert!(history.contains("1.8.2: slow"), "{history}");
    let again = sandbox.run(&reason);
    assert_eq!(again.status.code(), Some(1), "{}", words(&again));
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
    sandbox.assert_no_request_failed();
}

#[test]
fn the_picker_shows_that_an_image_is_gone() {
    let sandbox = Sandbox::kept().up();
    recast(&sandbox, |programs| {
        programs.retain(|program| program["tag"] != "1.8.2");
    });
    let mut pty = sandbox.on_a_terminal(&[]);
    pty.resize((140, 40));
    let mut press = |keys: &str, shows: &str| {
        pty.keys(keys);
        pty.wait_for_text(shows, SOON);
    };
    press("", "web · dev");
    press("W", "armed");
    press("R", "image gone");
    press("1.8.2\r", "cannot be chosen: the image of 1.8.2 is missing");
}

#[test]
fn a_console_whose_terminal_closes_releases_its_lock() {
    let mut sandbox = Sandbox::kept().up();
    let mut pty = sandbox.on_a_terminal(&["--set", "environments.dev.timing.standby=5m"]);
    pty.resize((140, 40));
    let mut press = |keys: &str, shows: &str| {
        pty.keys(keys);
        pty.wait_for_text(shows, SOON);
    };
    press("", "web · dev");
    press("W", "armed");
    press("R", "versions were live in this target");
    // The cursor starts on the last good version; the plan is shown at once.
    press("\r", "[ Begin the rollback ]");
    pty.keys("\x1b[C\r");
    until("1.8.2 has the traffic", SOON, || {
        sandbox.status("web", "dev")["live"] == "blue"
    });
    // The kernel sends this when a terminal is closed.
    let process = i32::try_from(pty.process_id()).expect("a process id");
    let process = rustix::process::Pid::from_raw(process).expect("a process");
    rustix::process::kill_process(process, Signal::HUP).expect("it runs");
    pty.exit_status(SOON);
    let status = sandbox.status("web", "dev");
    assert_eq!(status["snapshot"]["lock"], Value::Null, "{status}");
    assert_eq!(status["live"], "blue", "{status}");
    // In its watch or in its standby: it can be resumed.
    let count = |name: &str| status[name].as_array().expect("a list").len();
    assert_eq!(count("interrupted") + count("standby_left"), 1, "{status}");
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
}
