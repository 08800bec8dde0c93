//! The instance in a slot, as the runtime reports it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Address, Addresses, Digest, Endpoint, ImageLabels, ReleaseId, Slot, SlotMembers, Target,
};

/// The id that the runtime gave to an instance: a full container id, or the id of a process record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(pub String);

impl InstanceId {
    /// The first twelve characters, as in the output of container tools.
    pub fn short(&self) -> &str {
        let id = &self.0;
        id.char_indices().nth(12).map_or(id, |(end, _)| &id[..end])
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    Created,
    Running,
    /// The runtime is starting the instance again after it has ended.
    Restarting,
    Paused,
    Exited {
        /// None if the runtime reports no exit code.
        code: Option<i64>,
    },
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created => f.pad("created"),
            Self::Running => f.pad("running"),
            Self::Restarting => f.pad("restarting"),
            Self::Paused => f.pad("paused"),
            Self::Exited { code: Some(code) } => write!(f, "exited with code {code}"),
            Self::Exited { code: None } => f.pad("exited without a code"),
        }
    }
}

/// The result of the health check that the runtime makes. The probes that Greenroom sends are separate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeHealth {
    /// The image has no health check.
    Unchecked,
    /// The health check has no result yet.
    Starting,
    Healthy,
    Unhealthy,
}

/// How the last run of an instance ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Exit {
    /// None if the runtime reports no exit code.
    pub code: Option<i64>,
    /// Whether the kernel killed the instance because it used too much memory.
    pub out_of_memory: bool,
}

/// One run of an instance, from its start to its exit. A restart begins another run, and checks of an earlier run say
/// nothing about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstanceRun {
    pub id: InstanceId,
    /// The start of the run by the runtime's clock.
    pub started_at: Option<Timestamp>,
    /// How often the runtime had restarted the instance before this run.
    pub restarts: u64,
}

/// One instance that Greenroom created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    pub id: InstanceId,
    /// The name in the runtime, e.g. `greenroom-web.production.blue`.
    pub name: String,
    pub target: Target,
    pub slot: Slot,
    /// The number of the member in its slot, from 1, from a label.
    #[serde(default = "one")]
    pub number: usize,
    /// How many members the slot got when the instance was created, from a label.
    #[serde(default = "one")]
    pub of: usize,
    /// The address that the instance got when it was created; none if it is not known.
    #[serde(default)]
    pub endpoint: Option<Endpoint>,
    /// The digest of the running image. It comes from the runtime and not from a label, because labels can be wrong.
    pub digest: Digest,
    /// The tag that was released, from a label.
    pub tag: Option<String>,
    /// The release that started the instance, from a label.
    pub release: Option<ReleaseId>,
    pub state: InstanceState,
    pub health: RuntimeHealth,
    /// The start of the current or last run.
    pub started_at: Option<Timestamp>,
    pub restarts: u64,
    /// How the last run ended; none if the runtime does not report that.
    #[serde(default)]
    pub last_exit: Option<Exit>,
    /// The process id on the host of the runtime; none unless the instance is running.
    pub pid: Option<u32>,
    /// What the image says about itself.
    #[serde(default)]
    pub labels: ImageLabels,
    /// The settings with which the instance was created, by name. Only settings that can differ between two instances
    /// of a target are included. Values that may be secret are shown as fingerprints.
    #[serde(default)]
    pub configuration: BTreeMap<String, String>,
}

fn one() -> usize {
    1
}

impl Instance {
    pub fn is_running(&self) -> bool {
        self.state == InstanceState::Running
    }

    /// Whether the instance can be stopped: it is running, paused or restarting.
    pub fn is_up(&self) -> bool {
        !matches!(
            self.state,
            InstanceState::Created | InstanceState::Exited { .. }
        )
    }

    /// The address of the member in its slot: the configured one for its number, otherwise the one that it got when it was
    /// created.
    pub fn address(&self, of_slot: &Addresses) -> Option<Address> {
        let configured = of_slot.of_member(self.number).cloned();
        configured.or_else(|| self.endpoint.clone().map(Address::from))
    }

    /// The current run, as the runtime reports it.
    pub fn run(&self) -> InstanceRun {
        InstanceRun {
            id: self.id.clone(),
            started_at: self.started_at,
            restarts: self.restarts,
        }
    }

    /// Why the runtime does not report the instance as healthy; none if it is running, and its image has no health check
    /// or the health check has passed. A health check without a result has not passed.
    pub fn unhealthy_by_runtime(&self) -> Option<&'static str> {
        match self.state {
            InstanceState::Running => {}
            InstanceState::Created => return Some("not started"),
            InstanceState::Restarting => return Some("restarting"),
            InstanceState::Paused => return Some("paused"),
            InstanceState::Exited { .. } => return Some("not running"),
        }
        match self.health {
            RuntimeHealth::Starting => Some("the image's HEALTHCHECK is still starting"),
            RuntimeHealth::Unhealthy => Some("the image's HEALTHCHECK says unhealthy"),
            RuntimeHealth::Unchecked | RuntimeHealth::Healthy => None,
        }
    }

    /// The tag, or the short digest if there is no tag.
    pub fn version_name(&self) -> &str {
        self.tag.as_deref().unwrap_or_else(|| self.digest.short())
    }
}

/// What has the name and the address of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occupancy {
    /// The name and the address are free.
    Free,
    /// Greenroom's members of this slot. The set is not empty.
    Ours(SlotMembers),
    /// Something else has the name or the address. The text describes it.
    Foreign(String),
}
