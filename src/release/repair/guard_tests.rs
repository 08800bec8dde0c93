//! Tests of the interlocks of a repair: the guard refuses a planned action if the observation has changed since the
//! plan was made.

use std::time::Duration;

use super::guard::{Verdict, guard};
use super::plan;
use super::sample::sample_definition as definition;
use super::tests::TestProxy;
use crate::inventory::drift::world_tests::{
    agreed, digest, edge, entry, live, pointer, proxy, registered, release, requests, route, side,
    started_again,
};
use crate::inventory::{
    EdgeAnswer, EdgeSlots, FencingToken, InstanceId, InstanceState, Operator, Probe, Slot,
    SlotMembers, Snapshot, Tier,
};
use crate::release::action::{Action, Move, Purpose, Rewrite, RouteBefore};
use crate::release::reached::reached;
use crate::release::view::View;
use crate::release::{ApprovalRefused, Need, RepairApproval, RepairPlan, need_to_repair};

pub(super) fn operator() -> Operator {
    Operator {
        name: "ana".into(),
        host: "ops-1".into(),
    }
}

pub(super) fn probe(healthy: bool) -> Probe {
    Probe {
        healthy,
        detail: "status 503".into(),
        took: Duration::ZERO,
    }
}

/// Blue is live, registered and healthy.
pub(super) fn well() -> Snapshot {
    let mut snapshot = agreed();
    snapshot.slots.blue.probe = Some(probe(true));
    snapshot
}

pub(super) fn guard_verdict(repair_action: &Action, snapshot: &Snapshot) -> Verdict {
    let definition = definition(Tier::Staging);
    guard(repair_action, &View::of_snapshot(snapshot, &definition))
}

fn assert_not_allowed(repair_action: &Action, snapshot: &Snapshot) {
    let verdict = guard_verdict(repair_action, snapshot);
    assert!(
        matches!(verdict, Verdict::Wait(_) | Verdict::Refuse(_)),
        "{repair_action:?}: {verdict:?}"
    );
}

fn stop(slot: Slot, snapshot: &Snapshot) -> Action {
    let instance = snapshot
        .slots
        .get(slot)
        .members
        .representative()
        .expect("it is there");
    Action::Stop {
        slot,
        instance: instance.id.clone(),
    }
}

#[test]
fn a_slot_with_traffic_is_not_stopped_or_deregistered() {
    let mut snapshot = well();
    assert_not_allowed(&stop(Slot::Blue, &snapshot), &snapshot);
    assert_not_allowed(&Action::Deregister(Slot::Blue), &snapshot);
    started_again(&mut snapshot);
    assert_eq!(
        guard_verdict(&stop(Slot::Green, &snapshot), &snapshot),
        Verdict::Act
    );
    // After each of these changes green has traffic, may have traffic or is registered.
    let moved: [fn(&mut Snapshot); 6] = [
        |s| proxy(s).slot = Some(Slot::Green),
        |s| route(s).live = Slot::Green,
        |s| requests(s, Slot::Green),
        |s| edge(s).answer = EdgeAnswer::NotInstalled,
        |s| {
            s.route = None;
            let key = "/greenroom/v1/targets/web/qa/route".to_owned();
            s.problems.insert(key, "it cannot be read".into());
        },
        |s| {
            let green = s
                .slots
                .green
                .members
                .representative()
                .cloned()
                .expect("it is there");
            s.slots.green.registration = Some(entry(&s.slots.green, &green));
        },
    ];
    for how in moved {
        let mut moved = snapshot.clone();
        how(&mut moved);
        assert_not_allowed(&stop(Slot::Green, &snapshot), &moved);
    }
    let mut other = snapshot.clone();
    other
        .slots
        .green
        .members
        .iter_mut()
        .next()
        .expect("it is there")
        .id = InstanceId("other".into());
    assert_not_allowed(&stop(Slot::Green, &snapshot), &other);
}

/// A store that was restored, and the action that gives the pointer a token of this store. The pointer has token 8123,
/// the store is at revision 100, and the route already has the new generation.
fn went_back() -> (Snapshot, Action) {
    let mut snapshot = well();
    edge(&mut snapshot).pointer = Some(pointer(8123, 8000));
    proxy(&mut snapshot).token = FencingToken(8123);
    route(&mut snapshot).generation = 2_000;
    let rebase = Action::Rebase {
        from: pointer(8123, 8000),
        generation: 2_000,
    };
    (snapshot, rebase)
}

