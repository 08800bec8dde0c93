//! Tests of the guards and judges of a worker, which has no proxy and no address.

use super::edges_tests::judged;
use super::guard_tests::{
    STOP, SWITCH, WATCH, after_the_switch, before_the_switch, observed, plan, refusal, switch,
    verdict,
};
use super::{Judgement, Verdict};
use crate::inventory::drift::world_tests::route;
use crate::inventory::{
    Addresses, EdgeSlots, Edges, PerSlot, Probe, RuntimeHealth, ServiceKind, Slot, Snapshot,
};
use crate::release::{Observation, Plan};

pub(super) fn plan_of_worker() -> Plan {
    let mut plan = plan();
    let definition = &mut plan.definition;
    definition.kind = ServiceKind::Worker;
    definition.endpoints = PerSlot::from_fn(|_| Addresses::counted(1));
    (definition.health, definition.public) = (None, None);
    let from = plan.from.as_mut().expect("a live version");
    from.addresses = Addresses::counted(1);
    plan
}

pub(super) fn of_worker(mut snapshot: Snapshot) -> Snapshot {
    snapshot.edges = Edges::none();
    for slot in Slot::BOTH {
        let side = snapshot.slots.get_mut(slot);
        side.addresses = Addresses::counted(1);
        let registered = side.registration.iter_mut();
        for member in registered.flat_map(|entry| &mut entry.value.members) {
            member.endpoint = None;
        }
    }
    route(&mut snapshot).addresses = Addresses::counted(1);
    snapshot
}

#[test]
fn a_switch_of_a_worker_changes_only_the_route() {
    let movement = switch(verdict(
        SWITCH,
        &plan_of_worker(),
        of_worker(before_the_switch()),
    ));
    let route = movement.route.expect("a route");
    assert_eq!((movement.to, movement.generation), (Slot::Green, 42));
    assert_eq!(route.addresses, Addresses::counted(1));
    assert!(!movement.from.contains(Slot::Blue), "no edge names a slot");
    assert_ne!(movement.from, EdgeSlots::from(None));
    let switched = of_worker(after_the_switch());
    assert_eq!(
        verdict(SWITCH, &plan_of_worker(), switched.clone()),
        Verdict::Nothing
    );
    let (judgement, _) = judged(SWITCH, &plan_of_worker(), &observed(switched));
    assert!(matches!(judgement, Judgement::True(_)), "{judgement:?}");
    let (judgement, _) = judged(
        SWITCH,
        &plan_of_worker(),
        &observed(of_worker(before_the_switch())),
    );
    assert!(matches!(judgement, Judgement::NotYet(_)), "{judgement:?}");
}

#[test]
fn the_live_slot_of_a_worker_is_not_stopped() {
    let stopping = |snapshot| verdict(STOP, &plan_of_worker(), snapshot);
    let why = refusal(stopping(of_worker(before_the_switch())));
    assert_eq!(why, "blue is live: the route names it");
    assert!(matches!(
        stopping(of_worker(after_the_switch())),
        Verdict::Act(_)
    ));
    let mut lost = of_worker(after_the_switch());
    lost.route = None;
    assert!(matches!(stopping(lost), Verdict::Refuse(_)));
}

/// The probe of a worker says nothing, so its HEALTHCHECK decides.
#[test]
fn a_worker_with_a_failing_healthcheck_does_not_become_live() {
    let mut snapshot = of_worker(before_the_switch());
    for member in &mut snapshot.slots.green.members {
        member.health = RuntimeHealth::Unhealthy;
    }
    let Verdict::Wait(why) = verdict(SWITCH, &plan_of_worker(), snapshot) else {
        panic!("it is not healthy");
    };
    assert!(why.contains("HEALTHCHECK"), "{why}");
}

#[test]
fn a_watch_of_a_worker_needs_the_runtime() {
    let watch = |observation: &Observation| judged(WATCH, &plan_of_worker(), observation).0;
    let mut observation = observed(of_worker(after_the_switch()));
    observation.probe = Some(Probe::without_address());
    assert!(matches!(watch(&observation), Judgement::Moving(_)));
    for member in &mut observation.instances.as_mut().expect("members").green {
        member.health = RuntimeHealth::Starting;
    }
    let starting = Judgement::Moving("the HEALTHCHECK is still starting".into());
    assert_eq!(watch(&observation), starting);
    observation.instances = None;
    assert!(matches!(watch(&observation), Judgement::NotYet(_)));
}

#[test]
fn a_route_of_the_other_kind_of_service_is_not_replaced() {
    let mut former = of_worker(before_the_switch());
    route(&mut former).addresses = "127.0.0.1:3001".parse().expect("an address");
    let why = refusal(verdict(SWITCH, &plan_of_worker(), former));
    assert!(why.contains("released as another kind of service"), "{why}");
}
