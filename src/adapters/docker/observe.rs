//! Converts Docker's answers about a container into the crate's own types.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum, HealthStatusEnum,
};
use bollard::query_parameters::ListContainersOptions;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::failure::Act;
use super::labels::{CheckLabels, Labels, TaskLabels, image_labels, secrets};
use super::names::without_docker_hub;
use super::{Engine, configuration};
use crate::inventory::{
    Digest, Exit, FingerprintKey, ImageLabels, Instance, InstanceId, InstanceState, RuntimeHealth,
};
use crate::ports::{FailureKind, Result};
use crate::sanitize::sanitize;

/// How many containers are inspected in parallel.
const AT_ONCE: usize = 8;

/// A container that Greenroom or another program created.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) labels: Option<Labels>,
    /// The labels of a task's container.
    pub(super) task: Option<TaskLabels>,
    /// The labels of a check's container.
    pub(super) check: Option<CheckLabels>,
    pub(super) state: InstanceState,
    pub(super) log_driver: String,
    pub(super) has_terminal: bool,
    /// Whether the container gets its secrets as files before its first start.
    pub(super) has_secrets: bool,
    image: String,
    health: RuntimeHealth,
    started_at: Option<Timestamp>,
    restarts: u64,
    pub(super) last_exit: Option<Exit>,
    pid: Option<u32>,
    image_labels: ImageLabels,
    configuration: BTreeMap<String, String>,
}

impl Container {
    /// Whether Docker treats the container as running. Such a container may use its addresses and cannot be removed.
    pub(super) fn is_up(&self) -> bool {
        !matches!(
            self.state,
            InstanceState::Created | InstanceState::Exited { .. }
        )
    }

    /// Whether the labels assign this number to the container.
    pub(super) fn is_member(&self, number: usize) -> bool {
        let labels = self.labels.as_ref();
        labels.is_some_and(|labels| labels.number == number)
    }

    fn read(inspected: ContainerInspectResponse, fingerprints: &FingerprintKey) -> Self {
        let raw = inspected.config.as_ref().and_then(|c| c.labels.as_ref());
        let labels = raw.and_then(Labels::read);
        let task = raw.and_then(TaskLabels::read);
        let check = raw.and_then(CheckLabels::read);
        let image_labels = raw.map(image_labels).unwrap_or_default();
        let has_secrets = raw.is_some_and(|labels| secrets(labels).next().is_some());
        let endpoint = labels.as_ref().and_then(|labels| labels.endpoint.as_ref());
        // Only Greenroom's containers are shown, so only their configuration is read.
        let configuration = match labels {
            Some(_) => configuration::read(&inspected, endpoint, fingerprints),
            None => BTreeMap::new(),
        };
        let state = inspected.state.unwrap_or_default();
        let log_driver = inspected
            .host_config
            .and_then(|h| h.log_config)
            .and_then(|l| l.typ);
        let has_terminal = inspected
            .config
            .and_then(|config| config.tty)
            .unwrap_or_default();
        let name = inspected.name.unwrap_or_default();
        Self {
            id: inspected.id.unwrap_or_default(),
            name: sanitize(name.trim_start_matches('/')),
            labels,
            task,
            check,
            image_labels,
            configuration,
            log_driver: sanitize(&log_driver.unwrap_or_default()),
            has_terminal,
            has_secrets,
            image: inspected.image.unwrap_or_default(),
            health: health(&state),
            started_at: started_at(&state),
            restarts: inspected
                .restart_count
                .and_then(|n| n.try_into().ok())
                .unwrap_or(0),
            last_exit: last_exit(&state),
            pid: state.pid.and_then(|n| n.try_into().ok()).filter(|&n| n > 0),
            state: running_state(&state),
        }
    }
}

impl Engine {
    /// Inspects one container by a validated name or id; none if the container does not exist.
    pub(super) async fn inspect(&self, name: &str, doing: &str) -> Result<Option<Container>> {
        self.inspect_within(super::engine::QUICK, name, doing).await
    }

