//! The dialog that asks what to do about a failed step, with a line for a note.

use crossterm::event::{KeyCode, KeyEvent};

use super::{change, line};
use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{Dialog, Failure, Model, Weight};
use crate::release::{Choice, Command};

pub(super) fn pressed(model: &mut Model, mut failure: Failure, key: KeyEvent) -> Vec<Effect> {
    if failure.is_noting {
        match key.code {
            // The note is kept, and the answers get the focus again.
            KeyCode::Enter | KeyCode::Esc | KeyCode::Tab => failure.is_noting = false,
            _ => {
                if let Some(request) = line::editing(key) {
                    failure.note.edit(request);
                }
            }
        }
        model.dialog = Some(Dialog::Failure(failure));
        return Vec::new();
    }
    match key.code {
        KeyCode::Esc => return later(model),
        KeyCode::Enter => {
            let chosen = failure.row.checked_sub(1);
            let chosen = chosen.and_then(|row| failure.choices.get(row)).copied();
            return match chosen {
                Some(choice) => answer(model, failure, choice),
                None => later(model),
            };
        }
        KeyCode::Char('n') => failure.is_noting = true,
        code => failure.row = super::dialog::moved(failure.row, failure.choices.len() + 1, code),
    }
    model.dialog = Some(Dialog::Failure(failure));
    Vec::new()
}

fn later(model: &mut Model) -> Vec<Effect> {
    let approve = model.keymap.shown(Action::Approve);
    let text = format!("nothing was decided: {approve} asks again");
    super::say(model, Weight::Normal, &text);
    Vec::new()
}

fn answer(model: &mut Model, failure: Failure, choice: Choice) -> Vec<Effect> {
    let target = failure.status.plan.target().clone();
    if model.open.as_ref() != Some(&target) || !model.is_armed() {
        let arm = model.keymap.shown(Action::Arm);
        let text = format!("not armed: {arm} arms {target}, then answer again");
        // The dialog stays open, because the operator may have typed a note.
        model.dialog = Some(Dialog::Failure(failure));
        return super::refused(model, &text);
    }
    let note = crate::sanitize::sanitize(failure.note.text().trim());
    let note = (!note.is_empty()).then_some(note);
    if choice == Choice::BackOut && failure.status.may_have_switched {
        // After the switch, backing out moves traffic, so the answer needs the same confirmation as every change of
        // traffic.
        change::ask_back_out(model, failure.status, note);
        return Vec::new();
    }
    vec![Effect::Say {
        release: failure.status.plan.release,
        command: Command::Choose {
            choice,
            by: model.operator.clone(),
            note,
        },
    }]
}
