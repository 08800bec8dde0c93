//! What a repair observes of two slots, and which of its actions would break an interlock.

use std::sync::LazyLock;
use std::time::Duration;

use greenroom::checks::{CaseReport, Report, Verdict};
use greenroom::history::{
    Direction, Entry, JournalEvent, LivePeriod, Outcome, Recorded, ReleaseRecord, Step,
};
use greenroom::inventory::{
    Began, EdgeAnswer, EdgeName, EdgeSlots, FencingToken, Installation, InstanceState, LastSwitch,
    PerSlot, PointerState, PublicAnswer, Rates, RegistryRecord, Slot, SlotMembers, Snapshot,
    SourceState,
};
use greenroom::release::{Action, Rewrite};

use super::super::journal::chained;
use super::super::look::Blind;
use super::super::names::{LIVE, digest, is_digest, time};
use super::super::never::Violation;
use super::super::planning::defined;
use super::super::scope::Scope;
use super::super::state::World;
use super::engine::{Running, index};
use super::flaws::SlotsFlaw;
use super::{Slots, look, planning};
use crate::support::edge;

/// See `engine::repairing::look`.
pub(super) fn snapshot(
    world: &World<Slots>,
    scope: &Scope<Slots>,
    own: Option<i64>,
    blind: Blind,
) -> Snapshot {
    let definition = defined(scope);
    let slots = &world.side;
    let mut snapshot = Snapshot::unobserved(
        definition.target.clone(),
        definition.tier,
        &definition.endpoints,
        time(world.hour),
    );
    snapshot.sources.runtime = source(blind, Blind::Engine);
    snapshot.sources.registry = source(blind, Blind::Registry);
    snapshot.change_edge(&EdgeName::default(), |edge| {
        edge.state = source(blind, Blind::Proxy);
    });
    if blind != Blind::Engine {
        for slot in Slot::BOTH {
            let side = snapshot.slots.get_mut(slot);
            side.members = SlotMembers::new(look::instance(world, slot));
            let is_up = slots.engine[index(slot)].is_some_and(|it| it.up);
            side.probe = is_up.then(|| look::probe(look::is_healthy(world, slot)));
        }
    }
    if blind != Blind::Registry {
        let record: RegistryRecord = look::record(world);
        snapshot.slots.blue.registration = record.slots.blue;
        snapshot.slots.green.registration = record.slots.green;
        snapshot.store_revision = Some(own.unwrap_or(record.revision));
        snapshot.route = record.route;
        let own = own.map(FencingToken);
        snapshot.lock = record.lock.filter(|holder| Some(holder.token) != own);
        snapshot.hold = record.hold;
    }
    if blind != Blind::Proxy {
        let answer = look::answer(world);
        let edge = edge(&mut snapshot.edges);
        edge.public = Some(PublicAnswer {
            slot: answer.slot,
            status: Some(200),
            body: None,
            detail: String::new(),
        });
        edge.answer = EdgeAnswer::Routes(answer);
        edge.pointer = Some(PointerState {
            live: slots.proxy.link,
            slots: PerSlot::from_fn(|slot| {
                slots
                    .proxy
                    .answer(slot)
                    .map(|(generation, token)| LastSwitch {
                        generation,
                        token: FencingToken(token),
                    })
            }),
        });
        edge.installation = Some(Installation::Current);
        for slot in Slot::BOTH {
            snapshot.slots.get_mut(slot).rates = slots.has_requests(slot).then(rates);
        }
    }
    deceive(&mut snapshot, world, scope);
    snapshot
}

fn source(blind: Blind, of: Blind) -> SourceState {
    if blind == of {
        SourceState::Unreachable {
            why: "it does not answer".into(),
            retry_at: None,
        }
    } else {
        SourceState::Live
    }
}

/// Requests in every second of the window.
fn rates() -> Rates {
    Rates {
        requests: 10,
        errors: 0,
        p50: Duration::ZERO,
        p99: Duration::ZERO,
        window: Duration::from_secs(10),
        began: Some(Began { first: 10, last: 0 }),
    }
}

