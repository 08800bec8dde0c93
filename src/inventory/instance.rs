//! The instance in a slot, as the runtime reports it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, ImageLabels, PerSlot, Probe, ReleaseId, Slot, Target, instance_name};

/// The runtime's own id: a full container id, or the id of a process record.
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

/// Whether an instance is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Created, but not started.
    Created,
    /// Running.
    Running,
    /// The runtime is starting it again after an exit.
    Restarting,
    /// Paused by hand.
    Paused,
    /// It has ended.
    Exited {
        /// The exit code, if there was one.
        code: Option<i64>,
    },
}

/// The result of the runtime's own health check, if there is one. Greenroom's probes are separate.
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

/// How the last run of an instance ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Exit {
    /// The exit code, if there was one.
    pub code: Option<i64>,
    /// Whether the kernel killed it because it used more memory than it may.
    pub out_of_memory: bool,
}

/// One run of an instance, from its start to its exit. After a restart it is another run, and checks of the run before
/// say nothing about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InstanceRun {
    /// Which instance.
    pub id: InstanceId,
    /// When it started, by the runtime's clock.
    pub started_at: Option<Timestamp>,
    /// How often the runtime had restarted it by then.
    pub restarts: u64,
}

/// One instance that Greenroom created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The runtime's id.
    pub id: InstanceId,
    /// Its name there, e.g. `greenroom-web.production.blue`.
    pub name: String,
    /// The target that it belongs to.
    pub target: Target,
    /// The slot that it runs in.
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
    /// How its last run ended, if the runtime reports it.
    #[serde(default)]
    pub last_exit: Option<Exit>,
    /// The process id on the runtime's host, while it runs.
    pub pid: Option<u32>,
    /// What its image says about itself, as far as the runtime knows.
    #[serde(default)]
    pub labels: ImageLabels,
    /// How it was created, from the runtime: the settings that can differ between two instances of a target, by name.
    /// Values that may be secret appear only as a fingerprint.
    #[serde(default)]
    pub configuration: BTreeMap<String, String>,
}

impl Instance {
    /// Whether it is running now.
    pub fn is_running(&self) -> bool {
        self.state == InstanceState::Running
    }

    /// Whether there is anything to stop: it is running, paused or restarting.
    pub fn is_up(&self) -> bool {
        !matches!(
            self.state,
            InstanceState::Created | InstanceState::Exited { .. }
        )
    }

    /// The run that the runtime reports now.
    pub fn run(&self) -> InstanceRun {
        InstanceRun {
            id: self.id.clone(),
            started_at: self.started_at,
            restarts: self.restarts,
        }
    }

    /// Why it is not healthy; none if it is. Both the runtime's own check and Greenroom's probe must be good, and a
    /// check that is still starting is not good yet. Every screen and every guard uses this.
    pub fn unhealthy(&self, probe: Option<&Probe>) -> Option<String> {
        match self.state {
            InstanceState::Running => {}
            InstanceState::Created => return Some("not started".to_owned()),
            InstanceState::Restarting => return Some("restarting".to_owned()),
            InstanceState::Paused => return Some("paused".to_owned()),
            InstanceState::Exited { .. } => return Some("not running".to_owned()),
        }
        match self.health {
            RuntimeHealth::Starting => {
                return Some("the image's HEALTHCHECK is still starting".to_owned());
            }
            RuntimeHealth::Unhealthy => {
                return Some("the image's HEALTHCHECK says unhealthy".to_owned());
            }
            RuntimeHealth::Unchecked | RuntimeHealth::Healthy => {}
        }
        match probe {
            Some(probe) if probe.healthy => None,
            Some(probe) if probe.detail.is_empty() => Some("its probe failed".to_owned()),
            Some(probe) => Some(probe.detail.clone()),
            None => Some("not probed yet".to_owned()),
        }
    }

    /// The instance of each slot. Labels are copied easily: `docker commit` copies them into an image, and every
    /// container of that image gets them. So if several instances have the labels of one slot, the one with the slot's
    /// own name counts; without such a one, one that is up.
    pub fn by_slot(instances: Vec<Self>) -> PerSlot<Option<Self>> {
        let mut slots: PerSlot<Option<Self>> = PerSlot::default();
        let rank = |it: &Self| (it.name == instance_name(&it.target, it.slot), it.is_up());
        for instance in instances {
            let known = slots.get_mut(instance.slot);
            if known
                .as_ref()
                .is_none_or(|known| rank(known) <= rank(&instance))
            {
                *known = Some(instance);
            }
        }
        slots
    }

    /// The tag, else the short digest.
    pub fn version_name(&self) -> &str {
        self.tag.as_deref().unwrap_or_else(|| self.digest.short())
    }
}

/// What occupies the name and address of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occupancy {
    /// Nothing: the name and the address are free.
    Free,
    /// An instance of Greenroom, of this target and slot.
    Ours(Box<Instance>),
    /// Something that is not Greenroom's has the name or the address; a description for people.
    Foreign(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, state: InstanceState) -> Instance {
        let target = Target::new("web".parse().unwrap(), "qa".parse().unwrap());
        Instance {
            id: InstanceId(name.into()),
            name: name.into(),
            target,
            slot: Slot::Blue,
            digest: format!("sha256:{}", "a".repeat(64)).parse().unwrap(),
            tag: None,
            release: None,
            state,
            health: RuntimeHealth::Unchecked,
            started_at: None,
            restarts: 0,
            last_exit: None,
            pid: None,
            labels: ImageLabels::default(),
            configuration: BTreeMap::new(),
        }
    }

    #[test]
    fn a_container_with_copied_labels_does_not_stand_in_for_a_slot() {
        let up = InstanceState::Running;
        let down = InstanceState::Exited { code: Some(0) };
        let counts = |all: Vec<Instance>| Instance::by_slot(all).blue.expect("one").name;
        let own = "greenroom-web.qa.blue";
        for state in [up, down] {
            let (own_one, copy) = (named(own, state), named("debugging", up));
            assert_eq!(counts(vec![own_one.clone(), copy.clone()]), own);
            assert_eq!(counts(vec![copy, own_one]), own);
        }
        let renamed = vec![named("web-blue", up), named("old", down)];
        assert_eq!(counts(renamed), "web-blue");
    }
}
