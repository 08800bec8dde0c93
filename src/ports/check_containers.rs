//! Containers in which the commands of checks run, next to a candidate.

use async_trait::async_trait;

use super::{CheckedCandidate, Failure, OutputRecorder, Result};
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
    /// The address of the candidate on the host; none for a background service.
    pub endpoint: Option<Address>,
    /// The token of the driver that creates the container.
    pub token: FencingToken,
    /// None for the image of the candidate.
    pub image: Option<ImageReference>,
    /// The command, and the environment, mounts and limits. The command listens nowhere.
    pub shape: InstanceShape,
    /// Whether the command writes a report, so that it needs a place for it.
    pub has_report: bool,
}

/// The container of a check that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckContainer {
    pub id: InstanceId,
    /// The name that the runtime shows.
    pub name: String,
}

/// A check whose container could not be started.
#[derive(Debug)]
pub struct CheckNotStarted {
    pub why: Failure,
    /// The name of its container, if the container may exist because it could not be removed.
    pub remains: Option<String>,
}

/// The container of a check that could not be removed.
#[derive(Debug)]
pub struct RemainingContainer {
    pub name: String,
    /// Whether its command is still running, as far as the runtime says so.
    pub is_running: bool,
    pub why: Failure,
}

/// Runs containers for checks. They are found by their labels, and are never taken for an instance or a task.
#[async_trait]
pub trait CheckContainers: Send + Sync {
    /// Pulls an image, unless the runtime has one of that name. May take minutes.
    async fn prepare(&self, image: &ImageReference) -> Result<()>;

    /// Creates a container and starts it, within a time limit of its own. If it cannot be started, its container is
    /// removed, and the error says whether one may remain. The caller must not drop the future, because the container
    /// might be left behind.
    async fn start(&self, spec: &CheckSpec)
    -> std::result::Result<CheckContainer, CheckNotStarted>;

    /// Waits for the end of the command, and passes its output on. A line of the output says where others may be
    /// missing.
    async fn wait(&self, container: &InstanceId, output: &mut OutputRecorder) -> Result<Exit>;

    /// The report that the command has written: at most one byte more than a report may have. The inner error says why
    /// there is none.
    async fn report(&self, container: &InstanceId) -> Result<std::result::Result<Vec<u8>, String>>;

    /// Removes the container of a check with its volumes, also while its command is running. A missing container is no
    /// error.
    async fn remove(&self, container: &InstanceId) -> Result<()>;

    /// Removes the containers of all checks of a target that were created with this token or a lower one. Tries to remove
    /// each of them, and returns those that remain. The error says that the containers could not be listed.
    async fn remove_all(
        &self,
        target: &Target,
        token: FencingToken,
    ) -> Result<Vec<RemainingContainer>>;
}
