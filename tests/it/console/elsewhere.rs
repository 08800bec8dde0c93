//! A release that another operator drives, or no operator any more: what the console reads from its
//! journal and lock, what the screen shows, and what the keys answer.

use std::sync::Arc;
use std::time::Duration;

use greenroom::checks::{CaseReport, Report, Verdict};
use greenroom::console::Model;
use greenroom::console::event::Event;
use greenroom::console::model::{CellState, cell};
use greenroom::history::{Decision, Direction, Entry, JournalEvent, Outcome, Recorded, Step};
use greenroom::inventory::{FencingToken, Hold, LockHolder, LockRecord, Operator, Snapshot, Tier};
use greenroom::release::{Observed, Progress, Releases, StepState, observed};

use super::world::{
    PRODUCTION, ago, digest, later, model, now, plan, press, release_id, screen, target, tell,
    web_production, with_candidate, with_standby, world,
};

pub(super) fn ben() -> Operator {
    Operator {
        name: "ben".into(),
        host: "ops-2".into(),
    }
}

pub(super) fn lock(release: u8) -> LockHolder {
    LockHolder {
        record: LockRecord {
            purpose: greenroom::inventory::LockPurpose::Release,
            operator: ben(),
            console: "ben@ops-2 4711 01JD4".into(),
            release: release_id(release),
            since: ago(60),
            message: "promote to 1.9.0".into(),
        },
        token: FencingToken(8),
        ttl_seconds: Some(27),
    }
}

/// The journal of a promote to 1.9.0 that started a minute ago, with an entry every two seconds.
pub(super) fn journal(tier: Tier, happened: Vec<JournalEvent>) -> Recorded {
    let mut plan = plan(&target("web", PRODUCTION), tier);
    plan.operator = ben();
    let entries = (1u32..).zip(happened).map(|(sequence, what)| Entry {
        sequence,
        at: ago(60) + Duration::from_secs(2 * u64::from(sequence)),
        event: what,
        chain: None,
    });
    Recorded {
        head: plan.record(),
        entries: entries.collect(),
    }
}

fn begins(step: Step) -> JournalEvent {
    JournalEvent::Intent {
        peer_approvals: Vec::new(),
        task: None,
        step,
        direction: Direction::Forward,
    }
}

fn ends(step: Step, direction: Direction, failure: Option<&str>) -> JournalEvent {
    JournalEvent::Outcome {
        step,
        direction,
        failure: failure.map(str::to_owned),
        took: Duration::from_secs(2),
    }
}

fn checked(verdict: Verdict) -> JournalEvent {
    let case = |name: &str, verdict| CaseReport {
        overridden: None,
        tests: Vec::new(),
        name: name.into(),
        required: true,
        verdict,
        detail: String::new(),
        took: Duration::from_millis(31),
        request: String::new(),
        response: String::new(),
    };
    JournalEvent::Checked {
        report: Report {
            digest: digest("b81d77aa30"),
            runs: Vec::new(),
            at: ago(40),
            cases: vec![case("home page", Verdict::Passed), case("orders", verdict)],
        },
    }
}

fn approved(step: Step) -> JournalEvent {
    JournalEvent::Approved {
        step,
        decision: Decision {
            by: ben(),
            asked_at: None,
            note: None,
        },
    }
}

/// All steps up to and including this one are done.
pub(super) fn done_up_to(last: Step) -> Vec<JournalEvent> {
    let mut all = Vec::new();
    let tier = Tier::Protected;
    let plan = plan(&target("web", PRODUCTION), tier);
    for step in plan.steps().filter(|step| *step <= last) {
        if matches!(step, Step::Register | Step::Switch) {
            all.push(approved(step));
        }
        all.push(begins(step));
        if step == Step::Verify {
            all.push(checked(Verdict::Passed));
        }
        all.push(ends(step, Direction::Forward, None));
    }
    all
}

pub(super) fn told(tier: Tier, happened: Vec<JournalEvent>, lock: Option<&LockHolder>) -> Observed {
    let definition = plan(&target("web", PRODUCTION), tier).definition;
    observed(&journal(tier, happened), &definition, lock, None, now())
}

pub(super) fn closed(happened: Vec<JournalEvent>, outcome: Outcome) -> Observed {
    let mut journal = journal(Tier::Protected, happened);
    journal.head.closed = Some((ago(1), outcome));
    let definition = plan(&target("web", PRODUCTION), Tier::Protected).definition;
    observed(&journal, &definition, None, None, now())
}

pub(super) fn and(mut all: Vec<JournalEvent>, more: JournalEvent) -> Vec<JournalEvent> {
    all.push(more);
    all
}

