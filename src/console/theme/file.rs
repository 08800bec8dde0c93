//! Theme files: `inherits`, and `[meanings]` with a colour, a background and modifiers each. A file is
//! checked as a whole when it is loaded. A mistake is reported with its line, never skipped.

use std::collections::BTreeMap;
use std::ops::Range;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;
use toml::Spanned;

use super::Meaning;

/// Why a theme cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    /// There is no theme of that name.
    #[error("there is no theme `{name}`: there are {known}")]
    Unknown {
        name: String,
        /// The names of the existing themes.
        known: String,
    },
    /// Its file is not valid.
    #[error("{file}:{line}: {said}")]
    Invalid {
        file: String,
        /// The line, counted from one.
        line: usize,
        said: String,
    },
}

/// A valid theme file.
#[derive(Debug)]
pub(super) struct Parsed {
    /// The theme that gives the styles that this one does not.
    pub(super) inherits: Option<String>,
    /// The line of `inherits`.
    pub(super) place: Place,
    pub(super) meanings: BTreeMap<Meaning, Look>,
}

/// A line of a theme file.
#[derive(Debug)]
pub(super) struct Place {
    file: String,
    line: usize,
}

impl Place {
    fn new(file: &str, text: &str, span: Option<Range<usize>>) -> Self {
        let before = span.and_then(|span| text.get(..span.start)).unwrap_or("");
        Self {
            file: crate::sanitize::sanitize(file),
            line: before.matches('\n').count() + 1,
        }
    }

    pub(super) fn error(self, said: impl AsRef<str>) -> ThemeError {
        ThemeError::Invalid {
            file: self.file,
            line: self.line,
            said: crate::sanitize::sanitize(said.as_ref()),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    inherits: Option<Spanned<String>>,
    #[serde(default)]
    meanings: BTreeMap<Meaning, Look>,
}

/// The style of one meaning as written in a file.
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

/// `#rrggbb`, one of the sixteen names, or a number from 0 to 255.
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

/// Reads the text of a theme file. The name of the file is only used in errors.
pub(super) fn parse(file: &str, text: &str) -> Result<Parsed, ThemeError> {
    let parsed: File = toml::from_str(text)
        .map_err(|error| Place::new(file, text, error.span()).error(error.message()))?;
    let span = parsed.inherits.as_ref().map(Spanned::span);
    Ok(Parsed {
        inherits: parsed.inherits.map(Spanned::into_inner),
        place: Place::new(file, text, span),
        meanings: parsed.meanings,
    })
}

/// The style of a meaning: its own, or that of its fallback.
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
