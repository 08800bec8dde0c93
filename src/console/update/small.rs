//! A screen that is too small for panes shows no question. So no key works there except quit, and quit only if it
//! needs no question: an operator must never answer what is not on the screen.

use crossterm::event::KeyEvent;

use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::Model;
use crate::console::run::ExitReason;

pub(super) fn pressed(model: &Model, key: KeyEvent) -> Vec<Effect> {
    let is_quit = model.keymap.action(key, model.focus) == Some(Action::Quit);
    if is_quit && !model.is_busy() {
        return vec![Effect::Leave(ExitReason::Quit)];
    }
    Vec::new()
}
