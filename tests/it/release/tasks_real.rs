//! Tasks on a real Docker: commands in containers of the new version, at most once per release.

use std::time::Duration;

use greenroom::history::{Outcome, Step};
use greenroom::inventory::Role;
use greenroom::release::{Choice, Command, OnFailure, Progress, Status, Wanted};

use super::command_line::{err, out, run};
use super::fixture::{Finished, Fixture, FixtureOptions, version};
use super::{load, nothing_was_noticed};
use crate::support::{docker, eventually};

/// A task of the fixture's service, as the configuration has it. `script` is run by a shell.
fn task(name: &str, at: &str, script: &str, more: &str) -> String {
    format!(
        "\n[[services.SERVICE.tasks]]\nname = \"{name}\"\nat = \"{at}\"\n\
         command = [\"/bin/busybox\", \"sh\", \"-c\", \"{script}\"]\n{more}\n"
    )
}

/// A command that notes that it ran.
fn notes(name: &str) -> String {
    format!("echo {name} >> /data/ran")
}

/// A fixture with these tasks, in which 1.8.2 is live.
async fn with_tasks(tasks: &[String]) -> Fixture {
    let mut fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    let service = fixture.target.service.to_string();
    let tasks = tasks.concat().replace("SERVICE", &service);
    fixture.rebuild(|text| format!("{text}{tasks}")).await;
    fixture
}

