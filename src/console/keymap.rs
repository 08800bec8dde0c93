//! The action of each key: the table in `action`, changed by the key bindings in the operator's configuration.
//! If two actions that apply in the same place have the same key, one action loses the key. `Keymap::clashes` lists the
//! lost keys.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent};

use super::action::{Action, Binding, Scope, bindings};
pub use super::chord::Chord;
use super::chord::{ctrl, named};
use super::model::Pane;

/// Keys that cannot be rebound. Without these keys, a bad configuration could lock the operator into a dialog.
const FIXED_KEYS: [(Action, Chord); 3] = [
    (Action::Open, named(KeyCode::Enter)),
    (Action::Back, named(KeyCode::Esc)),
    (Action::Quit, ctrl('c')),
];

impl Chord {
    /// Checks whether this key can be bound to `action`. The operator's other bindings are not considered. The error
    /// says why the key cannot be bound, and what to choose instead.
    pub fn check_for(self, action: Action) -> Result<(), String> {
        let fixed = FIXED_KEYS.iter().find(|(_, chord)| *chord == self);
        if let Some((other, _)) = fixed.filter(|(other, _)| *other != action) {
            return Err(format!(
                "`{self}` is always bound to `{}`: choose another key",
                other.name()
            ));
        }
        if action.changes() && !self.is_capital() {
            return Err(format!(
                "`{self}` cannot be bound to `{}`: an action that changes something needs a capital letter",
                action.name()
            ));
        }
        Ok(())
    }
}

/// One row of the table of keys and actions, with the keys that are now bound to the action.
#[derive(Debug, Clone)]
pub struct Bound {
    pub binding: &'static Binding,
    /// The screen shows the first key. Empty if the configuration binds no key to the action.
    pub keys: Vec<Chord>,
    /// Whether the keys come from the configuration.
    is_own: bool,
}

/// A configured key that already belongs to another action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clash {
    pub chord: Chord,
    /// The action to which the configuration binds the key.
    pub wanted: Action,
    /// The action that keeps the key.
    pub kept_by: Action,
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (chord, wanted, kept_by) = (self.chord, self.wanted.name(), self.kept_by.name());
        write!(
            f,
            "{chord} is already the key of {kept_by} and is not bound to {wanted}: choose another key"
        )
    }
}

/// The table of keys and actions with the operator's own bindings.
#[derive(Debug, Clone)]
pub struct Keymap {
    bound: Vec<Bound>,
    clashes: Vec<Clash>,
}

impl Default for Keymap {
    fn default() -> Self {
        Self::rebound(&[])
    }
}

impl Keymap {
    /// The table with other keys for some actions. Two actions clash if they have the same key and apply in the same
    /// place, for example in the log pane. An action without an override keeps the key. If both actions have an
    /// override, the action that comes first in the table keeps the key.
    pub fn rebound(key_overrides: &[(Action, Vec<Chord>)]) -> Self {
        let bound = bindings().map(|binding| {
            let key_override = key_overrides
                .iter()
                .find(|(action, _)| *action == binding.action);
            let mut keys =
                key_override.map_or_else(|| binding.keys.to_vec(), |(_, keys)| keys.clone());
            keys.retain(|key| key.check_for(binding.action).is_ok());
            let fixed = FIXED_KEYS
                .iter()
                .find(|(action, _)| *action == binding.action);
            if let Some((_, chord)) = fixed
                && !keys.contains(chord)
            {
                keys.push(*chord);
            }
            Bound {
                binding,
                keys,
                is_own: key_override.is_some(),
            }
        });
        let mut keymap = Self {
            bound: bound.collect(),
            clashes: Vec::new(),
        };
        // Each round removes one key from an override, so the loop ends.
        while let Some((loser, clash)) = keymap.clash() {
            keymap.remove_key(loser, clash);
        }
        keymap
    }

    fn remove_key(&mut self, loser: usize, clash: Clash) {
        self.clashes.push(clash);
        let Some(bound) = self.bound.get_mut(loser) else {
            return;
        };
        bound.keys.retain(|key| *key != clash.chord);
        if bound.keys.is_empty() {
            bound.keys = bound.binding.keys.to_vec();
            bound.is_own = false;
        }
    }

