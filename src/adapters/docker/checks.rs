//! The containers of checks. Each has a name of its own and is removed after its command has ended. Containers that a
//! driver left when it died are found by their labels.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bollard::models::ContainerCreateBody;
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
use crate::inventory::{
    EnvironmentValue, Exit, FencingToken, ImageReference, InstanceId, Mask, Target,
};
use crate::ports::{
    CheckContainer, CheckContainers, CheckNotStarted, CheckSpec, Failure, FailureKind, LogChunk,
    LogStream, OutputRecorder, RemainingContainer, Result, RuntimeReader as _,
};

/// The most bytes of the archive in which Docker sends a report: the report, and room for the headers.
pub(super) const LARGEST_ARCHIVE: u64 = LARGEST_REPORT + 64 * 1024;
/// How long creating and starting a container may take. Each of both is one slow call.
const START_TIMEOUT: Duration = SLOW.saturating_mul(2);
/// The pause between two looks at a running command, whose log may stay open after its end.
const EXIT_POLL: Duration = Duration::from_secs(1);
/// How long the rest of a log is read after the command has ended.
const REST_TIMEOUT: Duration = Duration::from_secs(1);
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

    async fn start(
        &self,
        spec: &CheckSpec,
    ) -> std::result::Result<CheckContainer, CheckNotStarted> {
        let doing = format!("creating the container of the check {}", spec.check);
        let name = format!(
            "{}.check.{}",
            spec.candidate.target.own_name(),
            Ulid::generate().to_string().to_lowercase()
        );
        let mut is_sent = false;
        let starting = self.create_and_start(spec, &name, &doing, &mut is_sent);
        let started = timeout(START_TIMEOUT, starting).await.unwrap_or_else(|_| {
            let target = self.engine.target();
            Err(timed_out(Act::Write, target, &doing, START_TIMEOUT))
        });
        match started {
            Ok(id) => Ok(CheckContainer { id, name }),
            Err(why) => {
                let removed = if is_sent {
                    self.remove_not_started(&name, &why, &doing).await
                } else {
                    Ok(())
                };
                let remains = removed.err().map(|failure| {
                    tracing::warn!("the container {name} was not removed: {failure}");
                    name
                });
                Err(CheckNotStarted { why, remains })
            }
        }
    }

    async fn wait(&self, container: &InstanceId, output: &mut OutputRecorder) -> Result<Exit> {
        let doing = format!("waiting for the check in {}", container.short());
        let mut last: Option<LogChunk> = None;
        let mut noted: Option<Option<LogChunk>> = None;
        loop {
            // Lines that are written while the stream is interrupted are not read again.
            let tail = if last.is_none() { usize::MAX } else { 0 };
            let (stream, exit) = {
                let mut recording = pin!(self.record(container, tail, &mut last, output));
                tokio::select! {
                    stream = &mut recording => (stream?, None),
                    exit = self.exit(container, &doing) => {
                        let exit = exit?;
                        // A process that holds the output open does not delay the end.
                        match timeout(REST_TIMEOUT, recording).await {
                            Ok(stream) => (stream?, Some(exit)),
                            Err(_) => (StreamEnd::Interrupted, Some(exit)),
                        }
                    }
                }
            };
            let mut exit = match exit {
                Some(exit) => Some(exit),
                None => self.exit_now(container, &doing).await?,
            };
            if exit.is_none() {
                // Docker may end the stream a moment before it says that the command has ended.
                sleep(PAUSE).await;
                exit = self.exit_now(container, &doing).await?;
            }
            let is_interrupted = stream == StreamEnd::Interrupted || exit.is_none();
            // Only one note, however often the stream cannot be opened.
            if is_interrupted && noted.as_ref() != Some(&last) {
                output.line(interrupted());
                noted = Some(last.clone());
            }
            let Some(exit) = exit else { continue };
            // Docker may leave out a last line without a line end, and sends it on the next request.
            let rest = self.record(container, 1, &mut last, output);
            if let Ok(recorded) = timeout(REST_TIMEOUT, rest).await {
                recorded?;
            }
            return Ok(exit);
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

    async fn remove_all(
        &self,
        target: &Target,
        token: FencingToken,
    ) -> Result<Vec<RemainingContainer>> {
        let doing = format!("removing the containers of the checks of {target}");
        let filter = CheckLabels::filter(target);
        let mut remaining = Vec::new();
        for container in self.engine.labelled(filter, &doing).await? {
            let may_be_removed =
                |labels: &CheckLabels| labels.target == *target && labels.token <= token;
            if !container.check.as_ref().is_some_and(may_be_removed) {
                continue;
            }
            let Err(why) = self.remove_check(&container, &doing).await else {
                continue;
            };
            let is_running = match self.engine.inspect(&container.id, &doing).await {
                Ok(None) => continue,
                Ok(Some(now)) => now.is_up(),
                Err(_) => container.is_up(),
            };
            remaining.push(RemainingContainer {
                name: container.name,
                is_running,
                why,
            });
        }
        Ok(remaining)
    }
}

/// How the stream of a log ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StreamEnd {
    Complete,
    /// A failure that may be temporary ended it, or it was still open after the command had ended.
    Interrupted,
}

