//! What the console has to do after an event. `update` returns effects, and `run` and `perform` carry them out.

use std::sync::Arc;

use jiff::Timestamp;

use super::model::{HistoryQuestion, LogSource, SavedLog, ViewState};
use crate::inventory::{Digest, HandoverRequest, ReleaseId, SeenHold, Target, VersionRef};
use crate::release::{
    Approval, Command, Force, Plan, PlanRequest, RepairApproval, RepairPlan, ResumeAction,
};

/// Whether to report new diagnostic messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    On,
    Off,
}

/// One thing to do after an event. Answers arrive later as [`Event`](super::event::Event)s.
#[derive(Debug, Clone)]
pub enum Effect {
    Ring,
    /// List the versions that can be chosen, and read the rules and the past releases of the target.
    ListVersions(Target),
    /// Ask the image registry which image a tag names now.
    LookUp {
        target: Target,
        /// The tag. The answer contains it too.
        name: String,
        reference: VersionRef,
    },
    /// Find the image of a version that was live in the target before.
    FindImage {
        target: Target,
        digest: Digest,
    },
    /// Cancel the lists and look-ups of the picker, because the picker was closed.
    ForgetVersions,
    /// Read the rules and the past releases of a target.
    AskTerms(Target),
    /// Plan a release. The answer repeats the number `request_id`.
    MakePlan {
        request_id: u64,
        request: PlanRequest,
    },
    /// Start the release of an approved plan.
    Begin {
        plan: Arc<Plan>,
        approval: Approval,
    },
    /// Read a release that has not ended, to see how the release can be resumed. The answer repeats the number
    /// `request_id`.
    FindInterrupted {
        request_id: u64,
        target: Target,
        /// `None` until the operator has chosen one of several open releases.
        release: Option<ReleaseId>,
    },
    /// Continue a release that this console does not drive, back it out, or end it and keep everything as it is.
    ResumeRelease {
        target: Target,
        release: ReleaseId,
        resume_action: ResumeAction,
        /// Set if another console or command holds the lock. The lock is then taken from this holder.
        force: Option<Force>,
        approval: Approval,
    },
    /// Approve a release that another operator drives.
    PeerApprove {
        /// The note of the operator who approves. May be empty.
        note: String,
        target: Target,
        release: ReleaseId,
    },
    Hold {
        target: Target,
        reason: String,
        /// When the hold ends. `None` means that an operator has to clear it.
        until: Option<Timestamp>,
    },
    /// Clear the hold that the operator saw.
    ClearHold {
        target: Target,
        seen: SeenHold,
        why: String,
    },
    /// Plan the repair of a target's drift. The answer repeats the number `request_id`.
    PlanRepair {
        request_id: u64,
        target: Target,
    },
    /// Carry out an approved repair plan.
    Repair {
        plan: Arc<RepairPlan>,
        approval: RepairApproval,
    },
    /// Ask the driver of a release to hand it over.
    RequestHandover {
        target: Target,
        release: ReleaseId,
        /// A message for the driver.
        message: Option<String>,
    },
    /// Withdraw a request for a handover.
    WithdrawRequest {
        target: Target,
        request: HandoverRequest,
    },
    /// Tell the requester of a handover that the driver refuses.
    DeclineHandover {
        target: Target,
        request: HandoverRequest,
    },
    /// Send a command to a release that this console drives.
    Say {
        release: ReleaseId,
        command: Command,
    },
    /// Follow a log. Each feed follows one log, so the earlier log of the same feed is no longer followed.
    FollowLog(LogSource),
    LeaveLogs,
    /// Write the lines of a log to a file.
    SaveLog(SavedLog),
    /// Ask the archive of past releases. The answer repeats the number `request_id`.
    AskHistory {
        request_id: u64,
        question: HistoryQuestion,
    },
    /// Ask the archive for the releases of one target.
    AskTimeline {
        target: Target,
        question: HistoryQuestion,
    },
    /// Report new diagnostic messages, or stop reporting them.
    WatchDiagnostics(Watch),
    /// Observe this target more often, because the operator has opened it.
    LookAt(Target),
    /// Put text on the terminal's clipboard.
    Copy(String),
    /// Draw the whole screen again, because another program may have drawn on the terminal.
    Repaint,
    /// Receive clicks and wheel turns (`true`), or leave them to the terminal.
    Mouse(bool),
    /// Restore the terminal and stop the process, until the shell continues it.
    Suspend,
    /// Set up the terminal again after the process has continued, and draw everything.
    Resume,
    Leave(ExitReason),
}

/// Why the console ended. The results of releases are in their journals, and not in this value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitReason {
    Quit,
    /// The operator reloads the configuration. The caller opens the console again at the same place.
    Reload(Box<ViewState>),
    /// A signal asked the process to end. Contains the name of the signal.
    Signal(&'static str),
    /// The terminal was closed.
    TerminalLost,
    /// A task of the console or of another part of Greenroom panicked. The panic hook has reported it.
    Panicked,
}
