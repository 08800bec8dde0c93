//! The status of a release: the same for console, command line and agent.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Need, Plan};
use crate::checks::CaseReport;
use crate::history::{Direction, Outcome, Step};

/// The state of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepState {
    /// Not started.
    Pending,
    /// It waits for a person.
    Waiting {
        /// The start of the wait.
        since: Timestamp,
    },
    /// It is being done, or undone.
    Running {
        /// When it started.
        since: Timestamp,
        /// When it fails, unless something progresses.
        deadline: Option<Timestamp>,
        /// The direction.
        direction: Direction,
        /// The current observation.
        note: String,
    },
    /// It was observed to be true.
    Done {
        /// The time from intent to observation.
        took: Duration,
    },
    /// It failed.
    Failed {
        /// The reason.
        why: String,
    },
    /// It was done and then undone.
    Undone,
    /// A person decided to continue without it.
    Skipped,
}

/// One step of the ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepStatus {
    /// The step.
    pub step: Step,
    /// Its state.
    pub state: StepState,
}

/// The choices of a person about a failed step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Choice {
    /// Do it again.
    Retry,
    /// Undo everything that was done.
    BackOut,
    /// Leave everything as it is and end the release.
    Leave,
    /// Continue without it; only for steps that are not required.
    Skip,
}

impl Choice {
    /// The name of the choice.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::BackOut => "back out",
            Self::Leave => "leave",
            Self::Skip => "skip",
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
        /// The step.
        step: Step,
        /// What it requires.
        need: Need,
        /// The start of the wait.
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
        /// The step.
        step: Step,
        /// Its direction.
        direction: Direction,
        /// Why it failed.
        why: String,
        /// The possible choices.
        choices: Vec<Choice>,
    },
    /// It cannot be recorded at the moment. Nothing is done until it can.
    Unrecorded {
        /// The reason.
        why: String,
    },
    /// The driver may no longer act: it lost the lock or stopped.
    Parked {
        /// The reason.
        why: String,
    },
    /// Its driver disappeared before it ended, according to its journal. No operator drives it.
    Interrupted {
        /// The step that was last observed to be true, or undone; none if no step was.
        after: Option<Step>,
        /// Its direction.
        direction: Direction,
        /// The time of its last entry.
        at: Timestamp,
    },
    /// The release has ended.
    Closed(Outcome),
}

/// The status of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its plan.
    pub plan: Arc<Plan>,
    /// The ladder.
    pub steps: Vec<StepStatus>,
    /// What it is doing.
    pub progress: Progress,
    /// When it was started.
    pub since: Timestamp,
    /// The cases of *verify* that have run.
    pub cases: Vec<CaseReport>,
    /// When the cases had all run, if they have.
    pub checked_at: Option<Timestamp>,
    /// The pulled bytes and the total.
    pub pulled: Option<(u64, u64)>,
    /// The connections that the draining slot still has.
    pub draining: Option<u64>,
    /// Whether traffic has moved, as observed.
    pub switched: bool,
    /// Whether traffic may have moved: the switch was started and is not undone.
    pub may_have_switched: bool,
    /// The text of what the next step will do.
    pub next: String,
    /// The text of what backing out now would do.
    pub undo: String,
}

impl Status {
    /// How it ended, if it did.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.progress {
            Progress::Closed(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Whether the new version is live, and only the old one is still to be stopped, which has not started. A release
    /// that was left in this state needs no person.
    pub fn is_live_with_standby(&self) -> bool {
        let is_rest = |step_status: &StepStatus| match step_status.step {
            Step::Stop => matches!(
                step_status.state,
                StepState::Pending | StepState::Waiting { .. }
            ),
            _ => matches!(
                step_status.state,
                StepState::Done { .. } | StepState::Skipped
            ),
        };
        let stops = self
            .steps
            .iter()
            .any(|step_status| step_status.step == Step::Stop);
        self.switched && stops && self.steps.iter().all(is_rest)
    }

    /// Whether this driver will do nothing more.
    pub fn is_over(&self) -> bool {
        matches!(
            self.progress,
            Progress::Closed(_) | Progress::Parked { .. } | Progress::Interrupted { .. }
        )
    }
}

/// An event as text: one line in logs and in `--json`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Announcement {
    /// The time.
    pub at: Timestamp,
    /// The step that it belongs to, if any.
    pub step: Option<Step>,
    /// The direction.
    pub direction: Direction,
    /// The kind of event.
    pub kind: AnnouncementKind,
    /// The text.
    pub text: String,
}

/// The kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnnouncementKind {
    /// A step started.
    Began,
    /// A step was observed to be true.
    Settled,
    /// A step failed.
    Failed,
    /// A person is asked.
    Asked,
    /// A person decided something.
    Decided,
    /// Something worth knowing.
    Noted,
    /// The release has ended.
    Closed,
}
