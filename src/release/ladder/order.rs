//! The ladders: the steps of a release in their order, and the order in which they are undone.

use super::Stage;
use crate::history::{Direction, Step};
use crate::inventory::ServiceKind;
use crate::release::{Definition, Plan};

/// The order of the steps of a release, and the order in which they are undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::release) enum Ladder {
    /// Two slots: the new version starts in the slot without traffic, then the traffic moves.
    Slots,
    /// Two slots of a worker, without a proxy.
    Background,
    /// Two slots of which never both run (interlock 12): the live version is stopped, then the new one starts.
    Exclusive,
}

/// The steps with two slots. A plan contains those that it needs.
const SLOTS: [Step; 13] = [
    Step::Pull,
    Step::BeforeStart,
    Step::Install,
    Step::Start,
    Step::Verify,
    Step::Register,
    Step::BeforeSwitch,
    Step::Switch,
    Step::AfterSwitch,
    Step::Watch,
    Step::Drain,
    Step::Stop,
    Step::AfterStop,
];

/// The steps of a worker.
const BACKGROUND: [Step; 12] = [
    Step::Pull,
    Step::BeforeStart,
    Step::Start,
    Step::Verify,
    Step::Register,
    Step::BeforeSwitch,
    Step::Switch,
    Step::AfterSwitch,
    Step::Watch,
    Step::Quiet,
    Step::Stop,
    Step::AfterStop,
];

/// The steps of an exclusive service. *stop* only clears the old slot, which was stopped before.
const EXCLUSIVE: [Step; 12] = [
    Step::Pull,
    Step::BeforeStart,
    Step::StopOld,
    Step::Start,
    Step::Verify,
    Step::Register,
    Step::BeforeSwitch,
    Step::Switch,
    Step::AfterSwitch,
    Step::Watch,
    Step::Stop,
    Step::AfterStop,
];

impl Ladder {
    /// The ladder with which a plan is made.
    pub(in crate::release) fn of_definition(definition: &Definition) -> Self {
        match definition.kind {
            ServiceKind::Http => Self::Slots,
            ServiceKind::Worker => Self::Background,
            ServiceKind::Scheduler => Self::Exclusive,
        }
    }

    /// The ladder of a plan. Whether it is exclusive follows from its steps, because the configuration may have changed
    /// since.
    pub(in crate::release) fn of(plan: &Plan) -> Self {
        if plan.stops_first() {
            Self::Exclusive
        } else if plan.definition.is_background() {
            Self::Background
        } else {
            Self::Slots
        }
    }

    /// The steps in the order of execution. A plan contains those that it needs.
    pub(in crate::release) fn steps(self) -> &'static [Step] {
        match self {
            Self::Slots => &SLOTS,
            Self::Background => &BACKGROUND,
            Self::Exclusive => &EXCLUSIVE,
        }
    }

    /// The stages of backing out, each with a step that must have been started: first the old version is started
    /// again if it was stopped, then the traffic moves back, then the candidate's connections end, then the candidate
    /// is deregistered and removed. The old version may need what the tasks after its stop have removed, so these are
    /// undone before it is started. The traffic waits for the undo of no other task.
    fn undone_by(self) -> &'static [(Step, Step)] {
        match self {
            Self::Slots => &[
                (Step::AfterStop, Step::AfterStop),
                (Step::Stop, Step::Stop),
                (Step::Switch, Step::Switch),
                (Step::Drain, Step::Switch),
                (Step::AfterSwitch, Step::AfterSwitch),
                (Step::BeforeSwitch, Step::BeforeSwitch),
                (Step::Register, Step::Register),
                (Step::Start, Step::Start),
                (Step::BeforeStart, Step::BeforeStart),
            ],
            // Either of two stages starts the old version again.
            Self::Background => &[
                (Step::AfterStop, Step::AfterStop),
                (Step::Stop, Step::Stop),
                (Step::Quiet, Step::Quiet),
                (Step::Switch, Step::Switch),
                (Step::AfterSwitch, Step::AfterSwitch),
                (Step::BeforeSwitch, Step::BeforeSwitch),
                (Step::Register, Step::Register),
                (Step::Start, Step::Start),
                (Step::BeforeStart, Step::BeforeStart),
            ],
            // The candidate is removed before the old version starts, and the route names a version that is running.
            Self::Exclusive => &[
                (Step::AfterStop, Step::AfterStop),
                (Step::Start, Step::Start),
                (Step::StopOld, Step::StopOld),
                (Step::Switch, Step::Switch),
                (Step::AfterSwitch, Step::AfterSwitch),
                (Step::BeforeSwitch, Step::BeforeSwitch),
                (Step::Register, Step::Register),
                (Step::BeforeStart, Step::BeforeStart),
            ],
        }
    }

    /// The stages that undo the started steps of a plan.
    pub(in crate::release) fn back(self, started: &[Step]) -> Vec<Stage> {
        // The undo of *stop* also undoes *quiet*.
        let is_undone = |undone: &Step| {
            let is_covered = *undone == Step::Quiet && started.contains(&Step::Stop);
            started.contains(undone) && !is_covered
        };
        self.undone_by()
            .iter()
            .filter(|(_, undone)| is_undone(undone))
            .map(|(step, _)| Stage::new(*step, Direction::Back))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documentation lists the steps in the order of `Step::ALL`.
    #[test]
    fn every_ladder_is_in_the_order_of_all_steps() {
        for ladder in [Ladder::Slots, Ladder::Background, Ladder::Exclusive] {
            let is_in_order = ladder.steps().is_sorted();
            assert!(is_in_order, "{ladder:?}");
        }
    }

    #[test]
    fn either_of_two_stages_starts_a_quieted_version_again() {
        let back = |started: &[Step]| {
            let back = Ladder::Background.back(started).into_iter();
            back.map(|stage| stage.step).collect::<Vec<_>>()
        };
        let to_watch = [Step::Start, Step::Register, Step::Switch, Step::Watch];
        let undone = [Step::Switch, Step::Register, Step::Start];
        assert_eq!(back(&to_watch), undone);
        let quiet = [&to_watch[..], &[Step::Quiet]].concat();
        assert_eq!(back(&quiet), [&[Step::Quiet][..], &undone].concat());
        let stopped = [&quiet[..], &[Step::Stop]].concat();
        assert_eq!(back(&stopped), [&[Step::Stop][..], &undone].concat());
    }
}
