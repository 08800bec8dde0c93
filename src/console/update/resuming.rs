//! Resuming a release that this console does not drive. The console first reads the release, then the operator chooses
//! what to do. Every choice that changes the release asks for confirmation. Taking over the lock from another console
//! or command requires a reason, which the other operator sees.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent};

use super::{change, confirm, handover_request, line};
use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{
    Dialog, MessageDialog, Model, OpenReleases, Question, ResumeChoice, ResumeDialog, TextLine,
    Thinking, Weight,
};
use crate::history::ReleaseRecord;
use crate::inventory::{ReleaseId, Target};
use crate::release::{Interrupted, Refused, ResumeAction};

/// How titles name the release that is read.
const OPEN_RELEASE: &str = "the open release";

pub(super) fn begin(model: &mut Model, target: Target) -> Vec<Effect> {
    read(model, target, None)
}

fn read(model: &mut Model, target: Target, release: Option<ReleaseId>) -> Vec<Effect> {
    model.request_id += 1;
    model.dialog = Some(Dialog::Thinking(Thinking {
        request_id: model.request_id,
        target: target.clone(),
        name: OPEN_RELEASE.to_owned(),
    }));
    vec![Effect::FindInterrupted {
        request_id: model.request_id,
        target,
        release,
    }]
}

/// Several releases of the target are open, so the operator has to choose one.
pub(super) fn found_several(
    model: &mut Model,
    request_id: u64,
    releases: Vec<ReleaseRecord>,
) -> Vec<Effect> {
    let is_awaited = matches!(&model.dialog, Some(Dialog::Thinking(thinking)) if thinking.request_id == request_id);
    if is_awaited {
        model.dialog = Some(Dialog::OpenReleases(OpenReleases { releases, row: 0 }));
    }
    Vec::new()
}

/// Handles a key in the list of open releases. Choosing a release only reads that release.
pub(super) fn choosing(model: &mut Model, mut list: OpenReleases, key: KeyCode) -> Vec<Effect> {
    match key {
        KeyCode::Esc => return later(model),
        KeyCode::Enter => {
            if let Some(chosen) = list.releases.get(list.row) {
                return read(model, chosen.target.clone(), Some(chosen.id));
            }
        }
        _ => list.row = super::dialog::moved(list.row, list.releases.len(), key),
    }
    model.dialog = Some(Dialog::OpenReleases(list));
    Vec::new()
}

pub(super) fn found(
    model: &mut Model,
    request_id: u64,
    found: Result<Arc<Interrupted>, Refused>,
) -> Vec<Effect> {
    let target = match &model.dialog {
        Some(Dialog::Thinking(thinking)) if thinking.request_id == request_id => {
            thinking.target.clone()
        }
        // If the operator has closed the dialog, the answer is not wanted any more.
        _ => return Vec::new(),
    };
    match found {
        Ok(found) => {
            let has_asked = handover_request::waits_for(model, &found);
            model.dialog = Some(Dialog::Resume(ResumeDialog {
                found,
                has_asked,
                row: 0,
            }));
        }
        Err(refused) => {
            let title = format!("reading {OPEN_RELEASE} of {target}");
            confirm::refuse(model, title, &refused);
        }
    }
    Vec::new()
}

pub(super) fn pressed(model: &mut Model, mut dialog: ResumeDialog, key: KeyCode) -> Vec<Effect> {
    match key {
        KeyCode::Esc => later(model),
        KeyCode::Enter => match dialog.chosen() {
            ResumeChoice::Later => later(model),
            ResumeChoice::WithdrawRequest => handover_request::take_back(model),
            choice @ (ResumeChoice::Ask | ResumeChoice::Resume(_)) => {
                choose(model, dialog.found, choice)
            }
        },
        _ => {
            dialog.row = super::dialog::moved(dialog.row, dialog.choices().len(), key);
            model.dialog = Some(Dialog::Resume(dialog));
            Vec::new()
        }
    }
}

fn later(model: &mut Model) -> Vec<Effect> {
    let resume_key = model.keymap.shown(Action::Resume);
    let text = format!("nothing was decided: {resume_key} asks again");
    super::say(model, Weight::Normal, &text);
    Vec::new()
}

fn choose(model: &mut Model, found: Arc<Interrupted>, choice: ResumeChoice) -> Vec<Effect> {
    let resume_action = match choice {
        ResumeChoice::Resume(resume_action) => resume_action,
        _ => ResumeAction::Continue,
    };
    if let Some(refused) = found.against(resume_action) {
        let title = format!("{} {}", resume_action.as_str(), found.plan().target());
        confirm::refuse(model, title, refused);
        return Vec::new();
    }
    // The holder of the lock drives the release, or repairs the target. So the operator is first asked for a message to
    // the holder.
    if found.holder.is_some() {
        model.dialog = Some(Dialog::Message(MessageDialog {
            found,
            choice,
            line: TextLine::default(),
        }));
    } else {
        let need = found.need(resume_action);
        change::ask(model, Question::Resume(found, resume_action), need);
    }
    Vec::new()
}

/// Handles a key while a message to the holder of the lock is typed.
pub(super) fn typed(model: &mut Model, mut dialog: MessageDialog, key: KeyEvent) -> Vec<Effect> {
    match key.code {
        KeyCode::Esc => return later(model),
        KeyCode::Enter => return message_typed(model, dialog),
        _ => {
            if let Some(request) = line::editing(key) {
                dialog.line.edit(request);
            }
        }
    }
    model.dialog = Some(Dialog::Message(dialog));
    Vec::new()
}

fn message_typed(model: &mut Model, dialog: MessageDialog) -> Vec<Effect> {
    let text = crate::sanitize::sanitize(dialog.line.text().trim());
    let note = (!text.is_empty()).then_some(text);
    let (question, need) = match dialog.choice {
        ResumeChoice::Resume(_) if note.is_none() => {
            let text =
                "another console or command holds the lock: type why you take over the release";
            model.dialog = Some(Dialog::Message(dialog));
            return super::refused(model, text);
        }
        ResumeChoice::Resume(resume_action) => {
            let need = dialog.found.need(resume_action);
            (Question::Resume(dialog.found, resume_action), need)
        }
        _ => {
            let need = dialog.found.need_to_ask();
            (Question::Ask(dialog.found), need)
        }
    };
    change::ask(model, question, need);
    if let Some(Dialog::Confirm(confirm)) = &mut model.dialog {
        confirm.note = note;
    }
    Vec::new()
}
