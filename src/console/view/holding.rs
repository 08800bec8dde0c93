//! The questions about a hold.

use ratatui::text::Line;

use super::dialog::{Sheet, keys, typed_over, wrapped};
use super::line;
use crate::console::model::{HoldLine, Holding};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::sanitize::sanitize;

pub(super) fn sheet<'a>(theme: &Theme, holding: &Holding, columns: usize) -> Sheet<'a> {
    let target = &holding.target;
    let (title, words, does) = match &holding.asks {
        HoldLine::Why => (
            format!("Hold {target}: why?"),
            "until it ends, no console and no command can promote there; a rollback is still possible"
                .to_owned(),
            "then its end",
        ),
        HoldLine::Until { why } => (
            format!("Hold {target}: until when?"),
            format!(
                "{why}; an end such as 2h, 18:00, monday or 2026-12-01 (in this machine's time zone); empty: until an operator clears it"
            ),
            "hold it",
        ),
        HoldLine::Reason(hold) => (
            format!("Rollback of {target}: why?"),
            format!("{hold}; the reason is recorded and the hold stays; empty: clear the hold instead"),
            "keep it",
        ),
        HoldLine::Clear(hold) => (
            format!("Clear the hold on {target}: why?"),
            format!("{hold}; the history records who cleared it and why"),
            "clear it",
        ),
        HoldLine::Remove { problem, .. } => (
            format!("Remove the unreadable hold on {target}: why?"),
            format!(
                "{problem}; its page in the registrations shows the value; the history records who removed it and why"
            ),
            "remove it",
        ),
    };
    let mut sheet = Sheet::new(title);
    sheet.body = wrapped(theme, &sanitize(&words), columns, Meaning::Warn);
    let mut typed =
        Line::from(theme.span(format!("{} ", theme.glyph(Glyph::Cursor)), Meaning::Key));
    typed.extend(line::typed(theme, &holding.line, columns.saturating_sub(2)));
    sheet.foot = typed_over(typed, keys(theme, &[("Enter", does), ("Esc", "cancel")]));
    sheet
}
