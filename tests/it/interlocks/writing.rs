//! A store that does not accept records: the driver announces it at once, a store that refuses
//! stops the driver within seconds, and stopping the driver never waits for the store.

use std::time::Duration;

use greenroom::history::Step;
use greenroom::inventory::Tier;
use greenroom::release::{Event, OnFailure, Progress};

use super::world::{Fate, World};
use super::{TURNS, promote};

/// A release whose start is about to be recorded.
fn before_start() -> World {
    let mut world = promote(Tier::Staging, OnFailure::BackOut);
    for _ in 0..TURNS {
        if world.progress() == Progress::Forward(Step::Start) {
            return world;
        }
        if !world.answer(Fate::Done) {
            world.fire();
        }
    }
    panic!("it never starts");
}

/// Answers the next records like this, until the driver stops or `time` has passed.
fn continues(world: &mut World, fate: Fate, time: Duration) {
    let until = world.now + time;
    while !world.is_over() && world.now < until {
        if !world.answer(fate) {
            world.fire();
        }
    }
}

fn until_it_is_not_written(world: &mut World, fate: Fate) {
    while !matches!(world.progress(), Progress::Unrecorded { .. }) {
        assert!(world.answer(fate) || world.fire());
    }
}

fn parked(world: &World) -> String {
    match world.progress() {
        Progress::Parked { why } => why,
        other => panic!("{other:?}"),
    }
}

fn interrupt(world: &mut World) {
    let reason = "the command was ended".to_owned();
    world.say(Event::Interrupted { reason });
}

#[test]
fn a_record_that_cannot_be_written_is_announced_at_once() {
    for fate in [Fate::FailedBefore, Fate::Refused] {
        let mut world = before_start();
        world.said.clear();
        until_it_is_not_written(&mut world, fate);
        let is_announced = world.said.iter().any(|said| {
            said.contains("the release cannot be recorded")
                && said.contains("the registry is not heard")
        });
        assert!(is_announced, "{:?}", world.said);
    }
}

#[test]
fn a_store_that_refuses_stops_the_driver_within_five_seconds() {
    let mut world = before_start();
    until_it_is_not_written(&mut world, Fate::Refused);
    let started = world.now;
    continues(&mut world, Fate::Refused, Duration::from_mins(1));
    assert!(parked(&world).contains("cannot be recorded"));
    let took = world.now.duration_since(started);
    assert!(took.as_secs() <= 5, "{took:?}");
}

#[test]
fn a_driver_waits_for_a_store_that_does_not_answer() {
    let mut world = before_start();
    continues(&mut world, Fate::FailedBefore, Duration::from_mins(1));
    assert!(matches!(world.progress(), Progress::Unrecorded { .. }));
    world.go_well(TURNS);
    assert!(
        world
            .said
            .iter()
            .any(|said| said.contains("accepts the records of the release again"))
    );
    assert!(world.is_closed());
}

#[test]
fn an_interrupted_driver_does_not_wait_for_the_store() {
    for fate in [Fate::FailedBefore, Fate::Refused] {
        let mut world = before_start();
        until_it_is_not_written(&mut world, fate);
        interrupt(&mut world);
        assert!(parked(&world).contains("not recorded"));
    }
}

#[test]
fn a_driver_interrupted_while_it_writes_stops_when_that_write_fails() {
    let mut world = before_start();
    while !world.is_writing() {
        assert!(world.answer(Fate::Done) || world.fire());
    }
    interrupt(&mut world);
    assert!(!world.is_over(), "the driver waits for the open write");
    world.answer(Fate::FailedBefore);
    assert!(parked(&world).contains("not recorded"));
}
