//! The status of a release, which every user interface shows.

use std::sync::Arc;

use jiff::Timestamp;

use super::ladder::{Property, has};
use super::{Approvable, Need, Plan, StepState};
use crate::checks::{CaseReport, CheckOverrides};
use crate::history::{Direction, Outcome, Step};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepStatus {
    pub step: Step,
    pub state: StepState,
}

impl StepStatus {
    /// Sets the state of a step. Does nothing if the plan lacks the step.
    pub(super) fn set(steps: &mut [Self], step: Step, state: StepState) {
        if let Some(status) = steps.iter_mut().find(|status| status.step == step) {
            status.state = state;
        }
    }
}

/// What a person can choose about a failed step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Choice {
    /// Try the step again.
    Retry,
    /// Undo everything that was done.
    BackOut,
    /// Leave everything as it is and end the release.
    Leave,
    /// Continue without the step. Only *watch*, *drain* and the undo of tasks can be skipped.
    Skip,
    /// Continue although required checks have not passed. The note says why.
    Override,
}

impl Choice {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::BackOut => "back out",
            Self::Leave => "leave",
            Self::Skip => "skip",
            Self::Override => "override",
        }
    }
}

/// What the release as a whole is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A step is being done.
    Forward(Step),
    /// A step is waiting for a person.
    Asking {
        step: Step,
        need: Need,
        since: Timestamp,
    },
    /// The new version is live, and the old one is kept warm.
    Standby {
        /// The end of the standby; none if it lasts until an operator ends it.
        until: Option<Timestamp>,
    },
    /// A step is being undone.
    Back(Step),
    /// A step failed and a person must choose.
    Choosing {
        step: Step,
        direction: Direction,
        why: String,
        choices: Vec<Choice>,
    },
    /// The last try to write a record failed. The driver does nothing else until the record is written.
    Unrecorded {
        why: String,
    },
    /// The driver has stopped before the end of the release: it lost the lock, could not record, or could not back out
    /// as the operator wanted, or its operator stopped it or handed the release over.
    Parked {
        why: String,
    },
    /// The release has not ended and has no driver, according to its journal and the lock.
    Interrupted {
        /// The step that was last done, or that was last undone while backing out. None if there is none in this
        /// direction yet.
        after: Option<Step>,
        direction: Direction,
        /// When the last entry was written.
        at: Timestamp,
    },
    Closed(Outcome),
}

impl Progress {
    /// Whether the new version is live, and the release only keeps the old version warm or waits for the approval to
    /// stop the old version. Another release can then supersede this release.
    pub fn is_standby(&self) -> bool {
        match self {
            Self::Standby { .. } => true,
            Self::Asking { step, .. } => has(*step, Property::FollowsStandby),
            _ => false,
        }
    }

    /// Whether the release waits for the approval of a step before which other operators may have to approve.
    pub fn may_need_approvers(&self) -> bool {
        match self {
            Self::Asking { step, .. } => has(*step, Property::NeedsApprovers),
            _ => false,
        }
    }

    /// Whether the release waits for the approval of a step before which an operator may have the checks run again. At
    /// these steps the candidate was checked and has no traffic yet.
    pub fn may_check_again(&self) -> bool {
        match self {
            Self::Asking { step, .. } => has(*step, Property::MayCheckAgain),
            _ => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub plan: Arc<Plan>,
    pub steps: Vec<StepStatus>,
    pub progress: Progress,
    /// When the release was started. For a release of another driver: when that driver took the lock.
    pub since: Timestamp,
    /// The results of the checks of *verify* so far.
    pub cases: Vec<CaseReport>,
    /// The required checks that operators have overridden. They remain while the checks run again.
    pub overrides: CheckOverrides,
    /// When the checks of *verify* ended; none if the checks have not ended.
    pub checked_at: Option<Timestamp>,
    /// The number of bytes that were pulled, and the total number.
    pub pulled: Option<(u64, u64)>,
    /// The connections that the draining slot still has.
    pub draining: Option<u64>,
    /// Whether it was observed that the traffic has moved to the new version.
    pub switched: bool,
    /// Whether traffic may have moved: the switch was started and is not undone.
    pub may_have_switched: bool,
    /// Describes what the next step will do.
    pub next: String,
    /// Describes what backing out would do now.
    pub undo: String,
}

impl Status {
    /// What other operators approve.
    pub fn approvable(&self) -> Approvable<'_> {
        Approvable {
            plan: &self.plan,
            overrides: &self.overrides,
        }
    }

    /// The outcome, if the release has ended.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.progress {
            Progress::Closed(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Whether only *stop* is left, and has not started: the new version is live, and the old version is still running.
    /// A driver may stop in this state without a problem.
    pub fn is_live_with_standby(&self) -> bool {
        let follows_standby = |status: &StepStatus| has(status.step, Property::FollowsStandby);
        let is_as_expected = |status: &StepStatus| match status.state {
            StepState::Pending | StepState::Waiting { .. } => {
                follows_standby(status) || has(status.step, Property::FollowsStop)
            }
            StepState::Done { .. } | StepState::Skipped => !follows_standby(status),
            _ => false,
        };
        self.switched
            && self.steps.iter().any(follows_standby)
            && self.steps.iter().all(is_as_expected)
    }

    /// Whether the version that the route names may be stopped, because only one may run.
    pub fn may_have_stopped_live(&self) -> bool {
        let state = |step| {
            let mut steps = self.steps.iter();
            steps
                .find(|status| status.step == step)
                .map(|status| &status.state)
        };
        let Some(stopped) = state(Step::StopOld) else {
            return false;
        };
        // On the way back the new version is removed first, and the route is changed last.
        let is_back = match &self.progress {
            Progress::Back(_) => true,
            Progress::Choosing { direction, .. } | Progress::Interrupted { direction, .. } => {
                *direction == Direction::Back
            }
            _ => state(Step::Start) == Some(&StepState::Undone),
        };
        let is_begun = !matches!(
            stopped,
            StepState::Pending | StepState::Waiting { .. } | StepState::Undone
        );
        if is_back {
            is_begun || self.switched
        } else {
            is_begun && !self.switched
        }
    }

    /// Whether the release has ended or no longer has a driver.
    pub fn is_over(&self) -> bool {
        matches!(
            self.progress,
            Progress::Closed(_) | Progress::Parked { .. } | Progress::Interrupted { .. }
        )
    }
}

/// An event of a release as text. It is one line in logs and in the output of `--json`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Announcement {
    pub at: Timestamp,
    /// The step to which the event belongs, if any.
    pub step: Option<Step>,
    pub direction: Direction,
    pub kind: AnnouncementKind,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnnouncementKind {
    Began,
    /// A step is done: its result was observed.
    Settled,
    Failed,
    /// A person must approve or choose.
    Asked,
    /// An operator or a rule decided something.
    Decided,
    /// An operator should know something.
    Noted,
    Closed,
}
