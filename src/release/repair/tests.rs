//! Tests of the remedy for each manual change: the planned actions in order, or none if only a person can repair the
//! change.

use std::collections::BTreeSet;

use super::plan::{Planned, plan};
use super::sample::sample_definition as definition;
use super::{Item, ProxyCalls, Remedy};
use crate::inventory::drift::world_tests::{
    agreed, digest, edge, entry, live, member, pointer, proxy, public, registered, release,
    requests, route, started_again, with_copy,
};
use crate::inventory::drift::{Name, compare};
use crate::inventory::{
    EdgeAnswer, HIGHEST_GENERATION, Installation, InstanceId, InstanceState, PointerState,
    RebaseOrder, Slot, SlotMembers, Snapshot, SwitchOrder, Tier,
};
use crate::release::Known;

pub(super) struct TestProxy;

impl ProxyCalls for TestProxy {
    fn install(&self) -> Vec<String> {
        vec!["proxy: install".into()]
    }

    fn switch(&self, order: &SwitchOrder) -> Vec<String> {
        vec![format!(
            "proxy: to {} generation {}",
            order.to, order.generation
        )]
    }

    fn rebase(&self, order: &RebaseOrder) -> Vec<String> {
        vec![format!("proxy: generation {}", order.generation)]
    }
}

/// Plans a repair of a snapshot whose route is proven by a release.
pub(super) fn planned(snapshot: &Snapshot, only: Option<Name>) -> (Vec<Item>, Vec<Planned>) {
    planned_where(snapshot, &Ok(()), only)
}

/// Plans a repair. `released` says whether a release proves the version in the slot of the route.
pub(super) fn planned_where(
    snapshot: &Snapshot,
    released: &Known<()>,
    only: Option<Name>,
) -> (Vec<Item>, Vec<Planned>) {
    let definition = definition(Tier::Staging);
    plan((snapshot, released), &definition, only, &TestProxy)
}

pub(super) fn titles(repair_actions: &[Planned]) -> Vec<String> {
    repair_actions
        .iter()
        .map(|planned| planned.repair_action.title())
        .collect()
}

