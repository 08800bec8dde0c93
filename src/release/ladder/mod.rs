//! The steps of a release, one file each, and the ladders that put them in order.
//!
//! A [`StepDefinition`] says everything about one step: whether a plan needs it, its calls in words, its guard, its
//! judge, its times, its approval, and how it is undone. The planner, the machine, the approvals and the replay of a
//! journal ask the definition. To add a step, name it in [`Step`], add a file, name its definition in [`definition`], and
//! put the step into the ladders that use it.

mod candidate;
mod conditions;
mod drain;
#[cfg(test)]
mod edges_tests;
#[cfg(test)]
mod exclusive_tests;
mod first;
#[cfg(test)]
mod guard_tests;
mod install;
mod order;
mod public;
mod pull;
mod quiet;
#[cfg(test)]
mod quiet_tests;
mod register;
mod start;
mod stop;
mod stop_old;
mod switch;
mod tasks;
#[cfg(test)]
mod tasks_tests;
mod verdict;
mod verify;
mod watch;
#[cfg(test)]
mod workers_tests;

use std::time::Duration;

use jiff::Timestamp;

use super::interlocks::allow_all;
use super::observation::Course;
use super::retry::{GUARD_TIMEOUT, READ_BACK};
use super::{Ask, Draft, Need, Plan, ProxyWords, Stage, Timing};
use crate::history::{Direction, ReleaseKind, Step};
use crate::inventory::{TaskPoint, Tier};
pub(super) use order::Ladder;
pub(super) use quiet::quiet_calls;
pub use stop::standby_words;
pub(super) use tasks::{task_calls, task_of_call};
pub(super) use verdict::{Evidence, Judgement, Situation, Verdict};

/// The pause between two observations, for acts that take effect immediately.
const PAUSE: Duration = Duration::from_millis(50);

/// Defines a stage: a step in one direction.
pub(super) trait StageDefinition: Sync {
    /// What the guard observes before the act.
    fn ask_before(&self, _plan: &Plan) -> Ask {
        Ask::default()
    }

    /// Decides whether the stage may act, and what it does. The guard enforces the conditions that only a release has,
    /// for example fresh checks (interlock 3). The actions must also pass [`allow_all`].
    fn guard(&self, _situation: &Situation<'_>) -> Verdict {
        Verdict::Nothing
    }

    /// Whether the actions may stop and remove the live version. Only the stages of an exclusive service do so.
    fn stops_live(&self, _plan: &Plan) -> bool {
        false
    }

    /// What the release keeps from the guard's observation.
    fn evidence(&self, _situation: &Situation<'_>) -> Evidence {
        Evidence::default()
    }

    /// How long the guard may wait before it fails the stage.
    fn guard_time_limit(&self, _timing: &Timing) -> Duration {
        GUARD_TIMEOUT
    }

    /// What to observe to judge the stage.
    fn ask_after(&self, plan: &Plan, _course: &Course) -> Ask {
        self.ask_before(plan)
    }

    /// Judges whether the wanted state was reached. Only the observation counts, never the return value of the act.
    /// Updates the course, e.g. since when the candidate has been healthy.
    fn judge(&self, _situation: &Situation<'_>, _course: &mut Course) -> Judgement {
        Judgement::reached()
    }

    /// The configured time after which the stage ends by itself, if it has one. Its end is shown as the deadline.
    fn window(&self, _plan: &Plan) -> Option<Duration> {
        None
    }

    /// How long the stage may take without progress. A stage with a window gets extra time for its last observation.
    fn time_limit(&self, plan: &Plan) -> Duration {
        let window = self.window(plan);
        window.unwrap_or_default() + READ_BACK
    }

    /// The time until the next observation.
    fn pause(&self, _plan: &Plan, _course: &Course, _now: Timestamp) -> Duration {
        PAUSE
    }
}

/// What the documentation says about a step.
#[derive(Debug, Clone, Copy)]
pub struct StepSummary {
    pub does: &'static str,
    pub done_when: &'static str,
}

/// Defines a step. The [`StageDefinition`] of the same value defines the stage forward.
pub(super) trait StepDefinition: StageDefinition {
    /// Describes the step for the documentation.
    fn summary(&self) -> StepSummary;

    /// Whether the plan of this draft contains the step.
    fn is_needed(&self, _draft: &Draft) -> bool {
        true
    }

    /// Describes each call, one per line, so that an operator can check a plan before starting it.
    fn calls(&self, draft: &Draft, proxy: &ProxyWords) -> Vec<String>;

    /// Describes how the step is undone. The description starts with `nothing` if there is nothing to undo.
    fn undo_words(&self, _plan: &Plan) -> String {
        "nothing".into()
    }

