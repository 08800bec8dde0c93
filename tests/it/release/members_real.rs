//! Releases of a service with several members in each slot, on a real Docker, nginx and etcd, under load.

use std::time::Duration;

use greenroom::history::{Outcome, Step};
use greenroom::inventory::drift::Name;
use greenroom::inventory::{Role, Slot, Snapshot, instance_name};
use greenroom::release::{Command, Progress, Wanted};

use super::drift::named;
use super::fixture::{Fixture, FixtureOptions, version};
use super::repair_real::repaired;
use super::{load, nothing_was_noticed, nothing_was_stale};
use crate::support::docker;

fn three() -> FixtureOptions {
    FixtureOptions {
        members: 3,
        ..FixtureOptions::default()
    }
}

fn run(arguments: &[&str]) -> String {
    let said = std::process::Command::new("docker")
        .args(["-H", &docker()])
        .args(arguments)
        .output()
        .expect("docker");
    assert!(said.status.success(), "{said:?}");
    String::from_utf8_lossy(&said.stdout).into_owned()
}

/// Asserts that a slot has three running members of one version, each at its own address and registered.
fn is_whole(snapshot: &Snapshot, slot: Slot) {
    let side = snapshot.slots.get(slot);
    assert!(side.members.are_running(), "{:?}", side.members);
    assert_eq!(side.members.len(), 3);
    let entry = side.registration.as_ref().expect("it is registered");
    let registered: Vec<_> = entry.value.endpoints().cloned().collect();
    let addresses: Vec<_> = side.addresses.iter().cloned().collect();
    assert_eq!(registered, addresses);
}

