//! A snapshot says what is running in one target, as each source last reported it. It is never derived from history.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use super::freeze;
use super::{
    Address, Addresses, ClockReading, Clocks, Consensus, Edge, EdgeName, Edges, EntryState, Freeze,
    HandoverRequest, Hold, Instance, InstanceState, KeyLine, LiveSlot, LockHolder, LockPurpose,
    PeerApproval, PerSlot, Probe, PublicAddress, QueueEntry, Rates, Registration, Revisioned, Role,
    Route, RuntimeHealth, RuntimeKind, ServiceKind, Slot, SlotMembers, StoredKey, Target, Tier,
    Watcher, newest, newest_first, newest_pending,
};

/// Whether a source (runtime, store or proxy) answers at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum SourceState {
    /// The source has not answered yet.
    #[default]
    Connecting,
    /// The source answers, and what is shown is current.
    Live,
    /// The source no longer answers. Its last answers are still shown.
    Stale {
        /// When Greenroom noticed that the source no longer answers.
        since: Timestamp,
        /// Why the source does not answer now.
        why: String,
        /// When Greenroom asks the source again; none if no retry is planned.
        retry_at: Option<Timestamp>,
    },
    /// The source has never answered, so nothing is known from it.
    Unreachable {
        why: String,
        /// When Greenroom asks the source again; none if no retry is planned.
        retry_at: Option<Timestamp>,
    },
}

impl SourceState {
    pub fn is_live(&self) -> bool {
        *self == Self::Live
    }

    /// Whether the source has ever answered. If it has, its data is known, but may be stale.
    pub fn has_answered(&self) -> bool {
        matches!(self, Self::Live | Self::Stale { .. })
    }

    /// The state of a source that gave no answer now. `retry_at` is when Greenroom asks it again.
    #[must_use]
    pub fn silent(&self, why: String, now: Timestamp, retry_at: Option<Timestamp>) -> Self {
        match self {
            Self::Stale { since, .. } => Self::Stale {
                since: *since,
                why,
                retry_at,
            },
            // The source answered until now, so it is stale since now, even if its last change was long ago.
            Self::Live => Self::Stale {
                since: now,
                why,
                retry_at,
            },
            Self::Connecting | Self::Unreachable { .. } => Self::Unreachable { why, retry_at },
        }
    }

    /// The state of several sources that are only useful together, each with its name: live only if all are live, and
    /// answered only if all have answered. The reasons name the sources, except if there is only one.
    pub(super) fn together<'a>(named: impl IntoIterator<Item = (&'a str, &'a Self)>) -> Self {
        let all: Vec<(&str, &Self)> = named.into_iter().collect();
        if let [(_, only)] = all[..] {
            return only.clone();
        }
        let (mut whys, mut retries, mut sinces) = (Vec::new(), Vec::new(), Vec::new());
        let (mut is_connecting, mut is_unreachable) = (false, false);
        for (name, state) in all {
            match state {
                Self::Live => {}
                Self::Connecting => is_connecting = true,
                Self::Stale {
                    since,
                    why,
                    retry_at,
                } => {
                    sinces.push(*since);
                    whys.push(format!("{name}: {why}"));
                    retries.extend(*retry_at);
                }
                Self::Unreachable { why, retry_at } => {
                    is_unreachable = true;
                    whys.push(format!("{name}: {why}"));
                    retries.extend(*retry_at);
                }
            }
        }
        let (why, retry_at) = (whys.join("; "), retries.into_iter().min());
        match sinces.into_iter().min() {
            _ if is_connecting => Self::Connecting,
            _ if is_unreachable => Self::Unreachable { why, retry_at },
            Some(since) => Self::Stale {
                since,
                why,
                retry_at,
            },
            None => Self::Live,
        }
    }

    /// Since when and why the source does not answer; none while it answers. Shown after the name of the source, e.g.
    /// `has not answered: connection refused`.
    pub fn silence(&self) -> Option<String> {
        match self {
            Self::Live => None,
            Self::Connecting => Some("has not answered yet".to_owned()),
            Self::Stale { since, why, .. } => Some(format!(
                "has not answered since {}: {why}",
                super::local_time::moment(*since)
            )),
            Self::Unreachable { why, .. } => Some(format!("has not answered: {why}")),
        }
    }
}

