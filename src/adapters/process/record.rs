//! The record of an instance, and the current state of its process.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::identity::{self, Run};
use crate::inventory::{
    Digest, Endpoint, EnvironmentValue, FingerprintKey, ImageLabels, Instance, InstanceId,
    InstanceState, ReleaseId, RuntimeHealth, SecretSource, Slot, Target,
};
use crate::ports::instance_name;
use crate::sanitize::sanitize;

/// The format number of the record file.
pub(super) const FORMAT: u32 = 1;

/// What identifies the process of a record.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) id: InstanceId,
    pub(super) name: String,
    /// None if the run is not recorded.
    pub(super) run: Option<Run>,
    /// Whether the signal to stop goes to its process group.
    pub(super) stops_as_group: bool,
}

impl Process {
    /// The current run. None if the process is not running.
    pub(super) fn running(&self) -> Option<Run> {
        match &self.run {
            Some(run) => run.is_alive().then(|| run.clone()),
            None => identity::find_by_instance(&self.id.0),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) format: u32,
    pub(super) id: InstanceId,
    pub(super) target: Target,
    pub(super) slot: Slot,
    /// The number of the member in its slot, from 1.
    #[serde(default = "one")]
    pub(super) number: usize,
    /// How many members the slot gets.
    #[serde(default = "one")]
    pub(super) of: usize,
    /// The digest of the command line in the catalogue when the instance was started.
    pub(super) digest: Digest,
    pub(super) tag: Option<String>,
    pub(super) release: ReleaseId,
    /// None for a background service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) endpoint: Option<Endpoint>,
    pub(super) argv: Vec<String>,
    pub(super) environment: BTreeMap<String, EnvironmentValue>,
    /// The labels of the program in the catalogue. Empty in records of an older Greenroom.
    #[serde(default)]
    pub(super) labels: ImageLabels,
    /// The last run. None while a start has not recorded its process yet.
    pub(super) run: Option<Run>,
    /// The exit code of the last run. None while the process is running, or if the code is unknown.
    pub(super) code: Option<i64>,
}

fn one() -> usize {
    1
}

impl Record {
    /// The name of the instance, which is also the name of its record file.
    pub(super) fn name(&self) -> String {
        instance_name(&self.target, self.slot, self.number)
    }

    /// The current run. None if no process of this record is running.
    pub(super) fn running(&self) -> Option<Run> {
        self.process().running()
    }

    pub(super) fn process(&self) -> Process {
        Process {
            id: self.id.clone(),
            name: self.name(),
            run: self.run.clone(),
            stops_as_group: false,
        }
    }

    pub(super) fn observe(&self, fingerprints: &FingerprintKey) -> Instance {
        let running = self.running();
        let state = match (&running, &self.run) {
            (Some(_), _) => InstanceState::Running,
            (None, None) => InstanceState::Created,
            (None, Some(_)) => InstanceState::Exited { code: self.code },
        };
        let last = running.as_ref().or(self.run.as_ref());
        Instance {
            id: self.id.clone(),
            name: self.name(),
            target: self.target.clone(),
            slot: self.slot,
            number: self.number,
            of: self.of,
            endpoint: self.endpoint.clone(),
            digest: self.digest.clone(),
            tag: self.tag.clone(),
            release: Some(self.release),
            state,
            health: RuntimeHealth::Unchecked,
            started_at: last.map(|run| run.started_at),
            restarts: 0,
            last_exit: None,
            pid: running.map(|run| run.pid),
            labels: self.labels.clone(),
            configuration: self.configuration(fingerprints),
        }
    }

    /// The configuration of the instance. The source of a secret is shown, because the source is not secret. The value
    /// of the secret is not known. The command line is not included: it takes the place of the image, and differs only
    /// if the digest differs.
    fn configuration(&self, fingerprints: &FingerprintKey) -> BTreeMap<String, String> {
        self.environment
            .iter()
            .map(|(name, value)| {
                let value = match value {
                    EnvironmentValue::Plain(text) => fingerprints.of(text),
                    EnvironmentValue::Secret(SecretSource::Env(name)) => {
                        format!("secret from the variable {name}")
                    }
                    EnvironmentValue::Secret(SecretSource::File(path)) => {
                        format!("secret from {}", path.display())
                    }
                    EnvironmentValue::Secret(SecretSource::Command(command)) => {
                        format!("secret from {}", command.join(" "))
                    }
                };
                (sanitize(&format!("env {name}")), sanitize(&value))
            })
            .collect()
    }
}
