//! Confirmations: a plan becomes a question to the operator, and the answer becomes an effect. `Approval::give` in
//! `release` decides whether an answer is valid.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{approving, change, handover_request, reason};
use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::layout;
use crate::console::model::{Button, Confirm, Dialog, Model, Question, Refusal, Weight};
use crate::history::Step;
use crate::inventory::local_time;
use crate::inventory::{PeerApproval, Target};
use crate::release::{
    Approval, Command, Force, Need, Plan, Refused, RepairApproval, RepairPlan, Scope, need_of,
    need_to_begin, review,
};

pub(super) fn planned(model: &mut Model, request_id: u64, plan: Result<Arc<Plan>, Refused>) {
    let (name, title) = match &model.dialog {
        // If the operator has closed the dialog, the plan is not wanted any more.
        Some(Dialog::Thinking(thinking)) if thinking.request_id == request_id => {
            let title = format!("{} to {}", thinking.name, thinking.target);
            (thinking.name.clone(), title)
        }
        _ => return,
    };
    match plan {
        Ok(plan) if plan.lacks_reason() => reason::ask_of_rollback(model, plan, name),
        Ok(plan) => ask_to_begin(model, plan),
        Err(refused) => refuse(model, title, &refused),
    }
}

/// Asks the operator to confirm that the release of a plan starts.
pub(super) fn ask_to_begin(model: &mut Model, plan: Arc<Plan>) {
    let need = need_to_begin(&plan);
    change::ask(model, Question::Begin(plan), need);
}

/// Shows that the operation `title` was refused, with all reasons.
pub(super) fn refuse(model: &mut Model, title: String, refused: &Refused) {
    let reasons = refused
        .0
        .iter()
        .map(|reason| crate::sanitize::sanitize(&reason.to_string()))
        .collect();
    model.dialog = Some(Dialog::Refusal(Refusal {
        title,
        reasons,
        top: 0,
    }));
}

/// Shows that the approval of another operator's release was stored or refused.
pub(super) fn peer_approved(
    model: &mut Model,
    target: &Target,
    peer_approved: Result<PeerApproval, Refused>,
) -> Vec<Effect> {
    match peer_approved {
        Ok(approval) => {
            let until = local_time::clock(approval.expires_at);
            let text =
                format!("you approved the release of {target}; the approval counts until {until}");
            super::say(model, Weight::Normal, &text);
        }
        Err(refused) => refuse(
            model,
            format!("approval of the release of {target}"),
            &refused,
        ),
    }
    Vec::new()
}

pub(super) fn pressed(model: &mut Model, mut confirm: Confirm, key: KeyEvent) -> Vec<Effect> {
    if key.code != KeyCode::Esc && approving::noted(&mut confirm, key) {
        model.dialog = Some(Dialog::Confirm(confirm));
        return Vec::new();
    }
    match key.code {
        KeyCode::Esc => return cancelled(model),
        KeyCode::Enter => {
            return match confirm.button {
                Button::Cancel => cancelled(model),
                Button::Name | Button::Go | Button::Note => go(model, confirm),
            };
        }
        KeyCode::PageDown => scroll(model, &mut confirm, 5),
        KeyCode::PageUp => scroll(model, &mut confirm, -5),
        KeyCode::Down => scroll(model, &mut confirm, 1),
        KeyCode::Up => scroll(model, &mut confirm, -1),
        KeyCode::Left => confirm.button = Button::Cancel,
        KeyCode::Right if confirm.may_go() => confirm.button = Button::Go,
        KeyCode::Right => confirm.button = Button::Name,
        KeyCode::Tab | KeyCode::BackTab => {
            confirm.button = approving::next_button(&confirm);
        }
        _ if confirm.need == Need::TypedName && typed(&mut confirm.typed, key) => {
            // The operator has decided by typing the complete name, so Enter now presses the button that confirms.
            confirm.button = if confirm.may_go() {
                Button::Go
            } else {
                Button::Name
            };
        }
        _ => {}
    }
    model.dialog = Some(Dialog::Confirm(confirm));
    Vec::new()
}

/// The maximum length of a typed name, in characters.
const LONGEST: usize = 80;

/// Edits the end of a typed name by one key. Returns whether the key was used. The name cannot be pasted or completed,
/// because typing the name is the confirmation.
fn typed(name: &mut String, key: KeyEvent) -> bool {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Backspace => {
            name.pop();
        }
        KeyCode::Char('u') if ctrl => name.clear(),
        KeyCode::Char(c) if !ctrl && !c.is_control() => {
            if name.chars().count() < LONGEST {
                name.push(c);
            }
        }
        _ => return false,
    }
    true
}

/// Scrolls the text, but not past its end.
fn scroll(model: &Model, confirm: &mut Confirm, by: isize) {
    // The size of the dialog's text as `view` draws it, without the frame and the lines that do not scroll.
    let columns = usize::from(model.size.0.min(92)).saturating_sub(20).max(20);
    let rows = layout::dialog_rows(model.size).saturating_sub(8);
    let lines: usize = match &confirm.question {
        Question::Repair(plan) => repair_lines(plan, columns),
        Question::PeerApprove(status) => {
            let slots = model.in_slots(status.plan.target());
            let configuration = review::configuration(&status.plan, slots.as_ref());
            let reviewed = status.cases.len() + configuration.len();
            plan_lines(&status.plan, columns) + reviewed * 2
        }
        question => question.plan().map_or(0, |plan| plan_lines(plan, columns)),
    };
    let longest = lines.saturating_sub(rows);
    confirm.top = confirm.top.saturating_add_signed(by).min(longest);
}

