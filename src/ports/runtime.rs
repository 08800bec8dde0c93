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

/// What the engine reports about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineInfo {
    /// Its name and version, e.g. `Docker 20.10.24`.
    pub name: String,
    /// The negotiated protocol version, e.g. `1.41`.
    pub api: String,
}

/// The progress of a pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PullProgress {
    /// Bytes received.
    pub done: u64,
    /// Bytes in total, as far as known.
    pub total: u64,
}

/// Everything needed to create an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceSpec {
    /// The target it belongs to.
    pub target: Target,
    /// The slot it goes to.
    pub slot: Slot,
    /// The version to run, by digest.
    pub version: Version,
    /// The release that starts it.
    pub release: ReleaseId,
    /// The slot's own fixed address.
    pub endpoint: Endpoint,
    /// How to create it.
    pub shape: InstanceShape,
}

impl InstanceSpec {
    /// The name of an instance of this slot in the runtime.
    pub fn name(&self) -> String {
        instance_name(&self.target, self.slot)
    }
}

/// The stream that a line of output came from.
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
    /// When the engine received it.
    pub at: Option<Timestamp>,
    /// Its stream.
    pub stream: LogStream,
    /// The bytes, untrusted.
    pub bytes: Vec<u8>,
    /// How many bytes of the line were dropped.
    pub dropped: usize,
}

/// Reads instances.
#[async_trait]
pub trait RuntimeReader: Send + Sync {
    /// Which runtime this is, and its address, e.g. `docker at unix:///run/docker.sock`.
    fn address(&self) -> String {
        "the runtime".to_owned()
    }

    /// The engine's name and version; the cheapest call that proves that it answers.
    async fn engine(&self) -> Result<EngineInfo>;

    /// The time of the engine's machine; none if that is this machine or it does not tell.
    async fn clock(&self) -> Result<Option<Timestamp>> {
        Ok(None)
    }

    /// Every instance that Greenroom created for the target, running or not.
    async fn instances(&self, target: &Target) -> Result<Vec<Instance>>;

    /// The same for all targets: one call for a whole screen.
    async fn all_instances(&self) -> Result<BTreeMap<Target, Vec<Instance>>>;

    /// How the previous run of a restarted instance ended; none if the runtime does not
    /// remember it.
    async fn last_exit(&self, _instance: &InstanceId) -> Result<Option<Exit>> {
        Ok(None)
    }

    /// What occupies the name and address of an instance in this slot.
    async fn occupancy(
        &self,
        target: &Target,
        slot: Slot,
        endpoint: &Endpoint,
    ) -> Result<Occupancy>;

    /// Whether the engine has the version's image.
    async fn has_image(&self, version: &Version) -> Result<bool>;

    /// The images of a repository that the engine has.
    async fn images(&self, repository: &str) -> Result<Vec<EngineImage>>;

    /// A hint each time something has changed. Hints may be lost: subscribe first, then list. The
    /// stream ends with the failure that broke it.
    async fn changes(&self) -> Result<BoxStream<'static, Result<()>>>;

    /// The output of an instance: at most `tail` existing lines, then new ones. Ends when the
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
    /// Pulls the image by digest. Progress is best effort: if the channel is full, some is lost.
    async fn pull(&self, version: &Version, progress: mpsc::Sender<PullProgress>) -> Result<()>;

    /// Creates and starts an instance. If this release has created it already, it is only started.
    /// Anything else in the slot is a conflict.
    async fn start(&self, spec: &InstanceSpec) -> Result<InstanceId>;

    /// Starts a stopped instance again.
    async fn restart(&self, instance: &InstanceId) -> Result<()>;

    /// Asks it to stop and kills it after `grace`. An instance that has stopped stays as it is.
    async fn stop(&self, instance: &InstanceId, grace: Duration) -> Result<()>;

    /// Removes an image. It is no error if it does not exist. An image that an instance uses, running or not,
    /// is a conflict.
    async fn remove_image(&self, image: &EngineImage) -> Result<()>;

    /// Removes a stopped instance. It is no error if it does not exist. A running one is a conflict.
    async fn remove(&self, instance: &InstanceId) -> Result<()>;
}
