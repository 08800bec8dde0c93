//! Approvals by others on real servers: given, withdrawn and taken over during the release. The
//! history of etcd shows the approvals at the moment of each switch.

use std::io::BufRead as _;
use std::time::Duration;

use etcd_client::{Client, EventType, WatchOptions};
use greenroom::history::{Outcome, Step};
use greenroom::inventory::{PeerApproval, Role, Route};
use greenroom::release::{
    Approval, Command, OnFailure, Progress, Refused, Resume, ResumeAction, Scope, Status,
    TakeoverRequest,
};
use greenroom::wire::App;
use jiff::Timestamp;
use serde_json::Value;

use super::command_line::{greenroom, out, run};
use super::fixture::{Fixture, FixtureOptions, Running, version};
use super::{load, nothing_was_noticed};
use crate::support::json_lines::json_list;
use crate::support::pty::Pty;
use crate::support::{etcd, eventually};

const SOON: Duration = Duration::from_secs(30);
/// No other operator acts meanwhile.
const NEVER: u64 = u64::MAX;

/// A fixture in which another operator must approve steps that move traffic.
async fn fixture() -> Fixture {
    let mut fixture = Fixture::new(FixtureOptions::default())
        .await
        .with("1.8.2")
        .await;
    let tier = "tier = \"staging\"";
    let asking = format!("{tier}\nrules = {{ approvals = 1 }}");
    fixture.rebuild(|text| text.replace(tier, &asking)).await;
    fixture
}

async fn approves(app: &App, fixture: &Fixture, running: &Running) -> PeerApproval {
    let status = running.handle.status().borrow().clone();
    let (release, seen) = (status.plan.release, status.approvable().mark());
    let given = app
        .engine
        .peer_approve(&fixture.target, release, &seen, None)
        .await;
    given.expect("approved")
}

/// Waits until this many approvals by others count for the driver.
async fn until_counted(driver: &App, running: &Running, wanted: usize) {
    let status = running.handle.status().borrow().clone();
    let by = driver.engine.operator();
    eventually(&format!("{wanted} count"), SOON, || async {
        let given = driver.engine.counted_approvals(&status, Some(by)).await;
        given.is_ok_and(|given| given.len() == wanted)
    })
    .await;
}

async fn live(fixture: &Fixture) -> Option<String> {
    let snapshot = fixture.snapshot().await;
    snapshot
        .live_instance()
        .map(|instance| instance.version_name().to_owned())
}

