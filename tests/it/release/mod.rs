//! Releases on real servers under a limited load through nginx, on kept and on fresh connections,
//! from before the promote until after the stop. No request may fail, whatever the outcome of the
//! release. Without a reload, no connection may even be reopened.

mod approving_real;
mod check_containers_real;
mod command_line;
mod console_real;
mod containers_real;
mod drift;
mod faults;
mod fixture;
mod images_real;
mod kills;
mod measured;
mod members_real;
mod outages;
mod overtaken;
mod planted_real;
mod postgres_real;
mod public_real;
mod pushed_real;
mod repair_real;
mod sharing;
mod tasks_real;
mod together_real;
mod unit_real;
mod unknown;
mod unreleased;

use std::time::Duration;

use greenroom::history::{Outcome, Step};
use greenroom::inventory::{Role, Slot};
use greenroom::release::{Progress, Refusal, Wanted};

use crate::support::docker;
use crate::support::load::{Kind, Load, LoadReport};
use fixture::{Fixture, FixtureOptions, tcp, version};
use outages::{Line, OwnEtcd};

/// A load that has had good answers already.
async fn load(fixture: &Fixture) -> Load {
    let load = Load::start(&fixture.load());
    crate::support::eventually("the load is answered", Duration::from_secs(10), || async {
        load.good() > 50
    })
    .await;
    load
}

/// Once the new slot has answered a request, no later request may be answered by the old slot.
fn nothing_was_stale(report: &LoadReport, new: Slot) {
    let first = report
        .answers
        .iter()
        .find(|answer| answer.slot == Some(new));
    let first = first.expect("the new slot answered").answered;
    let stale = report
        .answers
        .iter()
        .filter(|answer| answer.sent > first && answer.slot != Some(new))
        .count();
    assert_eq!(stale, 0, "stale answers after the first new one: {report}");
}

/// Asserts that no request failed, and that no connection was cut.
fn nothing_was_noticed(report: &LoadReport) {
    report.assert_nothing_failed();
    assert_eq!(report.reopened, 0, "{report}");
}

