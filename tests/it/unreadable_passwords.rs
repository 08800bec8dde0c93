//! An unreadable password, or an unreadable file of an environment, fails only that environment.
//! The others are shown, and the error names the setting and what to do.

use std::process::{Command, Output};

use tempfile::TempDir;

use crate::support::free_port;
use crate::support::json_lines::json_list;

/// Two environments: `qa` has a store in a file, `production` one in an etcd with a password.
struct World {
    place: TempDir,
}

/// The differences of `production`.
struct Production<'a> {
    runtime: &'a str,
    store: &'a str,
    nginx: &'a str,
}

impl World {
    fn with_password(source: &str) -> Self {
        let port = free_port();
        let store = format!(
            "[environments.production.etcd]\nendpoints = [\"http://127.0.0.1:{port}\"]\nuser = \"ana\"\npassword = {source}"
        );
        Self::with(&Production {
            runtime: "",
            store: &store,
            nginx: "",
        })
    }

    fn with(production: &Production<'_>) -> Self {
        let place = tempfile::tempdir().expect("a directory");
        let (at, port) = (place.path().display(), free_port());
        let docker = format!("docker = {{ address = \"tcp://127.0.0.1:{port}\" }}");
        let runtime = match production.runtime {
            "" => &docker,
            other => other,
        };
        let environment = |name: &str, runtime: &str, store: &str, nginx: &str, second: u8| {
            format!(
                r#"
[environments.{name}]
tier = "staging"
registry = {{ plain_http = true }}
{runtime}
{store}

[environments.{name}.nginx]
configuration = "{at}/nginx.conf"
sites = "{at}/{name}/sites"
state = "{at}/{name}/state"
answer = {{ listen = "127.0.{second}.2:{port}" }}
{nginx}

[services.web.environments.{name}]
endpoints = {{ blue = "127.0.{second}.3:{port}", green = "127.0.{second}.4:{port}" }}

[services.web.environments.{name}.proxy]
server_names = ["web.example"]
listen = "127.0.{second}.5:{port}"
"#
            )
        };
        let text = format!(
            r#"
[history]
archive = "{at}/archive.db"

[services.web]
image = "127.0.0.1:{port}/web"
listen = {{ port = 8080 }}
health = {{ path = "/health" }}
{}{}"#,
            environment(
                "qa",
                &docker,
                &format!("sqlite = {{ path = \"{at}/store.db\" }}"),
                "",
                1
            ),
            environment("production", runtime, production.store, production.nginx, 2),
        );
        std::fs::write(place.path().join("greenroom.toml"), text).expect("written");
        Self { place }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_greenroom"))
            .arg("--config")
            .arg(self.place.path().join("greenroom.toml"))
            .args(arguments)
            .env("XDG_STATE_HOME", self.place.path())
            .env_remove("GREENROOM_NO_SUCH_PASSWORD")
            .output()
            .expect("it runs")
    }

    /// The position of a key of production in the file, as an error names it.
    fn setting(&self, key: &str) -> String {
        let file = self.place.path().join("greenroom.toml");
        let text = std::fs::read_to_string(&file).expect("the file");
        let (_, last) = key.rsplit_once('.').expect("a table and a key");
        let line = text
            .lines()
            .position(|line| line.contains(&format!("{last} = ")));
        let line = line.expect("the key") + 1;
        format!("environments.production.{key} ({}:{line}:", file.display())
    }
}

