//! The keys on a screen that is too small for panes. No question can be shown on such a screen, and an operator must
//! never answer a question that is not shown. So only quit works, and only if this console drives no release
//! and repairs no target.

use crossterm::event::KeyEvent;

use crate::console::action::Action;
use crate::console::effect::{Effect, ExitReason};
use crate::console::model::Model;

pub(super) fn pressed(model: &Model, key: KeyEvent) -> Vec<Effect> {
    let is_quit = model.keymap.action(key, model.focus) == Some(Action::Quit);
    if is_quit && !model.is_busy() {
        return vec![Effect::Leave(ExitReason::Quit)];
    }
    Vec::new()
}
