//! `F` places a hold with a reason and an end, or clears the hold in force. Both report the result,
//! and both are refused where changes are not allowed.

use std::sync::Arc;

use crossterm::event::KeyCode;
use greenroom::console::Model;
use greenroom::console::dialogs::{ClearHold, PlaceHold};
use greenroom::console::event::Event;
use greenroom::inventory::freeze::{Freeze, Window};
use greenroom::inventory::{Cleared, ClockReading, Clocks, Hold, SeenHold, Snapshot, Target};
use greenroom::ports::KeyLine;
use greenroom::release::{Refusal, Refused};

use super::world::{
    PRODUCTION, ago, answered, later, model, operator, press, press_key, question_of, screen,
    target, tell, web_production, world,
};

const SIZES: [(u16, u16); 2] = [(118, 34), (80, 24)];

fn hold() -> Hold {
    Hold {
        reason: "payday".into(),
        author: operator(),
        since: ago(60),
        until: Some(later(3600)),
        release: None,
        cleared: None,
    }
}

fn armed(size: (u16, u16), snapshot: Snapshot) -> Model {
    let mut model = model(size, snapshot.clone());
    tell(&mut model, Event::WorldObserved(Arc::new(world(snapshot))));
    press(&mut model, "W");
    model
}

/// The backend has placed or cleared a hold, or refused to.
fn hold_answered(target: Target, hold: Result<Hold, Refused>) -> Event {
    let (reason, until) = (String::new(), None);
    let question = PlaceHold {
        target,
        reason,
        until,
    };
    answered(question, hold)
}

#[test]
fn a_hold_is_placed_with_a_reason_and_an_end() {
    for size in SIZES {
        let mut model = armed(size, web_production());
        press(&mut model, "F");
        assert!(
            screen(&model).contains("Hold web/production: why?"),
            "{}",
            screen(&model)
        );
        assert!(press_key(&mut model, KeyCode::Enter).is_empty());
        assert!(
            screen(&model).contains("type a reason"),
            "{}",
            screen(&model)
        );
        press(&mut model, "payday");
        assert!(press_key(&mut model, KeyCode::Enter).is_empty());
        press(&mut model, "soon");
        assert!(press_key(&mut model, KeyCode::Enter).is_empty());
        assert!(
            screen(&model).contains("`soon` is not the end of a hold"),
            "{}",
            screen(&model)
        );
        for _ in 0..4 {
            press_key(&mut model, KeyCode::Backspace);
        }
        press(&mut model, "1h");
        let effects = press_key(&mut model, KeyCode::Enter);
        let PlaceHold {
            target,
            reason,
            until,
        } = question_of(&effects);
        assert_eq!(target.to_string(), "web/production");
        assert_eq!((reason.as_str(), *until), ("payday", Some(later(3600))));
        let done = hold_answered(target.clone(), Ok(hold()));
        tell(&mut model, done);
        assert!(
            screen(&model).contains("is held by ana@ops-1: payday"),
            "{}",
            screen(&model)
        );
    }
}

#[test]
fn a_reason_is_added_to_the_hold_of_a_rollback_and_the_hold_stays() {
    let mut held = web_production();
    let left = Hold {
        reason: "rolled back from 1.9.0 to 1.8.2".into(),
        until: None,
        release: held.route.as_ref().map(|route| route.value.release),
        ..hold()
    };
    held.hold = Some(left.clone());
    for size in SIZES {
        let mut model = armed(size, held.clone());
        press(&mut model, "F");
        let shown = screen(&model);
        assert!(
            shown.contains("Rollback of web/production: why?"),
            "{shown}"
        );
        press(&mut model, "slow");
        let effects = press_key(&mut model, KeyCode::Enter);
        let PlaceHold { reason, until, .. } = question_of(&effects);
        assert_eq!((reason.as_str(), *until), ("slow", None));
        // Without a pending reason the key asks about the hold as usual.
        press(&mut model, "F");
        assert!(press_key(&mut model, KeyCode::Enter).is_empty());
        let shown = screen(&model);
        assert!(
            shown.contains("Clear the hold on web/production: why?"),
            "{shown}"
        );
    }
    held.hold = Some(left.with_reason("slow", operator(), ago(1)));
    let mut model = armed(SIZES[0], held);
    press(&mut model, "F");
    let shown = screen(&model);
    assert!(
        shown.contains("Clear the hold on web/production: why?"),
        "{shown}"
    );
}

