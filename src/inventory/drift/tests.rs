//! Starts from a snapshot in which everything agrees, changes one thing by hand, and expects the names of the
//! differences.

use super::world_tests::{
    agreed, digest, edge, entry, instance, live, locked, pointer, proxy, public, registered,
    requests, requests_from, route, router_is, side, started_again, with_copy,
};
use super::{Agreement, Name, compare};
use crate::inventory::{
    EdgeAnswer, Installation, InstanceId, InstanceState, Slot, SlotMembers, Snapshot, SourceState,
    Sources,
};

type ByHand = (
    &'static str,
    fn(&mut Snapshot),
    &'static [Name],
    &'static str,
);

/// A manual change, the names of the resulting differences, and a part of their text.
const BY_HAND: &[ByHand] = &[
    (
        "docker stop of the live slot",
        |s| live(s).state = InstanceState::Exited { code: Some(137) },
        &[Name::InstanceStopped],
        "blue is registered but not running",
    ),
    (
        "docker pause of the live slot",
        |s| live(s).state = InstanceState::Paused,
        &[Name::InstanceStopped],
        "blue is registered but paused",
    ),
    (
        "a container that restarts for ever",
        |s| live(s).state = InstanceState::Restarting,
        &[Name::InstanceStopped],
        "blue is registered but restarting",
    ),
    (
        "docker commit of the live container, and docker run of that image",
        |s| with_copy(s, Slot::Blue, 'c'),
        &[Name::MembersDiffer],
        "blue has 2 containers or processes instead of 1: greenroom-web.qa.blue, debugging",
    ),
    (
        "docker run of the same image with the labels of the live slot",
        |s| with_copy(s, Slot::Blue, 'a'),
        &[Name::MembersDiffer],
        "greenroom-web.qa.blue, debugging",
    ),
    (
        "a second container in a slot without traffic",
        |s| {
            started_again(s);
            with_copy(s, Slot::Green, 'b');
        },
        &[Name::MembersDiffer],
        "green has 2 containers or processes instead of 1",
    ),
    (
        "docker rm -f of the live slot: a registration for a dead container",
        |s| s.slots.blue.members = SlotMembers::default(),
        &[Name::InstanceGone],
        "blue is registered but empty",
    ),
    (
        "a registration for a dead container next to the live one",
        |s| {
            let dead = instance(Slot::Green, 'b', 6);
            s.slots.green.registration = Some(entry(&s.slots.green, &dead));
        },
        &[Name::InstanceGone],
        "green is registered",
    ),
    (
        "docker start of the old version",
        started_again,
        &[Name::InstanceStarted],
        "green runs the old version 1.9.0",
    ),
    (
        "docker run of another image under the same name",
        |s| {
            live(s).digest = digest('c');
            live(s).id = InstanceId("other".into());
        },
        &[Name::VersionDiffers],
        "blue runs cccccccccc but is registered as aaaaaaaaaa",
    ),
    (
        "docker run of the same image under another tag",
        |s| {
            live(s).tag = Some("2.0.0".into());
            live(s).id = InstanceId("other".into());
        },
        &[Name::TagDiffers],
        "runs tag 2.0.0 but is registered with tag 1.9.0",
    ),
    (
        "docker rm and run of the same image",
        |s| live(s).id = InstanceId("other".into()),
        &[Name::InstanceReplaced],
        "blue runs container or process other but is registered with blue-7",
    ),
    (
        "etcdctl del of the live slot's key",
        |s| s.slots.blue.registration = None,
        &[Name::LiveNotRegistered],
        "blue has the traffic but is not registered",
    ),
    (
        "etcdctl put of nonsense into the live slot's key",
        |s| {
            s.slots.blue.registration = None;
            s.problems.insert(
                "/greenroom/v1/targets/web/qa/slots/blue".into(),
                "it cannot be read".into(),
            );
        },
        &[Name::KeyUnreadable],
        "slots/blue: it cannot be read",
    ),
    (
        "etcdctl put of another digest into the live slot's key",
        |s| registered(s).digest = digest('d'),
        &[Name::VersionDiffers],
        "registered as dddddddddd",
    ),
    (
        "etcdctl put of another address into the live slot's key",
        |s| {
            registered(s).members[0].endpoint = "10.0.0.9:80".parse().ok();
        },
        &[Name::AddressDiffers],
        "registered at 10.0.0.9:80 but its address is 127.0.0.1:3001",
    ),
    (
        "etcdctl put of nonsense into the lock",
        |s| {
            s.problems
                .insert("targets/web/qa/lock".into(), "it cannot be read".into());
        },
        &[Name::KeyUnreadable],
        "lock: it cannot be read",
    ),
    (
        "etcdctl del of the route",
        |s| s.route = None,
        &[Name::RouteMissing],
        "the proxy sends traffic to blue, but the store has no route",
    ),
    (
        "etcdctl put of nonsense into the route",
        |s| {
            s.route = None;
            s.problems.insert(
                "/greenroom/v1/targets/web/qa/route".into(),
                "it cannot be read".into(),
            );
        },
        &[Name::KeyUnreadable],
        "route: it cannot be read",
    ),
    (
        "etcdctl put of an older route",
        |s| route(s).generation = 40,
        &[Name::GenerationDiffers],
        "store: blue generation 40; proxy: blue generation 41",
    ),
    (
        "a store that was restored from an older backup",
        |s| s.store_revision = Some(0),
        &[Name::StoreWentBack],
        "carries token 1, but the store is only at revision 0",
    ),
    (
        "a store that was restored, and a switch that was prepared before",
        |s| edge(s).pointer = Some(pointer(1, 8123)),
        &[Name::StoreWentBack],
        "carries token 8123, but the store is only at revision 100",
    ),
    (
        "etcdctl put of another address into the route",
        |s| {
            route(s).addresses = "10.0.0.9:80".parse().expect("an address");
        },
        &[Name::RouteAddressDiffers],
        "the route has address 10.0.0.9:80",
    ),
    (
        "etcdctl put of another digest into the route",
        |s| route(s).digest = digest('e'),
        &[Name::RouteVersionDiffers],
        "the route has version eeeeeeeeee, but blue runs aaaaaaaaaa",
    ),
    (
        "ln -sfn of the live pointer",
        |s| {
            proxy(s).slot = Some(Slot::Green);
            public(s).slot = Some(Slot::Green);
        },
        &[Name::ProxyElsewhere],
        "proxy: green generation 41",
    ),
    (
        "rm of the live pointer",
        |s| {
            proxy(s).slot = None;
            proxy(s).generation = 0;
            public(s).slot = None;
        },
        &[Name::ProxyElsewhere],
        "proxy: no slot, generation 0",
    ),
    (
        "rm of nginx's file and a reload",
        |s| {
            edge(s).answer = EdgeAnswer::NotInstalled;
            edge(s).public = None;
            edge(s).installation = Some(Installation::Missing);
        },
        &[Name::ProxyNotInstalled],
        "the proxy has no configuration for this target",
    ),
    (
        "rm of nginx's file, not yet reloaded",
        |s| edge(s).installation = Some(Installation::Missing),
        &[Name::ProxyNotInstalled],
        "its configuration file for this target does not exist",
    ),
    (
        "nginx's file edited by hand",
        |s| {
            edge(s).installation = Some(Installation::Outdated(
                "web.conf is not what the configuration asks for".into(),
            ));
        },
        &[Name::ProxyEdited],
        "web.conf is not what",
    ),
    (
        "nginx's file installed from a newer configuration",
        |s| edge(s).installation = Some(Installation::Newer("web.conf is newer".into())),
        &[Name::ProxyNewer],
        "web.conf is newer",
    ),
    (
        "another target's file in the place of nginx's",
        |s| {
            edge(s).installation = Some(Installation::Foreign(
                "web.conf is the file of api/qa".into(),
            ));
        },
        &[Name::ProxyForeign],
        "web.conf is the file of api/qa",
    ),
    (
        "another proxy took the public port",
        |s| public(s).slot = Some(Slot::Green),
        &[Name::PublicElsewhere],
        "the proxy names blue, but green answered the public address",
    ),
    (
        "something else took the public port",
        |s| {
            public(s).slot = None;
            public(s).detail = "no answer of this proxy".into();
        },
        &[Name::PublicNotOurs],
        "but no slot of this target answered the public address: no answer of this proxy",
    ),
    (
        "the public is answered badly",
        |s| public(s).detail = "status 502".into(),
        &[Name::PublicUnwell],
        "status 502",
    ),
    (
        "a restored store whose revision was raised",
        |s| {
            started_again(s);
            proxy(s).slot = Some(Slot::Green);
            proxy(s).generation += 1;
            public(s).slot = Some(Slot::Green);
        },
        &[Name::LiveNotRegistered, Name::ProxyElsewhere],
        "the proxy is newer than the route: the store was restored from a backup, or the route's key or the live pointer was edited",
    ),
    (
        "two slots that are live",
        |s| {
            started_again(s);
            requests(s, Slot::Blue);
            requests(s, Slot::Green);
        },
        &[Name::InstanceStarted, Name::TwoLive],
        "the proxy names blue, but green still gets public requests (12 in the last seconds)",
    ),
    (
        "several things at once",
        |s| {
            live(s).state = InstanceState::Exited { code: None };
            route(s).generation = 3;
            public(s).detail = "status 502".into();
        },
        &[
            Name::InstanceStopped,
            Name::GenerationDiffers,
            Name::PublicUnwell,
        ],
        "generation 3",
    ),
];

