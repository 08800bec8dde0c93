//! The driver dies at any point, and another one resumes from the journal alone. The call under way
//! may have happened, half happened, not happened, or happen later. All interlocks hold, nothing is
//! repeated without an observation, and the release ends.

use std::sync::Arc;

use greenroom::history::{
    Direction, JournalEvent, Outcome, PlannedCalls, RecordedStep, Step, Takeover,
};
use greenroom::inventory::{Clocks, Operator, ServiceKind, Slot, Tier};
use greenroom::release::{
    Action, Choice, Definition, Event, Machine, OnFailure, Plan, Progress, Refusal, ResumeAction,
    Resumption, TargetState,
};
use proptest::prelude::*;

use super::world::{Fate, Owed, World, by_edges, movement, plan};
use super::{Turn, play, turn};
use crate::support::cases;
use crate::support::web::operator;

const TURNS: usize = 5000;

/// What happens to the call under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Landing {
    Nothing,
    Whole,
    Half,
    Late,
}

const LANDINGS: [Landing; 4] = [
    Landing::Nothing,
    Landing::Whole,
    Landing::Half,
    Landing::Late,
];
const WAYS: [ResumeAction; 3] = [
    ResumeAction::Continue,
    ResumeAction::BackOut,
    ResumeAction::Leave,
];

fn ben() -> Operator {
    Operator {
        name: "ben".into(),
        host: "ops-2".into(),
    }
}

impl World {
    /// The driver is gone. The world keeps what was done and recorded.
    fn crash(&mut self, landing: Landing) {
        match self.owed.take() {
            Some(Owed::Record(record)) if landing != Landing::Nothing => self.write_down(*record),
            Some(Owed::Act(actions)) => match landing {
                Landing::Nothing => {}
                Landing::Whole => self.apply(&actions, false),
                Landing::Half => self.apply(&actions, true),
                Landing::Late => {
                    // Its first write to the registry arrived in time; after the takeover none
                    // does.
                    match actions.as_slice() {
                        [Action::Switch(_)] => self.apply(&actions, true),
                        [first @ Action::Deregister(_), _, ..] => {
                            self.apply(std::slice::from_ref(first), false);
                        }
                        _ => {}
                    }
                    self.late = actions;
                }
            },
            _ => {}
        }
        self.timer = None;
        self.lock_lost = false;
        self.is_pointer_fenced = false;
        self.abort_asked_during_act = false;
        self.has_looked = false;
        self.is_pointer_told = false;
        self.approved.clear();
        for slot in Slot::BOTH {
            *self.told_healthy.get_mut(slot) = false;
        }
    }

    /// A call that a dead driver sent happens now. A call that compares the lock is refused, others
    /// are not.
    fn land(&mut self) {
        let late = std::mem::take(&mut self.late);
        self.has_landed_late |= !late.is_empty();
        // A sequence that starts an instance again was sent to the engine one by one: the start is late.
        let starts = late
            .iter()
            .find(|action| matches!(action, Action::Start { .. }));
        match late.as_slice() {
            [Action::Switch(movement)] => {
                if !self.is_pointer_fenced {
                    self.point(movement, false);
                }
            }
            [create @ Action::Create { slot, .. }] => {
                if !self.holds_something(*slot) {
                    self.apply(std::slice::from_ref(create), false);
                }
            }
            [Action::Deregister(_), Action::Stop { slot, .. }, ..] => {
                let slot = *slot;
                let has_traffic = self.has_traffic(slot);
                assert!(!has_traffic, "interlock 1: {slot} is stopped late");
                self.exit(slot);
            }
            [Action::Pull(_) | Action::Install] | [Action::Stop { .. }, Action::Remove { .. }] => {
                self.apply(&late, false);
            }
            _ => {
                if let Some(start) = starts {
                    self.apply(std::slice::from_ref(start), false);
                }
            }
        }
    }

