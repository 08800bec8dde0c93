//! The palette: finds actions, targets and themes by name, the best match first. Enter runs the entry under the cursor.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::text::Line;

use super::matching::{key_names, matching};
use super::themes;
use crate::console::action::{Action, Scope};
use crate::console::effect::Effect;
use crate::console::keymap::Bound;
use crate::console::layout::dialog_rows;
use crate::console::model::{Dialog, Model, Pane, TextLine, why_not};
use crate::console::sheet::{Sheet, wrapped};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::console::update::{look, target};
use crate::console::view::{pane, text};
use crate::inventory::Target;

/// The dialog that finds an action, a target or a theme by its name.
#[derive(Debug, Clone, Default)]
pub struct Palette {
    pub line: TextLine,
    pub row: usize,
}

pub(in crate::console) fn open(model: &mut Model) {
    model.notice = None;
    let mut palette = Palette::default();
    // The cursor starts on the first available action. After text was typed, the cursor is on the best match.
    let found = palette_entries(model, &palette);
    let possible = found.iter().position(|found| found.why_not.is_none());
    palette.row = possible.unwrap_or_default();
    model.show(palette);
}

impl Dialog for Palette {
    fn pressed(mut self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        let found = palette_entries(model, &self);
        let last = found.len().saturating_sub(1);
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => {
                let Some(chosen) = found.into_iter().nth(self.row) else {
                    model.keep(self);
                    return model.refused("no action, target or theme matches this text");
                };
                return run_choice(model, chosen.choice, chosen.why_not);
            }
            KeyCode::Up => self.row = self.row.saturating_sub(1),
            KeyCode::Char('p') if ctrl => self.row = self.row.saturating_sub(1),
            KeyCode::Down | KeyCode::Tab => self.row = (self.row + 1).min(last),
            KeyCode::Char('n') if ctrl => self.row = (self.row + 1).min(last),
            KeyCode::PageUp => self.row = self.row.saturating_sub(10),
            KeyCode::PageDown => self.row = (self.row + 10).min(last),
            _ => {
                if self.line.pressed(key) {
                    self.row = 0;
                }
            }
        }
        model.keep(self)
    }

    fn pasted(&mut self, _: &Model, text: &str) -> Result<Vec<Effect>, &'static str> {
        self.line.paste(text.trim());
        self.row = 0;
        Ok(Vec::new())
    }

    fn sheet(&self, model: &Model, theme: &Theme, columns: usize) -> Sheet {
        let mut sheet = Sheet::new("Find an action, a target or a theme");
        let found = palette_entries(model, self);
        let typed = format!("{}_", self.line.text());
        sheet.body.push(Line::from(vec![
            theme.span(format!("{} ", theme.glyph(Glyph::Cursor)), Meaning::Key),
            theme.span(typed, Meaning::Text),
        ]));
        sheet.body.push(Line::default());
        let height = dialog_rows(model.size)
            .saturating_sub(6 + DETAIL_LINES)
            .max(1);
        let top = pane::top(self.row, found.len(), height);
        let names = found.iter().map(|found| text::width(&found.name)).max();
        let names = names.unwrap_or(0).clamp(12, (columns / 3).max(12)) + 2;
        for (index, found) in found.iter().enumerate().skip(top).take(height) {
            let selected = index == self.row;
            sheet.body.push(row(theme, found, selected, names, columns));
        }
        if found.is_empty() {
            let message = "no entry matches: Ctrl-U clears the line";
            sheet
                .body
                .push(Line::from(theme.span(message, Meaning::Muted)));
        }
        // The dialog keeps its height while the list gets shorter.
        sheet.body.resize_with(height + 2, Line::default);
        // A row may be too narrow for its text, so the text of the row under the cursor is repeated below the list.
        let chosen = found.get(self.row);
        let mut details = chosen.map_or_else(Vec::new, |found| {
            let (description, meaning) = described(found);
            wrapped(theme, &description, columns, meaning)
        });
        details.resize(DETAIL_LINES, Line::default());
        sheet.foot = details;
        sheet.keys(
            theme,
            &[
                ("type", "to find"),
                ("Up Down", "choose"),
                ("Enter", "do it"),
                ("Esc", "close"),
            ],
        );
        sheet
    }
}

