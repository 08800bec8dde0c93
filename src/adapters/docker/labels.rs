//! The labels that identify Greenroom's containers. The labels show what was intended; only Docker knows what is
//! running.

use std::collections::HashMap;

use crate::inventory::{
    Address, Endpoint, FencingToken, ImageLabels, InstanceShape, MOST_MEMBERS, ReleaseId, Slot,
    Target, TaskCall, Unstarted,
};
use crate::ports::{CheckSpec, InstanceSpec, TaskSpec};
use crate::sanitize::sanitize;

/// The label that every container of Greenroom has.
pub(super) const SERVICE: &str = "greenroom.service";
const ENVIRONMENT: &str = "greenroom.environment";
const SLOT: &str = "greenroom.slot";
const RELEASE: &str = "greenroom.release";
const TAG: &str = "greenroom.tag";
const DIGEST: &str = "greenroom.digest";
const REPOSITORY: &str = "greenroom.repository";
const ENDPOINT: &str = "greenroom.endpoint";
/// The number of the member in its slot, and how many members the slot gets.
const MEMBER: &str = "greenroom.member";
const MEMBERS: &str = "greenroom.members";
const TASK: &str = "greenroom.task";
/// The name of the check.
const CHECK: &str = "greenroom.check";
const UNDO: &str = "greenroom.undo";
const TOKEN: &str = "greenroom.token";
const WITHDRAWN: &str = "greenroom.withdrawn";
/// The names of the secret files, separated by commas.
const SECRETS: &str = "greenroom.secrets";

/// The prefix of Greenroom's labels.
pub(super) const OURS: &str = "greenroom.";
/// The prefix of the labels with which images describe themselves.
pub(super) const IMAGES: &str = "org.opencontainers.image.";

/// The labels of one of Greenroom's containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Labels {
    pub(super) target: Target,
    pub(super) slot: Slot,
    pub(super) number: usize,
    pub(super) of: usize,
    pub(super) release: Option<ReleaseId>,
    pub(super) tag: Option<String>,
    pub(super) digest: String,
    pub(super) repository: String,
    pub(super) endpoint: Option<Endpoint>,
}

impl Labels {
    /// Reads Greenroom's labels; none if the labels that name the target and the slot are missing or not valid.
    pub(super) fn read(labels: &HashMap<String, String>) -> Option<Self> {
        let text = |name: &str| labels.get(name).map(String::as_str);
        let service = text(SERVICE)?.parse().ok()?;
        let environment = text(ENVIRONMENT)?.parse().ok()?;
        let count = |name: &str| {
            let count = text(name).and_then(|text| text.parse().ok());
            count
                .filter(|count| (1..=MOST_MEMBERS).contains(count))
                .unwrap_or(1)
        };
        Some(Self {
            target: Target::new(service, environment),
            number: count(MEMBER),
            of: count(MEMBERS),
            slot: text(SLOT)?.parse().ok()?,
            release: text(RELEASE).and_then(|t| t.parse().ok()),
            tag: text(TAG).filter(|t| !t.is_empty()).map(sanitize),
            digest: text(DIGEST).unwrap_or_default().to_owned(),
            repository: text(REPOSITORY).unwrap_or_default().to_owned(),
            endpoint: text(ENDPOINT).and_then(|t| t.parse::<Address>().ok()?.endpoint().ok()),
        })
    }

    /// Docker's filter for the containers of a target, or of one of its slots.
    pub(super) fn filter(target: &Target, slot: Option<Slot>) -> Vec<String> {
        let of_target = [
            format!("{SERVICE}={}", target.service),
            format!("{ENVIRONMENT}={}", target.environment),
        ];
        let of_slot = slot.map(|slot| format!("{SLOT}={slot}"));
        of_target.into_iter().chain(of_slot).collect()
    }

    /// Whether the labels assign the container to this slot of this target.
    pub(super) fn are_of(&self, target: &Target, slot: Slot) -> bool {
        self.target == *target && self.slot == slot
    }
}

/// The labels of a task's container. It has no slot, so it is no member of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TaskLabels {
    pub(super) target: Target,
    pub(super) release: ReleaseId,
    pub(super) call: TaskCall,
    pub(super) token: FencingToken,
    /// Whether the container is never started.
    pub(super) is_withdrawn: bool,
}

impl TaskLabels {
    /// Reads the labels; none if one is missing or not valid.
    pub(super) fn read(labels: &HashMap<String, String>) -> Option<Self> {
        let text = |name: &str| labels.get(name).map(String::as_str);
        let service = text(SERVICE)?.parse().ok()?;
        let environment = text(ENVIRONMENT)?.parse().ok()?;
        Some(Self {
            target: Target::new(service, environment),
            release: text(RELEASE)?.parse().ok()?,
            call: TaskCall {
                task: text(TASK)?.parse().ok()?,
                is_undo: text(UNDO) == Some("true"),
            },
            token: FencingToken(text(TOKEN)?.parse().ok()?),
            is_withdrawn: text(WITHDRAWN) == Some("true"),
        })
    }

    /// Docker's filter for the tasks of all releases of a target.
    pub(super) fn filter(target: &Target) -> Vec<String> {
        let mut filter = Labels::filter(target, None);
        filter.push(TASK.to_owned());
        filter
    }
}

