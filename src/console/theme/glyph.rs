//! The glyphs of the screen, each with an ASCII twin. A glyph never shows a state alone: a word
//! follows it.

use ratatui::symbols::border;

/// Which characters the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Charset {
    /// All Unicode characters that are one column wide everywhere.
    #[default]
    Unicode,
    /// Printable ASCII.
    Ascii,
}

impl Charset {
    /// The charset according to the locale: the first of `LC_ALL`, `LC_CTYPE`, `LANG` that is set.
    pub fn from_environment(read: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| read(name).filter(|value| !value.is_empty()))
            .unwrap_or_default()
            .to_ascii_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") {
            Self::Unicode
        } else {
            Self::Ascii
        }
    }

    /// The border of a pane.
    pub fn border(self) -> border::Set<'static> {
        match self {
            Self::Unicode => border::PLAIN,
            Self::Ascii => ASCII_PLAIN,
        }
    }

    /// The border of what stands out: the live slot, a dialog.
    pub fn strong_border(self) -> border::Set<'static> {
        match self {
            Self::Unicode => border::DOUBLE,
            Self::Ascii => ASCII_STRONG,
        }
    }
}

const ASCII_PLAIN: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

const ASCII_STRONG: border::Set<'static> = border::Set {
    top_left: "#",
    top_right: "#",
    bottom_left: "#",
    bottom_right: "#",
    vertical_left: "#",
    vertical_right: "#",
    horizontal_top: "=",
    horizontal_bottom: "=",
};

/// A glyph. All but [`Glyph::Move`] are one column wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Glyph {
    /// Live, healthy, reachable.
    Full,
    /// Present, without traffic.
    Hollow,
    /// In progress.
    Half,
    /// Passed, equal, true.
    Tick,
    /// Failed.
    Cross,
    Held,
    /// Not equal.
    Differs,
    Unknown,
    /// There is nothing.
    None,
    /// Not started.
    Dot,
    /// Waits for a person.
    Hand,
    /// Being undone, or undone.
    Back,
    /// The cursor.
    Cursor,
    /// From one to the other.
    Arrow,
    /// From one to the other, drawn long.
    Move,
    /// The text is cut off here.
    More,
}

impl Glyph {
    /// Its text in a charset.
    pub fn text(self, charset: Charset) -> &'static str {
        let (unicode, ascii) = match self {
            Self::Full => ("●", "*"),
            Self::Hollow => ("○", "o"),
            Self::Half => ("◐", "%"),
            Self::Tick => ("✓", "+"),
            Self::Cross => ("✗", "x"),
            Self::Held => ("■", "#"),
            Self::Differs => ("≠", "!"),
            Self::Unknown => ("?", "?"),
            Self::None => ("–", "-"),
            Self::Dot => ("·", "."),
            Self::Hand => ("▲", "A"),
            Self::Back => ("↶", "<"),
            Self::Cursor => ("▸", ">"),
            Self::Arrow => ("→", ">"),
            Self::Move => ("──►", "-->"),
            Self::More => ("…", "~"),
        };
        match charset {
            Charset::Unicode => unicode,
            Charset::Ascii => ascii,
        }
    }
}