#[test]
fn a_hold_in_force_is_cleared_and_an_ended_one_is_not() {
    let mut held = web_production();
    held.hold = Some(hold());
    let mut model = armed(SIZES[0], held.clone());
    press(&mut model, "F");
    assert!(
        screen(&model).contains("Clear the hold on web/production: why?"),
        "{}",
        screen(&model)
    );
    press(&mut model, "paid");
    let effects = press_key(&mut model, KeyCode::Enter);
    let ClearHold { why, seen, .. } = question_of(&effects);
    assert_eq!(why, "paid");
    assert!(matches!(seen, SeenHold::Readable(seen) if **seen == hold()));
    let web = target("web", PRODUCTION);
    let refused = Refusal::NoHold.into();
    tell(&mut model, hold_answered(web, Err(refused)));
    assert!(
        screen(&model).contains("nothing to clear"),
        "{}",
        screen(&model)
    );

    held.hold = Some(hold().cleared(Cleared {
        by: operator(),
        at: ago(1),
        why: None,
    }));
    let mut model = armed(SIZES[0], held);
    press(&mut model, "F");
    assert!(
        screen(&model).contains("Hold web/production: why?"),
        "{}",
        screen(&model)
    );
    press_key(&mut model, KeyCode::Esc);
    assert!(
        screen(&model).contains("nothing was changed"),
        "{}",
        screen(&model)
    );
}

#[test]
fn the_hold_that_was_shown_is_cleared_and_no_other_that_came_meanwhile() {
    let mut held = web_production();
    held.hold = Some(hold());
    let mut model = armed(SIZES[0], held.clone());
    press(&mut model, "F");
    let other = Hold {
        reason: "outage".into(),
        since: ago(1),
        ..hold()
    };
    held.hold = Some(other.clone());
    tell(&mut model, Event::WorldObserved(Arc::new(world(held))));
    press(&mut model, "paid");
    let effects = press_key(&mut model, KeyCode::Enter);
    let ClearHold { seen, .. } = question_of(&effects);
    assert!(matches!(seen, SeenHold::Readable(seen) if **seen == hold()));
    let now = Some(other.to_string());
    let changed = hold_answered(
        target("web", PRODUCTION),
        Err(Refusal::HoldChanged { now }.into()),
    );
    tell(&mut model, changed);
    let shown = screen(&model);
    assert!(shown.contains("changed since it was shown"), "{shown}");
    assert!(shown.contains("outage"), "{shown}");
}

#[test]
fn an_unreadable_hold_is_removed_by_the_revision_that_was_shown() {
    let mut held = web_production();
    let key = "targets/web/production/hold".to_owned();
    held.problems
        .insert(key.clone(), "it cannot be read: expected value".into());
    let mut model = armed(SIZES[0], held.clone());
    press(&mut model, "F");
    assert!(model.dialog.is_none(), "what is stored was not read yet");
    assert!(screen(&model).contains("try again"), "{}", screen(&model));
    held.keys.push(KeyLine {
        key,
        value: "{".into(),
        revision: 41,
        ttl_seconds: None,
    });
    let mut model = armed(SIZES[0], held);
    press(&mut model, "F");
    press(&mut model, "mine");
    let effects = press_key(&mut model, KeyCode::Enter);
    let ClearHold { seen, .. } = question_of(&effects);
    assert!(matches!(seen, SeenHold::Unreadable(41)));
}

#[test]
fn a_hold_that_ended_by_this_clock_alone_is_cleared() {
    let mut held = web_production();
    held.hold = Some(Hold {
        until: Some(ago(60)),
        ..hold()
    });
    let mut model = armed(SIZES[0], held.clone());
    press(&mut model, "F");
    let shown = screen(&model);
    assert!(shown.contains("Hold web/production: why?"), "{shown}");
    // This machine's clock is two hours ahead of the engine's.
    let told = (ago(0), ago(0));
    let engine = ClockReading::new("the Docker host of production".into(), told, ago(7200));
    held.clocks = Clocks(vec![engine]);
    let mut model = armed(SIZES[0], held);
    press(&mut model, "F");
    let shown = screen(&model);
    assert!(
        shown.contains("Clear the hold on web/production: why?"),
        "{shown}"
    );
}

#[test]
fn an_unarmed_console_places_no_hold() {
    let mut model = model(SIZES[0], web_production());
    press(&mut model, "F");
    assert!(model.dialog.is_none());
    assert!(
        screen(&model).contains("W arms web/production"),
        "{}",
        screen(&model)
    );
}

#[test]
fn a_configured_freeze_is_shown_like_a_hold() {
    let mut frozen = web_production();
    frozen.freezes = vec![Freeze {
        name: "inventory".into(),
        zone: jiff::tz::TimeZone::UTC,
        window: Window::Once {
            from: "2000-01-01T00:00".parse().expect("a time"),
            until: "2100-01-01T00:00".parse().expect("a time"),
        },
        services: Vec::new(),
    }];
    let model = armed(SIZES[0], frozen);
    let shown = screen(&model);
    assert!(shown.contains("web/production: held"), "{shown}");
    assert!(shown.contains("inventory"), "{shown}");
}
