//! A snapshot in which everything agrees, and access to its parts. Tests of several modules start from it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::inventory::{
    Began, Digest, Edge, EdgeAnswer, EdgeName, Edges, FencingToken, ImageLabels, Installation,
    Instance, InstanceId, InstanceState, LastSwitch, LockHolder, LockRecord, Operator, PerSlot,
    PointerState, ProxyAnswer, PublicAnswer, Rates, RegisteredMember, Registration, ReleaseId,
    Revisioned, Route, RuntimeHealth, Slot, SlotMembers, SlotSnapshot, Snapshot, SourceState,
    Sources, Target, Tier,
};

pub(crate) fn digest(fill: char) -> Digest {
    format!("sha256:{}", fill.to_string().repeat(64))
        .parse()
        .expect("a digest")
}

pub(crate) fn release(number: u128) -> ReleaseId {
    ReleaseId(number.into())
}

pub(crate) fn target() -> Target {
    Target::new(
        "web".parse().expect("a name"),
        "qa".parse().expect("a name"),
    )
}

pub(crate) fn instance(slot: Slot, fill: char, number: u128) -> Instance {
    Instance {
        id: InstanceId(format!("{slot}-{number}")),
        name: format!("greenroom-web.qa.{slot}"),
        target: target(),
        slot,
        number: 1,
        of: 1,
        endpoint: None,
        digest: digest(fill),
        tag: Some("1.9.0".into()),
        release: Some(release(number)),
        state: InstanceState::Running,
        health: RuntimeHealth::Unchecked,
        started_at: None,
        restarts: 0,
        last_exit: None,
        pid: Some(1),
        labels: ImageLabels::default(),
        configuration: BTreeMap::new(),
    }
}

pub(crate) fn side(slot: Slot) -> SlotSnapshot {
    let port = if slot == Slot::Blue { 3001 } else { 3002 };
    SlotSnapshot {
        addresses: format!("127.0.0.1:{port}").parse().expect("an address"),
        members: SlotMembers::default(),
        registration: None,
        probe: None,
        rates: None,
    }
}

pub(crate) fn entry(side: &SlotSnapshot, instance: &Instance) -> Revisioned<Registration> {
    let value = Registration {
        slot: instance.slot,
        members: vec![RegisteredMember {
            endpoint: side.addresses.first().cloned(),
            instance: instance.id.clone(),
        }],
        tag: instance.tag.clone(),
        digest: instance.digest.clone(),
        release: release(7),
        registered_at: Timestamp::UNIX_EPOCH,
        token: FencingToken(1),
    };
    Revisioned { value, revision: 5 }
}

/// Release 7 made blue live, and blue is registered. Green is empty.
pub(crate) fn agreed() -> Snapshot {
    let mut blue = side(Slot::Blue);
    let live = instance(Slot::Blue, 'a', 7);
    blue.registration = Some(entry(&blue, &live));
    let route = Route {
        generation: 41,
        live: Slot::Blue,
        addresses: blue.addresses.clone(),
        digest: live.digest.clone(),
        release: release(7),
        token: FencingToken(1),
    };
    blue.members = SlotMembers::new([live]);
    let endpoints = PerSlot::from_fn(|slot| side(slot).addresses);
    Snapshot {
        slots: PerSlot {
            blue,
            green: side(Slot::Green),
        },
        route: Some(Revisioned {
            value: route,
            revision: 6,
        }),
        edges: Edges::from(edge_at(Slot::Blue, 41)),
        preview: None,
        rates_unknown: None,
        store_revision: Some(100),
        sources: Sources {
            runtime: SourceState::Live,
            registry: SourceState::Live,
            router: SourceState::Live,
        },
        ..Snapshot::unobserved(target(), Tier::Staging, &endpoints, Timestamp::UNIX_EPOCH)
    }
}

pub(crate) fn live(snapshot: &mut Snapshot) -> &mut Instance {
    member(snapshot, Slot::Blue)
}

/// The first member of a slot.
pub(crate) fn member(snapshot: &mut Snapshot, slot: Slot) -> &mut Instance {
    let mut members = snapshot.slots.get_mut(slot).members.iter_mut();
    members.next().expect("a member")
}

