//! The actions that change only the screen: zoom, hidden log, focus, mouse, suspend.

use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{Model, Pane, Weight};

pub(super) fn zoom(model: &mut Model) -> Vec<Effect> {
    if model.looks.zoomed {
        let key = model.keymap.shown(Action::Unzoom);
        let text = format!("one pane fills the screen already: {key} shows all panes");
        return model.refused(&text);
    }
    model.looks.zoomed = true;
    Vec::new()
}

pub(super) fn unzoom(model: &mut Model) -> Vec<Effect> {
    if !model.looks.zoomed {
        return model.refused("no pane is zoomed");
    }
    model.looks.zoomed = false;
    Vec::new()
}

pub(super) fn hide_log(model: &mut Model) -> Vec<Effect> {
    model.looks.log_hidden = !model.looks.log_hidden;
    if !model.looks.log_hidden {
        return Vec::new();
    }
    if model.focus == Pane::Logs {
        model.focus = Pane::Environments;
    }
    let key = model.keymap.shown(Action::HideLog);
    let text = format!("the log is hidden but still followed: {key} shows it again");
    model.say(Weight::Normal, &text);
    Vec::new()
}

/// Focuses a pane. Focusing the log also shows it again if it was hidden.
pub(in crate::console) fn focus(model: &mut Model, pane: Pane) {
    if pane == Pane::Logs {
        model.looks.log_hidden = false;
    }
    model.focus = pane;
}

/// Focuses the pane `by` places after the focused pane, and skips a hidden log.
pub(super) fn step(model: &mut Model, by: usize) {
    model.focus = model.focus.step(by);
    if model.focus == Pane::Logs && model.looks.log_hidden {
        model.focus = model.focus.step(by);
    }
}

pub(super) fn mouse(model: &mut Model) -> Vec<Effect> {
    model.looks.mouse = !model.looks.mouse;
    let key = model.keymap.shown(Action::Mouse);
    let text = if model.looks.mouse {
        format!("the console now receives clicks and the wheel; {key} leaves them to the terminal")
    } else {
        "the terminal receives clicks and the wheel again".to_owned()
    };
    model.say(Weight::Normal, &text);
    vec![Effect::Mouse(model.looks.mouse)]
}

/// Stops the process and returns to the shell. Refused without a shell, and while this console drives a release or a
/// repair: the driver would stop too, its lock would expire, and the release would be interrupted.
pub(super) fn suspend(model: &mut Model) -> Vec<Effect> {
    if model.in_flight().next().is_some() {
        let quit = model.keymap.shown(Action::Quit);
        let text = format!(
            "suspending would stop the release that this console drives; {quit} asks how to quit"
        );
        return model.refused(&text);
    }
    if let Some(target) = model.repairing.first() {
        let text = format!(
            "{target} is being repaired: suspending would stop the repair halfway; \
             wait until it has ended"
        );
        return model.refused(&text);
    }
    if !model.has_shell {
        return model
            .refused("this console was not started from a shell, so no shell could continue it");
    }
    vec![Effect::Suspend]
}
