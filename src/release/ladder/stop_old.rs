//! *stop-old*: the live version of a scheduler is stopped before the candidate is started, because two never run at
//! once (interlock 12). The undo of *stop-old* starts the live version again.
//!
//! - Act: all members of both slots are stopped. Only under the conditions of *switch* that can already be judged:
//!   no hold, enough approvals, and the route of the plan.
//! - Done when none of them is running.
//! - Undone by: start them again, after the candidate was removed.

use super::conditions::{another_version, slots_and_traffic, unseen};
use super::stop::{Reinstate, names};
use super::{
    Course, Evidence, Judgement, Property, Situation, StageDefinition, StepDefinition, StepSummary,
    Verdict, switch,
};
use crate::inventory::{Instance, Slot};
use crate::release::describe::duration;
use crate::release::{Action, Ask, Draft, Need, Plan, ProxyWords};

pub(super) struct StopOld;

impl StageDefinition for StopOld {
    fn ask_before(&self, plan: &Plan) -> Ask {
        Ask {
            live_in_first: plan.only_from().is_some(),
            ..slots_and_traffic()
        }
    }

    fn stops_live(&self, plan: &Plan) -> bool {
        plan.stops_first()
    }

    /// All members are stopped, also those that look stopped: the runtime may still be starting one, and then stops it
    /// after that. What is in the other slot is stopped too: it has no traffic, and the way back starts the old version.
    fn guard(&self, situation: &Situation<'_>) -> Verdict {
        let (plan, observation) = (situation.plan, situation.observation);
        let slot = plan.slot.other();
        let Some(members) = observation.members(slot) else {
            return unseen(slot, observation);
        };
        if let Err(verdict) = switch::may_change_live(situation) {
            return verdict;
        }
        let from = plan.from.as_ref();
        if let Some(other) = from.and_then(|from| another_version(from, Some(members))) {
            return Verdict::Refuse(format!(
                "{slot} is not stopped: {other}. Back out, then plan again"
            ));
        }
        let Some(others) = observation.members(plan.slot) else {
            return unseen(plan.slot, observation);
        };
        let is_other_up = others.iter().any(Instance::is_up);
        if members.is_empty() && !is_other_up {
            return Verdict::Already(format!("{slot} is already empty"));
        }
        let mut actions = Vec::new();
        if is_other_up {
            actions.push(Action::Deregister(plan.slot));
        }
        for (slot, members) in [(plan.slot, others), (slot, members)] {
            actions.extend(members.ids().map(|id| Action::Stop {
                slot,
                instance: id.clone(),
            }));
        }
        Verdict::Act(actions)
    }

    fn evidence(&self, situation: &Situation<'_>) -> Evidence {
        switch::evidence_of_approvals(situation)
    }

    fn ask_after(&self, _plan: &Plan, _course: &Course) -> Ask {
        Ask {
            instances: true,
            ..Ask::default()
        }
    }

    fn judge(&self, situation: &Situation<'_>, _course: &mut Course) -> Judgement {
        let Some(slots) = &situation.observation.instances else {
            return Judgement::blind(situation.observation);
        };
        let is_up = |slot: &Slot| slots.get(*slot).iter().any(Instance::is_up);
        match Slot::BOTH.iter().find(|slot| is_up(slot)) {
            Some(slot) => Judgement::NotYet(format!("{slot} is still running")),
            None => Judgement::reached(),
        }
    }
}

impl StepDefinition for StopOld {
    fn summary(&self) -> StepSummary {
        StepSummary {
            does: "only for a scheduler: stop the live version, so that two never run at once",
            done_when: "the live version is stopped",
        }
    }

    fn is_needed(&self, draft: &Draft) -> bool {
        draft.plan.from.is_some()
    }

    fn calls(&self, draft: &Draft, _proxy: &ProxyWords) -> Vec<String> {
        let plan = &draft.plan;
        let timing = &plan.definition.timing;
        let (old, new) = (plan.slot.other(), plan.slot);
        vec![
            format!(
                "engine: stop {}, with {} to finish",
                names(plan, old),
                duration(timing.stop_grace)
            ),
            format!(
                "from then on no version runs until *start* has started {new}. If {new} is not healthy within {}, or its checks fail, {old} is started again",
                duration(timing.health_deadline)
            ),
        ]
    }

    fn undo_words(&self, plan: &Plan) -> String {
        let (old, new) = (plan.slot.other(), plan.slot);
        format!("start {old} again, after {new} was removed")
    }

    fn undo(&self) -> &'static dyn StageDefinition {
        &Reinstate
    }

    /// A person types the environment's name, because from this step on no version is running.
    fn need_if_protected(&self) -> Need {
        Need::TypedName
    }

    fn approvers(&self, plan: &Plan) -> usize {
        switch::approvers(plan)
    }

    fn properties(&self) -> &'static [Property] {
        &[Property::NeedsApprovers]
    }
}
