//! The question why, before a plan is made.

use ratatui::text::Line;

use super::dialog::{Sheet, keys, wrapped};
use super::line;
use crate::console::model::Reason;
use crate::console::theme::{Glyph, Meaning, Theme};

pub(super) fn sheet<'a>(theme: &Theme, reason: &Reason, columns: usize) -> Sheet<'a> {
    let mut sheet = Sheet::new(format!("{} to {}: why?", reason.name, reason.target));
    let environment = &reason.target.environment;
    let (words, meaning) = match reason.required {
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
    let mut typed =
        Line::from(theme.span(format!("{} ", theme.glyph(Glyph::Cursor)), Meaning::Key));
    typed.extend(line::typed(theme, &reason.line, columns.saturating_sub(2)));
    sheet.body.push(typed);
    sheet.foot = vec![keys(
        theme,
        &[
            ("Enter", "plan it (changes nothing yet)"),
            ("Esc", "cancel"),
        ],
    )];
    sheet
}