/// Which commands have run, in this order.
fn ran(fixture: &Fixture) -> Vec<String> {
    let file = fixture.place.path().join("data/ran");
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn reason(finished: &Finished) -> String {
    let outcome = finished.outcome();
    let reason = outcome.as_ref().and_then(Outcome::reason);
    reason.unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_task_runs_once_at_its_point() {
    let fixture = with_tasks(&[
        task("contract", "after-stop", &notes("contract"), ""),
        task(
            "warm",
            "before-switch",
            &format!("{}; exit 3", notes("warm")),
            "required = false",
        ),
        task(
            "migrate",
            "before-start",
            &notes("migrate"),
            "environment = { LEVEL = \"9\" }",
        ),
        task("expand", "before-start", &notes("expand"), ""),
        task("tell", "after-switch", &notes("tell"), ""),
        task(
            "elsewhere",
            "before-start",
            &notes("elsewhere"),
            "only_in = []",
        ),
    ])
    .await;
    let plan = fixture.plan(version("1.9.0")).await.expect("a plan");
    let calls = &plan.step(Step::BeforeStart).expect("it has tasks").calls;
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(
        calls[0].starts_with("migrate: run `/bin/busybox sh -c "),
        "{calls:?}"
    );
    let load = load(&fixture).await;
    let finished = fixture.promote("1.9.0").await;
    let report = load.stop().await;
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    assert_eq!(
        ran(&fixture),
        ["migrate", "expand", "warm", "tell", "contract"]
    );
    fixture.stands("1.9.0", Role::Stopped).await;
    assert_eq!(fixture.task_containers().len(), 5);

    // A rollback runs no task, and says which ones stay done.
    let plan = fixture.plan(Wanted::Back(greenroom::inventory::VersionRef::Tag(
        "1.8.2".into(),
    )));
    let plan = plan.await.expect("a plan");
    let stays = plan
        .warnings
        .iter()
        .find(|it| it.contains("undoes no task"));
    let stays = stays.expect("a warning");
    assert!(stays.contains("migrate (1.9.0), expand (1.9.0)"), "{stays}");
    assert!(plan.step(Step::BeforeStart).is_none());

    // The next release removes the containers of the last one.
    let finished = fixture.promote("1.9.2").await;
    assert!(finished.is_backed_out(), "{finished:?}");
    let left = fixture.task_containers();
    assert_eq!(
        left.len(),
        2,
        "migrate and expand of the second release: {left:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_task_undoes_the_earlier_tasks() {
    let fixture = with_tasks(&[
        task(
            "migrate",
            "before-start",
            &notes("migrate"),
            "undo = [\"/bin/busybox\", \"sh\", \"-c\", \"echo down >> /data/ran\"]",
        ),
        task("seed", "before-start", &notes("seed"), ""),
        task(
            "break",
            "before-switch",
            &format!("{}; echo refused $PASSWORD; echo; exit 3", notes("break")),
            "environment = { PASSWORD = \"s3cret-w0rd-9\" }",
        ),
    ])
    .await;
    let load = load(&fixture).await;
    let finished = fixture.promote("1.9.0").await;
    let report = load.stop().await;
    assert!(finished.is_backed_out(), "{finished:?}");
    assert_eq!(finished.failed_step(), Some(Step::BeforeSwitch));
    let reason = reason(&finished);
    let expected =
        "break failed: exit 3: refused (hidden). Read its output: docker logs greenroom-";
    assert!(reason.contains(expected), "{reason}");
    assert_eq!(ran(&fixture), ["migrate", "seed", "break", "down"]);
    nothing_was_noticed(&report);
    fixture.stands("1.8.2", Role::Empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_runs_too_long_is_stopped_when_the_release_backs_out() {
    let slow = format!(
        "{}; trap 'exit 1' TERM; while :; do sleep 0.1; done",
        notes("slow")
    );
    let fixture = with_tasks(&[task("slow", "before-start", &slow, "timeout = \"1s\"")]).await;
    let finished = fixture.promote("1.9.0").await;
    assert!(finished.is_backed_out(), "{finished:?}");
    let reason = reason(&finished);
    assert!(
        reason.contains("slow is still running after 1s"),
        "{reason}"
    );
    assert_eq!(ran(&fixture), ["slow"]);
    fixture.stands("1.8.2", Role::Empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_whose_container_is_gone_fails_the_release() {
    let slow = format!("{}; sleep 30", notes("slow"));
    let fixture = with_tasks(&[task("slow", "before-start", &slow, "")]).await;
    let running = fixture.begin(version("1.9.0")).await;
    running
        .until("it runs", |status| {
            matches!(status.progress, Progress::Forward(Step::BeforeStart))
        })
        .await;
    eventually("the task runs", Duration::from_secs(20), || async {
        !ran(&fixture).is_empty()
    })
    .await;
    for name in fixture.task_containers() {
        let removed = std::process::Command::new("docker")
            .args(["-H", &docker(), "rm", "--force", &name])
            .output();
        assert!(removed.expect("the docker client").status.success());
    }
    let finished = running.finish().await;
    assert!(finished.is_backed_out(), "{finished:?}");
    let reason = reason(&finished);
    assert!(
        reason.contains("not known whether slow has run"),
        "{reason}"
    );
    assert_eq!(ran(&fixture), ["slow"], "it never runs a second time");
    fixture.stands("1.8.2", Role::Empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_after_the_stop_waits_for_the_standby() {
    let mut fixture = with_tasks(&[task("contract", "after-stop", &notes("contract"), "")]).await;
    fixture
        .rebuild(|text| text.replace("standby = \"1s\"", "standby = \"5m\""))
        .await;
    let running = fixture.begin(version("1.9.0")).await;
    running
        .until("standby", |status| {
            matches!(status.progress, Progress::Standby { .. })
        })
        .await;
    assert!(running.handle.status().borrow().is_live_with_standby());
    let next = fixture.plan(version("1.9.1")).await.expect("a plan");
    let left_out = next.warnings.iter().find(|it| it.contains("do not run"));
    let left_out = left_out.expect("a warning");
    assert!(
        left_out.ends_with("contract. To run them, first let that release end"),
        "{left_out}"
    );
    assert_eq!(ran(&fixture), [""; 0]);
    running
        .handle
        .command(Command::EndStandby)
        .await
        .expect("driven");
    let finished = running.finish().await;
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    assert_eq!(ran(&fixture), ["contract"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_output_of_tasks_is_kept_with_the_release() {
    let fixture = with_tasks(&[
        task(
            "migrate",
            "before-start",
            "echo adding a column with $PASSWORD; echo careful >&2",
            "undo = [\"/bin/busybox\", \"echo\", \"dropping the column\"]\n\
             environment = { PASSWORD = { command = [\"echo\", \"s3cret-w0rd-9\"] } }",
        ),
        task("break", "before-switch", "echo no disk; exit 3", ""),
    ])
    .await;
    let service = fixture.target.service.to_string();
    let promote = ["promote", &service, "production", "--yes", "--version"];
    let failed = run(&fixture, &[&promote[..], &["1.9.0"]].concat()).await;
    assert_eq!(failed.status.code(), Some(1), "{}", out(&failed));
    let last = err(&failed);
    assert!(
        last.contains("the last log lines of the task break:\n  no disk\n"),
        "{last}"
    );
    let shown = run(&fixture, &["show", "last", &service, "--logs"]).await;
    let shown = out(&shown);
    // In the order in which they ran.
    let (_, tasks) = shown
        .split_once("log of the task migrate, 2 lines")
        .expect("the log of the first task");
    let at = |text: &str| {
        tasks
            .find(text)
            .unwrap_or_else(|| panic!("{text}: {shown}"))
    };
    let order = [
        "adding a column with (hidden)",
        "log of the candidate, ",
        "log of the task break, 1 line",
        "no disk",
        "log of the undo of migrate, 1 line",
        "dropping the column",
    ];
    assert!(order.is_sorted_by_key(|text| at(text)), "{shown}");
    assert!(at("err careful") < at("log of the candidate, "), "{shown}");
    assert!(!shown.contains("s3cret-w0rd-9"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_skipped_task_does_not_run_also_after_resuming() {
    let fixture = with_tasks(&[
        task("expand", "before-start", &notes("expand"), ""),
        task("migrate", "before-start", &notes("migrate"), ""),
        task("contract", "after-stop", &notes("contract"), ""),
    ])
    .await;
    let service = fixture.target.service.to_string();
    let skip = ["--skip-task", "migrate", "--skip-task", "contract"];
    let promote = [
        "promote",
        &service,
        "production",
        "--version",
        "1.9.0",
        "--yes",
    ];
    let without_reason = run(&fixture, &[&promote[..], &skip].concat()).await;
    assert_eq!(without_reason.status.code(), Some(2));
    let unknown = ["--reason", "done by hand", "--skip-task", "move"];
    let unknown = run(&fixture, &[&promote[..], &unknown].concat()).await;
    assert_eq!(unknown.status.code(), Some(1), "{}", out(&unknown));
    let words =
        "there is no task move to skip: the tasks of the target are expand, migrate, contract";
    assert!(err(&unknown).contains(words), "{}", err(&unknown));

    let leaves = ["--reason", "done by hand", "--no-standby-wait"];
    let done = run(&fixture, &[&promote[..], &skip, &leaves].concat()).await;
    let said = out(&done);
    assert!(
        said.contains("does not run these tasks: migrate, contract"),
        "{said}"
    );
    assert_eq!(ran(&fixture), ["expand"]);
    let resumed = run(&fixture, &["resume", &service, "production", "--yes"]).await;
    assert_eq!(resumed.status.code(), Some(0), "{}", err(&resumed));
    assert_eq!(ran(&fixture), ["expand"]);
    let shown = run(&fixture, &["show", "last", &service]).await;
    let shown = out(&shown);
    assert!(
        shown.contains("skipped the tasks: migrate, contract"),
        "{shown}"
    );
    fixture.stands("1.9.0", Role::Stopped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_skips_an_undo_that_fails() {
    let fixture = with_tasks(&[
        task(
            "migrate",
            "before-start",
            &notes("migrate"),
            "undo = [\"/bin/busybox\", \"false\"]",
        ),
        task("break", "before-switch", "exit 3", ""),
    ])
    .await;
    let running = fixture.begin_with(version("1.9.0"), OnFailure::Ask).await;
    let choose = async |step, choice| {
        let asks = |status: &Status| match &status.progress {
            Progress::Choosing {
                step: it, choices, ..
            } => *it == step && choices.contains(&choice),
            _ => false,
        };
        running.until(&format!("{step} failed"), asks).await;
        let by = fixture.app.engine.operator().clone();
        let note = None;
        let chosen = running.handle.command(Command::Choose { choice, by, note });
        chosen.await.expect("driven");
    };
    choose(Step::BeforeSwitch, Choice::BackOut).await;
    choose(Step::BeforeStart, Choice::Skip).await;
    let finished = running.finish().await;
    assert!(finished.is_backed_out(), "{finished:?}");
    let reason = reason(&finished);
    assert!(
        reason.contains("the undo of before-start was skipped"),
        "{reason}"
    );
    fixture.stands("1.8.2", Role::Empty).await;
}
