//! The ladder step by step, and the interlocks that one operator can break. The same state machine
//! as in production runs with random orders of failures, lost answers, half-done acts, aborts,
//! expiries and lost locks.

mod crashes;
mod driver_stops;
mod edges;
mod life;
mod observed_elsewhere;
mod others;
mod overrides;
mod public;
mod world;
mod writing;

use std::time::Duration;

use greenroom::history::{Direction, Outcome, Step};
use greenroom::inventory::{Exit, Slot, Tier};
use greenroom::release::{Action, Choice, Event, OnFailure, Progress, StepState};
use proptest::prelude::*;

use life::ByHand;
use world::{Fate, World, by_edges, plan};

use crate::support::cases;
use crate::support::web::operator;

const TURNS: usize = 10_000;

fn promote(tier: Tier, on_failure: OnFailure) -> World {
    World::new(plan(tier, false), on_failure)
}

/// Answers well until the act of a step is under way.
fn until_act_of(world: &mut World, step: Step) {
    for _ in 0..TURNS {
        if world.is_acting()
            && world
                .acts
                .last()
                .is_some_and(|(stage, _)| stage.step == step)
        {
            return;
        }
        if world.answer(Fate::Done) {
            continue;
        }
        if let Progress::Asking { step, .. } = world.progress() {
            world.approve(step);
        } else {
            assert!(world.fire(), "stuck before {step}: {:?}", world.progress());
        }
    }
    panic!("{step} never acted");
}

fn is_backed_out(world: &World) {
    assert!(
        matches!(world.outcome(), Some(Outcome::BackedOut { .. })),
        "{:?}",
        world.progress()
    );
    assert_eq!(
        (world.route(), world.pointer()),
        (Some(Slot::Blue), Some(Slot::Blue))
    );
    assert!(world.runs(Slot::Blue) && world.is_registered(Slot::Blue));
    assert!(!world.holds_something(Slot::Green) && !world.is_registered(Slot::Green));
}

#[test]
fn a_promote_runs_its_steps_in_order() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
    let acts: Vec<Step> = world.acts.iter().map(|(stage, _)| stage.step).collect();
    assert_eq!(
        acts,
        [
            Step::Pull,
            Step::Start,
            Step::Register,
            Step::Switch,
            Step::Stop
        ]
    );
    assert_eq!(
        (world.route(), world.pointer()),
        (Some(Slot::Green), Some(Slot::Green))
    );
    assert!(!world.runs(Slot::Blue) && !world.is_registered(Slot::Blue));
    for step_status in world.machine.status().steps {
        assert!(
            matches!(step_status.state, StepState::Done { .. }),
            "{step_status:?}"
        );
    }
}

#[test]
fn the_first_release_drains_nothing_and_has_no_rollback() {
    let mut world = World::new(plan(Tier::Staging, true), OnFailure::Ask);
    until_act_of(&mut world, Step::Switch);
    world.answer(Fate::Done);
    world.back_out();
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
    assert_eq!(world.route(), Some(Slot::Blue));
}

#[test]
fn a_bad_probe_restarts_the_minimum_healthy_time() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    until_act_of(&mut world, Step::Start);
    world.answer(Fate::Done);
    world.answer(Fate::Done);
    world.fire();
    world.set_health(Slot::Green, false);
    world.answer(Fate::Done);
    world.fire();
    world.set_health(Slot::Green, true);
    world.answer(Fate::Done);
    let healthy_from = world.now;
    until_act_of(&mut world, Step::Register);
    let minimum = world.plan.definition.timing.minimum_healthy;
    let waited = Duration::try_from(world.now.duration_since(healthy_from)).expect("forward");
    assert!(waited >= minimum, "{waited:?}");
}

#[test]
fn a_candidate_that_never_becomes_healthy_fails_at_its_deadline() {
    let mut world = promote(Tier::Staging, OnFailure::BackOut);
    until_act_of(&mut world, Step::Start);
    world.answer(Fate::Done);
    world.set_health(Slot::Green, false);
    let started = world.now;
    world.go_well(TURNS);
    is_backed_out(&world);
    let took = Duration::try_from(world.now.duration_since(started)).expect("forward");
    let deadline = world.plan.definition.timing.health_deadline;
    assert!(took >= deadline && took < deadline * 2, "{took:?}");
}

