//! `D` plans the repair of what differs, asks with every call, repairs after the yes, and reports
//! progress.

use std::sync::Arc;

use greenroom::console::Model;
use greenroom::console::action::Action as KeyAction;
use greenroom::console::dialogs;
use greenroom::console::effect::Effect;
use greenroom::console::event::{Event, Input};
use greenroom::console::model::is_available;
use greenroom::console::update::PlanRepair;
use greenroom::history::{FORMAT, RepairOutcome, RepairRecord, Step};
use greenroom::inventory::drift::{Drift, Name, compare};
use greenroom::inventory::{Hold, Slot, Snapshot, Target, Tier};
use greenroom::release::{Action, Item, Planned, Refusal, Refused, Remedy, RepairNews, RepairPlan};

use super::dialogs::dialog;
use super::elsewhere::{done_up_to, tell_of, told};
use super::world::{
    PRODUCTION, answered, later, model, now, operator, plan, press, press_key, question_of,
    release_id, screen, target, tell, verifying, web_production,
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

const SIZES: [(u16, u16); 2] = [(118, 34), (80, 24)];

/// Blue has the traffic and its key was deleted; the proxy's file was edited.
fn drifted() -> Snapshot {
    let mut snapshot = web_production();
    snapshot.slots.blue.registration = None;
    snapshot
}

fn web() -> Target {
    target("web", PRODUCTION)
}

fn drift(snapshot: &Snapshot) -> Drift {
    let truth = compare(snapshot);
    let found = truth
        .drifts()
        .find(|(_, drift)| drift.name == Name::LiveNotRegistered);
    found.expect("it differs").1.clone()
}

pub(super) fn repair_plan(tier: Tier) -> RepairPlan {
    let release = plan(&web(), tier);
    let mut others = drift(&drifted());
    others.name = Name::PublicNotOurs;
    others.message = "the public address was answered by \u{1b}[31mnothing".into();
    let register = Action::Register {
        slot: Slot::Blue,
        digest: release.version.digest.clone(),
        tag: None,
        release: release_id(1),
    };
    RepairPlan {
        id: release_id(9),
        definition: release.definition,
        only: None,
        operator: operator(),
        made_at: now(),
        items: vec![
            Item {
                drift: drift(&drifted()),
                remedy: Remedy::Actions(vec![register.clone(), Action::Install]),
            },
            Item {
                drift: others,
                remedy: Remedy::Person("see what listens there".into()),
            },
        ],
        repair_actions: vec![
            Planned {
                repair_action: Action::Install,
                calls: vec!["nginx -t; reload".into()],
            },
            Planned {
                repair_action: register,
                calls: vec!["store: write slots/blue = 127.0.0.1:32771".into()],
            },
        ],
        touched: Vec::new(),
        holds: Vec::new(),
    }
}

fn armed(size: (u16, u16)) -> Model {
    let mut model = model(size, drifted());
    press(&mut model, "W");
    model
}

fn asked(size: (u16, u16), plan: RepairPlan) -> Model {
    let mut model = armed(size);
    let effects = press(&mut model, "D");
    let PlanRepair { request_id, target } = question_of(&effects);
    assert_eq!(*target, web());
    let question = PlanRepair {
        request_id: *request_id,
        target: web(),
    };
    let event = answered(question, Ok(Arc::new(plan)));
    assert!(tell(&mut model, event).is_empty());
    model
}

fn notice(model: &Model) -> &str {
    model.notice.as_ref().map_or("", |notice| &notice.text)
}

#[test]
fn the_repair_dialog_lists_differences_calls_and_costs() {
    for size in SIZES {
        let model = asked(size, repair_plan(Tier::Protected));
        insta::assert_snapshot!(format!("repair_{}x{}", size.0, size.1), dialog(&model));
    }
}

#[test]
fn a_repair_under_a_hold_says_so() {
    let mut plan = repair_plan(Tier::Protected);
    plan.holds = vec![Hold {
        reason: "payday\u{1b}[2J".into(),
        author: operator(),
        since: now(),
        until: None,
        release: None,
        cleared: None,
    }];
    let model = asked(SIZES[0], plan);
    let screen = screen(&model);
    assert!(
        screen.contains("held     held by ana@ops-1: payday"),
        "{screen}"
    );
    assert!(screen.contains("it does not stop a repair"), "{screen}");
    assert!(!screen.contains('\u{1b}'));
}

/// Like `greenroom repair`: only the stop of the old version remains, so nothing is unfinished.
#[test]
fn a_target_whose_standby_has_no_driver_can_be_repaired() {
    let left = |last| told(Tier::Protected, done_up_to(last), None);
    for (last, is_repaired) in [(Step::Register, false), (Step::Drain, true)] {
        let mut model = armed(SIZES[0]);
        tell_of(&mut model, left(last));
        assert_eq!(is_available(&model, KeyAction::Repair), is_repaired);
        let asked = !press(&mut model, "D").is_empty();
        assert_eq!(asked, is_repaired, "{last}: {}", notice(&model));
    }
}

#[test]
fn a_repair_needs_arming_and_the_name_and_reports_progress() {
    let mut model = model(SIZES[0], drifted());
    assert!(press(&mut model, "D").is_empty());
    assert!(notice(&model).contains("arms"), "{}", notice(&model));
    let mut model = asked(SIZES[0], repair_plan(Tier::Protected));
    assert!(
        press_key(&mut model, KeyCode::Enter).is_empty(),
        "the name is missing"
    );
    assert!(press(&mut model, "qa").is_empty());
    press_key(&mut model, KeyCode::Backspace);
    press_key(&mut model, KeyCode::Backspace);
    press(&mut model, PRODUCTION);
    let effects = press_key(&mut model, KeyCode::Enter);
    assert!(
        matches!(effects.as_slice(), [Effect::Repair { .. }]),
        "{effects:?}"
    );
    assert!(notice(&model).contains("is being repaired"));

    // During a repair the operator can neither quit nor suspend, nor start another repair.
    assert!(press(&mut model, "q").is_empty());
    assert!(notice(&model).contains("is being repaired"));
    let ctrl_z = KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL);
    assert!(tell(&mut model, Event::Input(Input::Key(ctrl_z))).is_empty());
    assert!(notice(&model).contains("would stop the repair halfway"));
    assert!(press(&mut model, "D").is_empty());
    let said =
        RepairNews::Message("1 of 2: install the proxy's configuration: done\u{1b}[2J".into());
    let target = web();
    tell(&mut model, Event::RepairMoved { target, news: said });
    assert!(notice(&model).contains("1 of 2"), "{}", notice(&model));
    assert!(!screen(&model).contains('\u{1b}'));
    // Quitting after a release has been left waits for the repair too.
    model.leaving = true;
    let record = RepairRecord {
        format: FORMAT,
        id: release_id(9),
        target: web(),
        operator: operator(),
        started_at: now(),
        differences: Vec::new(),
        repair_actions: Vec::new(),
        closed: Some((later(3), RepairOutcome::Done)),
        chain: None,
    };
    let news = RepairNews::Ended(Box::new(record));
    let effects = tell(
        &mut model,
        Event::RepairMoved {
            target: web(),
            news,
        },
    );
    assert!(notice(&model).contains("done"), "{}", notice(&model));
    assert!(
        matches!(effects.as_slice(), [Effect::Leave(_)]),
        "{effects:?}"
    );
}