#[test]
fn a_changed_pointer_or_route_prevents_a_new_token() {
    let (snapshot, rebase) = went_back();
    assert_eq!(guard_verdict(&rebase, &snapshot), Verdict::Act);
    let moved: [fn(&mut Snapshot); 5] = [
        |s| edge(s).pointer = Some(pointer(8124, 8000)),
        |s| edge(s).pointer = Some(pointer(8123, 8125)),
        |s| edge(s).pointer = None,
        |s| s.route = None,
        |s| route(s).generation = 41,
    ];
    for how in moved {
        let mut snapshot = snapshot.clone();
        how(&mut snapshot);
        assert_not_allowed(&rebase, &snapshot);
    }
}

/// In each of these snapshots the live slot cannot answer. The route names the other slot, or is missing.
#[test]
fn a_pointer_at_a_dead_slot_gets_a_token_without_a_route() {
    let (mut unhealthy, rebase) = went_back();
    route(&mut unhealthy).generation = 38;
    route(&mut unhealthy).live = Slot::Green;
    unhealthy.slots.blue.probe = Some(probe(false));
    let mut gone = unhealthy.clone();
    gone.slots.blue.members = SlotMembers::default();
    let mut lost = gone.clone();
    lost.route = None;
    for snapshot in [unhealthy, gone, lost] {
        assert_eq!(guard_verdict(&rebase, &snapshot), Verdict::Act);
        let mut healthy = snapshot.clone();
        healthy.slots.blue = well().slots.blue;
        assert_not_allowed(&rebase, &healthy);
        let mut moved = snapshot.clone();
        edge(&mut moved).pointer = Some(pointer(8124, 8000));
        assert_not_allowed(&rebase, &moved);
        let low = Action::Rebase {
            from: pointer(8123, 8000),
            generation: 1_999,
        };
        assert_not_allowed(&low, &snapshot);
    }
}

/// Points the proxy at blue.
pub(super) fn point(from: Slot, generation: u64) -> Action {
    point_from(EdgeSlots::from(Some(from)), generation)
}

pub(super) fn point_from(from: EdgeSlots, generation: u64) -> Action {
    Action::Switch(Box::new(Move {
        route: None,
        from,
        to: Slot::Blue,
        generation,
    }))
}

#[test]
fn the_proxy_is_pointed_only_at_the_healthy_registered_slot_of_the_route() {
    let mut snapshot = well();
    proxy(&mut snapshot).slot = Some(Slot::Green);
    proxy(&mut snapshot).generation = 40;
    assert_eq!(
        guard_verdict(&point(Slot::Green, 41), &snapshot),
        Verdict::Act
    );
    let moved: [fn(&mut Snapshot); 9] = [
        |s| s.slots.blue.probe = Some(probe(false)),
        |s| s.slots.blue.probe = None,
        |s| live(s).state = InstanceState::Paused,
        |s| s.slots.blue.members = SlotMembers::default(),
        |s| s.slots.blue.registration = None,
        |s| registered(s).digest = digest('d'),
        |s| live(s).digest = digest('c'),
        |s| route(s).live = Slot::Green,
        |s| proxy(s).generation = 41,
    ];
    for how in moved {
        let mut moved = snapshot.clone();
        how(&mut moved);
        assert_not_allowed(&point(Slot::Green, 41), &moved);
    }
    // The plan has another generation than the route, or the proxy no longer names the slot of the plan.
    assert_not_allowed(&point(Slot::Green, 42), &snapshot);
    let mut nowhere = snapshot.clone();
    proxy(&mut nowhere).slot = None;
    assert_not_allowed(&point(Slot::Green, 41), &nowhere);
}

fn rewrite(from: RouteBefore) -> Action {
    Action::Route(Box::new(Rewrite {
        from,
        live: Slot::Blue,
        generation: 41,
        addresses: side(Slot::Blue).addresses,
        digest: digest('a'),
        release: release(7),
        purpose: Purpose::Repair,
    }))
}

#[test]
fn no_route_is_written_to_an_unhealthy_or_unregistered_slot() {
    let mut snapshot = well();
    snapshot.route = None;
    assert_eq!(
        guard_verdict(&rewrite(RouteBefore::Missing), &snapshot),
        Verdict::Act
    );
    let moved: [fn(&mut Snapshot); 5] = [
        |s| s.slots.blue.probe = Some(probe(false)),
        |s| s.slots.blue.members = SlotMembers::default(),
        |s| s.slots.blue.registration = None,
        |s| live(s).digest = digest('c'),
        |s| {
            live(s).digest = digest('c');
            registered(s).digest = digest('c');
        },
    ];
    for how in moved {
        let mut moved = snapshot.clone();
        how(&mut moved);
        assert_not_allowed(&rewrite(RouteBefore::Missing), &moved);
    }
    // The route has changed since the plan was made.
    let mut written = well();
    route(&mut written).generation = 50;
    assert_not_allowed(&rewrite(RouteBefore::Missing), &written);
    assert_not_allowed(&rewrite(RouteBefore::Contains(40, Slot::Blue)), &written);
    assert_not_allowed(&rewrite(RouteBefore::Unreadable), &snapshot);
}

