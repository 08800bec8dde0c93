//! The track of a release: the stages that it goes through, the current stage, the state of the steps, and the checks.
//! The machine and the replay of a journal advance the track in the same way.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::ladder::{Ladder, Property, definition, has, in_direction};
use super::{Plan, Stage, StepState, StepStatus};
use crate::checks::{CaseReport, CheckOverride, CheckOverrides, Report};
use crate::history::{Direction, Step};
use crate::inventory::TaskCall;

#[derive(Debug, Clone)]
pub(super) struct Track {
    ladder: Ladder,
    /// All stages of the current direction: the stages forward, or the stages of backing out.
    pub(super) way: Vec<Stage>,
    /// The position of the current stage in `way`. After the last stage, it is the length of `way`.
    pub(super) at: usize,
    pub(super) steps: Vec<StepStatus>,
    /// The steps that backing out undoes completely.
    undone_by_back: Vec<Step>,
    /// The steps whose intent was recorded. Backing out undoes these steps.
    pub(super) started: Vec<Step>,
    /// The commands of tasks whose intent was recorded. None of them is started again (interlock 11).
    pub(super) begun: BTreeSet<TaskCall>,
    /// The steps forward that were done.
    pub(super) passed: Vec<Step>,
    /// Why the release backs out, if it does.
    pub(super) back_reason: Option<String>,
    pub(super) switched: bool,
    pub(super) cases: Vec<CaseReport>,
    /// The checks that an operator has overridden, by name. An override also counts when the checks run again.
    pub(super) overrides: CheckOverrides,
    /// The last report of the checks; none if the checks must run again.
    pub(super) report: Option<Report>,
}

impl Track {
    /// The track of a release that has not started yet.
    pub(super) fn new(plan: &Plan) -> Self {
        let steps = plan.steps().map(|step| StepStatus {
            step,
            state: StepState::Pending,
        });
        Self {
            ladder: Ladder::of(plan),
            way: plan.steps().map(Stage::forward).collect(),
            at: 0,
            steps: steps.collect(),
            undone_by_back: plan
                .steps()
                .filter(|step| definition(*step).is_undone_by_back(plan))
                .collect(),
            started: Vec::new(),
            begun: BTreeSet::new(),
            passed: Vec::new(),
            back_reason: None,
            switched: false,
            cases: Vec::new(),
            overrides: plan.check_overrides(),
            report: None,
        }
    }

    /// The current stage; none if all stages are done.
    pub(super) fn stage(&self) -> Option<Stage> {
        self.way.get(self.at).copied()
    }

    /// Makes the first stage for which `is_wanted` is true the current stage. Does nothing if the way has no such
    /// stage.
    pub(super) fn go_to(&mut self, is_wanted: impl Fn(Stage) -> bool) {
        if let Some(index) = self.way.iter().position(|stage| is_wanted(*stage)) {
            self.at = index;
        }
    }

    pub(super) fn is_going_back(&self) -> bool {
        self.back_reason.is_some()
    }

    /// Whether the started steps can be undone. After the start of the switch, this needs a version that was live
    /// before.
    pub(super) fn can_go_back(&self, plan: &Plan) -> bool {
        plan.from.is_some() || !self.has_switch_started()
    }

    fn has_switch_started(&self) -> bool {
        let moves_traffic = |step: &Step| has(*step, Property::MovesTraffic);
        self.started.iter().any(moves_traffic)
    }

    /// Whether traffic may have moved: the switch was started, and backing out has not undone it.
    pub(super) fn may_have_switched(&self) -> bool {
        let is_undone = |status: &StepStatus| {
            has(status.step, Property::MovesTraffic) && status.state == StepState::Undone
        };
        let undone = self.is_going_back() && self.steps.iter().any(is_undone);
        self.has_switch_started() && !undone
    }

    /// Whether the standby comes next. It comes once, before the first step that follows it.
    pub(super) fn is_before_standby(&self) -> bool {
        let mut steps = self.steps.iter().map(|status| status.step);
        let first = steps.find(|step| has(*step, Property::FollowsStandby));
        self.stage()
            .is_some_and(|stage| Some(stage.step) == first && stage.has(Property::FollowsStandby))
            && first.is_some_and(|first| !self.started.contains(&first))
    }

    pub(super) fn set(&mut self, step: Step, state: StepState) {
        StepStatus::set(&mut self.steps, step, state);
    }

    /// Notes that the intent of a stage is recorded.
    pub(super) fn start(&mut self, stage: Stage) {
        if stage.direction == Direction::Forward && !self.started.contains(&stage.step) {
            self.started.push(stage.step);
        }
    }

