//! The palette: finds actions, targets and themes by name, the best match first.

use ratatui::layout::Rect;
use ratatui::text::Line;

use super::dialog::{Sheet, keys, wrapped};
use super::{pane, text};
use crate::console::layout::dialog_rows;
use crate::console::model::{Found, Model, Palette, palette_entries};
use crate::console::theme::{Glyph, Meaning, Theme};

/// The number of lines below the list, which show the complete text of the row under the cursor.
const DETAIL_LINES: usize = 2;
const KEY_COLUMNS: usize = 10;

pub(super) fn sheet<'a>(
    model: &Model,
    theme: &Theme,
    palette: &Palette,
    area: Rect,
    columns: usize,
) -> Sheet<'a> {
    let mut sheet = Sheet::new("Find an action, a target or a theme".into());
    let found = palette_entries(model, palette);
    let typed = format!("{}_", palette.line.text());
    sheet.body.push(Line::from(vec![
        theme.span(format!("{} ", theme.glyph(Glyph::Cursor)), Meaning::Key),
        theme.span(typed, Meaning::Text),
    ]));
    sheet.body.push(Line::default());
    let height = dialog_rows((area.width, area.height))
        .saturating_sub(6 + DETAIL_LINES)
        .max(1);
    let top = pane::top(palette.row, found.len(), height);
    let names = found.iter().map(|found| text::width(&found.name)).max();
    let names = names.unwrap_or(0).clamp(12, (columns / 3).max(12)) + 2;
    for (index, found) in found.iter().enumerate().skip(top).take(height) {
        let selected = index == palette.row;
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
    // A row may be too narrow for its text, so the complete text of the row under the cursor is below the list.
    let chosen = found.get(palette.row);
    let mut details = chosen.map_or_else(Vec::new, |found| {
        let (description, meaning) = described(found);
        wrapped(theme, &description, columns, meaning)
    });
    details.resize(DETAIL_LINES, Line::default());
    sheet.foot = details;
    sheet.foot.push(keys(
        theme,
        &[
            ("type", "to find"),
            ("Up Down", "choose"),
            ("Enter", "do it"),
            ("Esc", "close"),
        ],
    ));
    sheet
}

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