/// Adds a second container with the labels of a slot, as `docker commit` and `docker run` do.
pub(crate) fn with_copy(snapshot: &mut Snapshot, slot: Slot, fill: char) {
    let members = &mut snapshot.slots.get_mut(slot).members;
    let copy = Instance {
        id: InstanceId("copy".into()),
        name: "debugging".into(),
        ..instance(slot, fill, 7)
    };
    *members = SlotMembers::new(members.iter().cloned().chain([copy]));
}

pub(crate) fn registered(snapshot: &mut Snapshot) -> &mut Registration {
    &mut snapshot
        .slots
        .blue
        .registration
        .as_mut()
        .expect("it is registered")
        .value
}

pub(crate) fn route(snapshot: &mut Snapshot) -> &mut Route {
    &mut snapshot.route.as_mut().expect("a route").value
}

/// The only edge.
pub(crate) fn edge(snapshot: &mut Snapshot) -> &mut Edge {
    snapshot.edges.edge_mut(&EdgeName::default())
}

pub(crate) fn proxy(snapshot: &mut Snapshot) -> &mut ProxyAnswer {
    edge(snapshot).answer.proxy_mut().expect("it answers")
}

pub(crate) fn public(snapshot: &mut Snapshot) -> &mut PublicAnswer {
    edge(snapshot).public.as_mut().expect("it answers")
}

/// An edge of an installed proxy that names a slot with a generation, and whose public address answers.
pub(crate) fn edge_at(slot: Slot, generation: u64) -> Edge {
    let public = PublicAnswer {
        slot: Some(slot),
        status: Some(200),
        body: None,
        detail: String::new(),
    };
    Edge {
        state: SourceState::Live,
        answer: EdgeAnswer::Routes(ProxyAnswer {
            slot: Some(slot),
            generation,
            token: FencingToken(1),
            configuration: "c0ffee".into(),
        }),
        installation: Some(Installation::Current),
        public: Some(public.clone()),
        public_kept: Some(public),
        ..Edge::default()
    }
}

/// Sets whether the only edge answers.
pub(crate) fn router_is(snapshot: &mut Snapshot, state: SourceState) {
    snapshot.change_edge(&EdgeName::default(), |edge| edge.state = state);
}

/// Two edges, `east` and `west`.
pub(crate) fn two(east: Edge, west: Edge) -> Edges {
    let name = |text: &str| text.parse().expect("a name");
    Edges::from_iter([(name("east"), east), (name("west"), west)])
}

/// Replaces the edges of a snapshot by these two.
pub(crate) fn with_two(snapshot: &mut Snapshot, east: Edge, west: Edge) {
    snapshot.edges = two(east, west);
    snapshot.change_edge(&"east".parse().expect("a name"), |_| {});
}

pub(crate) fn locked(snapshot: &mut Snapshot) {
    let operator = Operator {
        name: "ana".into(),
        host: "ops-1".into(),
    };
    snapshot.lock = Some(LockHolder {
        record: LockRecord {
            purpose: crate::inventory::LockPurpose::Release,
            operator,
            console: "c1".into(),
            release: release(8),
            since: Timestamp::UNIX_EPOCH,
            message: "promote".into(),
        },
        token: FencingToken(2),
        ttl_seconds: Some(20),
    });
}

/// Runs the version before the live one in green.
pub(crate) fn started_again(snapshot: &mut Snapshot) {
    snapshot.slots.green.members = SlotMembers::new([instance(Slot::Green, 'b', 6)]);
}

pub(crate) fn requests(snapshot: &mut Snapshot, slot: Slot) {
    requests_from(snapshot, slot, (9, 1));
}

/// Adds requests that started this many seconds ago: the first and the last one.
pub(crate) fn requests_from(snapshot: &mut Snapshot, slot: Slot, (first, last): (u64, u64)) {
    snapshot.slots.get_mut(slot).rates = Some(Rates {
        requests: 12,
        errors: 0,
        p50: Duration::ZERO,
        p99: Duration::ZERO,
        window: Duration::from_secs(10),
        began: Some(Began { first, last }),
    });
}

/// Blue is live at generation 41 with token `live`. Green, prepared or formerly live, has token `other`.
pub(crate) fn pointer(live: i64, other: i64) -> PointerState {
    let last = |generation, token| {
        Some(LastSwitch {
            generation,
            token: FencingToken(token),
        })
    };
    PointerState {
        live: Some(Slot::Blue),
        slots: PerSlot {
            blue: last(41, live),
            green: last(40, other),
        },
    }
}
