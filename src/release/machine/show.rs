//! Makes the status of a release for the user interfaces.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Machine, Phase};
use crate::history::Direction;
use crate::release::observation::Stage;
use crate::release::time::after;
use crate::release::{Progress, Status, StepState, StepStatus, approval};

impl Machine {
    pub fn status(&self) -> Status {
        Status {
            plan: Arc::clone(&self.plan),
            steps: self.steps_now(),
            progress: self.progress(),
            since: self.began_at.unwrap_or(self.plan.made_at),
            cases: self.track.cases.clone(),
            overrides: self.track.overrides.clone(),
            checked_at: self.track.report.as_ref().map(|report| report.at),
            pulled: self.pulled,
            draining: self.attempt.draining,
            switched: self.track.switched,
            may_have_switched: self.track.may_have_switched(),
            next: self.next_words(),
            undo: self.track.undo_words(&self.plan),
        }
    }

    fn progress(&self) -> Progress {
        match &self.phase {
            Phase::Closed(outcome) => return Progress::Closed(outcome.clone()),
            Phase::Parked { why, .. } => return Progress::Parked { why: why.clone() },
            _ => {}
        }
        if let Some(why) = self.not_written() {
            return Progress::Unrecorded {
                why: why.to_owned(),
            };
        }
        let Some(stage) = self.stage() else {
            // All stages are done, and the end is being recorded.
            return if self.track.is_going_back() {
                Progress::Back(self.plan.first_step())
            } else {
                Progress::Forward(self.plan.last_step())
            };
        };
        match &self.phase {
            Phase::Asking { since } => Progress::Asking {
                step: stage.step,
                need: approval::need_of(&self.plan, stage.step),
                since: *since,
            },
            Phase::Standby { until } => Progress::Standby { until: *until },
            Phase::Choosing { why } => Progress::Choosing {
                step: stage.step,
                direction: stage.direction,
                why: why.clone(),
                choices: self.choices(),
            },
            _ => match stage.direction {
                Direction::Forward => Progress::Forward(stage.step),
                Direction::Back => Progress::Back(stage.step),
            },
        }
    }

    /// The steps, with the step of the current stage marked as running.
    fn steps_now(&self) -> Vec<StepStatus> {
        let mut steps = self.track.steps.clone();
        let is_under_way = matches!(
            self.phase,
            Phase::Guarding
                | Phase::GuardPause
                | Phase::Intending
                | Phase::Acting
                | Phase::Observing
                | Phase::Pausing { .. }
        );
        if let Some(stage) = self.stage().filter(|_| is_under_way) {
            let state = StepState::Running {
                since: self.attempt.course.since,
                deadline: self.shown_deadline(stage),
                direction: stage.direction,
                note: self.attempt.note.clone(),
            };
            StepStatus::set(&mut steps, stage.step, state);
        }
        steps
    }

    /// The deadline that is shown for a stage: the end of its window, without the extra time for the last observation.
    fn shown_deadline(&self, stage: Stage) -> Option<Timestamp> {
        let window = stage.definition().window(&self.plan);
        window.map_or(self.attempt.tries.deadline(), |window| {
            Some(after(self.attempt.course.since, window))
        })
    }

    fn next_words(&self) -> String {
        let is_resting = matches!(
            self.phase,
            Phase::Asking { .. } | Phase::Standby { .. } | Phase::Choosing { .. }
        );
        self.track.next_words(&self.plan, is_resting)
    }
}