    fn try_resume(
        &mut self,
        resume_action: ResumeAction,
        on_failure: OnFailure,
    ) -> Result<(), Vec<Refusal>> {
        let recorded = self.journal.clone().expect("a journal");
        let record = self.record();
        let instances: Vec<_> = Slot::BOTH
            .into_iter()
            .filter_map(|slot| self.instance(slot))
            .collect();
        let current = TargetState {
            record: &record,
            instances: &instances,
            now: self.now,
            clocks: &Clocks::default(),
        };
        let plan = Plan::resumed(&recorded, &self.plan.definition, current, resume_action)
            .map_err(|refused| refused.0)?;
        let plan = Arc::new(plan);
        let resumption = Resumption {
            resume_action,
            how: Takeover::Resumed,
            by: ben(),
            from: recorded.last_driver().clone(),
            note: None,
        };
        self.machine = Machine::resume(Arc::clone(&plan), &recorded, resumption, on_failure);
        self.plan = plan;
        self.say(Event::Started);
        Ok(())
    }

    /// Another operator resumes the release. Returns false when it has ended, or when its route was
    /// deleted by hand so that it can only be left.
    fn resume(&mut self, resume_action: ResumeAction, on_failure: OnFailure) -> bool {
        if self.journal.is_none() || self.is_closed() {
            return false;
        }
        match self.try_resume(resume_action, on_failure) {
            Ok(()) => true,
            Err(refused) if self.is_route_deleted() => {
                let is_told = |refusal: &Refusal| matches!(refusal, Refusal::NotResumable { .. });
                assert!(refused.iter().any(is_told), "{refused:?}");
                false
            }
            Err(refused) => {
                assert_eq!(refused, [Refusal::NoWayBack]);
                assert!(self.plan.from.is_none() && resume_action == ResumeAction::BackOut);
                self.try_resume(ResumeAction::Continue, on_failure)
                    .expect("the way on");
                true
            }
        }
    }

    fn is_route_deleted(&self) -> bool {
        self.plan.from.is_some() && self.route().is_none()
    }

    fn all_is_well(&mut self) {
        self.checks_pass = true;
        if let Some(edge) = &mut self.second {
            edge.is_silent = false;
        }
        for slot in Slot::BOTH {
            self.set_health(slot, true);
        }
    }
}

fn is_backed_out(world: &World) -> bool {
    let from = world.plan.from.as_ref().map(|from| from.slot);
    let slot = world.plan.slot;
    (world.has_landed_late || !world.holds_something(slot))
        && !world.is_registered(slot)
        && world.route() == from
        && world.is_pointed_at(from)
}

fn is_done(world: &World) -> bool {
    let slot = Some(world.plan.slot);
    world.route() == slot && world.is_pointed_at(slot) && world.is_registered(world.plan.slot)
}

/// Answers well for this many turns. Returns false when the release ended before.
fn well_for(world: &mut World, turns: usize) -> bool {
    for _ in 0..turns {
        if world.is_over() {
            return false;
        }
        if world.answer(Fate::Done) {
            continue;
        }
        if let Progress::Asking { step, .. } = world.progress() {
            world.approve(step);
        } else {
            assert!(world.fire(), "stuck: {:?}", world.progress());
        }
    }
    !world.is_over()
}

/// Every point of a successful release, every fate of the call under way, every way to resume.
fn crash_everywhere(tier: Tier, is_first: bool, on_failure: OnFailure) {
    let mut points = 0;
    for turns in 0.. {
        for landing in LANDINGS {
            for resume_action in WAYS {
                let mut world = World::new(plan(tier, is_first), on_failure);
                if !well_for(&mut world, turns) {
                    assert!(points > 100, "only {points} points");
                    return;
                }
                let may_have_switched = world.machine.status().may_have_switched;
                world.crash(landing);
                if !world.resume(resume_action, on_failure) {
                    continue;
                }
                points += 1;
                world.go_well(TURNS);
                world.land();
                let outcome = world.outcome();
                let point = format!("after {turns}, {landing:?}, {resume_action:?}: {outcome:?}");
                match (&outcome, resume_action) {
                    (Some(Outcome::Done), ResumeAction::Continue) => {
                        assert!(is_done(&world), "{point}");
                    }
                    // There was no way back any more, or everything was observed and only the end
                    // was missing.
                    (Some(Outcome::Done), ResumeAction::BackOut) => {
                        assert!(is_first && is_done(&world), "{point}");
                    }
                    (Some(Outcome::Done), ResumeAction::Leave) => {
                        assert!(may_have_switched && is_done(&world), "{point}");
                    }
                    (Some(Outcome::BackedOut { .. }), ResumeAction::BackOut) => {
                        assert!(is_backed_out(&world), "{point}");
                    }
                    (Some(Outcome::Left { .. }), ResumeAction::Leave) => {}
                    _ => panic!("{point}"),
                }
            }
        }
    }
}

