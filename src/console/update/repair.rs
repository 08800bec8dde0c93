//! Repairing drift: requests the plan, asks the operator to confirm it, and shows the progress in notices and in the
//! log of the steps. `release` decides how each difference is repaired.

use std::sync::Arc;

use super::steps;
use crate::console::backend::Backend;
use crate::console::dialogs::{Question, Refusal, Thinking, confirm};
use crate::console::effect::{self, Call, Effect, ExitReason};
use crate::console::model::{Model, Weight};
use crate::inventory::Target;
use crate::release::{Refused, RepairNews, RepairPlan, need_to_repair};

/// The name of a repair in titles.
const REPAIR: &str = "repair";

pub(super) fn begin(model: &mut Model, target: Target) -> Vec<Effect> {
    if model.repairing.contains(&target) {
        return model.refused(&format!("{target} is being repaired already"));
    }
    let request_id = Thinking::open(model, target.clone(), REPAIR);
    vec![Effect::ask(PlanRepair { request_id, target })]
}

/// Plans the repair of a target's drift.
#[derive(Debug)]
pub struct PlanRepair {
    /// The number of the request, which [`Thinking`] waits for.
    pub request_id: u64,
    pub target: Target,
}

impl effect::Question for PlanRepair {
    type Answer = Result<Arc<RepairPlan>, Refused>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.plan_repair(&self.target)
    }

    fn answered(&self, model: &mut Model, plan: Self::Answer) -> Vec<Effect> {
        if Thinking::awaiting(model, self.request_id).is_none() {
            return Vec::new();
        }
        match plan {
            Ok(plan) if plan.repair_actions.is_empty() => show_manual_repair(model, &plan),
            Ok(plan) => {
                let need = need_to_repair(&plan);
                confirm::ask(model, Question::Repair(plan), need);
            }
            Err(refused) => {
                let title = format!("{REPAIR} of {}", self.target);
                model.show(Refusal::new(title, &refused));
            }
        }
        Vec::new()
    }
}

/// Shows that Greenroom can repair nothing in the target, and what an operator has to do.
fn show_manual_repair(model: &mut Model, plan: &RepairPlan) {
    let reasons = plan
        .for_a_person()
        .map(|(drift, remedy)| {
            crate::sanitize::sanitize(&format!("{}: {}; {remedy}", drift.name, drift.message))
        })
        .collect();
    model.show(Refusal {
        title: format!("{REPAIR} of {}, which an operator has to do", plan.target()),
        reasons,
    });
}

pub(super) fn moved(model: &mut Model, target: &Target, news: RepairNews) -> Vec<Effect> {
    match news {
        RepairNews::Message(message) => {
            steps::repaired(model, target, &message);
            let text = format!("repair of {target}: {message}");
            model.say(Weight::Normal, &text);
        }
        RepairNews::Ended(record) => {
            model.repairing.remove(target);
            let outcome = record.closed.map(|(_, outcome)| outcome);
            let (weight, result) = match outcome {
                Some(outcome) if outcome.reason().is_none() => {
                    (Weight::Normal, outcome.to_string())
                }
                Some(outcome) => (Weight::Prominent, outcome.to_string()),
                None => (Weight::Prominent, "no end was recorded".to_owned()),
            };
            steps::repaired(model, target, &result);
            let text = format!("repair of {target}: {result} (greenroom history lists the repair)");
            model.say(weight, &text);
            return quit_if_leaving(model);
        }
    }
    Vec::new()
}

pub(super) fn refused(model: &mut Model, target: &Target, why: &Refused) -> Vec<Effect> {
    model.repairing.remove(target);
    let title = format!("{REPAIR} of {target}");
    model.show(Refusal::new(title, why));
    quit_if_leaving(model)
}

/// Ends the console if the operator has quit and this console drives no release and repairs no target.
fn quit_if_leaving(model: &Model) -> Vec<Effect> {
    if model.leaving && !model.is_busy() {
        return vec![Effect::Leave(ExitReason::Quit)];
    }
    Vec::new()
}