#[test]
fn a_candidate_that_exits_after_an_interrupted_start_is_started_once_more() {
    for exits in [1, 2] {
        let mut world = promote(Tier::Staging, OnFailure::BackOut);
        until_act_of(&mut world, Step::Start);
        world.answer(Fate::FailedAfter);
        for _ in 0..exits {
            world.exit(Slot::Green);
            world.answer(Fate::Done);
            if !world.is_over() {
                until_act_of(&mut world, Step::Start);
                world.answer(Fate::Done);
            }
        }
        world.go_well(TURNS);
        let is_start = |action: &Action| matches!(action, Action::Create { .. });
        let starts = world.acts.iter().filter(|(_, it)| it.iter().any(is_start));
        assert_eq!(starts.count(), 2);
        match exits {
            1 => assert_eq!(world.outcome(), Some(Outcome::Done)),
            _ => is_backed_out(&world),
        }
    }
}

#[test]
fn a_candidate_that_exits_fails_at_once() {
    let mut world = promote(Tier::Staging, OnFailure::BackOut);
    until_act_of(&mut world, Step::Start);
    world.answer(Fate::Done);
    world.exit(Slot::Green);
    let started = world.now;
    world.go_well(TURNS);
    is_backed_out(&world);
    assert!(world.now.duration_since(started) < jiff::SignedDuration::from_secs(5));
}

#[test]
fn failed_checks_block_the_switch_and_retry_runs_them_again() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    world.checks_pass = false;
    world.go_well(TURNS);
    assert!(matches!(
        world.progress(),
        Progress::Choosing {
            step: Step::Verify,
            ..
        }
    ));
    world.checks_pass = true;
    world.say(Event::Chosen {
        choice: Choice::Retry,
        by: operator(),
        note: None,
    });
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
}

#[test]
fn a_required_step_cannot_be_skipped() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    world.checks_pass = false;
    world.go_well(TURNS);
    world.say(Event::Chosen {
        choice: Choice::Skip,
        by: operator(),
        note: None,
    });
    assert!(matches!(world.progress(), Progress::Choosing { .. }));
}

#[test]
fn checks_that_became_old_while_waiting_run_again_before_the_switch() {
    let mut world = promote(Tier::Protected, OnFailure::Ask);
    for _ in 0..TURNS {
        if matches!(
            world.progress(),
            Progress::Asking {
                step: Step::Switch,
                ..
            }
        ) {
            break;
        }
        if !world.answer(Fate::Done) {
            match world.progress() {
                Progress::Asking { step, .. } => world.approve(step),
                _ => assert!(world.fire()),
            }
        }
    }
    world.pass(Duration::from_hours(1));
    world.checks_pass = false;
    world.approve(Step::Switch);
    world.go_well(TURNS);
    assert!(matches!(
        world.progress(),
        Progress::Choosing {
            step: Step::Verify,
            ..
        }
    ));
    assert_eq!(world.route(), Some(Slot::Blue));
}

#[test]
fn a_protected_environment_asks_before_register_switch_and_stop() {
    let mut world = promote(Tier::Protected, OnFailure::Ask);
    let mut asked = Vec::new();
    for _ in 0..TURNS {
        if world.is_over() {
            break;
        }
        if world.answer(Fate::Done) {
            continue;
        }
        if let Progress::Asking { step, .. } = world.progress() {
            asked.push(step);
            world.approve(step);
        } else {
            assert!(world.fire());
        }
    }
    assert_eq!(asked, [Step::Register, Step::Switch, Step::Stop]);
}

#[test]
fn waiting_for_a_person_never_counts_against_a_deadline() {
    let mut world = promote(Tier::Protected, OnFailure::Ask);
    while !matches!(world.progress(), Progress::Asking { .. }) {
        if !world.answer(Fate::Done) {
            assert!(world.fire());
        }
    }
    world.pass(Duration::from_hours(48));
    assert!(matches!(
        world.progress(),
        Progress::Asking {
            step: Step::Register,
            ..
        }
    ));
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
}

