//! The containers of tasks. A command runs at most once per release: its container has a name that no other release
//! uses, and a container that has run is never started again.

use std::collections::HashMap;

use bollard::query_parameters::{CreateContainerOptions, EventsOptions};
use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};

use super::Engine;
use super::create::task_body;
use super::failure::Act;
use super::labels::TaskLabels;
use super::names::pinned;
use super::observe::Container;
use super::read::exact;
use super::write::{DockerWriter, SLOW};
use crate::inventory::{InstanceId, InstanceState, Target, TaskRun, Unstarted};
use crate::ports::{FailureKind, Result, TaskSpec};

/// How far back a start of a removed container is searched. A request takes less than that.
const EVENTS_SINCE: SignedDuration = SignedDuration::from_mins(5);

impl Engine {
    /// The containers of the tasks of a target.
    pub(super) async fn tasks(&self, target: &Target) -> Result<Vec<TaskRun>> {
        let doing = format!("listing the tasks of {target}");
        let containers = self.labelled(TaskLabels::filter(target), &doing).await?;
        Ok(containers.iter().filter_map(run_of).collect())
    }

    /// Whether Docker has reported a start of this container within the last minutes.
    async fn was_started(&self, id: &str, doing: &str) -> Result<bool> {
        let docker = self.docker().await?;
        let info = self.quick(Act::Read, doing, || docker.info()).await?;
        let now: Option<Timestamp> = info.system_time.and_then(|time| time.parse().ok());
        let now = now.unwrap_or_else(Timestamp::now);
        let filters = HashMap::from([
            ("container".to_owned(), vec![id.to_owned()]),
            ("event".to_owned(), vec!["start".to_owned()]),
        ]);
        let options = EventsOptions {
            since: Some(exact(now - EVENTS_SINCE)),
            until: Some(exact(now)),
            filters: Some(filters),
        };
        let first = || async {
            let mut events = docker.events(Some(options.clone()));
            events.next().await.transpose().map(|event| event.is_some())
        };
        self.within(SLOW, Act::Read, doing, first).await
    }
}

fn run_of(container: &Container) -> Option<TaskRun> {
    let labels = container.task.as_ref()?;
    Some(TaskRun {
        id: InstanceId(container.id.clone()),
        call: labels.call.clone(),
        release: labels.release,
        token: labels.token,
        is_withdrawn: labels.is_withdrawn,
        state: container.state,
        exit: container.last_exit,
        output: None,
    })
}

impl DockerWriter {
    pub(super) async fn create_task_container(&self, spec: &TaskSpec) -> Result<()> {
        let name = spec.name();
        let doing = format!("creating the container of {}", spec.call);
        let found = self.engine.inspect(&name, &doing).await?;
        if let Some(found) = &found {
            let labels = self.own_task(found, spec, &doing)?;
            if found.state != InstanceState::Created {
                return Ok(());
            }
            if labels.token > spec.token {
                let reason = format!("a later driver created its container {name}");
                return Err(self.engine.refuse(FailureKind::Conflict, doing, reason));
            }
            let is_kept = match spec.unstarted {
                Unstarted::Kept => labels.token == spec.token,
                Unstarted::Replaced => false,
                Unstarted::Withdrawn => labels.is_withdrawn,
            };
            if is_kept {
                return Ok(());
            }
        }
        self.clear_old_tasks(spec, &doing).await?;
        let rejected = |reason: String| self.engine.refuse(FailureKind::Rejected, &doing, reason);
        if pinned(&spec.version).is_none() {
            return Err(rejected(format!(
                "the name of the repository {:?} is not valid: correct it in the configuration",
                spec.version.repository
            )));
        }
        let (environment, mask) = self.environment(&spec.shape).await?;
        let body = task_body(spec, environment).map_err(rejected)?;
        // Not earlier: if the container is gone, it is not known whether the command has run.
        if let Some(unstarted) = found
            && !self.remove_unstarted(&unstarted, &doing).await?
        {
            return Ok(());
        }
        let options = CreateContainerOptions {
            name: Some(name.clone()),
            ..Default::default()
        };
        let docker = self.engine.docker().await?;
        let call = || docker.create_container(Some(options.clone()), body.clone());
        match self.engine.within(SLOW, Act::Write, &doing, call).await {
            Ok(_) => Ok(()),
            Err(failure)
                if matches!(failure.kind, FailureKind::Conflict | FailureKind::Ambiguous)
                    && self.appears(&name, &doing).await? =>
            {
                Ok(())
            }
            Err(failure) => Err(failure.masked(&mask)),
        }
    }

