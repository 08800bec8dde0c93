//! Containers in which the commands of checks run, next to a candidate.

use async_trait::async_trait;

use super::{CheckedCandidate, OutputRecorder, Result};
use crate::inventory::{
    Address, Exit, FencingToken, ImageReference, InstanceId, InstanceShape, Target,
};

/// Everything needed to create the container of a check.
#[derive(Debug, Clone)]
pub struct CheckSpec {
    /// The name of the check.
    pub check: String,
    /// The candidate, with its address as the container sees it.
    pub candidate: CheckedCandidate,
    /// The candidate's container, whose network the container shares.
    pub network_of: InstanceId,
    /// The fixed address of the candidate's slot on the host.
    pub endpoint: Address,
    /// The token of the driver that creates the container.
    pub token: FencingToken,
    /// None for the image of the candidate.
    pub image: Option<ImageReference>,
    /// The command, and the environment, mounts and limits. The command listens nowhere.
    pub shape: InstanceShape,
    /// Whether the command writes a report, so that it needs a place for it.
    pub has_report: bool,
}

/// Runs containers for checks. They are found by their labels, and are never taken for an instance or a task.
#[async_trait]
pub trait CheckContainers: Send + Sync {
    /// Pulls an image, unless the runtime has one of that name. May take minutes.
    async fn prepare(&self, image: &ImageReference) -> Result<()>;

    /// Creates a container and starts it. If it cannot be started, no container remains. The caller must not drop the
    /// future, because the container might be left behind.
    async fn start(&self, spec: &CheckSpec) -> Result<InstanceId>;

    /// Waits for the end of the command, and passes its output on.
    async fn wait(&self, container: &InstanceId, output: &mut OutputRecorder) -> Result<Exit>;

    /// The report that the command has written: at most one byte more than a report may have. The inner error says why
    /// there is none.
    async fn report(&self, container: &InstanceId) -> Result<std::result::Result<Vec<u8>, String>>;

    /// Removes the container of a check with its volumes, also while its command is running. A missing container is no
    /// error.
    async fn remove(&self, container: &InstanceId) -> Result<()>;

    /// Removes the containers of all checks of a target.
    async fn remove_all(&self, target: &Target) -> Result<()>;
}
