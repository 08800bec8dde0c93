//! What the console asks of the crate. `wire` implements it; the console itself knows no registry,
//! no engine and no configuration.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::model::{HistoryAnswer, HistoryQuestion, LogSource, NewConfiguration, SavedLog};
use crate::history::ReleaseRecord;
use crate::inventory::{
    Digest, HandoverRequest, Hold, PeerApproval, ReleaseId, SeenHold, Target, VersionRef,
};
use crate::logs::Batch;
use crate::release::{
    Approval, Force, GoOn, Handle, ImageAt, Interrupted, Plan, PlanRequest, Refusal, Refused,
    Releases, RepairApproval, RepairHandle, RepairPlan, Resolved, Terms,
};

/// See the module. Every call may be slow; the loop itself makes none.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The tags of a target's repository, in any order; or why they cannot be listed.
    async fn versions(&self, target: &Target) -> Result<Vec<String>, String>;

    /// What a tag or digest names now.
    async fn look_up(&self, target: &Target, _: &VersionRef) -> Resolved {
        Resolved::Unknown(format!("this backend cannot look up images of {target}"))
    }

    /// Where the image of a version is that was live here before.
    async fn find_image(&self, target: &Target, _: &Digest) -> ImageAt {
        ImageAt::Unknown(format!("this backend cannot look for images of {target}"))
    }

    /// The configuration and the records that decide about the versions of a target; or why they
    /// cannot be read.
    async fn terms(&self, target: &Target) -> Result<Terms, String> {
        Err(format!("this backend does not know the rules of {target}"))
    }

    /// Plans a release. Changes nothing.
    async fn plan(&self, request: PlanRequest) -> Result<Arc<Plan>, Refused>;

    /// Starts an approved plan. If another release of this target is in its standby, the new one
    /// supersedes it first.
    async fn begin(&self, plan: Arc<Plan>, approval: Approval) -> Result<Handle, Refused>;

    /// The open releases of a target, newest first. Changes nothing.
    async fn open_releases(&self, _: &Target) -> Result<Vec<ReleaseRecord>, Refused> {
        Ok(Vec::new())
    }

    /// A release that lost its driver, as it is now; `None` asks for the current one. Changes nothing.
    async fn interrupted(
        &self,
        target: &Target,
        _: Option<ReleaseId>,
    ) -> Result<Interrupted, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// Resumes it as the operator has chosen. Against a driver that is still alive, `force` is required.
    async fn resume(
        &self,
        target: &Target,
        _: ReleaseId,
        _: GoOn,
        _: Option<Force>,
        _: Approval,
    ) -> Result<Handle, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// Approves a release that another operator drives. Returns the approval, or why there is none.
    async fn peer_approve(
        &self,
        target: &Target,
        _: ReleaseId,
        _note: String,
    ) -> Result<PeerApproval, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// Places a hold. Returns it, or why it was not placed.
    async fn hold(
        &self,
        target: &Target,
        _: String,
        _until: Option<Timestamp>,
    ) -> Result<Hold, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// Clears exactly the hold that the operator was shown. Returns it, or why it was not cleared.
    async fn clear_hold(&self, target: &Target, _: &SeenHold, _: String) -> Result<Hold, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// The differences in a target and how to repair them. Changes nothing.
    async fn plan_repair(&self, target: &Target) -> Result<Arc<RepairPlan>, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// Carries out an approved repair plan.
    async fn repair(
        &self,
        plan: Arc<RepairPlan>,
        _: RepairApproval,
    ) -> Result<RepairHandle, Refused> {
        Err(Refusal::UnknownTarget(plan.target().clone()).into())
    }

    /// Requests the handover from the driver of a release. Returns the request, or why it was not written.
    async fn request_handover(
        &self,
        target: &Target,
        _: ReleaseId,
        _: Option<String>,
    ) -> Result<HandoverRequest, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// Withdraws the request, whatever the answer was.
    async fn ask_no_more(&self, _: &Target, _: &HandoverRequest) {}

    /// Refuses a request for the handover; or says why the refusal could not be written.
    async fn decline_handover(&self, _: &Target, _: &HandoverRequest) -> Result<(), String> {
        Ok(())
    }

    /// The releases in the journals, whoever drives them. A backend without journals has none.
    fn releases(&self) -> watch::Receiver<Arc<Releases>> {
        watch::channel(Arc::default()).1
    }

    /// The operator looks at this target now, so it is observed more often. Returns at once.
    fn look_at(&self, target: &Target);

    /// A log from now on, with a few earlier lines. Dropping the receiver ends it.
    fn log(&self, source: &LogSource) -> mpsc::Receiver<Batch>;

    /// Writes lines to a new file. Returns its path, or why it was not written.
    async fn save_log(&self, _log: SavedLog) -> Result<PathBuf, String> {
        Err("this backend has no directory for log files".into())
    }

    /// Reads the archive of past releases. Nothing that is shown as running comes from it.
    async fn history(&self, _question: HistoryQuestion) -> Result<HistoryAnswer, String> {
        Err("this backend keeps no history".into())
    }

    /// Changes whenever a release was archived, or could not be: then it holds the reason.
    fn kept(&self) -> watch::Receiver<Result<(), String>> {
        watch::channel(Ok(())).1
    }

    /// The configuration on disk, if it differs from the one in use.
    fn configuration(&self) -> watch::Receiver<Option<Arc<NewConfiguration>>> {
        // A receiver without a sender: it never changes.
        watch::channel(None).1
    }

    /// Changes whenever Greenroom has logged a diagnostic message.
    fn diagnostics(&self) -> watch::Receiver<()> {
        // A receiver without a sender: it never changes.
        watch::channel(()).1
    }
}