/// The configuration with the first address of each slot.
fn fewer(text: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let line = lines
        .iter_mut()
        .find(|line| line.starts_with("endpoints = { blue"));
    let line = line.expect("the addresses");
    let first = |list: &str| {
        list.split(',')
            .next()
            .unwrap_or_default()
            .replace(['[', ']'], "")
    };
    let (blue, green) = line.split_once("green = ").expect("both");
    let blue = blue.split_once("blue = ").expect("blue").1;
    *line = format!(
        "endpoints = {{ blue = {}, green = {} }}",
        first(blue),
        first(green)
    );
    lines.join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_notices_releases_of_three_members() {
    let options = FixtureOptions {
        standby: "5m",
        ..three()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let promoted = fixture.begin(version("1.9.0")).await;
    promoted
        .until("standby", |status| {
            matches!(status.progress, Progress::Standby { .. })
        })
        .await;
    let snapshot = fixture.snapshot().await;
    for slot in Slot::BOTH {
        is_whole(&snapshot, slot);
    }
    let route = snapshot.route.as_ref().expect("a route");
    assert_eq!(route.value.addresses, snapshot.slots.green.addresses);
    // Every member gets requests.
    for number in 1..=3 {
        let name = instance_name(&fixture.target, Slot::Green, number);
        assert!(run(&["logs", &name]).contains("GET / "), "{name}");
    }
    let back = fixture.begin(Wanted::Standby).await;
    back.until("standby", |status| {
        matches!(status.progress, Progress::Standby { .. })
    })
    .await;
    let ended = back.handle.command(Command::EndStandby);
    ended.await.expect("driven");
    let finished = back.finish().await;
    let report = load.stop().await;
    println!("three members: {report}");
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    promoted.finish().await;
    nothing_was_noticed(&report);
    fixture.stands("1.8.2", Role::Empty).await;
    is_whole(&fixture.snapshot().await, Slot::Blue);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_stopped_or_removed_is_named_and_repaired() {
    let fixture = Fixture::new(three()).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let second = instance_name(&fixture.target, Slot::Blue, 2);
    run(&["stop", "-t", "5", &second]);
    let snapshot = fixture.snapshot().await;
    let blue = &snapshot.slots.blue;
    let why = blue.members.unhealthy(blue.probe.as_ref());
    assert_eq!(why.as_deref(), Some("member 2 of 3: not running"));
    repaired(&fixture, "a stopped member", &["instance-stopped"]).await;
    run(&["rm", "-f", "-v", &second]);
    let snapshot = fixture.snapshot().await;
    let difference = snapshot
        .slots
        .blue
        .members
        .difference()
        .expect("it differs");
    assert!(difference.contains("has 2 containers or processes instead of 3"));
    repaired(
        &fixture,
        "a removed member",
        &[Name::MembersDiffer.as_str()],
    )
    .await;
    let report = load.stop().await;
    println!("members repaired: {report}");
    report.assert_nothing_failed();
    is_whole(&fixture.snapshot().await, Slot::Blue);
    // A version with a missing member can be released over.
    run(&["rm", "-f", "-v", &second]);
    assert_eq!(named(&fixture).await, [Name::MembersDiffer.as_str()]);
    let finished = fixture.promote("1.9.0").await;
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    is_whole(&fixture.snapshot().await, Slot::Green);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_member_stops_a_release_and_all_are_removed() {
    let fixture = Fixture::new(three()).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let running = fixture.begin(version("1.9.0")).await;
    running.until_started(Step::Verify).await;
    let third = instance_name(&fixture.target, Slot::Green, 3);
    run(&["kill", &third]);
    let finished = running.finish().await;
    let report = load.stop().await;
    assert!(finished.is_backed_out(), "{finished:?}");
    let reason = finished
        .outcome()
        .and_then(|it| it.reason().map(str::to_owned));
    let reason = reason.expect("a reason");
    println!("a bad member: {reason}");
    nothing_was_noticed(&report);
    fixture.stands("1.8.2", Role::Empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_with_more_members_than_addresses_gets_the_traffic_back() {
    let options = FixtureOptions {
        standby: "5m",
        ..three()
    };
    let mut fixture = Fixture::new(options).await.with("1.8.2").await;
    fixture.rebuild(fewer).await;
    let promoted = fixture.begin(version("1.9.0")).await;
    promoted
        .until("standby", |status| {
            matches!(status.progress, Progress::Standby { .. })
        })
        .await;
    let load = load(&fixture).await;
    let back = Command::BackOut {
        by: fixture.app.engine.operator().clone(),
        reason: "a trial".into(),
    };
    promoted.handle.command(back).await.expect("driven");
    let finished = promoted.finish().await;
    let report = load.stop().await;
    println!("back to three members with one address: {report}");
    assert!(finished.is_backed_out(), "{finished:?}");
    report.assert_nothing_failed();
    fixture.stands("1.8.2", Role::Empty).await;
    let snapshot = fixture.snapshot().await;
    let route = snapshot.route.as_ref().expect("a route");
    assert_eq!(route.value.addresses.members(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_number_of_members_changes_with_a_release() {
    let mut fixture = Fixture::new(three()).await.with("1.8.2").await;
    let all = fixture.text.clone();
    fixture.rebuild(fewer).await;
    // The live version was released with three members, and keeps them until it is replaced.
    assert_eq!(named(&fixture).await, [Name::ProxyEdited.as_str()]);
    let plan = fixture.plan(version("1.9.0")).await.expect("a plan");
    let warned = plan
        .warnings
        .iter()
        .any(|it| it.contains("blue has 3 members, but 1 in"));
    assert!(warned, "{:?}", plan.warnings);
    let load = load(&fixture).await;
    let finished = fixture.promote("1.9.0").await;
    let report = load.stop().await;
    println!("three members, then one: {report}");
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    report.assert_nothing_failed();
    nothing_was_stale(&report, Slot::Green);
    fixture.stands("1.9.0", Role::Stopped).await;
    assert_eq!(fixture.snapshot().await.slots.green.members.len(), 1);
    fixture.rebuild(|_| all).await;
    let load = super::load(&fixture).await;
    let finished = fixture.promote("1.8.2").await;
    let report = load.stop().await;
    println!("one member, then three: {report}");
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    report.assert_nothing_failed();
    tokio::time::timeout(
        Duration::from_secs(30),
        fixture.stands("1.8.2", Role::Stopped),
    )
    .await
    .expect("in time");
    is_whole(&fixture.snapshot().await, Slot::Blue);
}
