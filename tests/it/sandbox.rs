//! `greenroom sandbox`, the real binary: it starts with a history, releases work as anywhere, and
//! it leaves nothing behind however it ends.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::json_lines::json_list;
use crate::support::pty::Pty;

/// How long the start of everything may take on a busy machine.
const UP: Duration = Duration::from_mins(1);
const SOON: Duration = Duration::from_secs(20);

/// See [`Sandbox::hurried`].
const HURRIED: &str = r#"timing = { health_deadline = "10s", minimum_healthy = "50ms", watch = "50ms", drain = "2s", standby = "1ms", stop_grace = "5s" }"#;

/// A headless sandbox. Dropping it ends it.
pub(crate) struct Sandbox {
    child: Child,
    room: TempDir,
    directory: Option<PathBuf>,
}

impl Sandbox {
    /// In a temporary directory of its own.
    pub(crate) fn temporary() -> Self {
        Self::start(room(), None, &[])
    }

    /// In a directory that is kept.
    pub(crate) fn kept() -> Self {
        let room = room();
        let directory = room.path().join("kept");
        Self::start(room, Some(directory), &[])
    }

    /// In a directory that is kept, with the sandbox's own agent. Most tests have no agent, because it writes to the
    /// store whenever it starts.
    pub(crate) fn with_agent() -> Self {
        let room = room();
        let directory = room.path().join("kept");
        Self::start_with(room, Some(directory), &[], &[])
    }

    /// In a directory that is kept, with JSON output.
    pub(crate) fn in_json() -> Self {
        let room = room();
        let directory = room.path().join("kept");
        Self::start(room, Some(directory), &["--json"])
    }

    /// In a kept directory that is prepared first.
    pub(crate) fn kept_on(get_ready: impl FnOnce(&Path)) -> Self {
        let room = room();
        let directory = room.path().join("kept");
        std::fs::create_dir(&directory).expect("a directory");
        get_ready(&directory);
        Self::start(room, Some(directory), &[])
    }

    fn start(room: TempDir, directory: Option<PathBuf>, common: &[&str]) -> Self {
        Self::start_with(room, directory, common, &["--no-agent"])
    }

    fn start_with(
        room: TempDir,
        directory: Option<PathBuf>,
        common: &[&str],
        arguments: &[&str],
    ) -> Self {
        let said = File::create(room.path().join("said")).expect("a file for its output");
        let mut command = greenroom(room.path());
        command
            .args(common)
            .args(["sandbox", "--headless"])
            .args(arguments);
        if let Some(directory) = &directory {
            command.arg("--directory").arg(directory);
        }
        let child = command
            // The sandbox must ignore variables that are meant for the operator's own configuration.
            .env("GREENROOM__ENVIRONMENTS__QA__TIER", "nonsense")
            .stdin(Stdio::null())
            .stdout(said.try_clone().expect("the same file"))
            .stderr(said)
            .spawn()
            .expect("the sandbox");
        Self {
            child,
            room,
            directory,
        }
    }

