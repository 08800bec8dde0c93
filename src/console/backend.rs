//! What the console asks of the crate. Implemented where everything is known to everyone; the
//! console itself knows no registry, no engine and no configuration.

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

/// See the module. Every call may take its time; none is made from the loop.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The tags there are for a target, in any order; or why they cannot be listed.
    async fn versions(&self, target: &Target) -> Result<Vec<String>, String>;

    /// What a tag or digest names now.
    async fn look_up(&self, target: &Target, _: &VersionRef) -> Resolved {
        Resolved::Unknown(format!("nobody looks up images of {target} here"))
    }

    /// Where the image of a version is that was live here.
    async fn find_image(&self, target: &Target, _: &Digest) -> ImageAt {
        ImageAt::Unknown(format!("nobody looks for images of {target} here"))
    }

    /// What is configured and recorded that decides about the versions of a target; or why it
    /// cannot be told.
    async fn terms(&self, target: &Target) -> Result<Terms, String> {
        Err(format!("nobody knows the rules of {target} here"))
    }

    /// Thinks a release through without doing anything.
    async fn plan(&self, request: PlanRequest) -> Result<Arc<Plan>, Refused>;

    /// Begins a plan that was approved. Where another release of this target is in its standby,
    /// that one is superseded first.
    async fn begin(&self, plan: Arc<Plan>, approval: Approval) -> Result<Handle, Refused>;

    /// The open releases of a target, newest first. Changes nothing.
    async fn open_releases(&self, _: &Target) -> Result<Vec<ReleaseRecord>, Refused> {
        Ok(Vec::new())
    }

    /// A release that lost its driver, as it is now; the current one if none is given. Changes nothing.
    async fn interrupted(
        &self,
        target: &Target,
        _: Option<ReleaseId>,
    ) -> Result<Interrupted, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// Goes on with it, as somebody has chosen; against a driver that lives only by force.
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

    /// Approves a release that somebody else drives; what was written, or why nothing was.
    async fn peer_approve(
        &self,
        target: &Target,
        _: ReleaseId,
        _note: String,
    ) -> Result<PeerApproval, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// Places a hold; what was placed, or why nothing was.
    async fn hold(
        &self,
        target: &Target,
        _: String,
        _until: Option<Timestamp>,
    ) -> Result<Hold, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// Clears exactly the hold that the operator was shown; what was cleared, or why nothing was.
    async fn clear_hold(&self, target: &Target, _: &SeenHold, _: String) -> Result<Hold, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// What differs in a target and what mends it. Looks only.
    async fn plan_repair(&self, target: &Target) -> Result<Arc<RepairPlan>, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// Mends it, as it was planned and approved.
    async fn repair(
        &self,
        plan: Arc<RepairPlan>,
        _: RepairApproval,
    ) -> Result<RepairHandle, Refused> {
        Err(Refusal::UnknownTarget(plan.target().clone()).into())
    }

    /// Asks whoever drives a release for the handover; what was written, or why nothing was.
    async fn request_handover(
        &self,
        target: &Target,
        _: ReleaseId,
        _: Option<String>,
    ) -> Result<HandoverRequest, Refused> {
        Err(Refusal::UnknownTarget(target.clone()).into())
    }

    /// Asks no more, whatever was answered.
    async fn ask_no_more(&self, _: &Target, _: &HandoverRequest) {}

    /// Says no to somebody who asks; or why that cannot be said.
    async fn decline_handover(&self, _: &Target, _: &HandoverRequest) -> Result<(), String> {
        Ok(())
    }

    /// What the journals tell of releases, whoever drives them. A backend without journals tells nothing.
    fn releases(&self) -> watch::Receiver<Arc<Releases>> {
        watch::channel(Arc::default()).1
    }

    /// Somebody looks at this target now: it is worth looking at it more often. Returns at once.
    fn look_at(&self, target: &Target);

    /// A log from now on, and a little from before. Dropping the receiver ends it.
    fn log(&self, source: &LogSource) -> mpsc::Receiver<Batch>;

    /// Writes lines to a new file; where it is, or why there is none.
    async fn save_log(&self, _log: SavedLog) -> Result<PathBuf, String> {
        Err("there is no place to write to".into())
    }

    /// What is kept of what was released. Nothing that is shown as running comes from it.
    async fn history(&self, _question: HistoryQuestion) -> Result<HistoryAnswer, String> {
        Err("nothing is kept of what was released".into())
    }

    /// Changes whenever something was kept of what was released, or could not be: then it says why.
    fn kept(&self) -> watch::Receiver<Result<(), String>> {
        watch::channel(Ok(())).1
    }

    /// What the configuration on disk says, where that is not what the one in use says.
    fn configuration(&self) -> watch::Receiver<Option<Arc<NewConfiguration>>> {
        // A receiver without a sender: it never changes.
        watch::channel(None).1
    }

    /// Changes whenever Greenroom has said something about itself.
    fn diagnostics(&self) -> watch::Receiver<()> {
        // A receiver without a sender: nothing is ever said.
        watch::channel(()).1
    }
}
