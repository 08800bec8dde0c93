//! A release depends on what the public gets, and on the candidate being the same run that was
//! checked.

use std::time::Duration;

use greenroom::history::{Outcome, ReleaseKind, Step};
use greenroom::inventory::{Exit, RequestCount, RuntimeHealth, Slot, Tier};
use greenroom::release::{Event, OnFailure, Progress};
use proptest::prelude::*;

use super::life::ByHand;
use super::world::{Fate, World, movement, plan, stopped};
use super::{TURNS, is_backed_out, play, promote, turn, until_act_of, until_standby};
use crate::support::cases;

const FOR_MEMORY: Exit = Exit {
    code: Some(137),
    out_of_memory: true,
};

/// In the watch: the switch was observed.
fn until_watch(world: &mut World) {
    until_act_of(world, Step::Switch);
    while !matches!(world.progress(), Progress::Forward(Step::Watch)) {
        if !world.answer(Fate::Done) {
            assert!(world.fire());
        }
    }
}

fn backed_out_because(world: &World, words: &str) {
    is_backed_out(world);
    let Some(Outcome::BackedOut { reason }) = world.outcome() else {
        panic!("{:?}", world.progress());
    };
    assert!(reason.contains(words), "{reason}");
}

/// The old version is kept, with the reason. Without an operator to ask, the release ends with
/// that.
pub(super) fn kept_because(world: &World, words: &str) {
    let Some(Outcome::NeedsPerson { reason }) = world.outcome() else {
        panic!("{:?}", world.progress());
    };
    assert!(reason.contains(words), "{reason}");
    assert!(world.runs(Slot::Blue), "the old version is kept");
    assert!(
        !world
            .acts
            .iter()
            .any(|(_, actions)| stopped(actions) == Some(Slot::Blue))
    );
}

#[test]
fn a_bad_gateway_after_the_switch_switches_back_automatically() {
    let mut world = promote(Tier::Protected, OnFailure::Ask);
    until_act_of(&mut world, Step::Switch);
    world.public.status = Some(502);
    world.go_well(TURNS);
    backed_out_because(&world, "HTTP 502, while green answers 200 directly");
}

#[test]
fn a_bad_gateway_in_the_watch_switches_back_after_three_observations() {
    let mut world = promote(Tier::Protected, OnFailure::Ask);
    until_watch(&mut world);
    world.public.status = Some(502);
    let started = world.now;
    world.go_well(TURNS);
    backed_out_because(&world, "3 bad observations in a row");
    assert!(world.now.duration_since(started) < jiff::SignedDuration::from_mins(1));
}

#[test]
fn a_status_that_differs_from_the_direct_answer_switches_back() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    until_watch(&mut world);
    world.public.status = Some(404);
    world.go_well(TURNS);
    backed_out_because(&world, "HTTP 404, while green answers 200 directly");
}

#[test]
fn a_status_that_equals_the_direct_answer_is_accepted() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    until_act_of(&mut world, Step::Switch);
    (world.public.status, world.public.own_status) = (Some(404), 404);
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
}

#[test]
fn a_server_error_is_bad_even_if_the_direct_answer_equals_it() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    until_act_of(&mut world, Step::Switch);
    (world.public.status, world.public.own_status) = (Some(503), 503);
    world.go_well(TURNS);
    backed_out_because(&world, "and green directly answers the same");
}

#[test]
fn every_second_answer_bad_switches_back() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    until_watch(&mut world);
    world.public.flaps = true;
    world.go_well(TURNS);
    backed_out_because(&world, "observations of the public address failed");
}

#[test]
fn failed_public_requests_above_the_limit_switch_back() {
    for (requests, errors, is_bad) in [(20, 2, true), (20, 1, false), (19, 19, false)] {
        let mut world = promote(Tier::Staging, OnFailure::Ask);
        until_watch(&mut world);
        world.public.traffic = Some(RequestCount { requests, errors });
        world.go_well(TURNS);
        if is_bad {
            backed_out_because(&world, "2 of 20 public requests failed, more than 5%");
        } else {
            assert_eq!(
                world.outcome(),
                Some(Outcome::Done),
                "{errors} of {requests}"
            );
        }
    }
}

#[test]
fn the_old_version_is_kept_while_the_public_gets_bad_answers() {
    let mut world = promote(Tier::Staging, OnFailure::BackOut);
    until_standby(&mut world);
    world.public.status = Some(502);
    world.go_well(50_000);
    kept_because(&world, "HTTP 502");
}