/// The state of a release in a few words.
fn words(told: &Observed) -> String {
    match &told.status.progress {
        Progress::Forward(step) => format!("{step} goes on"),
        Progress::Back(step) => format!("{step} is undone"),
        Progress::Asking { step, .. } => format!("{step} waits"),
        Progress::Standby { .. } => "standby".into(),
        Progress::Choosing { step, why, .. } => format!("{step} failed: {why}"),
        Progress::Interrupted {
            after: Some(step), ..
        } => format!("interrupted after {step}"),
        Progress::Interrupted { after: None, .. } => "interrupted".into(),
        Progress::Closed(outcome) => outcome.word().into(),
        other => format!("{other:?}"),
    }
}

#[test]
fn the_state_of_a_release_is_read_from_journal_and_lock() {
    let ours = lock(2);
    let driven = Some(&ours);
    let (protected, staging) = (Tier::Protected, Tier::Staging);
    let backing_out = |happened| {
        and(
            happened,
            JournalEvent::BackOutAsked {
                decision: None,
                reason: "verify failed: orders".into(),
            },
        )
    };
    let failed = and(
        and(done_up_to(Step::Start), begins(Step::Verify)),
        checked(Verdict::Failed),
    );
    let failed = and(
        failed,
        ends(Step::Verify, Direction::Forward, Some("orders")),
    );
    for (expected, seen) in [
        ("pull goes on", told(protected, Vec::new(), driven)),
        (
            "pull goes on",
            told(protected, vec![begins(Step::Pull)], driven),
        ),
        (
            "start goes on",
            told(protected, done_up_to(Step::Pull), driven),
        ),
        (
            "register waits",
            told(protected, done_up_to(Step::Verify), driven),
        ),
        (
            "register goes on",
            told(staging, done_up_to(Step::Verify), driven),
        ),
        (
            "register goes on",
            told(
                protected,
                and(done_up_to(Step::Verify), approved(Step::Register)),
                driven,
            ),
        ),
        (
            "switch waits",
            told(protected, done_up_to(Step::Register), driven),
        ),
        ("standby", told(protected, done_up_to(Step::Drain), driven)),
        (
            "verify failed: orders",
            told(protected, failed.clone(), driven),
        ),
        (
            "start is undone",
            told(protected, backing_out(failed), driven),
        ),
        (
            "switch is undone",
            told(protected, backing_out(done_up_to(Step::Watch)), driven),
        ),
        ("interrupted", told(protected, Vec::new(), None)),
        (
            "interrupted after register",
            told(protected, done_up_to(Step::Register), None),
        ),
        (
            "interrupted after switch",
            told(
                protected,
                and(done_up_to(Step::Switch), begins(Step::Watch)),
                Some(&lock(3)),
            ),
        ),
        ("done", closed(done_up_to(Step::Stop), Outcome::Done)),
    ] {
        assert_eq!(words(&seen), expected);
        assert_eq!(
            seen.is_driven(),
            !expected.starts_with("interrupted") && expected != "done"
        );
    }
}

#[test]
fn a_ladder_read_from_a_journal_has_times_verdicts_and_windows() {
    let ours = lock(2);
    let told = told(
        Tier::Protected,
        and(done_up_to(Step::Switch), begins(Step::Watch)),
        Some(&ours),
    );
    let status = &told.status;
    let state = |step: Step| {
        let step_status = status
            .steps
            .iter()
            .find(|step_status| step_status.step == step);
        step_status.expect("a rung").state.clone()
    };
    let took = Duration::from_secs(2);
    assert_eq!(state(Step::Switch), StepState::Done { took });
    let StepState::Running {
        since, deadline, ..
    } = state(Step::Watch)
    else {
        panic!("{:?}", state(Step::Watch));
    };
    // A window has an end. Any other deadline depends on progress that only the driver sees.
    assert_eq!(deadline, Some(since + Duration::from_mins(1)));
    assert_eq!(state(Step::Stop), StepState::Pending);
    assert_eq!((status.cases.len(), status.checked_at), (2, Some(ago(40))));
    assert!(status.switched && status.may_have_switched);
    assert!(
        status.next.starts_with("drain: wait up to 30 s"),
        "{}",
        status.next
    );
    assert!(status.undo.starts_with("switch back"), "{}", status.undo);
    assert_eq!(status.since, ago(60));
    let lines: Vec<&str> = told
        .announcements
        .iter()
        .map(|line| line.text.as_str())
        .collect();
    for line in [
        "promote web/production to 1.9.0",
        "pull begins",
        "verify took 2s",
        "checks of b81d77aa30: 2 passed",
        "switch approved by ben@ops-2",
    ] {
        assert!(
            lines.iter().any(|told| told.starts_with(line)),
            "{line}: {lines:?}"
        );
    }
}

