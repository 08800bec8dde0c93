//! The list of themes. The whole screen is drawn in the theme under the cursor, and samples are shown next to
//! the names.

use super::dialog::{Sheet, keys, row};
use super::text;
use crate::console::model::{Model, ThemeChoice};
use crate::console::theme::{Glyph, Meaning, Theme};

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

pub(super) fn sheet<'a>(
    model: &Model,
    theme: &Theme,
    choice: ThemeChoice,
    columns: usize,
) -> Sheet<'a> {
    let tier = model
        .open_tier()
        .filter(|tier| model.looks.has_own(Some(*tier)));
    let title = tier.map_or_else(
        || "Theme".to_owned(),
        |tier| format!("Theme of {tier} targets"),
    );
    let mut sheet = Sheet::new(title);
    // Keeps the row under the cursor in view on a screen of any size.
    sheet.top = choice.row.saturating_sub(4);
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
                row(theme, index == choice.row, label)
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
    sheet.foot = vec![keys(
        theme,
        &[("j k", "preview"), ("Enter", "use it"), ("Esc", "cancel")],
    )];
    sheet
}
