//! The interface between the console and the rest of the crate. The module `wire` implements it for the real servers.
//! The console itself does not use image registries, container runtimes or the configuration file.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::model::{HistoryAnswer, HistoryQuestion, LogSource, NewConfiguration, SavedLog};
use crate::history::ReleaseRecord;
use crate::inventory::{
    Digest, EntryId, HandoverRequest, Hold, PeerApproval, QueueEntry, ReleaseId, SeenHold,
    ServiceName, Target, VersionRef,
};
use crate::logs::Batch;
use crate::release::{
    Approval, Handle, ImageAt, Interrupted, Plan, PlanRequest, Refusal, Refused, Releases,
    RepairApproval, RepairHandle, RepairPlan, Resolved, ResumeAction, TakeoverRequest, Terms,
};

/// The operations that the console needs. An `async` call may be slow, so the console makes the call in a task and not
/// in its loop.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Lists the tags of a target's image repository, in any order. The error says why the tags cannot be listed.
    async fn versions(&self, target: &Target) -> Result<Vec<String>, String>;

    /// Asks the image registry which image a tag or digest names now.
    async fn look_up(&self, target: &Target, _: &VersionRef) -> Resolved {
        Resolved::Unknown(format!("no image registry is configured for {target}"))
    }

    /// Finds the image of a version that was live in this target before.
    async fn find_image(&self, target: &Target, _: &Digest) -> ImageAt {
        ImageAt::Unknown(format!("no image store is configured for {target}"))
    }

    /// Reads the rules and the past releases that decide which versions of a target can be chosen. The error
    /// says why they cannot be read.
    async fn terms(&self, target: &Target) -> Result<Terms, String> {
        Err(format!("the rules of {target} are not available"))
    }

    /// Plans a release, without changing anything.
    async fn plan(&self, request: PlanRequest) -> Result<Arc<Plan>, Refused>;

    /// Starts an approved plan. If an earlier release of this target still keeps its old version warm, the new release
    /// first ends that standby.
    async fn begin(&self, plan: Arc<Plan>, approval: Approval) -> Result<Handle, Refused>;

    /// The releases of a target that have not ended, newest first. Only reads.
    async fn open_releases(&self, _: &Target) -> Result<Vec<ReleaseRecord>, Refused> {
        Ok(Vec::new())
    }

    /// The state of a release that has not ended, and how this release can be resumed. `None` means the current release
    /// of the target. Only reads.
    async fn interrupted(
        &self,
        target: &Target,
        _: Option<ReleaseId>,
    ) -> Result<Interrupted, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// Continues a release that this console does not drive, backs it out, or ends it and keeps everything as it is.
    /// `TakeoverRequest` is required if another console or command holds the lock.
    async fn resume(
        &self,
        target: &Target,
        _: ReleaseId,
        _: ResumeAction,
        _: Option<TakeoverRequest>,
        _: Approval,
    ) -> Result<Handle, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    async fn peer_approve(
        &self,
        target: &Target,
        _seen: (ReleaseId, &str),
        _note: String,
    ) -> Result<PeerApproval, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    async fn hold(
        &self,
        target: &Target,
        _: String,
        _until: Option<Timestamp>,
    ) -> Result<Hold, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// Clears the hold that the operator saw. Refused if the hold has changed since then.
    async fn clear_hold(&self, target: &Target, _: &SeenHold, _: String) -> Result<Hold, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// Takes a waiting or offered push out of the queue. Returns the dismissed entry.
    async fn dismiss_push(
        &self,
        target: &Target,
        _: &EntryId,
        _reason: Option<String>,
    ) -> Result<QueueEntry, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// Lets a push wait again that failed or was refused, dismissed or skipped. Returns the waiting entry.
    async fn retry_push(&self, target: &Target, _: &EntryId) -> Result<QueueEntry, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// Pushes a new version of a service to the sandbox. Returns what was pushed, or why nothing was.
    async fn push_sample(&self, _: &ServiceName) -> Result<String, String> {
        Err("this console does not show a sandbox".into())
    }

    /// Finds the drift of a target and plans how to repair it, without changing anything.
    async fn plan_repair(&self, target: &Target) -> Result<Arc<RepairPlan>, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    async fn repair(
        &self,
        plan: Arc<RepairPlan>,
        _: RepairApproval,
    ) -> Result<RepairHandle, Refused> {
        Err(Refusal::UnknownTarget(plan.target().clone()).into())
    }

    /// Asks the driver of a release to hand over the release. Returns the request as it was stored.
    async fn request_handover(
        &self,
        target: &Target,
        _: ReleaseId,
        _: Option<String>,
    ) -> Result<HandoverRequest, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// Withdraws a request for a handover, even if the driver has answered. The caller does not learn whether the
    /// request was withdrawn.
    async fn withdraw_request(&self, _: &Target, _: &HandoverRequest) {}

    /// Tells the requester of a handover that the driver refuses. The error says why the refusal could not be stored.
    async fn decline_handover(&self, _: &Target, _: &HandoverRequest) -> Result<(), String> {
        Ok(())
    }

    /// The newest release of each target, according to its journal. Any operator may drive the release. Empty if the
    /// backend reads no journals.
    fn releases(&self) -> watch::Receiver<Arc<Releases>> {
        watch::channel(Arc::default()).1
    }

    /// Observes this target more often from now on, because the operator has opened it. Does not block.
    fn look_at(&self, target: &Target);

    /// Follows a log: first a few earlier lines, then each new line. The log is followed until the receiver is dropped.
    fn log(&self, source: &LogSource) -> mpsc::Receiver<Batch>;

    /// Writes the lines of a log to a new file. Returns the path of the file, or why it was not written.
    async fn save_log(&self, _log: SavedLog) -> Result<PathBuf, String> {
        Err("no directory for log files is configured".into())
    }

    /// Reads the archive of past releases. The console never shows archived data as the current state.
    async fn history(&self, _question: HistoryQuestion) -> Result<HistoryAnswer, String> {
        Err("no history is kept on this machine".into())
    }

    /// Changes after each attempt to copy new records to the archive. An error says why the archive could not be read
    /// or written.
    fn kept(&self) -> watch::Receiver<Result<(), String>> {
        watch::channel(Ok(())).1
    }

    /// The configuration on disk, if it differs from the configuration in use.
    fn configuration(&self) -> watch::Receiver<Option<Arc<NewConfiguration>>> {
        // The sender is dropped, so the value never changes.
        watch::channel(None).1
    }

    /// Changes whenever Greenroom logs a diagnostic message.
    fn diagnostics(&self) -> watch::Receiver<()> {
        // The sender is dropped, so the value never changes.
        watch::channel(()).1
    }
}
