//! Keys that change something: what they ask, what they refuse, and what they never do.

use std::sync::Arc;

use crossterm::event::KeyCode;
use greenroom::console::dialogs::{
    Button, Confirm, ListVersions, MakePlan, ReadTerms, Reason, StartRelease, Thinking,
};
use greenroom::console::effect::Effect;
use greenroom::console::event::{Event, Input};
use greenroom::console::update::update;
use greenroom::console::{ExitReason, Mode, Model};
use greenroom::history::Step;
use greenroom::inventory::{Tier, VersionRef};
use greenroom::release::{Command, Progress, Refusal, Refused, Scope, Status, Wanted};

use super::world::{
    PRODUCTION, answered, asking, later, model, now, operator, plan, planned_for, press, press_key,
    question_of, screen, target, tell, web_production, with_candidate, with_standby, world,
};

const SIZE: (u16, u16) = (118, 34);

fn notice(model: &Model) -> &str {
    model.notice.as_ref().map_or("", |notice| &notice.text)
}

fn waiting(step: Step) -> Model {
    let mut model = model(SIZE, with_candidate(web_production()));
    tell(&mut model, Event::ReleaseMoved(Arc::new(asking(step))));
    press(&mut model, "W");
    model
}

fn confirm(model: &Model) -> &Confirm {
    match model.shown::<Confirm>() {
        Some(confirm) => confirm,
        other => panic!("no question, but {other:?}"),
    }
}

#[test]
fn the_cursor_never_starts_on_a_protected_environment() {
    let mode = Mode::Armable(std::time::Duration::from_mins(5));
    let mut model = Model::new(operator(), mode, now(), SIZE);
    let mut seen = world(web_production());
    tell(&mut model, Event::WorldObserved(Arc::new(seen.clone())));
    assert_eq!(model.open, Some(target("web", "dev")));

    let mut model = Model::new(operator(), mode, now(), SIZE);
    seen.environments
        .retain(|(_, tier)| *tier == Tier::Protected);
    tell(&mut model, Event::WorldObserved(Arc::new(seen)));
    assert_eq!((model.cursor, model.open), (None, None));
}

#[test]
fn every_capital_key_is_refused_while_read_only() {
    for key in ["P", "A", "X", "R", "S"] {
        let mut model = model(SIZE, with_candidate(web_production()));
        tell(
            &mut model,
            Event::ReleaseMoved(Arc::new(asking(Step::Switch))),
        );
        model.notice = None;
        assert!(press(&mut model, key).is_empty(), "{key}");
        assert!(
            notice(&model).contains("W arms web/production"),
            "{key}: {}",
            notice(&model)
        );
        assert!(model.dialog.is_none());
    }
}

#[test]
fn a_console_started_read_only_cannot_be_armed() {
    let mut model = model(SIZE, web_production());
    model.mode = Mode::ReadOnly;
    press(&mut model, "W");
    assert!(model.armed.is_none());
    assert!(notice(&model).contains("--read-only"));
    // When the configuration makes it read-only, the refusal names the configuration.
    model.read_only = "console.read_only is set at /etc/greenroom.toml:3:1".into();
    for key in ["W", "P", "F", "R"] {
        press(&mut model, key);
        assert!(model.armed.is_none() && model.dialog.is_none());
        assert!(
            notice(&model).contains("/etc/greenroom.toml:3:1"),
            "{key}: {}",
            notice(&model)
        );
    }
}

#[test]
fn arming_covers_one_target_and_expires() {
    let mut model = model(SIZE, web_production());
    press(&mut model, "W");
    assert!(model.is_armed());
    assert!(screen(&model).contains("armed 5:00"));
    press(&mut model, "h");
    press_key(&mut model, KeyCode::Enter);
    assert!(!model.is_armed(), "armed for another target");
    press(&mut model, "l");
    press_key(&mut model, KeyCode::Enter);
    assert!(model.is_armed());
    update(&mut model, Event::Ticked, later(300));
    assert!(!model.is_armed() && model.armed.is_none());
}

#[test]
fn enter_alone_never_confirms() {
    let mut model = waiting(Step::Register);
    press(&mut model, "A");
    assert_eq!(confirm(&model).button, Button::Cancel);
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    assert!(model.dialog.is_none());
    assert!(notice(&model).contains("nothing was changed"));
}