/// A world in which Ben drives the release of the journal.
pub(super) fn watching(size: (u16, u16), snapshot: Snapshot, told: Observed) -> Model {
    let mut snapshot = snapshot;
    snapshot.lock = told
        .driver
        .clone()
        .map(|record| LockHolder { record, ..lock(2) });
    let mut model = model(size, snapshot);
    tell_of(&mut model, told);
    model
}

pub(super) fn tell_of(model: &mut Model, told: Observed) {
    let releases = Releases::from([(target("web", PRODUCTION), Arc::new(told))]);
    tell(model, Event::ReleasesObserved(Arc::new(releases)));
}

pub(super) fn told_up_to(last: Step) -> Observed {
    told(Tier::Protected, done_up_to(last), Some(&lock(2)))
}

const SIZES: [(u16, u16); 3] = [(118, 34), (90, 28), (60, 16)];

/// The ladder on a screen, without its surroundings.
pub(super) fn ladder(model: &Model) -> String {
    let shown = screen(model);
    let rows: Vec<&str> = shown.lines().collect();
    if model.size.1 < 20 {
        return format!("{}\n", rows[rows.len() - 2]);
    }
    let top = rows.iter().position(|row| row.contains(" Release "));
    let top = top.unwrap_or_else(|| panic!("no ladder: {shown}"));
    rows[top..top + 5].join("\n") + "\n"
}

#[test]
fn the_ladder_shows_every_state_of_another_operators_release() {
    let live = || web_production();
    let candidate = || with_candidate(web_production());
    let standby = || with_standby(web_production());
    let reason = "watch failed: 3 probes in a row were bad".to_owned();
    let states = vec![
        (
            live(),
            told(Tier::Protected, vec![begins(Step::Pull)], Some(&lock(2))),
        ),
        (candidate(), told_up_to(Step::Verify)),
        (candidate(), told_up_to(Step::Register)),
        (standby(), told_up_to(Step::Drain)),
        (
            candidate(),
            told(
                Tier::Protected,
                and(
                    done_up_to(Step::Pull),
                    ends(Step::Start, Direction::Forward, Some("exited with 1")),
                ),
                Some(&lock(2)),
            ),
        ),
        (
            candidate(),
            told(Tier::Protected, done_up_to(Step::Register), None),
        ),
        (
            live(),
            closed(done_up_to(Step::Watch), Outcome::BackedOut { reason }),
        ),
    ];
    let mut all = String::new();
    for size in SIZES {
        for (snapshot, told) in &states {
            all.push_str(&ladder(&watching(size, snapshot.clone(), told.clone())));
        }
    }
    insta::assert_snapshot!(all);
}

#[test]
fn the_screen_of_another_operators_release_matches_an_own_one() {
    let model = watching(
        (118, 34),
        with_candidate(web_production()),
        told_up_to(Step::Register),
    );
    insta::assert_snapshot!(screen(&model));
}

#[test]
fn the_keys_that_control_a_release_say_who_drives_it() {
    let mut model = watching(
        SIZES[0],
        with_candidate(web_production()),
        told_up_to(Step::Register),
    );
    press(&mut model, "W");
    for key in ["A", "X", "S", "P", "R"] {
        let effects = press(&mut model, key);
        assert!(
            effects.is_empty() && model.dialog.is_none(),
            "{key}: {effects:?}"
        );
        let said = model.notice.take().expect("an answer").text;
        assert!(
            said.contains("driven by ben@ops-2: C requests the handover"),
            "{key}: {said}"
        );
    }
    tell_of(
        &mut model,
        told(Tier::Protected, done_up_to(Step::Register), None),
    );
    press(&mut model, "X");
    let said = model.notice.take().expect("an answer").text;
    assert!(said.contains("was interrupted and has no driver"), "{said}");
}

#[test]
fn a_cell_says_whether_a_release_is_running_waiting_or_interrupted() {
    let here = target("web", PRODUCTION);
    let (candidate, standby) = (
        with_candidate(web_production()),
        with_standby(web_production()),
    );
    for (snapshot, told, expected) in [
        (
            &candidate,
            told(Tier::Protected, vec![begins(Step::Pull)], Some(&lock(2))),
            CellState::Releasing,
        ),
        (&candidate, told_up_to(Step::Register), CellState::Waiting),
        (&standby, told_up_to(Step::Drain), CellState::Healthy),
        (
            &candidate,
            told(Tier::Protected, done_up_to(Step::Register), None),
            CellState::Interrupted,
        ),
    ] {
        let mut model = watching(SIZES[0], snapshot.clone(), told);
        assert_eq!(cell(&model, &here), expected);
        // The same, seen from another target.
        model.open = Some(target("api", "qa"));
        assert_eq!(cell(&model, &here), expected);
    }
    let resting = watching(SIZES[0], standby, told_up_to(Step::Drain));
    let shown = screen(&resting);
    assert!(
        shown.contains("● web/production: healthy, standby"),
        "{shown}"
    );
}

