//! Servers that accept connections and never answer, or do not exist: `status` and `doctor` report
//! them in time, and claim nothing that is unknown.

use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::free_port;
use crate::support::json_lines::json_list;

/// The limit of `status` and of the doctor, whatever hangs.
const STATUS: Duration = Duration::from_secs(3);
const DOCTOR: Duration = Duration::from_secs(5);

/// A configuration with every server at one port of this machine.
pub(crate) struct World {
    place: TempDir,
    _silent: Option<TcpListener>,
}

impl World {
    /// Every server accepts connections and never answers.
    fn silent() -> Self {
        let silent = TcpListener::bind("0.0.0.0:0").expect("a port");
        let port = silent.local_addr().expect("its address").port();
        Self::at(port, Some(silent))
    }

    /// No server listens.
    fn away() -> Self {
        Self::at(free_port(), None)
    }

    pub(crate) fn at(port: u16, silent: Option<TcpListener>) -> Self {
        let place = tempfile::tempdir().expect("a directory");
        let at = place.path().display();
        for directory in ["sites", "state"] {
            std::fs::create_dir(place.path().join(directory)).expect("a directory");
        }
        let installed = place.path().join("sites/greenroom-web.qa.conf");
        std::fs::write(
            installed,
            "# Written by Greenroom for web/qa; Greenroom overwrites changes to this file.\n",
        )
        .expect("written");
        let text = format!(
            r#"
[history]
archive = "{at}/archive.db"

[environments.qa]
tier = "staging"
docker = {{ address = "tcp://127.0.0.1:{port}" }}
registry = {{ plain_http = true }}
etcd = {{ endpoints = ["http://127.0.0.1:{port}"] }}

[environments.qa.nginx]
configuration = "{at}/nginx.conf"
sites = "{at}/sites"
state = "{at}/state"
answer = {{ listen = "127.0.0.2:{port}" }}

[services.web]
image = "127.0.0.1:{port}/web"
listen = {{ port = 8080 }}
health = {{ path = "/health" }}

[services.web.environments.qa]
endpoints = {{ blue = "127.0.0.3:{port}", green = "127.0.0.4:{port}" }}

[services.web.environments.qa.proxy]
server_names = ["web.example"]
listen = "127.0.0.5:{port}"
"#
        );
        std::fs::write(place.path().join("greenroom.toml"), text).expect("written");
        Self {
            place,
            _silent: silent,
        }
    }

    /// The program with this configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let place = self.place.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
        command
            .arg("--config")
            .arg(place.join("greenroom.toml"))
            .args(arguments)
            .env("XDG_STATE_HOME", place);
        command
    }

    fn run(&self, arguments: &[&str]) -> (Output, Duration) {
        let started = Instant::now();
        let output = self.command(arguments).output().expect("it runs");
        (output, started.elapsed())
    }
}

