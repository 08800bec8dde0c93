//! The containers of checks. Each has a name of its own and is removed after its command has ended. Containers that a
//! driver left when it died are found by their labels.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bollard::query_parameters::{CreateContainerOptions, DownloadFromContainerOptions};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use ulid::Ulid;

use super::create::check_body;
use super::failure::{Act, timed_out};
use super::labels::CheckLabels;
use super::names::{container_id, pinned};
use super::observe::Container;
use super::read::DockerReader;
use super::write::{DockerWriter, RunningContainer, SLOW};
use super::{report_file, tar};
use crate::checks::LARGEST_REPORT;
use crate::inventory::{Exit, ImageReference, InstanceId, Target};
use crate::ports::{
    CheckContainers, CheckSpec, Failure, FailureKind, LogChunk, OutputRecorder, Result,
    RuntimeReader as _,
};

/// The most bytes of the archive in which Docker sends a report: the report, and room for the headers.
pub(super) const LARGEST_ARCHIVE: u64 = LARGEST_REPORT + 64 * 1024;
/// The pause before the log of a running command is opened again after its stream was interrupted.
const PAUSE: Duration = Duration::from_millis(250);
/// How long Greenroom waits for a container to be removed that Docker is removing already, and how often it looks.
const REMOVAL: (u32, Duration) = (100, Duration::from_millis(50));

#[async_trait]
impl CheckContainers for DockerWriter {
    async fn prepare(&self, image: &ImageReference) -> Result<()> {
        // The progress is not shown, so its reports are dropped.
        let (progress, _) = mpsc::channel(1);
        self.pull_image(&image.into(), progress).await
    }

    async fn start(&self, spec: &CheckSpec) -> Result<InstanceId> {
        let doing = format!("creating the container of the check {}", spec.check);
        let name = format!(
            "{}.check.{}",
            spec.candidate.target.own_name(),
            Ulid::generate().to_string().to_lowercase()
        );
        self.create_check(spec, &name, &doing).await?;
        let Some(made) = self.engine.inspect(&name, &doing).await? else {
            let reason = "the container was created, but does not exist any more. Another program may have removed it";
            return Err(self.engine.refuse(FailureKind::Ambiguous, doing, reason));
        };
        match self.start_check(spec, &made, &doing).await {
            Ok(()) => Ok(InstanceId(made.id)),
            Err(failure) => {
                if let Err(remains) = self.remove_check(&made, &doing).await {
                    tracing::warn!("the container {name} was not removed: {remains}");
                }
                Err(failure)
            }
        }
    }

    async fn wait(&self, container: &InstanceId, output: &mut OutputRecorder) -> Result<Exit> {
        let doing = format!("waiting for the check in {}", container.short());
        let mut last: Option<LogChunk> = None;
        loop {
            // Lines that are written while the stream is interrupted are not read again.
            let tail = if last.is_none() { usize::MAX } else { 0 };
            self.record(container, tail, &mut last, output).await?;
            match self.check(container, &doing).await {
                Ok(Some(found)) if !found.is_up() => {
                    // Docker may leave out a last line without a line end, and sends it on the next request.
                    self.record(container, 1, &mut last, output).await?;
                    return Ok(found.last_exit.unwrap_or(Exit {
                        code: None,
                        out_of_memory: false,
                    }));
                }
                Ok(None) => {
                    let reason = "its container was removed while the command was running";
                    return Err(self.engine.refuse(FailureKind::Missing, doing, reason));
                }
                Err(failure) if !failure.kind.may_be_temporary() => return Err(failure),
                _ => sleep(PAUSE).await,
            }
        }
    }

    async fn report(&self, container: &InstanceId) -> Result<std::result::Result<Vec<u8>, String>> {
        let doing = format!("reading the report of the check in {}", container.short());
        let archive = match timeout(SLOW, self.download(container, &doing)).await {
            Ok(archive) => archive,
            Err(_) => Err(timed_out(Act::Read, self.engine.target(), &doing, SLOW)),
        };
        match archive {
            Ok(archive) => Ok(tar::first_file(&archive).map(<[u8]>::to_vec)),
            Err(failure) if failure.kind == FailureKind::Missing => {
                Ok(Err("the file does not exist".to_owned()))
            }
            Err(failure) => Err(failure),
        }
    }

    async fn remove(&self, container: &InstanceId) -> Result<()> {
        let doing = format!("removing the container {} of a check", container.short());
        match self.check(container, &doing).await? {
            Some(found) => self.remove_check(&found, &doing).await,
            None => Ok(()),
        }
    }

    async fn remove_all(&self, target: &Target) -> Result<()> {
        let doing = format!("removing the containers of the checks of {target}");
        for container in self
            .engine
            .labelled(CheckLabels::filter(target), &doing)
            .await?
        {
            let is_check = |labels: &CheckLabels| labels.target == *target;
            if container.check.as_ref().is_some_and(is_check) {
                self.remove_check(&container, &doing).await?;
            }
        }
        Ok(())
    }
}