#[test]
fn enter_on_half_a_name_keeps_the_question_and_says_what_is_missing() {
    for (typed, missing) in [
        ("", "type the name production"),
        ("produ", "ction is missing"),
        ("prodx", "the typed name is not production"),
    ] {
        let mut model = waiting(Step::Switch);
        press(&mut model, "A");
        press(&mut model, typed);
        assert!(press_key(&mut model, KeyCode::Enter).is_empty());
        assert_eq!(confirm(&model).typed, typed);
        assert!(notice(&model).contains(missing), "{}", notice(&model));
        assert!(notice(&model).contains("Esc cancels"));
        let shown = screen(&model);
        assert!(typed.is_empty() || shown.contains(missing), "{shown}");
        // Cancel is a button: Enter on it presses it.
        press_key(&mut model, KeyCode::Left);
        assert_eq!(confirm(&model).button, Button::Cancel);
        assert!(press_key(&mut model, KeyCode::Enter).is_empty());
        assert!(model.dialog.is_none());
    }
}

#[test]
fn stopping_the_old_version_says_which_slot_has_the_traffic() {
    let mut model = model(SIZE, with_standby(web_production()));
    press(&mut model, "W");
    let stop = asking(Step::Stop);
    assert!(stop.switched);
    tell(&mut model, Event::ReleaseMoved(Arc::new(stop.clone())));
    press(&mut model, "A");
    let asked = screen(&model);
    press_key(&mut model, KeyCode::Esc);
    let progress = Progress::Standby { until: None };
    let standby = Status { progress, ..stop };
    tell(&mut model, Event::ReleaseMoved(Arc::new(standby)));
    press(&mut model, "S");
    for shown in [asked, screen(&model)] {
        for (side, words) in [
            ("blue ", "has no traffic, is stopped"),
            ("green ", "has all the traffic"),
        ] {
            let said = |line: &str| line.contains(side) && line.contains(words);
            assert!(shown.lines().any(said), "{side}: {shown}");
        }
        assert!(!shown.contains("traffic later"), "{shown}");
        assert!(shown.contains("engine: stop"), "{shown}");
        assert!(!shown.contains("keep blue warm"), "{shown}");
    }
}

