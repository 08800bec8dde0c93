//! Reads theme files. A file has an optional `inherits` and a table `[meanings]`, which sets the foreground, the
//! background and the modifiers of meanings. A file with a mistake is not used; the error names the line.

use std::collections::BTreeMap;
use std::ops::Range;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;
use toml::Spanned;

use super::Meaning;

/// Why a theme cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    #[error("there is no theme `{name}`; the themes are {known}")]
    Unknown {
        name: String,
        /// The names of the existing themes.
        known: String,
    },
    #[error("{file}:{line}: {problem}")]
    Invalid {
        file: String,
        /// The line, counted from one.
        line: usize,
        problem: String,
    },
}

#[derive(Debug)]
pub(super) struct Parsed {
    /// The theme from which this theme inherits the styles that the file does not set.
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

    pub(super) fn error(self, problem: impl AsRef<str>) -> ThemeError {
        ThemeError::Invalid {
            file: self.file,
            line: self.line,
            problem: crate::sanitize::sanitize(problem.as_ref()),
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
    reason = "a theme file sets each modifier by its name"
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

/// A colour, written as `#rrggbb`, as one of the sixteen names, or as a number from 0 to 255.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Shade(Color);

impl TryFrom<String> for Shade {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| {
                format!(
                    "{text:?} is not a colour; write \"#rrggbb\", a name such as \"red\", or a number from \"0\" to \"255\""
                )
            })
    }
}

/// Reads the text of a theme file. `file` is only used in errors.
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

/// The style of a meaning. A meaning that the theme does not set has the style of its fallback.
pub(super) fn style_of(looks: &BTreeMap<Meaning, Look>, meaning: Meaning) -> Style {
    match (looks.get(&meaning), meaning.fallback()) {
        (Some(look), _) => look.style(),
        (None, Some(fallback)) => style_of(looks, fallback),
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
