//! What the real binary does when a part of its surroundings is missing: a home directory, the name
//! of the user, or an output that accepts data.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use tempfile::TempDir;

use crate::support::disk::Disk;

/// A user that no machine has.
const UNKNOWN: u32 = 47_110_815;

const TARGET: &str = r#"
[environments.dev]
tier = "development"
runtime = "process"
store = "sqlite"
proxy = "embedded"
process = { state = "state/processes", catalogue = "catalogue.json" }
embedded = { answer = "127.0.0.1:8090", state = "state/proxy" }

[services.web]
image = "sample"
listen = { port = 8080 }
health = { path = "/health" }

[services.web.environments.dev]
endpoints = { blue = "127.0.0.1:1", green = "127.0.0.1:2" }
[services.web.environments.dev.proxy]
server_names = ["localhost"]
listen = "127.0.0.1:8080"
preview_listen = "127.0.0.1:8081"
"#;

/// A directory with a configuration, which is also the home and the working directory of the
/// commands.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a directory"));
        // Another user may write there too, but cannot replace files of others.
        let all = std::fs::Permissions::from_mode(0o1777);
        std::fs::set_permissions(place.path(), all).expect("set");
        std::fs::write(place.path().join("greenroom.toml"), TARGET).expect("written");
        std::fs::write(place.path().join("catalogue.json"), "[]").expect("written");
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The binary with an almost empty environment.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("GREENROOM_CONFIG", self.path().join("greenroom.toml"))
            .stdin(Stdio::null());
        command
    }

    /// All files and directories in it, except those that a test has created.
    fn made(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut left = vec![self.path().to_owned()];
        while let Some(directory) = left.pop() {
            for entry in std::fs::read_dir(directory).expect("listed").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    left.push(path.clone());
                }
                found.push(path);
            }
        }
        let own = ["greenroom.toml", "catalogue.json"].map(|name| self.path().join(name));
        found.retain(|path| !own.contains(path));
        found
    }
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn run(mut command: Command) -> Output {
    command.output().expect("it runs")
}

fn root_or_explain() {
    assert!(
        rustix::process::getuid().is_root(),
        "this test runs a program as another user: run the tests by tests/run"
    );
}

/// The binary as a user without an entry in the user database. It is run through a descriptor,
/// because its directory may be closed to others.
fn as_unknown_user(place: &Place, binary: &File, arguments: &[&str]) -> Command {
    let mut command = Command::new(format!("/proc/self/fd/{}", binary.as_raw_fd()));
    command
        .args(arguments)
        .current_dir(place.path())
        .env_clear()
        .env("GREENROOM_CONFIG", place.path().join("greenroom.toml"))
        .stdin(Stdio::null())
        .uid(UNKNOWN)
        .gid(UNKNOWN);
    command
}

