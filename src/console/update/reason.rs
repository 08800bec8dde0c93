//! Asks for the reason of a promote, then requests its plan. A rollback is planned first. If the rules require a
//! reason, the dialog asks for it afterwards. The rollback can start without a reason, because a rollback is urgent.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent};

use super::{confirm, line};
use crate::console::effect::Effect;
use crate::console::model::{Dialog, Model, Reason, TextLine, Thinking, Weight};
use crate::history::ReleaseKind;
use crate::inventory::{Hold, Target, VersionRef};
use crate::release::{Plan, PlanRequest, Wanted};

/// Asks for the reason of a promote. `required` says whether the rules require a reason. It is `None` if the rules were
/// not read yet or could not be read.
pub(super) fn ask(
    model: &mut Model,
    target: Target,
    wanted: Wanted,
    name: String,
    required: Option<bool>,
    in_spite_of: Vec<Hold>,
) -> Vec<Effect> {
    let read_terms = required.is_none().then(|| Effect::AskTerms(target.clone()));
    model.dialog = Some(Dialog::Reason(Reason {
        target,
        wanted,
        name,
        line: TextLine::default(),
        required,
        in_spite_of,
        override_holds: None,
        planned: None,
    }));
    read_terms.into_iter().collect()
}

/// Requests the plan of a rollback without asking for a reason first.
pub(super) fn go_back(
    model: &mut Model,
    target: Target,
    wanted: Wanted,
    name: String,
) -> Vec<Effect> {
    let reason = Reason {
        target,
        wanted,
        name,
        line: TextLine::default(),
        required: None,
        in_spite_of: Vec::new(),
        override_holds: None,
        planned: None,
    };
    ask_for_plan(model, reason, None)
}

/// Asks for the reason of a rollback that was planned without a reason, although the rules require a reason.
pub(super) fn ask_of_rollback(model: &mut Model, plan: Arc<Plan>, name: String) {
    model.dialog = Some(Dialog::Reason(Reason {
        target: plan.target().clone(),
        wanted: match plan.kind {
            ReleaseKind::WarmRollback => Wanted::Standby,
            _ => Wanted::Back(VersionRef::Digest(plan.version.digest.clone())),
        },
        name,
        line: TextLine::default(),
        required: Some(true),
        in_spite_of: Vec::new(),
        override_holds: None,
        planned: Some(plan),
    }));
}

pub(super) fn pressed(model: &mut Model, mut reason: Reason, key: KeyEvent) -> Vec<Effect> {
    match key.code {
        KeyCode::Esc => {
            super::say(model, Weight::Normal, "no release was started");
            return Vec::new();
        }
        KeyCode::Enter => return plan(model, reason),
        _ => {
            if let Some(request) = line::editing(key) {
                reason.line.edit(request);
            }
        }
    }
    model.dialog = Some(Dialog::Reason(reason));
    Vec::new()
}

fn plan(model: &mut Model, mut reason: Reason) -> Vec<Effect> {
    let text = crate::sanitize::sanitize(reason.line.text().trim());
    if reason.overrides() {
        if text.is_empty() {
            let text = "type why you override the hold: the reason is recorded with your name";
            super::say(model, Weight::Prominent, text);
        } else {
            reason.override_holds = Some(text);
            reason.line = TextLine::default();
        }
        model.dialog = Some(Dialog::Reason(reason));
        return Vec::new();
    }
    if text.is_empty()
        && let Some(plan) = reason.planned.take()
    {
        confirm::ask_to_begin(model, plan);
        return Vec::new();
    }
    if text.is_empty() && reason.required == Some(true) {
        let target = &reason.target;
        let text = format!(
            "the rules of {} require a reason: type a reason",
            target.environment
        );
        super::say(model, Weight::Prominent, &text);
        model.dialog = Some(Dialog::Reason(reason));
        return Vec::new();
    }
    ask_for_plan(model, reason, (!text.is_empty()).then_some(text))
}

fn ask_for_plan(model: &mut Model, reason: Reason, text: Option<String>) -> Vec<Effect> {
    model.request_id += 1;
    model.dialog = Some(Dialog::Thinking(Thinking {
        request_id: model.request_id,
        target: reason.target.clone(),
        name: reason.name,
    }));
    vec![Effect::MakePlan {
        request_id: model.request_id,
        request: PlanRequest {
            target: reason.target,
            wanted: reason.wanted,
            reason: text,
            override_holds: reason.override_holds,
            operator: model.operator.clone(),
        },
    }]
}
