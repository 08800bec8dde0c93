//! Several applications on one release, over real servers: what one drives, the others see within a
//! second (ladder, checks and step log), and control moves from one to the other under load.
//! `tests/run together_real --nocapture` prints the times.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use greenroom::history::{Outcome, Step, prove};
use greenroom::inventory::{ReleaseId, Role, Target};
use greenroom::release::{
    Approval, Command, OnFailure, PlanRequest, Progress, Releases, Resume, ResumeAction, Scope,
    Status, StepState, Wanted,
};
use greenroom::watchers::{self, Watching};
use greenroom::wire::App;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::fixture::{Fixture, FixtureOptions, Running, version};
use super::{load, nothing_was_noticed};

/// The documented limit.
const WITHIN: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_mins(1);

/// When each part of a release was first seen.
type Moments = BTreeMap<String, Instant>;

fn look(moments: &mut Moments, status: &Status, log: Option<&[String]>) {
    let mut seen = |what: String| {
        moments.entry(what).or_insert_with(Instant::now);
    };
    for step_status in &status.steps {
        if matches!(step_status.state, StepState::Done { .. }) {
            seen(format!("{} done", step_status.step));
        }
    }
    if status.cases.len() == 3 {
        seen("3 checks".into());
    }
    for line in log.unwrap_or_default() {
        if line.contains(" took ") {
            let step = line.split_whitespace().next().unwrap_or_default();
            seen(format!("{step} in the step log"));
        }
    }
    if status.outcome().is_some() {
        seen("its end".into());
    }
}

fn watching(app: &App) -> Watching {
    watchers::start(&app.engine, app.frame.clone(), std::future::ready(()))
}