#[test]
fn the_outcome_is_announced_once_and_stays_on_the_ladder() {
    let mut model = watching(
        SIZES[0],
        with_candidate(web_production()),
        told_up_to(Step::Register),
    );
    model.notice = None;
    let reason = "the checks failed".to_owned();
    let over = closed(done_up_to(Step::Register), Outcome::BackedOut { reason });
    tell_of(&mut model, over.clone());
    let said = model.notice.take().expect("the outcome is announced").text;
    assert_eq!(said, "web/production backed out: the checks failed");
    tell_of(&mut model, over);
    assert!(model.notice.is_none());
    assert!(
        ladder(&model).contains("backed out just now: the checks failed"),
        "{}",
        ladder(&model)
    );
    tell(
        &mut model,
        Event::WorldObserved(Arc::new(world(web_production()))),
    );
    assert!(!model.counts_time(), "an ended release has no countdown");
}

#[test]
fn releases_that_end_together_are_announced_in_one_notice() {
    let mut model = model(SIZES[0], with_candidate(web_production()));
    let mut tell_both = |web: Observed, api: Observed| {
        let both = [
            (target("api", "qa"), Arc::new(api)),
            (target("web", PRODUCTION), Arc::new(web)),
        ];
        let both = Event::ReleasesObserved(Arc::new(Releases::from(both)));
        tell(&mut model, both);
        model.notice.take().map(|notice| notice.text)
    };
    tell_both(told_up_to(Step::Register), told_up_to(Step::Register));
    let reason = "the checks failed".to_owned();
    let failed = closed(done_up_to(Step::Register), Outcome::BackedOut { reason });
    let done = closed(done_up_to(Step::Drain), Outcome::Done);
    let said = tell_both(failed.clone(), done.clone());
    assert_eq!(
        said.as_deref(),
        Some("web/production backed out: the checks failed; api/qa done")
    );
    assert_eq!(tell_both(failed, done), None);
}

#[test]
fn lease_and_waiting_times_count_between_two_readings() {
    let mut model = watching(
        SIZES[0],
        with_candidate(web_production()),
        told_up_to(Step::Register),
    );
    assert!(model.counts_time());
    assert!(screen(&model).contains("lock: ben@ops-2, lease 27s"));
    let effects = greenroom::console::update::update(&mut model, Event::Ticked, later(12));
    assert!(effects.is_empty(), "{effects:?}");
    let shown = screen(&model);
    assert!(shown.contains("lock: ben@ops-2, lease 15s"), "{shown}");
    assert!(!shown.contains("27s"), "{shown}");
}

#[test]
fn a_release_of_this_console_is_not_shown_twice() {
    let mut model = model(SIZES[0], with_candidate(web_production()));
    let own = super::world::asking(Step::Register);
    tell(&mut model, Event::ReleaseMoved(Arc::new(own)));
    tell_of(&mut model, told_up_to(Step::Register));
    assert!(model.elsewhere().is_none());
    assert!(screen(&model).contains("A answers: register waits for you"));
    // After the operator quits it, the journal describes it.
    model.console = lock(2).record.console;
    tell(&mut model, Event::DriverGone(release_id(2)));
    assert!(model.elsewhere().is_none(), "its lock is still held");
    tell_of(
        &mut model,
        told(Tier::Protected, done_up_to(Step::Verify), None),
    );
    assert!(model.elsewhere().is_some());
    assert!(screen(&model).contains("interrupted after verify"));
}

#[test]
fn a_release_left_in_standby_is_not_interrupted() {
    let mut snapshot = with_standby(web_production());
    snapshot.hold = Some(Hold {
        reason:
            "rolled back from 1.9.1: it answers slowly and the queue of orders grows by the minute"
                .into(),
        author: ben(),
        since: ago(60),
        until: None,
        release: None,
        cleared: None,
    });
    for size in SIZES {
        let left = told(Tier::Protected, done_up_to(Step::Drain), None);
        let model = watching(size, snapshot.clone(), left);
        let shown = screen(&model);
        assert!(!shown.contains("interrupted"), "{shown}");
        // The smallest screen has one line for the release.
        let words = if size == SIZES[2] {
            "live, standby kept"
        } else {
            "1.9.0 is live. 1.8.2 is kept; no operator drives"
        };
        assert!(shown.contains(words), "{shown}");
        if size == SIZES[0] {
            assert!(shown.contains("held until it is"), "{shown}");
        }
        assert!(!shown.contains("……"), "{shown}");
    }
}
