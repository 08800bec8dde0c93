//! The containers of tasks. A command runs at most once per release: its container has a name that no other release
//! uses, and a container that has run is never started again.

use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptions};

use super::Engine;
use super::create::task_body;
use super::failure::Act;
use super::labels::TaskLabels;
use super::names::pinned;
use super::observe::Container;
use super::write::{DockerWriter, SLOW};
use crate::inventory::{InstanceId, InstanceState, ReleaseId, Target, TaskRun, Unstarted};
use crate::ports::{FailureKind, Result, TaskSpec};

impl Engine {
    /// The containers of the tasks of a release.
    pub(super) async fn tasks(&self, target: &Target, release: ReleaseId) -> Result<Vec<TaskRun>> {
        let doing = format!("listing the tasks of {target}");
        let containers = self.labelled(TaskLabels::filter(target), &doing).await?;
        let mut runs: Vec<TaskRun> = containers.iter().filter_map(run_of).collect();
        runs.retain(|run| run.release == release);
        Ok(runs)
    }
}

fn run_of(container: &Container) -> Option<TaskRun> {
    let labels = container.task.clone()?;
    Some(TaskRun {
        id: InstanceId(container.id.clone()),
        call: labels.call,
        release: labels.release,
        token: labels.token,
        is_withdrawn: labels.is_withdrawn,
        state: container.state,
        exit: container.last_exit,
    })
}

impl DockerWriter {
    pub(super) async fn create_task_container(&self, spec: &TaskSpec) -> Result<()> {
        let (name, doing) = (
            spec.name(),
            format!("creating the container of {}", spec.call),
        );
        if let Some(found) = self.engine.inspect(&name, &doing).await? {
            let labels = self.own_task(&found, spec, &doing)?;
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
            // A start that was requested before must find no container.
            if let Err(failure) = self.remove_task(&found, &doing).await {
                match self.engine.inspect(&found.id, &doing).await? {
                    // The engine removes no running container: that start has just arrived.
                    Some(now) if now.state != InstanceState::Created => return Ok(()),
                    Some(_) => return Err(failure),
                    None => {}
                }
            }
        }
        self.remove_old_tasks(spec, &doing).await;
        let rejected = |reason: String| self.engine.refuse(FailureKind::Rejected, &doing, reason);
        if pinned(&spec.version).is_none() {
            return Err(rejected(format!(
                "the name of the repository {:?} is not valid: correct it in the configuration",
                spec.version.repository
            )));
        }
        let (environment, mask) = self.environment(&spec.shape).await?;
        let body = task_body(spec, environment).map_err(rejected)?;
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
            let reason = format!("its container {name} is never started: the release backed out");
            return Err(self.engine.refuse(FailureKind::Conflict, doing, reason));
        }
        if labels.token != spec.token {
            let reason = format!("another driver created its container {name}");
            return Err(self.engine.refuse(FailureKind::Conflict, doing, reason));
        }
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

    /// Removes a container that is not running.
    async fn remove_task(&self, container: &Container, doing: &str) -> Result<()> {
        let options = RemoveContainerOptions {
            v: true,
            force: false,
            link: false,
        };
        let docker = self.engine.docker().await?;
        let call = || docker.remove_container(&container.id, Some(options.clone()));
        match self.engine.within(SLOW, Act::Write, doing, call).await {
            Err(failure) if failure.kind != FailureKind::Missing => Err(failure),
            _ => Ok(()),
        }
    }

    /// Removes the tasks of earlier releases, which were kept for their output. A failure is only logged: the next
    /// release tries again.
    async fn remove_old_tasks(&self, spec: &TaskSpec, doing: &str) {
        let found = self
            .engine
            .labelled(TaskLabels::filter(&spec.target), doing);
        let found = match found.await {
            Ok(found) => found,
            Err(failure) => {
                tracing::warn!(%failure, "the tasks of earlier releases cannot be listed");
                return;
            }
        };
        for container in found {
            let is_old = container
                .task
                .as_ref()
                .is_some_and(|it| it.release < spec.release);
            if is_old
                && !container.is_up()
                && let Err(failure) = self.remove_task(&container, doing).await
            {
                tracing::warn!(%failure, "the container {} was not removed", container.name);
            }
        }
    }
}
