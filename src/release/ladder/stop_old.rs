//! *stop-old*: the live version of a scheduler is stopped before the candidate is started, because two never run at
//! once (interlock 12). The undo of *stop-old* starts the live version again.
//!
//! - Act: all members of the live slot are stopped. Only under the conditions of *switch* that can already be judged:
//!   no hold, enough approvals, and the route of the plan.
//! - Done when none of them is running.
//! - Undone by: start them again, after the candidate was removed.

use super::conditions::{another_version, slots_and_traffic, unseen};
use super::stop::{Reinstate, names};
use super::{
    Course, Evidence, Judgement, Property, Situation, StageDefinition, StepDefinition, StepSummary,
    Verdict, switch,
};
use crate::inventory::Instance;
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
    /// after that.
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
        if members.is_empty() {
            return Verdict::Already(format!("{slot} is already empty"));
        }
        let stop = members.ids().map(|id| Action::Stop {
            slot,
            instance: id.clone(),
        });
        Verdict::Act(stop.collect())
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
        let slot = situation.plan.slot.other();
        match situation.observation.members(slot) {
            None => Judgement::blind(situation.observation),
            Some(members) if members.iter().any(Instance::is_up) => {
                Judgement::NotYet(format!("{slot} is still running"))
            }
            Some(_) => Judgement::reached(),
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
                "then none runs until *start* has started {new}. If {new} is not healthy within {}, {old} is started again",
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