/// Notes what another operator sees of the newest release of a target, until it ends.
fn note(mut releases: watch::Receiver<Arc<Releases>>, target: Target) -> JoinHandle<Moments> {
    tokio::spawn(async move {
        let mut moments = Moments::new();
        loop {
            let now = Arc::clone(&releases.borrow_and_update());
            // The release before it is reported too.
            let observed = now.get(&target);
            let observed =
                observed.filter(|observed| observed.status.plan.version.name() == "1.9.0");
            if let Some(observed) = observed {
                let log: Vec<String> = observed
                    .announcements
                    .iter()
                    .map(|line| line.text.clone())
                    .collect();
                look(&mut moments, &observed.status, Some(&log));
            }
            // Nothing changes after its end.
            if moments.contains_key("its end") || releases.changed().await.is_err() {
                return moments;
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_watchers_see_a_release_within_a_second() {
    let fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    let (ben, cleo) = (fixture.another("ben").await, fixture.another("cleo").await);
    let watched = [watching(&ben), watching(&cleo)];
    let noting = watched
        .each_ref()
        .map(|watching| note(watching.releases.clone(), fixture.target.clone()));
    let running = fixture.begin(version("1.9.0")).await;
    let mut status = running.handle.status();
    let driving = tokio::spawn(async move {
        let mut moments = Moments::new();
        loop {
            let now = Arc::clone(&status.borrow_and_update());
            look(&mut moments, &now, None);
            if now.is_over() || status.changed().await.is_err() {
                return moments;
            }
        }
    });
    let finished = running.finish().await;
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    let own = driving.await.expect("no panic");
    for (name, noting) in ["ben", "cleo"].into_iter().zip(noting) {
        let theirs = tokio::time::timeout(LONG, noting).await;
        let theirs = theirs.expect("its end is seen").expect("no panic");
        let mut slowest = Duration::ZERO;
        for (what, here) in &own {
            let there = theirs.get(what).unwrap_or_else(|| panic!("{name}: {what}"));
            let late = there.saturating_duration_since(*here);
            println!("measured: {name} sees {what:<14} {late:?} after the driver");
            assert!(late < WITHIN, "{name}: {what} after {late:?}");
            slowest = slowest.max(late);
        }
        for step in [Step::Start, Step::Verify, Step::Switch] {
            let line = format!("{step} in the step log");
            let (here, there) = (own.get(&format!("{step} done")), theirs.get(&line));
            let (here, there) = here.zip(there).unwrap_or_else(|| panic!("{name}: {line}"));
            let late = there.saturating_duration_since(*here);
            assert!(late < WITHIN, "{name}: {line} after {late:?}");
            slowest = slowest.max(late);
        }
        println!("measured: {name} is never more than {slowest:?} behind");
    }
}

/// Waits until an operator's releases, or observations, fulfil a condition.
async fn until<T>(mut seen: watch::Receiver<Arc<T>>, what: &str, looks: impl Fn(&T) -> bool) {
    let waited = tokio::time::timeout(LONG, seen.wait_for(|now| looks(now))).await;
    assert!(waited.is_ok_and(|seen| seen.is_ok()), "{what}");
}

/// Both watch, and both are shown as watchers.
async fn are_seen(ana: &App, ben: &App, target: &Target, at_ana: &Watching) {
    ana.engine.report_presence(target, None).await;
    ben.engine.report_presence(target, None).await;
    until(at_ana.world.clone(), "who watches", |world| {
        world
            .get(target)
            .is_some_and(|snapshot| snapshot.watching.len() == 2)
    })
    .await;
}

/// Plans and starts a release from another console.
async fn begin(fixture: &Fixture, app: &App, wanted: Wanted) -> Running {
    let engine = &app.engine;
    let request = PlanRequest {
        operator: engine.operator().clone(),
        ..fixture.request(wanted)
    };
    let plan = engine.plan(&request).await.expect("a plan");
    assert!(
        plan.warnings
            .iter()
            .any(|it| it.contains("ends that standby")),
        "{:?}",
        plan.warnings
    );
    let (by, now) = (plan.operator.clone(), engine.clock().now());
    let approval = Approval::give(&plan, Scope::Plan, by, None, now).expect("a yes");
    let opened = engine.open(plan, &approval, OnFailure::BackOut).await;
    Running::of(opened.expect("a release"))
}

/// How a release ended according to the journal.
async fn written_end(fixture: &Fixture, release: ReleaseId) -> Option<Outcome> {
    let site = fixture
        .app
        .engine
        .site(&fixture.target)
        .expect("configured");
    let recorded = site.read.journal.release(&fixture.target, release).await;
    let recorded = recorded.expect("read").expect("written");
    assert!(prove(&recorded).is_intact(), "the chain is whole");
    recorded.head.closed.map(|(_, outcome)| outcome)
}

fn is_in_standby(status: &Status) -> bool {
    matches!(status.progress, Progress::Standby { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_from_another_console_ends_the_standby_and_both_see_it() {
    let options = FixtureOptions {
        standby: "5m",
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let promoted = fixture.begin(version("1.9.0")).await;
    let first = promoted.handle.status().borrow().plan.release;
    promoted.until("it is kept warm", is_in_standby).await;

    let ben = fixture.another("ben").await;
    let rolling = begin(&fixture, &ben, Wanted::Standby).await;
    let look = promoted.handle.command(Command::LookAtLock).await;
    look.expect("driven until it learns of it");
    let ended = promoted.finish().await.outcome();
    let Some(Outcome::Superseded { by: Some(by) }) = &ended else {
        panic!("{ended:?}");
    };
    assert!(
        by.contains("warm rollback") && by.contains("ben@ops-2"),
        "{by}"
    );
    assert_eq!(written_end(&fixture, first).await, ended);

    rolling.until("it is kept warm", is_in_standby).await;
    let ends = rolling.handle.command(Command::EndStandby).await;
    ends.expect("driven");
    let finished = rolling.finish().await;
    let report = load.stop().await;
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    fixture.stands("1.8.2", Role::Empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_without_a_driver_in_standby_is_ended_by_the_next() {
    let options = FixtureOptions {
        standby: "5m",
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let promoted = fixture.begin(version("1.9.0")).await;
    let first = promoted.handle.status().borrow().plan.release;
    promoted.until("it is kept warm", is_in_standby).await;
    let reason = "a test".to_owned();
    let left = promoted.handle.command(Command::Interrupt { reason }).await;
    left.expect("driven");
    promoted.finish().await;
    assert_eq!(written_end(&fixture, first).await, None);

    let next = fixture.begin(version("1.8.2")).await;
    next.until("it is kept warm", is_in_standby).await;
    let ended = written_end(&fixture, first).await;
    assert!(
        matches!(&ended, Some(Outcome::Superseded { by: Some(by) }) if by.starts_with("promote")),
        "{ended:?}"
    );
    let ends = next.handle.command(Command::EndStandby).await;
    ends.expect("driven");
    assert_eq!(next.finish().await.outcome(), Some(Outcome::Done));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handover_under_load_fails_no_request() {
    let options = FixtureOptions {
        standby: "5m",
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let target = fixture.target.clone();
    let ben = fixture.another("ben").await;
    let (at_ana, at_ben) = (watching(&fixture.app), watching(&ben));
    let running = fixture.begin(version("1.9.0")).await;
    let release = running.handle.status().borrow().plan.release;
    running.until_running(Step::Watch).await;

    are_seen(&fixture.app, &ben, &target, &at_ana).await;
    let asked = ben.engine.request_handover(&target, release, None).await;
    let asked = asked.expect("asked");
    until(at_ana.world.clone(), "who asks", |world| {
        let snapshot = world.get(&target);
        snapshot.is_some_and(|snapshot| snapshot.handover_request.as_ref() == Some(&asked))
    })
    .await;

    // The approval was given before the request.
    let found = ben
        .engine
        .interrupted(&target, None)
        .await
        .expect("it goes on");
    assert!(found.driver().is_some());
    let (by, now) = (ben.engine.operator().clone(), ben.engine.clock().now());
    let approval = Approval::give(found.plan(), Scope::Plan, by, None, now).expect("a yes");
    let resume = || Resume {
        resume_action: ResumeAction::Continue,
        reason: None,
        takeover: None,
        left_by: None,
    };
    let early = ben
        .engine
        .resume(&target, release, resume(), &approval, OnFailure::Ask)
        .await;
    assert!(early.is_err(), "not before it is handed over");

    let handed = Instant::now();
    let command = Command::HandOver {
        to: asked.operator.clone(),
        console: asked.console.clone(),
        by: fixture.app.engine.operator().clone(),
    };
    running.handle.command(command).await.expect("driven");
    until(at_ben.releases.clone(), "it is handed over", |releases| {
        let observed = releases.get(&target);
        observed.is_some_and(|observed| observed.is_handed_to(ben.engine.console()))
    })
    .await;
    // No other operator can take it in between.
    let cleo = fixture.another("cleo").await;
    let slipping_in = cleo
        .engine
        .resume(&target, release, resume(), &approval, OnFailure::Ask)
        .await;
    assert!(slipping_in.is_err(), "it is handed to Ben alone");
    let taken = ben
        .engine
        .resume(&target, release, resume(), &approval, OnFailure::Ask)
        .await
        .expect("it is ben's");
    println!("measured: handed over in {:?}", handed.elapsed());
    tokio::time::timeout(LONG, running.handle.ended())
        .await
        .expect("ana's driver ends when it is taken");
    ben.engine
        .withdraw_request(&target, &asked)
        .await
        .expect("heard");

    let taken = Running::of(taken);
    taken
        .until("it is kept warm", |status| {
            matches!(status.progress, Progress::Standby { .. })
        })
        .await;
    taken
        .handle
        .command(Command::EndStandby)
        .await
        .expect("driven");
    let finished = taken.finish().await;
    let report = load.stop().await;
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    until(at_ana.world.clone(), "no request is left", |world| {
        let snapshot = world.get(&target);
        snapshot.is_some_and(|snapshot| snapshot.handover_request.is_none())
    })
    .await;
}
