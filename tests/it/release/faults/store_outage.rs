//! A store that refuses writes because its quota is full, and one that was unreachable so long that
//! the driver lost its lock. Both are reported at once, and the release can be resumed as soon as
//! the store works again.

use std::time::{Duration, Instant};

use greenroom::history::Outcome;
use greenroom::release::{
    Approval, OnFailure, Progress, Resume, ResumeAction, Scope, Status, StepState,
};

use super::super::command_line;
use super::super::fixture::{Fixture, FixtureOptions, Running, version};
use super::super::outages::OwnEtcd;
use super::until_switch_is_asked;

/// The documented limit.
const WITHIN: Duration = Duration::from_secs(5);

fn why_parked(status: &Status) -> String {
    match &status.progress {
        Progress::Parked { why } => why.clone(),
        other => panic!("{other:?}"),
    }
}

async fn fill(etcd: &OwnEtcd) {
    let mut client = etcd_client::Client::connect([etcd.url()], None)
        .await
        .expect("etcd");
    for number in 0..200 {
        let key = format!("/filler/{number}");
        let Err(error) = client.put(key, vec![b'x'; 512 * 1024], None).await else {
            continue;
        };
        assert!(error.to_string().contains("space exceeded"), "{error}");
        return;
    }
    panic!("it has room for everything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_etcd_is_reported_at_once_and_stops_the_driver_within_five_seconds() {
    let etcd = OwnEtcd::with_quota(8 * 1024 * 1024).await;
    let options = FixtureOptions {
        tier: "protected",
        etcd: etcd.url(),
        ..FixtureOptions::default()
    };
    let mut fixture = Fixture::new(options).await.with("1.8.2").await;
    fixture.allow_yes().await;
    let running = fixture.begin(version("1.9.0")).await;
    until_switch_is_asked(&running).await;
    fill(&etcd).await;
    let started = Instant::now();
    running.approve(greenroom::history::Step::Switch).await;
    let finished = running.finish().await;
    let took = started.elapsed();
    let why = why_parked(&finished.status);
    assert!(why.contains("database space exceeded"), "{why}");
    assert!(why.contains("etcdctl alarm disarm"), "what to do: {why}");
    assert!(took <= WITHIN, "{took:?}");

    let service = fixture.target.service.to_string();
    let started = Instant::now();
    let said = command_line::run(&fixture, &["resume", &service, "production", "--yes"]).await;
    assert!(started.elapsed() <= WITHIN, "{:?}", started.elapsed());
    assert!(!said.status.success());
    let words = command_line::err(&said);
    assert!(words.contains("etcdctl alarm disarm"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_resumes_its_lost_release_under_its_own_old_lock() {
    let mut etcd = OwnEtcd::start().await;
    let options = FixtureOptions {
        etcd: etcd.url(),
        lease: ("6s", "2s"),
        standby: "5m",
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let running = fixture.begin(version("1.9.0")).await;
    running
        .until("it is kept warm", |status| {
            matches!(status.progress, Progress::Standby { .. })
        })
        .await;
    etcd.kill();
    let finished = running.finish().await;
    assert!(why_parked(&finished.status).contains("not renewed"));
    etcd.run().await;

    // A restarted etcd renews every lease, so the lock of the ended driver exists for a while.
    let engine = &fixture.app.engine;
    let found = engine.interrupted(&fixture.target, None).await;
    let found = found.expect("it is open");
    assert!(found.driver().is_none(), "this console drove it itself");
    let (by, now) = (engine.operator().clone(), engine.clock().now());
    let approval = Approval::give(found.plan(), Scope::Plan, by, None, now).expect("a yes");
    let resume = Resume {
        resume_action: ResumeAction::Continue,
        reason: None,
        takeover: None,
        left_by: None,
    };
    let release = found.plan().release;
    let resumed = engine
        .resume(
            &fixture.target,
            release,
            resume,
            &approval,
            OnFailure::BackOut,
        )
        .await;
    let resumed = Running::of(resumed.expect("nothing is waited for"));
    resumed
        .until("it is kept warm again", |status| {
            matches!(status.progress, Progress::Standby { .. })
        })
        .await;
    let ends = resumed
        .handle
        .command(greenroom::release::Command::EndStandby);
    ends.await.expect("driven");
    let finished = resumed.finish().await;
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    let stopped = finished
        .status
        .steps
        .last()
        .map(|step_status| &step_status.state);
    assert!(
        matches!(stopped, Some(StepState::Done { .. })),
        "{stopped:?}"
    );
}
