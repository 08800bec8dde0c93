//! Makes the status of a release for the user interfaces.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Machine, Phase};
use crate::history::Direction;
use crate::release::act::Stage;
use crate::release::ladder::{self, Ladder};
use crate::release::time::after;
use crate::release::{Progress, Status, StepState, StepStatus, approval};

impl Machine {
    pub fn status(&self) -> Status {
        Status {
            plan: Arc::clone(&self.plan),
            steps: self.steps_now(),
            progress: self.progress(),
            since: self.began_at.unwrap_or(self.plan.made_at),
            cases: self.cases.clone(),
            checked_at: self.report.as_ref().map(|report| report.at),
            pulled: self.pulled,
            draining: self.draining,
            switched: self.switched,
            may_have_switched: ladder::may_have_switched(
                &self.started,
                &self.steps,
                self.is_going_back(),
            ),
            next: self.next_words(),
            undo: self.undo_words(),
        }
    }

    fn progress(&self) -> Progress {
        match &self.phase {
            Phase::Closed(outcome) => return Progress::Closed(outcome.clone()),
            Phase::Parked { why } => return Progress::Parked { why: why.clone() },
            _ => {}
        }
        if let Some((_, _, why)) = self
            .unrecorded
            .as_ref()
            .filter(|(_, _, why)| !why.is_empty())
        {
            return Progress::Unrecorded { why: why.clone() };
        }
        let Some(stage) = self.stage() else {
            // All stages are done, and the end is being recorded. This is shown as the last step, also after backing
            // out.
            return Progress::Forward(Ladder::of(&self.plan).last());
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
        let mut steps = self.steps.clone();
        let is_under_way = matches!(
            self.phase,
            Phase::Guarding
                | Phase::GuardPause
                | Phase::Intending
                | Phase::Acting
                | Phase::Observing
                | Phase::Pausing { .. }
        );
        if let Some(stage) = self.stage().filter(|_| is_under_way)
            && let Some(step_status) = steps
                .iter_mut()
                .find(|step_status| step_status.step == stage.step)
        {
            step_status.state = StepState::Running {
                since: self.course.since,
                deadline: self.shown_deadline(stage),
                direction: stage.direction,
                note: self.note.clone(),
            };
        }
        steps
    }

    /// The deadline that is shown for a stage: the end of its window, without the extra time for the last observation.
    fn shown_deadline(&self, stage: Stage) -> Option<Timestamp> {
        let window = stage.definition().window(&self.plan.definition.timing);
        window.map_or(self.deadline, |window| {
            Some(after(self.course.since, window))
        })
    }

    fn next_words(&self) -> String {
        let next = match self.phase {
            Phase::Asking { .. } | Phase::Standby { .. } | Phase::Choosing { .. } => self.at,
            _ => self.at + 1,
        };
        ladder::next_words(&self.plan, self.way.get(next))
    }

    fn undo_words(&self) -> String {
        if self.is_going_back() {
            return "the release is backing out".into();
        }
        ladder::undo_words(&self.plan, &self.started)
    }
}
