//! What runs instances: a container engine, or plain processes.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::Result;
use crate::inventory::{
    Endpoint, EngineImage, Exit, Instance, InstanceId, InstanceShape, Occupancy, ReleaseId, Slot,
    Target, Version, instance_name,
};

/// What the engine says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineInfo {
    /// Its name and version, e.g. `Docker 20.10.24`.
    pub name: String,
    /// The protocol version agreed on, e.g. `1.41`.
    pub api: String,
}

/// How far a pull is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PullProgress {
    /// Bytes that arrived.
    pub done: u64,
    /// Bytes in all, as far as is known yet.
    pub total: u64,
}

/// Everything needed to make an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceSpec {
    /// Whose it is.
    pub target: Target,
    /// Where it goes.
    pub slot: Slot,
    /// What runs: by digest.
    pub version: Version,
    /// Which release starts it.
    pub release: ReleaseId,
    /// The slot's own fixed address.
    pub endpoint: Endpoint,
    /// How it is made.
    pub shape: InstanceShape,
}

impl InstanceSpec {
    /// The name an instance of this slot has in the runtime.
    pub fn name(&self) -> String {
        instance_name(&self.target, self.slot)
    }
}

/// Where a line of output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogStream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// One line of an instance's output, as raw bytes without the line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// When the engine got it.
    pub at: Option<Timestamp>,
    /// Where it came from.
    pub stream: LogStream,
    /// The bytes, untrusted.
    pub bytes: Vec<u8>,
    /// How many more came in the line and were not kept.
    pub dropped: usize,
}

/// Looks at instances.
#[async_trait]
pub trait RuntimeReader: Send + Sync {
    /// Which runtime is asked, and at which address, e.g. `docker at unix:///run/docker.sock`.
    fn address(&self) -> String {
        "the runtime".to_owned()
    }

    /// Which engine this is; the cheapest call that proves that it answers.
    async fn engine(&self) -> Result<EngineInfo>;

    /// What time its machine says it is; none where that is this machine, or it does not say.
    async fn clock(&self) -> Result<Option<Timestamp>> {
        Ok(None)
    }

    /// Every instance of ours for the target, running or not.
    async fn instances(&self, target: &Target) -> Result<Vec<Instance>>;

    /// Every instance of ours for any target, by target: one call for a whole screen.
    async fn all_instances(&self) -> Result<BTreeMap<Target, Vec<Instance>>>;

    /// How the run before the present one ended, for an instance that runs again; none where the runtime does not
    /// remember it.
    async fn last_exit(&self, _instance: &InstanceId) -> Result<Option<Exit>> {
        Ok(None)
    }

    /// What stands where an instance of this slot would go.
    async fn occupancy(
        &self,
        target: &Target,
        slot: Slot,
        endpoint: &Endpoint,
    ) -> Result<Occupancy>;

    /// Whether the engine has the version's image.
    async fn has_image(&self, version: &Version) -> Result<bool>;

    /// The images that the engine has of a repository.
    async fn images(&self, repository: &str) -> Result<Vec<EngineImage>>;

    /// A hint each time something changed. Hints may be lost: subscribe, then list. The
    /// stream ends with the failure that broke it.
    async fn changes(&self) -> Result<BoxStream<'static, Result<()>>>;

    /// The output of an instance: at most `tail` lines from before, then what comes. Ends when the
    /// instance does.
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
    /// Gets the image by digest. Progress is best effort: a full channel loses some.
    async fn pull(&self, version: &Version, progress: mpsc::Sender<PullProgress>) -> Result<()>;

    /// Creates and starts an instance. When this release has made it already, it is only started;
    /// anything else in the slot is a conflict.
    async fn start(&self, spec: &InstanceSpec) -> Result<InstanceId>;

    /// Starts a stopped instance again.
    async fn restart(&self, instance: &InstanceId) -> Result<()>;

    /// Asks it to end and ends it after `grace`. One that is stopped already stays so.
    async fn stop(&self, instance: &InstanceId, grace: Duration) -> Result<()>;

    /// Removes an image. One that is gone already stays so; one that an instance has, running or not, is a
    /// conflict.
    async fn remove_image(&self, image: &EngineImage) -> Result<()>;

    /// Removes a stopped instance. One that is gone already stays so; one that runs is a conflict.
    async fn remove(&self, instance: &InstanceId) -> Result<()>;
}
