//! A line that is typed inside a dialog, with its cursor.

use ratatui::text::Span;
use unicode_width::UnicodeWidthChar as _;

use crate::console::model::TextLine;
use crate::console::theme::{Meaning, Theme};

/// The line in at most `columns`. The cursor stays in view: if necessary, the text to the left of the cursor is cut.
/// The cursor is drawn as a selected character, so that every terminal and every theme shows it.
pub(super) fn typed<'a>(theme: &Theme, line: &TextLine, columns: usize) -> Vec<Span<'a>> {
    let cursor = line.cursor();
    let left = (cursor + 1).saturating_sub(columns);
    let mut before = String::new();
    let mut under = String::new();
    let mut after = String::new();
    let mut at = 0;
    for c in line.text().chars() {
        let wide = c.width().unwrap_or(0);
        let is_in_view = at >= left && at + wide <= left + columns;
        if is_in_view {
            let part = match at.cmp(&cursor) {
                std::cmp::Ordering::Less => &mut before,
                std::cmp::Ordering::Equal => &mut under,
                std::cmp::Ordering::Greater => &mut after,
            };
            part.push(c);
        }
        at += wide;
    }
    if under.is_empty() {
        under.push(' ');
    }
    vec![
        theme.span(before, Meaning::Text),
        theme.span(under, Meaning::Selection),
        theme.span(after, Meaning::Text),
    ]
}
