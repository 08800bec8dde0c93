//! The keys of the palette: typing searches, and Enter runs the entry under the cursor.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{keys, line, look};
use crate::console::action::{Action, Scope};
use crate::console::effect::Effect;
use crate::console::model::{Dialog, Model, Palette, PaletteChoice, Pane, palette_entries};

pub(super) fn pressed(model: &mut Model, mut palette: Palette, key: KeyEvent) -> Vec<Effect> {
    let found = palette_entries(model, &palette);
    let last = found.len().saturating_sub(1);
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Esc => return Vec::new(),
        KeyCode::Enter => {
            let Some(chosen) = found.into_iter().nth(palette.row) else {
                model.dialog = Some(Dialog::Palette(palette));
                return super::refused(model, "no action, target or theme matches this text");
            };
            return done(model, chosen.choice, chosen.why_not);
        }
        KeyCode::Up => palette.row = palette.row.saturating_sub(1),
        KeyCode::Char('p') if ctrl => palette.row = palette.row.saturating_sub(1),
        KeyCode::Down | KeyCode::Tab => palette.row = (palette.row + 1).min(last),
        KeyCode::Char('n') if ctrl => palette.row = (palette.row + 1).min(last),
        KeyCode::PageUp => palette.row = palette.row.saturating_sub(10),
        KeyCode::PageDown => palette.row = (palette.row + 10).min(last),
        _ => {
            if line::editing(key).is_some_and(|request| palette.line.edit(request)) {
                palette.row = 0;
            }
        }
    }
    model.dialog = Some(Dialog::Palette(palette));
    Vec::new()
}

fn done(model: &mut Model, choice: PaletteChoice, why_not: Option<String>) -> Vec<Effect> {
    match choice {
        // An unavailable action is run too: it shows the reason, as it does when its key is pressed.
        PaletteChoice::Act(action) => {
            focus_for(model, action);
            keys::run(model, action)
        }
        PaletteChoice::Open(target) => match why_not {
            Some(why) => super::refused(model, &why),
            None => keys::open_target(model, target),
        },
        PaletteChoice::Wear(name) => {
            look::use_theme(model, &name);
            Vec::new()
        }
    }
}

/// Focuses the pane in which the action applies.
fn focus_for(model: &mut Model, action: Action) {
    let scope = model.keymap.line(action).map(|bound| bound.binding.scope);
    match scope {
        Some(Scope::Environments) => look::focus(model, Pane::Environments),
        Some(Scope::Logs) => look::focus(model, Pane::Logs),
        Some(Scope::Everywhere | Scope::History) | None => {}
    }
}
