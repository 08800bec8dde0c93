//! Plans of workers, which have no proxy: only the store says which version is live.

use greenroom::checks::Suite;
use greenroom::inventory::{
    Addresses, Edges, InstanceState, Occupancy, PerSlot, ServiceKind, Slot, Tier,
};
use greenroom::release::{Definition, Facts, FormerKind, Refusal};

use super::{facts, instance, one, plan, promote, refused, release};
use crate::support::web::definition;

pub(super) fn worker() -> Definition {
    Definition {
        kind: ServiceKind::Worker,
        endpoints: PerSlot::from_fn(|_| Addresses::counted(1)),
        health: None,
        public: None,
        suite: Suite::default(),
        ..definition(Tier::Staging)
    }
}

/// 1.8.2 is live in blue, and 1.9.0 is requested.
pub(super) fn of_worker() -> Facts {
    without_proxy(facts())
}

/// The same facts about a service without a proxy.
pub(super) fn without_proxy(mut facts: Facts) -> Facts {
    facts.edges = Edges::none();
    let record = facts.record.as_mut().expect("a record");
    let route = record.route.as_mut().expect("a route");
    route.value.addresses = Addresses::counted(1);
    facts
}

#[test]
fn a_worker_is_planned_without_health_endpoint_and_proxy() {
    let planned = plan(&promote(), &worker(), &of_worker()).expect("a plan");
    assert_eq!((planned.slot, planned.generation), (Slot::Green, 42));
    let steps: Vec<&str> = planned.calls.iter().map(|it| it.step.as_str()).collect();
    assert!(
        !steps.contains(&"install") && !steps.contains(&"drain"),
        "{steps:?}"
    );
    let calls: Vec<&String> = planned.calls.iter().flat_map(|it| &it.calls).collect();
    for call in calls {
        assert!(!call.contains("proxy") && !call.contains("GET "), "{call}");
    }
}

/// Why a promote is refused because the live version is not known; none if it is planned.
fn unknown(facts: &Facts) -> Option<String> {
    let against = match plan(&promote(), &worker(), facts) {
        Ok(_) => return None,
        Err(refused) => refused.0,
    };
    against.into_iter().find_map(|refusal| match refusal {
        Refusal::LiveUnknown { why, .. } => Some(why),
        _ => None,
    })
}

#[test]
fn a_worker_whose_route_is_lost_is_not_released() {
    let mut facts = of_worker();
    assert_eq!(unknown(&facts), None);
    facts.record.as_mut().expect("a record").route = None;
    let why = unknown(&facts).expect("it may be live");
    assert!(
        why.contains("blue is not stopped") && why.contains("the store has no route"),
        "{why}"
    );
    // It may be live while it is restarted, too.
    for (state, may_be_live) in [
        (InstanceState::Restarting, true),
        (InstanceState::Paused, true),
        (InstanceState::Exited { code: Some(0) }, false),
    ] {
        let blue = instance(Slot::Blue, 'a', state);
        facts.slots.blue = Ok(Occupancy::Ours(one(blue)));
        assert_eq!(unknown(&facts).is_some(), may_be_live, "{state:?}");
    }
}

#[test]
fn the_first_release_of_a_worker_is_ended_before_the_next_one() {
    let mut facts = of_worker();
    facts.record.as_mut().expect("a record").route = None;
    facts.past.as_mut().expect("the history")[0].closed = None;
    let why = unknown(&facts).expect("it may become live");
    assert!(why.contains("has not ended: resume it"), "{why}");
}

#[test]
fn an_unreadable_history_says_nothing_about_a_worker() {
    let facts = Facts {
        past: Err("no answer".to_owned()),
        ..of_worker()
    };
    let against = refused(&promote(), &worker(), &facts);
    assert!(
        matches!(against[..], [Refusal::Unknown { .. }]),
        "{against:?}"
    );
}

#[test]
fn a_worker_that_the_store_does_not_know_is_not_replaced() {
    let mut facts = of_worker();
    let mut newer = instance(Slot::Green, 'c', InstanceState::Running);
    newer.release = Some(release(7));
    facts.slots.green = Ok(Occupancy::Ours(one(newer)));
    let why = unknown(&facts).expect("the store is older than what runs");
    assert!(
        why.contains("does not know the release that started it"),
        "{why}"
    );
}

#[test]
fn a_service_is_not_released_as_another_kind() {
    let route_of_worker = of_worker().record.expect("a record").route;
    let mut of_service = facts();
    of_service.record.as_mut().expect("a record").route = route_of_worker;
    let mut of_former_service = of_worker();
    let former = facts().record.expect("a record").route;
    of_former_service.record.as_mut().expect("a record").route = former;
    for (definition, facts, expected) in [
        (
            definition(Tier::Staging),
            of_service,
            FormerKind::Background,
        ),
        (worker(), of_former_service, FormerKind::Http),
    ] {
        let against = refused(&promote(), &definition, &facts);
        let found = against.iter().find_map(|refusal| match refusal {
            Refusal::KindChanged { was, .. } => Some(*was),
            _ => None,
        });
        assert_eq!(found, Some(expected), "{against:?}");
    }
}
