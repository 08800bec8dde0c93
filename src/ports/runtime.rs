//! The runtime that runs instances: Docker, or plain processes.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{Failure, FailureKind, Result};
use crate::inventory::{
    Address, Addresses, EngineImage, Exit, FencingToken, Instance, InstanceId, InstanceShape,
    Occupancy, Quiet, ReleaseId, Slot, Target, TaskCall, TaskRun, Unstarted, Version,
    instance_name,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineInfo {
    /// The runtime's name and version, e.g. `Docker 20.10.24`.
    pub name: String,
    /// The agreed API version, e.g. `1.41`.
    pub api: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PullProgress {
    /// The bytes received so far.
    pub done: u64,
    /// The bytes to receive in total, as far as known.
    pub total: u64,
}

/// Everything needed to create an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceSpec {
    pub target: Target,
    pub slot: Slot,
    /// The number of the member in its slot, from 1.
    pub number: usize,
    /// How many members the slot gets.
    pub of: usize,
    /// The version to run, by digest.
    pub version: Version,
    /// The release that starts the instance.
    pub release: ReleaseId,
    /// The member's own fixed address; none for a background service.
    pub endpoint: Option<Address>,
    pub shape: InstanceShape,
}

impl InstanceSpec {
    /// The name of the instance in the runtime.
    pub fn name(&self) -> String {
        instance_name(&self.target, self.slot, self.number)
    }
}

/// Everything needed to create the container of a task's command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSpec {
    pub target: Target,
    pub call: TaskCall,
    /// The version in whose image the command runs, by digest.
    pub version: Version,
    pub release: ReleaseId,
    /// The token of the driver that creates the container.
    pub token: FencingToken,
    /// What happens to an existing container that was never started.
    pub unstarted: Unstarted,
    /// The command, and the environment, mounts and limits of the target. The command listens nowhere.
    pub shape: InstanceShape,
}

impl TaskSpec {
    /// The name of the container.
    pub fn name(&self) -> String {
        self.call.container_name(&self.target, self.release)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStream {
    Out,
    Err,
}

/// One line of an instance's output, as raw bytes without the line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// The time that the runtime or the line itself gives; none if unknown.
    pub at: Option<Timestamp>,
    pub stream: LogStream,
    /// The content is untrusted.
    pub bytes: Vec<u8>,
    /// How many bytes were cut from the end of a long line.
    pub dropped: usize,
}

#[async_trait]
pub trait RuntimeReader: Send + Sync {
    /// The kind and address of the runtime, e.g. `docker at unix:///run/docker.sock`.
    fn address(&self) -> String {
        "the runtime".to_owned()
    }

    /// The runtime's name and version. This is the cheapest call that proves that the runtime answers.
    async fn engine(&self) -> Result<EngineInfo>;

    /// The time of the runtime's machine; none if the runtime is on this machine or does not report its time.
    async fn clock(&self) -> Result<Option<Timestamp>> {
        Ok(None)
    }

    /// Every instance that Greenroom created for the target, running or not.
    async fn instances(&self, target: &Target) -> Result<Vec<Instance>>;

    /// The instances of all targets, for a whole screen in one call.
    async fn all_instances(&self) -> Result<BTreeMap<Target, Vec<Instance>>>;

    /// How the previous run of a restarted instance ended; none if the runtime does not know.
    async fn last_exit(&self, _instance: &InstanceId) -> Result<Option<Exit>> {
        Ok(None)
    }

    /// Finds the instances, containers or processes that occupy the names or the addresses of this slot.
    async fn occupancy(
        &self,
        target: &Target,
        slot: Slot,
        addresses: &Addresses,
    ) -> Result<Occupancy>;

    /// The containers of the tasks of a target, of every release. A runtime that cannot run tasks has none.
    async fn all_tasks(&self, _target: &Target) -> Result<Vec<TaskRun>> {
        Ok(Vec::new())
    }

