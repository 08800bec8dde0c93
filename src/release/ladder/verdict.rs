//! The data from which the guards and judges of the stages decide, and their decisions.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::checks::{CheckOverrides, Report};
use crate::history::Step;
use crate::inventory::{PeerApproval, Slot, TaskCall};
use crate::release::interlocks::Obstacle;
use crate::release::view::View;
use crate::release::{Action, Approvable, Observation, Plan};

/// The data for a decision: the plan, the last report of the checks, and the latest observation with its time.
#[derive(Debug, Clone, Copy)]
pub(in crate::release) struct Situation<'a> {
    pub(in crate::release) plan: &'a Plan,
    pub(in crate::release) report: Option<&'a Report>,
    /// The checks that were overridden.
    pub(in crate::release) overrides: &'a CheckOverrides,
    pub(in crate::release) observation: &'a Observation,
    pub(in crate::release) now: Timestamp,
    /// The commands of tasks whose intent is recorded. They may have run.
    pub(in crate::release) begun: &'a BTreeSet<TaskCall>,
    /// The steps forward that were done. They are done again if the checks are run again.
    pub(in crate::release) passed: &'a [Step],
}

impl<'a> Situation<'a> {
    /// What other operators approve.
    pub(in crate::release) fn approvable(&self) -> Approvable<'a> {
        Approvable {
            plan: self.plan,
            overrides: self.overrides,
        }
    }

    /// What the observation says about slots and traffic. `probed` is the slot whose health endpoint was requested.
    pub(in crate::release) fn view(&self, probed: Option<Slot>) -> View<'a> {
        View::of(self.observation, &self.plan.definition, probed)
    }
}

/// The result of a guard. The texts are reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::release) enum Verdict {
    /// The stage may act: it performs these actions in order.
    Act(Vec<Action>),
    /// No act is needed. The machine observes until it sees the result of the stage.
    Nothing,
    /// The result of the stage was already observed, or the stage does not apply.
    Already(String),
    /// The act is not allowed yet. The guard observes again.
    Wait(String),
    /// The checks must run again first. The checks are missing or too old, they tested another digest, or the candidate
    /// was started again.
    CheckAgain(String),
    /// Approvals by other operators are missing or no longer count. The step waits for a person again.
    AskAgain(String),
    /// The act is not allowed in the current state.
    Refuse(String),
}

impl From<Obstacle> for Verdict {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::Wait(why) => Self::Wait(why),
            Obstacle::Refuse(why) => Self::Refuse(why),
            Obstacle::Changed(why) => Self::Refuse(format!("{why}: back out, then plan again")),
        }
    }
}

/// What a release keeps from the observation of a guard.
#[derive(Debug, Default)]
pub(in crate::release) struct Evidence {
    /// Whether the live version's public and direct answers agreed; none if they were not observed.
    pub(in crate::release) agreed: Option<bool>,
    /// The approvals by other operators that count. The intent of the stage records them.
    pub(in crate::release) peer_approvals: Vec<PeerApproval>,
    /// What an operator should know if the act is performed.
    pub(in crate::release) remark: Option<String>,
    /// The command of a task that the act starts. The intent of the stage records it.
    pub(in crate::release) task: Option<TaskCall>,
}

/// What an observation means for a stage. Each text is a reason or a remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::release) enum Judgement {
    /// The wanted state was reached. The remark may be empty.
    True(String),
    /// The wanted state was not reached yet.
    NotYet(String),
    /// The wanted state was not reached yet, but there was progress, so the deadline moves.
    Moving(String),
    /// The act broke off without its effect. The act must be performed again.
    Again(String),
    /// A part of the stage is done. The guard decides about the next part.
    Next(String),
    /// The wanted state will not be reached.
    Never(String),
}

impl Judgement {
    /// The wanted state was reached, and there is no remark.
    pub(super) fn reached() -> Self {
        Self::True(String::new())
    }

    /// The judgement of an observation that lacks what the judge needs.
    pub(super) fn blind(observation: &Observation) -> Self {
        Self::NotYet(observation.why_blind())
    }
}