/// A promote under load that no client may notice.
async fn promoted_unnoticed(what: &str, options: FixtureOptions) {
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let finished = fixture.promote("1.9.0").await;
    let report = load.stop().await;
    println!("{what}: {report}");
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    nothing_was_stale(&report, Slot::Green);
    fixture.stands("1.9.0", Role::Stopped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_notices_a_promote() {
    promoted_unnoticed("promote", FixtureOptions::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_notices_a_promote_with_unix_sockets() {
    let options = FixtureOptions {
        on_sockets: true,
        ..FixtureOptions::default()
    };
    promoted_unnoticed("promote on sockets", options).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_notices_a_promote_with_nginx_in_a_container() {
    let options = FixtureOptions {
        nginx_in_container: true,
        ..FixtureOptions::default()
    };
    promoted_unnoticed("promote, nginx in a container", options).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_notices_a_warm_rollback_from_the_standby() {
    let options = FixtureOptions {
        standby: "5m",
        ..FixtureOptions::default()
    };
    let mut fixture = Fixture::new(options).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let promoted = fixture.begin(version("1.9.0")).await;
    promoted
        .until("standby", |status| {
            matches!(status.progress, Progress::Standby { .. })
        })
        .await;
    // The rollback's own standby is short: the version that was rolled back from is removed.
    let plan = fixture.plan(Wanted::Standby).await.expect("a plan");
    assert!(
        plan.calls.iter().all(|planned| planned.step != Step::Start),
        "it is warm"
    );
    let rolling = fixture.begin(Wanted::Standby).await;
    let ended = promoted.finish().await;
    let by = ended
        .outcome()
        .and_then(|it| it.reason().map(str::to_owned));
    assert!(
        by.is_some_and(|by| by.starts_with("warm rollback")),
        "{ended:?}"
    );
    rolling
        .until("standby", |status| {
            matches!(status.progress, Progress::Standby { .. })
        })
        .await;
    rolling
        .handle
        .command(greenroom::release::Command::EndStandby)
        .await
        .expect("driven");
    let finished = rolling.finish().await;
    let report = load.stop().await;
    println!("warm rollback: {report}");
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    fixture.stands("1.8.2", Role::Empty).await;
    // Forward again: the same version in another release, after the hold was cleared.
    let target = fixture.target.clone();
    let cleared = fixture
        .app
        .engine
        .clear_hold(&target, Some("mended".into()));
    let hold = cleared.await.expect("the rollback has left one");
    assert!(
        hold.reason.contains("rolled back from 1.9.0 to 1.8.2"),
        "{hold}"
    );
    fixture
        .rebuild(|text| text.replace("standby = \"5m\"", "standby = \"1s\""))
        .await;
    assert_eq!(
        fixture.promote("1.9.0").await.outcome(),
        Some(Outcome::Done)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unhealthy_version_is_removed_and_the_old_one_stays_live() {
    let fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    let load = load(&fixture).await;
    let finished = fixture.promote("1.9.1").await;
    let report = load.stop().await;
    println!("unhealthy: {report}");
    assert!(finished.is_backed_out(), "{finished:?}");
    nothing_was_noticed(&report);
    fixture.stands("1.8.2", Role::Empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_fails_its_checks_is_removed_and_the_old_one_stays_live() {
    let fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    let load = load(&fixture).await;
    let finished = fixture.promote("1.9.2").await;
    let report = load.stop().await;
    println!("failing checks: {report}");
    assert!(finished.is_backed_out(), "{finished:?}");
    assert_eq!(finished.failed_step(), Some(Step::Verify));
    nothing_was_noticed(&report);
    fixture.stands("1.8.2", Role::Empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_that_nginx_rejects_changes_nothing() {
    let mut fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    let load = load(&fixture).await;
    let before = fixture.text.clone();
    let template = fixture.place.path().join("broken.conf");
    let broken = format!(
        "{}\nno_such_directive on;\n",
        greenroom::adapters::nginx::DEFAULT_TEMPLATE
    );
    std::fs::write(&template, broken).expect("written");
    fixture
        .rebuild(|text| {
            let line = format!("template = \"{}\"\nanswer =", template.display());
            text.replacen("answer =", &line, 1)
        })
        .await;
    let finished = fixture.promote("1.9.0").await;
    let report = load.stop().await;
    println!("installation rejected: {report}");
    assert!(finished.is_backed_out(), "{finished:?}");
    let reason = finished
        .outcome()
        .and_then(|o| o.reason().map(str::to_owned));
    assert!(
        reason.is_some_and(|r| r.contains("no_such_directive")),
        "{finished:?}"
    );
    nothing_was_noticed(&report);
    fixture.rebuild(|_| before).await;
    fixture.stands("1.8.2", Role::Empty).await;
}

/// Both commands return 0 and nothing happens: the port of the new preview server is taken. The old
/// file is restored and nginx reloaded once more. That reload may close idle connections, which
/// clients reopen; no request may fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_that_is_accepted_but_not_applied_is_undone() {
    let mut fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    let load = load(&fixture).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let before = fixture.text.clone();
    fixture
        .rebuild(|text| {
            let line = text
                .lines()
                .find(|l| l.starts_with("preview_listen"))
                .expect("a line");
            text.replace(line, &format!("preview_listen = \"127.0.0.1:{port}\""))
        })
        .await;
    let finished = fixture.promote("1.9.0").await;
    let report = load.stop().await;
    println!("installation not applied: {report}");
    assert!(finished.is_backed_out(), "{finished:?}");
    assert_eq!(finished.failed_step(), Some(Step::Install), "{finished:?}");
    report.assert_nothing_failed();
    fixture.rebuild(|_| before).await;
    fixture.stands("1.8.2", Role::Empty).await;
    assert_eq!(
        fixture.promote("1.9.0").await.outcome(),
        Some(Outcome::Done)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_outage_of_etcd_during_register_only_delays_the_release() {
    let mut etcd = OwnEtcd::start().await;
    let options = FixtureOptions {
        tier: "protected",
        etcd: etcd.url(),
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let running = fixture.begin(version("1.9.0")).await;
    running.until_asked(Step::Register).await;
    etcd.kill();
    running.approve(Step::Register).await;
    running
        .until("the release cannot be recorded", |status| {
            matches!(status.progress, Progress::Unrecorded { .. })
        })
        .await;
    etcd.run().await;
    let finished = running.finish().await;
    let report = load.stop().await;
    println!("etcd gone and back: {report}");
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    fixture.stands("1.9.0", Role::Stopped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_outage_of_etcd_parks_the_release_and_the_next_one_cleans_up() {
    let mut etcd = OwnEtcd::start().await;
    let options = FixtureOptions {
        tier: "protected",
        etcd: etcd.url(),
        lease: ("6s", "2s"),
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let running = fixture.begin(version("1.9.0")).await;
    running.until_asked(Step::Register).await;
    etcd.kill();
    running.approve(Step::Register).await;
    let parked = running.finish().await;
    assert!(
        matches!(parked.status.progress, Progress::Parked { .. }),
        "{parked:?}"
    );
    etcd.run().await;
    crate::support::eventually("the lock's lease ends", Duration::from_secs(30), || async {
        fixture.snapshot().await.lock.is_none()
    })
    .await;
    // Everything left is visible: the candidate is running without traffic.
    fixture.stands("1.8.2", Role::Candidate).await;
    let finished = fixture.promote("1.9.0").await;
    let report = load.stop().await;
    println!("etcd gone: {report}");
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    fixture.stands("1.9.0", Role::Stopped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_outage_of_docker_during_start_only_delays_the_release() {
    let line = Line::to(&docker());
    let options = FixtureOptions {
        docker: line.address(),
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let running = fixture.begin(version("1.9.0")).await;
    running.until_running(Step::Start).await;
    line.cut();
    running
        .until("the engine is missed", |status| {
            status
                .steps
                .iter()
                .any(|step_status| format!("{:?}", step_status.state).contains("docker at"))
        })
        .await;
    line.mend();
    let finished = running.finish().await;
    let report = load.stop().await;
    println!("docker gone and back: {report}");
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    fixture.stands("1.9.0", Role::Stopped).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_outage_of_docker_keeps_the_old_version_live_and_asks_the_operator() {
    let line = Line::to(&docker());
    let options = FixtureOptions {
        docker: line.address(),
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let load = load(&fixture).await;
    let running = fixture.begin(version("1.9.0")).await;
    running.until_started(Step::Start).await;
    line.cut();
    let finished = running.finish().await;
    assert!(
        matches!(finished.outcome(), Some(Outcome::NeedsPerson { .. })),
        "{finished:?}"
    );
    line.mend();
    let snapshot = fixture.snapshot().await;
    let name = snapshot
        .live_instance()
        .map(|i| i.version_name().to_owned());
    assert_eq!(name.as_deref(), Some("1.8.2"));
    let next = fixture.promote("1.9.0").await;
    let report = load.stop().await;
    println!("docker gone: {report}");
    assert_eq!(next.outcome(), Some(Outcome::Done), "{next:?}");
    nothing_was_noticed(&report);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_client_notices_a_back_out_after_the_switch() {
    let fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    let load = load(&fixture).await;
    let running = fixture.begin(version("1.9.0")).await;
    running.until_running(Step::Watch).await;
    running
        .handle
        .command(greenroom::release::Command::BackOut {
            by: fixture.app.engine.operator().clone(),
            reason: "the operator changed their mind".into(),
        })
        .await
        .expect("driven");
    let finished = running.finish().await;
    let report = load.stop().await;
    println!("backed out after the switch: {report}");
    assert!(finished.is_backed_out(), "{finished:?}");
    nothing_was_noticed(&report);
    fixture.stands("1.8.2", Role::Empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_in_flight_on_the_old_version_finish_before_it_is_stopped() {
    let options = FixtureOptions {
        work: "400ms",
        ..FixtureOptions::default()
    };
    let fixture = Fixture::new(options).await.with("1.8.2").await;
    let mut plan = fixture.load();
    plan.path = "/work".into();
    let load = Load::start(&plan);
    crate::support::eventually("answers", Duration::from_secs(10), || async {
        load.good() > 8
    })
    .await;
    let finished = fixture.promote("1.9.0").await;
    let report = load.stop().await;
    println!("slow requests: {report}");
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    assert!(report.longest_gap(Kind::Kept).is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_refuses_with_every_reason_at_once_and_does_nothing() {
    let mut fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    let green = tcp(fixture
        .snapshot()
        .await
        .slots
        .green
        .addresses
        .first()
        .expect("an address"));
    let _foreign = std::net::TcpListener::bind(green).expect("the port of green");
    fixture
        .rebuild(|text| {
            text.replace("health = {", "# health = {").replace(
                "tier = \"staging\"",
                "tier = \"staging\"\nrules = { require_reason = true }",
            )
        })
        .await;
    let mut request = fixture.request(version("7.7.7"));
    request.reason = None;
    let refused = fixture
        .app
        .engine
        .plan(&request)
        .await
        .expect_err("refused");
    let has = |what: fn(&Refusal) -> bool| refused.0.iter().any(what);
    assert!(
        has(|r| matches!(r, Refusal::NoSuchVersion { .. })),
        "{refused}"
    );
    assert!(has(|r| matches!(r, Refusal::NoHealthCheck)), "{refused}");
    assert!(has(|r| matches!(r, Refusal::NoReason)), "{refused}");
    assert!(
        has(|r| matches!(
            r,
            Refusal::SlotTaken {
                slot: Slot::Green,
                ..
            }
        )),
        "{refused}"
    );
    request.wanted = version("1.8.2");
    let refused = fixture
        .app
        .engine
        .plan(&request)
        .await
        .expect_err("refused");
    assert!(
        refused.0.iter().any(|r| matches!(
            r,
            Refusal::AlreadyLive {
                slot: Slot::Blue,
                ..
            }
        )),
        "{refused}"
    );
}
