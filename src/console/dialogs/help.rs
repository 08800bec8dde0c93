//! The help: all keys, grouped by purpose, with a line that searches them.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::text::Line;

use super::matching::{key_names, matching};
use crate::console::action::Purpose;
use crate::console::effect::Effect;
use crate::console::keymap::Bound;
use crate::console::layout::dialog_rows;
use crate::console::model::{Dialog, Model, Scrolling, TextLine};
use crate::console::sheet::{Sheet, keys};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::console::view::text;

/// The dialog that lists all keys, with a search line.
#[derive(Debug, Clone, Default)]
pub struct Help {
    pub line: TextLine,
}

impl Dialog for Help {
    fn pressed(mut self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        match key.code {
            KeyCode::Enter => return Vec::new(),
            KeyCode::Char('?') if self.line.text().is_empty() => return Vec::new(),
            _ => {
                if self.line.pressed(key) {
                    model.scroll.by(isize::MIN);
                }
            }
        }
        model.keep(self)
    }

    fn line(&mut self) -> Option<&mut TextLine> {
        Some(&mut self.line)
    }

    fn scrolling(&self) -> Scrolling {
        Scrolling::Arrows(10)
    }

    fn sheet(&self, model: &Model, theme: &Theme, columns: usize) -> Sheet {
        let mut sheet = Sheet::new("Keys");
        let groups = help_groups(model, self.line.text());
        if groups.is_empty() {
            let message = "no key matches: Ctrl-U clears the search";
            sheet
                .body
                .push(Line::from(theme.span(message, Meaning::Muted)));
        }
        for (purpose, lines) in groups {
            if !sheet.body.is_empty() {
                sheet.body.push(Line::default());
            }
            let heading = theme.span(purpose.heading(), Meaning::Title);
            sheet.body.push(Line::from(heading));
            for (bound, keys) in lines {
                let binding = bound.binding;
                let name = binding.action.name();
                let place = binding.scope.place();
                let place = place.map_or(String::new(), |place| format!(" ({place})"));
                let (keys, meaning) = if keys.is_empty() {
                    ("no key".to_owned(), Meaning::Muted)
                } else {
                    (keys, Meaning::Key)
                };
                let help = format!("{}{place}", binding.help);
                let room = columns.saturating_sub(KEY_COLUMNS + NAME_COLUMNS);
                let mut help_lines = text::wrap(&help, room, 0).into_iter();
                sheet.body.push(Line::from(vec![
                    theme.span(text::pad(&keys, KEY_COLUMNS, theme), meaning),
                    theme.span(text::pad(name, NAME_COLUMNS, theme), Meaning::Text),
                    theme.span(help_lines.next().unwrap_or_default(), Meaning::Muted),
                ]));
                for line in help_lines {
                    let indent = text::pad("", KEY_COLUMNS + NAME_COLUMNS, theme);
                    let indented = theme.span(format!("{indent}{line}"), Meaning::Muted);
                    sheet.body.push(Line::from(indented));
                }
            }
        }
        let height = dialog_rows(model.size).saturating_sub(3);
        if sheet.body.len() < height {
            // The dialog keeps its height during a search.
            sheet.body.resize_with(height, Line::default);
        }
        if self.line.text().is_empty() {
            remarks(model, theme, &mut sheet, columns);
        }
        sheet.foot = vec![
            Line::from(vec![
                theme.span(format!("{} ", theme.glyph(Glyph::Cursor)), Meaning::Key),
                theme.span(format!("{}_", self.line.text()), Meaning::Text),
            ]),
            keys(
                theme,
                &[
                    ("type", "to search"),
                    ("Up Down", "scroll"),
                    ("Esc", "close"),
                ],
            ),
        ];
        sheet
    }
}

/// A line of the help: a binding and the names of its keys.
type Helped<'a> = (&'a Bound, String);

/// The bindings that match the typed text, grouped by purpose. A purpose without a match is left out.
fn help_groups<'a>(model: &'a Model, text: &str) -> Vec<(Purpose, Vec<Helped<'a>>)> {
    let lines: Vec<Helped<'a>> = model
        .keymap
        .lines()
        .map(|bound| (bound, key_names(bound)))
        .collect();
    let searched = |(bound, keys): &Helped<'a>| {
        let binding = bound.binding;
        let name = format!("{keys} {} {}", binding.label, binding.action.name());
        (name, binding.help.to_owned())
    };
    let matched = matching(text, lines, searched);
    let groups = Purpose::ALL.into_iter().map(|purpose| {
        let of = |(bound, _): &&Helped<'a>| bound.binding.purpose == purpose;
        (purpose, matched.iter().filter(of).cloned().collect())
    });
    groups
        .filter(|(_, lines): &(_, Vec<_>)| !lines.is_empty())
        .collect()
}

const KEY_COLUMNS: usize = 16;

const NAME_COLUMNS: usize = 17;

/// Lists the problems of the console: settings that cannot be used, and a history that cannot be written.
fn remarks(model: &Model, theme: &Theme, sheet: &mut Sheet, columns: usize) {
    if model.remarks.is_empty() {
        return;
    }
    sheet.body.push(Line::default());
    let heading = "Problems that this console found";
    sheet
        .body
        .push(Line::from(theme.span(heading, Meaning::Warn)));
    for remark in &model.remarks {
        sheet.say(theme, remark, columns, Meaning::Text);
    }
}
