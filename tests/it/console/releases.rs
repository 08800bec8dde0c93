//! What the console does when a release progresses, and what the keys of the panes do.

use std::sync::Arc;

use crossterm::event::KeyCode;
use greenroom::console::Model;
use greenroom::console::dialogs::Page;
use greenroom::console::effect::Effect;
use greenroom::console::event::Event;
use greenroom::console::model::Pane;
use greenroom::history::{Direction, Outcome, Step};
use greenroom::inventory::Tier;
use greenroom::release::{Choice, Command, Progress, Scope, Status};

use super::world::{
    PRODUCTION, asking, later, model, press, press_key, screen, status, target, tell, verifying,
    web_production, with_candidate, with_standby, world,
};

const SIZE: (u16, u16) = (118, 34);

fn failed() -> Status {
    let progress = Progress::Choosing {
        step: Step::Verify,
        direction: Direction::Forward,
        why: "orders: status 500 instead of 2xx".into(),
        choices: vec![Choice::Retry, Choice::BackOut, Choice::Leave],
    };
    status(
        &target("web", PRODUCTION),
        Tier::Protected,
        Step::Verify,
        progress,
    )
}

fn busy() -> Model {
    let mut model = model(SIZE, with_candidate(web_production()));
    press(&mut model, "W");
    tell(&mut model, Event::ReleaseMoved(Arc::new(verifying())));
    model
}

#[test]
fn the_failure_question_starts_on_the_answer_that_changes_nothing() {
    let mut model = busy();
    tell(&mut model, Event::ReleaseMoved(Arc::new(failed())));
    insta::assert_snapshot!(screen(&model));
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    assert!(model.dialog.is_none());
    tell(&mut model, Event::ReleaseMoved(Arc::new(failed())));
    assert!(
        model.dialog.is_none(),
        "decided later, and asked again at once"
    );
    press(&mut model, "Ajj");
    let effects = press_key(&mut model, KeyCode::Enter);
    let backs_out = matches!(
        effects.as_slice(),
        [Effect::Send {
            command: Command::Choose {
                choice: Choice::BackOut,
                ..
            },
            ..
        }]
    );
    assert!(backs_out, "{effects:?}");
}

#[test]
fn every_answer_to_a_failure_explains_its_effect() {
    let mut model = busy();
    let mut failed = failed();
    if let Progress::Choosing { choices, .. } = &mut failed.progress {
        choices.push(Choice::Skip);
    }
    tell(&mut model, Event::ReleaseMoved(Arc::new(failed.clone())));
    let shown = screen(&model);
    for (choice, does) in [
        ("decide later", "nothing is done now; A asks again"),
        ("retry", "tries verify again"),
        ("back out", "stop green; blue is not touched."),
        ("leave", "ends the release; everything stays as it is now"),
        ("skip", "continues without verify"),
    ] {
        let said = |line: &str| line.contains(choice) && line.contains(does);
        assert!(shown.lines().any(said), "{choice}: {shown}");
    }

    // An undo text longer than a row is shown in full.
    let mut model = busy();
    failed.undo = format!("{} and the last word", "stop and remove; ".repeat(8));
    tell(&mut model, Event::ReleaseMoved(Arc::new(failed)));
    let shown = screen(&model);
    assert!(shown.contains("and the last word"), "{shown}");
}

#[test]
fn backing_out_after_the_switch_takes_the_typed_name() {
    let mut model = busy();
    let mut watched = status(
        &target("web", PRODUCTION),
        Tier::Protected,
        Step::Watch,
        Progress::Forward(Step::Watch),
    );
    watched.switched = true;
    tell(&mut model, Event::ReleaseMoved(Arc::new(watched)));
    press(&mut model, "X");
    let shown = screen(&model);
    assert!(shown.contains("Type production"), "{shown}");
    press(&mut model, PRODUCTION);
    let effects = press_key(&mut model, KeyCode::Enter);
    assert!(matches!(
        effects.as_slice(),
        [Effect::Send {
            command: Command::BackOut { .. },
            ..
        }]
    ));
}

#[test]
fn backing_out_before_the_switch_takes_a_yes() {
    let mut model = busy();
    press(&mut model, "X");
    let shown = screen(&model);
    assert!(
        shown.contains("keeps the traffic") && !shown.contains("Type"),
        "{shown}"
    );
    press_key(&mut model, KeyCode::Tab);
    assert_eq!(press_key(&mut model, KeyCode::Enter).len(), 1);
}