    /// The first clash, and the index of the row that loses the key.
    fn clash(&self) -> Option<(usize, Clash)> {
        for (index, first) in self.bound.iter().enumerate() {
            for (below, second) in self.bound.iter().enumerate().skip(index + 1) {
                if !overlap(first.binding.scope, second.binding.scope) {
                    continue;
                }
                let Some(chord) = first.keys.iter().find(|key| second.keys.contains(key)) else {
                    continue;
                };
                let losing_row = if second.is_own { below } else { index };
                let winner = if second.is_own { first } else { second };
                let loser = self.bound.get(losing_row)?;
                let clash = Clash {
                    chord: *chord,
                    wanted: loser.binding.action,
                    kept_by: winner.binding.action,
                };
                return loser.is_own.then_some((losing_row, clash));
            }
        }
        None
    }

    /// The configured keys that were dropped.
    pub fn clashes(&self) -> &[Clash] {
        &self.clashes
    }

    /// All rows, in the order of the table.
    pub fn lines(&self) -> impl Iterator<Item = &Bound> {
        self.bound.iter()
    }

    pub fn line(&self, action: Action) -> Option<&Bound> {
        self.lines().find(|bound| bound.binding.action == action)
    }

    /// The key to show when a text mentions an action. If no key is bound to the action, the key of the palette and the
    /// name to type there. If the palette has no key either, the name of the action in parentheses.
    pub fn shown(&self, action: Action) -> String {
        let key = self.line(action).and_then(|bound| bound.keys.first());
        match (key, self.line(Action::Palette)) {
            (Some(key), _) => key.to_string(),
            (None, Some(palette)) if action != Action::Palette && !palette.keys.is_empty() => {
                format!("{} {}", self.shown(Action::Palette), action.name())
            }
            (None, _) => format!("({})", action.name()),
        }
    }

    /// The action of a key while `focus` is the focused pane.
    pub fn action(&self, event: KeyEvent, focus: Pane) -> Option<Action> {
        self.find(event, |scope| scope.covers(focus))
    }

    /// The action of a key while the history is open.
    pub fn action_in_history(&self, event: KeyEvent) -> Option<Action> {
        self.find(event, Scope::covers_history)
    }

    fn find(&self, event: KeyEvent, applies: impl Fn(Scope) -> bool) -> Option<Action> {
        self.lines()
            .filter(|bound| applies(bound.binding.scope))
            .find(|bound| bound.keys.iter().any(|chord| chord.matches(event)))
            .map(|bound| bound.binding.action)
    }
}

