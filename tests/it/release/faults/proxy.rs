//! An nginx that is killed during a release: only its master, whose workers continue, or all of it.

use greenroom::history::{Outcome, Step};
use greenroom::inventory::Role;
use greenroom::release::Progress;

use super::super::fixture::{Fixture, FixtureOptions, version};
use super::super::{load, nothing_was_noticed};
use super::until_switch_is_asked;

/// Workers keep answering without their master, and read the pointer as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_does_not_depend_on_the_nginx_master() {
    let options = FixtureOptions {
        tier: "protected",
        ..FixtureOptions::default()
    };
    let mut fixture = Fixture::new(options).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let running = fixture.begin(version("1.9.0")).await;
    until_switch_is_asked(&running).await;
    fixture.kill_nginx(false);
    let finished = running.finish().await;
    let report = load.stop().await;
    println!("nginx without its master: {report}");
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    fixture.stands("1.9.0", Role::Stopped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_nginx_that_restarts_only_delays_a_release() {
    let options = FixtureOptions {
        tier: "protected",
        ..FixtureOptions::default()
    };
    let mut fixture = Fixture::new(options).await.with("1.8.2").await;
    let running = fixture.begin(version("1.9.0")).await;
    until_switch_is_asked(&running).await;
    fixture.kill_nginx(true);
    running.approve(Step::Switch).await;
    running
        .until("nginx is missed", |status| {
            matches!(status.progress, Progress::Forward(Step::Switch))
                && format!("{:?}", status.steps).contains("it is not known which slot is live")
        })
        .await;
    fixture.start_nginx_again().await;
    let load = load(&fixture).await;
    let finished = running.finish().await;
    let report = load.stop().await;
    println!("nginx gone and back: {report}");
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    fixture.stands("1.9.0", Role::Stopped).await;
}

/// Without a proxy it is unknown which slot has the traffic: nothing is switched, and nothing is
/// removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_nginx_that_stays_down_asks_the_operator_and_removes_nothing() {
    let options = FixtureOptions {
        tier: "protected",
        ..FixtureOptions::default()
    };
    let mut fixture = Fixture::new(options).await.with("1.8.2").await;
    let running = fixture.begin(version("1.9.0")).await;
    until_switch_is_asked(&running).await;
    fixture.kill_nginx(true);
    let finished = running.finish().await;
    let Some(Outcome::NeedsPerson { reason }) = finished.outcome() else {
        panic!("{finished:?}");
    };
    assert!(reason.contains("it is not known whether"), "{reason}");
    assert_eq!(finished.failed_step(), Some(Step::Register), "{finished:?}");
    fixture.start_nginx_again().await;
    let load = load(&fixture).await;
    // It is back with its former configuration: the old version.
    fixture.stands("1.8.2", Role::Candidate).await;
    let next = fixture.promote("1.9.0").await;
    let report = load.stop().await;
    println!("nginx gone: {reason}; then {report}");
    assert_eq!(next.outcome(), Some(Outcome::Done), "{next:?}");
    nothing_was_noticed(&report);
    fixture.stands("1.9.0", Role::Stopped).await;
}