async fn takes_over(app: &App, fixture: &Fixture) -> Result<Running, Refused> {
    let found = app.engine.interrupted(&fixture.target, None).await?;
    let (by, now) = (app.engine.operator().clone(), app.engine.clock().now());
    let typed = fixture.target.environment.to_string();
    let approval = Approval::give(found.plan(), Scope::Plan, by, Some(&typed), now);
    let why = "she does not answer".to_owned();
    let resume = Resume {
        left_by: None,
        resume_action: ResumeAction::Continue,
        reason: Some(why.clone()),
        takeover: found.driver().map(|holder| TakeoverRequest {
            why,
            from: holder.token,
        }),
    };
    let release = found.plan().release;
    let approval = approval.expect("a yes");
    let taken = app
        .engine
        .resume(&fixture.target, release, resume, &approval, OnFailure::Ask)
        .await?;
    Ok(Running::of(taken))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approver_who_takes_a_release_over_needs_another_approver() {
    let fixture = fixture().await;
    let (ben, cleo) = (fixture.another("ben").await, fixture.another("cleo").await);
    let load = load(&fixture).await;
    let running = fixture.begin(version("1.9.0")).await;
    running.until_asked(Step::Switch).await;
    approves(&ben, &fixture, &running).await;
    until_counted(&fixture.app, &running, 1).await;

    let taken = takes_over(&ben, &fixture).await.expect("it is ben's");
    tokio::time::timeout(SOON, running.handle.ended())
        .await
        .expect("ana's driver hears of it");
    taken.until_asked(Step::Switch).await;
    until_counted(&ben, &taken, 0).await;
    // His own approval as its driver moves nothing without another operator's.
    taken.approve(Step::Switch).await;
    eventually("it was asked for again", SOON, || async {
        let told = taken.handle.status().borrow().clone();
        matches!(
            told.progress,
            Progress::Asking {
                step: Step::Switch,
                ..
            }
        )
    })
    .await;
    assert_eq!(live(&fixture).await.as_deref(), Some("1.8.2"));

    // Ana's approval does not count either: she started it.
    let status = taken.handle.status().borrow().clone();
    let (release, seen) = (status.plan.release, status.approvable().mark());
    let stale = cleo
        .engine
        .peer_approve(&fixture.target, release, "another mark", None);
    let refused = stale.await.expect_err("she has seen something else");
    assert!(
        refused.to_string().contains("since you looked"),
        "{refused}"
    );
    let own = fixture
        .app
        .engine
        .peer_approve(&fixture.target, release, &seen, None)
        .await;
    assert!(own.is_err(), "she began it");
    approves(&cleo, &fixture, &taken).await;
    until_counted(&ben, &taken, 1).await;
    taken.approve(Step::Switch).await;
    let finished = taken.finish().await;
    let report = load.stop().await;
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    nothing_was_noticed(&report);
    fixture.stands("1.9.0", Role::Stopped).await;
}

/// Reads the output of a command until a line has the wanted event.
fn event(lines: &mut impl Iterator<Item = std::io::Result<String>>, wanted: &str) -> Value {
    lines
        .map(|line| serde_json::from_str::<Value>(&line.expect("a line")).expect("JSON"))
        .find(|event| event["event"] == wanted)
        .unwrap_or_else(|| panic!("no {wanted}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_tells_driver_and_approver_what_a_switch_lacks() {
    let fixture = fixture().await;
    let service = fixture.target.service.to_string();
    let promote = [
        "--set",
        "operator.name=ana",
        "--json",
        "promote",
        &service,
        "production",
        "--yes",
        "--version",
        "1.9.0",
    ];
    let mut driver = greenroom(&fixture, &promote).spawn().expect("it runs");
    let out_of_driver = driver.stdout.take().expect("its output");
    let mut lines = std::io::BufReader::new(out_of_driver).lines();
    let plan = event(&mut lines, "plan");
    assert_eq!(plan["data"]["approvals_needed"], 1, "{plan}");
    let lacks = event(&mut lines, "waits-for-approvals")["data"].take();
    assert_eq!((&lacks["needed"], &lacks["has"]), (&1.into(), &0.into()));
    let text = lacks["text"].as_str().expect("a text");
    for part in [
        "switch needs 1 approval by someone else, has 0",
        "anyone except ana@",
        &format!("greenroom approve {service} production"),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }

    let ben = |arguments: &[&'static str]| {
        let all = [&["--set", "operator.name=ben"], arguments].concat();
        let all: Vec<String> = all
            .into_iter()
            .map(|it| it.replace("SERVICE", &service))
            .collect();
        let fixture = &fixture;
        async move {
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            run(fixture, &all).await
        }
    };
    let status = ben(&["status", "SERVICE", "production"]).await;
    let you = format!("you can approve it: greenroom approve {service} production");
    assert!(out(&status).contains(&you), "{}", out(&status));
    let status = ben(&["--json", "status", "SERVICE", "production"]).await;
    let status = json_list(&status, "targets").remove(0);
    let approvals = &status["approvals"];
    assert_eq!(approvals["needed"], 1, "{approvals}");
    assert_eq!(approvals["has"], 0, "{approvals}");
    assert_eq!(approvals["waits_for_you"], true, "{approvals}");

    let config = fixture.place.path().join("greenroom.toml");
    let place = fixture.place.path().to_str().expect("a path").to_owned();
    let approving = tokio::task::spawn_blocking(move || {
        let config = config.to_str().expect("a path");
        let arguments = ["--config", config, "--set", "operator.name=ben", "approve"];
        let arguments = [&arguments[..], &[&service, "production"]].concat();
        let environment = [("XDG_STATE_HOME", place.as_str())];
        let mut pty = Pty::greenroom(&arguments, &environment, (150, 60));
        pty.wait_for_text("note for the record (optional", SOON);
        for part in ["  commits ", "  config ", "  checks ", " passed "] {
            assert!(pty.screen().contains(part), "{part}: {}", pty.screen());
        }
        pty.keys("looked at it\r");
        pty.wait_for_text("approve? type yes:", SOON);
        pty.keys("yes\r");
        pty.exit_status(SOON).exit_code()
    });
    assert_eq!(approving.await.expect("joined"), 0);
    let ended = tokio::task::spawn_blocking(move || driver.wait().expect("it ends"));
    let ended = tokio::time::timeout(SOON, ended).await;
    assert!(ended.expect("in time").expect("joined").success());

    let release = lacks["release"].as_str().expect("an id");
    let shown = run(&fixture, &["show", release]).await;
    let shown = out(&shown);
    assert!(shown.contains("ben@"), "{shown}");
    assert!(shown.contains("because: looked at it"), "{shown}");
}

/// Since when it has been requested.
fn asked_since(status: &Status) -> Option<Timestamp> {
    match status.progress {
        Progress::Asking { since, .. } => Some(since),
        _ => None,
    }
}

/// The driver approves. At about the same moment an approval is withdrawn or a hold placed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_traffic_moves_on_a_withdrawn_approval_or_under_a_hold() {
    let fixture = fixture().await;
    let ben = fixture.another("ben").await;
    let load = load(&fixture).await;
    let from = revision(&fixture).await;
    let (mut moved, mut stopped) = (0, 0);
    // The last one has no interference.
    for (round, late) in [0, 4, 8, 16, 24, 32, 96, NEVER].into_iter().enumerate() {
        let (tag, other) = match live(&fixture).await.as_deref() {
            Some("1.8.2") => ("1.9.0", "1.8.2"),
            _ => ("1.8.2", "1.9.0"),
        };
        let running = fixture.begin(version(tag)).await;
        running.until_asked(Step::Switch).await;
        let given = approves(&ben, &fixture, &running).await;
        until_counted(&fixture.app, &running, 1).await;
        let asked = asked_since(&running.handle.status().borrow());
        let is_hold = round % 2 == 1;
        let others = async {
            if late == NEVER {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(late)).await;
            if is_hold {
                let reason = "wait".to_owned();
                ben.engine.hold(&fixture.target, reason, None).await.is_ok()
            } else {
                let taken = ben
                    .engine
                    .withdraw_peer_approval(&fixture.target, given.release);
                taken.await.is_ok()
            }
        };
        let ((), meddled) = tokio::join!(running.approve(Step::Switch), others);
        running
            .until("it moved, or it did not", |status| {
                let is_warm = matches!(status.progress, Progress::Standby { .. });
                let is_again = asked_since(status).is_some_and(|since| Some(since) > asked);
                status.is_over() || is_warm || is_again
            })
            .await;
        if asked_since(&running.handle.status().borrow()).is_some() {
            let by = ben.engine.operator().clone();
            let reason = "the round is over".to_owned();
            let back = Command::BackOut { by, reason };
            running.handle.command(back).await.expect("driven");
        }
        let finished = running.finish().await;
        match finished.outcome() {
            Some(Outcome::Done) => moved += 1,
            Some(Outcome::BackedOut { .. }) => stopped += 1,
            other => panic!("{other:?}"),
        }
        if is_hold && meddled {
            let cleared = ben.engine.clear_hold(&fixture.target, None).await;
            cleared.expect("cleared");
        }
        let wanted = if finished.outcome() == Some(Outcome::Done) {
            tag
        } else {
            other
        };
        assert_eq!(live(&fixture).await.as_deref(), Some(wanted));
    }
    let report = load.stop().await;
    println!("{moved} moved, {stopped} did not: {report}");
    assert!(moved > 0 && stopped > 0, "both have to be seen");
    report.assert_nothing_failed();
    every_switch_was_allowed(&fixture, from).await;
}

async fn revision(fixture: &Fixture) -> i64 {
    let client = Client::connect([etcd()], None).await.expect("connected");
    let prefix = format!("/greenroom-test/{}/", fixture.target.service);
    let found = client.kv_client().get(prefix, None).await.expect("read");
    found.header().expect("a header").revision() + 1
}

/// Reads all written revisions: whenever a route changed to another slot under a new release, the
/// release was approved and not held at that revision.
async fn every_switch_was_allowed(fixture: &Fixture, from: i64) {
    let client = Client::connect([etcd()], None).await.expect("connected");
    let prefix = format!("/greenroom-test/{}/", fixture.target.service);
    let end = format!("{prefix}end");
    let mut pairs = client.kv_client();
    pairs.put(end.as_str(), "", None).await.expect("written");
    let options = WatchOptions::new().with_prefix().with_start_revision(from);
    let mut watch = client
        .watch_client()
        .watch(prefix.as_str(), Some(options))
        .await
        .expect("a watch");
    let (mut approved, mut held, mut switches) = (Vec::<String>::new(), false, 0);
    let mut released = None;
    loop {
        let message = watch.message().await.expect("heard").expect("it goes on");
        for event in message.events() {
            let pair = event.kv().expect("a key");
            let key = String::from_utf8_lossy(pair.key()).into_owned();
            let is_put = event.event_type() == EventType::Put;
            if key == end {
                assert!(switches > 0, "there was nothing to look at");
                println!("{switches} switches, each approved and not held");
                return;
            }
            if key.contains("/approvals/") {
                approved.retain(|it| *it != key);
                approved.extend(is_put.then_some(key));
            } else if key.ends_with("/hold") {
                let placed: greenroom::inventory::Hold =
                    serde_json::from_slice(pair.value()).expect("a hold");
                held = placed.cleared.is_none();
            } else if key.ends_with("/route") {
                let route: Route = serde_json::from_slice(pair.value()).expect("a route");
                // The first move of a release is forward; a later one is its way back.
                if released.replace(route.release) != Some(route.release) {
                    let of = format!("/{}", route.release);
                    assert!(approved.iter().any(|it| it.ends_with(&of)), "{route:?}");
                    assert!(!held, "{route:?}");
                    switches += 1;
                }
            }
        }
    }
}
