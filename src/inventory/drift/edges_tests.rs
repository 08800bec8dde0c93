//! Comparisons of a target with two edges: a difference names the edge, and a silent edge is not taken for agreement.

use super::world_tests::{
    agreed, edge_at, locked, pointer, requests, route, started_again, with_two,
};
use super::{Agreement, Drift, Name, Truth, compare, difference_of_route, store_went_back};
use crate::inventory::{
    Edge, EdgeAnswer, EdgeName, Edges, Installation, InstanceState, ServiceKind, Slot, SlotMembers,
    Snapshot, SourceState,
};

fn blue() -> Edge {
    edge_at(Slot::Blue, 41)
}

fn silent() -> Edge {
    Edge {
        state: SourceState::Unreachable {
            why: "refused".into(),
            retry_at: None,
        },
        ..Edge::default()
    }
}

fn with(east: Edge, west: Edge) -> Snapshot {
    let mut snapshot = agreed();
    with_two(&mut snapshot, east, west);
    snapshot
}

fn drifts(truth: &Truth) -> Vec<(Name, Option<&str>, &str)> {
    truth
        .drifts()
        .map(|(_, drift)| {
            let edge = drift.edge.as_ref().map(EdgeName::as_str);
            (drift.name, edge, drift.message.as_str())
        })
        .collect()
}

#[test]
fn two_edges_that_agree_with_the_store_are_no_difference() {
    assert_eq!(compare(&with(blue(), blue())).agreed(), Some(true));
}

#[test]
fn a_difference_names_the_edge_that_differs() {
    let installed = |installation| Edge {
        installation: Some(installation),
        ..blue()
    };
    let elsewhere_in_public = || {
        let mut edge = blue();
        edge.public.as_mut().expect("it answers").slot = Some(Slot::Green);
        edge
    };
    let not_installed = || Edge {
        answer: EdgeAnswer::NotInstalled,
        installation: Some(Installation::Missing),
        public: None,
        ..blue()
    };
    let table = [
        (
            edge_at(Slot::Green, 40),
            Name::ProxyElsewhere,
            "store: blue generation 41; proxy west: green generation 40",
        ),
        (
            edge_at(Slot::Blue, 40),
            Name::GenerationDiffers,
            "store: blue generation 41; proxy west: blue generation 40",
        ),
        (
            not_installed(),
            Name::ProxyNotInstalled,
            "store: blue generation 41; the proxy west has no configuration for this target",
        ),
        (
            installed(Installation::Missing),
            Name::ProxyNotInstalled,
            "the proxy west still answers, but its configuration file for this target does not exist",
        ),
        (
            installed(Installation::Outdated("edited".into())),
            Name::ProxyEdited,
            "edited",
        ),
        (
            installed(Installation::Newer("newer".into())),
            Name::ProxyNewer,
            "newer",
        ),
        (
            installed(Installation::Foreign("foreign".into())),
            Name::ProxyForeign,
            "foreign",
        ),
        (
            elsewhere_in_public(),
            Name::PublicElsewhere,
            "the proxy west names blue, but green answered the public address",
        ),
        (
            Edge {
                pointer: Some(pointer(1, 8123)),
                ..blue()
            },
            Name::StoreWentBack,
            "the pointer of the proxy west carries token 8123, but the store is only at revision 100: the store may have been wiped, restored from a backup or replaced",
        ),
    ];
    for (west, name, message) in table {
        let truth = compare(&with(blue(), west));
        assert_eq!(drifts(&truth), [(name, Some("west"), message)]);
        assert_eq!(truth.agreed(), Some(false));
    }
}

#[test]
fn the_same_difference_of_two_edges_is_two_problems() {
    let green = || edge_at(Slot::Green, 40);
    let truth = compare(&with(green(), green()));
    let found: Vec<&Drift> = truth.route.drifts().iter().collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(!found[0].is_same_problem(found[1]));
}

