//! The help page: all keys, grouped by purpose, with a line that searches them.

use ratatui::text::Line;

use super::dialog::{Sheet, keys};
use super::text;
use crate::console::layout::dialog_rows;
use crate::console::model::{Help, Model, helped};
use crate::console::theme::{Glyph, Meaning, Theme};

const KEY_COLUMNS: usize = 16;
const NAME_COLUMNS: usize = 17;

pub(super) fn sheet<'a>(model: &Model, theme: &Theme, help: &Help, columns: usize) -> Sheet<'a> {
    let mut sheet = Sheet::new("Keys".into());
    sheet.top = help.top;
    let groups = helped(model, help.line.text());
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
    if help.line.text().is_empty() {
        remarks(model, theme, &mut sheet, columns);
    }
    sheet.foot = vec![
        Line::from(vec![
            theme.span(format!("{} ", theme.glyph(Glyph::Cursor)), Meaning::Key),
            theme.span(format!("{}_", help.line.text()), Meaning::Text),
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

/// Lists the problems of the console: settings that cannot be used, and a history that cannot be written.
fn remarks(model: &Model, theme: &Theme, sheet: &mut Sheet<'_>, columns: usize) {
    if model.remarks.is_empty() {
        return;
    }
    sheet.body.push(Line::default());
    let heading = "Problems that this console found";
    sheet
        .body
        .push(Line::from(theme.span(heading, Meaning::Warn)));
    for remark in &model.remarks {
        let lines = super::dialog::wrapped(theme, remark, columns, Meaning::Text);
        sheet.body.extend(lines);
    }
}