/// The states of the three outside systems from which a target is observed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sources {
    /// The system that runs the instances.
    pub runtime: SourceState,
    /// The system that stores registrations, route and lock.
    pub registry: SourceState,
    /// The edges that route the traffic, together: live only if every edge answers.
    pub router: SourceState,
}

impl Sources {
    /// Each source with the name that messages use for it.
    pub fn named(&self) -> [(&'static str, &SourceState); 3] {
        [
            ("runtime", &self.runtime),
            ("store", &self.registry),
            ("proxy", &self.router),
        ]
    }

    pub fn are_live(&self) -> bool {
        self.named().into_iter().all(|(_, state)| state.is_live())
    }
}

/// What the store has about one target, without the journals of releases.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RegistryRecord {
    pub route: Option<Revisioned<Route>>,
    pub slots: PerSlot<Option<Revisioned<Registration>>>,
    pub lock: Option<LockHolder>,
    /// The hold that was placed last, active or not.
    pub hold: Option<Hold>,
    /// The consoles that report that they have the target open.
    /// The consoles that have the target open, and the agents that follow pushes for it.
    pub watching: Vec<Watcher>,
    /// The request of an operator who wants to drive the release.
    #[serde(rename = "handover")]
    pub handover_request: Option<HandoverRequest>,
    #[serde(default)]
    pub peer_approvals: Vec<PeerApproval>,
    /// The pushes of the target, each with what became of it, in no particular order.
    #[serde(default)]
    pub queue: Vec<QueueEntry>,
    /// Keys that cannot be read, or whose value does not belong to the key, each with the problem. [`super::StoredKey`]
    /// says which work each of these keys stops.
    pub problems: BTreeMap<String, String>,
    /// The revision of the store when the record was read.
    pub revision: i64,
}

/// One slot, as all sources show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlotSnapshot {
    /// The configured addresses of the slot. Written as a list, which is empty for a background service.
    #[serde(serialize_with = "list")]
    pub addresses: Addresses,
    #[serde(flatten)]
    pub members: SlotMembers,
    /// The entry of the slot in the store.
    pub registration: Option<Revisioned<Registration>>,
    /// The last health probe; none if no probe was made.
    pub probe: Option<Probe>,
    /// The traffic of the slot over all edges; none if no edge reports it.
    pub rates: Option<Rates>,
}

fn list<S: Serializer>(addresses: &Addresses, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(addresses)
}

impl SlotSnapshot {
    /// The addresses that the members of the slot use. All addresses of the slot if it is empty.
    pub fn used_addresses(&self) -> Addresses {
        self.members.addresses(&self.addresses)
    }

    /// Whether a registration or a route with these addresses names the addresses of the slot.
    pub fn is_at<'a>(&self, addresses: impl IntoIterator<Item = &'a Address>) -> bool {
        let used = self.used_addresses();
        if self.members.is_empty() {
            return used.begin_with(addresses);
        }
        used.iter().eq(addresses)
    }
}