fn plan_lines(plan: &Plan, columns: usize) -> usize {
    let calls = plan.calls.iter().flat_map(|planned| &planned.calls);
    let lines: usize = calls.map(|call| 1 + call.len() / columns).sum();
    lines + 8 + plan.warnings.len() * 2
}

fn repair_lines(plan: &RepairPlan, columns: usize) -> usize {
    let height = |length: usize| 1 + length / columns;
    let calls = plan
        .repair_actions
        .iter()
        .flat_map(|planned| &planned.calls);
    let calls: usize = calls.map(|call| height(call.len())).sum();
    let persons = plan
        .for_a_person()
        .map(|(_, remedy)| height(remedy.len() + 24));
    let items = plan
        .items
        .iter()
        .map(|item| 1 + height(item.drift.message.len() + 24));
    let costs = plan
        .costs()
        .iter()
        .map(|cost| height(cost.len()))
        .sum::<usize>();
    calls + plan.repair_actions.len() + persons.sum::<usize>() + items.sum::<usize>() + costs
}

fn cancelled(model: &mut Model) -> Vec<Effect> {
    model.leaving = false;
    super::say(model, Weight::Normal, "cancelled: nothing was changed");
    Vec::new()
}

fn go(model: &mut Model, confirm: Confirm) -> Vec<Effect> {
    if let Some(missing) = confirm.missing() {
        let text = format!("{missing}; Esc cancels");
        super::say(model, Weight::Prominent, &text);
        model.dialog = Some(Dialog::Confirm(confirm));
        return Vec::new();
    }
    // Removes the notice about an incomplete name.
    model.notice = None;
    let target = confirm.question.target().clone();
    // A question can be opened before its target is armed, and the arming may have ended since then.
    if !model.is_armed() || model.open.as_ref() != Some(&target) {
        let arm = model.keymap.shown(Action::Arm);
        let text =
            format!("nothing was changed: {target} is not armed. {arm} arms it, then answer again");
        model.dialog = Some(Dialog::Confirm(confirm));
        return super::refused(model, &text);
    }
    let by = model.operator.clone();
    let typed = (confirm.need == Need::TypedName).then_some(confirm.typed.as_str());
    let now = model.now;
    match confirm.question {
        Question::Begin(plan) => match Approval::give(&plan, Scope::Plan, by, typed, now) {
            Ok(approval) => vec![Effect::Begin { plan, approval }],
            Err(why) => super::refused(model, &why.to_string()),
        },
        Question::Step(status, step) => {
            match Approval::give(&status.plan, Scope::Step(step), by, typed, now) {
                Ok(approval) => vec![Effect::Say {
                    release: status.plan.release,
                    command: Command::Approve(approval),
                }],
                Err(why) => super::refused(model, &why.to_string()),
            }
        }
        Question::BackOut(status) => vec![Effect::Say {
            release: status.plan.release,
            command: Command::BackOut {
                by,
                reason: confirm
                    .note
                    .unwrap_or_else(|| "requested at the console".into()),
            },
        }],
        Question::Resume(found, resume_action) => {
            match Approval::give(found.plan(), Scope::Plan, by, typed, now) {
                Ok(approval) => vec![Effect::ResumeRelease {
                    target,
                    release: found.plan().release,
                    resume_action,
                    force: found.holder.as_ref().map(|holder| Force {
                        why: confirm.note.unwrap_or_default(),
                        from: holder.token,
                    }),
                    approval,
                }],
                Err(why) => super::refused(model, &why.to_string()),
            }
        }
        Question::Repair(plan) => match RepairApproval::give(&plan, by, typed, now) {
            Ok(approval) => {
                super::repair::confirmed(model, target);
                vec![Effect::Repair { plan, approval }]
            }
            Err(why) => super::refused(model, &why.to_string()),
        },
        Question::Ask(found) => match Approval::give(found.plan(), Scope::Plan, by, typed, now) {
            Ok(approval) => handover_request::ask(model, &found, approval, confirm.note),
            Err(why) => super::refused(model, &why.to_string()),
        },
        Question::PeerApprove(status) => vec![Effect::PeerApprove {
            target,
            release: status.plan.release,
            note: confirm.note.unwrap_or_default(),
        }],
        Question::EndStandby(status) => {
            let release = status.plan.release;
            if need_of(&status.plan, Step::Stop) == Need::Nothing {
                let command = Command::EndStandby;
                return vec![Effect::Say { release, command }];
            }
            // The approval of *stop* also ends the time during which the old version is kept warm.
            match Approval::give(&status.plan, Scope::Step(Step::Stop), by, typed, now) {
                Ok(approval) => vec![Effect::Say {
                    release,
                    command: Command::Approve(approval),
                }],
                Err(why) => super::refused(model, &why.to_string()),
            }
        }
    }
}
