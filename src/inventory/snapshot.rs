//! What is running where, as observed at one moment. Never derived from history.

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

/// How well one source is known at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum SourceState {
    /// Nothing was heard yet.
    #[default]
    Connecting,
    /// What is shown is what is.
    Live,
    /// What is shown was true until `since`.
    Stale {
        /// The last moment it was known.
        since: Timestamp,
        /// Why it is not known now.
        why: String,
        /// When it is tried again.
        retry_at: Option<Timestamp>,
    },
    /// It has not answered since it is asked: nothing that it would say is known.
    Unreachable {
        /// Why.
        why: String,
        /// When it is tried again.
        retry_at: Option<Timestamp>,
    },
}

impl SourceState {
    /// Whether what it says is current.
    pub fn is_live(&self) -> bool {
        *self == Self::Live
    }

    /// Whether it ever answered: then what it says is known, if only as it was.
    pub fn has_answered(&self) -> bool {
        matches!(self, Self::Live | Self::Stale { .. })
    }

    /// Since when it does not answer and why, to follow its name; none while it answers.
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

/// The three outside systems a target is seen through.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sources {
    /// What runs instances.
    pub runtime: SourceState,
    /// What keeps registrations.
    pub registry: SourceState,
    /// What routes traffic.
    pub router: SourceState,
}

impl Sources {
    /// Each of them, with its name.
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

/// What the registry holds for one target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RegistryRecord {
    /// The route.
    pub route: Option<Revisioned<Route>>,
    /// The registrations.
    pub slots: PerSlot<Option<Revisioned<Registration>>>,
    /// Who holds the lock.
    pub lock: Option<LockHolder>,
    /// The hold that was placed last, standing or not.
    pub hold: Option<Hold>,
    /// The consoles that have it open, as far as they say so.
    pub watching: Vec<Watcher>,
    /// Who asks to be handed the release.
    #[serde(rename = "wheel")]
    pub handover_request: Option<HandoverRequest>,
    /// What others have approved.
    #[serde(default)]
    #[serde(rename = "endorsements")]
    pub peer_approvals: Vec<PeerApproval>,
    /// Keys that hold what cannot be read, or not what the key says, each with what is wrong. What each of them stops
    /// is decided by [`super::StoredKey`].
    pub problems: BTreeMap<String, String>,
    /// The store's revision at the reading.
    pub revision: i64,
}

/// One slot, from all sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotSnapshot {
    /// Where it answers.
    pub endpoint: Endpoint,
    /// What runs there.
    pub instance: Option<Instance>,
    /// What the registry says of it.
    pub registration: Option<Revisioned<Registration>>,
    /// The last health probe, if one was made.
    pub probe: Option<Probe>,
    /// What of its traffic the proxy tells, if it tells.
    #[serde(default)]
    pub rates: Option<Rates>,
}

/// One target, from all sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Which.
    pub target: Target,
    /// How careful one has to be.
    pub tier: Tier,
    /// What runs its instances.
    #[serde(default)]
    pub runtime_kind: RuntimeKind,
    /// Both slots.
    pub slots: PerSlot<SlotSnapshot>,
    /// The route as the registry has it.
    pub route: Option<Revisioned<Route>>,
    /// The store's revision when the target was read; none before.
    #[serde(default, skip_serializing)]
    pub store_revision: Option<i64>,
    /// What the proxy says.
    pub proxy: Option<ProxyAnswer>,
    /// What the proxy compares a switch with; none while it was not read.
    #[serde(default, skip_serializing)]
    pub pointer: Option<PointerState>,
    /// Whether the proxy's configuration, as it is stored and loaded, is what it should be; none while
    /// it was not looked at.
    #[serde(default)]
    pub installation: Option<Installation>,
    /// Why that is unknown, where it was looked for and could not be read.
    #[serde(default)]
    pub installation_unknown: Option<String>,
    /// Who answers the public.
    pub public: Option<PublicAnswer>,
    /// Where the slot without traffic can be looked at through the proxy.
    #[serde(default)]
    pub preview: Option<PublicAddress>,
    /// Why the rates are not known, where the proxy was asked for them.
    #[serde(default)]
    pub rates_unknown: Option<String>,
    /// Who drives it.
    pub lock: Option<LockHolder>,
    /// The hold that was placed on it last, standing or not.
    pub hold: Option<Hold>,
    /// When nothing is promoted there, as configured.
    #[serde(default, skip_serializing)]
    pub freezes: Vec<Freeze>,
    /// The clocks of its servers that differ from this machine's.
    #[serde(default, skip)]
    pub clocks: Clocks,
    /// The consoles that have it open, as far as they say so.
    #[serde(default)]
    pub watching: Vec<Watcher>,
    /// Who asks to be handed its release.
    #[serde(default)]
    #[serde(rename = "wheel")]
    pub handover_request: Option<HandoverRequest>,
    /// What others have approved.
    #[serde(default)]
    #[serde(rename = "endorsements")]
    pub peer_approvals: Vec<PeerApproval>,
    /// Keys that could not be read.
    pub problems: BTreeMap<String, String>,
    /// What is stored under the target's prefix, as it is stored.
    pub keys: Vec<KeyLine>,
    /// When lock and keys were read: what is left of a lease runs down from then.
    #[serde(default)]
    pub keys_at: Option<Timestamp>,
    /// How well each side is known.
    pub sources: Sources,
    /// When it was put together.
    pub at: Timestamp,
}

