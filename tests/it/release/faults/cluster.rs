//! A cluster of three etcd nodes that loses one of them, or two.

use std::time::Duration;

use greenroom::history::{Outcome, Step};
use greenroom::inventory::Role;
use greenroom::release::Progress;

use super::super::fixture::{Fixture, FixtureOptions, version};
use super::super::{load, nothing_was_noticed};
use super::{resumed, until_free, until_switch_is_asked, words};
use crate::etcd::server::Server;
use crate::support::{eventually, http_client};

const SOON: Duration = Duration::from_secs(20);

/// As a configuration lists them.
fn endpoints(servers: &[Server]) -> String {
    let endpoints: Vec<String> = servers.iter().map(Server::endpoint).collect();
    endpoints.join("\", \"")
}

async fn fixture(servers: &[Server], lease: (&'static str, &'static str)) -> Fixture {
    let options = FixtureOptions {
        tier: "protected",
        etcd: endpoints(servers),
        lease,
        ..FixtureOptions::default()
    };
    Fixture::new(options).await.with("1.8.2").await
}

/// The dead node may be the leader: then another is elected during the release.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_survives_the_loss_of_any_one_of_three_etcd_nodes() {
    let mut servers = Server::three().await;
    let fixture = fixture(&servers, ("30s", "10s")).await;
    let load = load(&fixture).await;
    for (dead, tag) in [(0, "1.9.0"), (1, "1.8.2"), (2, "1.9.0")] {
        let running = fixture.begin(version(tag)).await;
        running.until_asked(Step::Register).await;
        servers[dead].stop();
        let finished = running.finish().await;
        assert_eq!(
            finished.outcome(),
            Some(Outcome::Done),
            "{dead}: {finished:?}"
        );
        println!("node {dead} of three gone: done in {:.1?}", finished.took);
        servers[dead].start_again().await;
        let health = format!("{}/health", servers[dead].endpoint());
        let client = http_client().build().expect("a client");
        eventually("the node is one of three again", SOON, || async {
            let answer = client.get(&health).send().await;
            let text = async { answer.ok()?.text().await.ok() };
            text.await.is_some_and(|text| text.contains("true"))
        })
        .await;
        fixture.stands(tag, Role::Stopped).await;
    }
    let report = load.stop().await;
    println!("one of three: {report}");
    nothing_was_noticed(&report);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_etcd_quorum_pauses_a_release_until_it_returns() {
    let mut servers = Server::three().await;
    let fixture = fixture(&servers, ("30s", "10s")).await;
    let load = load(&fixture).await;
    let running = fixture.begin(version("1.9.0")).await;
    until_switch_is_asked(&running).await;
    for server in &mut servers[..2] {
        server.stop();
    }
    running.approve(Step::Switch).await;
    running
        .until("the release cannot be recorded", |status| {
            matches!(status.progress, Progress::Unrecorded { .. })
        })
        .await;
    for server in &mut servers[..2] {
        server.start_again().await;
    }
    let finished = running.finish().await;
    let report = load.stop().await;
    println!("no quorum for a while: {report}");
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    fixture.stands("1.9.0", Role::Stopped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quorum_lost_for_long_parks_a_release_and_another_program_ends_it() {
    let mut servers = Server::three().await;
    let mut fixture = fixture(&servers, ("6s", "2s")).await;
    fixture.allow_yes().await;
    let load = load(&fixture).await;
    let running = fixture.begin(version("1.9.0")).await;
    until_switch_is_asked(&running).await;
    for server in &mut servers[1..] {
        server.stop();
    }
    running.approve(Step::Switch).await;
    let parked = running.finish().await;
    assert!(
        matches!(parked.status.progress, Progress::Parked { .. }),
        "{parked:?}"
    );
    for server in &mut servers[1..] {
        server.start_again().await;
    }
    until_free(&fixture).await;
    // Nothing was half done: the candidate is registered, and has no traffic.
    let snapshot = fixture.snapshot().await;
    let live = snapshot.live().expect("something is live");
    assert_eq!(
        snapshot.role(live.other()),
        Role::Candidate,
        "{snapshot:#?}"
    );
    let output = resumed(&fixture, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    let report = load.stop().await;
    println!("no quorum for long: {report}");
    nothing_was_noticed(&report);
    fixture.stands("1.9.0", Role::Stopped).await;
}