#[test]
fn the_old_version_is_kept_when_traffic_was_moved_back_by_hand() {
    for is_pointer in [true, false] {
        let mut world = promote(Tier::Staging, OnFailure::BackOut);
        until_standby(&mut world);
        if is_pointer {
            world.point_by_hand(Slot::Blue);
        } else {
            world.route_by_hand(Slot::Blue);
        }
        world.go_well(TURNS);
        kept_because(&world, "blue has the traffic");
    }
}

#[test]
fn the_old_version_is_kept_when_the_route_of_the_switch_is_gone() {
    for (by_hand, words) in [
        (None, "the store has no readable route"),
        (
            Some((41, Slot::Green)),
            "the route names green generation 41 instead of green generation 42",
        ),
    ] {
        let mut world = promote(Tier::Staging, OnFailure::BackOut);
        until_standby(&mut world);
        world.route = by_hand;
        world.go_well(TURNS);
        kept_because(&world, words);
        kept_because(&world, "greenroom repair web production");
    }
}

#[test]
fn the_old_version_is_stopped_under_the_higher_generation_of_a_repaired_route() {
    let mut world = promote(Tier::Staging, OnFailure::BackOut);
    until_standby(&mut world);
    world.route = Some((2_000, Slot::Green));
    world.pointer = world.route;
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
    assert!(!world.runs(Slot::Blue));
}

#[test]
fn the_old_version_is_kept_when_another_server_answers_the_public() {
    let mut world = promote(Tier::Staging, OnFailure::BackOut);
    until_standby(&mut world);
    world.public.is_foreign = true;
    world.go_well(50_000);
    kept_because(&world, "answered by no slot of this target");
}

#[test]
fn a_crash_in_the_watch_switches_back_with_the_cause() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    until_watch(&mut world);
    world.exit_and_restart(Slot::Green, FOR_MEMORY);
    world.go_well(TURNS);
    backed_out_because(
        &world,
        "restarted once since its checks: killed for memory, exit 137",
    );
}

#[test]
fn a_candidate_that_crashes_after_its_checks_gets_no_traffic() {
    for step in [Step::Register, Step::Switch] {
        let mut world = promote(Tier::Protected, OnFailure::BackOut);
        while !matches!(world.progress(), Progress::Asking { step: asked, .. } if asked == step) {
            if let Progress::Asking { step, .. } = world.progress() {
                world.approve(step);
            } else if !world.answer(Fate::Done) {
                assert!(world.fire());
            }
        }
        world.exit_and_restart(Slot::Green, FOR_MEMORY);
        world.go_well(TURNS);
        backed_out_because(&world, "restarted once since its checks");
    }
}

#[test]
fn a_restarted_candidate_is_checked_again_before_the_switch() {
    let mut world = promote(Tier::Protected, OnFailure::BackOut);
    while !matches!(
        world.progress(),
        Progress::Asking {
            step: Step::Switch,
            ..
        }
    ) {
        if let Progress::Asking { step, .. } = world.progress() {
            world.approve(step);
        } else if !world.answer(Fate::Done) {
            assert!(world.fire());
        }
    }
    let checked = world.machine.status().checked_at;
    world.pass(Duration::from_mins(1));
    world.start_again(Slot::Green);
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
    assert!(world.machine.status().checked_at > checked);
}

#[test]
fn the_old_version_is_kept_when_the_new_one_crashed_in_the_standby() {
    let mut world = promote(Tier::Staging, OnFailure::BackOut);
    until_standby(&mut world);
    world.exit_and_restart(Slot::Green, FOR_MEMORY);
    world.go_well(TURNS);
    kept_because(&world, "restarted once since its checks");
}

#[test]
fn the_ladder_waits_for_a_starting_image_health_check() {
    let mut world = promote(Tier::Staging, OnFailure::BackOut);
    until_act_of(&mut world, Step::Start);
    world.answer(Fate::Done);
    world.set_engine_health(Slot::Green, RuntimeHealth::Starting);
    for _ in 0..20 {
        if !world.answer(Fate::Done) {
            assert!(world.fire());
        }
    }
    assert!(matches!(world.progress(), Progress::Forward(Step::Start)));
    world.set_engine_health(Slot::Green, RuntimeHealth::Healthy);
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
}

#[test]
fn an_image_health_check_that_says_unhealthy_blocks_the_switch() {
    let mut world = promote(Tier::Staging, OnFailure::BackOut);
    until_act_of(&mut world, Step::Start);
    world.answer(Fate::Done);
    world.set_engine_health(Slot::Green, RuntimeHealth::Unhealthy);
    world.go_well(TURNS);
    backed_out_because(&world, "the image's HEALTHCHECK says unhealthy");
    assert!(
        !world
            .acts
            .iter()
            .any(|(_, actions)| movement(actions).is_some())
    );
}