/// A manual change, how it changes the snapshot, and the planned actions. The list is empty if only a person can repair
/// the change.
pub(super) type ByHand = (&'static str, fn(&mut Snapshot), &'static [&'static str]);

fn unreadable(snapshot: &mut Snapshot, key: &str) {
    let key = format!("/greenroom/v1/targets/web/qa/{key}");
    snapshot.problems.insert(key, "it cannot be read".into());
}

/// Adds the previous version in green, running and registered.
fn standby(snapshot: &mut Snapshot) {
    started_again(snapshot);
    let green = member(snapshot, Slot::Green).clone();
    let mut entry = entry(&snapshot.slots.green, &green);
    entry.value.release = release(6);
    snapshot.slots.green.registration = Some(entry);
}

pub(super) const EXITED: InstanceState = InstanceState::Exited { code: Some(137) };

pub(super) const BY_HAND: &[ByHand] = &[
    (
        "docker stop of the live container",
        |s| live(s).state = EXITED,
        &["start blue again"],
    ),
    (
        "docker pause of the live container",
        |s| live(s).state = InstanceState::Paused,
        &["start blue again"],
    ),
    (
        "the live container restarts again and again",
        |s| live(s).state = InstanceState::Restarting,
        &[],
    ),
    (
        "docker run with the labels of the live slot",
        |s| with_copy(s, Slot::Blue, 'a'),
        &[],
    ),
    (
        "docker run with the labels of the warm slot",
        |s| {
            standby(s);
            with_copy(s, Slot::Green, 'b');
        },
        &[],
    ),
    (
        "docker rm of the live container",
        |s| s.slots.blue.members = SlotMembers::default(),
        &["create blue again", "register blue"],
    ),
    (
        "docker rm of the live container, and the route names another version",
        |s| {
            s.slots.blue.members = SlotMembers::default();
            route(s).digest = digest('e');
        },
        &[],
    ),
    (
        "docker stop of the warm container",
        |s| {
            standby(s);
            member(s, Slot::Green).state = EXITED;
        },
        &["deregister green"],
    ),
    (
        "docker rm of the warm container, which stays registered",
        |s| {
            standby(s);
            s.slots.green.members = SlotMembers::default();
        },
        &["deregister green"],
    ),
    (
        "docker start of the old version",
        started_again,
        &["stop green"],
    ),
    (
        "docker rm and run of the same image",
        |s| live(s).id = InstanceId("other".into()),
        &["register blue"],
    ),
    (
        "docker run of the same image under another tag",
        |s| {
            live(s).tag = Some("2.0.0".into());
            live(s).id = InstanceId("other".into());
        },
        &["register blue"],
    ),
    (
        "docker run of a never released image in the live slot",
        |s| {
            live(s).digest = digest('c');
            live(s).id = InstanceId("other".into());
        },
        &[],
    ),
    (
        "docker run of another image in the warm slot",
        |s| {
            standby(s);
            let green = member(s, Slot::Green);
            green.digest = digest('c');
            green.id = InstanceId("other".into());
        },
        &["deregister green", "stop green"],
    ),
    (
        "etcdctl put of another digest into the live slot's key",
        |s| registered(s).digest = digest('d'),
        &["register blue"],
    ),
    (
        "etcdctl put of another digest into the route and the live slot's key",
        |s| {
            registered(s).digest = digest('d');
            route(s).digest = digest('d');
        },
        &[],
    ),
    (
        "etcdctl put of another address into the live slot's key",
        |s| registered(s).members[0].endpoint = "10.0.0.9:80".parse().ok(),
        &["register blue"],
    ),
    (
        "etcdctl del of the live slot's key",
        |s| s.slots.blue.registration = None,
        &["register blue"],
    ),
    (
        "the live slot is not registered and runs another version",
        |s| {
            s.slots.blue.registration = None;
            live(s).digest = digest('c');
        },
        &[],
    ),
    (
        "the live slot is not registered and is stopped",
        |s| {
            s.slots.blue.registration = None;
            live(s).state = EXITED;
        },
        &["start blue again", "register blue"],
    ),
    (
        "nonsense in the live slot's key",
        |s| {
            s.slots.blue.registration = None;
            unreadable(s, "slots/blue");
        },
        &["register blue"],
    ),
    (
        "nonsense in the other slot's key",
        |s| unreadable(s, "slots/green"),
        &["deregister green"],
    ),
    ("nonsense in the lock", |s| unreadable(s, "lock"), &[]),
    ("nonsense in the hold", |s| unreadable(s, "hold"), &[]),
    (
        "nonsense in the journal",
        |s| unreadable(s, "releases/01J"),
        &[],
    ),
    (
        "etcdctl del of the route",
        |s| s.route = None,
        &["set the route to blue"],
    ),
    (
        "nonsense in the route",
        |s| {
            s.route = None;
            unreadable(s, "route");
        },
        &["set the route to blue"],
    ),
    (
        "etcdctl del of the route and of the live slot's key",
        |s| {
            s.route = None;
            s.slots.blue.registration = None;
        },
        &["register blue", "set the route to blue"],
    ),
    (
        "nonsense in the route, and the proxy names no slot",
        |s| {
            s.route = None;
            unreadable(s, "route");
            proxy(s).slot = None;
            public(s).slot = None;
        },
        &[],
    ),
    (
        "etcdctl put of an older route",
        |s| route(s).generation = 40,
        &["set the route to blue"],
    ),
    (
        "etcdctl put of a route with a generation that no switch has made",
        |s| route(s).generation = HIGHEST_GENERATION,
        &["set the route to blue"],
    ),
    (
        "the live pointer is put back to an older generation of the same slot",
        |s| proxy(s).generation = 39,
        &["point the proxy at blue"],
    ),
    (
        "ln -sfn of the live pointer to a generation below the route's",
        |s| {
            proxy(s).slot = Some(Slot::Green);
            proxy(s).generation = 40;
            public(s).slot = Some(Slot::Green);
        },
        &["point the proxy at blue"],
    ),
    (
        "ln -sfn of the live pointer, with the route's generation",
        |s| {
            proxy(s).slot = Some(Slot::Green);
            public(s).slot = Some(Slot::Green);
        },
        &["set the route to blue", "point the proxy at blue"],
    ),
    (
        "ln -sfn of the live pointer to the old version, started again",
        |s| {
            started_again(s);
            requests(s, Slot::Green);
            proxy(s).slot = Some(Slot::Green);
            proxy(s).generation = 40;
            public(s).slot = Some(Slot::Green);
        },
        &["point the proxy at blue", "stop green"],
    ),
    (
        "rm of the live pointer",
        |s| {
            proxy(s).slot = None;
            proxy(s).generation = 0;
            public(s).slot = None;
        },
        &["point the proxy at blue"],
    ),
    (
        "etcdctl put of a route to a slot in which nothing runs",
        |s| {
            route(s).live = Slot::Green;
            route(s).addresses = "127.0.0.1:3002".parse().expect("an address");
        },
        &["set the route to blue", "point the proxy at blue"],
    ),
    (
        "etcdctl put of another address into the route",
        |s| route(s).addresses = "10.0.0.9:80".parse().expect("an address"),
        &["set the route to blue"],
    ),
    (
        "a store that was restored from an older backup",
        |s| edge(s).pointer = Some(pointer(8123, 8000)),
        &[
            "set the route to blue",
            "give the live pointer a token of this store",
        ],
    ),
    (
        "a store that was wiped",
        |s| {
            edge(s).pointer = Some(pointer(8123, 8000));
            s.route = None;
            s.slots.blue.registration = None;
        },
        &[
            "register blue",
            "set the route to blue",
            "give the live pointer a token of this store",
        ],
    ),
    (
        "a store that was restored from before the last release",
        |s| {
            edge(s).pointer = Some(pointer(8123, 8000));
            route(s).live = Slot::Green;
            route(s).generation = 40;
            route(s).addresses = "127.0.0.1:3002".parse().expect("an address");
            registered(s).digest = digest('e');
            registered(s).members[0].instance = InstanceId("before".into());
        },
        &[
            "register blue",
            "set the route to blue",
            "give the live pointer a token of this store",
        ],
    ),
    (
        "a restored store while the live slot does not answer",
        |s| {
            edge(s).pointer = Some(pointer(8123, 8000));
            route(s).live = Slot::Green;
            route(s).generation = 40;
            route(s).addresses = "127.0.0.1:3002".parse().expect("an address");
            live(s).state = EXITED;
        },
        &[
            "start blue again",
            "give the live pointer a token of this store",
        ],
    ),
    (
        "a store that was restored with a raised revision",
        |s| {
            route(s).live = Slot::Green;
            route(s).generation = 38;
            route(s).addresses = "127.0.0.1:3002".parse().expect("an address");
            s.slots.blue.registration = None;
        },
        &["register blue", "set the route to blue"],
    ),
    (
        "a store that was wiped, and rm of nginx's file and a reload",
        |s| {
            edge(s).pointer = Some(pointer(8123, 8000));
            edge(s).answer = EdgeAnswer::NotInstalled;
            edge(s).public = None;
            edge(s).installation = Some(Installation::Missing);
        },
        &["install the proxy's configuration"],
    ),
    (
        "a store that was restored, and rm of the live pointer",
        |s| {
            edge(s).pointer = Some(PointerState {
                live: None,
                ..pointer(8123, 8000)
            });
            proxy(s).slot = None;
            proxy(s).generation = 0;
            public(s).slot = None;
        },
        &[
            "set the route to blue",
            "give the live pointer a token of this store",
            "point the proxy at blue",
        ],
    ),
    (
        "etcdctl put of another digest into the route",
        |s| route(s).digest = digest('e'),
        &["set the route to blue"],
    ),
    (
        "another version in the live slot, and its key edited to it",
        |s| {
            live(s).digest = digest('c');
            live(s).id = InstanceId("other".into());
            registered(s).digest = digest('c');
        },
        &[],
    ),
    (
        "another version in the live slot, and another address in its key",
        |s| {
            live(s).digest = digest('c');
            live(s).id = InstanceId("other".into());
            registered(s).members[0].endpoint = "10.0.0.9:80".parse().ok();
        },
        &[],
    ),
    (
        "rm of nginx's file and a reload",
        |s| {
            edge(s).answer = EdgeAnswer::NotInstalled;
            edge(s).public = None;
            edge(s).installation = Some(Installation::Missing);
        },
        &["install the proxy's configuration"],
    ),
    (
        "rm of nginx's file, not yet reloaded",
        |s| edge(s).installation = Some(Installation::Missing),
        &["install the proxy's configuration"],
    ),
    (
        "nginx's file edited by hand",
        |s| edge(s).installation = Some(Installation::Outdated("web.conf is another".into())),
        &["install the proxy's configuration"],
    ),
    (
        "another proxy took the public port",
        |s| public(s).slot = Some(Slot::Green),
        &[],
    ),
    (
        "another program answers on the public port",
        |s| public(s).slot = None,
        &[],
    ),
    (
        "the public address gives a bad answer",
        |s| public(s).detail = "status 502".into(),
        &[],
    ),
    (
        "a configuration that was installed from a newer file",
        |s| edge(s).installation = Some(Installation::Newer("web.conf is newer".into())),
        &[],
    ),
    (
        "another target's file in the place of the configuration",
        |s| edge(s).installation = Some(Installation::Foreign("web.conf is api/qa's".into())),
        &[],
    ),
    (
        "both slots get requests, because the configuration was edited",
        |s| {
            started_again(s);
            requests(s, Slot::Blue);
            requests(s, Slot::Green);
            edge(s).installation = Some(Installation::Outdated("web.conf is another".into()));
        },
        &["install the proxy's configuration", "stop green"],
    ),
    (
        "both slots get requests, and the configuration is correct",
        |s| {
            started_again(s);
            requests(s, Slot::Green);
        },
        &[],
    ),
    (
        "several changes at once: the live slot is repaired first",
        |s| {
            started_again(s);
            live(s).state = EXITED;
            public(s).detail = "status 502".into();
            edge(s).installation = Some(Installation::Outdated("web.conf is another".into()));
            proxy(s).generation = 12;
        },
        &[
            "start blue again",
            "install the proxy's configuration",
            "point the proxy at blue",
            "stop green",
        ],
    ),
];

#[test]
fn every_manual_change_has_its_actions_or_needs_an_operator() {
    for (done, how, expected) in BY_HAND {
        let mut snapshot = agreed();
        how(&mut snapshot);
        let (items, repair_actions) = planned(&snapshot, None);
        assert_eq!(titles(&repair_actions), *expected, "{done}: {items:#?}");
        let drifts = compare(&snapshot).drifts().count();
        assert_eq!(
            items.len(),
            drifts,
            "{done}: every difference has its remedy"
        );
        for item in &items {
            let words = match &item.remedy {
                Remedy::Actions(repair_actions) => {
                    assert!(!repair_actions.is_empty(), "{done}: {item:?}");
                    continue;
                }
                Remedy::Follows(words) | Remedy::Person(words) => words,
            };
            assert!(words.len() > 20, "{done}: {item:?}");
        }
        for planned in &repair_actions {
            assert!(!planned.calls.is_empty(), "{done}: {planned:?}");
        }
    }
}

#[test]
fn every_difference_is_in_the_table() {
    let mut seen = BTreeSet::new();
    for (_, how, _) in BY_HAND {
        let mut snapshot = agreed();
        how(&mut snapshot);
        seen.extend(compare(&snapshot).drifts().map(|(_, drift)| drift.name));
    }
    assert_eq!(seen, Name::ALL.into_iter().collect());
}
