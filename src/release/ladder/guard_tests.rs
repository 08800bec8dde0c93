//! Tests of the guard of a release with observations that differ from the plan, because something changed after the
//! plan was made.

use std::collections::BTreeSet;

use std::time::Duration;

use jiff::Timestamp;

use super::{Situation, Verdict};
use crate::checks::Report;
use crate::history::{Direction, ReleaseKind, Step};
use crate::inventory::drift::world_tests::{
    agreed, digest, entry, instance, proxy, release, route, started_again, with_copy,
};
use crate::inventory::{
    EdgeSlots, ImageLabels, InstanceState, Operator, PerSlot, Probe, RegistryRecord, Slot,
    SlotMembers, Snapshot, Tier, Version,
};
use crate::release::action::{Action, Move, RouteBefore};
use crate::release::observation::{Observation, Stage};
use crate::release::repair::sample_definition;
use crate::release::{LiveBefore, Plan};

/// Release 9 promotes version `b` into green. Version `a` was live in blue, with generation 41.
pub(super) fn plan() -> Plan {
    let definition = sample_definition(Tier::Staging);
    let version = |fill| Version {
        repository: definition.repository.clone(),
        tag: None,
        digest: digest(fill),
        labels: ImageLabels::default(),
    };
    Plan {
        release: release(9),
        kind: ReleaseKind::Promote,
        from: Some(LiveBefore {
            slot: Slot::Blue,
            version: version('a'),
            addresses: definition.endpoints.get(Slot::Blue).clone(),
            members: SlotMembers::default(),
            generation: 41,
        }),
        slot: Slot::Green,
        version: version('b'),
        definition,
        generation: 42,
        leftover: SlotMembers::default(),
        warm: SlotMembers::default(),
        calls: Vec::new(),
        warnings: Vec::new(),
        touched: Vec::new(),
        operator: Operator {
            name: "ana".into(),
            host: "ops-1".into(),
        },
        reason: None,
        overridden: Vec::new(),
        made_at: Timestamp::UNIX_EPOCH,
        mark: None,
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
        newest: None,
    }
}

/// A plan of release 9 that was made while no version was live.
fn without_live() -> Plan {
    Plan {
        from: None,
        ..plan()
    }
}

/// Version `a` runs in blue, and the candidate in green. They are registered and healthy, and the traffic goes to blue.
pub(super) fn before_the_switch() -> Snapshot {
    let mut snapshot = agreed();
    let candidate = instance(Slot::Green, 'b', 9);
    let green = &mut snapshot.slots.green;
    green.registration = Some(entry(green, &candidate));
    green.members = SlotMembers::new([candidate]);
    snapshot
}

/// Version `a` runs in blue, and the candidate in green. Route and proxy name green, with generation 42.
pub(super) fn after_the_switch() -> Snapshot {
    let mut snapshot = before_the_switch();
    let addresses = snapshot.slots.green.addresses.clone();
    let route = route(&mut snapshot);
    (route.live, route.generation) = (Slot::Green, 42);
    (route.digest, route.addresses) = (digest('b'), addresses);
    let proxy = proxy(&mut snapshot);
    (proxy.slot, proxy.generation) = (Some(Slot::Green), 42);
    snapshot
}

/// The observation of everything in a snapshot.
pub(super) fn observed(snapshot: Snapshot) -> Observation {
    let slots = snapshot.slots;
    Observation {
        instances: Some(PerSlot {
            blue: slots.blue.members,
            green: slots.green.members,
        }),
        probe: Some(Probe {
            healthy: true,
            detail: "200".into(),
            took: Duration::ZERO,
        }),
        registry: Some(RegistryRecord {
            route: snapshot.route,
            slots: PerSlot {
                blue: slots.blue.registration,
                green: slots.green.registration,
            },
            ..RegistryRecord::default()
        }),
        edges: snapshot.edges,
        ..Observation::default()
    }
}

pub(super) fn verdict(step: (Direction, Step), plan: &Plan, snapshot: Snapshot) -> Verdict {
    let (direction, step) = step;
    let observation = observed(snapshot);
    let report = Report {
        digest: digest('b'),
        runs: Vec::new(),
        at: Timestamp::UNIX_EPOCH,
        cases: Vec::new(),
    };
    let stage = Stage { step, direction };
    stage.guard(&Situation {
        plan,
        report: Some(&report),
        overrides: &std::collections::BTreeMap::new(),
        observation: &observation,
        now: report.at,
        begun: &BTreeSet::new(),
        passed: &[],
    })
}

