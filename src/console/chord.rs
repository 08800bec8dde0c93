//! A key with its name, as the screen shows it and the configuration writes it.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// One key, with or without Ctrl. A capital letter is a key of its own, so Shift is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chord {
    code: KeyCode,
    ctrl: bool,
}

pub(super) const fn key(c: char) -> Chord {
    named(KeyCode::Char(c))
}

pub(super) const fn ctrl(c: char) -> Chord {
    Chord {
        code: KeyCode::Char(c),
        ctrl: true,
    }
}

/// A key without Ctrl.
pub(super) const fn named(code: KeyCode) -> Chord {
    Chord { code, ctrl: false }
}

/// The names of the keys that are neither characters nor function keys, as the screen shows them and the configuration
/// writes them.
const NAMES: [(KeyCode, &str); 15] = [
    (KeyCode::Enter, "Enter"),
    (KeyCode::Esc, "Esc"),
    (KeyCode::Tab, "Tab"),
    (KeyCode::BackTab, "Shift-Tab"),
    (KeyCode::Backspace, "Backspace"),
    (KeyCode::Delete, "Delete"),
    (KeyCode::Insert, "Insert"),
    (KeyCode::Up, "Up"),
    (KeyCode::Down, "Down"),
    (KeyCode::Left, "Left"),
    (KeyCode::Right, "Right"),
    (KeyCode::Home, "Home"),
    (KeyCode::End, "End"),
    (KeyCode::PageUp, "PageUp"),
    (KeyCode::PageDown, "PageDown"),
];

impl Chord {
    /// Reads the name of a key, for example `g`, `Ctrl-L`, `Shift-Tab`, `F5` or `Space`. The error lists the
    /// valid forms.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_named = |code: &(KeyCode, &str)| code.1.eq_ignore_ascii_case(text);
        if let Some((code, _)) = NAMES.iter().find(|code| is_named(code)) {
            return Ok(named(*code));
        }
        if text.eq_ignore_ascii_case("space") {
            return Ok(key(' '));
        }
        let mut characters = text.chars();
        if let (Some(c), None) = (characters.next(), characters.next())
            && c.is_ascii_graphic()
        {
            return Ok(key(c));
        }
        let function = text.strip_prefix(['F', 'f']).map(str::parse::<u8>);
        if let Some(Ok(number @ 1..=12)) = function {
            return Ok(named(KeyCode::F(number)));
        }
        Self::with_ctrl(text)
    }

    fn with_ctrl(text: &str) -> Result<Self, String> {
        let letter = text
            .split_once('-')
            .filter(|(modifier, _)| modifier.eq_ignore_ascii_case("ctrl"))
            .map(|(_, letter)| letter.to_ascii_lowercase());
        match letter.as_deref().map(str::as_bytes) {
            // With Ctrl, terminals send the same byte for these characters as for Tab, Enter or Escape.
            Some([b'i' | b'j' | b'm' | b'[']) => Err(format!(
                "`{text}` cannot be used: terminals send the same code for it as for Tab, Enter or Esc; choose \
                 another key"
            )),
            Some([letter]) if letter.is_ascii_lowercase() => Ok(ctrl(char::from(*letter))),
            _ => Err(format!(
                "`{text}` is not a key: write one ASCII character such as \"g\", or \"Ctrl-L\" (only letters), \
                 \"F1\" to \"F12\", \"Space\", or one of {}",
                NAMES.map(|(_, name)| name).join(", ")
            )),
        }
    }

    pub fn is_capital(self) -> bool {
        !self.ctrl && matches!(self.code, KeyCode::Char(c) if c.is_ascii_uppercase())
    }

    pub(super) fn matches(self, event: KeyEvent) -> bool {
        let unsupported = KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META;
        self.code == event.code
            && self.ctrl == event.modifiers.contains(KeyModifiers::CONTROL)
            && !event.modifiers.intersects(unsupported)
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(code, _)| *code == self.code);
        match (self.code, name) {
            (_, Some((_, name))) => f.write_str(name),
            (KeyCode::Char(' '), _) => f.write_str("Space"),
            (KeyCode::Char(c), _) if self.ctrl => write!(f, "Ctrl-{}", c.to_ascii_uppercase()),
            (KeyCode::Char(c), _) => write!(f, "{c}"),
            (KeyCode::F(number), _) => write!(f, "F{number}"),
            (code, _) => write!(f, "{code}"),
        }
    }
}
