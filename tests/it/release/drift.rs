//! Manual changes to a live target on real servers, and the names of the resulting differences.

use std::fs;
use std::process::{Command, Output, Stdio};

use etcd_client::Client;
use greenroom::inventory::drift::compare;
use greenroom::inventory::{Slot, instance_name};

use super::command_line::greenroom;
use super::fixture::{Fixture, FixtureOptions};
use crate::support::json_lines::json_list;
use crate::support::{docker, etcd};

/// The names of the current differences, as in the JSON output.
pub(super) async fn named(fixture: &Fixture) -> Vec<String> {
    let mut command = greenroom(fixture, &["--json", "status"]);
    let output: Output = tokio::task::spawn_blocking(move || command.output().expect("it runs"))
        .await
        .expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = json_list(&output, "targets").remove(0);
    let drift = line["drift"].as_array().expect("a list");
    assert_eq!(line["agreed"], drift.is_empty(), "{text}");
    let words = |drift: &serde_json::Value, key: &str| drift[key].as_str().expect(key).to_owned();
    for drift in drift {
        for key in ["says", "means", "repair"] {
            assert!(!words(drift, key).is_empty(), "{drift}");
        }
    }
    drift.iter().map(|drift| words(drift, "name")).collect()
}

pub(super) fn engine(arguments: &[&str]) {
    let status = Command::new("docker")
        .args(["-H", &docker()])
        .args(arguments)
        .stdout(Stdio::null())
        .status()
        .expect("the docker client");
    assert!(status.success(), "{arguments:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn manual_changes_on_real_servers_are_named() {
    let fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    assert_eq!(
        named(&fixture).await,
        [""; 0],
        "{:?}",
        compare(&fixture.snapshot().await)
    );

    let site = fs::read_dir(fixture.place.path().join("sites"))
        .expect("the sites")
        .next();
    let site = site.expect("one site").expect("a file").path();
    let text = fs::read_to_string(&site).expect("its text");
    fs::write(&site, format!("{text}# by hand\n")).expect("edited");
    assert_eq!(named(&fixture).await, ["proxy-edited"]);
    fs::remove_file(&site).expect("removed");
    assert_eq!(named(&fixture).await, ["proxy-not-installed"]);
    fs::write(&site, &text).expect("put back");
    assert_eq!(named(&fixture).await, [""; 0]);

    let client = Client::connect([etcd()], None).await.expect("connected");
    let (mut keys, service) = (client.kv_client(), &fixture.target.service);
    let key = |name: &str| format!("/greenroom-test/{service}/targets/{service}/production/{name}");
    for (name, by_deleting, by_editing) in [
        ("route", "route-missing", "key-unreadable"),
        ("slots/blue", "live-not-registered", "key-unreadable"),
    ] {
        let stored = keys.get(key(name), None).await.expect("read");
        let stored = stored.kvs().first().expect("it is there").value().to_vec();
        keys.put(key(name), "by hand", None).await.expect("edited");
        assert_eq!(named(&fixture).await, [by_editing], "{name}");
        keys.delete(key(name), None).await.expect("deleted");
        assert_eq!(named(&fixture).await, [by_deleting], "{name}");
        keys.put(key(name), stored, None).await.expect("put back");
        assert_eq!(named(&fixture).await, [""; 0], "{name}");
    }

    let container = instance_name(&fixture.target, Slot::Blue, 1);
    engine(&["stop", "-t", "1", &container]);
    let stopped = named(&fixture).await;
    assert_eq!(
        stopped.first().map(String::as_str),
        Some("instance-stopped"),
        "{stopped:?}"
    );
    engine(&["start", &container]);
    engine(&["rm", "-f", &container]);
    let gone = named(&fixture).await;
    assert_eq!(
        gone.first().map(String::as_str),
        Some("instance-gone"),
        "{gone:?}"
    );
}