fn deceive(snapshot: &mut Snapshot, world: &World<Slots>, scope: &Scope<Slots>) {
    let slots = &world.side;
    let proxy = edge(&mut snapshot.edges).answer.proxy_mut();
    if let (Some(proxy), Some(route)) = (proxy, slots.route)
        && scope.has_own(SlotsFlaw::ProxySeenAsRouted)
    {
        proxy.slot = Some(route.live);
        proxy.generation = route.generation;
    }
    if let (Some(route), Some(slot)) = (&mut snapshot.route, slots.proxy.link)
        && scope.has_own(SlotsFlaw::RouteSeenAsPointed)
    {
        route.value.live = slot;
    }
    for slot in Slot::BOTH {
        let seen = snapshot.slots.get_mut(slot);
        if let Some(instance) = seen.members.iter_mut().next()
            && scope.has_own(SlotsFlaw::ExitUnseen)
        {
            instance.state = InstanceState::Running;
            seen.probe.get_or_insert_with(|| look::probe(true));
        }
        if let Some(probe) = &mut seen.probe {
            probe.healthy |= scope.has_own(SlotsFlaw::ProbeSeenGood);
        }
        if let Some(running) = slots.engine[index(slot)]
            && scope.has_own(SlotsFlaw::RegistrationSeenAsRunning)
        {
            seen.registration = Some(look::registered(slot, running));
        }
        if scope.has_own(SlotsFlaw::RequestsUnseen) {
            seen.rates = None;
        }
    }
}

impl Slots {
    /// Whether public requests arrive in a slot.
    fn has_requests(&self, slot: Slot) -> bool {
        self.proxy.link == Some(slot) || self.lingers == Some(slot)
    }

    fn running(&self, slot: Slot) -> Option<Running> {
        self.engine[index(slot)].filter(|it| it.is_healthy())
    }

    /// Whether a slot may get traffic: its instance is healthy and registered.
    fn is_fit(&self, slot: Slot) -> bool {
        self.running(slot).is_some() && self.registered[index(slot)].is_some()
    }

    /// Whether this version was live in the slot, or gets its traffic now.
    fn is_proven(&self, slot: Slot, version: Option<char>) -> bool {
        self.proxy.link == Some(slot) || version.is_some() && self.was_live[index(slot)] == version
    }

    /// Whether the rewrite keeps slot and digest: it moves no traffic.
    fn moves_nothing(&self, rewrite: &Rewrite) -> bool {
        self.route
            .is_some_and(|it| it.live == rewrite.live && is_digest(&rewrite.digest, it.digest))
    }

    /// The interlock that an action breaks if it is performed now. A route alone moves no traffic, so its version need not
    /// be proven.
    pub(super) fn forbids_action(&self, action: &Action) -> Option<Violation> {
        let runs = |slot| self.engine[index(slot)].map(|it| it.digest);
        let is_proven = |slot| self.is_proven(slot, runs(slot));
        match action {
            Action::Stop { slot, .. } | Action::Remove { slot, .. }
                if self.has_traffic(*slot) || self.has_requests(*slot) =>
            {
                Some(Violation::TouchedLive)
            }
            Action::Deregister(slot) if self.has_traffic(*slot) => Some(Violation::TouchedLive),
            Action::Register { slot, .. } if self.running(*slot).is_none() => {
                Some(Violation::RoutedToNothing)
            }
            Action::Route(rewrite)
                if !self.moves_nothing(rewrite) && !self.is_fit(rewrite.live) =>
            {
                Some(Violation::RoutedToNothing)
            }
            Action::Switch(movement) if !self.is_fit(movement.to) => {
                Some(Violation::RoutedToNothing)
            }
            Action::Switch(movement) if movement.from != EdgeSlots::from(self.proxy.link) => {
                Some(Violation::Toggled)
            }
            Action::Switch(movement) if !is_proven(movement.to) => Some(Violation::Unchecked),
            Action::Start { slot, .. } if !is_proven(*slot) => Some(Violation::Unchecked),
            Action::Create { slot, version, .. } => {
                let is_planned = |letter: &char| is_digest(&version.digest, *letter);
                let was_live = self.was_live[index(*slot)].filter(is_planned);
                (was_live.is_none()).then_some(Violation::Unchecked)
            }
            _ => None,
        }
    }
}

/// The release that made the first version live in blue.
static EARLIER: LazyLock<Recorded> = LazyLock::new(|| {
    let entry = |sequence, event| Entry {
        sequence,
        at: time(0),
        event,
        chain: None,
    };
    let case = CaseReport {
        overridden: None,
        tests: Vec::new(),
        name: "home".into(),
        required: true,
        verdict: Verdict::Passed,
        detail: String::new(),
        took: Duration::ZERO,
        request: String::new(),
        response: String::new(),
    };
    let report = Report {
        digest: digest(LIVE),
        runs: Vec::new(),
        at: time(0),
        cases: vec![case],
    };
    let switched = JournalEvent::Outcome {
        step: Step::Switch,
        direction: Direction::Forward,
        failure: None,
        took: Duration::ZERO,
    };
    let entries = vec![
        entry(1, JournalEvent::Checked { report }),
        entry(2, switched),
    ];
    let head = ReleaseRecord {
        live: LivePeriod::of(&entries),
        closed: Some((time(0), Outcome::Done)),
        ..planning::past()
    };
    chained(Recorded { head, entries })
});

pub(super) fn earlier() -> Recorded {
    EARLIER.clone()
}
