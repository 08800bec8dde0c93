//! The acts of a release and what it observes, as data. The driver performs both.

use jiff::Timestamp;

use crate::checks::Report;
use crate::history::{Direction, ReleaseRecord, Step};
use crate::inventory::{
    Clocks, Connections, Hold, Installation, Instance, InstanceId, InstanceRun, PeerApproval,
    PerSlot, Probe, ProxyAnswer, PublicAnswer, RegistryRecord, RequestCount, Slot, Version,
};

/// A change to the servers. Each act names everything it needs; none toggles.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Act {
    /// Pull the plan's image.
    Pull,
    /// Install the proxy's configuration.
    Install,
    /// Remove the slot's leftover, then create and start the candidate.
    Start,
    /// Register the instance that is running in the slot.
    Register,
    /// Move the traffic.
    Switch(Box<Move>),
    /// Deregister a slot.
    Deregister(Slot),
    /// Deregister a slot, then stop the instance that was observed in it; only deregister if none was.
    Retire(Slot, Option<InstanceId>),
    /// Start a stopped instance again and register it.
    Reinstate(Slot, Before),
    /// Stop and remove the candidate: exactly this instance.
    Remove(Slot, InstanceId),
}

/// What the driver does before it starts an instance again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Before {
    /// Nothing: the instance is registered, or has the traffic.
    Nothing,
    /// Stop it, even if it is running. An earlier request to stop it may have been reported as failed, or its requester
    /// may be gone, while the engine still executes it. The engine finishes earlier requests first, so that the earlier
    /// stop cannot end the instance that is started afterwards.
    Stop,
}

/// One movement of the traffic, from the observed state to the wanted one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Move {
    /// The generation and slot of the registry's route; none without a route.
    pub route_from: Option<(u64, Slot)>,
    /// The slot that the proxy named; none if it named none.
    pub proxy_from: Option<Slot>,
    /// The slot that gets the traffic.
    pub to: Slot,
    /// The generation that this switch makes.
    pub generation: u64,
    /// The hold that was seen and does not stop the release. Forward, the switch is made only if the hold is unchanged.
    pub hold: Option<Hold>,
    /// The approvals by other operators. The switch is made only if all of them still exist.
    pub peer_approvals: Vec<PeerApproval>,
}

/// What to observe. Everything in it is observed at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a set of things to observe, not states"
)]
pub struct Ask {
    /// Whether the engine has the image.
    pub image: bool,
    /// Whether the proxy's configuration is installed.
    pub installation: bool,
    /// The instances in both slots.
    pub instances: bool,
    /// The health of a slot.
    pub probe: Option<Slot>,
    /// The registry's record.
    pub registry: bool,
    /// What the proxy reports.
    pub proxy: bool,
    /// The answers on the public address, over a fresh and a kept connection.
    pub public: bool,
    /// The direct answer of this slot to the request that the public address gets.
    pub direct: Option<Slot>,
    /// How many public requests a slot has answered since a time, and how many of them failed.
    pub traffic: Option<(Slot, Timestamp)>,
    /// The connections of a slot.
    pub connections: Option<Slot>,
    /// All checks, against the candidate.
    pub checks: bool,
    /// What is live in the environment where the version must be live first.
    pub live_there: bool,
}