#[test]
fn a_release_that_loses_its_driver_at_any_point_is_finished_by_another() {
    crash_everywhere(Tier::Staging, false, OnFailure::BackOut);
}

#[test]
fn a_resumed_protected_release_asks_for_every_approval_again() {
    crash_everywhere(Tier::Protected, false, OnFailure::Ask);
}

#[test]
fn the_first_release_is_finished_by_another_driver() {
    crash_everywhere(Tier::Staging, true, OnFailure::Ask);
}

/// Answers well until the condition holds.
fn until(world: &mut World, is_so: impl Fn(&World) -> bool) {
    for _ in 0..TURNS {
        if is_so(world) {
            return;
        }
        assert!(well_for(world, 1), "{:?}", world.progress());
    }
    panic!("never so: {:?}", world.progress());
}

/// Whether the driver is performing a switch.
fn is_switching(world: &World) -> bool {
    let last = world.acts.last();
    world.is_acting() && last.is_some_and(|(_, actions)| movement(actions).is_some())
}

fn acts_of(world: &World, step: Step, direction: Direction) -> usize {
    let is_it = |(stage, _): &&(greenroom::release::Stage, Vec<Action>)| {
        stage.step == step && stage.direction == direction
    };
    world.acts.iter().filter(is_it).count()
}

#[test]
fn a_switch_without_a_recorded_outcome_is_observed_and_not_repeated() {
    let mut world = World::new(plan(Tier::Staging, false), OnFailure::Ask);
    until(&mut world, is_switching);
    world.crash(Landing::Whole);
    assert!(world.resume(ResumeAction::Continue, OnFailure::Ask));
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
    assert_eq!(acts_of(&world, Step::Switch, Direction::Forward), 1);
}

#[test]
fn a_switch_that_only_reached_the_registry_is_finished_after_a_resume() {
    let mut world = World::new(plan(Tier::Staging, false), OnFailure::Ask);
    until(&mut world, is_switching);
    world.crash(Landing::Half);
    assert_ne!(world.route(), world.pointer());
    assert!(world.resume(ResumeAction::Continue, OnFailure::Ask));
    world.go_well(TURNS);
    assert!(is_done(&world));
    assert_eq!(acts_of(&world, Step::Switch, Direction::Forward), 2);
}

#[test]
fn an_unused_approval_is_asked_for_again_after_a_resume() {
    let mut world = World::new(plan(Tier::Protected, false), OnFailure::Ask);
    let asks = |world: &World| {
        matches!(
            world.progress(),
            Progress::Asking {
                step: Step::Switch,
                ..
            }
        )
    };
    until(&mut world, asks);
    world.approve(Step::Switch);
    world.answer(Fate::Done);
    world.crash(Landing::Nothing);
    assert!(world.resume(ResumeAction::Continue, OnFailure::Ask));
    world.answer(Fate::Done);
    assert!(asks(&world), "{:?}", world.progress());
}

#[test]
fn old_checks_run_again_before_the_switch_of_a_resumed_release() {
    let mut world = World::new(plan(Tier::Protected, false), OnFailure::Ask);
    until(&mut world, |world| {
        matches!(
            world.progress(),
            Progress::Asking {
                step: Step::Switch,
                ..
            }
        )
    });
    world.crash(Landing::Nothing);
    world.pass(std::time::Duration::from_hours(1));
    world.checks_pass = false;
    assert!(world.resume(ResumeAction::Continue, OnFailure::Ask));
    world.go_well(TURNS);
    let progress = world.progress();
    assert!(
        matches!(
            progress,
            Progress::Choosing {
                step: Step::Verify,
                ..
            }
        ),
        "{progress:?}"
    );
    assert_eq!(world.route(), Some(Slot::Blue));
}

