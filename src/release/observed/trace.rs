//! Goes through a journal as the machine went through the release.

use jiff::Timestamp;

use crate::checks::CaseReport;
use crate::history::{Direction, Entry, Happening, Step};
use crate::release::act::Stage;
use crate::release::time::after;
use crate::release::words::CHECK_AGAIN;
use crate::release::{Limit, Need, Plan, Progress, StepState, StepStatus, need_of, way};

/// What the last entry leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Last {
    /// Nothing is under way, as far as is written: the stage asks, is guarded, or begins at once.
    Between,
    /// The stage is being done.
    UnderWay,
    /// The stage failed, and nobody has said yet what to do.
    Failed(String),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Trace<'a> {
    plan: &'a Plan,
    way: Vec<Stage>,
    at: usize,
    rungs: Vec<StepStatus>,
    begun: Vec<Step>,
    last: Last,
    /// The step whose yes was given and not used up.
    approved: Option<Step>,
    back: bool,
    /// When the last entry was written.
    pub(super) since: Timestamp,
    /// The step that was last seen true, or undone.
    pub(super) settled: Option<Step>,
    pub(super) switched: bool,
    pub(super) cases: Vec<CaseReport>,
    pub(super) checked_at: Option<Timestamp>,
}

impl<'a> Trace<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            way: way::forward(plan),
            at: 0,
            rungs: plan
                .steps()
                .map(|step| StepStatus {
                    step,
                    state: StepState::Pending,
                })
                .collect(),
            begun: Vec::new(),
            last: Last::Between,
            approved: None,
            back: false,
            since: plan.made_at,
            settled: None,
            switched: false,
            cases: Vec::new(),
            checked_at: None,
        }
    }

    pub(super) fn take(&mut self, entry: &Entry) {
        self.since = entry.at;
        match &entry.what {
            Happening::Intent { step, direction } => {
                self.go_to(*step, *direction);
                self.last = Last::UnderWay;
                if *direction == Direction::Forward && !self.begun.contains(step) {
                    self.begun.push(*step);
                }
                if *step == Step::Verify {
                    self.cases.clear();
                    self.checked_at = None;
                }
            }
            Happening::Outcome {
                step,
                direction,
                failure,
                took,
            } => {
                self.go_to(*step, *direction);
                if let Some(why) = failure {
                    self.set(*step, StepState::Failed { why: why.clone() });
                    self.last = Last::Failed(why.clone());
                    return;
                }
                let stage = Stage {
                    step: *step,
                    direction: *direction,
                };
                self.settle(stage, *took);
            }
            Happening::Checked { report } => {
                self.cases.clone_from(&report.cases);
                self.checked_at = Some(report.at);
            }
            Happening::Approved { step, .. } => {
                self.approved = Some(*step);
                self.last = Last::UnderWay;
            }
            Happening::BackOutAsked { .. } => self.turn_back(),
            Happening::Chosen { step, choice, .. } => self.chosen(*step, choice),
        }
    }

    fn settle(&mut self, stage: Stage, took: std::time::Duration) {
        let rung = match stage.direction {
            Direction::Forward => StepState::Done { took },
            Direction::Back => StepState::Undone,
        };
        // Draining the candidate on the way back does not undo the drain of the old slot.
        if (stage.direction, stage.step) != (Direction::Back, Step::Drain) {
            self.set(stage.step, rung);
        }
        if stage.step == Step::Switch {
            self.switched = stage.direction == Direction::Forward;
        }
        self.settled = Some(stage.step);
        self.approved = None;
        self.at += 1;
        self.last = Last::Between;
    }

    fn chosen(&mut self, step: Step, choice: &str) {
        match choice {
            "retry" => {
                self.set(step, StepState::Pending);
                self.last = Last::Between;
            }
            "skip" => {
                self.set(step, StepState::Skipped);
                self.at += 1;
                self.last = Last::Between;
            }
            "back out" => self.turn_back(),
            CHECK_AGAIN => {
                self.go_to(Step::Verify, Direction::Forward);
                self.last = Last::Between;
            }
            // *leave*, or a word of a newer Greenroom: its end is written next.
            _ => {}
        }
    }

    fn turn_back(&mut self) {
        self.back = true;
        self.way = way::back(&self.begun);
        self.at = 0;
        self.settled = None;
        self.approved = None;
        self.last = Last::Between;
    }

    /// The way goes back to *verify* when passed checks got too old.
    fn go_to(&mut self, step: Step, direction: Direction) {
        let stage = Stage { step, direction };
        if let Some(index) = self.way.iter().position(|known| *known == stage) {
            self.at = index;
        }
    }

    fn set(&mut self, step: Step, state: StepState) {
        if let Some(rung) = self.rungs.iter_mut().find(|rung| rung.step == step) {
            rung.state = state;
        }
    }

    pub(super) fn direction(&self) -> Direction {
        if self.back {
            Direction::Back
        } else {
            Direction::Forward
        }
    }

    /// What a release that is driven does now.
    pub(super) fn progress(&self, now: Timestamp) -> Progress {
        let Some(stage) = self.way.get(self.at).copied() else {
            // Its end is being written.
            let last = self.plan.steps().last().unwrap_or(Step::Stop);
            return match self.direction() {
                Direction::Forward => Progress::Forward(last),
                Direction::Back => Progress::Back(self.settled.unwrap_or(last)),
            };
        };
        match (&self.last, stage.direction) {
            (Last::Failed(why), direction) => Progress::Choosing {
                step: stage.step,
                direction,
                why: why.clone(),
                // It is its driver who is asked.
                choices: Vec::new(),
            },
            (_, Direction::Back) => Progress::Back(stage.step),
            (Last::UnderWay, Direction::Forward) => Progress::Forward(stage.step),
            (Last::Between, Direction::Forward) => self.about_to(stage.step, now),
        }
    }

    fn about_to(&self, step: Step, now: Timestamp) -> Progress {
        let mut since = self.since;
        if step == Step::Stop {
            let until = match self.plan.definition.timing.standby {
                Limit::After(time) => Some(after(self.since, time)),
                Limit::Never => None,
            };
            match until.filter(|until| *until <= now) {
                None => return Progress::Standby { until },
                Some(over) => since = over,
            }
        }
        match need_of(self.plan, step) {
            Need::Nothing => Progress::Forward(step),
            _ if self.approved == Some(step) => Progress::Forward(step),
            need => Progress::Asking { step, need, since },
        }
    }

    /// The ladder, with the rung that the release is on.
    pub(super) fn rungs(&self, progress: &Progress) -> Vec<StepStatus> {
        let mut rungs = self.rungs.clone();
        let (here, state) = match progress {
            Progress::Asking { step, since, .. } => (*step, StepState::Waiting { since: *since }),
            Progress::Forward(step) | Progress::Back(step) if self.way.get(self.at).is_some() => {
                let state = StepState::Running {
                    since: self.since,
                    deadline: self.window_end(*step),
                    direction: self.direction(),
                    note: String::new(),
                };
                (*step, state)
            }
            _ => return rungs,
        };
        if let Some(rung) = rungs.iter_mut().find(|rung| rung.step == here) {
            rung.state = state;
        }
        rungs
    }

    /// Only a window has an end that can be told from outside: any other deadline moves on progress.
    fn window_end(&self, step: Step) -> Option<Timestamp> {
        let timing = &self.plan.definition.timing;
        let is_begun = self.last == Last::UnderWay && self.begun.contains(&step);
        match step {
            Step::Watch if is_begun => Some(after(self.since, timing.watch)),
            Step::Drain if is_begun => Some(after(self.since, timing.drain)),
            _ => None,
        }
    }

    pub(super) fn may_have_switched(&self) -> bool {
        let undone = self.back
            && self
                .rungs
                .iter()
                .any(|rung| rung.step == Step::Switch && rung.state == StepState::Undone);
        self.begun.contains(&Step::Switch) && !undone
    }

    /// What comes next, in words: of a release that rests the stage it rests before, else the one
    /// after the stage under way.
    pub(super) fn next(&self, is_resting: bool) -> String {
        let next = if is_resting { self.at } else { self.at + 1 };
        way::next_words(self.plan, self.way.get(next))
    }

    /// What backing out now would do, in words.
    pub(super) fn undo(&self) -> String {
        if self.back {
            "it is backing out".into()
        } else {
            way::undo_words(self.plan, &self.begun)
        }
    }
}
