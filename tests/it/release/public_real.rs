//! Versions that pass their health check without the proxy, but fail for the public, the engine or
//! the image's own check: none of them stays live, and the old version is not stopped while
//! something is wrong.

use std::fs;
use std::process::Command;
use std::time::Duration;

use etcd_client::Client;
use greenroom::history::Outcome;
use greenroom::inventory::{Role, Slot};
use greenroom::release::{Command as ReleaseCommand, Progress};

use super::fixture::{Finished, Fixture, FixtureOptions, Running, version};
use super::load;
use crate::support::reload::reload_nginx;
use crate::support::{docker, etcd, eventually, from_environment};

fn settings_with(text: &str, changes: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from} in {text}");
        text = text.replace(from, to);
    }
    text
}

/// 1.8.2 is live, and the next version has this fault.
async fn with_fault(fault: &str, changes: &[(&str, &str)]) -> Fixture {
    let mut fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    let environment = format!("SAMPLE_FAULT = \"{fault}\", SAMPLE_WORK");
    let mut changes = changes.to_vec();
    changes.push(("SAMPLE_WORK", &environment));
    fixture.rebuild(|text| settings_with(text, &changes)).await;
    fixture
}

fn backed_out_because(finished: &Finished, words: &str) {
    let Some(Outcome::BackedOut { reason }) = finished.outcome() else {
        panic!("{finished:?}");
    };
    assert!(reason.contains(words), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_nginx_cannot_forward_switches_back() {
    let fixture = with_fault("large-header", &[]).await;
    let finished = fixture.promote("1.9.0").await;
    backed_out_because(&finished, "switch failed: 3 bad answers in a row");
    backed_out_because(&finished, "while green answers 200 directly");
    fixture.stands("1.8.2", Role::Empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_in_the_access_log_switch_back() {
    let fixture = Fixture::new(FixtureOptions::default()).await;
    let logs = fixture.place.path().join("logs");
    let access_log = format!(
        "[environments.production.nginx]\naccess_log = \"{}\"",
        logs.display()
    );
    let mut fixture = fixture;
    fixture
        .rebuild(|text| {
            settings_with(
                text,
                &[
                    ("[environments.production.nginx]", &access_log),
                    ("watch = \"1s\"", "watch = \"20s\""),
                    ("path = \"/orders\"", "path = \"/work\""),
                ],
            )
        })
        .await;
    let fixture = fixture.with("1.8.2").await;
    // Neither the health endpoint nor the checks request it, and it answers 500 from 1.9.2 on.
    let mut plan = fixture.load();
    plan.path = "/broken".to_owned();
    let asking = crate::support::load::Load::start(&plan);
    let finished = fixture.promote("1.9.2").await;
    drop(asking.stop().await);
    backed_out_because(&finished, "watch failed: ");
    backed_out_because(&finished, "public requests failed, more than 5%");
    fixture.stands("1.8.2", Role::Empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_that_crashes_and_restarts_switches_back() {
    let fixture = with_fault(
        "short-lived",
        &[
            ("restart = \"no\"", "restart = \"always\""),
            ("watch = \"1s\"", "watch = \"20s\""),
        ],
    )
    .await;
    let finished = fixture.promote("1.9.0").await;
    backed_out_because(&finished, "restarted once since its checks: exit 1");
    fixture.stands("1.8.2", Role::Empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_killed_for_its_memory_switches_back_and_names_the_cause() {
    let fixture = with_fault(
        "greedy",
        &[
            ("restart = \"no\"", "restart = \"always\""),
            ("memory = \"128MiB\"", "memory = \"32MiB\""),
            ("watch = \"1s\"", "watch = \"30s\""),
        ],
    )
    .await;
    let finished = fixture.promote("1.9.0").await;
    backed_out_because(&finished, "killed for memory (32MiB), exit 137");
    fixture.stands("1.8.2", Role::Empty).await;
}

/// An image of the sample application whose own HEALTHCHECK never succeeds, in a repository of its
/// own.
fn image_with_a_failing_check(service: &str) -> String {
    let registry = from_environment("GREENROOM_TEST_REGISTRY");
    let sample = format!("{}:1.9.0", from_environment("GREENROOM_TEST_IMAGE"));
    let repository = format!("{registry}/checked-{service}");
    let tagged = format!("{repository}:1.9.0");
    let run = |arguments: &[&str]| {
        let output = Command::new("docker")
            .args(["-H", &docker()])
            .args(arguments)
            .output()
            .expect("the docker client");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout)
            .expect("text")
            .trim()
            .to_owned()
    };
    run(&["pull", "--quiet", &sample]);
    let container = run(&["create", &sample]);
    let check = "HEALTHCHECK --interval=1s --retries=1 CMD [\"/nothing/here\"]";
    run(&["commit", "--change", check, &container, &tagged]);
    run(&["rm", &container]);
    run(&["push", "--quiet", &tagged]);
    run(&["rmi", &tagged]);
    repository
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_whose_health_check_fails_is_never_live() {
    let mut fixture = Fixture::new(FixtureOptions::default()).await;
    let repository = image_with_a_failing_check(fixture.target.service.as_str());
    let image = from_environment("GREENROOM_TEST_IMAGE");
    let fixture = {
        fixture
            .rebuild(|text| {
                settings_with(
                    text,
                    &[(
                        &format!("image = \"{image}\""),
                        &format!("image = \"{repository}\""),
                    )],
                )
            })
            .await;
        fixture
    };
    let finished = fixture.promote("1.9.0").await;
    backed_out_because(&finished, "start failed: ");
    backed_out_because(&finished, "the image's HEALTHCHECK says unhealthy");
}

/// In the standby after a promote of 1.9.0, with the old version still running.
async fn in_standby() -> (Fixture, Running) {
    let options = FixtureOptions {
        standby: "5m",
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let promoted = fixture.begin(version("1.9.0")).await;
    promoted
        .until("standby", |status| {
            matches!(status.progress, Progress::Standby { .. })
        })
        .await;
    (fixture, promoted)
}

/// The standby ends, and the old version is kept for that reason.
async fn keeps_the_old_version(fixture: &Fixture, promoted: Running, words: &str) {
    promoted
        .handle
        .command(ReleaseCommand::EndStandby)
        .await
        .expect("driven");
    let finished = promoted.finish().await;
    let Some(Outcome::NeedsPerson { reason }) = finished.outcome() else {
        panic!("{finished:?}");
    };
    assert!(reason.contains(words), "{reason}");
    let snapshot = fixture.snapshot().await;
    let old = snapshot.slots.get(Slot::Blue).members.representative();
    assert!(
        old.is_some_and(greenroom::inventory::Instance::is_running),
        "{old:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_version_with_the_live_pointer_is_not_stopped() {
    let (fixture, promoted) = in_standby().await;
    let link = fixture
        .place
        .path()
        .join(format!("live/{}/live", fixture.target));
    let moved = link.with_extension("by-hand");
    std::os::unix::fs::symlink("blue", &moved).expect("a link");
    fs::rename(&moved, &link).expect("moved");
    let load = load(&fixture).await;
    keeps_the_old_version(&fixture, promoted, "blue has the traffic").await;
    load.stop().await.assert_nothing_failed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_version_with_the_route_is_not_stopped() {
    let (fixture, promoted) = in_standby().await;
    let service = &fixture.target.service;
    let key = format!("/greenroom-test/{service}/targets/{service}/production/route");
    let client = Client::connect([etcd()], None).await.expect("connected");
    let mut keys = client.kv_client();
    let found = keys.get(key.clone(), None).await.expect("read");
    let value = found
        .kvs()
        .first()
        .expect("a route")
        .value_str()
        .expect("text");
    let mut route: serde_json::Value = serde_json::from_str(value).expect("JSON");
    route["live"] = "blue".into();
    keys.put(key, route.to_string(), None)
        .await
        .expect("written");
    keeps_the_old_version(&fixture, promoted, "blue has the traffic").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_version_is_not_stopped_while_another_nginx_answers_the_public() {
    let options = FixtureOptions {
        standby: "5m",
        ..FixtureOptions::default()
    };
    let mut fixture = Fixture::new(options).await.with("1.8.2").await;
    // This limits how long a reason to wait is waited for.
    fixture
        .rebuild(|text| {
            settings_with(
                text,
                &[(
                    "standby = \"5m\"",
                    "standby = \"5m\"\nprogress_deadline = \"3s\"",
                )],
            )
        })
        .await;
    let promoted = fixture.begin(version("1.9.0")).await;
    promoted
        .until("standby", |status| {
            matches!(status.progress, Progress::Standby { .. })
        })
        .await;
    // The same address, and the more specific name wins: a foreign server in the same nginx.
    let sites = fixture.place.path().join("sites");
    let blue = super::tcp(
        fixture
            .app
            .engine
            .definition(&fixture.target)
            .expect("known")
            .endpoints
            .get(Slot::Blue)
            .first()
            .expect("an address"),
    );
    let own = format!(
        "server {{ listen {}; server_name web.example; location / {{ proxy_pass http://{blue}; }} }}\n",
        fixture.public
    );
    fs::write(sites.join("000-by-hand.conf"), own).expect("written");
    reload_nginx(&fixture.place.path().join("nginx")).await;
    eventually(
        "the other server answers",
        Duration::from_secs(10),
        || async {
            let snapshot = fixture.snapshot().await;
            let answer = snapshot.edges.public().unanimous();
            answer.is_some_and(|answer| answer.slot.is_none() && answer.status == Some(200))
        },
    )
    .await;
    keeps_the_old_version(&fixture, promoted, "answered by no slot of this target").await;
}
