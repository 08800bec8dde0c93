//! The times of a promote, printed by `tests/run measured --nocapture`. The times are not asserted,
//! because they depend on the machine. The test asserts that no request failed and no answer was
//! stale.

use std::time::{Duration, Instant};

use greenroom::history::{Outcome, Step};
use greenroom::inventory::Slot;
use greenroom::release::{Progress, StepState};

use super::fixture::{Fixture, FixtureOptions, version};
use super::{load, nothing_was_noticed, nothing_was_stale};
use crate::support::load::Kind;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_from_the_approval_of_the_switch_to_the_last_old_answer() {
    let options = FixtureOptions {
        tier: "protected",
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let running = fixture.begin(version("1.9.0")).await;
    running.until_asked(Step::Register).await;
    running.approve(Step::Register).await;
    running.until_asked(Step::Switch).await;
    let approved = Instant::now();
    running.approve(Step::Switch).await;
    running
        .until("traffic has moved", |status| status.switched)
        .await;
    let confirmed = approved.elapsed();
    running.until_asked(Step::Stop).await;
    running.approve(Step::Stop).await;
    let finished = running.finish().await;
    let report = load.stop().await;
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    nothing_was_stale(&report, Slot::Green);
    println!("measured: {report}");
    println!(
        "measured: from approval of switch: first new answer {:?}, last old answer {:?}, confirmed {confirmed:?}",
        report
            .first_answer_by(Slot::Green, approved)
            .unwrap_or_default(),
        report
            .last_answer_by(Slot::Blue, approved)
            .unwrap_or_default(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_that_greenroom_adds_to_engine_calls_and_windows() {
    let fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    let finished = fixture.promote("1.9.0").await;
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    let mut own = finished.took;
    for step_status in &finished.status.steps {
        let StepState::Done { took } = step_status.state else {
            panic!("{step_status:?}");
        };
        println!("measured: {:<9} {took:?}", step_status.step.to_string());
        let is_not_ours = matches!(
            step_status.step,
            Step::Pull | Step::Start | Step::Verify | Step::Watch | Step::Stop
        );
        if is_not_ours {
            own = own.saturating_sub(took);
        }
    }
    // The standby time passes before *stop* starts.
    own = own.saturating_sub(Duration::from_secs(1));
    println!(
        "measured: {:?} in all, of which {own:?} is not pull, start, checks, windows or stop",
        finished.took
    );
}

/// Twenty switches in one run, each followed by a rollback, under load: the run behind `figures`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_switches_under_load_lose_no_request() {
    let options = FixtureOptions {
        standby: "5m",
        ..FixtureOptions::default()
    };
    let mut fixture = Fixture::new(options).await.with("1.8.2").await;
    fixture
        .rebuild(|text| {
            text.replace("watch = \"1s\"", "watch = \"100ms\"")
                .replace("minimum_healthy = \"500ms\"", "minimum_healthy = \"100ms\"")
        })
        .await;
    let load = load(&fixture).await;
    let mut last = fixture.begin(version("1.9.0")).await;
    for _ in 0..19 {
        last.until("standby", |status| {
            matches!(status.progress, Progress::Standby { .. })
        })
        .await;
        last = fixture.begin(greenroom::release::Wanted::Standby).await;
    }
    last.until("standby", |status| {
        matches!(status.progress, Progress::Standby { .. })
    })
    .await;
    last.handle
        .command(greenroom::release::Command::EndStandby)
        .await
        .expect("driven");
    let finished = last.finish().await;
    let report = load.stop().await;
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    println!("measured: twenty switches: {report}");
    println!(
        "measured: longest gap kept {:?}, fresh {:?}",
        report.longest_gap(Kind::Kept).unwrap_or_default(),
        report.longest_gap(Kind::Fresh).unwrap_or_default()
    );
}