#[test]
fn every_step_can_be_backed_out_during_and_after_its_act() {
    for step in [
        Step::Pull,
        Step::Start,
        Step::Register,
        Step::Switch,
        Step::Stop,
    ] {
        for fate in [
            Fate::Done,
            Fate::FailedAfter,
            Fate::FailedBefore,
            Fate::HalfDone,
        ] {
            let mut world = promote(Tier::Staging, OnFailure::Ask);
            until_act_of(&mut world, step);
            world.back_out();
            world.answer(fate);
            world.go_well(TURNS);
            is_backed_out(&world);
        }
    }
}

#[test]
fn an_unhealthy_candidate_in_the_watch_is_switched_back_automatically() {
    let mut world = promote(Tier::Protected, OnFailure::Ask);
    until_act_of(&mut world, Step::Switch);
    world.answer(Fate::Done);
    world.set_health(Slot::Green, false);
    world.go_well(TURNS);
    is_backed_out(&world);
}

#[test]
fn an_act_with_a_lost_answer_is_observed_and_not_repeated() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    until_act_of(&mut world, Step::Switch);
    world.answer(Fate::FailedAfter);
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
    let switches = world
        .acts
        .iter()
        .filter(|(stage, _)| stage.step == Step::Switch)
        .count();
    assert_eq!(switches, 1);
}

#[test]
fn a_half_done_switch_is_finished_with_the_same_from_and_to() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    until_act_of(&mut world, Step::Switch);
    world.answer(Fate::HalfDone);
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
    assert_eq!(world.pointer(), Some(Slot::Green));
}

#[test]
fn nothing_is_done_before_its_intent_is_recorded() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    for _ in 0..20 {
        world.answer(Fate::FailedBefore);
        world.fire();
    }
    assert!(world.acts.is_empty());
    assert!(matches!(world.progress(), Progress::Unrecorded { .. }));
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
}

#[test]
fn a_lost_lock_parks_the_driver_at_once() {
    for step in [
        Step::Pull,
        Step::Start,
        Step::Register,
        Step::Switch,
        Step::Stop,
    ] {
        let mut world = promote(Tier::Staging, OnFailure::BackOut);
        until_act_of(&mut world, step);
        world.lose_lock();
        world.answer(Fate::Done);
        assert!(matches!(world.progress(), Progress::Parked { .. }));
    }
}

#[test]
fn an_operator_can_end_the_standby_early_and_the_old_slot_stays_startable() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    for _ in 0..TURNS {
        if matches!(world.progress(), Progress::Standby { .. }) {
            break;
        }
        if !world.answer(Fate::Done) {
            assert!(world.fire());
        }
    }
    world.say(Event::StandbyEnded);
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
    assert!(world.holds_something(Slot::Blue) && !world.runs(Slot::Blue));
}

fn until_standby(world: &mut World) {
    while !matches!(world.progress(), Progress::Standby { .. }) {
        if !world.answer(Fate::Done) {
            assert!(world.fire());
        }
    }
}

#[test]
fn approving_stop_ends_the_standby_without_another_question() {
    let mut world = promote(Tier::Protected, OnFailure::Ask);
    while !matches!(world.progress(), Progress::Standby { .. }) {
        if let Progress::Asking { step, .. } = world.progress() {
            world.approve(step);
        } else if !world.answer(Fate::Done) {
            assert!(world.fire());
        }
    }
    // Approving another step changes nothing.
    world.approve(Step::Switch);
    assert!(matches!(world.progress(), Progress::Standby { .. }));
    world.approve(Step::Stop);
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
    assert!(!world.runs(Slot::Blue));
}

#[test]
fn the_old_version_is_kept_while_the_new_one_is_unhealthy() {
    let mut world = promote(Tier::Staging, OnFailure::BackOut);
    until_standby(&mut world);
    world.set_health(Slot::Green, false);
    world.say(Event::StandbyEnded);
    for _ in 0..100 {
        if !world.answer(Fate::Done) {
            assert!(world.fire());
        }
    }
    assert!(world.runs(Slot::Blue), "the last way back is kept");
    world.set_health(Slot::Green, true);
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
    assert!(!world.runs(Slot::Blue));
}

