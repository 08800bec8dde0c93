//! Checks in containers, on a real Docker: they reach the candidate, decide about the release, and leave nothing behind.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use greenroom::checks::{CaseReport, Verdict};
use greenroom::history::{Outcome, Step};
use greenroom::inventory::Role;
use greenroom::release::Command;
use rustix::process::{Pid, Signal, kill_process};

use super::command_line::{greenroom, out, run};
use super::fixture::{Fixture, FixtureOptions, version};
use crate::docker::fixture::{docker, import, unique};
use crate::support::{eventually, registry};

const SOON: Duration = Duration::from_secs(30);

/// A check in a container of the candidate's image, as the configuration has it. `script` is run by a shell.
fn check(name: &str, script: &str, more: &str) -> String {
    let command = ["/bin/busybox", "sh", "-c"].map(|word| format!("\"{word}\""));
    let command = command.join(", ");
    section(
        name,
        &format!("command = [{command}, '{script}']\ncontainer = true\n{more}"),
    )
}

fn section(name: &str, keys: &str) -> String {
    format!("\n[[services.SERVICE.checks]]\nname = \"{name}\"\n{keys}\n")
}

/// A fixture with these checks, in which 1.8.2 is live.
async fn with_checks(options: FixtureOptions, checks: &[String]) -> Fixture {
    let mut fixture = Fixture::new(options).await.with("1.8.2").await;
    let service = fixture.target.service.to_string();
    let checks = checks.concat().replace("SERVICE", &service);
    fixture.rebuild(|text| format!("{text}{checks}")).await;
    fixture
}

/// The ids of the containers of the fixture's checks.
fn containers(fixture: &Fixture) -> Vec<String> {
    labelled(fixture, "greenroom.check")
}

/// The ids of the fixture's containers with a label.
fn labelled(fixture: &Fixture, label: &str) -> Vec<String> {
    let service = format!("label=greenroom.service={}", fixture.target.service);
    let listed = docker(&[
        "ps",
        "--all",
        "--quiet",
        "--no-trunc",
        "--filter",
        &service,
        "--filter",
        &format!("label={label}"),
    ]);
    listed.lines().map(str::to_owned).collect()
}

/// Pushes an image whose own command, as another user than root, writes a report with a failed test. Docker does not
/// keep the image.
fn push_end_to_end(reference: &str) {
    let files = format!("{reference}-files");
    import(
        &files,
        &[("greenroom.slot", "blue"), ("greenroom.task", "migrate")],
        10,
    );
    let container = docker(&["create", &files]);
    let script = "busybox wget -q -O /dev/null $GREENROOM_URL/version && busybox id -u && \
        echo '<testsuite name=\"orders\"><testcase name=\"list\"/><testcase name=\"pay\"><failure message=\"402\"/></testcase></testsuite>' > $GREENROOM_REPORT";
    let command = serde_json::json!(["sh", "-c", script]);
    let changes = [format!("CMD {command}"), "USER 1000:1000".to_owned()];
    let mut commit = vec!["commit"];
    commit.extend(changes.iter().flat_map(|change| ["--change", change]));
    commit.extend([container.as_str(), reference]);
    docker(&commit);
    docker(&["rm", &container]);
    docker(&["push", "--quiet", reference]);
    docker(&["rmi", reference, &files]);
}

