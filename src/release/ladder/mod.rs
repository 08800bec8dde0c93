//! The steps of a release, one file each, and the ladders that put them in order.
//!
//! A [`StepDefinition`] says everything about one step: whether a plan needs it, its calls in words, its guard, its
//! judge, its times, its approval, and how it is undone. The planner, the machine, the approvals and the replay of a
//! journal ask the definition. To add a step, add a file, name its definition in [`definition`], and put the step into
//! the ladders that use it.

mod candidate;
mod conditions;
mod describe;
mod drain;
mod first;
#[cfg(test)]
mod guard_tests;
mod install;
mod public;
mod pull;
mod register;
mod start;
mod stop;
mod switch;
mod verdict;
mod verify;
mod watch;

use std::time::Duration;

use jiff::Timestamp;

use super::act::{Ask, Course, Stage};
use super::planner::{Draft, ProxyWords};
use super::{Need, Plan, StepState, StepStatus, Timing};
use crate::history::{Direction, Step};
use crate::inventory::Tier;
pub(super) use describe::{in_direction, next_words, undo_words};
pub(super) use verdict::{Evidence, Judgement, Situation, Verdict};

/// How long a guard waits until the state is as the act needs it.
const GUARD_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the result of an act may take to be observed, for acts that take effect immediately.
const READ_BACK: Duration = Duration::from_secs(15);
/// The pause between two observations, for acts that take effect immediately.
const PAUSE: Duration = Duration::from_millis(50);

/// What a stage is: a step in one direction.
pub(super) trait StageDefinition: Sync {
    /// What the guard observes before the act.
    fn ask_before(&self, _plan: &Plan) -> Ask {
        Ask::default()
    }

    /// Decides whether the act may be performed. The guards enforce the interlocks 1, 2, 3 and 5.
    fn guard(&self, _situation: &Situation<'_>) -> Verdict {
        Verdict::Nothing
    }

    /// What the release keeps from the guard's observation.
    fn evidence(&self, _situation: &Situation<'_>) -> Evidence {
        Evidence::default()
    }

    /// How long the guard may wait. The guard then fails the stage.
    fn guard_time_limit(&self, _timing: &Timing) -> Duration {
        GUARD_TIMEOUT
    }

    /// What to observe to judge the stage, which started at `since`.
    fn ask_after(&self, _plan: &Plan, _since: Timestamp) -> Ask {
        Ask::default()
    }

    /// Judges whether the wanted state was reached. Only the observation counts, never the return value of the act.
    /// Updates the course, e.g. since when the candidate has been healthy.
    fn judge(&self, _situation: &Situation<'_>, _course: &mut Course) -> Judgement {
        Judgement::reached()
    }

    /// The configured time after which the stage ends by itself, if it has one. Its end is shown as the deadline.
    fn window(&self, _timing: &Timing) -> Option<Duration> {
        None
    }

    /// How long the stage may take without progress. A stage with a window gets extra time for its last observation.
    fn time_limit(&self, timing: &Timing) -> Duration {
        self.window(timing).unwrap_or_default() + READ_BACK
    }

    /// The time until the next observation.
    fn pause(&self, _plan: &Plan, _course: &Course, _now: Timestamp) -> Duration {
        PAUSE
    }
}

/// What a step is. The [`StageDefinition`] of the same value is the step forward.
pub(super) trait StepDefinition: StageDefinition {
    /// Whether the plan of this draft contains the step.
    fn is_needed(&self, _draft: &Draft) -> bool {
        true
    }

    /// Describes each call, one per line, so that an operator can check a plan before starting it.
    fn calls(&self, draft: &Draft, proxy: &ProxyWords) -> Vec<String>;

    /// Describes how the step is undone. The description starts with `nothing` if there is nothing to undo.
    fn undo_words(&self, plan: &Plan) -> String;

    /// The stage of this step while the release backs out.
    fn undo(&self) -> &'static dyn StageDefinition {
        &NothingToUndo
    }

    /// What the stage back does, for a step whose stage back does not undo the step.
    fn instead_of_undo(&self) -> Option<&'static str> {
        None
    }

    /// What the step requires from a person in a protected environment.
    fn need_if_protected(&self) -> Need {
        Need::Nothing
    }

    fn need_in(&self, tier: Tier) -> Need {
        if tier.is_protected() {
            self.need_if_protected()
        } else {
            Need::Nothing
        }
    }

    /// What the step requires from a person, in addition to the confirmation that starts the plan.
    fn need(&self, plan: &Plan) -> Need {
        self.need_in(plan.tier())
    }

    /// How many other operators must approve the plan before the step.
    fn approvers(&self, _plan: &Plan) -> usize {
        0
    }

    /// What a failure of the step leads to. `bad_in_a_row` is the number of bad observations of the failed try.
    fn failure(&self, _bad_in_a_row: u32) -> Failure {
        Failure::AsConfigured
    }

    /// Whether an operator may continue without the step after it failed.
    fn may_be_skipped(&self) -> bool {
        false
    }

    /// Whether an operator may have the checks run again while the step waits for an approval.
    fn may_check_again(&self) -> bool {
        false
    }

    /// Whether the step creates the candidate.
    fn creates_candidate(&self) -> bool {
        false
    }

    /// Whether the step runs the checks.
    fn runs_checks(&self) -> bool {
        false
    }

    /// Whether the step moves the traffic.
    fn moves_traffic(&self) -> bool {
        false
    }

    /// Whether the step only clears the old slot, after the new version was watched.
    fn clears_old_slot(&self) -> bool {
        false
    }

    /// Whether the standby of the old version comes before the step.
    fn follows_standby(&self) -> bool {
        false
    }
}

