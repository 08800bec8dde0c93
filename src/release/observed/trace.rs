//! Derives the progress and the steps of a release, as the user interfaces show them, from its replayed journal.

use jiff::Timestamp;

use crate::history::{Direction, Recorded};
use crate::release::observation::Stage;
use crate::release::replay::{Last, Replay};
use crate::release::time::after;
use crate::release::{Need, Plan, Progress, StepState, StepStatus, need_of};

/// The replayed journal of a release with its plan.
#[derive(Debug)]
pub(super) struct Trace<'a> {
    plan: &'a Plan,
    pub(super) replay: Replay,
}

impl<'a> Trace<'a> {
    pub(super) fn of(recorded: &Recorded, plan: &'a Plan) -> Self {
        Self {
            plan,
            replay: Replay::of(recorded, plan),
        }
    }

    /// The progress of a release that has a driver.
    pub(super) fn progress(&self, now: Timestamp) -> Progress {
        let Some(stage) = self.replay.stage() else {
            // The end of the release is being recorded.
            let last = self.plan.last_step();
            return match self.replay.direction() {
                Direction::Forward => Progress::Forward(last),
                Direction::Back => Progress::Back(self.replay.settled.unwrap_or(last)),
            };
        };
        match (&self.replay.last, stage.direction) {
            (Last::Failed(why), direction) => Progress::Choosing {
                step: stage.step,
                direction,
                why: why.clone(),
                // Only the operator who drives the release can choose.
                choices: Vec::new(),
            },
            (_, Direction::Back) => Progress::Back(stage.step),
            (Last::UnderWay, Direction::Forward) => Progress::Forward(stage.step),
            (Last::Between, Direction::Forward) => self.progress_before_start(stage, now),
        }
    }

    fn progress_before_start(&self, stage: Stage, now: Timestamp) -> Progress {
        let step = stage.step;
        let mut since = self.replay.since;
        if self.replay.track.is_before_standby() {
            // A later resumption does not make the standby longer.
            let began = self.replay.standby_began.unwrap_or(since);
            let until = self.plan.definition.timing.standby.end(began);
            match until.filter(|until| *until <= now) {
                None => return Progress::Standby { until },
                Some(over) => since = over,
            }
        }
        match need_of(self.plan, step) {
            Need::Nothing => Progress::Forward(step),
            _ if self.replay.approved == Some(step) => Progress::Forward(step),
            need => Progress::Asking { step, need, since },
        }
    }

    /// The steps. The current step is shown as waiting or running.
    pub(super) fn steps(&self, progress: &Progress) -> Vec<StepStatus> {
        let mut steps = self.replay.track.steps.clone();
        let (current, state) = match progress {
            Progress::Asking { step, since, .. } => (*step, StepState::Waiting { since: *since }),
            Progress::Forward(_) | Progress::Back(_) => {
                let Some(stage) = self.replay.stage() else {
                    return steps;
                };
                let state = StepState::Running {
                    since: self.replay.since,
                    deadline: self.window_end(stage),
                    direction: stage.direction,
                    note: String::new(),
                };
                (stage.step, state)
            }
            _ => return steps,
        };
        StepStatus::set(&mut steps, current, state);
        steps
    }

    /// The end of the stage's window, if the stage is running. The deadline of a stage without a window moves with
    /// progress, so the journal does not show it.
    fn window_end(&self, stage: Stage) -> Option<Timestamp> {
        let window = stage.definition().window(self.plan)?;
        let is_started =
            self.replay.last == Last::UnderWay && self.replay.track.started.contains(&stage.step);
        is_started.then(|| after(self.replay.since, window))
    }
}
