//! The key that approves. Depending on the open target, the key opens the question about the waiting step, the choice
//! after a failed step, or the approval of another operator's release. If only other operators can approve, a page
//! shows who can and how.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::change::{armed_target, ask, not_here};
use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{Button, Confirm, Dialog, Model, Question};
use crate::release::{Need, Progress, Status, need_to_peer_approve};
use crate::sanitize::sanitize;

pub(super) fn approve(model: &mut Model) -> Vec<Effect> {
    // The page about missing approvals changes nothing, so it opens without arming the target.
    let lacks = |status: &Arc<Status>| model.lacks_approvals(status);
    if model.release_in_flight().is_some_and(lacks) {
        return open(model);
    }
    if armed_target(model).is_none() {
        return Vec::new();
    }
    open(model)
}

/// Opens the question that waits for an answer in the open target, or shows that no question waits. The operator can
/// only answer while the target is armed.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    let open = model.open.clone();
    let peer_approvable = open.and_then(|open| model.peer_approvable(&open));
    if let Some(status) = peer_approvable.map(|observed| Arc::clone(&observed.status)) {
        let need = need_to_peer_approve(&status.plan);
        ask(model, Question::PeerApprove(status), need);
        return Vec::new();
    }
    let Some(status) = model.release_in_flight().cloned() else {
        let promote = model.keymap.shown(Action::Promote);
        let otherwise =
            format!("this console drives no release of this target: {promote} starts one");
        let text = not_here(model, &otherwise);
        return super::refused(model, &text);
    };
    if model.lacks_approvals(&status) {
        model.dialog = Some(Dialog::Lacking(status.plan.target().clone()));
        return Vec::new();
    }
    if let Progress::Asking { step, need, .. } = status.progress {
        ask(model, Question::Step(status, step), need);
        return Vec::new();
    }
    if let Some(failure) = super::release::failure(&status) {
        model.dialog = Some(Dialog::Failure(failure));
        return Vec::new();
    }
    super::refused(model, "no step waits for your answer")
}

/// Whether the key arms the target of the open question. A question can be opened before its target is armed.
pub(super) fn arms(model: &Model, key: KeyEvent) -> bool {
    let target = match &model.dialog {
        Some(Dialog::Confirm(confirm)) if confirm.button != Button::Note => {
            confirm.question.target()
        }
        Some(Dialog::Failure(failure)) if !failure.is_noting => failure.status.plan.target(),
        Some(Dialog::Handover(handover)) => handover.status.plan.target(),
        _ => return false,
    };
    !model.is_armed()
        && model.open.as_ref() == Some(target)
        && model.keymap.action(key, model.focus) == Some(Action::Arm)
}

/// The maximum length of a note, in characters.
const LONGEST: usize = 200;

/// Handles a key while the note of an approval has the focus. Returns whether the key was used.
pub(super) fn noted(confirm: &mut Confirm, key: KeyEvent) -> bool {
    if confirm.button != Button::Note {
        return false;
    }
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    let note = confirm.note.get_or_insert_default();
    match key.code {
        KeyCode::Enter => confirm.button = after_note(confirm),
        KeyCode::Backspace => drop(note.pop()),
        KeyCode::Char('u') if ctrl => note.clear(),
        KeyCode::Char(c) if !ctrl && !c.is_control() => add(note, &c.to_string()),
        _ => return false,
    }
    true
}

pub(super) fn pasted(note: &mut String, text: &str) {
    add(note, text.trim());
}

fn add(note: &mut String, text: &str) {
    let room = LONGEST.saturating_sub(note.chars().count());
    note.extend(sanitize(text).chars().take(room));
}

/// The part that Tab focuses next. If there is a note, the note comes after the part that had the focus when the dialog
/// opened.
pub(super) fn next_button(confirm: &Confirm) -> Button {
    let is_typed = confirm.need == Need::TypedName;
    let confirming = if confirm.may_go() {
        Button::Go
    } else {
        Button::Name
    };
    match confirm.button {
        Button::Cancel if confirm.takes_note() && !is_typed => Button::Note,
        Button::Cancel => confirming,
        Button::Name | Button::Go if confirm.takes_note() && is_typed => Button::Note,
        Button::Note if !is_typed => confirming,
        Button::Name | Button::Go | Button::Note => Button::Cancel,
    }
}

/// The part that gets the focus when Enter ends the note. Never the button that confirms, so that a second Enter
/// changes nothing.
pub(super) fn after_note(confirm: &Confirm) -> Button {
    match confirm.need {
        Need::TypedName => Button::Name,
        Need::Nothing | Need::Confirmation => Button::Cancel,
    }
}
