//! The observations of a release, and the stage that they are for, as data.

use jiff::Timestamp;

use super::action::ActionErrorKind;
use crate::checks::Report;
use crate::history::{Direction, ReleaseRecord, Step};
use crate::inventory::{
    Clocks, Connections, Edges, InstanceRun, JobCount, PerSlot, Probe, PublicAnswer,
    RegistryRecord, RequestCount, Slot, SlotMembers, TaskRun, Version,
};

/// The things to observe, all at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a set of things to observe, not states"
)]
pub struct Ask {
    /// Whether to ask the runtime if it has the image.
    pub image: bool,
    pub installation: bool,
    pub instances: bool,
    /// The slot whose health endpoint is requested.
    pub probe: Option<Slot>,
    pub registry: bool,
    pub proxy: bool,
    /// Whether to request the public address, over a fresh and a kept connection.
    pub public: bool,
    /// The slot that gets the request for the public address directly, without the proxy.
    pub direct: Option<Slot>,
    /// A slot and a time. The public requests to this slot since this time are counted, and how many of them failed.
    pub traffic: Option<(Slot, Timestamp)>,
    /// The slot whose connections are counted.
    pub connections: Option<Slot>,
    /// The slot whose jobs are counted.
    pub jobs: Option<Slot>,
    /// Whether to run all checks against the candidate.
    pub checks: bool,
    /// Whether to list the tasks of the release.
    pub tasks: bool,
    /// Whether to read which version is live in the environment of `rules.only_from`.
    pub live_in_first: bool,
}

impl Ask {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The result of an observation. A value is none if it was not requested or could not be observed. `blind` says why
/// values could not be observed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observation {
    /// Whether the runtime has the image.
    pub image: Option<bool>,
    /// The edges of the target: their configurations, their answers and the answers of the public address, as far as
    /// these were requested.
    pub edges: Edges,
    pub instances: Option<PerSlot<SlotMembers>>,
    /// The health of the requested slot.
    pub probe: Option<Probe>,
    pub registry: Option<RegistryRecord>,
    /// The direct answer of the requested slot; none if no public address is configured.
    pub direct: Option<PublicAnswer>,
    /// The public requests of the requested slot over all edges, and how many of them failed; none if they are not
    /// reported.
    pub traffic: Option<RequestCount>,
    /// The connections of all edges to the requested slot.
    pub connections: Option<Connections>,
    /// The jobs of the requested slot.
    pub jobs: Option<JobCount>,
    pub report: Option<Report>,
    /// The containers of the release's tasks.
    pub tasks: Option<Vec<TaskRun>>,
    /// The version that is live in the environment of `rules.only_from`. The inner none means that no version is live.
    pub live_in_first: Option<Option<Version>>,
    /// The newest releases of the environment of `rules.only_from`, newest first. They are read only if another version
    /// is live in it.
    pub past_of_first: Option<Vec<ReleaseRecord>>,
    pub clocks: Clocks,
    /// A message for each value that could not be observed.
    pub blind: Vec<String>,
}

impl Observation {
    /// The members of a slot; none if the runtime was not observed.
    pub fn members(&self, slot: Slot) -> Option<&SlotMembers> {
        Some(self.instances.as_ref()?.get(slot))
    }

    /// The generation and slot of the route.
    pub fn route(&self) -> Option<(u64, Slot)> {
        let route = &self.registry.as_ref()?.route.as_ref()?.value;
        Some((route.generation, route.live))
    }

    /// The messages of `blind`, or a general message if there are none.
    pub fn why_blind(&self) -> String {
        why_blind(&self.blind)
    }
}

pub(super) fn why_blind(blind: &[String]) -> String {
    if blind.is_empty() {
        "the observation failed without a reason".into()
    } else {
        blind.join("; ")
    }
}

/// One step of a release in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stage {
    pub step: Step,
    pub direction: Direction,
}

/// The progress of a stage: when it started and what was observed since.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Course {
    pub(super) since: Timestamp,
    /// When the act of the stage returned.
    pub(super) acted_at: Option<Timestamp>,
    /// Since when the candidate has been healthy without a break.
    pub(super) healthy_since: Option<Timestamp>,
    /// The runs of the members to which `healthy_since` belongs.
    pub(super) healthy_runs: Vec<InstanceRun>,
    pub(super) bad_in_a_row: u32,
    /// Whether the public answer is compared with the candidate's direct answer.
    pub(super) compares: bool,
    /// The requests that Greenroom itself made to the public address, and how many of them failed.
    pub(super) own_requests: RequestCount,
    /// How the last try of the act failed; none if it succeeded. After a failure, the act may have happened in part.
    pub(super) last_failure: Option<ActionErrorKind>,
    /// Whether the act failed temporarily. Such a failure may explain one exit of the candidate.
    pub(super) failed_temporarily: bool,
    /// Whether the undo of a task has failed, and nothing that it undoes is still running or may be started.
    pub(super) undo_has_failed: bool,
}

impl Course {
    pub(super) fn new(since: Timestamp) -> Self {
        Self {
            since,
            acted_at: None,
            healthy_since: None,
            healthy_runs: Vec::new(),
            bad_in_a_row: 0,
            compares: false,
            own_requests: RequestCount::default(),
            last_failure: None,
            failed_temporarily: false,
            undo_has_failed: false,
        }
    }
}