#[test]
fn requests_from_before_a_switch_are_no_second_live_slot() {
    let is_two_live = |blue: Option<(u64, u64)>, green: (u64, u64)| {
        let mut snapshot = agreed();
        started_again(&mut snapshot);
        if let Some(blue) = blue {
            requests_from(&mut snapshot, Slot::Blue, blue);
        }
        requests_from(&mut snapshot, Slot::Green, green);
        let truth = compare(&snapshot);
        truth.drifts().any(|(_, drift)| drift.name == Name::TwoLive)
    };
    // In the first case, blue has had the traffic for four seconds.
    assert!(!is_two_live(Some((4, 1)), (9, 4)));
    // A request of green that was running during the switch started in the second of the switch, according to the log.
    assert!(!is_two_live(Some((4, 1)), (9, 3)));
    assert!(is_two_live(Some((4, 1)), (9, 1)));
    // Blue had no request, so the time of the switch is unknown.
    assert!(!is_two_live(None, (9, 4)));
    assert!(is_two_live(None, (9, 1)));
}

#[test]
fn every_manual_change_is_noticed_and_named() {
    for (change, apply, names, part) in BY_HAND {
        let mut snapshot = agreed();
        apply(&mut snapshot);
        let truth = compare(&snapshot);
        let found: Vec<Name> = truth.drifts().map(|(_, drift)| drift.name).collect();
        assert_eq!(found, *names, "{change}: {truth:?}");
        let messages: Vec<&str> = truth
            .drifts()
            .map(|(_, drift)| drift.message.as_str())
            .collect();
        assert!(messages.join("\n").contains(part), "{change}: {messages:?}");
        assert!(!truth.agrees());
    }
}

