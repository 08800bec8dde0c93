//! Plain processes as a runtime: real ones that are killed, recycled and followed.

mod task_commands;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::StreamExt;
use greenroom::adapters::process::{Catalogue, Processes, Program};
use greenroom::inventory::{
    Address, Addresses, Endpoint, EnvironmentValue, ImageLabels, Instance, InstanceId,
    InstanceShape, InstanceState, Listen, ReleaseId, RestartPolicy, SecretSource, Slot, Target,
    VersionRef,
};
use greenroom::ports::{
    Failure, FailureKind, Images, InstanceSpec, Occupancy, Result, RuntimeReader, RuntimeWriter,
    Secrets,
};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::support::{addresses_of, eventually, free_port};

const SOON: Duration = Duration::from_secs(10);

/// Knows one secret, by the name of a variable.
struct Vault;

#[async_trait]
impl Secrets for Vault {
    async fn read(&self, source: &SecretSource) -> Result<SecretString> {
        match source {
            SecretSource::Env(name) if name == "TOKEN" => Ok("s3same".into()),
            _ => Err(Failure::new(
                FailureKind::Missing,
                "the vault",
                "reading",
                "no such secret",
            )),
        }
    }
}

/// A state directory; dropping this ends its processes.
struct World {
    directory: TempDir,
    program: Program,
    catalogue: Catalogue,
    runtime: Processes,
}

impl Drop for World {
    fn drop(&mut self) {
        let records = std::fs::read_dir(self.directory.path().join("records"));
        for entry in records.into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            let record: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            let path = format!("/proc/{}/stat", record["run"]["pid"]);
            let stat = std::fs::read_to_string(path).unwrap_or_default();
            let ticks = record["run"]["start_ticks"].to_string();
            if stat.split_whitespace().any(|field| field == ticks) {
                let group = format!("-{}", record["run"]["pid"]);
                let _ = Command::new("kill").args(["-9", "--", &group]).status();
            }
            written_down(&entry.path());
        }
    }
}

