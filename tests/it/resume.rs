//! `greenroom resume`, the real binary in a sandbox: a promote is killed, another command finishes
//! it, and none of the sandbox's own requests fails.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Output, Stdio};
use std::time::{Duration, Instant};

use greenroom::inventory::{LockPurpose, LockRecord, Operator, ReleaseId, Target};
use greenroom::ports::{Acquired, Lease, Locks as _};
use greenroom::store::StoredLocks;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::sandbox::{Sandbox, until, words};
use crate::store::world::World;
use crate::support::pairs::Pairs;

/// How long the lock of a dead driver may block others, on a busy machine.
const FREE: Duration = Duration::from_secs(30);

/// All environments of one store have the same lease: the shortest that the heartbeat allows here.
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

/// The release is killed before its watch or standby can end.
const LONG: [&str; 8] = [
    "--set",
    "environments.qa.timing.watch=1m",
    "--set",
    "environments.qa.timing.standby=1m",
    "--set",
    "environments.dev.timing.watch=3s",
    "--set",
    "environments.dev.timing.standby=1m",
];

/// A running command and its output.
struct Driving {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Driving {
    fn begin(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let mut child = sandbox
            .command(&[arguments, &LEASES[..], &LONG].concat())
            .stdout(Stdio::piped())
            .spawn()
            .expect("greenroom");
        let said = BufReader::new(child.stdout.take().expect("its output"));
        Self { child, said }
    }

