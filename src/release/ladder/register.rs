//! *register*: the slot's registration is written. The undo of *register* deregisters the candidate.
//!
//! - Act: the slot's registration is written.
//! - Done when it reads back with digest and address.
//! - Undone by: deregister, unless it was warm before.

use super::conditions::{checked_candidate, judge_by, slots_and_traffic};
use super::{
    Course, Judgement, Property, Situation, StageDefinition, StepDefinition, StepSummary, Verdict,
};
use crate::history::ReleaseKind;
use crate::release::{Action, Ask, Draft, Need, Plan, ProxyWords};

pub(super) struct Register;

impl StageDefinition for Register {
    fn ask_before(&self, plan: &Plan) -> Ask {
        Ask {
            instances: true,
            probe: Some(plan.slot),
            ..Ask::default()
        }
    }

    fn guard(&self, situation: &Situation<'_>) -> Verdict {
        if let Err(verdict) = checked_candidate(situation) {
            return verdict;
        }
        Verdict::Act(vec![registration(situation.plan)])
    }

    fn ask_after(&self, _plan: &Plan, _course: &Course) -> Ask {
        registry()
    }

    fn judge(&self, situation: &Situation<'_>, _course: &mut Course) -> Judgement {
        if situation.observation.registry.is_none() {
            return Judgement::blind(situation.observation);
        }
        judge_by(&registration(situation.plan), situation)
    }
}

/// The action that registers the candidate.
fn registration(plan: &Plan) -> Action {
    Action::Register {
        slot: plan.slot,
        digest: plan.version.digest.clone(),
        tag: plan.version.tag.clone(),
        release: plan.release,
    }
}

fn registry() -> Ask {
    Ask {
        registry: true,
        ..Ask::default()
    }
}

impl StepDefinition for Register {
    fn summary(&self) -> StepSummary {
        StepSummary {
            does: "write the candidate's addresses and digest to etcd",
            done_when: "etcd returns the same addresses and digest",
        }
    }

    fn calls(&self, draft: &Draft, _proxy: &ProxyWords) -> Vec<String> {
        let plan = &draft.plan;
        vec![format!(
            "store: write slots/{} = {} {}, only while this driver holds the lock",
            plan.slot,
            plan.addresses(),
            plan.version.digest.short()
        )]
    }

    fn undo_words(&self, plan: &Plan) -> String {
        let slot = plan.slot;
        if plan.kind == ReleaseKind::WarmRollback {
            format!("nothing: {slot} was registered before, and stays registered")
        } else {
            format!("store: remove slots/{slot}")
        }
    }

    fn undo(&self) -> &'static dyn StageDefinition {
        &Deregister
    }

    /// A person confirms *register*, because it is the first act after *verify* (interlock 10).
    fn need_if_protected(&self) -> Need {
        Need::Confirmation
    }

    fn properties(&self) -> &'static [Property] {
        &[Property::MayCheckAgain]
    }
}

struct Deregister;

impl StageDefinition for Deregister {
    fn ask_before(&self, _plan: &Plan) -> Ask {
        slots_and_traffic()
    }

    fn guard(&self, situation: &Situation<'_>) -> Verdict {
        let (plan, observation) = (situation.plan, situation.observation);
        let registered = observation
            .registry
            .as_ref()
            .is_some_and(|r| r.slots.get(plan.slot).is_some());
        if observation.registry.is_some() && !registered {
            return Verdict::Already(format!("{} is not registered", plan.slot));
        }
        // A version that was warm before this release stays registered afterwards.
        if plan.kind == ReleaseKind::WarmRollback {
            return Verdict::Already(format!(
                "{} stays registered, because it was registered before this release",
                plan.slot
            ));
        }
        Verdict::Act(vec![Action::Deregister(plan.slot)])
    }

    fn ask_after(&self, _plan: &Plan, _course: &Course) -> Ask {
        registry()
    }

    fn judge(&self, situation: &Situation<'_>, _course: &mut Course) -> Judgement {
        if situation.observation.registry.is_none() {
            return Judgement::blind(situation.observation);
        }
        judge_by(&Action::Deregister(situation.plan.slot), situation)
    }
}