/// What Enter on an entry of the palette does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaletteChoice {
    /// Run the action.
    Act(Action),
    Open(Target),
    UseTheme(String),
}

/// An entry of the palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub choice: PaletteChoice,
    /// The names of the keys, separated by spaces. Empty for a target, a theme, or an action without a key.
    pub keys: String,
    pub name: String,
    /// What Enter does, in a few words.
    pub help: String,
    /// Why the entry cannot be used now.
    pub why_not: Option<String>,
}

/// All entries that match the typed text, the best match first. Without a text, all entries: first the actions, then
/// the targets, then the themes.
pub fn palette_entries(model: &Model, palette: &Palette) -> Vec<Found> {
    let mut entries: Vec<Found> = model
        .keymap
        .lines()
        .filter(|bound| bound.binding.action != Action::Palette)
        .map(|bound| of_action(model, bound))
        .collect();
    let environments = &model.world.environments;
    for service in &model.world.services {
        for (environment, _) in environments {
            let target = Target::new(service.clone(), environment.clone());
            if model.world.get(&target).is_some() {
                entries.push(of_target(model, target));
            }
        }
    }
    entries.extend(model.looks.themes.iter().map(|name| Found {
        choice: PaletteChoice::UseTheme(name.clone()),
        keys: String::new(),
        name: format!("theme {name}"),
        help: "use this theme".into(),
        why_not: (model.theme() == name).then(|| "this theme is in use already".into()),
    }));
    matching(palette.line.text(), entries, |found| {
        (found.name.clone(), found.help.clone())
    })
}

fn of_action(model: &Model, bound: &Bound) -> Found {
    let binding = bound.binding;
    Found {
        choice: PaletteChoice::Act(binding.action),
        keys: key_names(bound),
        name: binding.label.to_owned(),
        help: binding.help.to_owned(),
        why_not: why_not(model, binding.action),
    }
}

fn of_target(model: &Model, target: Target) -> Found {
    let is_open = model.open.as_ref() == Some(&target);
    Found {
        keys: String::new(),
        name: format!("open {target}"),
        help: format!("open this target ({})", model.tier(&target)),
        why_not: is_open.then(|| "this target is open already".into()),
        choice: PaletteChoice::Open(target),
    }
}

fn run_choice(model: &mut Model, choice: PaletteChoice, why_not: Option<String>) -> Vec<Effect> {
    match choice {
        // An unavailable action is run too: it shows the reason, as it does when its key is pressed.
        PaletteChoice::Act(action) => {
            focus_for(model, action);
            model.chosen_action = Some(action);
            Vec::new()
        }
        PaletteChoice::Open(target) => match why_not {
            Some(why) => model.refused(&why),
            None => target::open(model, target),
        },
        PaletteChoice::UseTheme(name) => {
            themes::use_theme(model, &name);
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

/// The number of lines below the list, which repeat the text of the row under the cursor.
const DETAIL_LINES: usize = 2;

const KEY_COLUMNS: usize = 10;

fn row<'a>(theme: &Theme, found: &Found, selected: bool, names: usize, columns: usize) -> Line<'a> {
    let possible = found.why_not.is_none();
    let (mark, meaning) = match (selected, possible) {
        (true, _) => (theme.glyph(Glyph::Cursor), Meaning::Selection),
        (false, true) => (" ", Meaning::Text),
        (false, false) => (" ", Meaning::Muted),
    };
    let name = text::pad(&found.name, names, theme);
    let mut line = Line::from(vec![
        theme.span(format!("{mark} "), Meaning::Key),
        theme.span(name, meaning),
        theme.span(text::pad(&found.keys, KEY_COLUMNS, theme), Meaning::Key),
    ]);
    let room = columns.saturating_sub(line.width());
    let (description, meaning) = described(found);
    line.push_span(theme.span(text::cut(&description, room, theme), meaning));
    line
}

/// What Enter does on a row, or why the row cannot be used now.
fn described(found: &Found) -> (String, Meaning) {
    match &found.why_not {
        Some(why) => (format!("not now: {why}"), Meaning::Warn),
        None => (found.help.clone(), Meaning::Muted),
    }
}
