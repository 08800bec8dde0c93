//! The output of candidates is archived with their releases, from start to end, in a sandbox: of
//! candidates that failed before they answered, and of those that became live.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::sandbox::{Sandbox, words};
use crate::support::json_lines::{json_data, json_list};

const SOON: Duration = Duration::from_secs(30);

fn release(sandbox: &Sandbox, version: &str) -> String {
    let promote = ["promote", "web", "dev", "--version", version, "--yes"];
    let hurry = ["--set", "environments.dev.timing.health_deadline=5s"];
    sandbox.run(&[&hurry[..], &promote].concat());
    let last = sandbox.run(&["--json", "history", "web", "dev", "--limit", "1"]);
    let last = json_list(&last, "items").remove(0);
    assert_eq!(last["to"][1]["tag"], version);
    last["id"].as_str().expect("an id").to_owned()
}

/// Gives a version of the catalogue another fault.
fn with_fault(sandbox: &Sandbox, version: &str, fault: &str) {
    let path = sandbox.place().join("catalogue.json");
    let text = std::fs::read_to_string(&path).expect("the catalogue");
    let mut programs: Vec<Value> = serde_json::from_str(&text).expect("a list");
    for program in programs
        .iter_mut()
        .filter(|program| program["tag"] == version)
    {
        let words = program["argv"].as_array_mut().expect("its arguments");
        *words.last_mut().expect("its fault") = fault.into();
    }
    std::fs::write(&path, serde_json::to_string(&programs).expect("JSON")).expect("written");
}

#[test]
fn the_output_of_a_candidate_is_archived_for_every_outcome() {
    let sandbox = Sandbox::kept().up().hurried();
    with_fault(&sandbox, "1.9.1", "crash");
    for (version, begins, ends) in [
        // It exits before it has answered, and is removed.
        (
            "1.9.1",
            "1.9.1 cannot read its settings",
            "crashes on purpose",
        ),
        ("1.9.2", "1.9.2 listens on", "1.9.2 has ended"),
        // It keeps running after its release has ended.
        ("1.8.2", "1.8.2 listens on", "GET /"),
    ] {
        let id = release(&sandbox, version);
        let shown = sandbox.run(&["show", &id, "--logs"]);
        assert!(shown.status.success(), "{}", words(&shown));
        let shown = words(&shown);
        let (_, log) = shown.split_once("log of the candidate, ").expect("its log");
        assert!(
            log.contains(begins) && log.contains(ends),
            "{version}: {log}"
        );
        let json = sandbox.run(&["--json", "show", &id]);
        let json = json_data(&json);
        assert!(
            json["logs"] == serde_json::json!([]) && json["log_lines"].as_u64() > Some(0),
            "{json}"
        );
    }

    // Without an archive nothing is kept.
    let silent = ["--set", "history.keep_logs=false"];
    let promote = ["promote", "web", "dev", "--version", "1.9.0", "--yes"];
    let done = sandbox.run(&[&silent[..], &promote].concat());
    assert!(done.status.success(), "{}", words(&done));
    let last = sandbox.run(&["--json", "history", "web", "dev", "--limit", "1"]);
    let last = json_list(&last, "items").remove(0);
    let shown = sandbox.run(&["show", last["id"].as_str().expect("an id"), "--logs"]);
    assert!(
        words(&shown).contains("the archive has no log of this release"),
        "{}",
        words(&shown)
    );
}

/// Another operator has a console open, with a separate archive: it archives the log of a release
/// that it did not drive.
#[test]
fn a_watching_console_archives_the_output_of_anothers_candidate() {
    let sandbox = Sandbox::kept().up();
    // Only the file sets the archive of a protected environment, and production is one.
    let file = sandbox.place().join("greenroom.toml");
    let anas = std::fs::read_to_string(&file).expect("the configuration");
    let bens = anas.replace("archive.sqlite", "bens.sqlite");
    assert_ne!(anas, bens);
    std::fs::write(&file, &bens).expect("written");
    let mut ben = sandbox.on_a_terminal(&[]);
    ben.wait_for_text("web · dev", SOON);
    std::fs::write(&file, &anas).expect("written");
    let id = release(&sandbox, "1.9.2");
    std::fs::write(&file, &bens).expect("written");
    let until = Instant::now() + SOON;
    let log = loop {
        let shown = sandbox.run(&["show", &id, "--logs", "--offline"]);
        let shown = words(&shown);
        if let Some((_, log)) = shown.split_once("log of the candidate, ") {
            break log.to_owned();
        }
        assert!(Instant::now() < until, "it is not there: {shown}");
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(
        log.contains("1.9.2 listens on") && log.contains("1.9.2 has ended"),
        "{log}"
    );
    // Quitting does not wait for anything.
    ben.keys("q");
    assert_eq!(ben.exit_status(SOON).exit_code(), 0);
}