#[test]
fn without_a_home_nothing_is_written_to_the_working_directory() {
    root_or_explain();
    let place = Place::new();
    let binary = File::open(env!("CARGO_BIN_EXE_greenroom")).expect("the binary");
    let hold: &[&str] = &["hold", "web", "dev", "--reason", "payday"];
    let mut relative = place.command(hold);
    relative.env("HOME", "here");
    for command in [relative, as_unknown_user(&place, &binary, hold)] {
        let refused = run(command);
        let said = err(&refused);
        assert_eq!(refused.status.code(), Some(2), "{said}");
        for (key, what) in [
            ("history.archive", "there is no directory for the archive"),
            (
                "environments.dev.sqlite.path",
                "there is no directory for the store",
            ),
        ] {
            let line = said.lines().find(|line| line.contains(what));
            let line = line.unwrap_or_else(|| panic!("{said}"));
            assert!(line.contains(key) && line.contains("set HOME"), "{line}");
        }
        assert_eq!(place.made(), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_log_without_a_home_is_reported_as_missing() {
    let place = Place::new();
    let named = format!("[history]\narchive = \"archive.db\"\n{TARGET}");
    let named = named.replace(
        "store = \"sqlite\"",
        "store = \"sqlite\"\nsqlite = { path = \"store.db\" }",
    );
    std::fs::write(place.path().join("greenroom.toml"), named).expect("written");
    let mut command = place.command(&["status"]);
    command.env("HOME", "here").env("GREENROOM_LOG", "trace");
    let said = err(&run(command));
    assert!(said.contains("the log could not be written"), "{said}");
    assert!(said.contains("set HOME"), "{said}");
    assert_eq!(place.made(), Vec::<PathBuf>::new());
}

#[test]
fn read_only_commands_create_no_file() {
    let place = Place::new();
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["doctor"],
        &["hold"],
        &["config", "check"],
        &["repair", "web", "dev", "--dry-run"],
    ] {
        let output = run(place.command(arguments));
        assert_ne!(output.status.code(), Some(2), "{}", err(&output));
        if arguments != ["repair", "web", "dev", "--dry-run"] && arguments != ["hold"] {
            assert_eq!(place.made(), Vec::<PathBuf>::new(), "{arguments:?}");
        }
        // A log may report an unreachable server; the first change creates the store.
        let made = place.made();
        let is_store = |path: &PathBuf| path.to_string_lossy().contains("greenroom.db");
        assert!(!made.iter().any(is_store), "{arguments:?}: {made:?}");
    }
    let held = run(place.command(&["hold", "web", "dev", "--reason", "payday"]));
    assert_eq!(held.status.code(), Some(0), "{}", err(&held));
    let store = place.path().join(".local/share/greenroom/greenroom.db");
    assert!(store.is_file(), "{:?}", place.made());
    let seen = run(place.command(&["hold"]));
    let seen = String::from_utf8_lossy(&seen.stdout).into_owned();
    assert!(seen.contains("payday"), "{seen}");
}

#[test]
fn created_files_are_readable_only_by_their_user() {
    let place = Place::new();
    let hold = ["hold", "web", "dev", "--reason", "payday"];
    for arguments in [&hold[..], &["history"]] {
        let mut command = place.command(arguments);
        command.env("GREENROOM_LOG", "trace");
        let output = run(command);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    }
    let made = place.made();
    for name in ["greenroom.db", "archive.db", "archive.db-reserve"] {
        let is_it = |path: &PathBuf| path.file_name().is_some_and(|found| found == name);
        assert!(made.iter().any(is_it), "{name} in {made:?}");
    }
    for path in made {
        let bits = path.metadata().expect("there").permissions().mode() & 0o777;
        let is_log = path.extension().is_some_and(|it| it == "log");
        match (path.is_dir(), is_log) {
            (true, _) => assert_eq!(bits, 0o700, "{}", path.display()),
            (false, false) => assert_eq!(bits, 0o600, "{}", path.display()),
            // In a directory that other users cannot enter.
            (false, true) => {}
        }
    }
}

#[test]
fn a_configuration_found_where_others_may_write_is_not_read() {
    let place = Place::new();
    let set = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(place.path(), mode).expect("set");
    };
    set(0o777);
    let found = |command: &mut Command| {
        command.env_remove("GREENROOM_CONFIG");
        command.output().expect("it runs")
    };
    let refused = found(&mut place.command(&["config", "check"]));
    let said = err(&refused);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(
        said.contains("every user may write to the directory of this path"),
        "{said}"
    );
    // When it is named, it is read, and refused because others can change the store and the state.
    let named = found(&mut place.command(&["--config", "greenroom.toml", "config", "check"]));
    let said = err(&named);
    assert!(
        said.contains("other users can change `") && said.contains(": every user may write to "),
        "{said}"
    );
    set(0o755);
    let read = found(&mut place.command(&["config", "check"]));
    assert_eq!(read.status.code(), Some(0), "{}", err(&read));
}

#[test]
fn a_symbolic_link_is_not_written_through() {
    let place = Place::new();
    let data = place.path().join(".local/share/greenroom");
    std::fs::create_dir_all(&data).expect("made");
    let precious = place.path().join("precious");
    let plant = |name: &str| {
        std::fs::write(&precious, "precious").expect("written");
        std::os::unix::fs::symlink(&precious, data.join(name)).expect("planted");
    };
    let is_whole = |name: &str| {
        let text = std::fs::read_to_string(&precious).expect("read");
        assert_eq!(text, "precious", "through {name}");
    };
    plant("archive.db-reserve");
    let output = run(place.command(&["history"]));
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    is_whole("archive.db-reserve");
    plant("greenroom.db");
    let held = run(place.command(&["hold", "web", "dev", "--reason", "payday"]));
    assert_eq!(held.status.code(), Some(1), "{}", err(&held));
    assert!(err(&held).contains("symbolic link"), "{}", err(&held));
    is_whole("greenroom.db");
}

#[test]
fn the_operator_has_the_name_of_the_user_database() {
    root_or_explain();
    let place = Place::new();
    let known = Command::new("id").arg("-un").output().expect("id runs");
    let known = String::from_utf8_lossy(&known.stdout).trim().to_owned();
    let operator = |command| {
        let output = run(command);
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = lines.lines().find(|line| line.contains(" operator "));
        line.unwrap_or_else(|| panic!("{lines}{}", err(&output)))
            .to_owned()
    };
    let named = operator(place.command(&["doctor"]));
    assert!(named.contains(&format!(" {known}@")), "{named}");
    let mut by_variable = place.command(&["doctor"]);
    by_variable.env("USER", "ana");
    let named = operator(by_variable);
    assert!(named.contains(" ana@"), "{named}");
    let binary = File::open(env!("CARGO_BIN_EXE_greenroom")).expect("the binary");
    let mut unknown = as_unknown_user(&place, &binary, &["doctor"]);
    unknown.env("HOME", place.path());
    let named = operator(unknown);
    assert!(named.contains(&format!(" uid-{UNKNOWN}@")), "{named}");
}

#[test]
fn the_doctor_sees_a_full_disk() {
    root_or_explain();
    let place = Place::new();
    let home = place.path().join("home");
    std::fs::create_dir(&home).expect("made");
    let disk = Disk::mounted(&home, "1m");
    let doctor = || {
        let mut command = place.command(&["doctor"]);
        command.env("HOME", &home);
        run(command)
    };
    let says_full = |output: &Output| {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let is_full = |what: &str| {
            let line = said
                .lines()
                .find(|line| line.contains(&format!(" {what} ")));
            line.is_some_and(|line| line.contains("No space left"))
        };
        ["log", "archive", "store"].map(is_full)
    };
    assert_eq!(says_full(&doctor()), [false; 3]);
    disk.fill();
    let output = doctor();
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert_eq!(says_full(&output), [true; 3], "{output:?}");
}

#[test]
fn an_empty_variable_names_no_configuration() {
    let place = Place::new();
    let own = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(place.path(), own).expect("set");
    let mut command = place.command(&["config", "check"]);
    command.env("GREENROOM_CONFIG", "");
    let output = run(command);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
}

#[test]
fn an_output_that_is_full_is_an_error() {
    let place = Place::new();
    for (arguments, code) in [
        (&["--help"][..], 1),
        (&["--version"], 1),
        (&["completions", "bash"], 1),
        (&["man"], 1),
        (&["config", "schema"], 1),
        (&["config", "check"], 1),
        (&["history"], 1),
        (&["hold"], 1),
        // The change was made, but its output was lost.
        (&["hold", "web", "dev", "--reason", "payday"], 3),
        (&["--json", "hold", "web", "dev", "--clear"], 3),
    ] {
        let full = File::options().write(true).open("/dev/full");
        let mut command = place.command(arguments);
        command.stdout(full.expect("/dev/full"));
        let output = run(command);
        let said = err(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(
            said.contains("standard output could not be written: No space left"),
            "{arguments:?}: {said}"
        );
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let place = Place::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = place.command(&["config", "schema"]);
    command.stdout(writer);
    let output = run(command);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
}

#[test]
fn a_slow_output_is_waited_for() {
    let place = Place::new();
    let whole = run(place.command(&["config", "schema"])).stdout;
    let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
    fcntl_setfl(&writer, OFlags::NONBLOCK).expect("set");
    // All but the last page of the pipe is full before the command starts.
    let before = vec![b'-'; 15 * 4096];
    assert!(whole.len() > 4096, "it would fit");
    writer.write_all(&before).expect("written");
    let mut command = place.command(&["config", "schema"]);
    command.stdout(writer.try_clone().expect("a second one"));
    let mut child = command.spawn().expect("it runs");
    drop(command);
    let is_full = || {
        let mut wanted = [PollFd::new(&writer, PollFlags::OUT)];
        poll(&mut wanted, Some(&Timespec::default())) == Ok(0)
    };
    let until = Instant::now() + Duration::from_secs(20);
    while !is_full() && child.try_wait().expect("looked at").is_none() {
        assert!(Instant::now() < until, "nothing is written");
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(writer);
    let mut received = Vec::new();
    reader.read_to_end(&mut received).expect("read");
    assert!(child.wait().expect("ended").success());
    assert!(
        received[before.len()..] == whole,
        "{} bytes",
        received.len()
    );
}

#[test]
fn the_console_is_refused_without_a_terminal() {
    let place = Place::new();
    for arguments in [&[][..], &["sandbox"]] {
        let mut command = place.command(arguments);
        command.env("TERM", "xterm-256color");
        let refused = run(command);
        let said = err(&refused);
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains("standard output is not a terminal"), "{said}");
        assert!(
            !said.contains('\u{1b}') && !said.contains("panic"),
            "{said}"
        );
        assert!(refused.stdout.is_empty(), "{:?}", refused.stdout);
    }
}

#[test]
fn docker_host_is_named_where_the_configured_socket_is_missing() {
    let place = Place::new();
    let docker = TARGET.replace("runtime = \"process\"\n", "").replace(
        "process = { state = \"state/processes\", catalogue = \"catalogue.json\" }",
        "docker = { address = \"unix:///proc/greenroom/docker.sock\" }",
    );
    std::fs::write(place.path().join("greenroom.toml"), docker).expect("written");
    let said = |docker_host: Option<&str>| {
        let mut command = place.command(&["status"]);
        command.envs(docker_host.map(|host| ("DOCKER_HOST", host)));
        let output = run(command);
        assert_eq!(output.status.code(), Some(3), "{}", err(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let named = said(Some("tcp://docker.example:2376"));
    assert!(
        named.contains("DOCKER_HOST is tcp://docker.example:2376"),
        "{named}"
    );
    assert!(named.contains("set docker.address"), "{named}");
    assert!(!said(None).contains("DOCKER_HOST"));
}
