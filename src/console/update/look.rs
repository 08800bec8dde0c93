//! The actions that change only the screen: zoom, hidden log, focus, palette, help, theme, mouse, suspend.

use crossterm::event::{KeyCode, KeyEvent};

use super::line;
use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{
    Dialog, Help, Model, Palette, Pane, ThemeChoice, Weight, palette_entries,
};

pub(super) fn zoom(model: &mut Model) -> Vec<Effect> {
    if model.looks.zoomed {
        let key = model.keymap.shown(Action::Unzoom);
        let text = format!("one pane fills the screen already: {key} shows all panes");
        return super::refused(model, &text);
    }
    model.looks.zoomed = true;
    Vec::new()
}

pub(super) fn unzoom(model: &mut Model) -> Vec<Effect> {
    if !model.looks.zoomed {
        return super::refused(model, "no pane is zoomed");
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
    super::say(model, Weight::Normal, &text);
    Vec::new()
}

/// Focuses a pane. Focusing the log also shows it again if it was hidden.
pub(super) fn focus(model: &mut Model, pane: Pane) {
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

pub(super) fn palette(model: &mut Model) -> Vec<Effect> {
    model.notice = None;
    let mut palette = Palette::default();
    // The cursor starts on the first available action. After text was typed, the cursor is on the best match.
    let found = palette_entries(model, &palette);
    let possible = found.iter().position(|found| found.why_not.is_none());
    palette.row = possible.unwrap_or_default();
    model.dialog = Some(Dialog::Palette(palette));
    Vec::new()
}

/// Handles a key while the help is open: the key closes the help, scrolls, or edits the search.
pub(super) fn helping(model: &mut Model, mut help: Help, key: KeyEvent) -> Vec<Effect> {
    match key.code {
        KeyCode::Esc | KeyCode::Enter => return Vec::new(),
        KeyCode::Char('?') if help.line.text().is_empty() => return Vec::new(),
        KeyCode::Up => help.top = help.top.saturating_sub(1),
        KeyCode::Down => help.top = help.top.saturating_add(1),
        KeyCode::PageUp => help.top = help.top.saturating_sub(10),
        KeyCode::PageDown => help.top = help.top.saturating_add(10),
        _ => {
            if line::editing(key).is_some_and(|request| help.line.edit(request)) {
                help.top = 0;
            }
        }
    }
    // Stops near the last line. The number 16 allows for the headings and empty lines.
    let last = model.keymap.lines().count() + 16;
    help.top = help.top.min(last);
    model.dialog = Some(Dialog::Help(help));
    Vec::new()
}

pub(super) fn themes(model: &mut Model) -> Vec<Effect> {
    let current = model.theme().to_owned();
    let row = model.looks.themes.iter().position(|name| *name == current);
    let Some(row) = row else {
        return super::refused(
            model,
            "the themes cannot be listed: the theme in use is not one of them",
        );
    };
    model.notice = None;
    model.dialog = Some(Dialog::Themes(ThemeChoice { row }));
    Vec::new()
}

/// Handles a key while the themes are listed. The screen is drawn with the theme under the cursor. Enter uses that
/// theme until the console ends, Esc restores the previous one.
pub(super) fn choosing_theme(model: &mut Model, choice: ThemeChoice, key: KeyCode) -> Vec<Effect> {
    let last = model.looks.themes.len().saturating_sub(1);
    let row = match key {
        KeyCode::Esc => return Vec::new(),
        KeyCode::Enter => {
            let name = model.looks.themes.get(choice.row).cloned();
            if let Some(name) = name {
                use_theme(model, &name);
            }
            return Vec::new();
        }
        KeyCode::Up | KeyCode::Char('k') => choice.row.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') | KeyCode::Tab => (choice.row + 1).min(last),
        KeyCode::Home | KeyCode::Char('g') => 0,
        KeyCode::End | KeyCode::Char('G') => last,
        _ => choice.row,
    };
    model.dialog = Some(Dialog::Themes(ThemeChoice { row }));
    Vec::new()
}

/// Uses a theme until the console ends, for the tier of the open target or for all tiers without their own theme.
pub(super) fn use_theme(model: &mut Model, name: &str) {
    let tier = model.open_tier();
    model.looks.wear(tier, name);
    let (scope, setting) = match tier.filter(|_| model.looks.has_own(tier)) {
        Some(tier) => (
            format!("for now for {tier} targets"),
            format!("theme_by_tier.{tier}"),
        ),
        None => ("for now".to_owned(), "theme".to_owned()),
    };
    let text = format!(
        "theme {name} is used {scope}; to keep it, set {setting} in [console] of the configuration"
    );
    super::say(model, Weight::Normal, &text);
}

pub(super) fn mouse(model: &mut Model) -> Vec<Effect> {
    model.looks.mouse = !model.looks.mouse;
    let key = model.keymap.shown(Action::Mouse);
    let text = if model.looks.mouse {
        format!("the console now receives clicks and the wheel; {key} leaves them to the terminal")
    } else {
        "the terminal receives clicks and the wheel again".to_owned()
    };
    super::say(model, Weight::Normal, &text);
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
        return super::refused(model, &text);
    }
    if let Some(target) = model.repairing.first() {
        let text = format!(
            "{target} is being repaired: suspending would stop the repair halfway; \
             wait until it has ended"
        );
        return super::refused(model, &text);
    }
    if !model.has_shell {
        return super::refused(
            model,
            "this console was not started from a shell, so no shell could continue it",
        );
    }
    vec![Effect::Suspend]
}