fn words(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

/// The time beyond what a busy machine needs for a command that waits for nothing.
fn waited(silent: &World, away: &World, arguments: &[&str]) -> (Output, Duration) {
    let (_, at_once) = away.run(arguments);
    let (output, took) = silent.run(arguments);
    (output, took.saturating_sub(at_once))
}

/// The limit for completions, beyond what a busy machine needs to start a program.
const COMPLETION: Duration = Duration::from_secs(2);

#[test]
fn completions_wait_a_second_for_silent_servers_and_print_no_error() {
    let silent = World::silent();
    let config = silent.place.path().join("greenroom.toml");
    let complete = |words: &[&str]| {
        let started = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_greenroom"))
            .env("GREENROOM_COMPLETE", "fish")
            .env("XDG_STATE_HOME", silent.place.path())
            .args(["--", "greenroom", "--config"])
            .arg(&config)
            .args(words)
            .output()
            .expect("it runs");
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
        (output, started.elapsed())
    };
    let (named, at_once) = complete(&["promote", "web", ""]);
    assert!(named.stdout.starts_with(b"qa"), "{named:?}");
    for words in [
        ["promote", "web", "qa", "--version", ""],
        ["rollback", "web", "qa", "--to", ""],
    ] {
        let (output, took) = complete(&words);
        assert!(output.stdout.is_empty(), "{output:?}");
        assert!(took.saturating_sub(at_once) < COMPLETION, "{took:?}");
    }
    let (output, _) = complete(&["show", ""]);
    assert!(
        !silent.place.path().join("archive.db").exists(),
        "{output:?}"
    );
}

#[test]
fn status_claims_nothing_about_silent_servers_within_three_seconds() {
    let (silent, away) = (World::silent(), World::away());
    let (output, waited) = waited(&silent, &away, &["--json", "status"]);
    assert!(waited < STATUS, "{waited:?}");
    for output in [output, away.run(&["--json", "status"]).0] {
        let said = words(&output);
        assert_eq!(output.status.code(), Some(3), "{said}");
        let status = json_list(&output, "targets").remove(0);
        for name in ["live", "agreed", "drift", "holds", "interrupted"] {
            assert!(status[name].is_null(), "{name}: {said}");
        }
        for slot in ["blue", "green"] {
            assert!(status["roles"][slot].is_null(), "{said}");
        }
    }
    let said = words(&away.run(&["status"]).0);
    for claim in ["empty", "candidate", "not registered", "standby"] {
        assert!(!said.contains(claim), "{claim}: {said}");
    }
    for source in ["runtime", "store", "proxy"] {
        assert!(
            said.contains(&format!("the {source} has not answered: ")),
            "{said}"
        );
    }
}

#[test]
fn the_doctor_names_every_silent_server_within_five_seconds() {
    let (silent, away) = (World::silent(), World::away());
    let (output, waited) = waited(&silent, &away, &["doctor"]);
    assert!(waited < DOCTOR, "{waited:?}");
    for output in [output, away.run(&["doctor"]).0] {
        let said = words(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        for trial in [
            "qa  runtime",
            "qa  store",
            "qa  running",
            "web/qa  images",
            "web/qa  route",
        ] {
            let (place, what) = trial.split_once("  ").expect("two");
            let line = format!("x {place:<22} {what:<10} ");
            assert!(said.contains(&line), "{line}: {said}");
        }
        // Each line names the address without an answer.
        let failed = said.lines().filter(|line| line.starts_with("x "));
        for line in failed {
            // A program on this machine has no address.
            let is_program = line.contains("nginx on this host: ");
            assert!(is_program || line.contains("127.0.0."), "{line}");
        }
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(
            out.ends_with("Then run greenroom doctor again.\n"),
            "{said}"
        );
    }
}

#[test]
fn the_doctor_checks_its_own_log_and_archive() {
    let away = World::away();
    let lines = |what: &str, said: &str| -> String {
        let mut lines = said
            .lines()
            .filter(|line| line.contains(&format!(" {what} ")));
        lines.next().unwrap_or_default().to_owned()
    };
    let said = words(&away.run(&["doctor"]).0);
    assert!(lines("log", &said).starts_with("+ greenroom"), "{said}");
    let archive = lines("archive", &said);
    assert!(archive.contains("does not exist yet"), "{said}");
    assert!(!away.place.path().join("archive.db").exists());
    std::fs::write(away.place.path().join("archive.db"), "no database at all").expect("written");
    // A file in place of the log directory.
    let state = away.place.path().join("greenroom");
    assert!(!state.exists(), "a directory was left behind");
    std::fs::write(away.place.path().join("greenroom"), "").expect("written");
    let said = words(&away.run(&["doctor"]).0);
    for what in ["log", "archive"] {
        assert!(
            lines(what, &said).starts_with("x greenroom"),
            "{what}: {said}"
        );
    }
    assert!(said.contains("set XDG_STATE_HOME"), "{said}");
}
