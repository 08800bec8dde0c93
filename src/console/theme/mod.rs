//! The styles and symbols of the screen. A theme gives a style to each of twenty meanings. Views use meanings and
//! never colours, so a new pane needs no change in any theme. Colour depth, fallbacks and `NO_COLOR` are
//! applied once, when a theme is loaded.

mod depth;
mod file;
mod glyph;
mod meaning;
mod theme_set;

use std::borrow::Cow;

use ratatui::style::Style;
use ratatui::text::Span;

pub use depth::Depth;
pub use file::ThemeError;
pub use glyph::{Charset, Glyph};
pub use meaning::Meaning;
pub use theme_set::{ThemeSet, Written};

/// The themes that come with Greenroom: the name and the text of each.
const SHIPPED: [(&str, &str); 6] = [
    ("dark", include_str!("../../../themes/dark.toml")),
    ("light", include_str!("../../../themes/light.toml")),
    (
        "high-contrast",
        include_str!("../../../themes/high-contrast.toml"),
    ),
    (
        "deuteranopia",
        include_str!("../../../themes/deuteranopia.toml"),
    ),
    (
        "tritanopia",
        include_str!("../../../themes/tritanopia.toml"),
    ),
    ("mono", include_str!("../../../themes/mono.toml")),
];

/// A style for each meaning, for the colours and characters of this terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    name: String,
    styles: [Style; Meaning::ALL.len()],
    charset: Charset,
}

impl Theme {
    /// The names of the themes that come with Greenroom.
    pub fn shipped() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// A theme that comes with Greenroom, for a colour depth.
    pub fn named(name: &str, depth: Depth, charset: Charset) -> Result<Self, ThemeError> {
        Self::load(name, &[], depth, charset)
    }

    pub fn parse(
        name: &str,
        text: &str,
        depth: Depth,
        charset: Charset,
    ) -> Result<Self, ThemeError> {
        let own = [Written {
            name: name.to_owned(),
            file: name.to_owned(),
            text: text.to_owned(),
        }];
        Self::load(name, &own, depth, charset)
    }

    /// The theme `name` of the operator's own themes, otherwise of the themes that come with Greenroom.
    fn load(
        name: &str,
        own: &[Written],
        depth: Depth,
        charset: Charset,
    ) -> Result<Self, ThemeError> {
        let looks = theme_set::looks_of(name, own)?;
        let styles = Meaning::ALL.map(|meaning| depth.resolve(file::style_of(&looks, meaning)));
        Ok(Self {
            name: name.to_owned(),
            styles,
            charset,
        })
    }

    /// A theme in which every meaning has the default style.
    fn bare(charset: Charset) -> Self {
        Self {
            name: "bare".to_owned(),
            styles: [Style::default(); Meaning::ALL.len()],
            charset,
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn style(&self, meaning: Meaning) -> Style {
        self.styles[meaning as usize]
    }

    pub fn span<'a>(&self, text: impl Into<Cow<'a, str>>, meaning: Meaning) -> Span<'a> {
        Span::styled(text, self.style(meaning))
    }

    /// The text of a glyph in this theme's charset.
    pub fn glyph(&self, glyph: Glyph) -> &'static str {
        glyph.text(self.charset)
    }

    pub fn charset(&self) -> Charset {
        self.charset
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::{Color, Modifier};

    use super::*;

    #[test]
    fn every_shipped_theme_loads_at_every_depth() {
        for name in Theme::shipped() {
            for depth in [Depth::True, Depth::Indexed, Depth::Ansi, Depth::None] {
                Theme::named(name, depth, Charset::Unicode).unwrap();
            }
        }
    }

    #[test]
    fn without_colours_a_theme_keeps_its_modifiers() {
        for name in Theme::shipped() {
            let theme = Theme::named(name, Depth::None, Charset::Unicode).unwrap();
            for meaning in Meaning::ALL {
                let style = theme.style(meaning);
                assert_eq!((style.fg, style.bg), (None, None), "{name} {meaning:?}");
            }
            let selection = theme.style(Meaning::Selection);
            assert!(
                selection.add_modifier.contains(Modifier::REVERSED),
                "{name}"
            );
            let tier = theme.style(Meaning::TierProtected);
            assert!(!tier.add_modifier.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_meaning_that_is_not_given_falls_back() {
        let text = "[meanings]\ntext = { fg = \"#010203\" }\nbad = { fg = \"red\" }";
        let theme = Theme::parse("t", text, Depth::True, Charset::Ascii).unwrap();
        assert_eq!(theme.style(Meaning::Danger).fg, Some(Color::Red));
        assert_eq!(theme.style(Meaning::Muted).fg, Some(Color::Rgb(1, 2, 3)));
    }

    #[test]
    fn an_unknown_meaning_or_colour_is_an_error_that_names_it() {
        for (text, word) in [
            ("[meanings]\nbadd = { fg = \"red\" }", "badd"),
            ("[meanings]\nbad = { fg = \"rouge\" }", "rouge"),
            ("[meanings]\nbad = { forground = \"red\" }", "forground"),
            ("[meanings", "t"),
        ] {
            let error = Theme::parse("t", text, Depth::True, Charset::Ascii).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
