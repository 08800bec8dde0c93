//! An nginx that is killed in the middle of a release: its master alone, whose workers go on, or all of it.

use greenroom::history::{Outcome, Step};
use greenroom::inventory::Role;
use greenroom::release::Progress;

use super::super::house::{House, Wishes, version};
use super::super::{load, nothing_was_noticed};
use super::until_switch_is_asked;

/// Workers go on answering without their master, and read the pointer as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_of_nginx_that_is_killed_is_not_noticed_by_a_release() {
    let wishes = Wishes {
        tier: "protected",
        ..Wishes::default()
    };
    let mut house = House::new(wishes).await.with("1.8.2").await;
    let load = load(&house).await;
    let running = house.begin(version("1.9.0")).await;
    until_switch_is_asked(&running).await;
    house.kill_nginx(false);
    let finished = running.finish().await;
    let report = load.stop().await;
    println!("nginx without its master: {report}");
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    house.stands("1.9.0", Role::Stopped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_nginx_that_is_killed_and_comes_back_only_delays_a_release() {
    let wishes = Wishes {
        tier: "protected",
        ..Wishes::default()
    };
    let mut house = House::new(wishes).await.with("1.8.2").await;
    let running = house.begin(version("1.9.0")).await;
    until_switch_is_asked(&running).await;
    house.kill_nginx(true);
    running.approve(Step::Switch).await;
    running
        .until("nginx is missed", |status| {
            matches!(status.progress, Progress::Forward(Step::Switch))
                && format!("{:?}", status.steps).contains("who is live is not known")
        })
        .await;
    house.start_nginx_again().await;
    let load = load(&house).await;
    let finished = running.finish().await;
    let report = load.stop().await;
    println!("nginx gone and back: {report}");
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    house.stands("1.9.0", Role::Stopped).await;
}

/// Without a proxy nobody knows who has the traffic: nothing is switched, and nothing is removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_nginx_that_stays_away_asks_for_a_person_and_nothing_is_removed() {
    let wishes = Wishes {
        tier: "protected",
        ..Wishes::default()
    };
    let mut house = House::new(wishes).await.with("1.8.2").await;
    let running = house.begin(version("1.9.0")).await;
    until_switch_is_asked(&running).await;
    house.kill_nginx(true);
    let finished = running.finish().await;
    let Some(Outcome::NeedsPerson { reason }) = finished.outcome() else {
        panic!("{finished:?}");
    };
    assert!(reason.contains("has traffic is not known"), "{reason}");
    assert_eq!(finished.failed_step(), Some(Step::Register), "{finished:?}");
    house.start_nginx_again().await;
    let load = load(&house).await;
    // It has come back with what it had: the old version.
    house.stands("1.8.2", Role::Candidate).await;
    let next = house.promote("1.9.0").await;
    let report = load.stop().await;
    println!("nginx gone: {reason}; then {report}");
    assert_eq!(next.outcome(), Some(Outcome::Done), "{next:?}");
    nothing_was_noticed(&report);
    house.stands("1.9.0", Role::Stopped).await;
}
