//! Theme files: `[meanings]` with a colour, a background and modifiers each. Checked as a whole
//! when loaded; a mistake is named, never skipped.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

use super::Meaning;

/// Why a theme cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    /// There is none of that name.
    #[error("there is no theme {0:?}: there are dark, light and mono")]
    Unknown(String),
    /// Its file cannot be understood.
    #[error("theme {name}: {said}")]
    Invalid {
        /// Which.
        name: String,
        /// Where and why.
        said: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    meanings: BTreeMap<Meaning, Look>,
}

/// One meaning's look as written.
#[expect(
    clippy::struct_excessive_bools,
    reason = "a file says each modifier by its name"
)]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Look {
    fg: Option<Shade>,
    bg: Option<Shade>,
    bold: bool,
    dim: bool,
    italic: bool,
    underlined: bool,
    reversed: bool,
}

/// `#rrggbb`, one of the sixteen names, or a number of the 256.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Shade(Color);

impl TryFrom<String> for Shade {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| format!("{text:?} is not a colour: write #rrggbb, a name or a number"))
    }
}

pub(super) fn parse(name: &str, text: &str) -> Result<BTreeMap<Meaning, Look>, ThemeError> {
    toml::from_str::<File>(text)
        .map(|file| file.meanings)
        .map_err(|error| ThemeError::Invalid {
            name: name.to_owned(),
            said: error.to_string().trim_end().to_owned(),
        })
}

/// The style of a meaning: its own, else that of what it falls back to.
pub(super) fn style_of(given: &BTreeMap<Meaning, Look>, meaning: Meaning) -> Style {
    match (given.get(&meaning), meaning.fallback()) {
        (Some(look), _) => look.style(),
        (None, Some(fallback)) => style_of(given, fallback),
        (None, None) => Style::default(),
    }
}

impl Look {
    fn style(&self) -> Style {
        let modifiers = [
            (self.bold, Modifier::BOLD),
            (self.dim, Modifier::DIM),
            (self.italic, Modifier::ITALIC),
            (self.underlined, Modifier::UNDERLINED),
            (self.reversed, Modifier::REVERSED),
        ];
        let mut style = Style {
            fg: self.fg.map(|shade| shade.0),
            bg: self.bg.map(|shade| shade.0),
            ..Style::default()
        };
        for (on, modifier) in modifiers {
            if on {
                style = style.add_modifier(modifier);
            }
        }
        style
    }
}
