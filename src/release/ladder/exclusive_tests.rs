//! Tests of the guards and judges of a scheduler, of which two never run at once (interlock 12).

use std::time::Duration;

use super::edges_tests::judged_after;
use super::guard_tests::{after_the_switch, before_the_switch, observed, plan, refusal, verdict};
use super::workers_tests::{of_worker, plan_of_worker};
use super::{Judgement, Ladder, Verdict};
use crate::history::{Direction, PlannedCalls, Step};
use crate::inventory::drift::world_tests::{digest, route, with_copy};
use crate::inventory::{InstanceState, ServiceKind, Slot, SlotMembers, Snapshot};
use crate::release::Plan;
use crate::release::action::{Action, ActionErrorKind};

const STOP_OLD: (Direction, Step) = (Direction::Forward, Step::StopOld);
const START_AGAIN: (Direction, Step) = (Direction::Back, Step::StopOld);
const START: (Direction, Step) = (Direction::Forward, Step::Start);
const REMOVE: (Direction, Step) = (Direction::Back, Step::Start);

fn plan_of_scheduler() -> Plan {
    let mut plan = plan_of_worker();
    plan.definition.kind = ServiceKind::Scheduler;
    plan.calls = vec![PlannedCalls {
        step: Step::StopOld,
        calls: Vec::new(),
        undo: String::new(),
    }];
    plan
}

/// The live version runs in blue, and green is empty.
fn before_the_stop() -> Snapshot {
    let mut snapshot = of_worker(before_the_switch());
    snapshot.slots.green.members = SlotMembers::default();
    snapshot.slots.green.registration = None;
    snapshot
}

fn stopped(mut snapshot: Snapshot, slot: Slot) -> Snapshot {
    for member in &mut snapshot.slots.get_mut(slot).members {
        member.state = InstanceState::Exited { code: Some(0) };
    }
    snapshot
}

/// Which slots the actions stop, start, create in and remove from.
fn acts(verdict: Verdict) -> Vec<(&'static str, Slot)> {
    let Verdict::Act(actions) = verdict else {
        panic!("nothing is done: {verdict:?}");
    };
    let act = |action: Action| match action {
        Action::Stop { slot, .. } => ("stop", slot),
        Action::Start { slot, .. } => ("start", slot),
        Action::Create { slot, .. } => ("create", slot),
        Action::Remove { slot, .. } => ("remove", slot),
        Action::Register { slot, .. } => ("register", slot),
        Action::Deregister(slot) => ("deregister", slot),
        other => panic!("another action: {other:?}"),
    };
    actions.into_iter().map(act).collect()
}

fn waits(verdict: Verdict) -> String {
    match verdict {
        Verdict::Wait(why) => why,
        other => panic!("it does not wait: {other:?}"),
    }
}

#[test]
fn the_live_version_of_a_scheduler_is_stopped_before_the_start() {
    let plan = plan_of_scheduler();
    let found = verdict(STOP_OLD, &plan, before_the_stop());
    assert_eq!(acts(found), [("stop", Slot::Blue)]);
    // The runtime may still be starting what looks stopped.
    let found = verdict(STOP_OLD, &plan, stopped(before_the_stop(), Slot::Blue));
    assert_eq!(acts(found), [("stop", Slot::Blue)]);
}

#[test]
fn a_scheduler_is_stopped_only_as_planned() {
    let plan = plan_of_scheduler();
    let mut moved = before_the_stop();
    route(&mut moved).generation = 44;
    let why = refusal(verdict(STOP_OLD, &plan, moved));
    assert!(why.contains("is now blue generation 44"), "{why}");

    let mut replaced = before_the_stop();
    for member in &mut replaced.slots.blue.members {
        member.digest = digest('c');
    }
    let why = refusal(verdict(STOP_OLD, &plan, replaced));
    assert!(why.starts_with("blue is not stopped"), "{why}");
}

#[test]
fn a_scheduler_is_not_started_beside_another_one() {
    let plan = plan_of_scheduler();
    let why = waits(verdict(START, &plan, before_the_stop()));
    assert!(
        why.ends_with("two of a scheduler must not run at once"),
        "{why}"
    );
    let found = verdict(START, &plan, stopped(before_the_stop(), Slot::Blue));
    assert_eq!(acts(found), [("create", Slot::Green)]);
    // The same slots of a worker run side by side.
    let found = verdict(START, &plan_of_worker(), before_the_stop());
    assert_eq!(acts(found), [("create", Slot::Green)]);

    let both = stopped(of_worker(before_the_switch()), Slot::Blue);
    let why = waits(verdict(START_AGAIN, &plan, both));
    assert!(why.contains("in green may still be running"), "{why}");
}

/// Only the route goes back after the old version runs. Until then it names an empty slot.
#[test]
fn the_way_back_may_remove_a_live_scheduler() {
    let plan = plan_of_scheduler();
    let switched = stopped(of_worker(after_the_switch()), Slot::Blue);
    let found = verdict(REMOVE, &plan, switched.clone());
    assert_eq!(
        acts(found),
        [("stop", Slot::Green), ("remove", Slot::Green)]
    );
    let not_switched = stopped(of_worker(before_the_switch()), Slot::Blue);
    let found = acts(verdict(REMOVE, &plan, not_switched));
    assert_eq!(found[0], ("deregister", Slot::Green));
    // No other service loses its live version.
    let why = refusal(verdict(REMOVE, &plan_of_worker(), switched));
    assert_eq!(why, "green is live: the route names it");
}