#[test]
fn a_difference_for_a_person_is_shown_and_a_refusal_ends_the_repair() {
    let mut alone = repair_plan(Tier::Protected);
    alone.repair_actions.clear();
    alone.items.remove(0);
    let model = asked(SIZES[0], alone);
    assert!(model.shown::<dialogs::Refusal>().is_some());
    assert!(screen(&model).contains("see what listens there"));

    let mut model = asked(SIZES[0], repair_plan(Tier::Staging));
    press_key(&mut model, KeyCode::Tab);
    let effects = press_key(&mut model, KeyCode::Enter);
    assert!(
        matches!(effects.as_slice(), [Effect::Repair { .. }]),
        "{effects:?}"
    );
    let refused = Refused(vec![Refusal::WorldChanged {
        change: "the differences have changed".into(),
    }]);
    let target = web();
    tell(&mut model, Event::RepairRefused { target, refused });
    assert!(model.repairing.is_empty());
    assert!(screen(&model).contains("plan again"));
}

#[test]
fn a_late_plan_opens_nothing_and_a_running_release_blocks_repairs() {
    let mut model = armed(SIZES[0]);
    press(&mut model, "D");
    press_key(&mut model, KeyCode::Esc);
    let plan = Ok(Arc::new(repair_plan(Tier::Protected)));
    let request_id = model.request_id;
    let target = web();
    let late = PlanRepair { request_id, target };
    tell(&mut model, answered(late, plan));
    assert!(model.dialog.is_none());
    tell(&mut model, Event::ReleaseMoved(Arc::new(verifying())));
    assert!(press(&mut model, "D").is_empty());
    assert!(model.dialog.is_none());
}