/// One target, as all sources show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    pub target: Target,
    /// How careful an operator must be with the target.
    pub tier: Tier,
    pub kind: ServiceKind,
    /// The kind of runtime that runs the instances of the target.
    pub runtime_kind: RuntimeKind,
    pub slots: PerSlot<SlotSnapshot>,
    /// The route in the store.
    pub route: Option<Revisioned<Route>>,
    /// The revision of the store when the target was read; none before the first reading.
    #[serde(skip)]
    pub store_revision: Option<i64>,
    /// The proxies that carry out the route, each with what it reported.
    #[serde(flatten)]
    pub edges: Edges,
    /// The address at which the proxy shows the slot without traffic.
    pub preview: Option<PublicAddress>,
    /// Why the rates are unknown; none if they are known, or if the proxy was not asked for them.
    pub rates_unknown: Option<String>,
    pub lock: Option<LockHolder>,
    /// The hold that was placed last, active or not.
    pub hold: Option<Hold>,
    /// The freezes of the configuration.
    #[serde(skip)]
    pub freezes: Vec<Freeze>,
    /// The clocks of the target's servers that differ from the clock of this machine.
    #[serde(skip)]
    pub clocks: Clocks,
    /// The consoles that report that they have the target open.
    pub watching: Vec<Watcher>,
    /// The request of an operator who wants to drive the release of the target.
    #[serde(rename = "handover")]
    pub handover_request: Option<HandoverRequest>,
    pub peer_approvals: Vec<PeerApproval>,
    /// The pushes of the target, each with what became of it, in no particular order.
    pub queue: Vec<QueueEntry>,
    /// Keys that could not be read, each with the problem.
    pub problems: BTreeMap<String, String>,
    /// The stored keys below the prefix of the target.
    pub keys: Vec<KeyLine>,
    /// When lock and keys were read. The remaining time of a lease counts from then.
    pub keys_at: Option<Timestamp>,
    pub sources: Sources,
    /// When the snapshot was made or last changed.
    pub at: Timestamp,
}

impl Snapshot {
    /// Replaces everything that the store has about the target.
    pub fn take_record(&mut self, record: RegistryRecord) {
        let RegistryRecord {
            route,
            slots,
            lock,
            hold,
            watching,
            handover_request,
            peer_approvals,
            queue,
            problems,
            revision,
        } = record;
        self.route = route;
        self.slots.blue.registration = slots.blue;
        self.slots.green.registration = slots.green;
        self.lock = lock;
        self.hold = hold;
        self.watching = watching;
        self.handover_request = handover_request;
        self.peer_approvals = peer_approvals;
        self.queue = queue;
        self.problems = problems;
        self.store_revision = Some(revision);
    }

    /// The sources that the target has, by name. A background service has no proxy.
    pub fn sources_in_use(&self) -> impl Iterator<Item = (&'static str, &SourceState)> {
        let has_proxy = !self.edges.is_empty();
        let named = self.sources.named().into_iter();
        named.filter(move |(name, _)| has_proxy || *name != "proxy")
    }

    /// The consoles that have the target open.
    pub fn consoles(&self) -> impl Iterator<Item = &Watcher> {
        self.watching.iter().filter(|watcher| !watcher.is_agent)
    }

    /// The agents that follow pushes for the target.
    pub fn agents(&self) -> impl Iterator<Item = &Watcher> {
        self.watching.iter().filter(|watcher| watcher.is_agent)
    }

    /// The entries of the queue that are pending, newest first.
    pub fn pending_pushes(&self) -> Vec<QueueEntry> {
        let pending = self.queue.iter().filter(|entry| entry.state.is_pending());
        let mut pending: Vec<QueueEntry> = pending.cloned().collect();
        newest_first(&mut pending);
        pending
    }

    /// The push that an operator should know about: the newest one that waits for an agent or an operator. Without one,
    /// the newest push if its version was refused or did not become live, until a later release becomes live.
    pub fn notable_push(&self) -> Option<&QueueEntry> {
        newest_pending(&self.queue).or_else(|| {
            let live = self.route.as_ref().map(|route| route.value.release);
            newest(&self.queue).filter(|entry| match &entry.state {
                EntryState::Failed { release, .. } => live.is_none_or(|live| live <= *release),
                EntryState::Refused { .. } => live.is_none_or(|live| {
                    let refused_at = entry.changed_at.as_millisecond();
                    i64::try_from(live.0.timestamp_ms()).unwrap_or(i64::MAX) <= refused_at
                }),
                _ => false,
            })
        })
    }

    /// The holds that stop promotes at `now`: the placed hold and the freezes, if they are active by the clock of this
    /// machine, or at any time between the clocks that are furthest behind and furthest ahead.
    pub fn holds(&self, now: Timestamp) -> Vec<Hold> {
        let service = &self.target.service;
        let by = (now, &self.clocks);
        freeze::holds_by_all_clocks(self.hold.as_ref(), &self.freezes, service, by)
    }