fn report<'a>(cases: &'a [CaseReport], name: &str) -> &'a CaseReport {
    let case = cases.iter().find(|case| case.name == name);
    case.unwrap_or_else(|| panic!("{name}: {cases:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_decides_like_a_command_and_is_removed() {
    let end_to_end = format!("{}/{}:1.4", registry(), unique("e2e"));
    push_end_to_end(&end_to_end);
    let missing = format!("{}/{}:1.4", registry(), unique("missing"));
    let inside = "test $GREENROOM_URL = http://127.0.0.1:8080 && /bin/busybox wget -q -O - $GREENROOM_URL/version && \
        echo $LEVEL >> $SAMPLE_DATA/checked && echo in with $PASSWORD";
    let fixture = with_checks(
        FixtureOptions::default(),
        &[
            check(
                "inside",
                inside,
                "environment = { LEVEL = \"9\", PASSWORD = \"s3cret-w0rd-9\" }",
            ),
            section(
                "end to end",
                &format!("image = \"{end_to_end}\"\njunit = true\nrequired = false"),
            ),
            section(
                "missing image",
                &format!("image = \"{missing}\"\nrequired = false"),
            ),
            section(
                "missing program",
                "command = [\"/nowhere\"]\ncontainer = true\nrequired = false",
            ),
            check(
                "slow",
                "echo waiting; sleep 600",
                "timeout = \"1s\"\nrequired = false",
            ),
            check(
                "no report",
                "printf unfinished; exit 0",
                "junit = true\nrequired = false",
            ),
        ],
    )
    .await;
    let plan = fixture.plan(version("1.9.0")).await.expect("a plan");
    let calls = &plan.step(Step::Verify).expect("it verifies").calls;
    for words in [
        "in a new container of the candidate's image",
        &format!("in a new container of {end_to_end}"),
    ] {
        assert!(
            calls.iter().any(|call| call.contains(words)),
            "{words}: {calls:?}"
        );
    }
    let finished = fixture.promote("1.9.0").await;
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    let cases = &finished.status.cases;
    let inside = report(cases, "inside");
    assert_eq!(inside.verdict, Verdict::Passed, "{inside:?}");
    assert!(inside.response.contains("1.9.0"), "{inside:?}");
    assert!(inside.response.contains("in with (hidden)"), "{inside:?}");
    let written = std::fs::read_to_string(fixture.place.path().join("data/checked"));
    assert_eq!(written.expect("the check ran"), "9\n");
    for (name, verdict, detail) in [
        ("end to end", Verdict::Failed, "1 of 2 tests failed: pay"),
        ("missing image", Verdict::Errored, missing.as_str()),
        ("missing program", Verdict::Errored, "/nowhere"),
        (
            "slow",
            Verdict::Failed,
            "it was still running after 1s: waiting",
        ),
        ("no report", Verdict::Errored, "it wrote no JUnit report"),
    ] {
        let case = report(cases, name);
        assert_eq!(case.verdict, verdict, "{case:?}");
        assert!(case.detail.contains(detail), "{case:?}");
    }
    assert_eq!(report(cases, "end to end").response.trim(), "1000");
    assert_eq!(report(cases, "no report").response.trim(), "unfinished");
    assert_eq!(containers(&fixture), Vec::<String>::new());
    docker(&["rmi", &end_to_end]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_reaches_a_candidate_that_listens_on_a_socket() {
    let script = "test $GREENROOM_ADDRESS = unix:/run/sample/app.sock && test -z \"$GREENROOM_URL\" && test -S /run/sample/app.sock";
    let options = FixtureOptions {
        on_sockets: true,
        ..FixtureOptions::default()
    };
    let fixture = with_checks(options, &[check("socket", script, "")]).await;
    let finished = fixture.promote("1.9.0").await;
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_check_stops_the_release() {
    let fixture = with_checks(
        FixtureOptions::default(),
        &[check("smoke", "echo no disk; exit 3", "")],
    )
    .await;
    let finished = fixture.promote("1.9.0").await;
    assert!(finished.is_backed_out(), "{finished:?}");
    assert_eq!(finished.failed_step(), Some(Step::Verify));
    assert_eq!(
        report(&finished.status.cases, "smoke").detail,
        "exit 3: no disk"
    );
    assert_eq!(containers(&fixture), Vec::<String>::new());
    fixture.stands("1.8.2", Role::Empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_container_of_a_check_is_removed_before_the_next_check() {
    let fixture = with_checks(
        FixtureOptions::default(),
        &[
            check("first", "touch $SAMPLE_DATA/first", ""),
            check(
                "second",
                "until [ -e $SAMPLE_DATA/go ]; do sleep 0.1; done; echo $GREENROOM_SLOT",
                "environment = { GREENROOM_SLOT = \"configured\" }",
            ),
        ],
    )
    .await;
    let running = fixture.begin(version("1.9.0")).await;
    eventually("the second check runs", SOON, || async {
        !labelled(&fixture, "greenroom.check=second").is_empty()
    })
    .await;
    assert!(fixture.place.path().join("data/first").exists());
    assert_eq!(
        labelled(&fixture, "greenroom.check=first"),
        Vec::<String>::new()
    );
    let_go(fixture.place.path());
    let finished = running.finish().await;
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    let second = report(&finished.status.cases, "second");
    // Greenroom's own variables replace configured ones.
    assert!(
        ["blue", "green"].contains(&second.response.trim()),
        "{second:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backing_out_removes_the_container_of_a_running_check() {
    let fixture = with_checks(FixtureOptions::default(), &[check("slow", "sleep 600", "")]).await;
    let running = fixture.begin(version("1.9.0")).await;
    eventually("the check runs", SOON, || async {
        !containers(&fixture).is_empty()
    })
    .await;
    let by = running.handle.status().borrow().plan.operator.clone();
    let back_out = Command::BackOut {
        by,
        reason: "a test".into(),
    };
    running.handle.command(back_out).await.expect("driven");
    let finished = running.finish().await;
    assert!(finished.is_backed_out(), "{finished:?}");
    assert_eq!(containers(&fixture), Vec::<String>::new());
}

/// Starts a release from the command line, and kills it while the check `wait` is running. Returns the id of the
/// container that it leaves.
async fn kill_in_check(fixture: &Fixture) -> String {
    let service = fixture.target.service.to_string();
    let promote = [
        "promote",
        &service,
        "production",
        "--yes",
        "--version",
        "1.9.0",
    ];
    let mut command = greenroom(fixture, &promote);
    let mut driver = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    eventually("the check runs", SOON, || async {
        let ids = containers(fixture);
        ids.iter()
            .any(|id| docker(&["inspect", "--format", "{{.State.Running}}", id]) == "true")
    })
    .await;
    kill_process(Pid::from_child(&driver), Signal::KILL).expect("killed");
    driver.wait().expect("it ends");
    let left = containers(fixture);
    assert_eq!(left.len(), 1, "{left:?}");
    left[0].clone()
}

/// A check that waits until the file `go` exists.
fn waiting() -> String {
    check(
        "wait",
        "until [ -e $SAMPLE_DATA/go ]; do sleep 0.1; done; hostname",
        "",
    )
}

fn let_go(place: &Path) {
    std::fs::write(place.join("data/go"), "").expect("written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_driver_leaves_no_container_after_the_release_was_backed_out() {
    let fixture = with_checks(FixtureOptions::default(), &[waiting()]).await;
    kill_in_check(&fixture).await;
    let service = fixture.target.service.to_string();
    let resume = [
        "resume",
        &service,
        "production",
        "--back-out",
        "--take-over",
        "--reason",
        "it died",
        "--yes",
    ];
    let resumed = run(&fixture, &resume).await;
    assert_eq!(
        containers(&fixture),
        Vec::<String>::new(),
        "{}",
        out(&resumed)
    );
    fixture.stands("1.8.2", Role::Empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_driver_leaves_no_container_after_the_release_was_resumed() {
    let fixture = with_checks(FixtureOptions::default(), &[waiting()]).await;
    let left = kill_in_check(&fixture).await;
    let service = fixture.target.service.to_string();
    let resume = [
        "resume",
        &service,
        "production",
        "--take-over",
        "--reason",
        "it died",
        "--yes",
    ];
    let resuming = run(&fixture, &resume);
    let watching = async {
        eventually("another container runs", SOON, || async {
            let ids = containers(&fixture);
            ids.len() == 1 && ids[0] != left
        })
        .await;
        let_go(fixture.place.path());
    };
    let (resumed, ()) = tokio::join!(resuming, watching);
    assert_eq!(resumed.status.code(), Some(0), "{}", out(&resumed));
    assert_eq!(containers(&fixture), Vec::<String>::new());
    fixture.stands("1.9.0", Role::Stopped).await;
}
