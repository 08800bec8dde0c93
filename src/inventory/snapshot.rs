//! What is running where, as observed at one time. Never derived from history.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::freeze;
use super::{
    ClockReading, Clocks, Endpoint, Freeze, HandoverRequest, Hold, Installation, Instance,
    InstanceState, KeyLine, LiveSlot, LockHolder, PeerApproval, PerSlot, PointerState, Probe,
    ProxyAnswer, PublicAddress, PublicAnswer, Rates, Registration, Revisioned, Role, Route,
    RuntimeHealth, RuntimeKind, Slot, Target, Tier, Watcher,
};

/// Whether one source answers at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum SourceState {
    /// It has not answered yet.
    #[default]
    Connecting,
    /// It answers: what is shown is current.
    Live,
    /// It no longer answers: what is shown was true until `since`.
    Stale {
        /// The time of its last answer.
        since: Timestamp,
        /// Why it does not answer now.
        why: String,
        /// When it is asked again.
        retry_at: Option<Timestamp>,
    },
    /// It has never answered, so nothing is known from it.
    Unreachable {
        /// Why.
        why: String,
        /// When it is asked again.
        retry_at: Option<Timestamp>,
    },
}

impl SourceState {
    /// Whether its data is current.
    pub fn is_live(&self) -> bool {
        *self == Self::Live
    }

    /// Whether it has ever answered, so that its data is known, perhaps stale.
    pub fn has_answered(&self) -> bool {
        matches!(self, Self::Live | Self::Stale { .. })
    }

    /// Since when and why it does not answer, written to follow its name; none while it answers.
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

/// The three external systems that show a target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sources {
    /// Runs the instances.
    pub runtime: SourceState,
    /// Keeps the registrations.
    pub registry: SourceState,
    /// Routes the traffic.
    pub router: SourceState,
}

impl Sources {
    /// Each source with its name.
    pub fn named(&self) -> [(&'static str, &SourceState); 3] {
        [
            ("runtime", &self.runtime),
            ("store", &self.registry),
            ("proxy", &self.router),
        ]
    }

    /// Whether all of them answer.
    pub fn are_live(&self) -> bool {
        self.named().into_iter().all(|(_, state)| state.is_live())
    }
}

/// What the registry stores for one target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RegistryRecord {
    /// The route.
    pub route: Option<Revisioned<Route>>,
    /// The registrations.
    pub slots: PerSlot<Option<Revisioned<Registration>>>,
    /// The lock and its holder.
    pub lock: Option<LockHolder>,
    /// The hold that was placed last, active or not.
    pub hold: Option<Hold>,
    /// The consoles that report that they have it open.
    pub watching: Vec<Watcher>,
    /// The request of an operator who wants to drive the release.
    #[serde(rename = "wheel")]
    pub handover_request: Option<HandoverRequest>,
    /// Approvals by other operators.
    #[serde(default)]
    #[serde(rename = "endorsements")]
    pub peer_approvals: Vec<PeerApproval>,
    /// Keys that cannot be read, or whose value does not match the key, each with the problem. [`super::StoredKey`]
    /// decides what each of them stops.
    pub problems: BTreeMap<String, String>,
    /// The store's revision at the reading.
    pub revision: i64,
}

/// One slot, from every source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotSnapshot {
    /// Where it answers.
    pub endpoint: Endpoint,
    /// What runs there.
    pub instance: Option<Instance>,
    /// Its entry in the registry.
    pub registration: Option<Revisioned<Registration>>,
    /// The last health probe, if one was made.
    pub probe: Option<Probe>,
    /// Its traffic, if the proxy reports it.
    #[serde(default)]
    pub rates: Option<Rates>,
}

/// One target, from every source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The target.
    pub target: Target,
    /// How careful an operator must be.
    pub tier: Tier,
    /// What runs its instances.
    #[serde(default)]
    pub runtime_kind: RuntimeKind,
    /// Both slots.
    pub slots: PerSlot<SlotSnapshot>,
    /// The route in the registry.
    pub route: Option<Revisioned<Route>>,
    /// The store's revision when the target was read; none before that.
    #[serde(default, skip_serializing)]
    pub store_revision: Option<i64>,
    /// What the proxy reports.
    pub proxy: Option<ProxyAnswer>,
    /// What the proxy compares a switch with; none if it was not read.
    #[serde(default, skip_serializing)]
    pub pointer: Option<PointerState>,
    /// Whether the proxy's configuration, stored and loaded, is what it should be; none if it was not checked.
    #[serde(default)]
    pub installation: Option<Installation>,
    /// Why that is unknown, if it was checked and could not be read.
    #[serde(default)]
    pub installation_unknown: Option<String>,
    /// The answer on the public address.
    pub public: Option<PublicAnswer>,
    /// Where the proxy shows the slot without traffic.
    #[serde(default)]
    pub preview: Option<PublicAddress>,
    /// Why the rates are unknown, if the proxy was asked for them.
    #[serde(default)]
    pub rates_unknown: Option<String>,
    /// The lock and its holder.
    pub lock: Option<LockHolder>,
    /// The hold that was placed last, active or not.
    pub hold: Option<Hold>,
    /// When nothing is promoted, from the configuration.
    #[serde(default, skip_serializing)]
    pub freezes: Vec<Freeze>,
    /// The clocks of its servers that differ from this machine's clock.
    #[serde(default, skip)]
    pub clocks: Clocks,
    /// The consoles that report that they have it open.
    #[serde(default)]
    pub watching: Vec<Watcher>,
    /// The request of an operator who wants to drive its release.
    #[serde(default)]
    #[serde(rename = "wheel")]
    pub handover_request: Option<HandoverRequest>,
    /// Approvals by other operators.
    #[serde(default)]
    #[serde(rename = "endorsements")]
    pub peer_approvals: Vec<PeerApproval>,
    /// Keys that could not be read, each with the problem.
    pub problems: BTreeMap<String, String>,
    /// The stored keys under the target's prefix.
    pub keys: Vec<KeyLine>,
    /// When lock and keys were read: the rest of a lease counts from then.
    #[serde(default)]
    pub keys_at: Option<Timestamp>,
    /// Whether each source answers.
    pub sources: Sources,
    /// When the snapshot was made.
    pub at: Timestamp,
}

