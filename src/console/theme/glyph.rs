//! The symbols on the screen, each with a replacement in ASCII. A word next to the symbol or a legend says what the
//! symbol means.

use ratatui::symbols::border;

/// The characters that the console may draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Charset {
    /// Unicode characters that every terminal draws one column wide.
    #[default]
    Unicode,
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

    pub fn border(self) -> border::Set<'static> {
        match self {
            Self::Unicode => border::PLAIN,
            Self::Ascii => ASCII_PLAIN,
        }
    }

    /// The border of the live slot and of a dialog.
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
    /// Live, healthy or reachable.
    Full,
    /// A version without traffic.
    Hollow,
    /// Work in progress, a lock, a standby, or a message of Greenroom itself.
    Half,
    /// Passed, equal or done.
    Tick,
    Cross,
    Held,
    Differs,
    Unknown,
    /// Nothing exists.
    None,
    /// Not started, or empty.
    Dot,
    /// An operator has to act.
    Hand,
    /// A step that is undone, or is being undone.
    Back,
    /// A push that waits for its release.
    Pushed,
    Cursor,
    /// A change from one value to another.
    Arrow,
    /// Traffic moves from one slot to the other. Three columns wide.
    Move,
    /// The end of a text that was cut.
    More,
}

impl Glyph {
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
            Self::Pushed => ("↑", "^"),
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
