//! What `update` wants done. The loop itself does none of it.

use std::sync::Arc;

use jiff::Timestamp;

use super::model::{HistoryQuestion, LogSource, SavedLog};
use super::run::ExitReason;
use crate::inventory::{Digest, HandoverRequest, ReleaseId, SeenHold, Target, VersionRef};
use crate::release::{
    Approval, Command, Force, GoOn, Plan, PlanRequest, RepairApproval, RepairPlan,
};

/// Whether to watch something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    On,
    Off,
}

/// See the module.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Ring the terminal's bell once.
    Ring,
    /// List the versions to choose from, with the terms that decide about them.
    ListVersions(Target),
    /// Look up what a tag names now.
    LookUp {
        target: Target,
        /// The tag's name, as it comes back with the answer.
        name: String,
        reference: VersionRef,
    },
    /// Find the image of a version that was live here before.
    FindImage { target: Target, digest: Digest },
    /// The picker was closed: cancel its lists and look-ups.
    ForgetVersions,
    /// Ask for the rules and the past of a target.
    AskTerms(Target),
    /// Make a plan. The answer carries the number `asked`.
    MakePlan { asked: u64, request: PlanRequest },
    /// Start a plan.
    Begin {
        plan: Arc<Plan>,
        /// The operator's approval of it.
        approval: Approval,
    },
    /// Look at a release that lost its driver. The answer carries the number `asked`.
    FindInterrupted {
        asked: u64,
        target: Target,
        /// None until the operator has chosen one of several open releases.
        release: Option<ReleaseId>,
    },
    /// Resume a release.
    ResumeRelease {
        target: Target,
        release: ReleaseId,
        /// Continue, back out or leave.
        go_on: GoOn,
        /// Set when it is taken from a driver that is still alive.
        force: Option<Force>,
        /// The operator's approval of it.
        approval: Approval,
    },
    /// Approve a release that another operator drives.
    PeerApprove {
        /// The approver's note. May be empty.
        note: String,
        target: Target,
        release: ReleaseId,
    },
    /// Place a hold.
    Hold {
        target: Target,
        reason: String,
        /// `None` holds until it is cleared.
        until: Option<Timestamp>,
    },
    /// Clear the hold that the operator was shown.
    ClearHold {
        target: Target,
        seen: SeenHold,
        why: String,
    },
    /// Plan the repair of a target's drift. The answer carries the number `asked`.
    PlanRepair { asked: u64, target: Target },
    /// Carry out a repair plan.
    Repair {
        plan: Arc<RepairPlan>,
        /// The operator's approval of it.
        approval: RepairApproval,
    },
    /// Request the handover from the driver of a release.
    RequestHandover {
        target: Target,
        release: ReleaseId,
        /// The requester's message to the driver.
        message: Option<String>,
    },
    /// Withdraw a request for the handover.
    AskNoMore {
        target: Target,
        asked: HandoverRequest,
    },
    /// Refuse a request for the handover.
    DeclineHandover {
        target: Target,
        asked: HandoverRequest,
    },
    /// Send a command to a release that this console drives.
    Say {
        release: ReleaseId,
        command: Command,
    },
    /// Follow this log from now on. It replaces the log that was followed in the same place.
    FollowLog(LogSource),
    /// Stop following logs.
    LeaveLogs,
    /// Write lines to a file.
    SaveLog(SavedLog),
    /// Ask the archive of past releases. The answer carries the number `asked`.
    AskHistory {
        asked: u64,
        question: HistoryQuestion,
    },
    /// Ask the archive for the releases of one target.
    AskTimeline {
        target: Target,
        question: HistoryQuestion,
    },
    /// Report new diagnostic messages, or stop reporting them.
    WatchDiagnostics(Watch),
    /// The operator looks at this target now.
    LookAt(Target),
    /// Put text on the terminal's clipboard.
    Copy(String),
    /// Draw the whole screen again, whatever the terminal shows.
    Repaint,
    /// Receive clicks and wheel turns, or leave them to the terminal.
    Mouse(bool),
    /// Give the terminal back to the shell until the process continues.
    Suspend,
    /// Take the terminal again, whatever happened to it, and draw everything.
    Resume,
    /// End the console.
    Leave(ExitReason),
}