#[test]
fn a_silent_edge_is_unknown_and_hides_no_difference_of_the_other() {
    let truth = compare(&with(blue(), silent()));
    let unknown = Agreement::Unknown("the proxy west has not answered".into());
    assert_eq!((&truth.route, &truth.public), (&unknown, &unknown));
    assert_eq!(truth.agreed(), None);

    let truth = compare(&with(edge_at(Slot::Green, 40), silent()));
    let names: Vec<Name> = truth.drifts().map(|(_, drift)| drift.name).collect();
    assert_eq!(names, [Name::ProxyElsewhere]);

    // A stale answer is not compared.
    let stale = Edge {
        state: SourceState::Connecting,
        ..edge_at(Slot::Green, 40)
    };
    assert_eq!(compare(&with(blue(), stale)).agreed(), None);
    assert_eq!(compare(&with(silent(), silent())).agreed(), None);
}

#[test]
fn a_configuration_that_cannot_be_read_at_one_edge_is_unknown() {
    let unread = Edge {
        installation_unknown: Some("refused".into()),
        ..blue()
    };
    let why = "the proxy west's configuration cannot be read: refused";
    let truth = compare(&with(blue(), unread));
    assert_eq!(truth.route, Agreement::Unknown(why.into()));
}

#[test]
fn requests_to_both_slots_are_no_difference_while_the_edges_name_both() {
    let mut snapshot = with(blue(), edge_at(Slot::Green, 41));
    started_again(&mut snapshot);
    requests(&mut snapshot, Slot::Green);
    let truth = compare(&snapshot);
    let is_two_live = |(_, drift): (_, &Drift)| drift.name == Name::TwoLive;
    assert!(!truth.drifts().any(is_two_live), "{truth:?}");
}

#[test]
fn the_differences_of_all_edges_are_in_one_message_for_a_plan() {
    let mut snapshot = with(edge_at(Slot::Green, 40), edge_at(Slot::Blue, 39));
    route(&mut snapshot).generation = 42;
    let (route, edges) = (snapshot.route.as_ref(), &snapshot.edges);
    assert_eq!(
        difference_of_route(route, edges).as_deref(),
        Some(
            "store: blue generation 42; proxy east: green generation 40; store: blue generation 42; proxy west: blue generation 39"
        )
    );
    assert_eq!(store_went_back(100, edges), None);
    assert!(store_went_back(0, edges).is_some());
    // An edge without an answer is left out: the planner refuses because of it anyway.
    let partly = with(blue(), silent());
    assert_eq!(
        difference_of_route(partly.route.as_ref(), &partly.edges),
        None
    );
}

fn names(snapshot: &Snapshot) -> Vec<Name> {
    let truth = compare(snapshot);
    truth.drifts().map(|(_, drift)| drift.name).collect()
}

/// While a driver holds the lock of a scheduler, it may have stopped the live version on purpose.
#[test]
fn a_scheduler_that_is_stopped_for_a_release_is_no_difference() {
    let mut scheduler = Snapshot {
        edges: Edges::none(),
        ..agreed()
    };
    for member in &mut scheduler.slots.blue.members {
        member.state = InstanceState::Exited { code: Some(0) };
    }
    assert_eq!(names(&scheduler), [Name::InstanceStopped]);
    locked(&mut scheduler);
    assert_eq!(
        names(&scheduler),
        [Name::InstanceStopped],
        "it is no scheduler"
    );
    assert!(scheduler.outage().is_some());
    scheduler.kind = ServiceKind::Scheduler;
    assert_eq!(names(&scheduler), []);
    assert_eq!(scheduler.outage(), None);
    // While it is backed out, the route names the slot from which it was removed.
    scheduler.slots.blue.members = SlotMembers::default();
    assert_eq!(names(&scheduler), []);
    scheduler.lock = None;
    assert_eq!(names(&scheduler), [Name::InstanceGone]);
    assert_eq!(
        scheduler.outage(),
        Some("blue is live, but empty".to_owned())
    );
}

/// Only the store says which version of a background service is live.
#[test]
fn the_lost_route_of_a_worker_is_a_difference() {
    let mut worker = Snapshot {
        edges: Edges::none(),
        ..agreed()
    };
    assert_eq!(compare(&worker).agreed(), Some(true));
    worker.route = None;
    assert_eq!(names(&worker), [Name::RouteMissing]);
    for member in &mut worker.slots.blue.members {
        member.state = InstanceState::Restarting;
    }
    assert!(names(&worker).contains(&Name::RouteMissing));
    worker.slots.blue.members = SlotMembers::default();
    assert!(!names(&worker).contains(&Name::RouteMissing));
}
