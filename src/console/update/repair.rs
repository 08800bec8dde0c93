//! Repairing drift: plan, question, progress. The progress goes into notices and into the log of the
//! steps. Nothing here decides how to repair what.

use std::sync::Arc;

use super::{change, confirm, steps};
use crate::console::effect::Effect;
use crate::console::model::{Dialog, Model, Question, Thinking, Weight};
use crate::console::run::ExitReason;
use crate::inventory::Target;
use crate::release::{Refused, RepairNews, RepairPlan, need_to_repair};

/// The name of a repair in titles and notices.
const REPAIR: &str = "a repair";

pub(super) fn begin(model: &mut Model, target: Target) -> Vec<Effect> {
    if model.repairing.contains(&target) {
        return super::refused(model, &format!("{target} is being repaired already"));
    }
    model.asked += 1;
    model.dialog = Some(Dialog::Thinking(Thinking {
        asked: model.asked,
        target: target.clone(),
        name: REPAIR.to_owned(),
    }));
    vec![Effect::PlanRepair {
        asked: model.asked,
        target,
    }]
}

pub(super) fn planned(
    model: &mut Model,
    asked: u64,
    plan: Result<Arc<RepairPlan>, Refused>,
) -> Vec<Effect> {
    let target = match &model.dialog {
        Some(Dialog::Thinking(thinking)) if thinking.asked == asked => thinking.target.clone(),
        // Esc or another key was pressed meanwhile: the plan is not wanted any more.
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

/// The console can repair nothing here: says why, and what an operator has to do.
fn only_a_person(model: &mut Model, plan: &RepairPlan) {
    let reasons = plan
        .for_a_person()
        .map(|(drift, words)| {
            crate::sanitize::sanitize(&format!("{}: {}; {words}", drift.name, drift.says))
        })
        .collect();
    model.dialog = Some(Dialog::Refusal(crate::console::model::Refusal {
        title: format!("{REPAIR} of {}: an operator has to look", plan.target()),
        reasons,
        top: 0,
    }));
}

/// The repair was confirmed.
pub(super) fn begun(model: &mut Model, target: Target) {
    super::say(model, Weight::Told, &format!("{target} is being repaired"));
    model.repairing.insert(target);
}

pub(super) fn moved(model: &mut Model, target: &Target, news: RepairNews) -> Vec<Effect> {
    match news {
        RepairNews::Said(words) => {
            steps::repaired(model, target, &words);
            super::say(model, Weight::Told, &format!("repair of {target}: {words}"));
        }
        RepairNews::Ended(record) => {
            model.repairing.remove(target);
            let outcome = record.closed.map(|(_, outcome)| outcome);
            let (weight, words) = match outcome {
                Some(outcome) if outcome.reason().is_none() => (Weight::Told, outcome.to_string()),
                Some(outcome) => (Weight::Refused, outcome.to_string()),
                None => (Weight::Refused, "it recorded no end".to_owned()),
            };
            steps::repaired(model, target, &words);
            let text = format!("repair of {target}: {words} (greenroom history lists it)");
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

/// Ends the console if the operator has quit and only this repair was left.
fn leave(model: &Model) -> Vec<Effect> {
    if model.leaving && !model.is_busy() {
        return vec![Effect::Leave(ExitReason::Quit)];
    }
    Vec::new()
}
