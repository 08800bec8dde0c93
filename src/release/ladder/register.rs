//! *register*: the slot's registration is written. Its undoing deregisters the candidate.

use super::conditions::{checked_candidate, slots_and_traffic, without_traffic};
use super::{Course, Judgement, Property, Situation, StageDefinition, StepDefinition, Verdict};
use crate::history::ReleaseKind;
use crate::release::{Act, Ask, Draft, Need, Plan, ProxyWords};

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
        match checked_candidate(situation) {
            Ok(()) => Verdict::Act(Act::Register),
            Err(verdict) => verdict,
        }
    }

    fn ask_after(&self, _plan: &Plan, _course: &Course) -> Ask {
        registry()
    }

    fn judge(&self, situation: &Situation<'_>, _course: &mut Course) -> Judgement {
        let (plan, observation) = (situation.plan, situation.observation);
        let Some(record) = &observation.registry else {
            return Judgement::blind(observation);
        };
        match record.slots.get(plan.slot).as_ref().map(|r| &r.value) {
            Some(entry)
                if entry.digest == plan.version.digest && entry.endpoint == *plan.endpoint() =>
            {
                Judgement::reached()
            }
            Some(entry) => Judgement::NotYet(format!(
                "{} is registered as {} at {}",
                plan.slot,
                entry.digest.short(),
                entry.endpoint
            )),
            None => Judgement::NotYet(format!("{} is not registered", plan.slot)),
        }
    }
}

fn registry() -> Ask {
    Ask {
        registry: true,
        ..Ask::default()
    }
}

impl StepDefinition for Register {
    fn calls(&self, draft: &Draft, _proxy: &ProxyWords) -> Vec<String> {
        let plan = &draft.plan;
        vec![format!(
            "store: write slots/{} = {} {}, only while this driver holds the lock",
            plan.slot,
            plan.endpoint(),
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
        without_traffic(plan.slot, observation, Act::Deregister(plan.slot))
    }

    fn ask_after(&self, _plan: &Plan, _course: &Course) -> Ask {
        registry()
    }

    fn judge(&self, situation: &Situation<'_>, _course: &mut Course) -> Judgement {
        let slot = situation.plan.slot;
        match &situation.observation.registry {
            None => Judgement::blind(situation.observation),
            Some(record) if record.slots.get(slot).is_none() => Judgement::reached(),
            Some(_) => Judgement::NotYet(format!("{slot} is still registered")),
        }
    }
}