/// The line of the output that says where others may be missing.
fn interrupted() -> LogChunk {
    LogChunk {
        at: None,
        stream: LogStream::Err,
        bytes: b"(Greenroom: the log was interrupted, lines may be missing here)".to_vec(),
        dropped: 0,
    }
}

impl DockerWriter {
    /// Creates the container and starts it. Sets `is_sent` before it asks Docker to create the container.
    async fn create_and_start(
        &self,
        spec: &CheckSpec,
        name: &str,
        doing: &str,
        is_sent: &mut bool,
    ) -> Result<InstanceId> {
        let (body, mask) = self.body_of_check(spec, doing).await?;
        let options = CreateContainerOptions {
            name: Some(name.to_owned()),
            ..Default::default()
        };
        let docker = self.engine.docker().await?;
        let call = || docker.create_container(Some(options.clone()), body.clone());
        *is_sent = true;
        if let Err(failure) = self.engine.within(SLOW, Act::Write, doing, call).await {
            // Without a connection, Docker got no request.
            *is_sent = failure.kind != FailureKind::Unreachable;
            let is_lost = failure.kind == FailureKind::Ambiguous;
            if !is_lost || !self.appears(name, doing).await? {
                return Err(failure.masked(&mask));
            }
        }
        let Some(made) = self.engine.inspect(name, doing).await? else {
            let reason = "the container was created, but does not exist any more. Another program may have removed it";
            return Err(self.engine.refuse(FailureKind::Ambiguous, doing, reason));
        };
        self.start_check(spec, &made, doing).await?;
        Ok(InstanceId(made.id))
    }

    /// Removes the container of a check that could not be started, if it exists. After a lost answer, the container may
    /// appear a moment later.
    async fn remove_not_started(&self, name: &str, why: &Failure, doing: &str) -> Result<()> {
        if why.kind == FailureKind::Ambiguous && !self.appears(name, doing).await? {
            return Ok(());
        }
        match self.engine.inspect(name, doing).await? {
            Some(made) if made.check.is_some() => self.remove_check(&made, doing).await,
            _ => Ok(()),
        }
    }

    /// The body of the request that creates the container, and a mask that hides its secrets in Docker's messages.
    async fn body_of_check(
        &self,
        spec: &CheckSpec,
        doing: &str,
    ) -> Result<(ContainerCreateBody, Mask)> {
        let rejected = |reason: String| self.engine.refuse(FailureKind::Rejected, doing, reason);
        let image = match &spec.image {
            Some(image) => image.to_string(),
            None => pinned(&spec.candidate.version).ok_or_else(|| {
                rejected("the name of the candidate's repository is not valid".to_owned())
            })?,
        };
        let mut shape = spec.shape.clone();
        // Greenroom's own variables replace configured ones.
        let report = spec.has_report.then(|| report_file::FILE.to_owned());
        let report = report.map(|file| ("GREENROOM_REPORT", file));
        let own = spec.candidate.variables().chain(report);
        let own = own.map(|(name, value)| (name.to_owned(), EnvironmentValue::Plain(value)));
        shape.environment.extend(own);
        let (environment, mask) = self.environment(&shape).await?;
        let body = check_body(spec, image, environment).map_err(rejected)?;
        Ok((body, mask))
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
    ) -> Result<StreamEnd> {
        let reader = DockerReader::new(Arc::clone(&self.engine));
        let mut lines = match reader.logs(container, None, tail).await {
            Ok(lines) => lines,
            Err(failure) if failure.kind.may_be_temporary() => return Ok(StreamEnd::Interrupted),
            Err(failure) => return Err(failure),
        };
        while let Some(line) = lines.next().await {
            let Ok(line) = line else {
                return Ok(StreamEnd::Interrupted);
            };
            if last.as_ref() != Some(&line) {
                *last = Some(line.clone());
                output.line(line);
            }
        }
        Ok(StreamEnd::Complete)
    }

    /// Waits until the command has ended.
    async fn exit(&self, container: &InstanceId, doing: &str) -> Result<Exit> {
        loop {
            sleep(EXIT_POLL).await;
            if let Some(exit) = self.exit_now(container, doing).await? {
                return Ok(exit);
            }
        }
    }

    /// How the command ended; none while it is running, or if Docker does not answer at the moment.
    async fn exit_now(&self, container: &InstanceId, doing: &str) -> Result<Option<Exit>> {
        match self.check(container, doing).await {
            Ok(Some(found)) if found.is_up() => Ok(None),
            Ok(Some(found)) => Ok(Some(found.last_exit.unwrap_or(Exit {
                code: None,
                out_of_memory: false,
            }))),
            Ok(None) => {
                let reason = "its container was removed while the command was running";
                Err(self.engine.refuse(FailureKind::Missing, doing, reason))
            }
            Err(failure) if failure.kind.may_be_temporary() => Ok(None),
            Err(failure) => Err(failure),
        }
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