    /// The containers of the tasks of a release.
    async fn tasks(&self, target: &Target, release: ReleaseId) -> Result<Vec<TaskRun>> {
        let mut runs = self.all_tasks(target).await?;
        runs.retain(|run| run.release == release);
        Ok(runs)
    }

    /// How many jobs an instance has, as `command` prints when it runs inside the instance's container.
    async fn jobs(&self, _instance: &InstanceId, _command: &[String]) -> Result<u64> {
        let message = "this runtime cannot run a command inside a process";
        let doing = "counting jobs";
        Err(Failure::new(
            FailureKind::Unsupported,
            "the runtime",
            doing,
            message,
        ))
    }

    /// Whether the runtime has the version's image.
    async fn has_image(&self, version: &Version) -> Result<bool>;

    /// The images of a repository that the runtime has.
    async fn images(&self, repository: &str) -> Result<Vec<EngineImage>>;

    /// A stream with one item for each change. Items may be lost, so the caller subscribes first and then lists the
    /// instances. The stream ends with the failure that broke it.
    async fn changes(&self) -> Result<BoxStream<'static, Result<()>>>;

    /// The output of an instance: at most `tail` existing lines, then new ones. The stream ends when the instance
    /// exits.
    async fn logs(
        &self,
        instance: &InstanceId,
        since: Option<Timestamp>,
        tail: usize,
    ) -> Result<BoxStream<'static, Result<LogChunk>>>;
}

/// Changes instances. Every call is safe to repeat with the same arguments.
#[async_trait]
pub trait RuntimeWriter: Send + Sync {
    /// Pulls the image by digest. Progress is best effort: if the channel is full, reports are dropped.
    async fn pull(&self, version: &Version, progress: mpsc::Sender<PullProgress>) -> Result<()>;

    /// Creates and starts one member of a slot. If this release has created it already, it is only started. Other
    /// members of the same release may be in the slot. Anything else in the slot is a conflict.
    async fn start(&self, spec: &InstanceSpec) -> Result<InstanceId>;

    /// Creates one member of a slot, but does not start it, if the runtime can do that. A later [`RuntimeWriter::start`]
    /// starts it.
    async fn create(&self, _spec: &InstanceSpec) -> Result<()> {
        Ok(())
    }

    /// Starts a stopped instance again, or continues a paused one.
    async fn restart(&self, instance: &InstanceId) -> Result<()>;

    /// Asks the instance to stop, and kills it after `grace`. If the instance is already stopped, nothing changes.
    async fn stop(&self, instance: &InstanceId, grace: Duration) -> Result<()>;

    /// Tells an instance to take no more jobs, by the signal or the command of `quiet`. If the instance is already
    /// stopped, nothing changes.
    async fn quiet(&self, instance: &InstanceId, quiet: &Quiet) -> Result<()>;

    /// Creates the container of a task's command, but does not start it. If the container exists already, this does
    /// nothing, with one exception: a container that was never started is replaced if it has an older token, or if
    /// `unstarted` says so. So a late start finds no container. It is a conflict if a later driver created it.
    async fn create_task(&self, spec: &TaskSpec) -> Result<()> {
        Err(no_tasks(spec))
    }

    /// Starts the container of a task's command, which must have this token. If it was started before, this does
    /// nothing: a command runs only once.
    async fn start_task(&self, spec: &TaskSpec) -> Result<()> {
        Err(no_tasks(spec))
    }

    /// Removes an image. It is no error if the image does not exist. It is a conflict if an instance uses the image,
    /// even a stopped one.
    async fn remove_image(&self, image: &EngineImage) -> Result<()>;

    /// Removes a stopped instance. It is no error if the instance does not exist. It is a conflict if the instance is
    /// running.
    async fn remove(&self, instance: &InstanceId) -> Result<()>;
}

fn no_tasks(spec: &TaskSpec) -> Failure {
    let doing = format!("running {}", spec.call);
    let message = "this runtime cannot run tasks";
    Failure::new(FailureKind::Unsupported, "the runtime", doing, message)
}
