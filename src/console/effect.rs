//! What `update` wants done. Nothing here is done in the loop.

use std::sync::Arc;

use jiff::Timestamp;

use super::model::{HistoryQuestion, LogSource, SavedLog};
use super::run::ExitReason;
use crate::inventory::{Digest, HandoverRequest, ReleaseId, SeenHold, Target, VersionRef};
use crate::release::{
    Approval, Command, Force, GoOn, Plan, PlanRequest, RepairApproval, RepairPlan,
};

/// Whether something is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// From now on.
    On,
    /// No more.
    Off,
}

/// See the module.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Ring the terminal's bell once.
    Ring,
    /// List what can be chosen, and what decides about it.
    ListVersions(Target),
    /// Look up what a tag names now.
    LookUp {
        /// For which target.
        target: Target,
        /// The tag's name, as it comes back with the answer.
        name: String,
        /// The tag.
        reference: VersionRef,
    },
    /// Look where the image of a version is that was live here.
    FindImage {
        /// For which target.
        target: Target,
        /// Of which version.
        digest: Digest,
    },
    /// Nobody chooses a version any more: what is being listed or looked up for it is not wanted.
    ForgetVersions,
    /// Ask for the rules and the past of a target.
    AskTerms(Target),
    /// Make a plan; the number comes back with the answer.
    MakePlan {
        /// The number.
        asked: u64,
        /// What is wanted.
        request: PlanRequest,
    },
    /// Begin a plan.
    Begin {
        /// Which.
        plan: Arc<Plan>,
        /// The yes to it.
        approval: Approval,
    },
    /// Look at a release that lost its driver; the number comes back with the answer.
    FindInterrupted {
        /// The number.
        asked: u64,
        /// Whose.
        target: Target,
        /// None until the operator has chosen one of several open releases.
        release: Option<ReleaseId>,
    },
    /// Go on with one.
    ResumeRelease {
        /// Whose.
        target: Target,
        /// Which.
        release: ReleaseId,
        /// What is to become of it.
        go_on: GoOn,
        /// That it is taken from a driver that lives.
        force: Option<Force>,
        /// The yes to it.
        approval: Approval,
    },
    /// Approve a release that somebody else drives.
    PeerApprove {
        /// What the approver writes about it; may be empty.
        note: String,
        /// Whose.
        target: Target,
        /// Which.
        release: ReleaseId,
    },
    /// Place a hold.
    Hold {
        /// On which target.
        target: Target,
        /// Why.
        reason: String,
        /// Until when; none until it is cleared.
        until: Option<Timestamp>,
    },
    /// Clear the hold that the operator was shown.
    ClearHold {
        /// On which target.
        target: Target,
        /// Which hold.
        seen: SeenHold,
        /// Why.
        why: String,
    },
    /// Plan what mends the differences of a target; the number comes back with the answer.
    PlanRepair {
        /// The number.
        asked: u64,
        /// Whose.
        target: Target,
    },
    /// Mend them.
    Repair {
        /// How.
        plan: Arc<RepairPlan>,
        /// The yes to it.
        approval: RepairApproval,
    },
    /// Ask whoever drives a release for the handover.
    RequestHandover {
        /// Whose.
        target: Target,
        /// Which.
        release: ReleaseId,
        /// What is said to it.
        message: Option<String>,
    },
    /// Ask no more.
    AskNoMore {
        /// Whose.
        target: Target,
        /// What was asked.
        asked: HandoverRequest,
    },
    /// Say no to somebody who asks.
    DeclineHandover {
        /// Whose.
        target: Target,
        /// What they ask.
        asked: HandoverRequest,
    },
    /// Say something to a release.
    Say {
        /// To which.
        release: ReleaseId,
        /// What.
        command: Command,
    },
    /// Follow this log from now on, instead of what came in there before.
    FollowLog(LogSource),
    /// Follow no log any more.
    LeaveLogs,
    /// Write lines to a file.
    SaveLog(SavedLog),
    /// Ask the archive of what was released.
    AskHistory {
        /// Which asking.
        asked: u64,
        /// What.
        question: HistoryQuestion,
    },
    /// Ask the archive what was released in a target.
    AskTimeline {
        /// Where.
        target: Target,
        /// The question.
        question: HistoryQuestion,
    },
    /// Say when Greenroom has said something about itself, or do not any more.
    WatchDiagnostics(Watch),
    /// Somebody looks at this target now.
    LookAt(Target),
    /// Put text on the terminal's clipboard.
    Copy(String),
    /// Draw everything again, whatever the terminal shows.
    Repaint,
    /// Have clicks and the wheel reported, or leave them to the terminal.
    Mouse(bool),
    /// Give the terminal back to the shell until it says to go on.
    Suspend,
    /// Take the terminal again, whatever happened to it, and draw everything.
    Resume,
    /// End the console.
    Leave(ExitReason),
}