/// Whether both scopes apply in at least one place.
fn overlap(first: Scope, second: Scope) -> bool {
    let in_a_pane = Pane::ALL
        .into_iter()
        .any(|pane| first.covers(pane) && second.covers(pane));
    in_a_pane || (first.covers_history() && second.covers_history())
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyModifiers;

    use super::*;
    use crate::console::chord::key;

    fn press(code: KeyCode, modifiers: KeyModifiers) -> KeyEvent {
        KeyEvent::new(code, modifiers)
    }

    fn action_of(keymap: &Keymap, c: char, focus: Pane) -> Option<Action> {
        keymap.action(press(KeyCode::Char(c), KeyModifiers::NONE), focus)
    }

    #[test]
    fn a_capital_is_found_with_and_without_the_shift_bit() {
        for modifiers in [KeyModifiers::NONE, KeyModifiers::SHIFT] {
            let event = press(KeyCode::Char('P'), modifiers);
            let action = Keymap::default().action(event, Pane::Slots);
            assert_eq!(action, Some(Action::Promote));
        }
    }

    #[test]
    fn a_log_key_works_only_in_the_log() {
        let keymap = Keymap::default();
        assert_eq!(action_of(&keymap, 'f', Pane::Logs), Some(Action::Follow));
        assert_eq!(action_of(&keymap, 'f', Pane::Slots), None);
    }

    #[test]
    fn a_key_with_ctrl_or_alt_is_a_different_key() {
        let keymap = Keymap::default();
        let event = press(KeyCode::Char('A'), KeyModifiers::ALT);
        assert_eq!(keymap.action(event, Pane::Slots), None);
        let event = press(KeyCode::Char('q'), KeyModifiers::CONTROL);
        assert_eq!(keymap.action(event, Pane::Slots), None);
    }

    #[test]
    fn the_shown_name_of_a_key_can_be_parsed() {
        for bound in Keymap::default().lines() {
            for chord in &bound.keys {
                assert_eq!(Chord::parse(&chord.to_string()), Ok(*chord));
            }
        }
        for text in ["F5", "Space", "Ctrl-X", "Shift-Tab", "&"] {
            assert_eq!(
                Chord::parse(text).map(|chord| chord.to_string()),
                Ok(text.into())
            );
        }
        for wrong in [
            "", "gg", "Ctrl-I", "Ctrl-", "Ctrl-ab", "Alt-x", "F13", "é", "\u{1b}",
        ] {
            assert!(Chord::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_clash_disables_one_override_and_names_both_actions() {
        let keymap = Keymap::rebound(&[
            (Action::Zoom, vec![key('z')]),
            (Action::Mouse, vec![key('q'), key('M')]),
        ]);
        let clashes: Vec<String> = keymap.clashes().iter().map(ToString::to_string).collect();
        assert_eq!(
            clashes,
            ["q is already the key of quit and is not bound to mouse: choose another key"]
        );
        assert_eq!(action_of(&keymap, 'z', Pane::Slots), Some(Action::Zoom));
        assert_eq!(action_of(&keymap, 'M', Pane::Slots), Some(Action::Mouse));
        assert_eq!(action_of(&keymap, 'm', Pane::Slots), None);
        assert_eq!(action_of(&keymap, 'q', Pane::Slots), Some(Action::Quit));
    }

    #[test]
    fn an_action_that_lost_all_overrides_gets_its_own_key_back() {
        let keymap = Keymap::rebound(&[
            (Action::Zoom, vec![key('m')]),
            (Action::Mouse, vec![key('q')]),
        ]);
        assert_eq!(keymap.clashes().len(), 2, "{:?}", keymap.clashes());
        assert_eq!(action_of(&keymap, 'm', Pane::Slots), Some(Action::Mouse));
        assert_eq!(action_of(&keymap, '+', Pane::Slots), Some(Action::Zoom));
    }

    #[test]
    fn one_key_can_have_an_action_in_each_of_two_panes() {
        let keymap = Keymap::rebound(&[
            (Action::Wrap, vec![key('z')]),
            (Action::Sort, vec![key('z')]),
            (Action::Mouse, Vec::new()),
        ]);
        assert_eq!(keymap.clashes(), []);
        assert_eq!(action_of(&keymap, 'z', Pane::Logs), Some(Action::Wrap));
        assert_eq!(
            action_of(&keymap, 'z', Pane::Environments),
            Some(Action::Sort)
        );
        assert_eq!(action_of(&keymap, 'm', Pane::Slots), None);
        assert_eq!(keymap.shown(Action::Mouse), ": mouse");
    }

    #[test]
    fn the_keys_to_leave_cannot_be_rebound() {
        let keymap = Keymap::rebound(&[(Action::Quit, vec![key('Q')]), (Action::Back, Vec::new())]);
        let event = press(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(keymap.action(event, Pane::Slots), Some(Action::Quit));
        let event = press(KeyCode::Esc, KeyModifiers::NONE);
        assert_eq!(keymap.action(event, Pane::Slots), Some(Action::Back));
        assert!(named(KeyCode::Esc).check_for(Action::Zoom).is_err());
        assert!(key('a').check_for(Action::Approve).is_err());
        assert!(named(KeyCode::F(5)).check_for(Action::Promote).is_err());
        assert!(key('K').check_for(Action::Approve).is_ok());
    }
}
