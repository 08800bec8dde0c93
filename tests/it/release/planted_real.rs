//! A release on real servers with a secret of every kind. A secret of the instance is in that
//! instance's environment and nowhere else: not in Docker's description of it, not in etcd, not in
//! nginx's files, and not on the console with the most verbose log.

use std::process::Command;
use std::time::Duration;

use greenroom::inventory::instance_name;
use serde_json::Value;

use super::fixture::{Fixture, FixtureOptions};
use crate::planted::{assert_files_hidden, assert_hidden, planted};
use crate::support::pty::Pty;
use crate::support::{docker, etcd};

const SOON: Duration = Duration::from_secs(30);

/// A fixture whose instances get a secret from a file and one from the configuration, and whose
/// checks send both.
async fn fixture(secrets: &std::path::Path) -> Fixture {
    let mut fixture = Fixture::new(FixtureOptions::default()).await;
    let from = |kind: &str| {
        let file = secrets.join(kind);
        std::fs::write(&file, planted(kind)).expect("written");
        format!("{{ file = \"{}\" }}", file.display())
    };
    let environment = format!(
        "environment = {{ APP_SECRET = {}, APP_PASSWORD = \"{}\", ",
        from("environment"),
        planted("literal")
    );
    let headers = format!(
        "path = \"/health\", headers = {{ X-File = {}, Authorization = \"Bearer {}\" }}",
        from("file"),
        planted("literal")
    );
    let query = format!(
        "path = \"/orders\"\nquery = {{ who = {} }}\nbody = \"{}\"\nmethod = \"POST\"",
        from("query"),
        planted("body")
    );
    fixture
        .rebuild(|text| {
            let text = text.replace("environment = { ", &environment);
            let text = text.replace("path = \"/health\"", &headers);
            let text = text.replace("path = \"/orders\"\nexpect = { status = 200 }", &query);
            // The application does not know this order: the check fails, and shows request and
            // answer.
            text.replace("method = \"POST\"", "method = \"POST\"\nrequired = false")
        })
        .await;
    fixture
}

/// Every key and value below the prefix of this fixture.
async fn stored(fixture: &Fixture) -> Vec<u8> {
    let mut client = etcd_client::Client::connect([etcd()], None)
        .await
        .expect("an etcd");
    let prefix = format!("/greenroom-test/{}", fixture.target.service);
    let options = etcd_client::GetOptions::new().with_prefix();
    let found = client.get(prefix, Some(options)).await.expect("its keys");
    let pairs = found.kvs().iter();
    pairs
        .flat_map(|pair| [pair.key(), b"\n", pair.value(), b"\n"].concat())
        .collect()
}

/// Docker's description of the container in the live slot.
async fn inspected(fixture: &Fixture) -> Value {
    let slot = fixture.snapshot().await.live().expect("something is live");
    let name = instance_name(&fixture.target, slot, 1);
    let said = Command::new("docker")
        .args(["-H", &docker(), "inspect", &name])
        .output()
        .expect("docker");
    let mut all: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    all[0].take()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_of_a_release_is_in_the_environment_of_its_instance_only() {
    let secrets = tempfile::tempdir().expect("a directory");
    let fixture = fixture(secrets.path()).await.with("1.8.2").await;

    let mut said = inspected(&fixture).await;
    let environment = said["Config"]["Env"].take().to_string();
    for kind in ["environment", "literal"] {
        assert!(
            environment.contains(&planted(kind)),
            "{kind}: {environment}"
        );
    }
    assert_hidden("docker inspect", said.to_string().as_bytes());

    let stored = stored(&fixture).await;
    assert!(stored.len() > 1000, "a journal and a registration");
    assert_hidden("etcd", &stored);

    let at = fixture.place.path();
    let sites = std::fs::read_dir(at.join("sites")).expect("a directory");
    assert_eq!(sites.count(), 1, "one file for the target");
    for directory in ["sites", "live", "logs"] {
        assert_files_hidden(&at.join(directory), &[]);
    }
    assert_files_hidden(at, &["greenroom.toml"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_that_logs_everything_shows_no_secret() {
    let secrets = tempfile::tempdir().expect("a directory");
    let fixture = fixture(secrets.path()).await.with("1.8.2").await;
    let place = fixture.place.path().display().to_string();
    let configuration = format!("{place}/greenroom.toml");
    let environment = [
        ("XDG_STATE_HOME", place.as_str()),
        ("LC_ALL", "C.UTF-8"),
        ("GREENROOM_LOG", "trace"),
    ];
    let mut pty = Pty::greenroom(&["--config", &configuration], &environment, (180, 50));
    tokio::task::block_in_place(|| {
        pty.wait_for_text("● LIVE", SOON);
        pty.wait_for_text("healthy", SOON);
        // Greenroom's diagnostics, in the log pane.
        pty.keys("5d");
        pty.wait_for_text("Greenroom's own messages", SOON);
        pty.keys("q");
        assert_eq!(pty.exit_status(SOON).exit_code(), 0);
    });
    assert_hidden("the terminal", &pty.raw());
    assert_files_hidden(fixture.place.path(), &["greenroom.toml"]);
}