#[test]
fn no_other_release_starts_while_one_is_running() {
    let mut model = busy();
    for key in ["P", "R"] {
        assert!(press(&mut model, key).is_empty());
        assert!(model.dialog.is_none(), "{key}");
    }
}

#[test]
fn a_standby_counts_down_and_can_be_ended() {
    let mut model = model(SIZE, with_standby(web_production()));
    press(&mut model, "W");
    let standby = status(
        &target("web", PRODUCTION),
        Tier::Protected,
        Step::Stop,
        Progress::Standby {
            until: Some(later(581)),
        },
    );
    tell(&mut model, Event::ReleaseMoved(Arc::new(standby)));
    model.notice = None;
    let shown = screen(&model);
    assert!(
        shown.contains("9:41") && shown.contains("S stop standby"),
        "{shown}"
    );
}

/// A console that keeps the old version warm in an environment of this tier.
fn in_standby(tier: Tier) -> Model {
    let mut model = model(SIZE, with_standby(web_production()));
    press(&mut model, "W");
    let until = Some(later(581));
    let target = target("web", PRODUCTION);
    let standby = status(&target, tier, Step::Stop, Progress::Standby { until });
    tell(&mut model, Event::ReleaseMoved(Arc::new(standby)));
    model.notice = None;
    model
}

#[test]
fn ending_a_standby_in_a_protected_environment_asks_for_the_name_once() {
    let mut model = in_standby(Tier::Protected);
    press(&mut model, "S");
    assert!(
        press_key(&mut model, KeyCode::Enter).is_empty(),
        "without the name"
    );
    press(&mut model, PRODUCTION);
    let effects = press_key(&mut model, KeyCode::Enter);
    // This approves *stop* itself, so *stop* does not ask again.
    match effects.as_slice() {
        [
            Effect::Send {
                command: Command::Approve(approval),
                ..
            },
        ] => assert_eq!(approval.scope(), Scope::Step(Step::Stop)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ending_a_standby_elsewhere_takes_one_yes() {
    let mut model = in_standby(Tier::Staging);
    press(&mut model, "S");
    press_key(&mut model, KeyCode::Tab);
    let effects = press_key(&mut model, KeyCode::Enter);
    assert!(matches!(
        effects.as_slice(),
        [Effect::Send {
            command: Command::EndStandby,
            ..
        }]
    ));
}

#[test]
fn the_end_of_a_release_is_announced_once() {
    let mut model = busy();
    let reason = "orders failed".to_owned();
    let over = status(
        &target("web", PRODUCTION),
        Tier::Protected,
        Step::Verify,
        Progress::Closed(Outcome::BackedOut { reason }),
    );
    tell(&mut model, Event::ReleaseMoved(Arc::new(over.clone())));
    assert!(model.notice.take().is_some());
    tell(&mut model, Event::ReleaseMoved(Arc::new(over)));
    assert!(model.notice.is_none());
    model.armed = None;
    let unlocked = Arc::new(world(web_production()));
    tell(&mut model, Event::WorldObserved(unlocked));
    assert!(!model.counts_time(), "nothing counts any more");
}

#[test]
fn the_screen_counts_only_during_a_release_or_an_open_question() {
    let mut idle = model(SIZE, web_production());
    idle.notice = None;
    assert!(!idle.counts_time());
    tell(
        &mut idle,
        Event::ReleaseMoved(Arc::new(asking(Step::Switch))),
    );
    assert!(idle.counts_time());
}

#[test]
fn panes_are_reached_by_number_and_by_tab_and_details_open_on_enter() {
    let mut model = busy();
    press(&mut model, "3");
    assert_eq!(model.focus, Pane::Checks);
    press(&mut model, "j");
    press_key(&mut model, KeyCode::Enter);
    assert!(
        model
            .shown::<Page>()
            .is_some_and(|page| page.title == "Check login")
    );
    press_key(&mut model, KeyCode::Esc);
    press_key(&mut model, KeyCode::Tab);
    assert_eq!(model.focus, Pane::Registrations);
    press(&mut model, "gjj");
    let effects = press(&mut model, "y");
    assert!(matches!(effects.as_slice(), [Effect::Copy(text)] if text.contains("slots/blue")));
}

#[test]
fn a_key_without_a_meaning_is_answered() {
    let mut model = busy();
    model.notice = None;
    press(&mut model, "Z");
    assert!(model.notice.is_some_and(|notice| notice.text.contains('?')));
}
