//! What runs in a slot, as the runtime reports it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, ImageLabels, ReleaseId, Slot, Target};

/// The runtime's own id of an instance: a full container id, or a process record's id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(pub String);

impl InstanceId {
    /// The first twelve characters, as container tools show it.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whether it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Made, not started.
    Created,
    /// Running.
    Running,
    /// The runtime is starting it again after an exit.
    Restarting,
    /// Frozen by hand.
    Paused,
    /// Over.
    Exited {
        /// The exit code, if there was one.
        code: Option<i64>,
    },
}

/// What the runtime's own health check says, where it has one. Greenroom's probes are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeHealth {
    /// It has no check of its own.
    Unchecked,
    /// Not decided yet.
    Starting,
    /// Good.
    Healthy,
    /// Bad.
    Unhealthy,
}

/// One of our instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The runtime's id.
    pub id: InstanceId,
    /// Its name there, e.g. `greenroom-web-production-blue`.
    pub name: String,
    /// Whose it is.
    pub target: Target,
    /// Where it runs.
    pub slot: Slot,
    /// The digest of the image that runs **now**, from the runtime, not from a label.
    pub digest: Digest,
    /// The tag it was released by, from its label.
    pub tag: Option<String>,
    /// The release that started it, from its label.
    pub release: Option<ReleaseId>,
    /// Whether it runs.
    pub state: InstanceState,
    /// What the runtime's own check says.
    pub health: RuntimeHealth,
    /// When it started last.
    pub started_at: Option<Timestamp>,
    /// How often the runtime restarted it.
    pub restarts: u64,
    /// The process id on the runtime's host, while it runs.
    pub pid: Option<u32>,
    /// What its image says about itself, as far as the runtime knows.
    #[serde(default)]
    pub labels: ImageLabels,
    /// How it was made, from the runtime: what can differ between two instances of a target, by
    /// name. Values that may be secret are there as a fingerprint only.
    #[serde(default)]
    pub configuration: BTreeMap<String, String>,
}

impl Instance {
    /// Whether it runs now.
    pub fn is_running(&self) -> bool {
        self.state == InstanceState::Running
    }

    /// Whether it runs, is paused, or is being started again: whether there is anything to stop.
    pub fn is_up(&self) -> bool {
        !matches!(
            self.state,
            InstanceState::Created | InstanceState::Exited { .. }
        )
    }

    /// The tag, else the short digest.
    pub fn version_name(&self) -> &str {
        self.tag.as_deref().unwrap_or_else(|| self.digest.short())
    }
}

/// What is in the way of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occupancy {
    /// Nothing: name and address are free.
    Free,
    /// An instance of ours, of this very target and slot.
    Ours(Box<Instance>),
    /// Something that is not ours has the name or the address; said in words.
    Foreign(String),
}

/// The name an instance of a slot has in the runtime, e.g. `greenroom-web-production-blue`.
pub fn instance_name(target: &Target, slot: Slot) -> String {
    format!("greenroom-{}-{}-{slot}", target.service, target.environment)
}
