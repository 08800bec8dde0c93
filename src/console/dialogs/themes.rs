//! The list of themes. The whole screen is drawn in the theme under the cursor, and samples are shown next to
//! the names.

use crossterm::event::{KeyCode, KeyEvent};

use crate::console::effect::Effect;
use crate::console::model::{Dialog, Looks, Model, Weight, moved};
use crate::console::sheet::{Sheet, Top, row};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::console::view::text;

/// Asks for a theme. The screen is drawn with the theme under the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThemeChoice {
    pub row: usize,
}

pub(in crate::console) fn open(model: &mut Model) -> Vec<Effect> {
    let current = model.theme().to_owned();
    let row = model.looks.themes.iter().position(|name| *name == current);
    let Some(row) = row else {
        return model.refused("the themes cannot be listed: the theme in use is not one of them");
    };
    model.notice = None;
    model.show(ThemeChoice { row });
    Vec::new()
}

impl Dialog for ThemeChoice {
    /// Enter uses the theme under the cursor until the console ends.
    fn pressed(mut self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        let last = model.looks.themes.len().saturating_sub(1);
        match key.code {
            KeyCode::Enter => {
                if let Some(name) = model.looks.themes.get(self.row).cloned() {
                    use_theme(model, &name);
                }
                return Vec::new();
            }
            KeyCode::Home | KeyCode::Char('g') => self.row = 0,
            KeyCode::End | KeyCode::Char('G') => self.row = last,
            code => self.row = moved(self.row, last + 1, code),
        }
        model.keep(self)
    }

    fn theme<'a>(&self, looks: &'a Looks) -> Option<&'a str> {
        looks.themes.get(self.row).map(String::as_str)
    }

    fn sheet(&self, model: &Model, theme: &Theme, columns: usize) -> Sheet {
        let tier = model
            .open_tier()
            .filter(|tier| model.looks.has_own_theme(Some(*tier)));
        let title = tier.map_or_else(
            || "Theme".to_owned(),
            |tier| format!("Theme of {tier} targets"),
        );
        let mut sheet = Sheet::new(title);
        // Keeps the row under the cursor in view on a screen of any size.
        sheet.top = Top::At(self.row.saturating_sub(4));
        let names = NAME_COLUMNS.min(columns / 2);
        let count = model.looks.themes.len().max(SAMPLES.len());
        for index in 0..count {
            let mut line = match model.looks.themes.get(index) {
                Some(name) => {
                    let is_in_use = model.looks.theme_for(model.open_tier()) == name;
                    let label = if is_in_use {
                        format!("{name} (in use)")
                    } else {
                        name.clone()
                    };
                    let label = text::pad(&label, names, theme);
                    row(theme, index == self.row, label)
                }
                None => row(theme, false, text::pad("", names, theme)),
            };
            line.push_span("  ");
            for (glyph, word, meaning) in SAMPLES.get(index).copied().unwrap_or_default() {
                let label = format!("{} {word}", theme.glyph(*glyph));
                line.push_span(theme.span(label, *meaning));
                line.push_span("  ");
            }
            sheet.body.push(line);
        }
        sheet.keys(
            theme,
            &[("j k", "preview"), ("Enter", "use it"), ("Esc", "cancel")],
        );
        sheet
    }
}

/// Uses a theme until the console ends, for the tier of the open target or for all tiers without their own theme.
pub(super) fn use_theme(model: &mut Model, name: &str) {
    let tier = model.open_tier();
    model.looks.set_theme(tier, name);
    let (scope, setting) = match tier.filter(|_| model.looks.has_own_theme(tier)) {
        Some(tier) => (
            format!("for now for {tier} targets"),
            format!("theme_by_tier.{tier}"),
        ),
        None => ("for now".to_owned(), "theme".to_owned()),
    };
    let text = format!(
        "theme {name} is used {scope}; to keep it, set {setting} in [console] of the configuration"
    );
    model.say(Weight::Normal, &text);
}

const NAME_COLUMNS: usize = 24;

/// The samples next to the names, one list for each row of the dialog.
const SAMPLES: [&[(Glyph, &str, Meaning)]; 6] = [
    &[
        (Glyph::Full, "healthy", Meaning::Ok),
        (Glyph::Half, "releasing", Meaning::Busy),
    ],
    &[
        (Glyph::Hand, "waits", Meaning::Warn),
        (Glyph::Cross, "failed", Meaning::Bad),
    ],
    &[
        (Glyph::Full, "BLUE", Meaning::SlotBlue),
        (Glyph::Hollow, "GREEN", Meaning::SlotGreen),
    ],
    &[
        (Glyph::None, "development", Meaning::TierDevelopment),
        (Glyph::None, "staging", Meaning::TierStaging),
    ],
    &[
        (Glyph::Held, "PROTECTED", Meaning::TierProtected),
        (Glyph::Unknown, "stale", Meaning::Stale),
    ],
    &[
        (Glyph::Arrow, "found", Meaning::Match),
        (Glyph::Dot, "less important", Meaning::Muted),
    ],
];