    /// The clock because of which `hold` stops promotes at `now`. None if the hold is active by the clock of this
    /// machine, or if no clock differs.
    pub fn only_by_clock(&self, hold: &Hold, now: Timestamp) -> Option<&ClockReading> {
        let service = &self.target.service;
        let by = (now, &self.clocks);
        freeze::only_by_clock(hold, self.hold.as_ref(), &self.freezes, service, by)
    }

    /// The snapshot of a target before any source has answered. A target without addresses has no proxy.
    pub fn unobserved(
        target: Target,
        tier: Tier,
        endpoints: &PerSlot<Addresses>,
        at: Timestamp,
    ) -> Self {
        let edges = if endpoints.blue.is_empty() {
            Edges::none()
        } else {
            Edges::default()
        };
        let sources = Sources {
            router: edges.state(),
            ..Sources::default()
        };
        Self {
            target,
            tier,
            kind: ServiceKind::default(),
            runtime_kind: RuntimeKind::default(),
            slots: PerSlot::from_fn(|slot| SlotSnapshot {
                addresses: endpoints.get(slot).clone(),
                members: SlotMembers::default(),
                registration: None,
                probe: None,
                rates: None,
            }),
            route: None,
            store_revision: None,
            edges,
            preview: None,
            rates_unknown: None,
            lock: None,
            hold: None,
            freezes: Vec::new(),
            clocks: Clocks::default(),
            watching: Vec::new(),
            handover_request: None,
            peer_approvals: Vec::new(),
            problems: BTreeMap::new(),
            keys: Vec::new(),
            keys_at: None,
            sources,
            at,
            queue: Vec::new(),
        }
    }

    /// Takes an answer of the runtime: all instances of the target.
    pub fn take_instances(&mut self, instances: Vec<Instance>) {
        self.sources.runtime = SourceState::Live;
        let mut by_slot = SlotMembers::by_slot(instances);
        for slot in Slot::BOTH {
            let side = self.slots.get_mut(slot);
            let members = std::mem::take(by_slot.get_mut(slot));
            side.members = members.or_empty_with(side.addresses.members());
        }
    }

    /// Changes what is known about one edge, and with it what the edges say together.
    pub fn change_edge(&mut self, name: &EdgeName, change: impl FnOnce(&mut Edge)) {
        change(self.edges.edge_mut(name));
        self.sources.router = self.edges.state();
        for slot in Slot::BOTH {
            self.slots.get_mut(slot).rates = self.edges.rates(slot);
        }
        self.rates_unknown = self.edges.rates_unknown();
    }

    /// The slot with the traffic according to the edges; unknown if they differ. If no edge has a configuration for the
    /// target, or if there is no edge, the route in the store decides.
    pub fn live_slot(&self) -> LiveSlot {
        match self.edges.live() {
            Consensus::Unanimous(Some(live)) => return live,
            Consensus::Unanimous(None) if self.sources.registry.has_answered() => {}
            _ => return LiveSlot::Unknown,
        }
        match &self.route {
            Some(route) => LiveSlot::Slot(route.value.live),
            // Without a proxy, only the route says which slot is live.
            None if self.edges.is_empty() && self.is_route_unreadable() => LiveSlot::Unknown,
            None => LiveSlot::NoSlot,
        }
    }

    fn is_route_unreadable(&self) -> bool {
        let mut keys = self.problems.keys();
        keys.any(|key| StoredKey::is_named(&self.target, key, "route"))
    }

    /// The slot with the traffic. None if no slot has the traffic, or if it is unknown which slot has it. See
    /// [`Snapshot::live_slot`].
    pub fn live(&self) -> Option<Slot> {
        self.live_slot().slot()
    }

