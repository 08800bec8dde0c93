//! Commands of tasks as plain processes: each runs at most once, and its exit code outlives Greenroom.

use greenroom::inventory::{
    EnvironmentValue, FencingToken, InstanceState, ReleaseId, SecretSource, TaskCall, TaskRun,
    Unstarted,
};
use greenroom::ports::{FailureKind, RuntimeReader, RuntimeWriter, TaskSpec};

use super::{SOON, World, line, web};
use crate::support::eventually;

const RELEASE: u128 = 7;

fn spec(world: &World, script: &str, token: i64) -> TaskSpec {
    let instance = world.spec();
    let mut shape = instance.shape;
    shape.command = Some(["-c", script].map(String::from).to_vec());
    TaskSpec {
        target: instance.target,
        call: TaskCall::forward(&"migrate".parse().expect("a name")),
        version: instance.version,
        release: ReleaseId(RELEASE.into()),
        token: FencingToken(token),
        unstarted: Unstarted::Kept,
        shape,
    }
}

async fn task(runtime: &impl RuntimeReader) -> TaskRun {
    let found = runtime.tasks(&web(), ReleaseId(RELEASE.into())).await;
    let mut found = found.expect("a list");
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

async fn ended(runtime: &impl RuntimeReader, code: Option<i64>) {
    eventually("the command ends", SOON, || async {
        task(runtime).await.state == InstanceState::Exited { code }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_once_and_its_exit_code_is_read_by_every_console() {
    let world = World::new("exit 1");
    let ran = world.directory.path().join("ran");
    let script = format!(
        "echo $GREENROOM_TASK >> {}; echo hello; exit 3",
        ran.display()
    );
    let spec = spec(&world, &script, 4);
    let (one, other) = (&world.runtime, world.another());
    assert_eq!(
        one.start_task(&spec).await.expect_err("no record").kind,
        FailureKind::Missing
    );
    one.create_task(&spec).await.expect("created");
    one.create_task(&spec).await.expect("again");
    assert!(task(&other).await.is_unstarted());
    one.start_task(&spec).await.expect("started");
    one.start_task(&spec).await.expect("again");
    ended(&other, Some(3)).await;
    other.start_task(&spec).await.expect("again, after its end");
    other
        .create_task(&spec)
        .await
        .expect("again, after its end");
    let id = task(&other).await.id;
    assert_eq!(line(&other, &id).await, "hello");
    let ran = std::fs::read_to_string(ran).expect("it ran");
    assert_eq!(ran, "migrate\n");
    let instances = other.instances(&web()).await.expect("a list");
    assert_eq!(instances, [], "a task is no instance of a slot");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_driver_replaces_a_command_that_was_not_started() {
    let world = World::new("exit 1");
    let (first, second) = (spec(&world, "exit 0", 4), spec(&world, "exit 0", 5));
    let runtime = &world.runtime;
    runtime.create_task(&first).await.expect("created");
    let before = task(runtime).await.id;
    runtime.create_task(&second).await.expect("replaced");
    assert_ne!(task(runtime).await.id, before);
    for refused in [
        runtime.create_task(&first).await,
        runtime.start_task(&first).await,
    ] {
        assert_eq!(refused.expect_err("too old").kind, FailureKind::Conflict);
    }
    let withdrawn = TaskSpec {
        unstarted: Unstarted::Withdrawn,
        ..second.clone()
    };
    runtime.create_task(&withdrawn).await.expect("withdrawn");
    let refused = runtime.start_task(&second).await.expect_err("withdrawn");
    assert_eq!(refused.kind, FailureKind::Conflict);
    assert!(task(runtime).await.is_withdrawn);
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_a_command_ends_all_its_processes() {
    let world = World::new("exit 1");
    // The command itself decides with which code it ends.
    let script = "trap 'echo stopping; exit 7' TERM; echo ready; while :; do sleep 0.1; done";
    let spec = spec(&world, script, 4);
    let runtime = &world.runtime;
    runtime.create_task(&spec).await.expect("created");
    runtime.start_task(&spec).await.expect("started");
    let id = task(runtime).await.id;
    assert_eq!(line(runtime, &id).await, "ready");
    assert_eq!(task(runtime).await.state, InstanceState::Running);
    runtime.stop(&id, SOON).await.expect("stopped");
    ended(runtime, Some(7)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_was_killed_has_no_exit_code() {
    let world = World::new("exit 1");
    let spec = spec(
        &world,
        "trap '' TERM; echo ready; while :; do sleep 0.1; done",
        4,
    );
    let runtime = &world.runtime;
    runtime.create_task(&spec).await.expect("created");
    runtime.start_task(&spec).await.expect("started");
    let id = task(runtime).await.id;
    assert_eq!(line(runtime, &id).await, "ready");
    let at_once = std::time::Duration::ZERO;
    runtime.stop(&id, at_once).await.expect("killed");
    ended(runtime, None).await;
    runtime.start_task(&spec).await.expect("never again");
    ended(runtime, None).await;
}

/// The driver died after it had written that the command starts, and before the process existed. Nobody knows whether it
/// has run, as if its container were gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_start_was_written_never_starts_again() {
    let world = World::new("exit 1");
    let ran = world.directory.path().join("ran");
    let spec = spec(&world, &format!("touch {}", ran.display()), 4);
    let runtime = &world.runtime;
    runtime.create_task(&spec).await.expect("created");
    let path = world.directory.path().join("tasks");
    let path = path.join(format!("{}.json", spec.name()));
    let text = std::fs::read_to_string(&path).expect("its record");
    let begun = text.replace("\"was_started\": false", "\"was_started\": true");
    assert_ne!(begun, text);
    std::fs::write(&path, begun).expect("written");
    let found = runtime.tasks(&web(), spec.release).await.expect("a list");
    assert_eq!(found, []);
    runtime.start_task(&spec).await.expect("nothing to do");
    runtime.create_task(&spec).await.expect("nothing to do");
    let found = runtime.tasks(&web(), spec.release).await.expect("a list");
    assert_eq!(found, []);
    assert!(!ran.exists(), "it ran");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_release_removes_the_commands_of_the_last_one() {
    let world = World::new("exit 1");
    let runtime = &world.runtime;
    let first = spec(&world, "echo ready; while :; do sleep 0.1; done", 4);
    runtime.create_task(&first).await.expect("created");
    runtime.start_task(&first).await.expect("started");
    let next = TaskSpec {
        release: ReleaseId((RELEASE + 1).into()),
        ..spec(&world, "exit 0", 5)
    };
    let refused = runtime.create_task(&next).await.expect_err("it runs");
    assert_eq!(refused.kind, FailureKind::Conflict, "{refused}");
    let id = task(runtime).await.id;
    runtime.stop(&id, SOON).await.expect("stopped");
    runtime.create_task(&next).await.expect("created");
    let left = runtime.tasks(&web(), first.release).await.expect("a list");
    assert_eq!(left, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_cannot_be_read_starts_nothing() {
    let world = World::new("exit 1");
    let mut spec = spec(&world, "exit 0", 4);
    let value = EnvironmentValue::Secret(SecretSource::Env("NONE".into()));
    spec.shape.environment.insert("PASSWORD".into(), value);
    let runtime = &world.runtime;
    runtime.create_task(&spec).await.expect("created");
    runtime.start_task(&spec).await.expect_err("no secret");
    assert!(task(runtime).await.is_unstarted());
}
