//! A network that is cut between the program and its servers: no error arrives, and no data.

use std::sync::Arc;
use std::time::Duration;

use greenroom::history::{Outcome, Step};
use greenroom::inventory::Role;
use greenroom::release::{Progress, Status, StepState};

use super::super::fixture::{Fixture, FixtureOptions, version};
use super::super::{load, nothing_was_noticed};
use super::{resumed, until_free, until_switch_is_asked, words};
use crate::support::middleman::{Carries, Ledger, Middleman};
use crate::support::{docker, etcd};

/// Whether the running act reports this.
fn says(status: &Status, what: &str) -> bool {
    status
        .steps
        .iter()
        .any(|step_status| match &step_status.state {
            StepState::Running { note, .. } => note.contains(what),
            _ => false,
        })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_network_cut_to_etcd_only_delays_a_release() {
    let line = Middleman::to_etcd(&etcd(), &Arc::new(Ledger::default())).await;
    let options = FixtureOptions {
        tier: "protected",
        etcd: line.address(),
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let running = fixture.begin(version("1.9.0")).await;
    until_switch_is_asked(&running).await;
    line.set(Carries::Nothing);
    running.approve(Step::Switch).await;
    running
        .until("the release cannot be recorded", |status| {
            matches!(status.progress, Progress::Unrecorded { .. })
        })
        .await;
    line.set(Carries::All);
    let finished = running.finish().await;
    let report = load.stop().await;
    println!("etcd cut off for a while: {report}");
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    fixture.stands("1.9.0", Role::Stopped).await;
}

/// The lease expires on the other side of the cut, where another operator resumes the release. When
/// the network is back, calls still under way on this side are too late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_cut_off_from_etcd_loses_its_release_to_another_console() {
    let line = Middleman::to_etcd(&etcd(), &Arc::new(Ledger::default())).await;
    let options = FixtureOptions {
        etcd: line.address(),
        lease: ("3s", "1s"),
        ..FixtureOptions::default()
    };
    let mut fixture = Fixture::new(options).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let running = fixture.begin(version("1.9.0")).await;
    running.until_running(Step::Watch).await;
    line.set(Carries::Nothing);
    let parked = running.finish().await;
    let Progress::Parked { why } = &parked.status.progress else {
        panic!("{parked:?}");
    };
    assert!(why.contains("not renewed"), "{why}");
    // The other console.
    fixture
        .rebuild(|text| text.replace(&line.address(), &etcd()))
        .await;
    until_free(&fixture).await;
    let output = resumed(&fixture, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    line.set(Carries::All);
    fixture.stands("1.9.0", Role::Stopped).await;
    let report = load.stop().await;
    println!("cut off from etcd for long: {report}");
    nothing_was_noticed(&report);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_network_cut_to_the_engine_only_delays_a_release() {
    let line = Middleman::to_engine(&docker(), &Arc::new(Ledger::default()));
    let options = FixtureOptions {
        docker: line.address(),
        ..FixtureOptions::default()
    };
    let mut fixture = Fixture::new(options).await.with("1.8.2").await;
    // A call without an answer is aborted after ten seconds.
    fixture
        .rebuild(|text| text.replace("health_deadline = \"8s\"", "health_deadline = \"30s\""))
        .await;
    let load = load(&fixture).await;
    for (cut_at, tag) in [(Step::Start, "1.9.0"), (Step::Stop, "1.8.2")] {
        let running = fixture.begin(version(tag)).await;
        running.until_running(cut_at).await;
        line.set(Carries::Nothing);
        running
            .until("the engine is missed", |status| {
                says(status, "no answer within")
            })
            .await;
        line.set(Carries::All);
        let finished = running.finish().await;
        assert_eq!(
            finished.outcome(),
            Some(Outcome::Done),
            "{cut_at}: {finished:?}"
        );
        fixture.stands(tag, Role::Stopped).await;
    }
    let report = load.stop().await;
    println!("the engine cut off for a while: {report}");
    nothing_was_noticed(&report);
}

/// Traffic can be moved back without the engine, but the candidate cannot be removed without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_network_cut_to_the_engine_asks_the_operator_and_keeps_the_traffic() {
    let line = Middleman::to_engine(&docker(), &Arc::new(Ledger::default()));
    let options = FixtureOptions {
        docker: line.address(),
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let running = fixture.begin(version("1.9.0")).await;
    running.until_started(Step::Start).await;
    line.set(Carries::Nothing);
    let finished = running.finish().await;
    assert!(
        matches!(finished.outcome(), Some(Outcome::NeedsPerson { .. })),
        "{finished:?}"
    );
    assert!(
        finished.took < Duration::from_secs(100),
        "{:?}",
        finished.took
    );
    line.set(Carries::All);
    let next = fixture.promote("1.9.0").await;
    let report = load.stop().await;
    println!("the engine cut off for long: {report}");
    assert_eq!(next.outcome(), Some(Outcome::Done), "{next:?}");
    nothing_was_noticed(&report);
    fixture.stands("1.9.0", Role::Stopped).await;
}
