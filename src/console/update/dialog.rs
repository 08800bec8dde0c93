//! Passes a key or a pasted text to the open dialog.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{change, keys};
use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{Model, Scrolling};

pub(super) fn pressed(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    if ctrl && key.code == KeyCode::Char('l') {
        return vec![Effect::Repaint];
    }
    if arms(model, key) {
        return change::arm(model);
    }
    let Some(dialog) = model.dialog.take() else {
        return Vec::new();
    };
    let scrolling = dialog.scrolling();
    if let Some(lines) = scrolling.by(key.code) {
        model.scroll.by(lines);
        return model.keep(dialog);
    }
    if scrolling == Scrolling::Pages {
        model.scroll.by(isize::MIN);
    }
    if key.code == KeyCode::Esc || ctrl && key.code == KeyCode::Char('c') {
        return dialog.escaped(model);
    }
    let mut effects = dialog.pressed(model, key);
    if let Some(action) = model.chosen_action.take() {
        effects.extend(keys::run(model, action));
    }
    effects
}

/// Whether the key arms the target of the open question.
fn arms(model: &Model, key: KeyEvent) -> bool {
    let target = model.dialog.as_ref().and_then(|dialog| dialog.arms());
    target.is_some()
        && !model.is_armed()
        && model.open.as_ref() == target
        && model.keymap.action(key, model.focus) == Some(Action::Arm)
}

/// Inserts a pasted text into the text line that has the focus. A name that confirms a change cannot be pasted.
pub(super) fn pasted(model: &mut Model, text: &str) -> Vec<Effect> {
    let Some(mut dialog) = model.dialog.take() else {
        return model.refused("the pasted text was ignored: no text line is open");
    };
    let pasted = dialog.pasted(model, text);
    model.dialog = Some(dialog);
    match pasted {
        Ok(effects) => effects,
        Err(why) => model.refused(why),
    }
}