#[test]
fn only_the_planned_healthy_instance_is_registered() {
    let register = Action::Register {
        slot: Slot::Blue,
        digest: digest('a'),
        tag: None,
        release: release(7),
    };
    let mut snapshot = well();
    assert_eq!(guard_verdict(&register, &snapshot), Verdict::Already);
    snapshot.slots.blue.registration = None;
    assert_eq!(guard_verdict(&register, &snapshot), Verdict::Act);
    live(&mut snapshot).digest = digest('c');
    assert_not_allowed(&register, &snapshot);
    let mut unhealthy = well();
    unhealthy.slots.blue.registration = None;
    unhealthy.slots.blue.probe = Some(probe(false));
    assert_not_allowed(&register, &unhealthy);
}

#[test]
fn a_started_instance_must_become_healthy_and_is_not_started_twice() {
    let mut snapshot = agreed();
    let start = Action::Start {
        slot: Slot::Blue,
        instance: live(&mut snapshot).id.clone(),
    };
    let definition = definition(Tier::Staging);
    assert!(reached(&start, &View::of_snapshot(&snapshot, &definition)).is_err());
    assert_not_allowed(&start, &snapshot);
    live(&mut snapshot).state = InstanceState::Exited { code: None };
    assert_eq!(guard_verdict(&start, &snapshot), Verdict::Act);
    live(&mut snapshot).id = InstanceId("other".into());
    assert_not_allowed(&start, &snapshot);
    assert_eq!(
        reached(&start, &View::of_snapshot(&well(), &definition)),
        Ok(())
    );
}

pub(super) fn repair(tier: Tier, how: impl Fn(&mut Snapshot)) -> RepairPlan {
    let mut snapshot = well();
    how(&mut snapshot);
    let definition = definition(tier);
    let (items, repair_actions) = plan((&snapshot, &Ok(())), &definition, None, &TestProxy);
    RepairPlan {
        id: release(9),
        definition,
        only: None,
        operator: operator(),
        made_at: snapshot.at,
        items,
        repair_actions,
        touched: Vec::new(),
        holds: Vec::new(),
    }
}

const EDITED: fn(&mut Snapshot) = |s| s.route = None;
const UNREGISTERED: fn(&mut Snapshot) = |s| s.slots.blue.registration = None;

#[test]
fn an_approval_is_for_one_plan_and_expires() {
    assert_eq!(
        need_to_repair(&repair(Tier::Staging, EDITED)),
        Need::Confirmation
    );
    assert_eq!(
        need_to_repair(&repair(Tier::Protected, UNREGISTERED)),
        Need::Confirmation
    );
    let plan = repair(Tier::Protected, EDITED);
    assert_eq!(need_to_repair(&plan), Need::TypedName);
    let now = plan.made_at;
    let refused = RepairApproval::give(&plan, operator(), Some("yes"), now);
    assert!(matches!(refused, Err(ApprovalRefused::WrongName { .. })));
    assert!(RepairApproval::in_advance(&plan, operator(), now).is_err());
    let mut shared = repair(Tier::Staging, EDITED);
    shared.touched = vec![definition(Tier::Protected).target];
    assert_eq!(need_to_repair(&shared), Need::TypedName);
    assert!(RepairApproval::in_advance(&shared, operator(), now).is_err());
    assert!(
        shared
            .costs()
            .iter()
            .any(|cost| cost.contains("(protected)"))
    );
    let approval = RepairApproval::give(&plan, operator(), Some("qa"), now).expect("an approval");
    let approved = approval.approve(&plan, now).expect("it counts");
    assert!(
        plan.only_actions()
            .iter()
            .all(|repair_action| approved.covers(repair_action))
    );
    assert!(!approved.covers(&Action::Deregister(Slot::Blue)));
    // The approval does not cover other actions under the same id, does not cover another id, and expires.
    let mut other = plan.clone();
    other.repair_actions = repair(Tier::Protected, UNREGISTERED).repair_actions;
    assert!(approval.approve(&other, now).is_err());
    let late = now + plan.definition.timing.approval;
    assert!(approval.approve(&plan, late).is_err());
    let mut renamed = plan.clone();
    renamed.id = release(10);
    assert!(approval.approve(&renamed, now).is_err());
}
