//! `only_from`: a version must be live in the first environment when its traffic moves, not only
//! when the plan was made.

use std::io::BufRead as _;
use std::process::Stdio;

use serde_json::Value;

use crate::sandbox::{Sandbox, words};

/// Rules that the sandbox does not have: qa comes first, another person approves, and no terminal
/// is needed. The test writes them into the sandbox's file, because a higher layer cannot loosen a
/// rule.
const RULES: &str = "\
[environments.production]
rules = { only_from = \"qa\", approvals = 1, allow_yes = true }
";

#[test]
fn a_version_rolled_back_in_qa_gets_no_production_traffic() {
    let sandbox = Sandbox::temporary().up().hurried();
    let file = sandbox.place().join("greenroom.toml");
    let text = std::fs::read_to_string(&file).expect("the configuration");
    assert!(text.contains("[environments.production]\n"), "{text}");
    let text = text.replacen("[environments.production]\n", RULES, 1);
    std::fs::write(&file, text).expect("written");
    // A rollback has a version to go to.
    for version in ["1.8.2", "1.9.0"] {
        let promote = ["promote", "web", "qa", "--version", version, "--yes"];
        let done = sandbox.run(&promote);
        assert!(done.status.success(), "{}", words(&done));
    }
    let promote = [
        "--json",
        "promote",
        "web",
        "production",
        "--from",
        "qa",
        "--yes",
    ];
    let mut driver = sandbox.command(&promote);
    let mut driver = driver
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("greenroom");
    let lines = std::io::BufReader::new(driver.stdout.take().expect("its output")).lines();
    let mut events = lines.map(|line| {
        let line = line.expect("a line");
        serde_json::from_str::<Value>(&line).expect("JSON")
    });
    let waits = events.find(|event| event["event"] == "waits-for-approvals");
    assert!(
        waits.is_some(),
        "it waits for the approval of another person"
    );

    let back = ["rollback", "web", "qa", "--to", "1.8.2", "--yes"];
    let done = sandbox.run(&back);
    assert!(done.status.success(), "{}", words(&done));
    assert_eq!(sandbox.live("web", "qa"), "1.8.2");
    let ben = ["--set", "operator.name=ben"];
    let approve = ["approve", "web", "production", "--note", "go", "--yes"];
    let approved = sandbox.run(&[&ben[..], &approve].concat());
    assert!(approved.status.success(), "{}", words(&approved));

    let said: Vec<String> = events.map(|event| event.to_string()).collect();
    let ended = driver.wait().expect("it ends");
    let said = said.join("\n");
    assert_eq!(ended.code(), Some(1), "{said}");
    for why in [
        "1.9.0 is no longer live in qa (1.8.2 is live, and release",
        "was a rollback). The traffic does not move",
    ] {
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(sandbox.live("web", "production"), "1.8.2");
}