pub(super) const INSTALL: (Direction, Step) = (Direction::Forward, Step::Install);
pub(super) const WATCH: (Direction, Step) = (Direction::Forward, Step::Watch);
pub(super) const SWITCH: (Direction, Step) = (Direction::Forward, Step::Switch);
pub(super) const SWITCH_BACK: (Direction, Step) = (Direction::Back, Step::Switch);
const UNDO_STOP: (Direction, Step) = (Direction::Back, Step::Stop);
const UNDO_START: (Direction, Step) = (Direction::Back, Step::Start);
const START: (Direction, Step) = (Direction::Forward, Step::Start);
pub(super) const STOP: (Direction, Step) = (Direction::Forward, Step::Stop);

/// The only action of a verdict, which is a switch.
pub(super) fn switch(verdict: Verdict) -> Move {
    match verdict {
        Verdict::Act(actions) => match actions.as_slice() {
            [Action::Switch(movement)] => movement.as_ref().clone(),
            other => panic!("no switch: {other:?}"),
        },
        other => panic!("no switch: {other:?}"),
    }
}

pub(super) fn refusal(verdict: Verdict) -> String {
    match verdict {
        Verdict::Refuse(why) => why,
        other => panic!("it was not refused: {other:?}"),
    }
}

#[test]
fn a_switch_goes_from_the_planned_slot_to_the_candidate() {
    let planned = switch(verdict(SWITCH, &plan(), before_the_switch()));
    let route = planned.route.expect("a route");
    assert_eq!(route.from, RouteBefore::Contains(41, Slot::Blue));
    assert_eq!(planned.from, EdgeSlots::from(Some(Slot::Blue)));
    assert_eq!((planned.to, planned.generation), (Slot::Green, 42));
}

#[test]
fn a_first_switch_is_allowed_if_the_slot_that_the_proxy_names_is_empty() {
    let mut snapshot = before_the_switch();
    snapshot.route = None;
    snapshot.slots.blue.members = SlotMembers::default();
    let planned = switch(verdict(SWITCH, &without_live(), snapshot));
    assert_eq!(planned.route.expect("a route").from, RouteBefore::Missing);
    assert_eq!(planned.from, EdgeSlots::from(Some(Slot::Blue)));
}

#[test]
fn a_first_switch_is_refused_if_the_slot_that_the_proxy_names_is_not_empty() {
    let mut snapshot = before_the_switch();
    snapshot.route = None;
    let why = refusal(verdict(SWITCH, &without_live(), snapshot));
    assert_eq!(
        why,
        "the proxy names blue, but no version was live when the plan was made: back out, then plan again"
    );
}

#[test]
fn a_switch_needs_a_registered_candidate() {
    let mut snapshot = before_the_switch();
    snapshot.slots.green.registration = None;
    assert_eq!(
        refusal(verdict(SWITCH, &plan(), snapshot)),
        "green is not registered"
    );
}

#[test]
fn traffic_goes_to_no_slot_with_two_members() {
    for fill in ['a', 'b'] {
        let mut snapshot = before_the_switch();
        with_copy(&mut snapshot, Slot::Green, fill);
        let why = refusal(verdict(SWITCH, &plan(), snapshot));
        assert!(why.starts_with("green has 2 containers"), "{why}");

        let mut snapshot = after_the_switch();
        with_copy(&mut snapshot, Slot::Blue, fill);
        let why = refusal(verdict(SWITCH_BACK, &plan(), snapshot));
        assert!(why.contains("blue has 2 containers"), "{why}");
    }
}

#[test]
fn every_member_of_the_old_slot_is_stopped() {
    let mut snapshot = after_the_switch();
    with_copy(&mut snapshot, Slot::Blue, 'a');
    let Verdict::Act(actions) = verdict(STOP, &plan(), snapshot) else {
        panic!("nothing is done");
    };
    let [
        Action::Deregister(Slot::Blue),
        Action::Stop { instance: own, .. },
        Action::Stop { instance: copy, .. },
    ] = actions.as_slice()
    else {
        panic!("not every member is stopped: {actions:?}");
    };
    assert_eq!((own.0.as_str(), copy.0.as_str()), ("blue-7", "copy"));
}

