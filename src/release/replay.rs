//! Replays the journal of a release. The result is the state of the release after its last entry. Another driver
//! resumes from this state, and the user interfaces show it.

use std::time::Duration;

use jiff::Timestamp;

use super::act::Stage;
use super::describe::CHECK_AGAIN;
use super::ladder::{self, Ladder};
use super::{Plan, StepState, StepStatus};
use crate::checks::{CaseReport, Report};
use crate::history::{Direction, Entry, JournalEvent, Recorded, Step};

/// The state of the current stage after the last entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Last {
    /// No act of the stage is running: the stage was not started, or another driver has resumed the release since then.
    Between,
    /// The stage was approved or started, and has no outcome yet.
    UnderWay,
    /// The stage failed, and no operator has chosen what to do. The text is the reason.
    Failed(String),
}

/// The state of a release after its last entry.
#[derive(Debug)]
pub(super) struct Replay {
    ladder: Ladder,
    pub(super) way: Vec<Stage>,
    pub(super) at: usize,
    pub(super) steps: Vec<StepStatus>,
    /// The steps whose intent was recorded.
    pub(super) started: Vec<Step>,
    pub(super) last: Last,
    /// The step that was approved but not started.
    pub(super) approved: Option<Step>,
    /// Why the release backs out, if it does.
    pub(super) back_reason: Option<String>,
    /// When the last entry was written.
    pub(super) since: Timestamp,
    /// When the last entry about a step was written. Entries about a handover, a resumption or a stop of the driver do
    /// not count.
    pub(super) moved_at: Timestamp,
    /// When the standby of the old version started.
    pub(super) standby_began: Option<Timestamp>,
    /// The step that was last done or undone.
    pub(super) settled: Option<Step>,
    pub(super) switched: bool,
    pub(super) cases: Vec<CaseReport>,
    /// The last report of the checks; none if the checks must run again.
    pub(super) report: Option<Report>,
    /// The number of the last entry.
    pub(super) sequence: u32,
}

impl Replay {
    pub(super) fn of(recorded: &Recorded, plan: &Plan) -> Self {
        let mut replay = Self::new(plan);
        for entry in &recorded.entries {
            replay.take(entry);
        }
        replay
    }

    fn new(plan: &Plan) -> Self {
        Self {
            ladder: Ladder::of(plan),
            way: ladder::forward(plan),
            at: 0,
            steps: plan
                .steps()
                .map(|step| StepStatus {
                    step,
                    state: StepState::Pending,
                })
                .collect(),
            started: Vec::new(),
            last: Last::Between,
            approved: None,
            back_reason: None,
            since: plan.made_at,
            moved_at: plan.made_at,
            standby_began: None,
            settled: None,
            switched: false,
            cases: Vec::new(),
            report: None,
            sequence: 0,
        }
    }

    fn take(&mut self, entry: &Entry) {
        self.since = entry.at;
        self.sequence = entry.sequence;
        if !matches!(
            entry.event,
            JournalEvent::LetGo { .. } | JournalEvent::Resumed { .. } | JournalEvent::Unknown
        ) {
            self.moved_at = entry.at;
        }
        match &entry.event {
            JournalEvent::Intent {
                step, direction, ..
            } => {
                let stage = Stage {
                    step: *step,
                    direction: *direction,
                };
                self.go_to(|known| known == stage);
                self.last = Last::UnderWay;
                self.approved = None;
                if *direction == Direction::Forward && !self.started.contains(step) {
                    self.started.push(*step);
                }
                if ladder::definition(*step).runs_checks() {
                    self.forget_checks();
                }
            }
            JournalEvent::Outcome {
                step,
                direction,
                failure,
                took,
            } => {
                let stage = Stage {
                    step: *step,
                    direction: *direction,
                };
                self.go_to(|known| known == stage);
                if let Some(why) = failure {
                    self.set(*step, StepState::Failed { why: why.clone() });
                    self.last = Last::Failed(why.clone());
                    return;
                }
                self.settle(stage, *took);
            }
            JournalEvent::Checked { report } => {
                self.cases.clone_from(&report.cases);
                self.report = Some(report.clone());
            }
            JournalEvent::Approved { step, .. } => {
                self.approved = Some(*step);
                self.last = Last::UnderWay;
            }
            JournalEvent::BackOutAsked { reason, .. } => self.turn_back(reason.clone()),
            JournalEvent::Chosen { step, choice, .. } => self.chosen(*step, choice),
            JournalEvent::Resumed { .. } => {
                self.approved = None;
                if self.last == Last::UnderWay {
                    self.last = Last::Between;
                }
            }
            JournalEvent::LetGo { .. } | JournalEvent::Unknown => {}
        }
    }

    fn settle(&mut self, stage: Stage, took: Duration) {
        if let Some(state) = stage.state_after(took) {
            self.set(stage.step, state);
        }
        self.switched = stage.switched_after().unwrap_or(self.switched);
        self.settled = Some(stage.step);
        self.approved = None;
        self.advance();
    }

    fn advance(&mut self) {
        self.at += 1;
        self.last = Last::Between;
        if self.stage().is_some_and(Stage::follows_standby) {
            self.standby_began = Some(self.since);
        }
    }

    fn chosen(&mut self, step: Step, choice: &str) {
        match choice {
            "retry" => {
                self.set(step, StepState::Pending);
                self.last = Last::Between;
            }
            "skip" => {
                self.set(step, StepState::Skipped);
                self.advance();
            }
            "back out" => {
                let reason = match &self.last {
                    Last::Failed(why) => format!("{step} failed: {why}"),
                    _ => format!("{step} failed"),
                };
                self.turn_back(reason);
            }
            CHECK_AGAIN => {
                // The waiting step may have been done before an earlier return to *verify*. That step must be done
                // again.
                self.set(step, StepState::Pending);
                self.go_to(Stage::runs_checks);
                self.last = Last::Between;
                self.report = None;
            }
            // After *leave*, the record of the release gets its end. A choice that this version does not know changes
            // nothing.
            _ => {}
        }
    }

    fn turn_back(&mut self, reason: String) {
        self.back_reason = Some(reason);
        self.way = self.ladder.back(&self.started);
        self.at = 0;
        self.settled = None;
        self.approved = None;
        self.last = Last::Between;
    }

    fn forget_checks(&mut self) {
        self.cases.clear();
        self.report = None;
    }

    /// Makes this stage the current one. It may be an earlier stage: a release returns to *verify* if its passed checks
    /// became too old. Does nothing if the current way (the list of stages) lacks the stage.
    fn go_to(&mut self, is_it: impl Fn(Stage) -> bool) {
        if let Some(index) = self.way.iter().position(|stage| is_it(*stage)) {
            self.at = index;
        }
    }

    fn set(&mut self, step: Step, state: StepState) {
        if let Some(step_status) = self
            .steps
            .iter_mut()
            .find(|step_status| step_status.step == step)
        {
            step_status.state = state;
        }
    }

    /// The current stage; none if all stages are done.
    pub(super) fn stage(&self) -> Option<Stage> {
        self.way.get(self.at).copied()
    }

    pub(super) fn direction(&self) -> Direction {
        if self.back_reason.is_some() {
            Direction::Back
        } else {
            Direction::Forward
        }
    }

    pub(super) fn may_have_switched(&self) -> bool {
        ladder::may_have_switched(&self.started, &self.steps, self.back_reason.is_some())
    }
}
