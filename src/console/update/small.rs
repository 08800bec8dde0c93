//! A screen that is too small for panes shows no question. So a key does nothing there but quit, and quits only where
//! nothing would have to be asked: an operator never answers what is not on the screen.

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