#[test]
fn no_member_of_a_slot_with_traffic_is_stopped() {
    let mut snapshot = before_the_switch();
    with_copy(&mut snapshot, Slot::Blue, 'a');
    let why = refusal(verdict(STOP, &plan(), snapshot));
    assert_eq!(why, "blue has the traffic: the proxy names it");
}

#[test]
fn every_leftover_is_removed_before_the_candidate_is_created() {
    let mut snapshot = agreed();
    started_again(&mut snapshot);
    with_copy(&mut snapshot, Slot::Green, 'b');
    let mut planned = plan();
    planned.leftover = snapshot.slots.green.members.clone();
    let Verdict::Act(actions) = verdict(START, &planned, snapshot.clone()) else {
        panic!("nothing is done");
    };
    let removed = actions.iter().filter_map(|action| match action {
        Action::Remove { instance, .. } => Some(instance),
        _ => None,
    });
    assert!(removed.eq(planned.leftover.ids()), "{actions:?}");
    assert!(matches!(actions.last(), Some(Action::Create { .. })));

    // The plan did not name the second one.
    let own = planned.leftover.iter().next().cloned();
    planned.leftover = SlotMembers::new(own);
    let why = refusal(verdict(START, &planned, snapshot));
    assert!(why.starts_with("debugging"), "{why}");
}

#[test]
fn every_member_without_another_release_is_removed_with_the_candidate() {
    let mut snapshot = before_the_switch();
    with_copy(&mut snapshot, Slot::Green, 'b');
    let ids = |snapshot: &Snapshot| {
        let Verdict::Act(actions) = verdict(UNDO_START, &plan(), snapshot.clone()) else {
            panic!("nothing is done");
        };
        let removed = actions.into_iter().filter_map(|action| match action {
            Action::Remove { instance, .. } => Some(instance.0),
            _ => None,
        });
        removed.collect::<Vec<_>>()
    };
    assert_eq!(ids(&snapshot), ["green-9"]);
    for member in &mut snapshot.slots.green.members {
        member.release = Some(release(9));
    }
    assert_eq!(ids(&snapshot), ["green-9", "copy"]);
}

#[test]
fn traffic_goes_back_to_the_version_that_had_it() {
    let planned = switch(verdict(SWITCH_BACK, &plan(), after_the_switch()));
    assert_eq!((planned.to, planned.generation), (Slot::Blue, 43));
}

#[test]
fn traffic_does_not_go_back_to_another_version_in_the_old_slot() {
    let mut snapshot = after_the_switch();
    snapshot.slots.blue.members = SlotMembers::new([instance(Slot::Blue, 'c', 8)]);
    let why = refusal(verdict(SWITCH_BACK, &plan(), snapshot));
    assert!(why.contains("was live there before this release"), "{why}");
}

#[test]
fn a_stopped_old_version_is_started_again() {
    let mut snapshot = after_the_switch();
    let old = snapshot
        .slots
        .blue
        .members
        .iter_mut()
        .next()
        .expect("it is there");
    old.state = InstanceState::Exited { code: Some(0) };
    let Verdict::Act(actions) = verdict(UNDO_STOP, &plan(), snapshot) else {
        panic!("nothing is done");
    };
    let [Action::Start { slot, .. }, Action::Register { .. }] = actions.as_slice() else {
        panic!("it is registered, so it is not stopped first: {actions:?}");
    };
    assert_eq!(*slot, Slot::Blue);
}

#[test]
fn another_version_in_the_old_slot_is_not_started() {
    let mut snapshot = after_the_switch();
    let mut other = instance(Slot::Blue, 'c', 8);
    other.state = InstanceState::Exited { code: Some(0) };
    snapshot.slots.blue.members = SlotMembers::new([other]);
    let why = refusal(verdict(UNDO_STOP, &plan(), snapshot));
    assert!(why.contains("was live there before this release"), "{why}");
}

#[test]
fn the_old_version_is_not_stopped_while_the_proxy_names_its_slot() {
    let mut snapshot = after_the_switch();
    proxy(&mut snapshot).slot = Some(Slot::Blue);
    let stop = (Direction::Forward, Step::Stop);
    let why = refusal(verdict(stop, &plan(), snapshot));
    assert!(why.contains("has the traffic"), "{why}");
}