#[test]
fn a_failed_stop_asks_the_operator_and_moves_no_traffic() {
    let mut world = promote(Tier::Staging, OnFailure::BackOut);
    until_act_of(&mut world, Step::Stop);
    world.answer(Fate::Refused);
    world.go_well(TURNS);
    assert!(
        matches!(world.outcome(), Some(Outcome::NeedsPerson { .. })),
        "{:?}",
        world.progress()
    );
    assert_eq!(
        (world.route(), world.pointer()),
        (Some(Slot::Green), Some(Slot::Green))
    );
}

#[test]
fn traffic_counts_as_moved_from_the_intent_to_switch_until_the_undo() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    assert!(!world.machine.status().may_have_switched);
    until_act_of(&mut world, Step::Switch);
    assert!(world.machine.status().may_have_switched);
    world.back_out();
    world.answer(Fate::FailedBefore);
    world.go_well(TURNS);
    is_backed_out(&world);
    assert!(!world.machine.status().may_have_switched);
}

#[test]
fn another_release_may_take_over_during_the_standby() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    world.say(Event::Superseded { by: None });
    while !matches!(world.progress(), Progress::Standby { .. }) {
        if !world.answer(Fate::Done) {
            assert!(world.fire());
        }
    }
    world.say(Event::Superseded { by: None });
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Superseded { by: None }));
    assert!(world.runs(Slot::Blue), "the old slot is still warm");
}

/// Possible random events of a turn.
#[derive(Debug, Clone, Copy)]
pub(super) enum Turn {
    Answer(Fate),
    Fire,
    Wait(u64),
    Approve(Step),
    BackOut,
    Choose(Choice),
    Health(Slot, bool),
    Exit(Slot),
    EndStandby,
    CheckAgain,
    Supersede,
    LoseLock,
    Checks(bool),
    /// The candidate crashes and is restarted, or is started again by hand.
    Restarts(bool),
    /// The live slot is changed by hand.
    ByHand(ByHand),
    /// What the public gets.
    Public(u16),
    /// The second edge, if there is one, stops to answer, or answers again.
    Silence(bool),
}

pub(super) fn turn() -> impl Strategy<Value = Turn> {
    let fate = prop_oneof![
        12 => Just(Fate::Done),
        1 => Just(Fate::FailedBefore),
        1 => Just(Fate::FailedAfter),
        1 => Just(Fate::HalfDone),
        1 => Just(Fate::Refused),
    ];
    let step = prop::sample::select(vec![Step::Register, Step::Switch, Step::Stop, Step::Verify]);
    let choice = prop::sample::select(vec![
        Choice::Retry,
        Choice::BackOut,
        Choice::Leave,
        Choice::Skip,
        Choice::Override,
    ]);
    let slot = prop::sample::select(vec![Slot::Blue, Slot::Green]);
    prop_oneof![
        40 => fate.prop_map(Turn::Answer),
        15 => Just(Turn::Fire),
        2 => (0u64..2000).prop_map(Turn::Wait),
        8 => step.prop_map(Turn::Approve),
        1 => Just(Turn::BackOut),
        3 => choice.prop_map(Turn::Choose),
        2 => (slot.clone(), any::<bool>()).prop_map(|(slot, well)| Turn::Health(slot, well)),
        1 => slot.prop_map(Turn::Exit),
        1 => Just(Turn::EndStandby),
        1 => Just(Turn::CheckAgain),
        1 => Just(Turn::Supersede),
        1 => prop::bool::weighted(0.05).prop_map(|lose| if lose { Turn::LoseLock } else { Turn::Fire }),
        1 => any::<bool>().prop_map(Turn::Checks),
        1 => any::<bool>().prop_map(Turn::Restarts),
        1 => prop::sample::select(ByHand::ALL.to_vec()).prop_map(Turn::ByHand),
        1 => prop::sample::select(vec![200, 502, 404]).prop_map(Turn::Public),
        2 => any::<bool>().prop_map(Turn::Silence),
    ]
}

