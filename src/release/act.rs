//! What a release does to the world and what it looks at: data, done and looked at by the driver.

use jiff::Timestamp;

use crate::checks::Report;
use crate::history::{Direction, ReleaseRecord, Step};
use crate::inventory::{
    Clocks, Connections, Hold, Installation, Instance, InstanceId, InstanceRun, PeerApproval,
    PerSlot, Probe, ProxyAnswer, PublicAnswer, RegistryRecord, RequestCount, Slot, Version,
};

/// A change of the world. Each names all it needs: nothing toggles.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Act {
    /// Pull the plan's image.
    Pull,
    /// Install the proxy's configuration.
    Install,
    /// Remove the slot's leftover, then create and start the candidate.
    Start,
    /// Register the instance that runs in the slot.
    Register,
    /// Move the traffic.
    Switch(Box<Move>),
    /// Deregister a slot.
    Deregister(Slot),
    /// Deregister a slot, then stop the instance that was seen in it; none was, where none is named.
    Retire(Slot, Option<InstanceId>),
    /// Start a stopped instance again and register it.
    Reinstate(Slot, Before),
    /// Stop and remove the candidate: this very instance.
    Remove(Slot, InstanceId),
}

/// What comes before an instance is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Before {
    /// Nothing: it is registered, or has the traffic.
    Nothing,
    /// It is stopped, also while it runs: it was to be stopped, and whoever asked for that may have
    /// been told that it failed, or be gone. The engine ends what it was asked first, so that a stop
    /// which goes on unheard cannot end what is started after it.
    Stop,
}

/// One movement of the traffic, from what was observed to what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Move {
    /// Generation and slot that the registry had; none when it had no route.
    pub route_from: Option<(u64, Slot)>,
    /// The slot that the proxy named; none when it named none.
    pub proxy_from: Option<Slot>,
    /// The slot that gets the traffic.
    pub to: Slot,
    /// The generation this makes.
    pub generation: u64,
    /// The hold that was seen, which is in nobody's way. Forward, only where it is still that one.
    pub hold: Option<Hold>,
    /// What others had approved. Only where all of it is approved still.
    pub peer_approvals: Vec<PeerApproval>,
}

/// What to look at. Everything asked for is looked at at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a set of things to look at, not states"
)]
pub struct Ask {
    /// Whether the engine has the image.
    pub image: bool,
    /// Whether the proxy's configuration is installed.
    pub installation: bool,
    /// What runs in both slots.
    pub instances: bool,
    /// The health of a slot.
    pub probe: Option<Slot>,
    /// The registry's record.
    pub registry: bool,
    /// What the proxy says.
    pub proxy: bool,
    /// Who answers the public, over a fresh and a kept connection.
    pub public: bool,
    /// What this slot answers directly to the request that the public address is asked.
    pub direct: Option<Slot>,
    /// How many requests of the public a slot answered since a moment, and how many of them failed.
    pub traffic: Option<(Slot, Timestamp)>,
    /// The connections of a slot.
    pub connections: Option<Slot>,
    /// All checks, against the candidate.
    pub checks: bool,
    /// What is live in the environment that a version has to be live in first.
    pub live_there: bool,
}

impl Ask {
    /// Whether there is nothing to look at.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What was seen. What was not asked for, or could not be seen, is absent; why it could not be
/// seen stands in `blind`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observation {
    /// Whether the engine has the image.
    pub image: Option<bool>,
    /// Whether the proxy's configuration is installed.
    pub installation: Option<Installation>,
    /// What runs in each slot.
    pub instances: Option<PerSlot<Option<Instance>>>,
    /// The health of the slot asked for.
    pub probe: Option<Probe>,
    /// The registry's record.
    pub registry: Option<RegistryRecord>,
    /// What the proxy says; the inner none is a proxy that was never configured.
    pub proxy: Option<Option<ProxyAnswer>>,
    /// Who answered on a fresh and on a kept connection; the inner none when no public address is
    /// configured.
    pub public: Option<Option<(PublicAnswer, PublicAnswer)>>,
    /// What the slot asked for answers directly; none where no public address is configured.
    pub direct: Option<PublicAnswer>,
    /// The requests that the slot asked for answered; none where the proxy does not tell.
    pub traffic: Option<RequestCount>,
    /// The connections of the slot asked for.
    pub connections: Option<Connections>,
    /// What came out of the checks.
    pub report: Option<Report>,
    /// What is live in the environment that a version has to be live in first; the inner none is nothing at all.
    pub live_there: Option<Option<Version>>,
    /// The newest releases there, newest first; read only where another version is live.
    pub past_there: Option<Vec<ReleaseRecord>>,
    /// Other machines' clocks.
    pub clocks: Clocks,
    /// What could not be seen, and why.
    pub blind: Vec<String>,
}

impl Observation {
    /// The instance seen in a slot.
    pub fn instance(&self, slot: Slot) -> Option<&Instance> {
        self.instances.as_ref()?.get(slot).as_ref()
    }

    /// The generation and slot of the registry's route.
    pub fn route(&self) -> Option<(u64, Slot)> {
        let route = &self.registry.as_ref()?.route.as_ref()?.value;
        Some((route.generation, route.live))
    }

    /// The slot the proxy names.
    pub fn proxy_slot(&self) -> Option<Slot> {
        self.proxy.as_ref()?.as_ref()?.slot
    }

    /// Whether registry or proxy send traffic to a slot. Not knowing is not a no.
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

    /// Why something could not be seen, or a general word.
    pub fn why_blind(&self) -> String {
        if self.blind.is_empty() {
            "it was not seen".into()
        } else {
            self.blind.join("; ")
        }
    }
}

/// An act that did not answer as it should.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ActionError {
    /// What follows from it.
    pub kind: ActionErrorKind,
    /// In words.
    pub text: String,
}

/// What follows from a mishap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActionErrorKind {
    /// It may be tried again a moment later, after a look.
    Passing,
    /// The lock is somebody else's: nothing may be done any more.
    Fenced,
    /// It was understood and refused.
    Final,
}

/// One stage of the way: a step in a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stage {
    /// Which step.
    pub step: Step,
    /// Which way.
    pub direction: Direction,
}

/// Since when a stage goes on, and what it has seen so far.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Course {
    /// When it was begun.
    pub(super) since: Timestamp,
    /// When its act was done.
    pub(super) acted_at: Option<Timestamp>,
    /// Since when the candidate is healthy without a break.
    pub(super) healthy_since: Option<Timestamp>,
    /// The run of the instance that `healthy_since` is about.
    pub(super) healthy_run: Option<InstanceRun>,
    /// How many bad looks came in a row.
    pub(super) bad_in_a_row: u32,
    /// Whether what the public gets is compared with what the candidate answers directly.
    pub(super) compares: bool,
    /// The answers of the public address that Greenroom itself asked for.
    pub(super) asked: RequestCount,
    /// Its act broke off, and nothing that was seen since has been put down to that.
    pub(super) broke_off: bool,
}

impl Course {
    /// A stage begun now.
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
