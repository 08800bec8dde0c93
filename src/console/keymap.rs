//! Keys as the table names them, and which action a key is for.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::{Action, BINDINGS, Scope};
use super::model::Pane;

/// One key, with or without Ctrl. Shift is in the character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chord {
    code: KeyCode,
    ctrl: bool,
}

/// A character's key.
pub(super) const fn key(c: char) -> Chord {
    named(KeyCode::Char(c))
}

/// A character's key with Ctrl.
pub(super) const fn ctrl(c: char) -> Chord {
    Chord {
        code: KeyCode::Char(c),
        ctrl: true,
    }
}

/// A key with a name.
pub(super) const fn named(code: KeyCode) -> Chord {
    Chord { code, ctrl: false }
}

impl Chord {
    /// Whether it is a capital letter.
    pub fn is_capital(self) -> bool {
        matches!(self.code, KeyCode::Char(c) if c.is_ascii_uppercase())
    }

    fn matches(self, event: KeyEvent) -> bool {
        let others = KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META;
        self.code == event.code
            && self.ctrl == event.modifiers.contains(KeyModifiers::CONTROL)
            && !event.modifiers.intersects(others)
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            KeyCode::Char(c) if self.ctrl => write!(f, "Ctrl-{}", c.to_ascii_uppercase()),
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::BackTab => f.write_str("Shift-Tab"),
            code => write!(f, "{code}"),
        }
    }
}

/// What a key is for while a pane has the keys.
pub fn action(event: KeyEvent, focus: Pane) -> Option<Action> {
    BINDINGS
        .iter()
        .filter(|binding| binding.scope == Scope::Everywhere || focus == Pane::Logs)
        .find(|binding| binding.keys.iter().any(|chord| chord.matches(event)))
        .map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(code: KeyCode, modifiers: KeyModifiers) -> KeyEvent {
        KeyEvent::new(code, modifiers)
    }

    #[test]
    fn a_capital_is_found_with_and_without_the_shift_bit() {
        for modifiers in [KeyModifiers::NONE, KeyModifiers::SHIFT] {
            let event = press(KeyCode::Char('P'), modifiers);
            assert_eq!(action(event, Pane::Slots), Some(Action::Promote));
        }
    }

    #[test]
    fn a_key_of_the_log_is_good_in_the_log_only() {
        let event = press(KeyCode::Char('f'), KeyModifiers::NONE);
        assert_eq!(action(event, Pane::Logs), Some(Action::Follow));
        assert_eq!(action(event, Pane::Slots), None);
    }

    #[test]
    fn ctrl_and_alt_are_other_keys() {
        let event = press(KeyCode::Char('A'), KeyModifiers::ALT);
        assert_eq!(action(event, Pane::Slots), None);
        let event = press(KeyCode::Char('q'), KeyModifiers::CONTROL);
        assert_eq!(action(event, Pane::Slots), None);
    }
}