    pub fn role(&self, slot: Slot) -> Role {
        let live = self.live_slot();
        let sources = &self.sources;
        let side = self.slots.get(slot);
        let mut members = side.members.iter();
        if side.members.is_empty() {
            return match live {
                _ if sources.runtime.has_answered() => Role::Empty,
                // The slot has the traffic, even if the runtime has not said what runs in it.
                LiveSlot::Slot(named) if named == slot => Role::Live,
                _ => Role::Unknown,
            };
        }
        match live {
            LiveSlot::Slot(named) if named == slot => return Role::Live,
            LiveSlot::Unknown => return Role::Unknown,
            // Only the route and the registrations show what the slot was used for.
            _ if !sources.registry.has_answered() => return Role::Unknown,
            _ => {}
        }
        // A registered instance either had the traffic and is kept warm, or its release is between the steps register
        // and switch. In the second case, its release is not older than the release of the route.
        let was_live = self.route.as_ref().is_some_and(|route| {
            let is_older = |member: &Instance| {
                let release = member.release;
                release.is_none_or(|release| release < route.value.release)
            };
            route.value.live != slot && side.members.iter().all(is_older)
        });
        let has_exited = |member: &Instance| matches!(member.state, InstanceState::Exited { .. });
        match side.registration {
            _ if was_live && members.all(has_exited) => Role::Stopped,
            Some(_) if was_live => Role::Standby,
            None if was_live => Role::Ending,
            _ => Role::Candidate,
        }
    }

    /// Whether a slot is known to be unhealthy: it has too many or too few members, one of them is not running, or the
    /// health check of the runtime or the last probe failed.
    pub fn is_unwell(&self, slot: Slot) -> bool {
        let slot_snapshot = self.slots.get(slot);
        let is_bad = |member: &Instance| {
            member.state != InstanceState::Running
                || member.health == RuntimeHealth::Unhealthy
                || slot_snapshot
                    .probe
                    .as_ref()
                    .is_some_and(|probe| !probe.healthy)
        };
        slot_snapshot.members.difference().is_some() || slot_snapshot.members.iter().any(is_bad)
    }

    /// Whether a driver may have stopped the slot on purpose: the service is exclusive, a release holds the lock, and
    /// nothing is up in the slot. Before another version starts, the live one is stopped. A version that crashes is not
    /// meant: the runtime starts it again.
    pub fn is_stopped_on_purpose(&self, slot: Slot) -> bool {
        let mut lock = self.lock.iter();
        let has_driver = lock.any(|holder| holder.record.purpose == LockPurpose::Release);
        let mut members = self.slots.get(slot).members.iter();
        self.kind.is_exclusive() && has_driver && !members.any(Instance::is_up)
    }

    /// Whether the live slot is known to be empty or unhealthy, and was not stopped on purpose.
    pub fn is_live_broken(&self, live: Slot) -> bool {
        let is_empty = self.slots.get(live).members.is_empty();
        (is_empty || self.is_unwell(live)) && !self.is_stopped_on_purpose(live)
    }

    /// Why the public gets no good answer from a target with a route: the public address of an edge gives no answer or
    /// a status of 500 or above, or the live slot is empty, not whole or unhealthy. None if none of these is known, or
    /// if no request was sent to the public address. Greenroom sends requests there even while the proxy does not
    /// report its own state.
    pub fn outage(&self) -> Option<String> {
        self.route.as_ref()?;
        if let Some(why) = self.edges.outage() {
            return Some(why);
        }
        if !self.edges.is_any_public_known() && !self.edges.is_empty() {
            return None;
        }
        let slot = self
            .live_slot()
            .slot()
            .filter(|_| self.sources.runtime.is_live())?;
        let members = &self.slots.get(slot).members;
        if !self.is_live_broken(slot) {
            return None;
        }
        if members.is_empty() {
            return Some(format!("{slot} is live, but empty"));
        }
        if let Some(difference) = members.difference() {
            return Some(format!("{slot} is live, but {difference}"));
        }
        self.is_unwell(slot)
            .then(|| format!("{slot} is live, but is not healthy"))
    }

    /// A member of the live slot. None if no slot is known to be live, or if the live slot has no digest.
    pub fn live_instance(&self) -> Option<&Instance> {
        self.slots.get(self.live()?).members.representative()
    }
}