impl Ask {
    /// Whether there is nothing to observe.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What was observed. A value that was not requested or could not be observed is absent; `blind` says why it could not
/// be observed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observation {
    /// Whether the engine has the image.
    pub image: Option<bool>,
    /// Whether the proxy's configuration is installed.
    pub installation: Option<Installation>,
    /// The instance in each slot.
    pub instances: Option<PerSlot<Option<Instance>>>,
    /// The health of the requested slot.
    pub probe: Option<Probe>,
    /// The registry's record.
    pub registry: Option<RegistryRecord>,
    /// What the proxy reports; the inner none is a proxy that was never configured.
    pub proxy: Option<Option<ProxyAnswer>>,
    /// The answers over a fresh and a kept connection; the inner none if no public address is configured.
    pub public: Option<Option<(PublicAnswer, PublicAnswer)>>,
    /// The direct answer of the requested slot; none if no public address is configured.
    pub direct: Option<PublicAnswer>,
    /// The requests that the requested slot has answered; none if the proxy does not report them.
    pub traffic: Option<RequestCount>,
    /// The connections of the requested slot.
    pub connections: Option<Connections>,
    /// The result of the checks.
    pub report: Option<Report>,
    /// What is live in the environment where the version must be live first; the inner none means that nothing is.
    pub live_there: Option<Option<Version>>,
    /// The newest releases there, newest first; read only if another version is live.
    pub past_there: Option<Vec<ReleaseRecord>>,
    /// The clocks of other machines.
    pub clocks: Clocks,
    /// What could not be observed, and why.
    pub blind: Vec<String>,
}

impl Observation {
    /// The instance that was observed in a slot.
    pub fn instance(&self, slot: Slot) -> Option<&Instance> {
        self.instances.as_ref()?.get(slot).as_ref()
    }

    /// The generation and slot of the registry's route.
    pub fn route(&self) -> Option<(u64, Slot)> {
        let route = &self.registry.as_ref()?.route.as_ref()?.value;
        Some((route.generation, route.live))
    }

    /// The slot that the proxy names.
    pub fn proxy_slot(&self) -> Option<Slot> {
        self.proxy.as_ref()?.as_ref()?.slot
    }

    /// Whether the registry or the proxy sends traffic to a slot. Unknown counts as yes.
    pub fn may_have_traffic(&self, slot: Slot) -> bool {
        let by_registry = match &self.registry {
            None => true,
            Some(_) => self.route().is_some_and(|(_, live)| live == slot),
        };
        let by_proxy = match &self.proxy {
            None => true,
            Some(_) => self.proxy_slot() == Some(slot),
        };
        by_registry || by_proxy
    }

    /// Why something could not be observed, or a general phrase.
    pub fn why_blind(&self) -> String {
        if self.blind.is_empty() {
            "it was not observed".into()
        } else {
            self.blind.join("; ")
        }
    }
}

/// An act that failed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ActionError {
    /// What the driver does about it.
    pub kind: ActionErrorKind,
    /// The message.
    pub text: String,
}

/// What the driver does about a failed act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActionErrorKind {
    /// It may be tried again a moment later, after observing.
    Passing,
    /// Another operator holds the lock: the driver must stop.
    Fenced,
    /// The request was understood and refused.
    Final,
}

/// One step of a release in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stage {
    /// The step.
    pub step: Step,
    /// The direction.
    pub direction: Direction,
}

/// The progress of a stage: when it started and what was observed since.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Course {
    /// When it started.
    pub(super) since: Timestamp,
    /// When its act returned.
    pub(super) acted_at: Option<Timestamp>,
    /// Since when the candidate has been healthy without a break.
    pub(super) healthy_since: Option<Timestamp>,
    /// The run of the instance to which `healthy_since` belongs.
    pub(super) healthy_run: Option<InstanceRun>,
    /// How many consecutive observations were bad.
    pub(super) bad_in_a_row: u32,
    /// Whether the public answer is compared with the candidate's direct answer.
    pub(super) compares: bool,
    /// The requests to the public address that Greenroom itself made.
    pub(super) asked: RequestCount,
    /// Its act broke off, and no observation since has been explained by that.
    pub(super) broke_off: bool,
}

impl Course {
    /// A stage that starts now.
    pub(super) fn begun(since: Timestamp) -> Self {
        Self {
            since,
            acted_at: None,
            healthy_since: None,
            healthy_run: None,
            bad_in_a_row: 0,
            compares: false,
            asked: RequestCount::default(),
            broke_off: false,
        }
    }
}
