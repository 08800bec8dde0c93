//! The dialog that asks how to quit while this console drives releases.

use std::sync::Arc;

use crossterm::event::KeyCode;

use super::change;
use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::Dialog;
use crate::console::model::{Leave, Leaving, Model, Weight};
use crate::console::run::ExitReason;
use crate::release::Command;

pub(super) fn pressed(model: &mut Model, mut leaving: Leaving, key: KeyCode) -> Vec<Effect> {
    match key {
        KeyCode::Esc => Vec::new(),
        KeyCode::Enter => {
            let answer = Leave::ALL.get(leaving.row).copied();
            leave(model, answer.unwrap_or(Leave::Stay))
        }
        _ => {
            leaving.row = super::dialog::moved(leaving.row, Leave::ALL.len(), key);
            model.dialog = Some(Dialog::Leaving(leaving));
            Vec::new()
        }
    }
}

fn leave(model: &mut Model, answer: Leave) -> Vec<Effect> {
    if answer == Leave::Stay {
        return Vec::new();
    }
    // The releases may have ended while the dialog was open.
    if !model.is_busy() {
        return vec![Effect::Leave(ExitReason::Quit)];
    }
    if answer == Leave::AfterStep {
        let text = "the console quits as soon as the current step is done";
        super::say(model, Weight::Normal, text);
        model.leaving = true;
        return model
            .in_flight()
            .map(|status| Effect::Say {
                release: status.plan.release,
                command: Command::Interrupt {
                    reason: "the operator quit the console".into(),
                },
            })
            .collect();
    }
    let driven: Vec<_> = model.in_flight().cloned().collect();
    let [status] = driven.as_slice() else {
        let back_out = model.keymap.shown(Action::BackOut);
        let text = format!(
            "this console drives several releases: back out each with {back_out}, then quit"
        );
        return super::refused(model, &text);
    };
    let status = Arc::clone(status);
    if model.open.as_ref() != Some(status.plan.target()) || !model.is_armed() {
        let (arm, quit) = (
            model.keymap.shown(Action::Arm),
            model.keymap.shown(Action::Quit),
        );
        let text = format!(
            "{} is not armed: open it, {arm} arms it, then {quit} asks again",
            status.plan.target()
        );
        return super::refused(model, &text);
    }
    model.leaving = true;
    change::ask_back_out(model, status, None);
    Vec::new()
}