#[test]
fn an_interrupted_standby_continues_for_its_remaining_time() {
    let mut world = World::new(plan(Tier::Staging, false), OnFailure::Ask);
    until(&mut world, |world| {
        matches!(world.progress(), Progress::Standby { .. })
    });
    let Progress::Standby { until: Some(end) } = world.progress() else {
        panic!("no end")
    };
    for _ in 0..2 {
        world.crash(Landing::Nothing);
        world.pass(std::time::Duration::from_mins(1));
        assert!(world.resume(ResumeAction::Continue, OnFailure::Ask));
        world.answer(Fate::Done);
        assert_eq!(world.progress(), Progress::Standby { until: Some(end) });
    }
    world.crash(Landing::Nothing);
    world.pass(std::time::Duration::from_hours(1));
    assert!(world.resume(ResumeAction::Continue, OnFailure::Ask));
    world.answer(Fate::Done);
    assert_eq!(world.progress(), Progress::Forward(Step::Stop));
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
}

#[test]
fn a_failed_step_without_a_choice_asks_again_or_backs_out() {
    for on_failure in [OnFailure::Ask, OnFailure::BackOut] {
        let mut world = World::new(plan(Tier::Staging, false), OnFailure::Ask);
        world.checks_pass = false;
        world.go_well(TURNS);
        let asked = world.progress();
        world.crash(Landing::Nothing);
        assert!(world.resume(ResumeAction::Continue, on_failure));
        world.answer(Fate::Done);
        if on_failure == OnFailure::Ask {
            assert_eq!(world.progress(), asked);
        } else {
            world.go_well(TURNS);
            assert!(is_backed_out(&world), "{:?}", world.progress());
        }
    }
}

#[test]
fn a_failed_undo_is_tried_again_after_a_resume() {
    let mut world = World::new(plan(Tier::Staging, false), OnFailure::Ask);
    until(&mut world, is_switching);
    world.answer(Fate::Done);
    world.back_out();
    until(&mut world, |world| {
        world.is_acting() && acts_of(world, Step::Switch, Direction::Back) == 1
    });
    world.answer(Fate::Refused);
    world.go_well(TURNS);
    assert!(matches!(world.progress(), Progress::Choosing { .. }));
    world.crash(Landing::Nothing);
    assert!(world.resume(ResumeAction::Continue, OnFailure::BackOut));
    world.go_well(TURNS);
    assert!(is_backed_out(&world), "{:?}", world.progress());
    let chosen = world
        .journal
        .iter()
        .flat_map(|journal| &journal.entries)
        .any(|entry| {
            matches!(&entry.event, JournalEvent::Chosen { choice, decision, .. }
            if choice == "retry" && decision.by == ben())
        });
    assert!(chosen, "who tried again is written down");
}