    /// The stage of this step while the release backs out.
    fn undo(&self) -> &'static dyn StageDefinition {
        &NothingToUndo
    }

    /// A name for the stage back, if that stage does not undo the step: `draining the candidate`.
    fn instead_of_undo(&self) -> Option<&'static str> {
        None
    }

    /// Whether the stage back undoes all that the step has done. If not, screens do not call the step undone.
    fn is_undone_by_back(&self, _plan: &Plan) -> bool {
        self.instead_of_undo().is_none()
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

    /// What the step requires from a person, in addition to the confirmation that starts the plan. The approval of the
    /// plan of a warm rollback covers every step before the standby. If the step waits for other operators, the driver
    /// confirms after they have approved.
    fn need(&self, plan: &Plan) -> Need {
        let is_covered = !self.properties().contains(&Property::FollowsStandby);
        match plan.kind {
            ReleaseKind::WarmRollback if is_covered => Need::Nothing,
            _ if self.approvers(plan) > 0 => self.need_in(plan.tier()).max(Need::Confirmation),
            _ => self.need_in(plan.tier()),
        }
    }

    /// How many other operators must approve the plan before the step.
    fn approvers(&self, _plan: &Plan) -> usize {
        0
    }

    /// What a failure of the step leads to. `bad_in_a_row` is the number of bad observations of the failed try.
    fn after_failure(&self, _bad_in_a_row: u32) -> AfterFailure {
        AfterFailure::AsConfigured
    }

    /// The properties of the step. Other modules ask for a property, not for a particular step.
    fn properties(&self) -> &'static [Property] {
        &[]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Property {
    CreatesCandidate,
    RunsChecks,
    MovesTraffic,
    /// The step only clears the old slot, after the new version was watched.
    ClearsOldSlot,
    /// The standby of the old version comes before the step.
    FollowsStandby,
    /// The step comes after the stop of the old version.
    FollowsStop,
    /// Other operators must have approved before the step, if the rules say so.
    NeedsApprovers,
    /// An operator may continue without the step after it failed.
    MayBeSkipped,
    /// An operator may have the checks run again while the step waits for an approval.
    MayCheckAgain,
}

/// What a failed step leads to, before an operator has chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterFailure {
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
        Step::BeforeStart => &tasks::Tasks(TaskPoint::BeforeStart),
        Step::Install => &install::Install,
        Step::StopOld => &stop_old::StopOld,
        Step::Start => &start::Start,
        Step::Verify => &verify::Verify,
        Step::Register => &register::Register,
        Step::BeforeSwitch => &tasks::Tasks(TaskPoint::BeforeSwitch),
        Step::Switch => &switch::Switch,
        Step::AfterSwitch => &tasks::Tasks(TaskPoint::AfterSwitch),
        Step::Watch => &watch::Watch,
        Step::Drain => &drain::Drain { candidate: false },
        Step::Quiet => &quiet::Quiet,
        Step::Stop => &stop::Stop,
        Step::AfterStop => &tasks::Tasks(TaskPoint::AfterStop),
    }
}

pub(super) fn has(step: Step, property: Property) -> bool {
    definition(step).properties().contains(&property)
}

/// The step that comes directly after the standby.
pub fn step_after_standby(plan: &Plan) -> Step {
    let follows_standby = |step: &Step| has(*step, Property::FollowsStandby);
    plan.steps().find(follows_standby).unwrap_or(Step::Stop)
}

/// The first step before which other operators may have to approve.
pub fn step_with_approvers(plan: &Plan) -> Step {
    let needs_them = |step: &Step| has(*step, Property::NeedsApprovers);
    plan.steps().find(needs_them).unwrap_or(Step::Switch)
}

/// All steps, in the order of execution, each with what the documentation says about it. No plan has all of them.
pub fn step_summaries() -> impl Iterator<Item = (Step, StepSummary)> {
    let steps = Step::ALL.into_iter();
    steps.map(|step| (step, definition(step).summary()))
}

/// The name of a stage: `switch`, or `undoing switch`.
pub(super) fn in_direction(stage: Stage) -> String {
    let step = stage.step;
    match (stage.direction, definition(step).instead_of_undo()) {
        (Direction::Forward, _) => step.to_string(),
        (Direction::Back, Some(name)) => name.to_owned(),
        (Direction::Back, None) => format!("undoing {step}"),
    }
}

impl Stage {
    pub(super) fn new(step: Step, direction: Direction) -> Self {
        Self { step, direction }
    }

    pub(super) fn forward(step: Step) -> Self {
        Self::new(step, Direction::Forward)
    }

    /// Decides whether the stage may act. The actions that the step wants must also pass the guard of each action.
    pub(super) fn guard(self, situation: &Situation<'_>) -> Verdict {
        let definition = self.definition();
        match definition.guard(situation) {
            Verdict::Act(actions) => {
                let probed = definition.ask_before(situation.plan).probe;
                let mut view = situation.view(probed);
                view.stops_live = definition.stops_live(situation.plan);
                let allowed = allow_all(&actions, view);
                allowed.map_or_else(Verdict::from, |()| Verdict::Act(actions))
            }
            other => other,
        }
    }

    pub(super) fn definition(self) -> &'static dyn StageDefinition {
        let step = definition(self.step);
        match self.direction {
            Direction::Forward => step,
            Direction::Back => step.undo(),
        }
    }

    /// Whether the stage is a step forward that has the property.
    pub(super) fn has(self, property: Property) -> bool {
        self.direction == Direction::Forward && has(self.step, property)
    }

    /// Whether an operator may continue without the stage after it failed. The undo of a task may fail for a reason that
    /// only a person can judge.
    pub(super) fn may_be_skipped(self, course: &Course) -> bool {
        match self.direction {
            Direction::Forward => has(self.step, Property::MayBeSkipped),
            Direction::Back => self.step.runs_tasks() && course.undo_has_failed,
        }
    }

    /// What a failure of the stage leads to.
    pub(super) fn after_failure(self, bad_in_a_row: u32) -> AfterFailure {
        match self.direction {
            Direction::Forward => definition(self.step).after_failure(bad_in_a_row),
            Direction::Back => AfterFailure::AsConfigured,
        }
    }

    /// Whether the new version has the traffic after the stage succeeded; none if the stage moves no traffic.
    pub(super) fn switched_after(self) -> Option<bool> {
        has(self.step, Property::MovesTraffic).then_some(self.direction == Direction::Forward)
    }
}