#[test]
fn the_old_scheduler_is_started_again_also_if_it_still_runs() {
    let plan = plan_of_scheduler();
    let stop_and_start = [("stop", Slot::Blue), ("start", Slot::Blue)];
    for snapshot in [before_the_stop(), stopped(before_the_stop(), Slot::Blue)] {
        let found = verdict(START_AGAIN, &plan, snapshot);
        assert_eq!(acts(found), stop_and_start);
    }
}

#[test]
fn an_old_scheduler_that_is_no_longer_registered_is_registered_again() {
    let plan = plan_of_scheduler();
    let mut cleared = stopped(before_the_stop(), Slot::Blue);
    cleared.slots.blue.registration = None;
    let found = acts(verdict(START_AGAIN, &plan, cleared));
    assert_eq!(found[2..], [("register", Slot::Blue)]);
}

/// A request to stop may still be on its way, so a running version is not enough after a failed try.
#[test]
fn a_scheduler_is_back_only_after_a_successful_start() {
    let plan = plan_of_scheduler();
    let observation = observed(before_the_stop());
    let judge = |last_failure| {
        judged_after(
            START_AGAIN,
            &plan,
            &observation,
            (Duration::ZERO, last_failure),
        )
        .0
    };
    assert!(matches!(judge(None), Judgement::True(_)));
    let failed = judge(Some(ActionErrorKind::Temporary));
    assert!(matches!(failed, Judgement::NotYet(_)), "{failed:?}");
}

#[test]
fn the_way_back_removes_the_candidate_before_the_old_scheduler_starts() {
    let started = [
        Step::Pull,
        Step::StopOld,
        Step::Start,
        Step::Register,
        Step::Switch,
    ];
    let back = Ladder::of(&plan_of_scheduler()).back(&started);
    let steps: Vec<Step> = back.iter().map(|stage| stage.step).collect();
    assert_eq!(
        steps,
        [Step::Start, Step::StopOld, Step::Switch, Step::Register]
    );
    assert!(back.iter().all(|stage| stage.direction == Direction::Back));
    assert_eq!(Ladder::of(&plan()), Ladder::Slots);
}

#[test]
fn what_runs_in_the_other_slot_is_stopped_with_the_live_version() {
    let plan = plan_of_scheduler();
    let both = of_worker(before_the_switch());
    let found = verdict(STOP_OLD, &plan, both.clone());
    assert_eq!(
        acts(found),
        [
            ("deregister", Slot::Green),
            ("stop", Slot::Green),
            ("stop", Slot::Blue)
        ]
    );
    let (judgement, _) = judged_after(
        STOP_OLD,
        &plan,
        &observed(stopped(both, Slot::Blue)),
        (Duration::ZERO, None),
    );
    assert!(matches!(judgement, Judgement::NotYet(_)), "{judgement:?}");
}

#[test]
fn a_scheduler_is_kept_if_the_old_one_cannot_be_started_again() {
    let plan = plan_of_scheduler();
    let mut gone = stopped(of_worker(after_the_switch()), Slot::Blue);
    gone.slots.blue.members = SlotMembers::default();
    let why = refusal(verdict(REMOVE, &plan, gone));
    assert!(why.contains("blue is empty"), "{why}");

    let mut replaced = stopped(of_worker(after_the_switch()), Slot::Blue);
    for member in &mut replaced.slots.blue.members {
        member.digest = digest('c');
    }
    let why = refusal(verdict(REMOVE, &plan, replaced));
    assert!(why.starts_with("green is kept"), "{why}");
}

#[test]
fn if_no_scheduler_ran_before_the_way_back_leaves_none() {
    let mut plan = plan_of_scheduler();
    let mut nothing = of_worker(before_the_switch());
    nothing.slots.blue.members = SlotMembers::default();
    let removed = |plan: &Plan| verdict(REMOVE, plan, nothing.clone());
    assert!(matches!(removed(&plan), Verdict::Act(_)));
    let found = verdict(START_AGAIN, &plan, nothing.clone());
    let expected = "nothing ran in blue before this release".to_owned();
    assert_eq!(found, Verdict::Already(expected));
    let mut before = nothing.clone();
    before.slots.green.members = SlotMembers::default();
    let found = verdict(STOP_OLD, &plan, before);
    assert_eq!(found, Verdict::Already("blue is already empty".into()));

    // One ran before, and is gone now.
    let mut ran = plan.clone();
    let from = ran.from.as_mut().expect("a live version");
    from.members = of_worker(before_the_switch()).slots.blue.members;
    let why = refusal(removed(&ran));
    assert!(why.contains("blue is empty"), "{why}");
    // It is not known what ran before a release that was resumed.
    plan.mark = Some("sha256:00".into());
    let why = refusal(removed(&plan));
    assert!(why.contains("blue is empty"), "{why}");
    let mut down = nothing.clone();
    for member in &mut down.slots.green.members {
        member.state = InstanceState::Exited { code: Some(1) };
    }
    let found = verdict(REMOVE, &plan, down);
    assert!(matches!(found, Verdict::Act(_)), "{found:?}");
}

#[test]
fn a_second_member_of_a_scheduler_is_not_started() {
    let plan = plan_of_scheduler();
    let mut two = before_the_stop();
    with_copy(&mut two, Slot::Blue, 'a');
    for member in &mut two.slots.blue.members {
        member.state = InstanceState::Exited { code: Some(0) };
    }
    let found = verdict(START_AGAIN, &plan, two);
    assert!(!matches!(found, Verdict::Act(_)), "{found:?}");
}