#[test]
fn a_resume_is_refused_when_record_configuration_and_store_differ() {
    let mut world = World::new(plan(Tier::Staging, false), OnFailure::Ask);
    until(&mut world, |world| {
        acts_of(world, Step::Start, Direction::Forward) == 1
    });
    world.crash(Landing::Nothing);
    let recorded = world.journal.clone().expect("a journal");
    let definition = world.plan.definition.clone();
    let record = world.record();
    let ask = |recorded, definition, record, resume_action| {
        let current = TargetState {
            record,
            instances: &[],
            now: world.now,
            clocks: &Clocks::default(),
        };
        Plan::resumed(recorded, definition, current, resume_action).map(|_| ())
    };
    assert_eq!(
        ask(&recorded, &definition, &record, ResumeAction::Continue),
        Ok(())
    );

    let mut moved = definition.clone();
    *moved.endpoints.get_mut(Slot::Green) = "127.0.0.1:9".parse().expect("an endpoint");
    assert!(ask(&recorded, &moved, &record, ResumeAction::BackOut).is_err());
    assert_eq!(ask(&recorded, &moved, &record, ResumeAction::Leave), Ok(()));

    let mut reshaped = definition.clone();
    reshaped.instance.memory = Some(1);
    assert!(ask(&recorded, &reshaped, &record, ResumeAction::Continue).is_err());
    assert_eq!(
        ask(&recorded, &reshaped, &record, ResumeAction::BackOut),
        Ok(())
    );

    let mut switched = record.clone();
    switched.route.as_mut().expect("a route").value.generation += 1;
    assert!(ask(&recorded, &definition, &switched, ResumeAction::Continue).is_err());

    let mut newer = recorded.clone();
    newer.head.format += 1;
    assert!(ask(&newer, &definition, &record, ResumeAction::Leave).is_err());
    let mut unknown = recorded.clone();
    let text = r#"{"sequence":1,"at":"2026-11-21T14:02:11Z","entry":"share"}"#;
    unknown.entries[0] = serde_json::from_str(text).expect("an entry");
    assert!(ask(&unknown, &definition, &record, ResumeAction::Continue).is_err());
    let mut torn = recorded.clone();
    torn.entries.remove(0);
    assert!(ask(&torn, &definition, &record, ResumeAction::Continue).is_err());
}

/// Random events, with crashes among them.
#[derive(Debug, Clone, Copy)]
enum Dice {
    Usual(Turn),
    Crash(Landing, ResumeAction, bool),
    Land,
}

fn step() -> impl Strategy<Value = Dice> {
    let crash = (
        prop::sample::select(LANDINGS.to_vec()),
        prop_oneof![12 => Just(ResumeAction::Continue), 2 => Just(ResumeAction::BackOut), 1 => Just(ResumeAction::Leave)],
        any::<bool>(),
    );
    prop_oneof![
        60 => turn().prop_map(Dice::Usual),
        3 => crash.prop_map(|(landing, resume_action, asks)| Dice::Crash(landing, resume_action, asks)),
        1 => Just(Dice::Land),
    ]
}

#[test]
fn a_release_does_not_continue_under_looser_rules_than_it_started_with() {
    let mut world = World::new(plan(Tier::Protected, false), OnFailure::Ask);
    super::until_act_of(&mut world, Step::Start);
    world.crash(Landing::Whole);
    let recorded = world.journal.clone().expect("a journal");
    let record = world.record();
    let current = TargetState {
        record: &record,
        instances: &[],
        now: world.now,
        clocks: &Clocks::default(),
    };
    let mut looser = world.plan.definition.clone();
    looser.tier = Tier::Staging;
    looser.rules.allow_yes = true;
    let resumed =
        |definition, resume_action| Plan::resumed(&recorded, definition, current, resume_action);
    let refused = resumed(&looser, ResumeAction::Continue).expect_err("looser rules");
    let [Refusal::NotResumable { why }] = refused.0.as_slice() else {
        panic!("{refused:?}");
    };
    for words in [
        "tier was protected",
        "and is staging",
        "rules.allow_yes was false",
    ] {
        assert!(why.contains(words), "{words}: {why}");
    }
    assert!(resumed(&looser, ResumeAction::BackOut).is_ok());
    assert!(resumed(&world.plan.definition, ResumeAction::Continue).is_ok());
}