    async fn inspect_within(
        &self,
        deadline: Duration,
        name: &str,
        doing: &str,
    ) -> Result<Option<Container>> {
        let docker = self.docker().await?;
        let call = || docker.inspect_container(name, None);
        match self.within(deadline, Act::Read, doing, call).await {
            Ok(inspected) => Ok(Some(Container::read(inspected, &self.fingerprints))),
            Err(failure) if failure.kind == FailureKind::Missing => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The containers that have all of `labels`, running or not. A label is `name` or `name=value`.
    pub(super) async fn labelled(
        &self,
        labels: Vec<String>,
        doing: &str,
    ) -> Result<Vec<Container>> {
        let options = ListContainersOptions {
            all: true,
            filters: Some(HashMap::from([("label".to_owned(), labels)])),
            ..Default::default()
        };
        let docker = self.docker().await?;
        let call = || docker.list_containers(Some(options.clone()));
        let listed = self.quick(Act::Read, doing, call).await?;
        let ids = listed.into_iter().filter_map(|summary| summary.id);
        let containers = stream::iter(ids)
            .map(|id| async move { self.inspect(&id, doing).await })
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<_>>()
            .await?;
        Ok(containers.into_iter().flatten().collect())
    }

    /// Greenroom's containers that have all of `labels`, as instances.
    pub(super) async fn ours(&self, labels: Vec<String>, doing: &str) -> Result<Vec<Instance>> {
        // Several instances often have the same image, so the digests of each image are read once.
        let mut images = HashMap::new();
        let mut instances = Vec::new();
        for container in self.labelled(labels, doing).await? {
            if let Some(instance) = self.instance_of(&container, &mut images).await? {
                instances.push(instance);
            }
        }
        instances.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(instances)
    }

    /// The container as an instance; none if Greenroom did not create it.
    pub(super) async fn instance(&self, container: &Container) -> Result<Option<Instance>> {
        self.instance_of(container, &mut HashMap::new()).await
    }

    async fn instance_of(
        &self,
        container: &Container,
        images: &mut HashMap<String, Vec<String>>,
    ) -> Result<Option<Instance>> {
        let Some(labels) = &container.labels else {
            return Ok(None);
        };
        if !images.contains_key(&container.image) {
            let digests = self.repository_digests(&container.image).await?;
            images.insert(container.image.clone(), digests);
        }
        let known = images.get(&container.image).map_or(&[][..], Vec::as_slice);
        let Some(digest) = running_digest(known, labels, &container.image) else {
            let reason = format!(
                "the image {:?} of the container has no digest",
                sanitize(&container.image)
            );
            return Err(self.refuse(
                FailureKind::Garbled,
                format!("inspecting {}", container.name),
                reason,
            ));
        };
        Ok(Some(Instance {
            id: InstanceId(container.id.clone()),
            name: container.name.clone(),
            target: labels.target.clone(),
            slot: labels.slot,
            number: labels.number,
            of: labels.of,
            endpoint: labels.endpoint.clone(),
            digest,
            tag: labels.tag.clone(),
            release: labels.release,
            state: container.state,
            health: container.health,
            started_at: container.started_at,
            restarts: container.restarts,
            last_exit: container.last_exit,
            pid: container.pid,
            labels: container.image_labels.clone(),
            configuration: container.configuration.clone(),
        }))
    }

    /// `repository@digest` for each name by which the image was pulled; empty if the image no longer exists or its id
    /// is not a digest.
    async fn repository_digests(&self, image: &str) -> Result<Vec<String>> {
        if image.parse::<Digest>().is_err() {
            return Ok(Vec::new());
        }
        let docker = self.docker().await?;
        let call = || docker.inspect_image(image);
        match self.quick(Act::Read, "inspecting an image", call).await {
            Ok(inspected) => Ok(inspected.repo_digests.unwrap_or_default()),
            Err(failure) if failure.kind == FailureKind::Missing => Ok(Vec::new()),
            Err(failure) => Err(failure),
        }
    }
}

/// The digest of the running image in the repository that the labels name. If the image has several digests in that
/// repository (the same content pushed in different manifests), the digest in the labels is preferred. If the image was
/// never pulled from that repository, the result is the id of the image, which is usually no release's digest. None if
/// the result is not a digest.
fn running_digest(known: &[String], labels: &Labels, image: &str) -> Option<Digest> {
    let repository = without_docker_hub(&labels.repository);
    let mut digests = known.iter().filter_map(|name| {
        let (of, digest) = name.split_once('@')?;
        (without_docker_hub(of) == repository).then_some(digest)
    });
    let first = digests.next();
    let meant = first
        .into_iter()
        .chain(digests)
        .find(|d| *d == labels.digest);
    meant.or(first).unwrap_or(image).parse().ok()
}

fn running_state(state: &ContainerState) -> InstanceState {
    use ContainerStateStatusEnum as Status;
    match state.status {
        Some(Status::CREATED) => InstanceState::Created,
        Some(Status::RUNNING | Status::STOPPING) => InstanceState::Running,
        Some(Status::PAUSED) => InstanceState::Paused,
        Some(Status::RESTARTING) => InstanceState::Restarting,
        None | Some(Status::EMPTY) if state.running == Some(true) => InstanceState::Running,
        _ => InstanceState::Exited {
            code: state.exit_code,
        },
    }
}

/// How a stopped or restarting container exited. Docker forgets the exit at the next start.
fn last_exit(state: &ContainerState) -> Option<Exit> {
    use ContainerStateStatusEnum as Status;
    matches!(
        state.status,
        Some(Status::EXITED | Status::RESTARTING | Status::DEAD)
    )
    .then(|| Exit {
        code: state.exit_code,
        out_of_memory: state.oom_killed == Some(true),
    })
}

fn health(state: &ContainerState) -> RuntimeHealth {
    match state.health.as_ref().and_then(|h| h.status) {
        Some(HealthStatusEnum::STARTING) => RuntimeHealth::Starting,
        Some(HealthStatusEnum::HEALTHY) => RuntimeHealth::Healthy,
        Some(HealthStatusEnum::UNHEALTHY) => RuntimeHealth::Unhealthy,
        _ => RuntimeHealth::Unchecked,
    }
}

fn started_at(state: &ContainerState) -> Option<Timestamp> {
    let at: Timestamp = state.started_at.as_deref()?.parse().ok()?;
    // Docker reports the year 1 for a container that was never started.
    (at.as_second() > 0).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(fill: char) -> String {
        format!("sha256:{}", fill.to_string().repeat(64))
    }

    fn labels(repository: &str, meant: char) -> Labels {
        let labels = HashMap::from([
            ("greenroom.service".to_owned(), "web".to_owned()),
            ("greenroom.environment".to_owned(), "qa".to_owned()),
            ("greenroom.slot".to_owned(), "blue".to_owned()),
            ("greenroom.repository".to_owned(), repository.to_owned()),
            ("greenroom.digest".to_owned(), digest(meant)),
        ]);
        Labels::read(&labels).expect("ours")
    }

    #[test]
    fn the_running_digest_comes_from_the_image_and_not_from_the_labels() {
        let known = |names: &[(&str, char)]| -> Vec<String> {
            names
                .iter()
                .map(|(of, fill)| format!("{of}@{}", digest(*fill)))
                .collect()
        };
        let image = digest('f');
        let running = |known: &[String], labels: &Labels| {
            running_digest(known, labels, &image).map(String::from)
        };
        let labels_a = labels("r:5000/web", 'a');
        assert_eq!(
            running(&known(&[("r:5000/web", 'b')]), &labels_a),
            Some(digest('b'))
        );
        let twice = known(&[("r:5000/web", 'b'), ("r:5000/web", 'a')]);
        assert_eq!(running(&twice, &labels_a), Some(digest('a')));
        let elsewhere = known(&[("other/web", 'a')]);
        assert_eq!(running(&elsewhere, &labels_a), Some(digest('f')));
        let hub = known(&[("nginx", 'c')]);
        assert_eq!(
            running(&hub, &labels("docker.io/library/nginx", 'a')),
            Some(digest('c'))
        );
        assert_eq!(running_digest(&[], &labels_a, "garbage"), None);
    }
}
