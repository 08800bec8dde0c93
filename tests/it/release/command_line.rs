//! The real binary with the real servers: its texts, its JSON lines and its exit codes.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use greenroom::history::Step;
use greenroom::inventory::{Role, Slot};
use greenroom::release::step_summaries;

use super::fixture::{Fixture, FixtureOptions};
use super::load;
use crate::support::eventually;
use crate::support::json_lines::{json_data, json_end, json_lines, json_list};

pub(super) fn greenroom(fixture: &Fixture, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command
        .arg("--config")
        .arg(fixture.place.path().join("greenroom.toml"))
        .args(arguments)
        // The log goes to the test's own directory.
        .env("XDG_STATE_HOME", fixture.place.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(super) async fn run(fixture: &Fixture, arguments: &[&str]) -> Output {
    let mut command = greenroom(fixture, arguments);
    tokio::task::spawn_blocking(move || command.output().expect("it runs"))
        .await
        .expect("it ends")
}

pub(super) fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(super) fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promote_prints_each_step_as_json_and_exits_with_0_1_or_2() {
    let fixture = Fixture::new(FixtureOptions::default()).await;
    let service = fixture.target.service.to_string();
    let promote = |version: &'static str| {
        vec![
            "--json",
            "promote",
            &service,
            "production",
            "--yes",
            "--reason",
            "a test",
            "--version",
            version,
        ]
    };
    let first = run(&fixture, &promote("1.8.2")).await;
    assert_eq!(
        first.status.code(),
        Some(0),
        "{}{}",
        out(&first),
        err(&first)
    );
    let lines = json_lines(&first);
    assert_eq!(lines.first().map(|l| &l["event"]), Some(&"plan".into()));
    assert_eq!(lines.last().map(|l| &l["event"]), Some(&"end".into()));
    // Nothing was live before, so nothing is drained or stopped, and there is no task.
    let steps = step_summaries().map(|(step, _)| step);
    let is_left_out = |step: &Step| {
        let ends_old = matches!(step, Step::StopOld | Step::Drain | Step::Quiet | Step::Stop);
        ends_old || step.runs_tasks()
    };
    for step in steps.filter(|step| !is_left_out(step)) {
        let step = step.as_str();
        assert!(
            lines
                .iter()
                .any(|l| l["event"] == "settled" && l["data"]["step"] == step),
            "{step} in {}",
            out(&first)
        );
    }
    let again = run(&fixture, &promote("1.8.2")).await;
    assert_eq!(again.status.code(), Some(0), "{}", err(&again));
    let nothing = json_data(&again);
    assert_eq!(nothing["release"], serde_json::Value::Null, "{nothing}");
    let words = nothing["text"].as_str().unwrap_or_default();
    assert!(
        words.starts_with("nothing to do: ") && words.contains("already live"),
        "{words}"
    );
    let missing = run(&fixture, &promote("7.7.7")).await;
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        err(&missing).contains("has no version 7.7.7"),
        "{}",
        err(&missing)
    );
    let error = json_end(&missing)["error"].take();
    assert_eq!(error["kind"], "refused");
    let why = error["message"].as_str().unwrap_or_default();
    assert!(why.contains("has no version 7.7.7"), "{error}");
    let broken = run(&fixture, &promote("1.9.2")).await;
    assert_eq!(broken.status.code(), Some(1), "{}", err(&broken));
    assert!(out(&broken).contains("orders failed"), "{}", out(&broken));
    fixture.stands("1.8.2", Role::Empty).await;
    what_the_candidate_wrote_is_kept(&fixture, "backed-out", "GET /orders 500").await;
    a_failure_is_said_once_with_the_next_command(&fixture).await;
    let wrong = run(&fixture, &["promote", &service, "production"]).await;
    assert_eq!(wrong.status.code(), Some(2));
    let without_a_terminal = run(
        &fixture,
        &["promote", &service, "production", "--version", "1.9.0"],
    )
    .await;
    assert_eq!(without_a_terminal.status.code(), Some(2));
    assert!(
        err(&without_a_terminal).contains("this command asks a question, and standard input"),
        "{}",
        err(&without_a_terminal)
    );
    let history = run(&fixture, &["--json", "history"]).await;
    let outcomes: Vec<String> = json_list(&history, "items")
        .iter()
        .map(|l| {
            l["closed"][1]["outcome"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    assert_eq!(outcomes, ["backed-out", "backed-out", "done"]);
    let status = run(&fixture, &["--json", "status"]).await;
    assert_eq!(status.status.code(), Some(0), "{}", out(&status));
    let lines = json_list(&status, "targets");
    assert_eq!(lines[0]["live"], "blue");
    assert_eq!(lines[0]["agreed"], true);
    let doctor = run(&fixture, &["doctor"]).await;
    assert_eq!(doctor.status.code(), Some(0), "{}", out(&doctor));
}

/// The live version's watch has not ended, so promoting it again is more than nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promoting_the_live_version_fails_while_its_release_is_interrupted() {
    let options = FixtureOptions {
        standby: "10m",
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let service = fixture.target.service.to_string();
    let promote = [
        "promote",
        &service,
        "production",
        "--yes",
        "--version",
        "1.9.0",
    ];
    let mut child = greenroom(&fixture, &promote).spawn().expect("it runs");
    eventually("green is live", Duration::from_mins(1), || async {
        fixture.snapshot().await.live() == Some(Slot::Green)
    })
    .await;
    let pid = child.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(killed.expect("kill").success());
    let ended = tokio::task::spawn_blocking(move || child.wait().expect("it ends"));
    ended.await.expect("joined");
    let again = run(&fixture, &promote).await;
    assert_eq!(again.status.code(), Some(1), "{}", out(&again));
    assert!(err(&again).contains("refused"), "{}", err(&again));
    assert!(!out(&again).contains("nothing to do"), "{}", out(&again));
}

/// The output for a person: the reason once, the candidate's last lines, and where to look.
async fn a_failure_is_said_once_with_the_next_command(fixture: &Fixture) {
    let service = fixture.target.service.as_str();
    let failing = [
        "promote",
        service,
        "production",
        "--yes",
        "--version",
        "1.9.2",
    ];
    let broken = run(fixture, &failing).await;
    assert_eq!(broken.status.code(), Some(1));
    let said = out(&broken);
    assert_eq!(said.matches("verify failed").count(), 1, "{said}");
    let next = err(&broken);
    assert!(
        next.contains("the last log lines of the candidate:"),
        "{next}"
    );
    assert!(next.contains("GET /orders 500"), "{next}");
    assert!(next.contains("next: greenroom show 01"), "{next}");
}

/// An operator who knows that a check is broken overrides it, in a promote and in a rollback.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_check_is_overridden_with_a_reason() {
    let fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    let service = fixture.target.service.to_string();
    let promote = [
        "promote",
        &service,
        "production",
        "--yes",
        "--version",
        "1.9.2",
    ];
    let unknown = ["--override-check", "basket", "--reason", "broken"];
    let unknown = run(&fixture, &[&promote[..], &unknown].concat()).await;
    assert_eq!(unknown.status.code(), Some(1), "{}", out(&unknown));
    let words =
        "there is no required check basket to override: the required checks of the target are ";
    assert!(err(&unknown).contains(words), "{}", err(&unknown));
    let over = ["--override-check", "orders"];
    let no_reason = run(&fixture, &[&promote[..], &over].concat()).await;
    assert_eq!(no_reason.status.code(), Some(2), "{}", out(&no_reason));

    let because = ["--reason", "it counts wrongly", "--no-standby-wait"];
    let done = run(&fixture, &[&promote[..], &over, &because].concat()).await;
    let said = out(&done);
    assert_eq!(done.status.code(), Some(0), "{said}{}", err(&done));
    assert!(
        said.contains("continues if these checks do not pass: orders"),
        "{said}"
    );
    assert!(said.contains("passed, overridden: orders"), "{said}");
    fixture.stands("1.9.2", Role::Standby).await;
    let shown = out(&run(&fixture, &["show", "last", &service]).await);
    let by = fixture.app.engine.operator().to_string();
    assert!(
        shown.contains(&format!("overridden by {by}: it counts wrongly")),
        "{shown}"
    );
}

/// The container is removed, but its output is kept.
async fn what_the_candidate_wrote_is_kept(fixture: &Fixture, outcome: &str, line: &str) {
    let listed = ["--json", "history", "--outcome", outcome, "--limit", "1"];
    let listed = run(fixture, &listed).await;
    let id = json_list(&listed, "items")[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let shown = run(fixture, &["show", &id, "--logs"]).await;
    assert!(
        out(&shown).contains("log of the candidate") && out(&shown).contains(line),
        "{}{}",
        out(&shown),
        err(&shown)
    );
    let without = run(fixture, &["show", &id]).await;
    assert!(
        out(&without).contains("--logs shows them"),
        "{}",
        out(&without)
    );
    assert!(!out(&without).contains(line), "{}", out(&without));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_protected_environment_refuses_yes_unless_its_rules_allow_it() {
    let options = FixtureOptions {
        tier: "protected",
        ..FixtureOptions::default()
    };
    let mut fixture = Fixture::new(options).await;
    let service = fixture.target.service.to_string();
    let promote = [
        "promote",
        &service,
        "production",
        "--yes",
        "--version",
        "1.8.2",
    ];
    let refused = run(&fixture, &promote).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        err(&refused).contains("do not allow --yes"),
        "{}",
        err(&refused)
    );
    fixture.allow_yes().await;
    let looked = run(
        &fixture,
        &[
            "--read-only",
            "promote",
            &service,
            "production",
            "--yes",
            "--version",
            "1.8.2",
        ],
    )
    .await;
    assert_eq!(looked.status.code(), Some(1));
    assert!(err(&looked).contains("read-only"), "{}", err(&looked));
    let allowed = run(&fixture, &promote).await;
    assert_eq!(
        allowed.status.code(),
        Some(0),
        "{}{}",
        out(&allowed),
        err(&allowed)
    );
    assert!(
        out(&allowed).contains("switch approved by"),
        "{}",
        out(&allowed)
    );
}

/// Ctrl-C before the switch undoes everything. A SIGTERM leaves the release as it is; `status`
/// shows it, and the next promote removes what it left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_backs_out_or_leaves_a_release_and_keeps_the_traffic() {
    let fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    let service = fixture.target.service.to_string();
    let load = load(&fixture).await;
    let promote = [
        "promote",
        &service,
        "production",
        "--yes",
        "--version",
        "1.9.1",
    ];
    for (signal, other, code) in [("-INT", Role::Empty, 130), ("-TERM", Role::Candidate, 130)] {
        let mut child = greenroom(&fixture, &promote).spawn().expect("it runs");
        eventually("the candidate runs", Duration::from_secs(20), || async {
            fixture.snapshot().await.slots.green.members.are_running()
        })
        .await;
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .expect("kill")
                .success()
        );
        let ended = tokio::task::spawn_blocking(move || child.wait().expect("it ends"));
        let ended = tokio::time::timeout(Duration::from_secs(30), ended).await;
        assert_eq!(
            ended.expect("in time").expect("joined").code(),
            Some(code),
            "{signal}"
        );
        fixture.stands("1.8.2", other).await;
    }
    let status = run(&fixture, &["status"]).await;
    assert!(out(&status).contains("was interrupted"), "{}", out(&status));
    assert!(out(&status).contains("candidate"), "{}", out(&status));
    let next = run(
        &fixture,
        &[
            "promote",
            &service,
            "production",
            "--yes",
            "--version",
            "1.9.0",
        ],
    )
    .await;
    assert_eq!(next.status.code(), Some(0), "{}{}", out(&next), err(&next));
    let report = load.stop().await;
    println!("signals: {report}");
    super::nothing_was_noticed(&report);
    fixture.stands("1.9.0", Role::Stopped).await;
}