impl Snapshot {
    /// What stops promotes at `now`: the hold that an operator placed, and every freeze, by any clock.
    pub fn holds(&self, now: Timestamp) -> Vec<Hold> {
        let service = &self.target.service;
        let by = (now, &self.clocks);
        freeze::holds_by_all_clocks(self.hold.as_ref(), &self.freezes, service, by)
    }

    /// The clock by which a hold stops promotes at `now`, if it does not by this machine's clock.
    pub fn only_by_clock(&self, hold: &Hold, now: Timestamp) -> Option<&ClockReading> {
        let service = &self.target.service;
        let own = freeze::standing(self.hold.as_ref(), &self.freezes, service, now);
        self.clocks.differs().filter(|_| !own.contains(hold))
    }

    /// A target that has not been observed yet.
    pub fn unseen(
        target: Target,
        tier: Tier,
        endpoints: &PerSlot<Endpoint>,
        at: Timestamp,
    ) -> Self {
        Self {
            target,
            tier,
            runtime_kind: RuntimeKind::default(),
            slots: PerSlot::from_fn(|slot| SlotSnapshot {
                endpoint: endpoints.get(slot).clone(),
                instance: None,
                registration: None,
                probe: None,
                rates: None,
            }),
            route: None,
            store_revision: None,
            proxy: None,
            pointer: None,
            installation: None,
            installation_unknown: None,
            public: None,
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
            sources: Sources::default(),
            at,
        }
    }

    /// The slot with the traffic, from the proxy. If the proxy has no configuration for the target, from the registry.
    pub fn live_slot(&self) -> LiveSlot {
        if let Some(answer) = &self.proxy {
            return answer.slot.map_or(LiveSlot::NoSlot, LiveSlot::Slot);
        }
        if !self.sources.router.has_answered() || !self.sources.registry.has_answered() {
            return LiveSlot::Unknown;
        }
        let routed = self.route.as_ref().map(|route| route.value.live);
        routed.map_or(LiveSlot::NoSlot, LiveSlot::Slot)
    }

    /// The slot with the traffic; none if there is none or it is unknown: see [`Snapshot::live_slot`].
    pub fn live(&self) -> Option<Slot> {
        self.live_slot().slot()
    }

    /// The role of a slot.
    pub fn role(&self, slot: Slot) -> Role {
        let live = self.live_slot();
        let sources = &self.sources;
        let Some(instance) = &self.slots.get(slot).instance else {
            return match live {
                _ if sources.runtime.has_answered() => Role::Empty,
                // The proxy has answered and names this slot, whatever runs there.
                LiveSlot::Slot(named) if named == slot => Role::Live,
                _ => Role::Unknown,
            };
        };
        match live {
            LiveSlot::Slot(named) if named == slot => return Role::Live,
            LiveSlot::Unknown => return Role::Unknown,
            // The route and the registrations tell what it was used for.
            _ if !sources.registry.has_answered() => return Role::Unknown,
            _ => {}
        }
        // If the running instance is the registered one, it was meant to have traffic: either it had it and is kept
        // warm, or its release is between register and switch.
        let was_live = self.route.as_ref().is_some_and(|route| {
            route.value.live != slot
                && instance
                    .release
                    .is_none_or(|release| release < route.value.release)
        });
        match instance.state {
            InstanceState::Exited { .. } if was_live => Role::Stopped,
            _ if was_live && self.slots.get(slot).registration.is_some() => Role::Standby,
            _ => Role::Candidate,
        }
    }

    /// Whether the instance in a slot is known to be unhealthy: it does not run, or the runtime's own check or the last
    /// probe says so.
    pub fn is_unwell(&self, slot: Slot) -> bool {
        let side = self.slots.get(slot);
        side.instance.as_ref().is_some_and(|instance| {
            instance.state != InstanceState::Running
                || instance.health == RuntimeHealth::Unhealthy
                || side.probe.as_ref().is_some_and(|probe| !probe.healthy)
        })
    }

    /// Why the public does not get the right answer from a live target, for people; none if it does, or if that is
    /// unknown. The public address is asked even while the proxy does not answer about itself.
    pub fn outage(&self) -> Option<String> {
        self.route.as_ref()?;
        let public = self.public.as_ref()?;
        if let Some(why) = public_failure(public) {
            return Some(why);
        }
        let slot = self
            .live_slot()
            .slot()
            .filter(|_| self.sources.runtime.is_live())?;
        if self.slots.get(slot).instance.is_none() {
            return Some(format!("{slot} is live, but nothing runs there"));
        }
        self.is_unwell(slot)
            .then(|| format!("{slot} is live and not healthy"))
    }

    /// The instance in the live slot.
    pub fn live_instance(&self) -> Option<&Instance> {
        self.live()
            .and_then(|slot| self.slots.get(slot).instance.as_ref())
    }
}

fn public_failure(public: &PublicAnswer) -> Option<String> {
    match public.status {
        None if public.detail.is_empty() => Some("the public gets no answer".to_owned()),
        None => Some(format!("the public gets no answer: {}", public.detail)),
        Some(status) if status >= 500 => Some(format!("the public gets HTTP {status}")),
        Some(_) => None,
    }
}
