//! Changes instances. Each call that changes a container reads the container first, and changes only Greenroom's
//! containers. If the answer to creating, starting, stopping or removing a container was lost, the call reads the
//! container again.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bollard::body_full;
use bollard::query_parameters::{
    CreateContainerOptions, RemoveContainerOptions, StopContainerOptions, UploadToContainerOptions,
};
use secrecy::ExposeSecret;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::create::body;
use super::failure::Act;
use super::names::{container_id, pinned};
use super::observe::Container;
use super::pull::ImageName;
use super::{Engine, secret_files, socket};
use crate::checks::may_be_secret;
use crate::inventory::{
    Address, Endpoint, EngineImage, EnvironmentValue, InstanceId, InstanceShape, InstanceState,
    Mask, Quiet, Version, is_word, registry_host,
};
use crate::ports::{
    Credentials, Failure, FailureKind, InstanceSpec, PullProgress, Result, RuntimeWriter, Secrets,
    TaskSpec,
};

/// The time limit of a slow call, e.g. a start that sets up a network. For a stop, the grace period is added.
pub(super) const SLOW: Duration = Duration::from_secs(30);
/// How long to wait for a container to appear, if the answer to its creation was lost or its name is already taken.
const APPEAR_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause between two checks whether the container exists.
const APPEAR_PAUSE: Duration = Duration::from_millis(50);

/// What removing a container does if it is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunningContainer {
    Refused,
    Killed,
}

pub struct DockerWriter {
    pub(super) engine: Arc<Engine>,
    credentials: BTreeMap<String, Credentials>,
    secrets: Arc<dyn Secrets>,
}

impl fmt::Debug for DockerWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DockerWriter").field(&self.engine).finish()
    }
}

impl DockerWriter {
    /// A writer for Docker. It pulls with the credentials of the repository's registry (by `host[:port]`, see
    /// [`registry_host`]), and reads the secrets of an instance when it starts the instance.
    pub fn new(
        engine: Arc<Engine>,
        credentials: BTreeMap<String, Credentials>,
        secrets: Arc<dyn Secrets>,
    ) -> Self {
        Self {
            engine,
            credentials,
            secrets,
        }
    }
}

#[async_trait]
impl RuntimeWriter for DockerWriter {
    async fn pull(&self, version: &Version, progress: mpsc::Sender<PullProgress>) -> Result<()> {
        self.pull_image(&version.into(), progress).await
    }

    async fn start(&self, spec: &InstanceSpec) -> Result<InstanceId> {
        let name = spec.name();
        let doing = format!("starting {name}");
        let number = spec.number;
        let in_slot = self
            .engine
            .in_slot(&spec.target, spec.slot, number..=number, &doing)
            .await?;
        for container in &in_slot {
            self.refuse_other_container(container, spec, &doing)?;
        }
        let mut in_slot = in_slot.into_iter();
        let container = match in_slot.find(|container| container.is_member(number)) {
            Some(container) => container,
            None => self.make(spec, &doing).await?,
        };
        let was_started = container.state != InstanceState::Created;
        let started = self.start_stopped(&container, Some(&spec.shape), &doing);
        let started = started.await;
        let id = InstanceId(container.id);
        if let Err(failure) = started {
            if !failure.kind.may_be_temporary() && !was_started {
                // A candidate that cannot start must not remain in the slot. A failure to remove it is ignored, because
                // the reason why the candidate cannot start matters more.
                let _ = self.remove(&id).await;
            }
            return Err(failure);
        }
        Ok(id)
    }

    async fn create(&self, spec: &InstanceSpec) -> Result<()> {
        let doing = format!("creating {}", spec.name());
        let number = spec.number;
        let in_slot = self
            .engine
            .in_slot(&spec.target, spec.slot, number..=number, &doing)
            .await?;
        if !in_slot.iter().any(|container| container.is_member(number)) {
            self.make(spec, &doing).await?;
        }
        Ok(())
    }

    async fn restart(&self, instance: &InstanceId) -> Result<()> {
        let doing = format!("starting {} again", instance.short());
        let Some(container) = self.ours(instance, &doing).await? else {
            return Err(self.engine.refuse(
                FailureKind::Missing,
                doing,
                "the container does not exist",
            ));
        };
        if container.state == InstanceState::Paused {
            let docker = self.engine.docker().await?;
            let call = || docker.unpause_container(&container.id);
            return self.engine.within(SLOW, Act::Write, &doing, call).await;
        }
        self.start_stopped(&container, None, &doing).await
    }