/// The labels for a task's container.
pub(super) fn labels_of_task(spec: &TaskSpec) -> HashMap<String, String> {
    let mut labels: HashMap<String, String> = spec.shape.labels.clone().into_iter().collect();
    labels.extend(
        [
            (SERVICE, spec.target.service.to_string()),
            (ENVIRONMENT, spec.target.environment.to_string()),
            // An image can have the labels of an instance from which it was made.
            (SLOT, String::new()),
            (RELEASE, spec.release.to_string()),
            (TASK, spec.call.task.to_string()),
            (UNDO, spec.call.is_undo.to_string()),
            (TOKEN, spec.token.0.to_string()),
            (SECRETS, secret_names(&spec.shape)),
            (
                WITHDRAWN,
                (spec.unstarted == Unstarted::Withdrawn).to_string(),
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    labels
}

/// The labels of a check's container. It has no slot and no task, so it is no member of a slot, and no task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CheckLabels {
    pub(super) target: Target,
    /// The token of the driver that created the container.
    pub(super) token: FencingToken,
}

impl CheckLabels {
    /// Reads the labels; none if they are those of another container. An instance has a slot and a task has its name,
    /// also if their image has the labels of a check's container from which it was made.
    pub(super) fn read(labels: &HashMap<String, String>) -> Option<Self> {
        let text = |name: &str| labels.get(name).map(String::as_str);
        text(CHECK)?;
        (text(SLOT) == Some("") && text(TASK) == Some("")).then_some(())?;
        let service = text(SERVICE)?.parse().ok()?;
        let environment = text(ENVIRONMENT)?.parse().ok()?;
        Some(Self {
            target: Target::new(service, environment),
            token: FencingToken(text(TOKEN)?.parse().ok()?),
        })
    }

    /// Docker's filter for the checks of all releases of a target.
    pub(super) fn filter(target: &Target) -> Vec<String> {
        let mut filter = Labels::filter(target, None);
        filter.push(CHECK.to_owned());
        filter
    }
}

/// The labels for a check's container.
pub(super) fn labels_of_check(spec: &CheckSpec) -> HashMap<String, String> {
    let mut labels: HashMap<String, String> = spec.shape.labels.clone().into_iter().collect();
    let candidate = &spec.candidate;
    labels.extend(
        [
            (SERVICE, candidate.target.service.to_string()),
            (ENVIRONMENT, candidate.target.environment.to_string()),
            (SLOT, String::new()),
            (TASK, String::new()),
            (RELEASE, candidate.release.to_string()),
            (CHECK, spec.check.clone()),
            (TOKEN, spec.token.0.to_string()),
            (SECRETS, secret_names(&spec.shape)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    labels
}

fn secret_names(shape: &InstanceShape) -> String {
    let names = shape.container.secrets.keys();
    names.map(String::as_str).collect::<Vec<_>>().join(",")
}

/// The names of the secret files of a container.
pub(super) fn secrets(labels: &HashMap<String, String>) -> impl Iterator<Item = &str> {
    let names = labels.get(SECRETS).map(String::as_str).unwrap_or_default();
    names.split(',').filter(|name| !name.is_empty())
}

/// The labels with which an image describes itself. A container has the labels of its image, except where it sets other
/// values.
pub(super) fn image_labels(labels: &HashMap<String, String>) -> ImageLabels {
    let text = |name: &str| {
        let text = sanitize(labels.get(&format!("{IMAGES}{name}"))?);
        (!text.is_empty()).then_some(text)
    };
    ImageLabels {
        revision: text("revision"),
        created: text("created"),
        version: text("version"),
    }
}

/// The labels for a new instance. Greenroom's labels are added last, so configured labels cannot replace them.
pub(super) fn labels_of(spec: &InstanceSpec) -> HashMap<String, String> {
    let mut labels: HashMap<String, String> = spec.shape.labels.clone().into_iter().collect();
    labels.extend(
        [
            (SERVICE, spec.target.service.to_string()),
            (ENVIRONMENT, spec.target.environment.to_string()),
            (SLOT, spec.slot.to_string()),
            (MEMBER, spec.number.to_string()),
            (MEMBERS, spec.of.to_string()),
            (RELEASE, spec.release.to_string()),
            (TAG, spec.version.tag.clone().unwrap_or_default()),
            (DIGEST, spec.version.digest.to_string()),
            (REPOSITORY, spec.version.repository.clone()),
            (
                ENDPOINT,
                spec.endpoint
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
            ),
            (SECRETS, secret_names(&spec.shape)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_container_without_slot_and_task_belongs_to_a_check() {
        let labels = |slot: &str, task: Option<&str>| -> HashMap<String, String> {
            let task = task.map(|task| (TASK, task)).into_iter();
            let labels = [
                (SERVICE, "web"),
                (ENVIRONMENT, "qa"),
                (CHECK, "smoke"),
                (TOKEN, "7"),
                (SLOT, slot),
            ];
            let labels = labels.into_iter().chain(task);
            labels
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        };
        assert!(CheckLabels::read(&labels("", Some(""))).is_some());
        // The image of these was made from the container of a check.
        for (slot, task) in [
            ("blue", None),
            ("blue", Some("")),
            ("", Some("migrate")),
            ("", None),
        ] {
            assert_eq!(
                CheckLabels::read(&labels(slot, task)),
                None,
                "{slot} {task:?}"
            );
        }
    }
}