impl DockerWriter {
    async fn create_check(&self, spec: &CheckSpec, name: &str, doing: &str) -> Result<()> {
        let rejected = |reason: String| self.engine.refuse(FailureKind::Rejected, doing, reason);
        let image = match &spec.image {
            Some(image) => image.to_string(),
            None => pinned(&spec.candidate.version).ok_or_else(|| {
                rejected("the name of the candidate's repository is not valid".to_owned())
            })?,
        };
        let (mut environment, mask) = self.environment(&spec.shape).await?;
        let variables = spec.candidate.variables();
        environment.extend(variables.map(|(name, value)| format!("{name}={value}")));
        if spec.has_report {
            environment.push(format!("GREENROOM_REPORT={}", report_file::FILE));
        }
        let body = check_body(spec, image, environment).map_err(rejected)?;
        let options = CreateContainerOptions {
            name: Some(name.to_owned()),
            ..Default::default()
        };
        let docker = self.engine.docker().await?;
        let call = || docker.create_container(Some(options.clone()), body.clone());
        match self.engine.within(SLOW, Act::Write, doing, call).await {
            Err(failure)
                if failure.kind != FailureKind::Ambiguous || !self.appears(name, doing).await? =>
            {
                Err(failure.masked(&mask))
            }
            _ => Ok(()),
        }
    }

    /// Writes the files of a new container, and starts it.
    async fn start_check(&self, spec: &CheckSpec, made: &Container, doing: &str) -> Result<()> {
        self.write_secrets(made, &spec.shape, doing).await?;
        if spec.has_report {
            let (options, archive) = report_file::upload();
            self.upload(made, &options, &archive, doing).await?;
        }
        let docker = self.engine.docker().await?;
        let call = || docker.start_container(&made.id, None);
        self.engine.within(SLOW, Act::Write, doing, call).await
    }

    /// Follows the output until the stream ends. A failure that may be temporary only ends the stream.
    async fn record(
        &self,
        container: &InstanceId,
        tail: usize,
        last: &mut Option<LogChunk>,
        output: &mut OutputRecorder,
    ) -> Result<()> {
        let reader = DockerReader::new(Arc::clone(&self.engine));
        let mut lines = match reader.logs(container, None, tail).await {
            Ok(lines) => lines,
            Err(failure) if failure.kind.may_be_temporary() => return Ok(()),
            Err(failure) => return Err(failure),
        };
        while let Some(Ok(line)) = lines.next().await {
            if last.as_ref() != Some(&line) {
                *last = Some(line.clone());
                output.line(line);
            }
        }
        Ok(())
    }

    async fn download(&self, container: &InstanceId, doing: &str) -> Result<Vec<u8>> {
        let id = self.check_id(container, doing)?;
        let options = DownloadFromContainerOptions {
            path: report_file::FILE.to_owned(),
        };
        let (docker, meter) = self.engine.streaming().await?;
        let mut parts = Box::pin(docker.download_from_container(id, Some(options)));
        let mut archive = Vec::new();
        while let Some(part) = parts.next().await {
            let part =
                part.map_err(|error| self.engine.describe_error(&error, Act::Read, doing))?;
            meter.restart();
            archive.extend_from_slice(&part);
            if archive.len() as u64 > LARGEST_ARCHIVE {
                break;
            }
        }
        Ok(archive)
    }

    fn check_id<'a>(&self, container: &'a InstanceId, doing: &str) -> Result<&'a str> {
        container_id(container).ok_or_else(|| {
            let reason = "the id is not a full container id";
            self.engine.refuse(FailureKind::Rejected, doing, reason)
        })
    }

    /// The container of a check, if it exists. Another container is a conflict.
    async fn check(&self, container: &InstanceId, doing: &str) -> Result<Option<Container>> {
        let id = self.check_id(container, doing)?;
        match self.engine.inspect(id, doing).await? {
            Some(found) if found.check.is_none() => Err(self.engine.refuse(
                FailureKind::Conflict,
                doing,
                "this is not the container of a check",
            )),
            found => Ok(found),
        }
    }

    /// Removes the container of a check, running or not. Succeeds only if the container is gone.
    async fn remove_check(&self, container: &Container, doing: &str) -> Result<()> {
        let killed = RunningContainer::Killed;
        let removing = self
            .engine
            .remove_container_with(&container.id, killed, doing);
        let Err(failure) = removing.await else {
            return Ok(());
        };
        let (times, pause) = REMOVAL;
        for _ in 0..times {
            if self.engine.inspect(&container.id, doing).await?.is_none() {
                return Ok(());
            }
            if !removes_already(&failure) {
                break;
            }
            sleep(pause).await;
        }
        Err(failure)
    }
}

/// Whether Docker refuses to remove a container because it is removing it already, or the answer was lost.
fn removes_already(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Conflict | FailureKind::Ambiguous)
}