    /// Reads until the output contains this.
    fn until_said(&mut self, what: &str) {
        let mut all = String::new();
        loop {
            let read = self.said.read_line(&mut all).expect("its output");
            assert!(read > 0, "{what} was never said: {all}");
            if all.lines().last().is_some_and(|line| line.contains(what)) {
                return;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    fn killed(mut self) {
        self.signal(Signal::KILL);
        assert!(!self.child.wait().expect("its end").success());
    }

    /// The rest of the output, and the exit code.
    fn ended(mut self) -> (String, Option<i32>) {
        let rest: Vec<String> = self.said.lines().map_while(Result::ok).collect();
        (rest.join("\n"), self.child.wait().expect("its end").code())
    }
}

fn resume(sandbox: &Sandbox, more: &[&str]) -> Output {
    sandbox.run(&[&["resume"], more, &["--yes"], &LEASES].concat())
}

/// Resumes as soon as the previous lock has expired.
fn resume_when_free(sandbox: &Sandbox, more: &[&str]) -> Output {
    let until = Instant::now() + FREE;
    loop {
        let output = resume(sandbox, more);
        if !words(&output).contains("is locked by") {
            return output;
        }
        assert_eq!(output.status.code(), Some(1), "{}", words(&output));
        assert!(Instant::now() < until, "{}", words(&output));
        sandbox.until_unlocked("web/qa");
    }
}

fn is_settled(sandbox: &Sandbox, environment: &str) {
    let status = sandbox.status("web", environment);
    assert_eq!(status["interrupted"], serde_json::json!([]), "{status}");
    assert_eq!(status["snapshot"]["lock"], Value::Null, "{status}");
}

#[test]
fn a_killed_promote_is_finished_by_another_command_and_no_request_fails() {
    let mut sandbox = Sandbox::kept().up().hurried();
    let killed_at = [
        ("start begins", "1.8.2"),
        ("register begins", "1.9.0"),
        ("switch begins", "1.8.2"),
        ("watch begins", "1.9.0"),
    ];
    for (moment, tag) in killed_at {
        let arguments = ["promote", "web", "qa", "--version", tag, "--yes"];
        let mut promote = Driving::begin(&sandbox, &arguments);
        promote.until_said(moment);
        promote.killed();
        let output = resume_when_free(&sandbox, &["web", "qa"]);
        let said = words(&output);
        assert!(output.status.success(), "{moment}: {said}");
        assert!(
            said.contains("intended") && said.contains("observed now"),
            "{said}"
        );
        assert!(said.contains("resumed by"), "{said}");
        assert_eq!(sandbox.live("web", "qa"), tag);
        is_settled(&sandbox, "qa");
    }
    let again = resume(&sandbox, &["web", "qa"]);
    assert_eq!(again.status.code(), Some(1), "{}", words(&again));
    assert!(
        words(&again).contains("has already ended"),
        "{}",
        words(&again)
    );
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
    sandbox.assert_no_request_failed();
}

/// Rewrites the newest ended release of `web/qa` as a machine with a clock three hours ahead would
/// have written it.
fn newest_from_a_clock_ahead(sandbox: &Sandbox) {
    let store = Pairs::of(&sandbox.place().join("store.sqlite"));
    let (id, head) = store.newest_ended("web/qa");
    let ulid: ulid::Ulid = id.parse().expect("an id");
    let ahead = ulid.timestamp_ms() + 3 * 60 * 60 * 1000;
    let ahead = ulid::Ulid::from_parts(ahead, ulid.random()).to_string();
    let mut head: Value = serde_json::from_str(&head.replace(&id, &ahead)).expect("JSON");
    let opened: jiff::Timestamp = head["opened_at"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("a time");
    let later = opened + Duration::from_hours(3);
    head["opened_at"] = later.to_string().into();
    let at = "targets/web/qa";
    store.delete(&format!("{at}/releases/{id}"));
    store.put(format!("{at}/releases/{ahead}"), head.to_string());
    store.rename(&format!("{at}/steps/{id}"), &format!("{at}/steps/{ahead}"));
}

#[test]
fn a_release_can_be_resumed_after_one_from_a_clock_that_was_ahead() {
    let mut sandbox = Sandbox::kept().up().hurried();
    newest_from_a_clock_ahead(&sandbox);
    let arguments = ["promote", "web", "qa", "--version", "1.8.2", "--yes"];
    let mut promote = Driving::begin(&sandbox, &arguments);
    promote.until_said("the clocks differ");
    promote.until_said("watch begins");
    promote.killed();
    sandbox.until_unlocked("web/qa");
    until("status names it", FREE, || {
        words(&sandbox.run(&["status", "web", "qa"])).contains("greenroom resume web qa")
    });
    let output = resume_when_free(&sandbox, &["web", "qa"]);
    assert!(output.status.success(), "{}", words(&output));
    assert_eq!(sandbox.live("web", "qa"), "1.8.2");
    is_settled(&sandbox, "qa");
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
}

/// Copies the newest ended release of `web/qa` to a greater id and a generation that no switch has
/// reached, as a program with write access to the store could.
fn copied_head(sandbox: &Sandbox, generation: u64) -> String {
    let store = Pairs::of(&sandbox.place().join("store.sqlite"));
    let (id, head) = store.newest_ended("web/qa");
    let copy = ulid::Ulid::generate().to_string();
    let mut head: Value = serde_json::from_str(&head.replace(&id, &copy)).expect("JSON");
    head["baseline"]["generation"] = generation.into();
    store.put(format!("targets/web/qa/releases/{copy}"), head.to_string());
    copy
}

#[test]
fn a_forged_head_does_not_prevent_a_resume() {
    let mut sandbox = Sandbox::kept().up().hurried();
    let arguments = ["promote", "web", "qa", "--version", "1.8.2", "--yes"];
    let mut promote = Driving::begin(&sandbox, &arguments);
    promote.until_said("verify begins");
    promote.killed();
    let copy = copied_head(&sandbox, 1_000);
    let claim = format!("release {copy}: its record claims generation 1000");
    until("status names both", FREE, || {
        let said = words(&sandbox.run(&["status", "web", "qa"]));
        said.contains("greenroom resume web qa") && said.contains(&claim)
    });
    let output = resume_when_free(&sandbox, &["web", "qa"]);
    let said = words(&output);
    assert!(output.status.success() && said.contains(&claim), "{said}");
    assert_eq!(sandbox.live("web", "qa"), "1.8.2");
    is_settled(&sandbox, "qa");
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
}

/// The id of the release of `web/qa` that has no end.
fn open_id(sandbox: &Sandbox) -> String {
    let status = sandbox.status("web", "qa");
    let open = &status["interrupted"][0];
    let id = open["id"].as_str().or_else(|| open["release"].as_str());
    id.unwrap_or_else(|| panic!("an open release: {status}"))
        .to_owned()
}

#[test]
fn an_open_release_is_found_below_a_greater_id_and_by_its_own_id() {
    let mut sandbox = Sandbox::kept().up().hurried();
    let arguments = ["promote", "web", "qa", "--version", "1.8.2", "--yes"];
    let mut promote = Driving::begin(&sandbox, &arguments);
    promote.until_said("watch begins");
    promote.killed();
    newest_from_a_clock_ahead(&sandbox);
    sandbox.until_unlocked("web/qa");
    until("status names it", FREE, || {
        words(&sandbox.run(&["status", "web", "qa"])).contains("greenroom resume web qa")
    });
    let id = open_id(&sandbox);
    let mistyped = resume(&sandbox, &["web", "qa", "01ZZZZZZZZ"]);
    let said = words(&mistyped);
    assert_eq!(mistyped.status.code(), Some(1), "{said}");
    assert!(said.contains("01ZZZZZZZZ") && said.contains(&id), "{said}");
    let output = resume_when_free(&sandbox, &["web", "qa", &id[..12].to_lowercase()]);
    assert!(output.status.success(), "{}", words(&output));
    assert_eq!(sandbox.live("web", "qa"), "1.8.2");
    is_settled(&sandbox, "qa");
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
}

#[test]
fn a_release_is_backed_out_or_left_after_a_crash_and_taken_over_with_a_reason() {
    let mut sandbox = Sandbox::kept().up().hurried();
    let promote = ["promote", "web", "dev", "--version", "1.8.2", "--yes"];

    // Its lock is still held, and the command does not wait for it.
    let mut dead = Driving::begin(&sandbox, &promote);
    dead.until_said("watch begins");
    dead.killed();
    let locked = resume(&sandbox, &["web", "dev"]);
    assert!(
        words(&locked).contains("is locked by"),
        "{}",
        words(&locked)
    );
    let without = resume(&sandbox, &["web", "dev", "--take-over"]);
    assert_eq!(without.status.code(), Some(2), "{}", words(&without));
    let forced = [
        "web",
        "dev",
        "--back-out",
        "--take-over",
        "--reason",
        "she went home",
    ];
    let output = resume(&sandbox, &forced);
    let said = words(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("taken over by") && said.contains("she went home"),
        "{said}"
    );
    assert!(said.contains("backed out"), "{said}");
    assert_eq!(sandbox.live("web", "dev"), "1.9.0");
    is_settled(&sandbox, "dev");

    let mut dead = Driving::begin(&sandbox, &promote);
    dead.until_said("verify begins");
    dead.killed();
    sandbox.until_unlocked("web/dev");
    until(
        "its lock has ended, and status says what to do",
        FREE,
        || words(&sandbox.run(&["status", "web", "dev"])).contains("greenroom resume web dev"),
    );
    let output = resume(&sandbox, &["web", "dev", "--leave"]);
    assert_eq!(output.status.code(), Some(3), "{}", words(&output));
    assert_eq!(sandbox.live("web", "dev"), "1.9.0");
    is_settled(&sandbox, "dev");

    let mut live = Driving::begin(&sandbox, &promote);
    live.until_said("kept warm until");
    let ben = [
        "--set",
        "operator.name=ben",
        "--reason",
        "mine now",
        "--take-over",
        "--yes",
    ];
    let arguments = [&["resume", "web", "dev"], &ben[..]].concat();
    let mut taker = Driving::begin(&sandbox, &arguments);
    taker.until_said("kept warm until");
    let (said, code) = live.ended();
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("lost to ben@"), "{said}");
    assert!(said.contains("greenroom resume web dev"), "{said}");
    taker.signal(Signal::INT);
    let (said, code) = taker.ended();
    assert_eq!(code, Some(130), "{said}");
    assert_eq!(sandbox.live("web", "dev"), "1.8.2");
    is_settled(&sandbox, "dev");

    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
    sandbox.assert_no_request_failed();
}

/// The lock of a repair that is under way in `web/dev`, renewed as long as it is held.
async fn repairing(sandbox: &Sandbox) -> (StoredLocks, Lease) {
    let mut world = World::in_file_at(&sandbox.place().join("store.sqlite"));
    world.forgetful(Duration::from_secs(20));
    let locks = world.locks;
    let record = LockRecord {
        purpose: LockPurpose::Upkeep,
        operator: Operator {
            name: "ben".into(),
            host: "ops-2".into(),
        },
        console: "ben@ops-2 4711 01JD4".into(),
        release: ReleaseId(ulid::Ulid::generate()),
        since: jiff::Timestamp::now(),
        message: "repair: instance-started".into(),
    };
    match locks.acquire(&web_dev(), &record).await {
        Ok(Acquired::Held(lease)) => (locks, lease),
        other => panic!("the lock is free: {other:?}"),
    }
}

fn web_dev() -> Target {
    Target::new(
        "web".parse().expect("a name"),
        "dev".parse().expect("a name"),
    )
}

/// A release whose old version was only left running lets a repair begin.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lock_of_a_repair_is_taken_over_with_a_reason_as_that_of_a_release_is() {
    let mut sandbox = Sandbox::kept().up().hurried();
    let promote = ["promote", "web", "dev", "--version", "1.8.2", "--yes"];
    let mut standing = Driving::begin(&sandbox, &promote);
    standing.until_said("kept warm until");
    standing.killed();
    sandbox.until_unlocked("web/dev");
    until("its lock has ended", FREE, || {
        words(&sandbox.run(&["status", "web", "dev"])).contains("greenroom resume web dev")
    });
    let (store, lease) = repairing(&sandbox).await;

    let locked = resume(&sandbox, &["web", "dev"]);
    let said = words(&locked);
    assert_eq!(locked.status.code(), Some(1), "{said}");
    assert!(said.contains("repair: instance-started"), "{said}");
    let command = "greenroom resume web dev --take-over --reason";
    assert!(said.contains(command), "{said}");
    let without = resume(&sandbox, &["web", "dev", "--take-over"]);
    assert_eq!(without.status.code(), Some(2), "{}", words(&without));
    let holds = store.holds(&web_dev(), &lease.fence).await;
    assert!(holds.expect("an answer"), "nothing was taken yet");

    let forced = ["web", "dev", "--take-over", "--reason", "the repair hangs"];
    let output = resume(&sandbox, &forced);
    let said = words(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("taken over by") && said.contains("the repair hangs"),
        "{said}"
    );
    let holds = store.holds(&web_dev(), &lease.fence).await;
    assert!(!holds.expect("an answer"), "the repair does nothing more");
    assert_eq!(sandbox.live("web", "dev"), "1.8.2");
    is_settled(&sandbox, "dev");
    sandbox.signal(Signal::INT);
    assert!(sandbox.ended().success());
    sandbox.assert_no_request_failed();
}
