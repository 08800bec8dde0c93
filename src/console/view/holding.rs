//! The dialogs that ask for the reason and the end of a hold, or for the reason to clear or remove it.

use ratatui::text::Line;

use super::dialog::{Sheet, keys, typed_over, wrapped};
use super::line;
use crate::console::model::{HoldLine, Holding};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::sanitize::sanitize;

pub(super) fn sheet<'a>(theme: &Theme, holding: &Holding, columns: usize) -> Sheet<'a> {
    let target = &holding.target;
    let (title, message, enter_label) = match &holding.asks {
        HoldLine::Why => (
            format!("Hold {target}: why?"),
            "While the hold is active, a promote to this target needs a reason to override it. Rollbacks are still possible."
                .to_owned(),
            "next: when it ends",
        ),
        HoldLine::Until { why } => (
            format!("Hold {target}: until when?"),
            format!(
                "Reason: {why}. Type the end, such as 2h, 18:00, monday or 2026-12-01 (time zone of this machine). Empty: until an operator clears the hold."
            ),
            "hold it",
        ),
        HoldLine::Reason(hold) => (
            format!("Rollback of {target}: why?"),
            format!("{hold}. Type the reason of the rollback to keep the hold. Empty: clear the hold instead."),
            "keep the hold",
        ),
        HoldLine::Clear(hold) => (
            format!("Clear the hold on {target}: why?"),
            format!("{hold}. The history records who cleared the hold and why."),
            "clear it",
        ),
        HoldLine::Remove { problem, .. } => (
            format!("Remove the unreadable hold on {target}: why?"),
            format!(
                "{problem}. The registrations pane shows the stored value. The history records who removed the hold and why."
            ),
            "remove it",
        ),
    };
    let mut sheet = Sheet::new(title);
    sheet.body = wrapped(theme, &sanitize(&message), columns, Meaning::Warn);
    let mut typed =
        Line::from(theme.span(format!("{} ", theme.glyph(Glyph::Cursor)), Meaning::Key));
    typed.extend(line::typed(theme, &holding.line, columns.saturating_sub(2)));
    sheet.foot = typed_over(
        typed,
        keys(theme, &[("Enter", enter_label), ("Esc", "cancel")]),
    );
    sheet
}