#[test]
fn every_name_has_a_case() {
    for name in Name::ALL {
        let is_covered = BY_HAND.iter().any(|(_, _, names, _)| names.contains(&name));
        assert!(is_covered, "{name}");
    }
}

/// The lock of a running release may be newer than the last reading of the store.
#[test]
fn a_token_above_the_store_is_no_drift_during_a_release() {
    let mut snapshot = agreed();
    snapshot.store_revision = Some(0);
    locked(&mut snapshot);
    assert!(compare(&snapshot).route.drifts().is_empty());
}

type NoDrift = (&'static str, fn(&mut Snapshot));

const NO_DRIFT: &[NoDrift] = &[
    ("nothing", |_| ()),
    ("a candidate of a running release", |s| {
        s.slots.green.members = SlotMembers::new([instance(Slot::Green, 'b', 8)]);
        locked(s);
    }),
    ("a candidate of an interrupted release", |s| {
        s.slots.green.members = SlotMembers::new([instance(Slot::Green, 'b', 8)]);
    }),
    ("an old version about to be stopped", |s| {
        started_again(s);
        requests(s, Slot::Green);
        locked(s);
    }),
    ("a warm standby", |s| {
        let old = instance(Slot::Green, 'b', 6);
        s.slots.green.registration = Some(entry(&s.slots.green, &old));
        s.slots.green.members = SlotMembers::new([old]);
        locked(s);
    }),
    ("an old version that is stopped", |s| {
        started_again(s);
        s.slots
            .green
            .members
            .iter_mut()
            .next()
            .expect("green has an instance")
            .state = InstanceState::Exited { code: Some(0) };
    }),
    ("a key that is not Greenroom's", |s| {
        s.problems.insert(
            "/greenroom/v1/targets/web/qa/notes".into(),
            "it is not a key of Greenroom's".into(),
        );
    }),
    ("a target before its first release", |s| {
        s.slots.blue = side(Slot::Blue);
        s.route = None;
        edge(s).answer = EdgeAnswer::NotInstalled;
        edge(s).public = None;
        edge(s).installation = Some(Installation::Missing);
    }),
];

#[test]
fn a_snapshot_in_which_everything_agrees_has_no_difference() {
    for (change, apply) in NO_DRIFT {
        let mut snapshot = agreed();
        apply(&mut snapshot);
        let truth = compare(&snapshot);
        assert!(truth.agrees(), "{change}: {truth:?}");
    }
}

#[test]
fn an_unreachable_source_is_unknown_and_no_difference() {
    let silent = |source: fn(&mut Sources) -> &mut SourceState| {
        let mut snapshot = agreed();
        live(&mut snapshot).state = InstanceState::Exited { code: None };
        route(&mut snapshot).generation = 3;
        *source(&mut snapshot.sources) = SourceState::Connecting;
        compare(&snapshot)
    };
    let truth = silent(|sources| &mut sources.runtime);
    assert!(
        matches!(truth.instances, Agreement::Unknown(_)),
        "{truth:?}"
    );
    let truth = silent(|sources| &mut sources.registry);
    assert!(
        matches!(
            (&truth.instances, &truth.route),
            (Agreement::Unknown(_), Agreement::Unknown(_))
        ),
        "{truth:?}"
    );
    let mut snapshot = agreed();
    edge(&mut snapshot).answer = EdgeAnswer::Unknown;
    router_is(&mut snapshot, SourceState::Connecting);
    let truth = compare(&snapshot);
    assert!(
        matches!(
            (&truth.route, &truth.public),
            (Agreement::Unknown(_), Agreement::Unknown(_))
        ),
        "{truth:?}"
    );
}
