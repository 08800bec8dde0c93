//! Approvals by other operators: what the driver is told while they are missing, and what an
//! approver reads, types and presses.

use std::sync::Arc;

use crossterm::event::KeyCode;
use greenroom::checks::Verdict;
use greenroom::console::Model;
use greenroom::console::action::Action;
use greenroom::console::dialogs::{Button, Confirm, MissingApprovals, PeerApprove, Question};
use greenroom::console::effect::Effect;
use greenroom::console::event::{Event, Input};
use greenroom::console::model::is_available;
use greenroom::history::{ReleaseKind, Step};
use greenroom::inventory::{Operator, PeerApproval, Snapshot, Tier};
use greenroom::release::{Observed, Plan, Status, observed};

use super::dialogs::dialog;
use super::elsewhere::{ben, done_up_to, journal, ladder, lock, watching};
use super::world::{
    PRODUCTION, ago, asking, clock_ahead_by, later, model, now, plan, planned, press, press_key,
    question_of, screen, target, tell, web_production, with_candidate, world,
};

pub(super) const SIZES: [(u16, u16); 2] = [(118, 34), (80, 24)];

fn named(name: &str, size: (u16, u16)) -> String {
    format!("{name}_{}x{}", size.0, size.1)
}

/// Ana's release at its switch, which needs the approval of another operator.
fn lacking() -> Status {
    let mut status = asking(Step::Switch);
    let mut plan = Plan::clone(&status.plan);
    plan.definition.rules.approvals = 1;
    status.plan = Arc::new(plan);
    status
}

pub(super) fn approval(plan: &Plan, by: Operator) -> PeerApproval {
    PeerApproval {
        release: plan.release,
        digest: plan.version.digest.clone(),
        plan: plan.mark(),
        console: format!("{by} 1 x"),
        by,
        given_at: ago(30),
        expires_at: later(3000),
        evidence: "3 of 4 checks passed".into(),
        note: Some("the basket works".into()),
    }
}

/// The console of Ana, who drives that release.
fn driving(size: (u16, u16)) -> Model {
    let mut model = model(size, with_candidate(web_production()));
    press(&mut model, "W");
    tell(&mut model, Event::ReleaseMoved(Arc::new(lacking())));
    model.notice = None;
    model
}

fn observe(model: &mut Model, snapshot: Snapshot) -> Vec<Effect> {
    tell(model, Event::WorldObserved(Arc::new(world(snapshot))))
}

/// What the journal says of Ben's release, which needs the approval of another operator.
pub(super) fn told_lacking(last: Step) -> Observed {
    let mut journal = journal(Tier::Protected, done_up_to(last));
    let label = |revision: &str| Some(revision.repeat(5));
    if let Some((_, version)) = &mut journal.head.from {
        version.labels.revision = label("c0ffee11");
    }
    journal.head.to.1.labels.revision = label("beef0a27");
    let mut definition = plan(&target("web", PRODUCTION), Tier::Protected).definition;
    definition.rules.approvals = 1;
    observed(&journal, &definition, Some(&lock(2)), None, now())
}

/// Blue is live and green is the candidate, created with another time zone and more memory.
fn configured() -> Snapshot {
    let mut snapshot = with_candidate(web_production());
    for (slot, memory) in [
        (greenroom::inventory::Slot::Blue, "128 MiB"),
        (greenroom::inventory::Slot::Green, "256 MiB"),
    ] {
        let side = snapshot.slots.get_mut(slot);
        let instance = side.instance.as_mut().expect("an instance");
        let memory = ("memory".to_owned(), memory.to_owned());
        instance.configuration = [memory].into();
    }
    snapshot
}

/// The console of Ana, who looks at Ben's release.
fn approving(size: (u16, u16)) -> Model {
    let mut model = watching(size, configured(), told_lacking(Step::Register));
    model.notice = None;
    model
}