fn words(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// Checks what every verb says about production and qa; `said` is the password's error, `next` the
/// fix.
fn only_production_fails(world: &World, said: &str, next: &str) {
    let setting = world.setting("etcd.password");

    let status = world.run(&["--json", "status"]);
    let all = words(&status);
    assert_eq!(status.status.code(), Some(3), "{all}");
    let mut targets = json_list(&status, "targets");
    let production = targets.pop().expect("production").to_string();
    let qa = targets.pop().expect("qa")["snapshot"]["sources"]["registry"].to_string();
    assert!(qa.contains("live"), "{all}");
    for wanted in [&setting, said, next] {
        assert!(production.contains(wanted), "{wanted}: {production}");
    }

    let history = world.run(&["history"]);
    let all = words(&history);
    assert_eq!(history.status.code(), Some(1), "{all}");
    assert!(
        all.contains("web/production") && all.contains(said),
        "{all}"
    );
    assert!(!all.contains("web/qa:"), "{all}");
    let of_qa = world.run(&["history", "web", "qa"]);
    assert_eq!(of_qa.status.code(), Some(0), "{}", words(&of_qa));

    let doctor = words(&world.run(&["doctor"]));
    let store = |environment: &str| {
        let mut lines = doctor.lines();
        let mut found = lines.find(|line| {
            line.get(2..)
                .is_some_and(|rest| rest.starts_with(environment) && rest.contains(" store "))
        });
        found.take().expect("a line").to_owned()
    };
    assert!(store("qa").starts_with('+'), "{doctor}");
    assert!(store("production").starts_with('x'), "{doctor}");
    assert!(store("production").contains(&setting), "{doctor}");
    assert!(doctor.contains(next), "{doctor}");
}

fn config_check_refuses_the_missing_file(world: &World) {
    let checked = world.run(&["config", "check"]);
    let said = words(&checked);
    assert_eq!(checked.status.code(), Some(2), "{said}");
    assert!(said.contains("does not exist"), "{said}");
}

/// Checks what every verb says when a file of production is missing; `place` is the doctor's line
/// for it.
fn only_production_lacks(world: &World, place: &str, wanted: &[&str]) {
    let status = world.run(&["--json", "status"]);
    let all = words(&status);
    assert_eq!(status.status.code(), Some(3), "{all}");
    let mut targets = json_list(&status, "targets");
    let production = targets.pop().expect("production").to_string();
    let qa = targets.pop().expect("qa")["snapshot"]["sources"]["registry"].to_string();
    assert!(qa.contains("live"), "{all}");

    let history = world.run(&["history"]);
    assert_eq!(history.status.code(), Some(0), "{}", words(&history));

    let doctor = words(&world.run(&["doctor"]));
    let mut lines = doctor.lines();
    let broken = lines.find(|line| line.starts_with('x') && line.contains(place));
    let broken = broken.unwrap_or_else(|| panic!("{place}: {doctor}"));
    for wanted in wanted {
        assert!(broken.contains(wanted), "{wanted}: {broken}");
    }
    assert!(
        doctor
            .lines()
            .any(|line| line.starts_with("+ qa") && line.contains(" store ")),
        "{doctor}"
    );
    // The status does not read what only a release needs.
    if place != "images" {
        assert!(production.contains(wanted[0]), "{production}");
    }
}

#[test]
fn a_missing_nginx_template_fails_only_its_environment() {
    let world = World::with(&Production {
        runtime: "",
        store: "sqlite = { path = \"production.db\" }",
        nginx: "template = \"no-such.jinja\"",
    });
    let setting = world.setting("nginx.template");
    config_check_refuses_the_missing_file(&world);
    only_production_lacks(&world, "route", &[&setting, "no-such.jinja: No such file"]);
}

#[test]
fn a_missing_docker_certificate_fails_only_its_environment() {
    let tls = r#"docker = { address = "tcp://127.0.0.1:1", tls = { ca = "no-ca.pem", cert = "no-cert.pem", key = "no-key.pem" } }"#;
    let world = World::with(&Production {
        runtime: tls,
        store: "sqlite = { path = \"production.db\" }",
        nginx: "",
    });
    config_check_refuses_the_missing_file(&world);
    only_production_lacks(&world, "runtime", &["the TLS file", "no-ca.pem"]);
}

#[test]
fn a_missing_catalogue_fails_only_its_environment() {
    let runtime =
        "runtime = \"process\"\nprocess = { state = \"processes\", catalogue = \"no-such.json\" }";
    let world = World::with(&Production {
        runtime,
        store: "sqlite = { path = \"production.db\" }",
        nginx: "",
    });
    let setting = world.setting("process.catalogue");
    only_production_lacks(&world, "images", &[&setting, "no-such.json: No such file"]);
}

#[test]
fn a_failing_password_command_fails_only_its_environment() {
    let world = World::with_password(r#"{ command = ["false"] }"#);
    only_production_fails(
        &world,
        "command false: the command failed with exit status: 1",
        "run the command",
    );
}

#[test]
fn a_password_command_with_endless_output_fails_only_its_environment() {
    let world = World::with_password(r#"{ command = ["yes"] }"#);
    only_production_fails(
        &world,
        "the secret is longer than 64 KiB",
        "run the command",
    );
}

#[test]
fn a_missing_password_file_fails_only_its_environment() {
    let world = World::with_password(r#"{ file = "no-such-file" }"#);
    only_production_fails(&world, "No such file", "readable for this user");
}

#[test]
fn an_unset_password_variable_fails_only_its_environment() {
    let world = World::with_password(r#"{ env = "GREENROOM_NO_SUCH_PASSWORD" }"#);
    only_production_fails(
        &world,
        "the variable is not set",
        "set GREENROOM_NO_SUCH_PASSWORD",
    );
}

#[test]
fn a_hanging_password_command_makes_only_its_store_unknown() {
    let world = World::with_password(r#"{ command = ["sleep", "1000"] }"#);
    let status = world.run(&["--json", "status"]);
    let all = words(&status);
    assert_eq!(status.status.code(), Some(3), "{all}");
    // The time limit of one part of the status, not the ten seconds of a command.
    let late = "was not read within 2.5s, so the state of the store is unknown";
    assert!(all.contains(late) && !all.contains("was killed"), "{all}");
    let doctor = words(&world.run(&["doctor"]));
    assert!(doctor.contains("was not read within 4.3s"), "{doctor}");
    assert!(!doctor.contains("was killed"), "{doctor}");
    let mut targets = json_list(&status, "targets");
    let qa = targets.remove(0)["snapshot"]["sources"]["registry"].to_string();
    assert!(qa.contains("live"), "{all}");
}

#[test]
fn config_check_runs_no_command() {
    let world = World::with_password(r#"{ command = ["touch", "ran"] }"#);
    let checked = world.run(&["config", "check"]);
    assert!(checked.status.success(), "{}", words(&checked));
    assert!(!world.place.path().join("ran").exists() && !std::path::Path::new("ran").exists());
}