impl Snapshot {
    /// What stops promotes at `now`: the hold that was placed, and every freeze, by any clock.
    pub fn holds(&self, now: Timestamp) -> Vec<Hold> {
        let service = &self.target.service;
        let by = (now, &self.clocks);
        freeze::holds_by_all_clocks(self.hold.as_ref(), &self.freezes, service, by)
    }

    /// The clock that says that a hold stops promotes at `now`, where this machine's does not.
    pub fn only_by_clock(&self, hold: &Hold, now: Timestamp) -> Option<&ClockReading> {
        let service = &self.target.service;
        let own = freeze::standing(self.hold.as_ref(), &self.freezes, service, now);
        self.clocks.differs().filter(|_| !own.contains(hold))
    }

    /// A target that nobody has looked at yet.
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

    /// The slot with the traffic: what the proxy says it does. A proxy that has no configuration for the
    /// target says nothing; then it is what the registry says.
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

    /// The slot with the traffic; none where there is none, and where it is unknown: see
    /// [`Snapshot::live_slot`].
    pub fn live(&self) -> Option<Slot> {
        self.live_slot().slot()
    }

    /// What a slot is used for.
    pub fn role(&self, slot: Slot) -> Role {
        let live = self.live_slot();
        let sources = &self.sources;
        let Some(instance) = &self.slots.get(slot).instance else {
            return match live {
                _ if sources.runtime.has_answered() => Role::Empty,
                // The proxy has answered, and says where the traffic goes, whatever runs there.
                LiveSlot::Slot(named) if named == slot => Role::Live,
                _ => Role::Unknown,
            };
        };
        match live {
            LiveSlot::Slot(named) if named == slot => return Role::Live,
            LiveSlot::Unknown => return Role::Unknown,
            // What it was used for is in the route and in the registrations.
            _ if !sources.registry.has_answered() => return Role::Unknown,
            _ => {}
        }
        // A registration of the very instance that runs means that it was meant to have traffic:
        // either it had it and is kept warm, or its release is between register and switch.
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

    /// Whether what runs in a slot is known to be unwell: it does not run, or the runtime's own check or
    /// the last probe says so.
    pub fn is_unwell(&self, slot: Slot) -> bool {
        let side = self.slots.get(slot);
        side.instance.as_ref().is_some_and(|instance| {
            instance.state != InstanceState::Running
                || instance.health == RuntimeHealth::Unhealthy
                || side.probe.as_ref().is_some_and(|probe| !probe.healthy)
        })
    }

    /// Why the public does not get what it should from a target that is live, in words; none where it does, or where
    /// that is not known. The public address is asked also while the proxy does not say what it does.
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
            return Some(format!("{slot} is live, and nothing runs there"));
        }
        self.is_unwell(slot)
            .then(|| format!("{slot} is live and not healthy"))
    }

    /// What runs in the live slot.
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