fn confirm(model: &Model) -> &Confirm {
    match model.shown::<Confirm>() {
        Some(confirm) => confirm,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_driver_sees_what_the_switch_lacks_and_no_question() {
    for size in SIZES {
        let mut model = driving(size);
        let waits = ladder(&model);
        assert!(
            waits.contains(
                "switch waits for approvals (for 0:05): needs 1 approval by someone else"
            ),
            "{waits}"
        );
        assert!(!is_available(&model, Action::Approve));
        press(&mut model, "A");
        assert!(model.shown::<MissingApprovals>().is_some());
        insta::assert_snapshot!(named("what_the_switch_lacks", size), dialog(&model));
    }
    let wide = ladder(&driving((118, 34)));
    assert!(wide.contains("has 0; A shows who can approve"), "{wide}");
}

#[test]
fn an_approval_that_expired_by_another_clock_does_not_count() {
    let mut model = driving((118, 34));
    let mut snapshot = with_candidate(web_production());
    snapshot.peer_approvals = vec![approval(&lacking().plan, ben())];
    snapshot.clocks = clock_ahead_by(7200);
    observe(&mut model, snapshot);
    assert!(model.lacks_approvals(&lacking()));
    assert!(!is_available(&model, Action::Approve));
    let why = model.not_peer_approved(&lacking()).join(" ");
    assert!(
        why.contains("expired by the clock of the Docker host of production, which is 2h ahead"),
        "{why}"
    );
}

#[test]
fn a_driver_is_asked_as_soon_as_enough_have_approved() {
    let mut model = driving((118, 34));
    press(&mut model, "A");
    let mut snapshot = with_candidate(web_production());
    snapshot.peer_approvals = vec![approval(&lacking().plan, ben())];
    observe(&mut model, snapshot);
    let text = dialog(&model);
    assert!(text.contains("has all approvals"), "{text}");
    assert!(text.contains("the basket works"), "{text}");
    press_key(&mut model, KeyCode::Esc);
    assert!(is_available(&model, Action::Approve));
    press(&mut model, "A");
    let question = &confirm(&model).question;
    assert!(
        matches!(question, Question::Step(_, Step::Switch)),
        "{question:?}"
    );
}

#[test]
fn the_approval_dialog_shows_commits_configuration_and_checks() {
    for size in SIZES {
        let mut model = approving(size);
        press(&mut model, "WA");
        insta::assert_snapshot!(named("the_question_to_an_approver", size), dialog(&model));
    }
    let mut model = approving((118, 60));
    press(&mut model, "WA");
    let text = dialog(&model);
    for part in [
        "commits  c0ffee1 to beef0a2",
        "memory: 128 MiB → 256 MiB",
        "passed   home page",
        "passed   orders",
        "needs 1 approval by someone else, has 0",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_failed_check_is_shown_to_the_approver_with_its_reason() {
    let mut seen = told_lacking(Step::Register);
    let mut status = Status::clone(&seen.status);
    let case = status.cases.last_mut().expect("a case");
    case.verdict = Verdict::Failed;
    case.detail = "status 500 instead of 200\u{1b}[2J".into();
    seen.status = Arc::new(status);
    let mut model = watching((118, 60), configured(), seen);
    press(&mut model, "WA");
    let text = dialog(&model);
    assert!(text.contains("failed   orders"), "{text}");
    assert!(text.contains("status 500 instead of 200"), "{text}");
}

#[test]
fn a_comparison_that_is_not_possible_is_shown_as_unknown() {
    let snapshot = with_candidate(web_production());
    let mut model = watching((118, 60), snapshot, told_lacking(Step::Register));
    press(&mut model, "WA");
    let text = dialog(&model);
    assert!(
        text.contains("unknown: the runtime does not report"),
        "{text}"
    );
}

#[test]
fn a_note_is_stored_with_the_approval() {
    let mut model = approving((118, 34));
    press(&mut model, "WA");
    press_key(&mut model, KeyCode::Tab);
    assert_eq!(confirm(&model).button, Button::Note);
    press(&mut model, "looked at W ");
    let pasted = "the diff\u{7}\n".to_owned();
    tell(&mut model, Event::Input(Input::Paste(pasted)));
    let noted = confirm(&model).note.as_deref();
    assert_eq!(noted, Some("looked at W the diff"));
    press_key(&mut model, KeyCode::Enter);
    assert_eq!(confirm(&model).button, Button::Name);
    press(&mut model, PRODUCTION);
    let effects = press_key(&mut model, KeyCode::Enter);
    let PeerApprove { note, .. } = question_of(&effects);
    assert_eq!(note, "looked at W the diff");
}

#[test]
fn enter_in_the_note_never_approves() {
    let mut seen = told_lacking(Step::Register);
    let mut status = Status::clone(&seen.status);
    let mut plan = Plan::clone(&status.plan);
    plan.definition.tier = Tier::Staging;
    status.plan = Arc::new(plan);
    seen.status = Arc::new(status);
    let mut model = watching((118, 34), configured(), seen);
    press(&mut model, "WA");
    press_key(&mut model, KeyCode::Tab);
    assert_eq!(confirm(&model).button, Button::Note);
    press(&mut model, "fine");
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    assert_eq!(confirm(&model).button, Button::Cancel);
}

/// The question before a plan starts.
fn beginning(kind: ReleaseKind, approvals: u8) -> String {
    let mut model = model((118, 34), web_production());
    press(&mut model, "WP2.0.0");
    press_key(&mut model, KeyCode::Enter);
    press_key(&mut model, KeyCode::Enter);
    let mut plan = plan(&target("web", PRODUCTION), Tier::Protected);
    plan.kind = kind;
    plan.definition.rules.approvals = approvals;
    let plan = Ok(Arc::new(plan));
    let planned = planned(&model, plan);
    tell(&mut model, planned);
    dialog(&model)
}

#[test]
fn a_promote_says_before_it_starts_that_others_must_approve() {
    let text = beginning(ReleaseKind::Promote, 2);
    assert!(
        text.contains("the switch needs 2 approvals by other people: anyone except ana@ops-1"),
        "{text}"
    );
    assert!(!beginning(ReleaseKind::Promote, 0).contains("others"));
}

#[test]
fn a_rollback_says_that_it_needs_no_other_operator() {
    let text = beginning(ReleaseKind::ColdRollback, 2);
    assert!(
        text.contains("a rollback needs no approval by others"),
        "{text}"
    );
}

#[test]
fn a_question_on_an_unarmed_target_can_arm_it() {
    let mut model = approving((118, 34));
    press(&mut model, "a");
    press_key(&mut model, KeyCode::Enter);
    assert!(!model.is_armed());
    assert!(dialog(&model).contains("not armed: W arms web/production"));
    press(&mut model, "W");
    assert!(model.is_armed());
    assert_eq!(confirm(&model).typed, "");
    press(&mut model, PRODUCTION);
    let effects = press_key(&mut model, KeyCode::Enter);
    question_of::<PeerApprove>(&effects);
    assert!(!screen(&model).contains("not armed"));
}