/// What a failed step leads to, before an operator has chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The release does what [`super::OnFailure`] says.
    AsConfigured,
    /// The release backs out without asking, if it can.
    BackOut,
    /// The release never backs out by itself.
    StaysLive,
}

struct NothingToUndo;

impl StageDefinition for NothingToUndo {}

pub(super) fn definition(step: Step) -> &'static dyn StepDefinition {
    match step {
        Step::Pull => &pull::Pull,
        Step::Install => &install::Install,
        Step::Start => &start::Start,
        Step::Verify => &verify::Verify,
        Step::Register => &register::Register,
        Step::Switch => &switch::Switch,
        Step::Watch => &watch::Watch,
        Step::Drain => &drain::Drain,
        Step::Stop => &stop::Stop,
    }
}

/// The order of the steps of a release, and the order in which they are undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ladder {
    /// Two slots: the new version starts in the slot without traffic, then the traffic moves.
    Slots,
}

impl Ladder {
    pub(super) fn of(_plan: &Plan) -> Self {
        Self::Slots
    }

    /// The steps in the order of execution. A plan contains those that it needs.
    pub(super) fn steps(self) -> &'static [Step] {
        match self {
            Self::Slots => &Step::ALL,
        }
    }

    /// The step that is shown while the end of a release is recorded.
    pub(super) fn last(self) -> Step {
        match self {
            Self::Slots => Step::Stop,
        }
    }

    /// The stages of backing out, each with the step that must have been started: first the old version is started
    /// again if it was stopped, then the traffic moves back, then the candidate's connections end, then the candidate
    /// is deregistered and removed.
    fn undone_by(self) -> &'static [(Step, Step)] {
        match self {
            Self::Slots => &[
                (Step::Stop, Step::Stop),
                (Step::Switch, Step::Switch),
                (Step::Drain, Step::Switch),
                (Step::Register, Step::Register),
                (Step::Start, Step::Start),
            ],
        }
    }

    /// The stages that undo the started steps of a plan.
    pub(super) fn back(self, started: &[Step]) -> Vec<Stage> {
        self.undone_by()
            .iter()
            .filter(|(_, undone)| started.contains(undone))
            .map(|(step, _)| Stage::back(*step))
            .collect()
    }
}

/// The stages of a plan, towards the new version.
pub(super) fn forward(plan: &Plan) -> Vec<Stage> {
    plan.steps().map(Stage::forward).collect()
}

/// Whether the started steps can be undone. After the start of the switch, this needs a version that was live before.
pub(super) fn can_go_back(plan: &Plan, started: &[Step]) -> bool {
    plan.from.is_some() || !is_switch_started(started)
}

fn is_switch_started(started: &[Step]) -> bool {
    started.iter().any(|step| definition(*step).moves_traffic())
}

/// Whether traffic may have moved: the switch was started, and the switch is not undone by backing out.
pub(super) fn may_have_switched(started: &[Step], steps: &[StepStatus], is_back: bool) -> bool {
    let is_undone = |status: &StepStatus| {
        definition(status.step).moves_traffic() && status.state == StepState::Undone
    };
    is_switch_started(started) && !(is_back && steps.iter().any(is_undone))
}

impl Stage {
    pub(super) const fn forward(step: Step) -> Self {
        let direction = Direction::Forward;
        Self { step, direction }
    }

    pub(super) const fn back(step: Step) -> Self {
        let direction = Direction::Back;
        Self { step, direction }
    }

    pub(super) fn definition(self) -> &'static dyn StageDefinition {
        let step = definition(self.step);
        match self.direction {
            Direction::Forward => step,
            Direction::Back => step.undo(),
        }
    }

    /// The definition of the step, if the stage is a step forward.
    pub(super) fn step_forward(self) -> Option<&'static dyn StepDefinition> {
        (self.direction == Direction::Forward).then(|| definition(self.step))
    }

    pub(super) fn runs_checks(self) -> bool {
        self.step_forward().is_some_and(StepDefinition::runs_checks)
    }

    pub(super) fn follows_standby(self) -> bool {
        self.step_forward()
            .is_some_and(StepDefinition::follows_standby)
    }

    /// What a failure of the stage leads to.
    pub(super) fn failure(self, bad_in_a_row: u32) -> Failure {
        self.step_forward()
            .map_or(Failure::AsConfigured, |step| step.failure(bad_in_a_row))
    }

    /// The state of the step after the stage succeeded; none if the stage does not change it.
    pub(super) fn state_after(self, took: Duration) -> Option<StepState> {
        match self.direction {
            Direction::Forward => Some(StepState::Done { took }),
            Direction::Back if definition(self.step).instead_of_undo().is_some() => None,
            Direction::Back => Some(StepState::Undone),
        }
    }

    /// Whether the new version has the traffic after the stage succeeded; none if the stage moves no traffic.
    pub(super) fn switched_after(self) -> Option<bool> {
        definition(self.step)
            .moves_traffic()
            .then_some(self.direction == Direction::Forward)
    }
}