    async fn stop(&self, instance: &InstanceId, grace: Duration) -> Result<()> {
        let doing = format!("stopping {}", instance.short());
        let container = self.ours(instance, &doing).await?;
        let Some(container) = container.filter(Container::is_up) else {
            return Ok(());
        };
        let options = StopContainerOptions {
            signal: None,
            t: Some(i32::try_from(grace.as_secs()).unwrap_or(i32::MAX)),
        };
        let docker = self.engine.docker().await?;
        let call = || docker.stop_container(&container.id, Some(options.clone()));
        let stopped = self
            .engine
            .within(grace + SLOW, Act::Write, &doing, call)
            .await;
        let lost = match stopped {
            Err(failure) if failure.kind == FailureKind::Missing => return Ok(()),
            Err(failure) if failure.kind == FailureKind::Ambiguous => failure,
            other => return other,
        };
        match self.engine.inspect(&container.id, &doing).await? {
            Some(now) if now.is_up() => Err(lost),
            _ => Ok(()),
        }
    }

    async fn quiet(&self, instance: &InstanceId, quiet: &Quiet) -> Result<()> {
        let doing = format!("quieting {}", instance.short());
        let container = self.ours(instance, &doing).await?;
        match container.filter(Container::is_up) {
            Some(container) => self.engine.quiet(&container.id, quiet, &doing).await,
            None => Ok(()),
        }
    }

    async fn create_task(&self, spec: &TaskSpec) -> Result<()> {
        self.create_task_container(spec).await
    }

    async fn start_task(&self, spec: &TaskSpec) -> Result<()> {
        self.start_task_container(spec).await
    }

    async fn remove_image(&self, image: &EngineImage) -> Result<()> {
        self.engine.remove_image(image).await
    }

    async fn remove(&self, instance: &InstanceId) -> Result<()> {
        let doing = format!("removing {}", instance.short());
        let Some(container) = self.ours(instance, &doing).await? else {
            return Ok(());
        };
        if container.is_up() {
            let reason = format!("{} is running: stop it first", container.name);
            return Err(self.engine.refuse(FailureKind::Conflict, doing, reason));
        }
        if let Err(failure) = self.engine.remove_container(&container.id, &doing).await
            && self.engine.inspect(&container.id, &doing).await?.is_some()
        {
            return Err(failure);
        }
        if let Some(Endpoint::Unix(path)) = endpoint(&container)
            && self.engine.is_local()
        {
            socket::remove_stale(path).await;
        }
        Ok(())
    }
}

impl Engine {
    /// Removes a container that is not running.
    pub(super) async fn remove_container(&self, id: &str, doing: &str) -> Result<()> {
        self.remove_container_with(id, RunningContainer::Refused, doing)
            .await
    }

    pub(super) async fn remove_container_with(
        &self,
        id: &str,
        running: RunningContainer,
        doing: &str,
    ) -> Result<()> {
        // Anonymous volumes belong to the container, so they are removed with it.
        let options = RemoveContainerOptions {
            v: true,
            force: running == RunningContainer::Killed,
            link: false,
        };
        let docker = self.docker().await?;
        let call = || docker.remove_container(id, Some(options.clone()));
        self.within(SLOW, Act::Write, doing, call).await
    }
}

impl DockerWriter {
    /// Pulls an image with the credentials of its registry, unless Docker has it.
    pub(super) async fn pull_image(
        &self,
        image: &ImageName,
        progress: mpsc::Sender<PullProgress>,
    ) -> Result<()> {
        let Some(known) = self.credentials.get(registry_host(&image.repository)) else {
            return self.engine.pull(image, None, &progress).await;
        };
        if self.engine.has_image(image).await? {
            return Ok(());
        }
        let password = known.password.value().await.map_err(|unread| {
            let doing = format!("pulling {image}");
            let refused = self.engine.refuse(unread.kind, doing, unread.message);
            refused.hint(unread.hint)
        })?;
        let login = Some((known.user.as_str(), &password));
        match self.engine.pull(image, login, &progress).await {
            Err(failure) if failure.kind == FailureKind::Denied => {
                let Some(password) = known.password.renewed(&password).await else {
                    return Err(failure);
                };
                let login = Some((known.user.as_str(), &password));
                self.engine.pull(image, login, &progress).await
            }
            pulled => pulled,
        }
    }

