//! Repairing drift: requests the plan, asks the operator to confirm it, and shows the progress in notices and in the
//! log of the steps. `release` decides how each difference is repaired.

use std::sync::Arc;

use super::{change, confirm, steps};
use crate::console::effect::Effect;
use crate::console::model::{Dialog, Model, Question, Thinking, Weight};
use crate::console::run::ExitReason;
use crate::inventory::Target;
use crate::release::{Refused, RepairNews, RepairPlan, need_to_repair};

/// The name of a repair in titles.
const REPAIR: &str = "repair";

pub(super) fn begin(model: &mut Model, target: Target) -> Vec<Effect> {
    if model.repairing.contains(&target) {
        return super::refused(model, &format!("{target} is being repaired already"));
    }
    model.request_id += 1;
    model.dialog = Some(Dialog::Thinking(Thinking {
        request_id: model.request_id,
        target: target.clone(),
        name: REPAIR.to_owned(),
    }));
    vec![Effect::PlanRepair {
        request_id: model.request_id,
        target,
    }]
}

pub(super) fn planned(
    model: &mut Model,
    request_id: u64,
    plan: Result<Arc<RepairPlan>, Refused>,
) -> Vec<Effect> {
    let target = match &model.dialog {
        Some(Dialog::Thinking(thinking)) if thinking.request_id == request_id => {
            thinking.target.clone()
        }
        // If the operator has closed the dialog, the plan is not wanted any more.
        _ => return Vec::new(),
    };
    match plan {
        Ok(plan) if plan.repair_actions.is_empty() => only_a_person(model, &plan),
        Ok(plan) => {
            let need = need_to_repair(&plan);
            change::ask(model, Question::Repair(plan), need);
        }
        Err(refused) => confirm::refuse(model, format!("{REPAIR} of {target}"), &refused),
    }
    Vec::new()
}

/// Shows that Greenroom can repair nothing in the target, and what an operator has to do.
fn only_a_person(model: &mut Model, plan: &RepairPlan) {
    let reasons = plan
        .for_a_person()
        .map(|(drift, remedy)| {
            crate::sanitize::sanitize(&format!("{}: {}; {remedy}", drift.name, drift.message))
        })
        .collect();
    model.dialog = Some(Dialog::Refusal(crate::console::model::Refusal {
        title: format!("{REPAIR} of {}, which an operator has to do", plan.target()),
        reasons,
        top: 0,
    }));
}

/// Records a repair that the operator has confirmed, and announces that it starts.
pub(super) fn confirmed(model: &mut Model, target: Target) {
    super::say(
        model,
        Weight::Normal,
        &format!("{target} is being repaired"),
    );
    model.repairing.insert(target);
}

pub(super) fn moved(model: &mut Model, target: &Target, news: RepairNews) -> Vec<Effect> {
    match news {
        RepairNews::Message(message) => {
            steps::repaired(model, target, &message);
            let text = format!("repair of {target}: {message}");
            super::say(model, Weight::Normal, &text);
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
            super::say(model, weight, &text);
            return leave(model);
        }
    }
    Vec::new()
}

pub(super) fn refused(model: &mut Model, target: &Target, why: &Refused) -> Vec<Effect> {
    model.repairing.remove(target);
    confirm::refuse(model, format!("{REPAIR} of {target}"), why);
    leave(model)
}

/// Ends the console if the operator has quit and this console drives no release and repairs no target.
fn leave(model: &Model) -> Vec<Effect> {
    if model.leaving && !model.is_busy() {
        return vec![Effect::Leave(ExitReason::Quit)];
    }
    Vec::new()
}
