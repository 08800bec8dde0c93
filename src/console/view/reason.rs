//! The dialog that asks for the reason of a release, or for the reason to override holds.

use ratatui::text::Line;

use super::dialog::{Sheet, keys, typed_over, wrapped};
use super::line;
use crate::console::model::Reason;
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::history::NO_REASON_YET;
use crate::sanitize::sanitize;

pub(super) fn sheet<'a>(theme: &Theme, reason: &Reason, columns: usize) -> Sheet<'a> {
    let mut sheet = Sheet::new(format!("{} to {}: why?", reason.name, reason.target));
    let environment = &reason.target.environment;
    if reason.overrides() {
        return override_sheet(theme, reason, columns);
    }
    let (message, meaning) = match reason.required {
        Some(true) if reason.planned.is_some() => (
            format!(
                "The rules of {environment} require a reason, but a rollback can start without one. If you leave it empty, the history says \"{NO_REASON_YET}\"."
            ),
            Meaning::Warn,
        ),
        Some(true) => (
            format!("The rules of {environment} require a reason. It is kept in the history."),
            Meaning::Warn,
        ),
        Some(false) => (
            "Reason (optional). It is kept in the history.".to_owned(),
            Meaning::Muted,
        ),
        None => (
            "Reason (optional if the rules allow it). It is kept in the history.".to_owned(),
            Meaning::Muted,
        ),
    };
    sheet.body = wrapped(theme, &message, columns, meaning);
    sheet.foot = typed_over(
        typed(theme, reason, columns),
        keys(
            theme,
            &[
                ("Enter", "plan it (changes nothing yet)"),
                ("Esc", "cancel"),
            ],
        ),
    );
    sheet
}

/// Asks for the reason to override the holds of the target.
fn override_sheet<'a>(theme: &Theme, reason: &Reason, columns: usize) -> Sheet<'a> {
    let mut sheet = Sheet::new(format!("{} is held: override it?", reason.target));
    sheet.frame = Meaning::Warn;
    for hold in &reason.in_spite_of {
        let message = sanitize(&hold.to_string());
        sheet
            .body
            .extend(wrapped(theme, &message, columns, Meaning::Warn));
    }
    let message = format!(
        "To promote {} despite the hold, type a reason. In a protected environment, another operator must approve the override before the switch.",
        reason.name
    );
    sheet
        .body
        .extend(wrapped(theme, &message, columns, Meaning::Muted));
    sheet.foot = typed_over(
        typed(theme, reason, columns),
        keys(
            theme,
            &[
                ("Enter", "override it (changes nothing yet)"),
                ("Esc", "cancel"),
            ],
        ),
    );
    sheet
}

fn typed<'a>(theme: &Theme, reason: &Reason, columns: usize) -> Line<'a> {
    let mut typed =
        Line::from(theme.span(format!("{} ", theme.glyph(Glyph::Cursor)), Meaning::Key));
    typed.extend(line::typed(theme, &reason.line, columns.saturating_sub(2)));
    typed
}