    pub(crate) fn up(mut self) -> Self {
        let end = Instant::now() + UP;
        while !self.said().contains("Ctrl-C") {
            let ended = self.child.try_wait().expect("its status");
            let how = ended.map_or_else(|| "it runs".to_owned(), |status| status.to_string());
            assert!(
                ended.is_none() && Instant::now() < end,
                "the sandbox is not up ({how}): {}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        self
    }

    /// With releases that wait only for observations, unless `--set` says otherwise.
    pub(crate) fn hurried(self) -> Self {
        let path = self.place().join("greenroom.toml");
        let text = std::fs::read_to_string(&path).expect("the configuration");
        let hurry = |line: &str| {
            let is_timing = line.starts_with("timing = {");
            format!("{}\n", if is_timing { HURRIED } else { line })
        };
        let hurried: String = text.lines().map(hurry).collect();
        assert_ne!(hurried, text, "no timing in {text}");
        std::fs::write(&path, hurried).expect("written");
        self
    }

    /// Without tags that a target follows.
    pub(crate) fn following_nothing(self) -> Self {
        let path = self.place().join("greenroom.toml");
        let text = std::fs::read_to_string(&path).expect("the configuration");
        let kept = text.lines().filter(|line| !line.starts_with("follow = "));
        let kept = kept.collect::<Vec<_>>().join("\n");
        assert_ne!(kept, text, "no target follows a tag in {text}");
        std::fs::write(&path, kept).expect("written");
        self
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.room.path().join("said")).expect("its output")
    }

    /// The lines of JSON that it printed.
    pub(crate) fn json_said(&self) -> Vec<Value> {
        let said = self.said();
        let lines = said.lines().filter(|line| line.starts_with('{'));
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    /// The command without arguments.
    pub(crate) fn bare(&self) -> Command {
        greenroom(self.room.path())
    }

    /// Its directory, from the arguments or its output.
    pub(crate) fn place(&self) -> PathBuf {
        if let Some(directory) = &self.directory {
            return directory.clone();
        }
        let mut entries = std::fs::read_dir(self.temporaries()).expect("temporary files");
        let entry = entries.next().expect("its directory").expect("an entry");
        entry.path()
    }

    fn temporaries(&self) -> PathBuf {
        self.room.path().join("tmp")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + UP;
        loop {
            if let Some(status) = self.child.try_wait().expect("its status") {
                return status;
            }
            assert!(Instant::now() < until, "it does not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Runs another `greenroom` on this sandbox.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("greenroom")
    }

    /// The same as a command, for callers that end it early.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = greenroom(self.room.path());
        command
            .arg("--config")
            .arg(self.place().join("greenroom.toml"))
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// Another `greenroom` on a terminal, driven by Ben.
    pub(crate) fn on_a_terminal(&self, arguments: &[&str]) -> Pty {
        let configuration = self.place().join("greenroom.toml").display().to_string();
        let state = self.room.path().join("state").display().to_string();
        let arguments = [
            &["--config", &configuration, "--set", "operator.name=ben"],
            arguments,
        ];
        Pty::greenroom(
            &arguments.concat(),
            &[("XDG_STATE_HOME", &state)],
            (100, 30),
        )
    }

    pub(crate) fn status(&self, service: &str, environment: &str) -> Value {
        let output = self.run(&["--json", "status", service, environment]);
        json_list(&output, "targets").remove(0)
    }

    /// Waits until no lock of this target is in force, because its driver ended it or was killed.
    pub(crate) fn until_unlocked(&self, target: &str) {
        let store = Connection::open(self.place().join("store.sqlite")).expect("the store");
        store.busy_timeout(SOON).expect("set");
        let in_force = "SELECT count(*) FROM pairs JOIN leases ON leases.id = lease
            WHERE key = 'targets/' || ?1 || '/lock'
            AND expires_at_ms > CAST(unixepoch('subsec') * 1000 AS INTEGER)";
        until(&format!("{target} is unlocked"), UP, || {
            let count = store.query_row(in_force, [target], |row| row.get::<_, i64>(0));
            count.expect("the locks") == 0
        });
    }

    /// The version with the traffic; all sources agree on it.
    pub(crate) fn live(&self, service: &str, environment: &str) -> String {
        let status = self.status(service, environment);
        assert_eq!(status["agreed"], true, "{status}");
        let slot = status["live"].as_str().expect("a live slot");
        let tag = &status["snapshot"]["slots"][slot]["members"][0]["tag"];
        tag.as_str().expect("a tag").to_owned()
    }

    /// The answer for a visitor of a target's public address.
    fn visit(&self, target: &str) -> Value {
        let said = self.said();
        let line = said.lines().find(|line| line.trim().starts_with(target));
        let (_, address) = line
            .and_then(|line| line.split_once("http://"))
            .expect("its address");
        let mut stream = TcpStream::connect(address.trim_end_matches('/')).expect("the proxy");
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    pub(crate) fn assert_no_request_failed(&self) {
        let said = self.said();
        let tally = said
            .lines()
            .find(|line| line.starts_with("sample traffic:"));
        let tally = tally.unwrap_or_else(|| panic!("no tally: {said}"));
        assert!(tally.ends_with(" requests, 0 failed"), "{said}");
        assert!(!tally.contains(": 0 requests"), "{said}");
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::TERM);
            drop(self.child.wait());
        }
    }
}

/// Room for a sandbox and for the logs and archives of its processes.
fn room() -> TempDir {
    let room = TempDir::new().expect("a directory");
    std::fs::create_dir(room.path().join("tmp")).expect("a directory for temporary files");
    room
}

fn greenroom(room: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command
        .env("TMPDIR", room.join("tmp"))
        .env("XDG_STATE_HOME", room.join("state"))
        .env_remove("GREENROOM_CONFIG");
    command
}

/// The processes that were started from a directory.
fn processes_of(place: &Path) -> Vec<String> {
    let wanted = place.display().to_string();
    let entries = std::fs::read_dir("/proc").expect("processes").flatten();
    entries
        .filter_map(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains(&wanted).then_some(line)
        })
        .collect()
}

pub(crate) fn until(what: &str, deadline: Duration, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + deadline;
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within {deadline:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn words(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn it_starts_with_a_history_and_leaves_nothing_behind() {
    let mut sandbox = Sandbox::start_with(room(), None, &[], &[]).up();
    assert_eq!(sandbox.live("web", "production"), "1.8.2");
    assert_eq!(sandbox.live("web", "qa"), "1.9.0");
    assert_eq!(sandbox.live("web", "dev"), "1.9.0");
    assert_eq!(sandbox.live("wallets", "production"), "3.1.0");
    let history = words(&sandbox.run(&["history", "web", "qa"]));
    assert!(history.contains("1.8.2 -> 1.9.0"), "{history}");
    // Every release is chained when it is written, and archived in the sandbox's directory.
    let verified = sandbox.run(&["history", "verify"]);
    assert!(verified.status.success(), "{}", words(&verified));
    let verified = words(&verified);
    assert!(verified.contains(" 0 without hashes"), "{verified}");
    assert!(!verified.contains("\n0 releases"), "{verified}");
    assert!(sandbox.place().join("archive.sqlite").is_file());
    let status = sandbox.run(&["status"]);
    assert!(status.status.success(), "{}", words(&status));
    let place = sandbox.place();
    assert!(!processes_of(&place).is_empty());

    sandbox.signal(Signal::INT);
    assert_eq!(sandbox.ended().code(), Some(0), "{}", sandbox.said());
    sandbox.assert_no_request_failed();
    assert!(!place.exists());
    assert_eq!(processes_of(&place), Vec::<String>::new());
}

#[test]
fn ended_while_its_history_is_made_it_leaves_nothing_behind() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut sandbox = Sandbox::temporary();
        let tmp = sandbox.temporaries();
        until("the first process", UP, || !processes_of(&tmp).is_empty());
        let place = sandbox.place();
        sandbox.signal(signal);
        assert_eq!(sandbox.ended().code(), Some(130), "{}", sandbox.said());
        assert!(!place.exists(), "{signal:?}: {}", sandbox.said());
        assert_eq!(processes_of(&place), Vec::<String>::new(), "{signal:?}");
    }
}

#[test]
fn a_kept_sandbox_without_its_whole_history_is_made_again() {
    let mut sandbox = Sandbox::kept();
    let place = sandbox.place();
    until("the first process", UP, || processes_of(&place).len() > 1);
    sandbox.signal(Signal::KILL);
    assert!(!sandbox.ended().success());
    assert!(!processes_of(&place).is_empty());

    let room = std::mem::replace(&mut sandbox.room, room());
    let mut again = Sandbox::start(room, Some(place.clone()), &[]).up();
    assert_eq!(again.live("web", "production"), "1.8.2");
    // A sandbox that is killed after its history is complete is used again.
    again.signal(Signal::KILL);
    assert!(!again.ended().success());
    let room = std::mem::replace(&mut again.room, self::room());
    let mut last = Sandbox::start(room, Some(place.clone()), &[]).up();
    assert_eq!(last.live("web", "production"), "1.8.2");
    last.signal(Signal::INT);
    assert!(last.ended().success(), "{}", last.said());
    assert_eq!(processes_of(&place), Vec::<String>::new());

    let mut other = Sandbox::kept();
    let place = other.place();
    until("the first process", UP, || processes_of(&place).len() > 1);
    other.signal(Signal::INT);
    assert_eq!(other.ended().code(), Some(130), "{}", other.said());
    let left = std::fs::read_dir(&place).expect("the directory").count();
    assert_eq!(left, 0, "{}", other.said());
    assert_eq!(processes_of(&place), Vec::<String>::new());
}

#[test]
fn a_failing_version_leaves_the_old_one_live_and_nothing_behind() {
    let mut sandbox = Sandbox::temporary().up();
    for (broken, why) in [("1.9.1", "unhealthy"), ("1.9.2", "orders are listed")] {
        let arguments = ["promote", "web", "qa", "--version", broken, "--yes"];
        let hurry = "environments.qa.timing.health_deadline=3s";
        let output = sandbox.run(&[&arguments[..], &["--set", hurry]].concat());
        assert_eq!(output.status.code(), Some(1), "{}", words(&output));
        assert!(words(&output).contains(why), "{}", words(&output));
        assert_eq!(sandbox.live("web", "qa"), "1.9.0");
        let status = sandbox.status("web", "qa");
        assert_eq!(status["interrupted"], serde_json::json!([]), "{status}");
        assert_eq!(status["snapshot"]["lock"], Value::Null, "{status}");
        let live = status["live"].as_str().expect("a live slot");
        let other = if live == "blue" { "green" } else { "blue" };
        let other = &status["snapshot"]["slots"][other];
        assert_eq!(other["registration"], Value::Null, "{status}");
        assert_eq!(other["members"], serde_json::json!([]), "{status}");
    }
    let arguments = ["promote", "web", "production", "--from", "qa", "--yes"];
    let output = sandbox.run(&arguments);
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    assert!(words(&output).contains("protected"), "{}", words(&output));
    sandbox.signal(Signal::TERM);
    assert!(sandbox.ended().success());
    sandbox.assert_no_request_failed();
}

#[test]
fn counters_survive_a_release_and_a_kept_sandbox_reopens_unchanged() {
    let mut sandbox = Sandbox::kept().up();
    let place = sandbox.place();
    let before = sandbox.visit("web/dev");
    assert_eq!(before["version"], "1.9.0");
    let arguments = ["promote", "web", "dev", "--version", "1.8.2", "--yes"];
    let output = sandbox.run(&arguments);
    assert!(output.status.success(), "{}", words(&output));
    let after = sandbox.visit("web/dev");
    assert_eq!(after["version"], "1.8.2");
    let calls = |answer: &Value| answer["calls"].as_u64().expect("a number of calls");
    assert!(calls(&after) > calls(&before), "{before} {after}");
    let started = after["deployments"].as_array().map(Vec::len);
    assert_eq!(started, Some(3), "{after}");

    let mut again = greenroom(sandbox.room.path());
    again
        .args(["sandbox", "--headless", "--directory"])
        .arg(&place);
    let output = again.output().expect("greenroom");
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    assert!(
        words(&output).contains("open in another"),
        "{}",
        words(&output)
    );

    sandbox.signal(Signal::HUP);
    assert!(sandbox.ended().success(), "{}", sandbox.said());
    sandbox.assert_no_request_failed();
    assert_eq!(processes_of(&place), Vec::<String>::new());
    assert!(place.join("greenroom.toml").exists());

    let room = std::mem::replace(&mut sandbox.room, room());
    let mut again = Sandbox::start(room, Some(place.clone()), &[]).up();
    assert_eq!(again.live("web", "dev"), "1.8.2");
    assert_eq!(again.live("web", "production"), "1.8.2");
    assert!(calls(&again.visit("web/dev")) > calls(&after));
    again.signal(Signal::INT);
    assert!(again.ended().success(), "{}", again.said());
    again.assert_no_request_failed();
    assert_eq!(processes_of(&place), Vec::<String>::new());
}

#[test]
fn a_foreign_directory_is_left_unchanged() {
    let room = room();
    let own = room.path().join("own");
    std::fs::create_dir(&own).expect("a directory");
    std::fs::write(own.join("greenroom.toml"), "# mine\n").expect("a file");
    let mut command = greenroom(room.path());
    command
        .args(["sandbox", "--headless", "--directory"])
        .arg(&own);
    let output = command.output().expect("greenroom");
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    assert!(words(&output).contains("is not empty and is not a sandbox"));
    let files = std::fs::read_dir(&own).expect("the directory").count();
    assert_eq!(files, 1);
}

/// The console of a sandbox on a terminal, and the directory for its files.
fn console(size: (u16, u16)) -> (Pty, TempDir) {
    console_with(&[], size)
}

/// The same with more arguments.
pub(crate) fn console_with(more: &[&str], size: (u16, u16)) -> (Pty, TempDir) {
    let room = room();
    let tmp = room.path().join("tmp").display().to_string();
    let state = room.path().join("state").display().to_string();
    let environment = [
        ("TMPDIR", tmp.as_str()),
        ("XDG_STATE_HOME", state.as_str()),
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C.UTF-8"),
    ];
    let arguments = [&["sandbox"], more].concat();
    let pty = Pty::greenroom(&arguments, &environment, size);
    pty.wait_for_text("web/dev: healthy", UP);
    (pty, room)
}

pub(crate) fn assert_given_back(pty: &Pty, room: &TempDir) {
    let raw = pty.raw();
    let last = |sequence: &[u8]| {
        let mut windows = raw.windows(sequence.len());
        windows.rposition(|bytes| bytes == sequence)
    };
    assert!(
        last(b"\x1b[?1049l") > last(b"\x1b[?1049h"),
        "the alternate screen is left"
    );
    assert!(
        last(b"\x1b[?25h") > last(b"\x1b[?25l"),
        "the cursor is shown"
    );
    let tmp = room.path().join("tmp");
    let left = std::fs::read_dir(&tmp).expect("temporary files").count();
    assert_eq!(left, 0, "{}", pty.screen());
    assert_eq!(processes_of(&tmp), Vec::<String>::new());
}

#[test]
fn sigterm_restores_the_terminal_and_ends_the_sandbox() {
    for signal in [Signal::TERM, Signal::INT] {
        let (mut pty, room) = console((80, 24));
        let process = i32::try_from(pty.process_id()).ok().and_then(Pid::from_raw);
        kill_process(process.expect("an id"), signal).expect("it runs");
        assert_eq!(pty.exit_status(SOON).exit_code(), 130, "{}", pty.screen());
        assert_given_back(&pty, &room);
    }
}
