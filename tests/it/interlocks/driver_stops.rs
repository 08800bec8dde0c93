//! A driver that stops on purpose records it, together with the one console that may resume. It
//! never stops in the middle of an act (interlock 8), and does nothing afterwards (interlock 4).

use greenroom::history::{JournalEvent, Step, Successor};
use greenroom::inventory::{FencingToken, Operator, Tier};
use greenroom::release::{Effect, Event, OnFailure, Progress};

use super::world::{Fate, Owed, World};
use super::{promote, until_act_of};
use crate::support::web::operator;

fn successor() -> Successor {
    Successor {
        operator: Operator {
            name: "ben".into(),
            host: "ops-2".into(),
        },
        console: "ben@ops-2 4711 01JD4".into(),
        token: FencingToken(7),
    }
}

fn hand_over(world: &mut World) {
    world.say(Event::HandOverAsked {
        to: successor(),
        by: operator(),
    });
}

fn last(world: &World) -> Option<JournalEvent> {
    let journal = world.journal.as_ref()?;
    journal.entries.last().map(|entry| entry.event.clone())
}

/// Whether the entry under way is the one that releases the driver.
fn lets_go(world: &World) -> bool {
    let Some(Owed::Record(record)) = &world.owed else {
        return false;
    };
    matches!(&**record, Effect::Record(entry) if matches!(entry.event, JournalEvent::DriverStopped { .. }))
}

/// Answers until the driver has nothing left to do.
fn until_parked(world: &mut World) {
    while world.answer(Fate::Done) {}
    assert!(
        matches!(world.progress(), Progress::Parked { .. }),
        "{:?}",
        world.progress()
    );
}

#[test]
fn at_every_step_a_handover_waits_until_the_act_was_observed() {
    for step in [
        Step::Pull,
        Step::Start,
        Step::Register,
        Step::Switch,
        Step::Stop,
    ] {
        let mut world = promote(Tier::Protected, OnFailure::Ask);
        until_act_of(&mut world, step);
        let acts = world.acts.len();
        hand_over(&mut world);
        assert!(!world.is_over(), "{step}: the act is under way");
        assert!(world.machine.successor().is_none(), "{step}");
        // The act answers, and its result is observed.
        assert!(world.answer(Fate::Done) && !world.is_over(), "{step}");
        assert!(world.answer(Fate::Done), "{step}");
        until_parked(&mut world);
        assert_eq!(world.acts.len(), acts, "{step}: nothing is done after it");
        let expected = JournalEvent::DriverStopped {
            reason: "handed over to ben@ops-2".into(),
            to: Some(successor()),
        };
        assert_eq!(last(&world), Some(expected), "{step}");
        assert_eq!(world.machine.successor(), Some(&successor()), "{step}");
    }
}

/// The successor would not know of the back-out, so that is started and recorded first.
#[test]
fn a_requested_back_out_survives_a_handover() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    until_act_of(&mut world, Step::Start);
    world.back_out();
    hand_over(&mut world);
    let goes_back = |world: &World| {
        let journal = world.journal.as_ref();
        journal.is_some_and(|journal| {
            let mut entries = journal.entries.iter();
            entries.any(|entry| matches!(entry.event, JournalEvent::BackOutAsked { .. }))
        })
    };
    while !goes_back(&world) {
        assert!(!world.is_over(), "{:?}", world.progress());
        assert!(world.answer(Fate::Done) || world.fire());
    }
    hand_over(&mut world);
    while !world.is_over() {
        assert!(world.answer(Fate::Done) || world.fire());
    }
    assert!(matches!(world.progress(), Progress::Parked { .. }));
    assert_eq!(world.machine.successor(), Some(&successor()));
}

#[test]
fn a_waiting_release_is_handed_over_at_once() {
    let mut world = promote(Tier::Protected, OnFailure::Ask);
    while !matches!(world.progress(), Progress::Asking { .. }) {
        assert!(world.answer(Fate::Done) || world.fire());
    }
    hand_over(&mut world);
    until_parked(&mut world);
    assert!(matches!(
        last(&world),
        Some(JournalEvent::DriverStopped { to: Some(_), .. })
    ));
}

#[test]
fn a_handover_that_cannot_be_recorded_stops_the_driver_without_a_successor() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    until_act_of(&mut world, Step::Start);
    hand_over(&mut world);
    while !world.is_over() {
        let fate = if lets_go(&world) {
            Fate::FailedBefore
        } else {
            Fate::Done
        };
        assert!(world.answer(fate) || world.fire());
    }
    assert!(matches!(world.progress(), Progress::Parked { .. }));
    assert!(world.machine.successor().is_none());
    assert!(!matches!(
        last(&world),
        Some(JournalEvent::DriverStopped { .. })
    ));
}

#[test]
fn a_stopped_driver_records_it_and_one_without_its_lock_does_not() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    until_act_of(&mut world, Step::Start);
    world.say(Event::Interrupted {
        reason: "the console was left".into(),
    });
    until_parked(&mut world);
    let expected = JournalEvent::DriverStopped {
        reason: "interrupted: the console was left".into(),
        to: None,
    };
    assert_eq!(last(&world), Some(expected));

    let mut world = promote(Tier::Staging, OnFailure::Ask);
    until_act_of(&mut world, Step::Start);
    world.lose_lock();
    assert!(world.is_over());
    assert!(!matches!(
        last(&world),
        Some(JournalEvent::DriverStopped { .. })
    ));
}