    /// Notes that a stage succeeded, and goes to the next one.
    pub(super) fn succeed(&mut self, stage: Stage, took: Duration) {
        match stage.direction {
            Direction::Forward => {
                self.set(stage.step, StepState::Done { took });
                if !self.passed.contains(&stage.step) {
                    self.passed.push(stage.step);
                }
            }
            // That the step failed says more than that its earlier tasks were undone.
            Direction::Back if stage.step.runs_tasks() && self.has_failed(stage.step) => {}
            Direction::Back if self.undone_by_back.contains(&stage.step) => {
                self.set(stage.step, StepState::Undone);
            }
            Direction::Back => {}
        }
        self.switched = stage.switched_after().unwrap_or(self.switched);
        self.at += 1;
    }

    fn has_failed(&self, step: Step) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|it| it.step == step && matches!(it.state, StepState::Failed { .. }))
    }

    /// Notes that an operator continues without the current stage.
    pub(super) fn skip(&mut self) {
        match (self.stage(), &mut self.back_reason) {
            (Some(stage), None) => self.set(stage.step, StepState::Skipped),
            (Some(Stage { step, .. }), Some(reason)) => {
                *reason = format!("{reason}; the undo of {step} was skipped");
            }
            (None, _) => {}
        }
        self.at += 1;
    }

    /// Takes a report of the checks. Cases that were overridden before are overridden in this report, too.
    pub(super) fn checked(&mut self, report: &Report) {
        let mut report = report.clone();
        for case in report.cases.iter_mut().filter(|case| case.has_failed()) {
            match &case.overridden {
                Some(decision) => drop(self.overrides.insert(case.name.clone(), decision.clone())),
                None => case.overridden = self.overrides.get(&case.name).cloned(),
            }
        }
        self.cases.clone_from(&report.cases);
        self.report = Some(report);
    }

    /// Whether an operator may override the checks: they tested the digest of the plan, and a required one has failed.
    pub(super) fn may_override(&self, plan: &Plan) -> bool {
        let stage = self.stage();
        stage.is_some_and(|stage| stage.has(Property::RunsChecks))
            && self
                .report
                .as_ref()
                .is_some_and(|report| report.digest == plan.version.digest && !report.allows())
    }

    /// Overrides the required checks that have not passed.
    pub(super) fn override_checks(&mut self, decision: &CheckOverride) {
        let Some(report) = self.report.take() else {
            return;
        };
        let failed = report.failed().filter(|case| case.overridden.is_none());
        let decided = failed.map(|case| (case.name.clone(), decision.clone()));
        self.overrides.extend(decided);
        self.checked(&report);
    }

    /// Turns to the stages that undo the started steps.
    pub(super) fn turn_back(&mut self) {
        self.way = self.ladder.back(&self.started);
        self.at = 0;
    }

    /// Describes the current stage if the release is waiting (`is_resting`), otherwise the stage after the running one.
    /// Empty if there is no such stage.
    pub(super) fn next_words(&self, plan: &Plan, is_resting: bool) -> String {
        let next = self.at + usize::from(!is_resting);
        let Some(stage) = self.way.get(next) else {
            return String::new();
        };
        match (stage.direction, plan.step(stage.step)) {
            (Direction::Forward, Some(planned)) => {
                format!("{}: {}", stage.step, planned.calls.join("; "))
            }
            _ => in_direction(*stage),
        }
    }

    /// Describes what backing out would do now: the undo of each started step, the last step first. Steps that need no
    /// undo are left out.
    pub(super) fn undo_words(&self, plan: &Plan) -> String {
        if self.is_going_back() {
            return "the release is backing out".into();
        }
        if !self.can_go_back(plan) {
            return "no version was live before: there is nothing to go back to".into();
        }
        let mut undos: Vec<&str> = Vec::new();
        for step in self.started.iter().rev() {
            let undo = plan.step(*step).map_or("", |planned| planned.undo.as_str());
            if !undo.starts_with("nothing") && !undos.contains(&undo) {
                undos.push(undo);
            }
        }
        if undos.is_empty() {
            "nothing to undo yet".into()
        } else {
            undos.join("; ")
        }
    }
}

/// For a model checker, see `machine/compare.rs`.
impl Hash for Track {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            // These follow from the plan.
            ladder: _,
            undone_by_back: _,
            way,
            at,
            started,
            begun,
            passed,
            back_reason,
            report,
            // These fields are only shown.
            steps: _,
            cases: _,
            switched: _,
            overrides,
        } = self;
        (way, at, started, begun, passed, back_reason).hash(state);
        for name in overrides.keys() {
            name.hash(state);
        }
        let report = report.as_ref();
        report
            .map(|report| (&report.digest, &report.runs, report.at, report.allows()))
            .hash(state);
    }
}