    pub(super) async fn start_task_container(&self, spec: &TaskSpec) -> Result<()> {
        let (name, doing) = (spec.name(), format!("starting {}", spec.call));
        let Some(found) = self.engine.inspect(&name, &doing).await? else {
            let reason = format!("its container {name} does not exist");
            return Err(self.engine.refuse(FailureKind::Missing, doing, reason));
        };
        let labels = self.own_task(&found, spec, &doing)?;
        if found.state != InstanceState::Created {
            return Ok(());
        }
        if labels.is_withdrawn {
            let reason = format!("its container {name} is never started: the release backs out");
            return Err(self.engine.refuse(FailureKind::Conflict, doing, reason));
        }
        if labels.token != spec.token {
            let reason = format!("another driver created its container {name}");
            return Err(self.engine.refuse(FailureKind::Conflict, doing, reason));
        }
        self.write_secrets(&found, &spec.shape, &doing).await?;
        let docker = self.engine.docker().await?;
        let call = || docker.start_container(&found.id, None);
        let lost = match self.engine.within(SLOW, Act::Write, &doing, call).await {
            Err(failure) if failure.kind == FailureKind::Ambiguous => failure,
            other => return other,
        };
        match self.engine.inspect(&found.id, &doing).await? {
            Some(now) if now.state != InstanceState::Created => Ok(()),
            _ => Err(lost),
        }
    }

    /// The labels of a container, if it is the one of this command.
    fn own_task<'a>(
        &self,
        found: &'a Container,
        spec: &TaskSpec,
        doing: &str,
    ) -> Result<&'a TaskLabels> {
        let is_own = |labels: &&TaskLabels| {
            labels.target == spec.target
                && labels.release == spec.release
                && labels.call == spec.call
        };
        found.task.as_ref().filter(is_own).ok_or_else(|| {
            let reason = format!(
                "the container {} exists, but is not the container of this task: rename or remove it",
                found.name
            );
            self.engine.refuse(FailureKind::Conflict, doing, reason)
        })
    }

    /// Removes a container that was not started. Returns false if a late start has arrived, so that it has run. If that
    /// start is only found in Docker's events, the container is gone.
    async fn remove_unstarted(&self, container: &Container, doing: &str) -> Result<bool> {
        if let Err(failure) = self.remove_task(container, doing).await {
            return match self.engine.inspect(&container.id, doing).await? {
                // Docker removes no running container.
                Some(now) if now.state != InstanceState::Created => Ok(false),
                Some(_) => Err(failure),
                None => Ok(true),
            };
        }
        if self.engine.was_started(&container.id, doing).await? {
            let reason = format!("{} was started in the meantime", container.name);
            return Err(self.engine.refuse(FailureKind::Ambiguous, doing, reason));
        }
        Ok(true)
    }

    /// Removes a container that is not running. A missing container is no error.
    async fn remove_task(&self, container: &Container, doing: &str) -> Result<()> {
        match self.engine.remove_container(&container.id, doing).await {
            Err(failure) if failure.kind != FailureKind::Missing => Err(failure),
            _ => Ok(()),
        }
    }

    /// Removes the tasks of earlier releases, which were kept for their output. It is a conflict if one of them still
    /// runs. A failure to remove is only logged: the next release tries again.
    async fn clear_old_tasks(&self, spec: &TaskSpec, doing: &str) -> Result<()> {
        let filter = TaskLabels::filter(&spec.target);
        for container in self.engine.labelled(filter, doing).await? {
            let labels = container.task.as_ref();
            if labels.is_none_or(|labels| labels.release == spec.release) {
                continue;
            }
            if container.is_up() {
                let reason = format!(
                    "the task {} of an earlier release is still running: wait for its end, or stop it",
                    container.name
                );
                return Err(self.engine.refuse(FailureKind::Conflict, doing, reason));
            }
            if let Err(failure) = self.remove_task(&container, doing).await {
                tracing::warn!(%failure, "the container {} was not removed", container.name);
            }
        }
        Ok(())
    }
}