pub(super) fn play(world: &mut World, turn: Turn) {
    match turn {
        Turn::Answer(fate) => {
            world.answer(fate);
        }
        Turn::Fire => {
            world.fire();
        }
        Turn::Wait(seconds) => world.pass(Duration::from_secs(seconds)),
        Turn::Approve(step) => world.approve(step),
        Turn::BackOut => world.back_out(),
        Turn::Choose(choice) => world.say(Event::Chosen {
            choice,
            by: operator(),
            note: (choice == Choice::Override).then(|| "the check is broken".to_owned()),
        }),
        Turn::Health(slot, is_healthy) => world.set_health(slot, is_healthy),
        Turn::Exit(slot) => world.exit(slot),
        Turn::EndStandby => world.say(Event::StandbyEnded),
        Turn::CheckAgain => world.say(Event::CheckAgainAsked(operator())),
        Turn::Supersede => world.say(Event::Superseded { by: None }),
        Turn::LoseLock => world.lose_lock(),
        Turn::Checks(pass) => world.checks_pass = pass,
        Turn::Restarts(is_crash) => {
            let slot = world.plan.slot;
            if is_crash {
                world.exit_and_restart(
                    slot,
                    Exit {
                        code: Some(1),
                        out_of_memory: false,
                    },
                );
            } else {
                world.start_again(slot);
            }
        }
        Turn::ByHand(what) => world.change_by_hand(what),
        Turn::Public(status) => world.public.status = Some(status),
        Turn::Silence(is_silent) => {
            if let Some(edge) = &mut world.second {
                edge.is_silent = is_silent;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(2000)))]

    /// The world asserts the interlocks at every act; here every order of events is tried.
    #[test]
    fn the_interlocks_hold_for_any_order_of_events(
        is_protected in any::<bool>(),
        is_first in prop::bool::weighted(0.2),
        edges in by_edges(),
        asks in any::<bool>(),
        turns in prop::collection::vec(turn(), 1..400),
    ) {
        let tier = if is_protected { Tier::Protected } else { Tier::Staging };
        let on_failure = if asks { OnFailure::Ask } else { OnFailure::BackOut };
        let mut world = World::with_edges(plan(tier, is_first), on_failure, edges);
        for turn in turns {
            play(&mut world, turn);
        }
        match world.outcome() {
            // A manual change of traffic may happen after the last observation.
            _ if world.is_put_back => {}
            Some(Outcome::BackedOut { .. }) => {
                prop_assert!(!world.holds_something(world.plan.slot));
                prop_assert!(!world.is_registered(world.plan.slot));
                prop_assert_eq!(world.route(), world.plan.from.as_ref().map(|f| f.slot));
                prop_assert!(world.is_pointed_at(world.route()));
            }
            Some(Outcome::Done) => {
                prop_assert_eq!(world.route(), Some(world.plan.slot));
                prop_assert!(world.is_pointed_at(Some(world.plan.slot)));
            }
            _ => {}
        }
    }

    /// Whatever happened before, a release can be brought to an end: it is never stuck.
    #[test]
    fn a_release_can_always_end_once_every_server_works_again(
        edges in by_edges(),
        turns in prop::collection::vec(turn(), 1..200),
    ) {
        let mut world = World::with_edges(plan(Tier::Staging, false), OnFailure::Ask, edges);
        for turn in turns {
            play(&mut world, turn);
        }
        world.checks_pass = true;
        world.public.status = Some(200);
        play(&mut world, Turn::Silence(false));
        for _ in 0..20 {
            for slot in Slot::BOTH {
                world.set_health(slot, true);
            }
            world.go_well(TURNS);
            if world.is_over() {
                break;
            }
            world.say(Event::Chosen { choice: Choice::BackOut, by: operator(), note: None });
            world.go_well(TURNS);
            world.say(Event::Chosen { choice: Choice::Leave, by: operator(), note: None });
        }
        prop_assert!(world.is_over(), "{:?}", world.progress());
    }
}

#[test]
fn switching_back_drains_the_candidate_before_its_removal() {
    let mut world = promote(Tier::Staging, OnFailure::Ask);
    until_act_of(&mut world, Step::Switch);
    world.answer(Fate::Done);
    world.back_out();
    world.go_well(TURNS);
    let back: Vec<&Action> = world
        .acts
        .iter()
        .filter(|(stage, _)| stage.direction == Direction::Back)
        .flat_map(|(_, actions)| actions)
        .collect();
    let [
        Action::Switch(movement),
        Action::Deregister(Slot::Green),
        Action::Stop { .. },
        Action::Remove { .. },
    ] = back.as_slice()
    else {
        panic!("{back:?}");
    };
    assert_eq!((movement.to, movement.generation), (Slot::Blue, 43));
    is_backed_out(&world);
}
