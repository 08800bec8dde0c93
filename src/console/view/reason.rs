//! The question why, before a plan is made.

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
        return in_spite_of(theme, reason, columns);
    }
    let (words, meaning) = match reason.required {
        Some(true) if reason.planned.is_some() => (
            format!(
                "The rules of {environment} ask for a reason. It may be left empty: the rollback begins without it, and the history says \"{NO_REASON_YET}\"."
            ),
            Meaning::Warn,
        ),
        Some(true) => (
            format!("the rules of {environment} require a reason; it is for the record"),
            Meaning::Warn,
        ),
        Some(false) => (
            "for the record and for whoever looks at it later; may be empty".to_owned(),
            Meaning::Muted,
        ),
        None => (
            "for the record and for whoever looks at it later; may be empty where the rules allow"
                .to_owned(),
            Meaning::Muted,
        ),
    };
    sheet.body = wrapped(theme, &words, columns, meaning);
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

/// What stands against it is overridden: why?
fn in_spite_of<'a>(theme: &Theme, reason: &Reason, columns: usize) -> Sheet<'a> {
    let mut sheet = Sheet::new(format!("{} is held: override it?", reason.target));
    sheet.frame = Meaning::Warn;
    for hold in &reason.in_spite_of {
        let words = sanitize(&hold.to_string());
        sheet
            .body
            .extend(wrapped(theme, &words, columns, Meaning::Warn));
    }
    let words = format!(
        "to promote {} in spite of that, type why; in a protected environment somebody else has to approve it before the switch",
        reason.name
    );
    sheet
        .body
        .extend(wrapped(theme, &words, columns, Meaning::Muted));
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