/// Waits until a record contains the exit. A later write would recreate the directory.
fn written_down(record: &Path) {
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        let text = std::fs::read_to_string(record).unwrap_or_default();
        let record: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        if record["run"].is_null() || !record["code"].is_null() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl World {
    fn new(script: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let argv = ["/bin/sh", "-c", script].map(String::from).to_vec();
        let labels = ImageLabels::default();
        let program = Program::identified("sandbox/web", "1.0.0", argv, labels);
        let catalogue = Catalogue::Programs(vec![program.clone()]);
        let runtime = Processes::new(directory.path(), catalogue.clone(), Arc::new(Vault));
        Self {
            directory,
            program,
            catalogue,
            runtime,
        }
    }

    /// Another console with the same directory.
    fn another(&self) -> Processes {
        Processes::new(
            self.directory.path(),
            self.catalogue.clone(),
            Arc::new(Vault),
        )
    }

    fn spec(&self) -> InstanceSpec {
        InstanceSpec {
            target: web(),
            slot: Slot::Blue,
            number: 1,
            of: 1,
            version: self.program.version(),
            release: ReleaseId(7_u128.into()),
            endpoint: Some(SocketAddr::from(([127, 0, 0, 1], free_port())).into()),
            shape: InstanceShape {
                listen: Listen::Port(8080),
                command: None,
                environment: BTreeMap::new(),
                mounts: Vec::new(),
                memory: None,
                restart: RestartPolicy::No,
                network: None,
                labels: BTreeMap::new(),
                container: Box::default(),
            },
        }
    }

    async fn only(&self) -> Instance {
        only(&self.runtime).await
    }
}

async fn only(runtime: &Processes) -> Instance {
    let mut found = runtime.instances(&web()).await.expect("a list");
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn web() -> Target {
    Target::new(
        "web".parse().expect("a name"),
        "qa".parse().expect("a name"),
    )
}

fn kill(pid: u32, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
}

async fn line(runtime: &Processes, id: &InstanceId) -> String {
    let mut lines = runtime.logs(id, None, 1000).await.expect("a log");
    let line = tokio::time::timeout(SOON, lines.next()).await;
    let chunk = line.expect("in time").expect("a line").expect("read");
    String::from_utf8(chunk.bytes).expect("text")
}

#[tokio::test]
async fn several_members_of_a_slot_are_listed_in_order_and_stopped_one_by_one() {
    let world = World::new("exec sleep 1000");
    let runtime = &world.runtime;
    let mut addresses = Vec::new();
    for number in [1, 2, 12] {
        let spec = InstanceSpec {
            number,
            of: 3,
            ..world.spec()
        };
        addresses.extend(spec.endpoint.clone());
        runtime.start(&spec).await.expect("started");
    }
    let listed = runtime.instances(&web()).await.expect("a list");
    let names: Vec<&str> = listed.iter().map(|it| it.name.as_str()).collect();
    let blue = "greenroom-web.qa.blue";
    assert_eq!(names, [blue, &format!("{blue}.2"), &format!("{blue}.12")]);
    assert_eq!(listed[1].number, 2);
    let stop = runtime.stop(&listed[0].id, SOON).await;
    stop.expect("stopped");
    let after = runtime.instances(&web()).await.expect("a list");
    let running: Vec<bool> = after.iter().map(Instance::is_running).collect();
    assert_eq!(running, [false, true, true]);
    // Another program takes the address of the member that is not running.
    let of_first = addresses[0].endpoint().expect("an endpoint");
    let Endpoint::Tcp(of_first) = of_first else {
        panic!("a port")
    };
    let taken = std::net::TcpListener::bind(of_first).expect("it is free");
    let addresses = Addresses::new(addresses).expect("addresses");
    let seen = runtime.occupancy(&web(), Slot::Blue, &addresses).await;
    assert!(matches!(seen.expect("asked"), Occupancy::Foreign(_)));
    drop(taken);
    let seen = runtime.occupancy(&web(), Slot::Blue, &addresses).await;
    let Occupancy::Ours(members) = seen.expect("asked") else {
        panic!("ours")
    };
    assert_eq!(members.len(), 3);
    for member in &after {
        runtime.stop(&member.id, SOON).await.expect("stopped");
        runtime.remove(&member.id).await.expect("removed");
    }
    assert!(runtime.instances(&web()).await.expect("a list").is_empty());
}

#[tokio::test]
async fn an_instance_is_started_once_and_seen_and_removed_by_every_console() {
    let world = World::new("echo here; exec sleep 1000");
    let (one, other) = (&world.runtime, world.another());
    let spec = world.spec();
    assert!(one.has_image(&spec.version).await.expect("asked"));
    let (progress, mut seen) = mpsc::channel(4);
    one.pull(&spec.version, progress).await.expect("pulled");
    assert_eq!(seen.recv().await.map(|p| (p.done, p.total)), Some((0, 0)));
    let free = one
        .occupancy(&web(), Slot::Blue, &addresses_of(&spec))
        .await;
    assert_eq!(free.expect("asked"), Occupancy::Free);

    let id = one.start(&spec).await.expect("started");
    assert_eq!(other.start(&spec).await.expect("again"), id);
    let instance = only(&other).await;
    assert_eq!(instance.id, id);
    assert_eq!(instance.state, InstanceState::Running);
    assert_eq!(instance.digest, spec.version.digest);
    assert_eq!(instance.name, "greenroom-web.qa.blue");
    let ours = other
        .occupancy(&web(), Slot::Blue, &addresses_of(&spec))
        .await;
    assert!(matches!(ours.expect("asked"), Occupancy::Ours(_)));
    let everywhere = other.all_instances().await.expect("a list");
    assert_eq!(everywhere[&web()].len(), 1);

    let another_release = InstanceSpec {
        release: ReleaseId(8_u128.into()),
        ..spec.clone()
    };
    let refused = other.start(&another_release).await.expect_err("in the way");
    assert_eq!(refused.kind, FailureKind::Conflict, "{refused}");
    let refused = other.remove(&id).await.expect_err("it runs");
    assert_eq!(refused.kind, FailureKind::Conflict, "{refused}");

    // Stopped by another console than the one that started it.
    other.stop(&id, SOON).await.expect("stopped");
    other.stop(&id, SOON).await.expect("again");
    assert!(matches!(
        world.only().await.state,
        InstanceState::Exited { .. }
    ));
    one.restart(&id).await.expect("restarted");
    let again = world.only().await;
    assert_eq!((again.state, &again.id), (InstanceState::Running, &id));
    one.restart(&id).await.expect("it runs already");
    assert_eq!(world.only().await.pid, again.pid);
    one.stop(&id, SOON).await.expect("stopped");
    one.remove(&id).await.expect("removed");
    one.remove(&id).await.expect("again");
    assert!(other.instances(&web()).await.expect("a list").is_empty());
    one.stop(&id, SOON).await.expect("gone already");
    let refused = one.restart(&id).await.expect_err("gone");
    assert_eq!(refused.kind, FailureKind::Missing);
}

#[tokio::test]
async fn a_program_gets_its_address_and_identity_but_not_greenrooms_environment() {
    let world = World::new(
        "echo $GREENROOM_ADDRESS $GREENROOM_SERVICE $GREENROOM_ENVIRONMENT $GREENROOM_SLOT \
         $GREENROOM_VERSION $GREENROOM_RELEASE $COLOUR; env >&2; echo end; exec sleep 1000",
    );
    let mut spec = world.spec();
    let colour = EnvironmentValue::Plain("teal".into());
    spec.shape.environment.insert("COLOUR".into(), colour);
    let id = world.runtime.start(&spec).await.expect("started");
    let expected = format!(
        "{} web qa blue 1.0.0 {} teal",
        spec.endpoint.as_ref().expect("an address"),
        spec.release
    );
    assert_eq!(line(&world.runtime, &id).await, expected);
    let lines = world.runtime.logs(&id, None, 1000).await.expect("a log");
    let names: Vec<String> = lines
        .map(|line| String::from_utf8_lossy(&line.expect("read").bytes).into_owned())
        .skip(1)
        .take_while(|line| std::future::ready(line != "end"))
        .map(|line| line.split('=').next().unwrap_or_default().to_owned())
        .collect()
        .await;
    assert!(names.contains(&"PATH".to_owned()), "{names:?}");
    // The shell itself adds the last three.
    let known = [
        "PATH", "HOME", "LANG", "TZ", "TMPDIR", "COLOUR", "PWD", "SHLVL", "_",
    ];
    for name in names {
        let ours = name.starts_with("GREENROOM_") && !name.starts_with("GREENROOM_TEST");
        assert!(
            ours || known.contains(&name.as_str()),
            "{name} was passed on"
        );
    }
}

#[tokio::test]
async fn a_secret_reaches_the_program_and_no_record() {
    let world = World::new("[ ${#KEY} = 6 ] && echo open; exec sleep 1000");
    let mut spec = world.spec();
    let secret = |name: &str| EnvironmentValue::Secret(SecretSource::Env(name.into()));
    spec.shape.environment.insert("KEY".into(), secret("NONE"));
    let refused = world
        .runtime
        .start(&spec)
        .await
        .expect_err("no such secret");
    assert_eq!(refused.kind, FailureKind::Missing, "{refused}");
    let left = world.runtime.instances(&web()).await.expect("a list");
    assert!(left.is_empty(), "{left:?}");

    spec.shape.environment.insert("KEY".into(), secret("TOKEN"));
    let id = world.runtime.start(&spec).await.expect("started");
    assert_eq!(line(&world.runtime, &id).await, "open");
    world.runtime.stop(&id, SOON).await.expect("stopped");
    world.runtime.restart(&id).await.expect("restarted");
    let record = world
        .directory
        .path()
        .join("records/greenroom-web.qa.blue.json");
    assert!(!has(&record, "s3same"));
}

#[tokio::test]
async fn a_record_that_names_another_target_is_left_alone() {
    let world = World::new("exec sleep 1000");
    let spec = world.spec();
    let id = world.runtime.start(&spec).await.expect("started");
    let records = world.directory.path().join("records");
    let copy = records.join("greenroom-web-qa.eu.blue.json");
    std::fs::copy(records.join("greenroom-web.qa.blue.json"), &copy).expect("copied");
    let before = std::fs::read(&copy).expect("the copy");
    let other = Target::new(
        "web-qa".parse().expect("a name"),
        "eu".parse().expect("a name"),
    );
    let looked = world
        .runtime
        .occupancy(&other, Slot::Blue, &addresses_of(&spec))
        .await;
    match looked.expect("asked") {
        Occupancy::Foreign(said) => {
            assert!(said.contains("the record of blue of web/qa"), "{said}");
        }
        seen => panic!("not foreign: {seen:?}"),
    }
    let mut theirs = spec.clone();
    theirs.target = other;
    let refused = world.runtime.start(&theirs).await;
    refused.expect_err("another target's record");
    assert_eq!(std::fs::read(&copy).expect("the copy"), before);
    world.runtime.stop(&id, SOON).await.expect("stopped");
}

#[tokio::test]
async fn a_process_killed_from_outside_is_reported_with_its_exit_code() {
    let world = World::new("exec sleep 1000");
    let watcher = world.another();
    let mut hints = watcher.changes().await.expect("a stream");
    world.runtime.start(&world.spec()).await.expect("started");
    let hint = tokio::time::timeout(SOON, hints.next()).await;
    hint.expect("a hint at the start")
        .expect("endless")
        .expect("heard");
    let pid = only(&watcher).await.pid.expect("a process id");
    kill(pid, "-9");
    let until = Instant::now() + SOON;
    while only(&watcher).await.state != (InstanceState::Exited { code: Some(137) }) {
        let hint = tokio::time::timeout_at(until.into(), hints.next()).await;
        hint.expect("a hint at the end")
            .expect("endless")
            .expect("heard");
    }
    assert_eq!(only(&watcher).await.pid, None);
}

/// A process that is not ours; it ends when dropped.
struct Stranger(Child);

impl Stranger {
    /// Start times have a resolution of a hundredth of a second. The kernel does not reuse an id in
    /// that time, but a test may start another process in it.
    fn started_after(ticks: &serde_json::Value) -> Self {
        loop {
            let child = Command::new("sleep")
                .arg("1000")
                .stdout(Stdio::null())
                .spawn();
            let stranger = Self(child.expect("a process"));
            let path = format!("/proc/{}/stat", stranger.0.id());
            let stat = std::fs::read_to_string(path).expect("a process");
            if stat.split_whitespace().nth(21) != Some(&ticks.to_string()) {
                return stranger;
            }
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_recycled_process_id_is_never_taken_for_ours_or_signalled() {
    let world = World::new("exec sleep 1000");
    let id = world.runtime.start(&world.spec()).await.expect("started");
    world.runtime.stop(&id, SOON).await.expect("stopped");
    eventually("the exit is written down", SOON, async || {
        matches!(
            world.only().await.state,
            InstanceState::Exited { code: Some(_) }
        )
    })
    .await;
    let path = world
        .directory
        .path()
        .join("records/greenroom-web.qa.blue.json");
    let text = std::fs::read_to_string(&path).expect("the record");
    let mut record: serde_json::Value = serde_json::from_str(&text).expect("json");
    let mut stranger = Stranger::started_after(&record["run"]["start_ticks"]);
    record["run"]["pid"] = stranger.0.id().into();
    std::fs::write(&path, record.to_string()).expect("written");

    assert!(matches!(
        world.only().await.state,
        InstanceState::Exited { .. }
    ));
    world
        .runtime
        .stop(&id, Duration::ZERO)
        .await
        .expect("nothing to stop");
    let ended = stranger.0.try_wait().expect("asked");
    assert_eq!(ended, None, "a stranger was ended");
}

#[tokio::test]
async fn a_process_that_ignores_the_stop_is_killed_with_its_children() {
    let world = World::new("trap '' TERM; sleep 1000 & echo $!; while :; do sleep 1; done");
    let id = world.runtime.start(&world.spec()).await.expect("started");
    let child: u32 = line(&world.runtime, &id)
        .await
        .parse()
        .expect("a process id");
    let started = Instant::now();
    let grace = Duration::from_millis(300);
    world.runtime.stop(&id, grace).await.expect("stopped");
    assert!(started.elapsed() >= grace);
    assert!(matches!(
        world.only().await.state,
        InstanceState::Exited { .. }
    ));
    eventually("the child is gone", SOON, async || {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    })
    .await;
}

#[tokio::test]
async fn a_start_without_a_record_is_found_by_its_mark() {
    let world = World::new("exec sleep 1000");
    let spec = world.spec();
    let id = world.runtime.start(&spec).await.expect("started");
    let pid = world.only().await.pid;
    // The state that a console leaves when it is killed between the start and the second write.
    let path = world
        .directory
        .path()
        .join("records/greenroom-web.qa.blue.json");
    let text = std::fs::read_to_string(&path).expect("the record");
    let mut record: serde_json::Value = serde_json::from_str(&text).expect("json");
    record["run"] = serde_json::Value::Null;
    std::fs::write(&path, record.to_string()).expect("written");

    let next = world.another();
    assert_eq!(only(&next).await.state, InstanceState::Running);
    assert_eq!(next.start(&spec).await.expect("adopted"), id);
    assert_eq!(only(&next).await.pid, pid);
    next.stop(&id, SOON).await.expect("stopped");
}

#[tokio::test]
async fn a_used_address_is_foreign_and_a_stale_socket_is_not() {
    let world = World::new("exec sleep 1000");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
    let mut spec = world.spec();
    spec.endpoint = Some(taken.local_addr().expect("an address").into());
    let looked = world
        .runtime
        .occupancy(&web(), Slot::Blue, &addresses_of(&spec))
        .await;
    assert!(matches!(looked.expect("asked"), Occupancy::Foreign(_)));
    let refused = world.runtime.start(&spec).await.expect_err("taken");
    assert_eq!(refused.kind, FailureKind::Conflict, "{refused}");
    assert!(
        world
            .runtime
            .instances(&web())
            .await
            .expect("a list")
            .is_empty()
    );

    let socket = world.directory.path().join("run/blue.sock");
    std::fs::create_dir(socket.parent().expect("a parent")).expect("made");
    drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
    spec.endpoint = Some(Address::Unix(socket.clone()));
    let looked = world
        .runtime
        .occupancy(&web(), Slot::Blue, &addresses_of(&spec))
        .await;
    assert_eq!(looked.expect("asked"), Occupancy::Free);
    world.runtime.start(&spec).await.expect("started");
    assert!(!socket.exists());
}

#[tokio::test]
async fn container_only_settings_are_refused_and_not_ignored() {
    let world = World::new("exec sleep 1000");
    let mut limited = world.spec();
    limited.shape.memory = Some(1 << 20);
    let refused = world.runtime.start(&limited).await.expect_err("refused");
    assert_eq!(refused.kind, FailureKind::Unsupported, "{refused}");
    assert!(refused.message.contains("memory"), "{refused}");
    let mut unknown = world.spec();
    unknown.version.digest = format!("sha256:{}", "0".repeat(64))
        .parse()
        .expect("a digest");
    let refused = world.runtime.start(&unknown).await.expect_err("refused");
    assert_eq!(refused.kind, FailureKind::Missing, "{refused}");
}

#[tokio::test]
async fn the_output_is_followed_from_its_tail_to_the_exit() {
    let world = World::new(
        "echo one; echo two >&2; echo '2026-11-21T14:02:09.5Z three'; \
         while [ ! -e $GO ]; do sleep 0.02; done; echo four; printf five",
    );
    let go = world.directory.path().join("go");
    let mut spec = world.spec();
    let value = EnvironmentValue::Plain(go.display().to_string());
    spec.shape.environment.insert("GO".into(), value);
    let id = world.runtime.start(&spec).await.expect("started");
    let log = world.directory.path().join(format!("logs/{id}.log"));
    eventually("three lines", SOON, async || has(&log, "three\n")).await;

    let mut lines = world.runtime.logs(&id, None, 2).await.expect("a log");
    let mut next = async || {
        let line = tokio::time::timeout(SOON, lines.next())
            .await
            .expect("in time");
        line.map(|line| line.expect("read"))
    };
    let two = next().await.expect("a line");
    assert_eq!((two.bytes.as_slice(), two.at), (&b"two"[..], None));
    let three = next().await.expect("a line");
    let stamp = "2026-11-21T14:02:09.5Z".parse().expect("a time");
    assert_eq!(three.at, Some(stamp));
    std::fs::write(&go, "").expect("written");
    let four = next().await.expect("a line");
    assert_eq!(four.bytes, b"four");
    assert!(four.at.is_some(), "it came while it was followed");
    assert_eq!(next().await.expect("a line").bytes, b"five");
    assert_eq!(next().await, None, "it ends with the process");

    let later = stamp + Duration::from_secs(1);
    let rest = world
        .runtime
        .logs(&id, Some(later), 3)
        .await
        .expect("a log");
    let rest: Vec<_> = rest.map(|line| line.expect("read").bytes).collect().await;
    assert_eq!(rest, [b"four".to_vec(), b"five".to_vec()]);
}

/// A program may write lines before its run is recorded, at a moment when its environment cannot be read either.
#[tokio::test]
async fn the_output_of_a_program_whose_run_is_not_recorded_yet_does_not_end() {
    let world = World::new(
        "exec env -i GO=$GO sh -c 'echo one; while [ ! -e $GO ]; do sleep 0.02; done; echo two'",
    );
    let go = world.directory.path().join("go");
    let mut spec = world.spec();
    let value = EnvironmentValue::Plain(go.display().to_string());
    spec.shape.environment.insert("GO".into(), value);
    let id = world.runtime.start(&spec).await.expect("started");
    let log = world.directory.path().join(format!("logs/{id}.log"));
    eventually("a line", SOON, async || has(&log, "one\n")).await;
    let path = world
        .directory
        .path()
        .join("records/greenroom-web.qa.blue.json");
    let recorded = std::fs::read_to_string(&path).expect("the record");
    let mut earlier: serde_json::Value = serde_json::from_str(&recorded).expect("JSON");
    earlier["run"] = serde_json::Value::Null;
    std::fs::write(&path, earlier.to_string()).expect("written");

    let mut lines = world.runtime.logs(&id, None, 9).await.expect("a log");
    let one = lines.next().await.expect("a line").expect("read");
    assert_eq!(one.bytes, b"one");
    let more = tokio::time::timeout(Duration::from_millis(300), lines.next());
    assert!(more.await.is_err(), "it ended");
    std::fs::write(&path, recorded).expect("written");
    std::fs::write(&go, "").expect("written");
    let rest: Vec<_> = lines.map(|line| line.expect("read").bytes).collect().await;
    assert_eq!(rest, [b"two".to_vec()]);
}

fn has(path: &Path, text: &str) -> bool {
    std::fs::read_to_string(path).is_ok_and(|content| content.contains(text))
}

#[tokio::test]
async fn an_unreadable_record_is_reported_and_hides_no_other_target() {
    let world = World::new("exec sleep 1000");
    world.runtime.start(&world.spec()).await.expect("started");
    let path = world
        .directory
        .path()
        .join("records/greenroom-web.qa.green.json");
    std::fs::write(path, "{\u{1b}[2J").expect("written");
    let said = world.runtime.instances(&web()).await.expect_err("garbled");
    assert_eq!(said.kind, FailureKind::Garbled);
    assert!(!said.to_string().contains('\u{1b}'));
    let looked = world
        .runtime
        .occupancy(&web(), Slot::Green, &addresses_of(&world.spec()))
        .await;
    assert!(matches!(looked.expect("asked"), Occupancy::Foreign(_)));
    assert_eq!(
        world.runtime.all_instances().await.expect("a list").len(),
        1
    );
}

#[tokio::test]
async fn the_catalogue_answers_like_an_image_registry() {
    let labels = ImageLabels::default;
    let make = |tag: &str, argument: &str| {
        let argv = vec!["/bin/true".into(), argument.into()];
        Program::identified("sandbox/web", tag, argv, labels())
    };
    let programs = vec![make("1", "a"), make("2", "b"), make("1", "c")];
    let (old, new) = (programs[0].digest.clone(), programs[2].digest.clone());
    let catalogue = Catalogue::Programs(programs);
    let tags = catalogue.tags("sandbox/web").await.expect("tags");
    let names: Vec<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(names, ["1", "2"]);
    let tag = VersionRef::Tag("1".into());
    let resolved = catalogue.resolve("sandbox/web", &tag).await.expect("there");
    assert_eq!(
        (&resolved.digest, resolved.tag.as_deref()),
        (&new, Some("1"))
    );
    let by_digest = VersionRef::Digest(old.clone());
    let resolved = catalogue
        .resolve("sandbox/web", &by_digest)
        .await
        .expect("there");
    assert_eq!(resolved.digest, old);
    for (repository, tag) in [("sandbox/web", "9"), ("sandbox/api", "1")] {
        let reference = VersionRef::Tag(tag.into());
        let missing = catalogue
            .resolve(repository, &reference)
            .await
            .expect_err("missing");
        assert_eq!(missing.kind, FailureKind::Missing);
    }
}

#[tokio::test]
async fn a_program_answers_at_its_configured_address() {
    let world = World::new(
        "port=${GREENROOM_ADDRESS##*:}; mkdir -p $HOME_PAGE; echo hello > $HOME_PAGE/index.html; \
         exec busybox httpd -f -p 127.0.0.1:$port -h $HOME_PAGE",
    );
    let mut spec = world.spec();
    let page = world.directory.path().join("page").display().to_string();
    let value = EnvironmentValue::Plain(page);
    spec.shape.environment.insert("HOME_PAGE".into(), value);
    world.runtime.start(&spec).await.expect("started");
    let Some(Address::Ip { at: address, .. }) = spec.endpoint else {
        panic!("an IP address");
    };
    eventually("it answers", SOON, async || {
        let Ok(mut stream) = TcpStream::connect(address) else {
            return false;
        };
        let mut answer = String::new();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.ends_with("hello\n")
    })
    .await;
}