#[test]
fn moving_traffic_in_production_takes_the_full_name() {
    let mut model = waiting(Step::Switch);
    press(&mut model, "A");
    press(&mut model, "productio");
    for key in [KeyCode::Right, KeyCode::Tab, KeyCode::Tab] {
        press_key(&mut model, key);
        assert_ne!(confirm(&model).button, Button::Go, "{key:?}");
    }
    press(&mut model, "n");
    assert_eq!(confirm(&model).button, Button::Go);
    let effects = press_key(&mut model, KeyCode::Enter);
    match effects.as_slice() {
        [
            Effect::Send {
                command: Command::Approve(approval),
                ..
            },
        ] => {
            assert_eq!(approval.scope(), Scope::Step(Step::Switch));
            assert_eq!(approval.by(), &operator());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pasted_name_does_not_count() {
    let mut model = waiting(Step::Switch);
    press(&mut model, "A");
    tell(&mut model, Event::Input(Input::Paste(PRODUCTION.into())));
    assert_eq!(confirm(&model).typed, "");
    assert!(notice(&model).contains("type the name"));
}

#[test]
fn an_expired_question_does_nothing() {
    let mut model = waiting(Step::Switch);
    press(&mut model, "A");
    press(&mut model, PRODUCTION);
    let key = crossterm::event::KeyEvent::from(KeyCode::Enter);
    let effects = update(&mut model, Event::Input(Input::Key(key)), later(3600));
    assert!(effects.is_empty(), "{effects:?}");
    assert!(model.dialog.is_none());
}

#[test]
fn a_question_is_refused_when_arming_has_ended() {
    let mut model = waiting(Step::Switch);
    press(&mut model, "A");
    press(&mut model, PRODUCTION);
    model.armed = None;
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    assert!(notice(&model).contains("not armed"));
}

#[test]
fn a_question_closes_when_the_release_moves_on() {
    let mut model = waiting(Step::Register);
    press(&mut model, "A");
    tell(
        &mut model,
        Event::ReleaseMoved(Arc::new(asking(Step::Switch))),
    );
    assert!(model.dialog.is_none());
    assert!(notice(&model).contains("moved on"));
}

/// The rules of `web/production` cannot be read.
fn no_terms(model: &mut Model) {
    let terms = Err("no answer".to_owned());
    let target = target("web", PRODUCTION);
    tell(model, answered(ReadTerms { target }, terms));
}

#[test]
fn a_promote_asks_version_reason_and_plan_before_it_starts() {
    let mut model = model(SIZE, web_production());
    press(&mut model, "W");
    let effects = press(&mut model, "P");
    let listed = effects.iter().find_map(Effect::question::<ListVersions>);
    assert!(listed.is_some_and(|asked| asked.target == target("web", PRODUCTION)));
    let versions = Ok(vec!["1.9.0".into(), "1.8.2".into()]);
    tell(
        &mut model,
        answered(
            ListVersions {
                target: target("web", PRODUCTION),
            },
            versions,
        ),
    );
    no_terms(&mut model);
    let shown = screen(&model);
    // One row per version, however many environments run it.
    assert!(shown.contains("live in qa, dev"), "{shown}");
    assert_eq!(shown.matches("▸ 1.9.0  ").count(), 1, "{shown}");
    press_key(&mut model, KeyCode::Enter);
    press(&mut model, "fix");
    let effects = press_key(&mut model, KeyCode::Enter);
    let MakePlan {
        request_id,
        request,
    } = question_of(&effects);
    assert_eq!(request.wanted, Wanted::From("qa".parse().expect("a name")));
    assert_eq!(request.reason.as_deref(), Some("fix"));
    let plan = Arc::new(plan(&target("web", PRODUCTION), Tier::Protected));
    let late = planned_for(request_id - 1, Ok(Arc::clone(&plan)));
    tell(&mut model, late);
    assert!(
        model.shown::<Thinking>().is_some(),
        "an answer to another request"
    );
    tell(&mut model, planned_for(*request_id, Ok(plan)));
    insta::assert_snapshot!(screen(&model));
    press_key(&mut model, KeyCode::Tab);
    let effects = press_key(&mut model, KeyCode::Enter);
    let start: &StartRelease = question_of(&effects);
    assert_eq!(start.approval.scope(), Scope::Plan);
}

#[test]
fn any_tag_or_digest_can_be_typed_when_the_registry_does_not_answer() {
    let mut model = model(SIZE, web_production());
    press(&mut model, "W");
    press(&mut model, "P");
    let versions = Err("connection refused".to_owned());
    tell(
        &mut model,
        answered(
            ListVersions {
                target: target("web", PRODUCTION),
            },
            versions,
        ),
    );
    no_terms(&mut model);
    press(&mut model, "2.0.0-rc1");
    press_key(&mut model, KeyCode::Enter);
    match model.shown::<Reason>() {
        Some(reason) => {
            assert_eq!(
                reason.wanted,
                Wanted::Version(VersionRef::Tag("2.0.0-rc1".into()))
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refused_plan_lists_every_reason() {
    let mut model = model(SIZE, web_production());
    press(&mut model, "W");
    press(&mut model, "P");
    press_key(&mut model, KeyCode::Down);
    press_key(&mut model, KeyCode::Enter);
    press_key(&mut model, KeyCode::Enter);
    let refused = Refused(vec![Refusal::NoHealthCheck, Refusal::NoReason]);
    let planned = planned_for(model.request_id, Err(refused));
    tell(&mut model, planned);
    let shown = screen(&model);
    assert!(shown.contains("no health endpoint"), "{shown}");
    assert!(shown.contains("the rules require a reason"), "{shown}");
}

#[test]
fn a_rollback_goes_to_the_standby_or_says_that_there_is_none() {
    let mut cold = model(SIZE, web_production());
    press(&mut cold, "WR");
    assert!(notice(&cold).contains("keeps no version warm"));

    let mut warm = model(SIZE, with_standby(web_production()));
    let effects = press(&mut warm, "WR");
    let MakePlan { request, .. } = question_of(&effects);
    assert_eq!(request.wanted, Wanted::Standby);
}

#[test]
fn quitting_asks_only_while_a_release_is_in_flight() {
    let mut idle = model(SIZE, web_production());
    let effects = press(&mut idle, "q");
    assert!(matches!(
        effects.as_slice(),
        [Effect::Leave(ExitReason::Quit)]
    ));

    let mut model = waiting(Step::Switch);
    assert!(press(&mut model, "q").is_empty());
    assert!(screen(&model).contains("quit after this step"));
    assert!(
        press_key(&mut model, KeyCode::Enter).is_empty(),
        "Enter alone stays"
    );
    press(&mut model, "qj");
    let effects = press_key(&mut model, KeyCode::Enter);
    let interrupted = matches!(
        effects.as_slice(),
        [Effect::Send {
            command: Command::Interrupt { .. },
            ..
        }]
    );
    assert!(interrupted, "{effects:?}");
    let release = asking(Step::Switch).plan.release;
    let effects = tell(&mut model, Event::DriverGone(release));
    assert!(matches!(
        effects.as_slice(),
        [Effect::Leave(ExitReason::Quit)]
    ));
}

#[test]
fn a_signal_and_a_lost_terminal_end_the_console() {
    for (input, exit_reason) in [
        (Input::Signal("SIGTERM"), ExitReason::Signal("SIGTERM")),
        (Input::Lost, ExitReason::TerminalLost),
    ] {
        let mut model = waiting(Step::Switch);
        press(&mut model, "A");
        let effects = tell(&mut model, Event::Input(input));
        assert!(matches!(effects.as_slice(), [Effect::Leave(said)] if *said == exit_reason));
    }
}
