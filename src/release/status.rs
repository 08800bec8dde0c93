//! What the faces show of a release: the same for console, command line and agent.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Need, Plan};
use crate::checks::CaseReport;
use crate::history::{Direction, Outcome, Step};

/// How far one step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepState {
    /// Not begun.
    Pending,
    /// It waits for a person.
    Waiting {
        /// Since when.
        since: Timestamp,
    },
    /// It is being done, or undone.
    Running {
        /// Since when.
        since: Timestamp,
        /// When it has failed, unless something progresses.
        deadline: Option<Timestamp>,
        /// Which way.
        direction: Direction,
        /// What is observed at the moment.
        note: String,
    },
    /// It is true.
    Done {
        /// From intent to observation.
        took: Duration,
    },
    /// It failed.
    Failed {
        /// Why.
        why: String,
    },
    /// It was done and is undone.
    Undone,
    /// A person decided to go on without it.
    Skipped,
}

/// One step of the ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepStatus {
    /// Which.
    pub step: Step,
    /// How far.
    pub state: StepState,
}

/// What a person may do about a failed step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Choice {
    /// Do it again.
    Retry,
    /// Undo everything that was done.
    BackOut,
    /// Leave everything as it stands and end the release.
    Leave,
    /// Go on without it; only for steps that are not required.
    Skip,
}

impl Choice {
    /// The words for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::BackOut => "back out",
            Self::Leave => "leave",
            Self::Skip => "skip",
        }
    }
}

/// What the release is doing as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A step is being done.
    Forward(Step),
    /// A step waits for a person.
    Asking {
        /// Which.
        step: Step,
        /// What it asks for.
        need: Need,
        /// Since when.
        since: Timestamp,
    },
    /// The version is live; the old one is kept warm until then.
    Standby {
        /// Until when; none is until somebody ends it.
        until: Option<Timestamp>,
    },
    /// A step is being undone.
    Back(Step),
    /// A step failed and somebody has to choose.
    Choosing {
        /// Which.
        step: Step,
        /// Which way it was going.
        direction: Direction,
        /// Why it failed.
        why: String,
        /// What can be chosen.
        choices: Vec<Choice>,
    },
    /// It cannot be written down at the moment; nothing is done until it can.
    Unrecorded {
        /// Why.
        why: String,
    },
    /// The driver may not act any more: the lock is lost.
    Parked {
        /// Why.
        why: String,
    },
    /// Its driver went away before it ended, as its journal tells: nobody drives it.
    Interrupted {
        /// The step that was last seen true, or undone; none when no step was.
        after: Option<Step>,
        /// Which way it was going.
        direction: Direction,
        /// When that was.
        at: Timestamp,
    },
    /// Over.
    Closed(Outcome),
}

/// A release, for showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its plan.
    pub plan: Arc<Plan>,
    /// The ladder.
    pub steps: Vec<StepStatus>,
    /// What it is doing.
    pub progress: Progress,
    /// When it was begun.
    pub since: Timestamp,
    /// The cases of *verify*, as far as they are run.
    pub cases: Vec<CaseReport>,
    /// When the cases were all run, if they are.
    pub checked_at: Option<Timestamp>,
    /// Bytes of the pull: done and total.
    pub pulled: Option<(u64, u64)>,
    /// The connections the draining slot still has.
    pub draining: Option<u64>,
    /// Whether traffic has moved, as observed.
    pub switched: bool,
    /// Whether traffic may have moved: the switch has begun and is not undone.
    pub may_have_switched: bool,
    /// What the next step will do, in words.
    pub next: String,
    /// What backing out now would do, in words.
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

    /// Whether the new version is live, and all that remains is to stop the old one, which has not begun: a release that
    /// was left there needs no person.
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

    /// Whether nothing more will happen by this driver.
    pub fn is_over(&self) -> bool {
        matches!(
            self.progress,
            Progress::Closed(_) | Progress::Parked { .. } | Progress::Interrupted { .. }
        )
    }
}

/// Something that happened, in words: what logs and `--json` show, a line each.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Announcement {
    /// When.
    pub at: Timestamp,
    /// At which step.
    pub step: Option<Step>,
    /// Which way.
    pub direction: Direction,
    /// What kind of thing.
    pub kind: AnnouncementKind,
    /// In words.
    pub text: String,
}

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnnouncementKind {
    /// A step began.
    Began,
    /// A step is observed to be true.
    Settled,
    /// A step failed.
    Failed,
    /// A person is asked.
    Asked,
    /// A person decided.
    Decided,
    /// Something is worth knowing.
    Noted,
    /// The release is over.
    Closed,
}