    /// The container of a member, after its creation.
    async fn make(&self, spec: &InstanceSpec, doing: &str) -> Result<Container> {
        let name = spec.name();
        self.create_container(spec, &name, doing).await?;
        let Some(made) = self.engine.inspect(&name, doing).await? else {
            let reason = "the container was created, but does not exist any more. Another program may have removed it";
            return Err(self.engine.refuse(FailureKind::Ambiguous, doing, reason));
        };
        self.refuse_other_container(&made, spec, doing)?;
        Ok(made)
    }

    /// Creates the container. Also succeeds if a container with this name exists or appears soon. The caller must read
    /// the container to learn who created it.
    async fn create_container(&self, spec: &InstanceSpec, name: &str, doing: &str) -> Result<()> {
        let rejected = |reason: String| self.engine.refuse(FailureKind::Rejected, doing, reason);
        if pinned(&spec.version).is_none() {
            return Err(rejected(format!(
                "the name of the repository {:?} is not valid: correct it in the configuration",
                spec.version.repository
            )));
        }
        if matches!(spec.endpoint, Some(Address::Unix(_))) && !self.engine.is_local() {
            let reason = "the slot's address is a unix socket, which cannot be reached on another host: configure a host and port";
            return Err(self.engine.refuse(FailureKind::Unsupported, doing, reason));
        }
        let (environment, mask) = self.environment(&spec.shape).await?;
        let body = body(spec, environment).map_err(rejected)?;
        let endpoint = spec.endpoint.as_ref();
        let endpoint = endpoint.and_then(|address| address.endpoint().ok());
        self.make_room(endpoint.as_ref(), doing).await?;
        let options = CreateContainerOptions {
            name: Some(name.to_owned()),
            ..Default::default()
        };
        let docker = self.engine.docker().await?;
        let call = || docker.create_container(Some(options.clone()), body.clone());
        match self.engine.within(SLOW, Act::Write, doing, call).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.kind == FailureKind::Missing => Err(failure
                .masked(&mask)
                .hint("check that Docker has the image and the configured network")),
            // The caller reads the container next, and finds out which release created it.
            Err(failure)
                if matches!(failure.kind, FailureKind::Conflict | FailureKind::Ambiguous)
                    && self.appears(name, doing).await? =>
            {
                Ok(())
            }
            Err(failure) => Err(failure.masked(&mask)),
        }
    }

    /// Whether a container of that name appears within a few seconds. Docker reserves a name a moment before it shows
    /// the container.
    pub(super) async fn appears(&self, name: &str, doing: &str) -> Result<bool> {
        let until = Instant::now() + APPEAR_TIMEOUT;
        loop {
            if self.engine.inspect(name, doing).await?.is_some() {
                return Ok(true);
            }
            if Instant::now() > until {
                return Ok(false);
            }
            sleep(APPEAR_PAUSE).await;
        }
    }

    /// The environment variables of an instance, and a mask that hides the secret values in Docker's messages.
    pub(super) async fn environment(&self, shape: &InstanceShape) -> Result<(Vec<String>, Mask)> {
        let (mut environment, mut secrets) = (Vec::new(), Vec::new());
        for (name, value) in &shape.environment {
            let text = match value {
                EnvironmentValue::Plain(text) => text.clone(),
                EnvironmentValue::Secret(source) => {
                    self.secrets.read(source).await?.expose_secret().to_owned()
                }
            };
            environment.push(format!("{name}={text}"));
            let is_secret = match value {
                EnvironmentValue::Secret(_) => true,
                EnvironmentValue::Plain(text) => may_be_secret(name) && !is_word(text),
            };
            if is_secret {
                secrets.push(text);
            }
        }
        Ok((environment, Mask::of(secrets)))
    }

    /// Writes the secrets of a container that was never started. A later start finds the files in the volume.
    pub(super) async fn write_secrets(
        &self,
        container: &Container,
        shape: &InstanceShape,
        doing: &str,
    ) -> Result<()> {
        if container.state != InstanceState::Created || shape.container.secrets.is_empty() {
            return Ok(());
        }
        let mut files = BTreeMap::new();
        for (name, source) in &shape.container.secrets {
            files.insert(name.as_str(), self.secrets.read(source).await?);
        }
        let (options, archive) = secret_files::upload(&files);
        let written = self.upload(container, &options, &archive, doing).await;
        written.map_err(|failure| {
            let texts = files.values().map(ExposeSecret::expose_secret);
            failure.masked(&Mask::of(texts))
        })
    }

    /// Copies the files of an archive into a container that is not running.
    pub(super) async fn upload(
        &self,
        container: &Container,
        options: &UploadToContainerOptions,
        archive: &[u8],
        doing: &str,
    ) -> Result<()> {
        let docker = self.engine.docker().await?;
        let call = || {
            let body = body_full(archive.to_vec().into());
            docker.upload_to_container(&container.id, Some(options.clone()), body)
        };
        // The container is not running yet and the upload can be repeated, so a lost answer leaves nothing unknown.
        self.engine.within(SLOW, Act::Read, doing, call).await
    }

    /// Refuses to start a container without its secrets. Only the release that created the container knows them.
    fn refuse_without_secrets(&self, container: &Container, doing: &str) -> Result<()> {
        if container.state != InstanceState::Created || !container.has_secrets {
            return Ok(());
        }
        let reason = format!(
            "the container {} was never started, so it has no secrets yet: plan the release again",
            container.name
        );
        Err(self.engine.refuse(FailureKind::Conflict, doing, reason))
    }

    /// Starts a container that is not running. Before the first start, it gets the secrets of `shape`.
    async fn start_stopped(
        &self,
        container: &Container,
        shape: Option<&InstanceShape>,
        doing: &str,
    ) -> Result<()> {
        if container.is_up() {
            return Ok(());
        }
        self.make_room(endpoint(container), doing).await?;
        match shape {
            Some(shape) => self.write_secrets(container, shape, doing).await?,
            None => self.refuse_without_secrets(container, doing)?,
        }
        let docker = self.engine.docker().await?;
        let call = || docker.start_container(&container.id, None);
        let lost = match self.engine.within(SLOW, Act::Write, doing, call).await {
            Err(failure) if failure.kind == FailureKind::Ambiguous => failure,
            other => return other,
        };
        match self.engine.inspect(&container.id, doing).await? {
            Some(now) if now.is_up() => Ok(()),
            _ => Err(lost),
        }
    }

    /// Prepares the path of a unix socket: creates its directory and removes a stale socket. It is a conflict if the path
    /// cannot be used, e.g. because a process listens on it.
    async fn make_room(&self, endpoint: Option<&Endpoint>, doing: &str) -> Result<()> {
        let Some(Endpoint::Unix(path)) = endpoint else {
            return Ok(());
        };
        let room = socket::make_room(path).await;
        room.map_err(|reason| self.engine.refuse(FailureKind::Conflict, doing, reason))
    }

    /// Refuses a container that `spec` did not create: a container of another program, slot, release or digest.
    fn refuse_other_container(
        &self,
        found: &Container,
        spec: &InstanceSpec,
        doing: &str,
    ) -> Result<()> {
        let conflict =
            |reason: String| Err(self.engine.refuse(FailureKind::Conflict, doing, reason));
        let name = &found.name;
        let Some(labels) = &found.labels else {
            return conflict(format!(
                "the container {name} exists and Greenroom did not create it: rename or remove it"
            ));
        };
        if !labels.are_of(&spec.target, spec.slot) {
            let (target, slot) = (&labels.target, labels.slot);
            return conflict(format!(
                "the labels of the container {name} assign it to {slot} of {target}: rename it, or remove it if {target} no longer needs it"
            ));
        }
        if labels.release != Some(spec.release) {
            return conflict(match labels.release {
                Some(other) => format!(
                    "the container {name} of release {other} occupies the slot: plan the release again"
                ),
                None => format!(
                    "the container {name} of an unknown release occupies the slot: plan the release again"
                ),
            });
        }
        if labels.digest != spec.version.digest.as_str() {
            return conflict(format!(
                "the container {name} was created from another digest: plan the release again"
            ));
        }
        Ok(())
    }

    /// The container of an instance, if it exists. Fails with a conflict if Greenroom did not create the container.
    async fn ours(&self, instance: &InstanceId, doing: &str) -> Result<Option<Container>> {
        let refuse = |kind, reason: &str| -> Failure { self.engine.refuse(kind, doing, reason) };
        let Some(id) = container_id(instance) else {
            return Err(refuse(
                FailureKind::Rejected,
                "the id is not a full container id",
            ));
        };
        let found = self.engine.inspect(id, doing).await?;
        if found
            .as_ref()
            .is_some_and(|c| c.labels.is_none() && c.task.is_none())
        {
            return Err(refuse(
                FailureKind::Conflict,
                "Greenroom did not create this container",
            ));
        }
        Ok(found)
    }
}

fn endpoint(container: &Container) -> Option<&Endpoint> {
    container
        .labels
        .as_ref()
        .and_then(|labels| labels.endpoint.as_ref())
}
