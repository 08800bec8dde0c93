//! A release of a service with every option of a container, on a real Docker.

use std::process::Command;

use greenroom::history::Step;
use greenroom::inventory::instance_name;
use serde_json::Value;

use super::command_line::{self, out};
use super::fixture::{Fixture, FixtureOptions, version};
use crate::planted::{assert_files_hidden, assert_hidden, planted};
use crate::support::docker;
use crate::support::json_lines::json_list;

/// The keys of the service. The sample application needs no capability and writes only to `/data`.
const OPTIONS: &str = r#"
cpus = 0.5
user = "1000:1000"
entrypoint = ["/bin/busybox", "sh", "-c", "echo said $(cat /run/secrets/db_password); exec \"$@\"", "own-entrypoint"]
command = ["/usr/bin/greenroom", "sample-app"]
working_dir = "/data"
stop_signal = "SIGINT"
init = true
cap_drop = ["ALL"]
cap_add = ["NET_BIND_SERVICE"]
no_new_privileges = true
read_only_root = true
tmpfs = { "/run" = {}, "/scratch" = { size = "1MiB", options = ["mode=0777"] } }
shm_size = "32MiB"
ulimits = { nofile = { soft = 1000, hard = 2000 } }
extra_hosts = { "db.example" = "10.0.0.7" }
logging = { driver = "json-file", options = { max-size = "1m" } }
"#;

/// An option without a setting of its own, and a task that notes under which rights it runs, and how long its secret is. Then it prints the secret.
const TASK: &str = r#"
[[services.SERVICE.tasks]]
name = "look"
at = "before-start"
required = false
command = ["/bin/busybox", "sh", "-c", "id -u > /data/look; wc -c < /run/secrets/db_password >> /data/look; echo failed with $(cat /run/secrets/db_password); exit 3"]

[services.SERVICE.docker.HostConfig]
PidsLimit = 100
"#;

/// A fixture whose service has all options and a secret as a file, with a live version.
async fn fixture(secrets: &std::path::Path) -> Fixture {
    let mut fixture = Fixture::new(FixtureOptions::default()).await;
    let file = secrets.join("file");
    std::fs::write(&file, planted("file")).expect("written");
    let secret = format!(
        "secrets = {{ db_password = {{ file = \"{}\" }} }}",
        file.display()
    );
    let service = fixture.target.service.to_string();
    let task = TASK.replace("SERVICE", &service);
    fixture
        .rebuild(|text| {
            let text = text.replace(
                "restart = \"no\"",
                &format!("restart = \"no\"{OPTIONS}{secret}"),
            );
            format!("{text}{task}")
        })
        .await;
    fixture.with("1.8.2").await
}

/// The name of the container in the live slot.
async fn live(fixture: &Fixture) -> String {
    let slot = fixture.snapshot().await.live().expect("something is live");
    instance_name(&fixture.target, slot, 1)
}

fn run(arguments: &[&str]) -> String {
    let said = Command::new("docker")
        .args(["-H", &docker()])
        .args(arguments)
        .output();
    let said = said.expect("docker");
    format!(
        "{}{}",
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    )
}

/// What a script prints inside the container.
fn inside(name: &str, script: &str) -> String {
    run(&["exec", name, "/bin/busybox", "sh", "-c", script])
        .trim()
        .to_owned()
}

fn inspected(name: &str) -> Value {
    let mut all: Value = serde_json::from_str(&run(&["inspect", name])).expect("JSON");
    all[0].take()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_option_is_in_effect_inside_the_container() {
    let secrets = tempfile::tempdir().expect("a directory");
    let fixture = fixture(secrets.path()).await;
    let name = live(&fixture).await;
    for (script, expected) in [
        ("id -u; id -g", "1000\n1000"),
        ("pwd", "/data"),
        ("ulimit -Sn; ulimit -Hn", "1000\n2000"),
        ("cat /run/secrets/db_password", planted("file").as_str()),
        ("grep CapBnd /proc/self/status", "CapBnd:\t0000000000000400"),
        ("grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"),
        ("grep db.example /etc/hosts", "10.0.0.7\tdb.example"),
        ("touch /scratch/a && echo written", "written"),
        (
            "tr '\\0' '\\n' < /proc/1/cmdline | head -1",
            "/sbin/docker-init",
        ),
    ] {
        assert_eq!(inside(&name, script), expected, "{script}");
    }
    for (script, part) in [
        ("touch /a", "Read-only file system"),
        ("grep ' /scratch ' /proc/mounts", "size=1024k"),
        ("grep ' /dev/shm ' /proc/mounts", "size=32768k"),
        ("cat /proc/1/cmdline | tr '\\0' ' '", "own-entrypoint"),
    ] {
        let said = inside(&name, script);
        assert!(said.contains(part), "{script}: {said}");
    }
    let made = inspected(&name);
    let host = &made["HostConfig"];
    assert_eq!(host["NanoCpus"], 500_000_000);
    assert_eq!(host["PidsLimit"], 100);
    assert_eq!(host["LogConfig"]["Config"]["max-size"], "1m");
    assert_eq!(made["Config"]["StopSignal"], "SIGINT");

    let plan = fixture.plan(version("1.9.0")).await.expect("a plan");
    let calls = &plan.step(Step::Start).expect("it starts").calls;
    let shown = "engine: with Docker's option HostConfig.PidsLimit = 100".to_owned();
    assert!(calls.contains(&shown), "{calls:?}");

    let noted = std::fs::read_to_string(fixture.place.path().join("data/look"));
    let length = planted("file").len();
    assert_eq!(noted.expect("the task ran"), format!("1000\n{length}\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_in_a_file_is_shown_nowhere() {
    let secrets = tempfile::tempdir().expect("a directory");
    let fixture = fixture(secrets.path()).await;
    let first = live(&fixture).await;
    let content = |name: &str| inside(name, "cat /run/secrets/db_password");
    run(&["restart", "-t", "1", &first]);
    assert_eq!(content(&first), planted("file"));

    // The task quotes the secret, and the candidate prints it.
    let service = fixture.target.service.to_string();
    let promote = [
        "promote",
        &service,
        "production",
        "--yes",
        "--version",
        "1.9.0",
    ];
    let promoted = command_line::run(&fixture, &promote).await;
    assert_eq!(promoted.status.code(), Some(0), "{promoted:?}");
    let second = live(&fixture).await;
    assert_ne!(second, first);
    assert_eq!(content(&second), planted("file"));
    let listed = command_line::run(&fixture, &["--json", "history", "--limit", "1"]).await;
    let id = json_list(&listed, "items")[0]["id"].clone();
    let shown = ["show", id.as_str().expect("an id"), "--logs"];
    let shown = command_line::run(&fixture, &shown).await;
    let printed = out(&promoted) + &out(&shown);
    assert!(printed.contains("failed with (hidden)"), "{printed}");
    assert!(printed.contains("said (hidden)"), "{printed}");
    assert_hidden("the output", printed.as_bytes());
    assert!(run(&["logs", &second]).contains(&planted("file")));

    assert_hidden("docker inspect", inspected(&second).to_string().as_bytes());
    let at = fixture.place.path();
    assert!(at.join("archive.db").exists());
    assert_files_hidden(at, &["greenroom.toml"]);
}
