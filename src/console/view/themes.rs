//! The list of themes. The whole screen uses the one under the cursor, and samples are shown next to the
//! names.

use super::dialog::{Sheet, keys, row};
use super::text;
use crate::console::model::{Model, ThemeChoice};
use crate::console::theme::{Glyph, Meaning, Theme};

/// The columns of the names.
const NAMES: usize = 24;

/// The samples, one line each.
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
    // Keeps the row under the cursor in view on any size.
    sheet.top = choice.row.saturating_sub(4);
    let names = NAMES.min(columns / 2);
    let count = model.looks.themes.len().max(SAMPLES.len());
    for index in 0..count {
        let mut line = match model.looks.themes.get(index) {
            Some(name) => {
                let worn = model.looks.theme_for(model.open_tier()) == name;
                let words = if worn {
                    format!("{name} (in use)")
                } else {
                    name.clone()
                };
                let words = text::pad(&words, names, theme);
                row(theme, index == choice.row, words)
            }
            None => row(theme, false, text::pad("", names, theme)),
        };
        line.push_span("  ");
        for (glyph, word, meaning) in SAMPLES.get(index).copied().unwrap_or_default() {
            let words = format!("{} {word}", theme.glyph(*glyph));
            line.push_span(theme.span(words, *meaning));
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