/// The steps of a scheduler are in another order, and what an operator approved must not change.
#[test]
fn a_release_is_not_resumed_with_another_kind_or_another_quiet() {
    let mut planned = plan(Tier::Protected, false);
    planned.calls.retain(|planned| planned.step != Step::Drain);
    let stop = planned.calls.iter().position(|it| it.step == Step::Stop);
    planned.calls.insert(
        stop.expect("a stop"),
        PlannedCalls {
            step: Step::Quiet,
            calls: vec!["engine: send SIGTSTP to every member of blue".into()],
            undo: String::new(),
        },
    );
    let mut world = World::new(planned, OnFailure::Ask);
    super::until_act_of(&mut world, Step::Start);
    world.crash(Landing::Whole);
    let recorded = world.journal.clone().expect("a journal");
    let record = world.record();
    let current = TargetState {
        record: &record,
        instances: &[],
        now: world.now,
        clocks: &Clocks::default(),
    };
    let refused = |definition: &Definition, resume_action| {
        let resumed = Plan::resumed(&recorded, definition, current, resume_action);
        resumed.map_or_else(|refused| refused.to_string(), |_| String::new())
    };
    let mut changed = world.plan.definition.clone();
    let why = refused(&changed, ResumeAction::Continue);
    assert!(why.contains("`quiet` has changed"), "{why}");
    assert_eq!(refused(&changed, ResumeAction::BackOut), "");
    changed.kind = ServiceKind::Scheduler;
    let why = refused(&changed, ResumeAction::BackOut);
    assert!(
        why.contains("the `kind` of the service has changed"),
        "{why}"
    );
    assert_eq!(refused(&changed, ResumeAction::Leave), "");
}

#[test]
fn a_release_with_a_step_of_a_newer_greenroom_is_not_resumed() {
    let mut world = World::new(plan(Tier::Protected, false), OnFailure::Ask);
    super::until_act_of(&mut world, Step::Start);
    world.crash(Landing::Whole);
    let mut recorded = world.journal.clone().expect("a journal");
    recorded.head.plan[2].step = RecordedStep::Unknown("share".into());
    let record = world.record();
    let current = TargetState {
        record: &record,
        instances: &[],
        now: world.now,
        clocks: &Clocks::default(),
    };
    for resume_action in ResumeAction::ALL {
        let resumed = Plan::resumed(&recorded, &world.plan.definition, current, resume_action);
        let refused = resumed.expect_err("an unknown step").to_string();
        assert!(refused.contains("use the newer version"), "{refused}");
    }
}

fn on_failure(asks: bool) -> OnFailure {
    if asks {
        OnFailure::Ask
    } else {
        OnFailure::BackOut
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(1000)))]

    /// The world asserts the interlocks at every act. Here drivers die in every order of events,
    /// and at the end the world works again.
    #[test]
    fn the_interlocks_hold_over_any_number_of_drivers(
        is_protected in any::<bool>(),
        is_first in prop::bool::weighted(0.2),
        edges in by_edges(),
        asks in any::<bool>(),
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let tier = if is_protected { Tier::Protected } else { Tier::Staging };
        let mut world = World::with_edges(plan(tier, is_first), on_failure(asks), edges);
        for step in steps {
            match step {
                Dice::Usual(turn) => play(&mut world, turn),
                Dice::Land => world.land(),
                Dice::Crash(landing, resume_action, asks) => {
                    world.crash(landing);
                    if !world.resume(resume_action, on_failure(asks)) {
                        break;
                    }
                }
            }
        }
        if world.journal.is_none() || world.is_closed() {
            return Ok(());
        }
        // All earlier drivers are gone; the last one resumes until the release ends.
        world.crash(Landing::Whole);
        if world.is_closed() {
            return Ok(());
        }
        world.land();
        world.all_is_well();
        if !world.resume(ResumeAction::Continue, OnFailure::Ask) {
            prop_assert!(world.is_route_deleted());
            return Ok(());
        }
        for choice in [Choice::Retry, Choice::BackOut, Choice::Retry, Choice::Leave] {
            world.all_is_well();
            world.go_well(TURNS);
            if world.is_over() {
                break;
            }
            world.say(Event::Chosen { choice, by: operator(), note: None });
        }
        world.go_well(TURNS);
        match world.outcome() {
            Some(Outcome::Done) => prop_assert!(is_done(&world)),
            Some(Outcome::BackedOut { .. }) => prop_assert!(is_backed_out(&world)),
            Some(Outcome::Left { .. } | Outcome::NeedsPerson { .. }) => {}
            other => prop_assert!(false, "{other:?}, {:?}", world.progress()),
        }
    }
}