#[test]
fn an_image_health_check_that_fails_in_the_watch_switches_back() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    until_watch(&mut world);
    world.set_engine_health(Slot::Green, RuntimeHealth::Unhealthy);
    world.go_well(TURNS);
    backed_out_because(&world, "the image's HEALTHCHECK says unhealthy");
}

#[test]
fn a_crash_while_starting_restarts_the_minimum_healthy_time() {
    let mut world = promote(Tier::Staging, OnFailure::BackOut);
    until_act_of(&mut world, Step::Start);
    world.answer(Fate::Done);
    world.answer(Fate::Done);
    world.fire();
    world.exit_and_restart(Slot::Green, FOR_MEMORY);
    let crashed_at = world.now;
    until_act_of(&mut world, Step::Register);
    let minimum = world.plan.definition.timing.minimum_healthy;
    let waited = Duration::try_from(world.now.duration_since(crashed_at)).expect("forward");
    assert!(waited >= minimum, "{waited:?}");
    world.say(Event::Interrupted {
        reason: "over".into(),
    });
}

#[test]
fn a_slow_record_makes_the_guard_observe_again() {
    let mut world = promote(Tier::Staging, OnFailure::BackOut);
    until_standby(&mut world);
    world.say(Event::StandbyEnded);
    // The guard has observed, and its intent cannot be recorded for a while.
    assert!(world.answer(Fate::Done));
    assert!(world.answer(Fate::FailedBefore));
    world.point_by_hand(Slot::Blue);
    world.go_well(TURNS);
    kept_because(&world, "blue has the traffic");
}

#[test]
fn a_difference_that_the_old_version_also_had_moves_nothing_back() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    // A redirect to another protocol, a login: the old version's answers differ in the same way.
    (world.public.status, world.public.own_status) = (Some(401), 200);
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
}

#[test]
fn an_image_health_check_slower_than_the_health_deadline_is_waited_for() {
    let mut world = promote(Tier::Staging, OnFailure::BackOut);
    until_act_of(&mut world, Step::Start);
    world.answer(Fate::Done);
    world.set_engine_health(Slot::Green, RuntimeHealth::Starting);
    let started = world.now;
    let deadline = world.plan.definition.timing.health_deadline;
    while world.now < started + deadline * 2 {
        if !world.answer(Fate::Done) {
            assert!(world.fire());
        }
    }
    world.set_engine_health(Slot::Green, RuntimeHealth::Healthy);
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
}

#[test]
fn an_image_health_check_that_stays_starting_ends_at_the_progress_deadline() {
    let mut world = promote(Tier::Staging, OnFailure::BackOut);
    until_act_of(&mut world, Step::Start);
    world.answer(Fate::Done);
    world.set_engine_health(Slot::Green, RuntimeHealth::Starting);
    world.go_well(100_000);
    backed_out_because(&world, "the image's HEALTHCHECK is still starting");
}

/// The version to roll back to is standby in green; the version to leave is live in blue.
fn rollback() -> World {
    let mut plan = plan(Tier::Staging, false);
    plan.kind = ReleaseKind::WarmRollback;
    World::new(plan, OnFailure::BackOut)
}

#[test]
fn a_rollback_is_not_undone_for_faults_of_both_versions() {
    let mut world = rollback();
    until_act_of(&mut world, Step::Start);
    world.answer(Fate::Done);
    world.set_engine_health(Slot::Green, RuntimeHealth::Unhealthy);
    until_act_of(&mut world, Step::Switch);
    (world.public.status, world.public.own_status) = (Some(502), 502);
    world.public.traffic = Some(RequestCount {
        requests: 100,
        errors: 100,
    });
    while !matches!(world.progress(), Progress::Standby { .. }) {
        if !world.answer(Fate::Done) {
            assert!(world.fire(), "{:?}", world.progress());
        }
    }
    assert_eq!(world.pointer(), Some(Slot::Green));
    assert!(world.runs(Slot::Blue), "the left version is kept");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(500)))]

    /// The world asserts interlock 1 at every act: a slot that has traffic again is not stopped,
    /// whatever else happens.
    #[test]
    fn a_standby_that_may_have_traffic_again_is_never_stopped(
        before in prop::collection::vec(turn(), 0..4),
        by_hand in prop::sample::select(ByHand::ALL.to_vec()),
        after in prop::collection::vec(turn(), 0..80),
    ) {
        let mut world = promote(Tier::Staging, OnFailure::Ask);
        until_standby(&mut world);
        for turn in before {
            play(&mut world, turn);
        }
        world.change_by_hand(by_hand);
        world.say(Event::StandbyEnded);
        for turn in after {
            play(&mut world, turn);
        }
    }
}
