//! What is running where, as observed at one moment. Never derived from history.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::freeze;
use super::{
    Endorsement, Endpoint, Freeze, Hold, Installation, Instance, InstanceState, KeyLine,
    LockHolder, PerSlot, Probe, ProxyAnswer, PublicAddress, PublicAnswer, Rates, Registration,
    Revisioned, Role, Route, Slot, Target, Tier, Watcher, WheelRequest,
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
}

impl SourceState {
    /// Whether what it says is current.
    pub fn is_live(&self) -> bool {
        *self == Self::Live
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
    pub wheel: Option<WheelRequest>,
    /// What others have approved.
    #[serde(default)]
    pub endorsements: Vec<Endorsement>,
    /// Keys of ours that hold what is not ours to read, each with what is wrong.
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
    /// Both slots.
    pub slots: PerSlot<SlotSnapshot>,
    /// The route as the registry has it.
    pub route: Option<Revisioned<Route>>,
    /// What the proxy says.
    pub proxy: Option<ProxyAnswer>,
    /// Whether the proxy's configuration, as it is stored and loaded, is what it should be; none while
    /// it was not looked at.
    #[serde(default)]
    pub installation: Option<Installation>,
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
    /// The consoles that have it open, as far as they say so.
    #[serde(default)]
    pub watching: Vec<Watcher>,
    /// Who asks to be handed its release.
    #[serde(default)]
    pub wheel: Option<WheelRequest>,
    /// What others have approved.
    #[serde(default)]
    pub endorsements: Vec<Endorsement>,
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
    /// What stops promotes at `now`: the hold that was placed, and every freeze.
    pub fn holds(&self, now: Timestamp) -> Vec<Hold> {
        freeze::standing(self.hold.as_ref(), &self.freezes, &self.target.service, now)
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
            slots: PerSlot::from_fn(|slot| SlotSnapshot {
                endpoint: endpoints.get(slot).clone(),
                instance: None,
                registration: None,
                probe: None,
                rates: None,
            }),
            route: None,
            proxy: None,
            installation: None,
            public: None,
            preview: None,
            rates_unknown: None,
            lock: None,
            hold: None,
            freezes: Vec::new(),
            watching: Vec::new(),
            wheel: None,
            endorsements: Vec::new(),
            problems: BTreeMap::new(),
            keys: Vec::new(),
            keys_at: None,
            sources: Sources::default(),
            at,
        }
    }

    /// The slot with the traffic: what the proxy says it does; while the proxy is not heard,
    /// what the registry told it to do.
    pub fn live(&self) -> Option<Slot> {
        match &self.proxy {
            Some(answer) => answer.slot,
            None => self.route.as_ref().map(|route| route.value.live),
        }
    }

    /// What a slot is used for.
    pub fn role(&self, slot: Slot) -> Role {
        let Some(instance) = &self.slots.get(slot).instance else {
            return Role::Empty;
        };
        if self.live() == Some(slot) {
            return Role::Live;
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

    /// What runs in the live slot.
    pub fn live_instance(&self) -> Option<&Instance> {
        self.live()
            .and_then(|slot| self.slots.get(slot).instance.as_ref())
    }
}
