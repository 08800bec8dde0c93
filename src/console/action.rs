//! The one table of what keys do. Bindings, footer and help are computed from it, so that a label
//! cannot lie. Only capitals change anything outside the console.

use super::keymap::{Chord, ctrl, key, named};
use super::model::Pane;
use crossterm::event::KeyCode;

/// What an operator can do on the main screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Plan a promotion and ask.
    Promote,
    /// Answer the step that waits, or the one that failed.
    Approve,
    /// Undo the release in flight.
    BackOut,
    /// Go back to the version that is warm.
    RollBack,
    /// Stop the version that is kept warm now.
    EndStandby,
    /// Allow changes to the open target for a while.
    Arm,
    /// Open what the cursor is on.
    Open,
    /// Back to where one came from.
    Back,
    /// Give the keys to a pane.
    Focus(Pane),
    /// Give the keys to the next pane.
    NextPane,
    /// Give the keys to the pane before.
    PreviousPane,
    /// Move.
    Up,
    /// Move.
    Down,
    /// Move.
    Left,
    /// Move.
    Right,
    /// To the first.
    First,
    /// To the last.
    Last,
    /// Half a pane up.
    HalfUp,
    /// Half a pane down.
    HalfDown,
    /// Follow the log's end, or stop following.
    Follow,
    /// Show the other slot's log.
    OtherLog,
    /// Copy what the cursor is on.
    Copy,
    /// Draw everything again.
    Repaint,
    /// Show all keys.
    Help,
    /// End the console.
    Quit,
}

/// Where a binding is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// On the whole screen.
    Everywhere,
    /// While the log has the keys.
    Logs,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// The keys, the first one shown in the footer.
    pub keys: &'static [Chord],
    /// What they do.
    pub action: Action,
    /// Where.
    pub scope: Scope,
    /// One or two words.
    pub label: &'static str,
    /// A sentence.
    pub help: &'static str,
    /// Whether the footer names it, where it can be used.
    pub in_footer: bool,
}

const fn bind(
    keys: &'static [Chord],
    action: Action,
    label: &'static str,
    help: &'static str,
) -> Binding {
    Binding {
        keys,
        action,
        scope: Scope::Everywhere,
        label,
        help,
        in_footer: false,
    }
}

const fn shown(binding: Binding) -> Binding {
    Binding {
        in_footer: true,
        ..binding
    }
}

const fn in_logs(binding: Binding) -> Binding {
    Binding {
        scope: Scope::Logs,
        ..binding
    }
}

/// The table, in the order of the footer and of the help.
#[rustfmt::skip]
pub static BINDINGS: &[Binding] = &[
    shown(bind(&[key('A')], Action::Approve, "approve", "approve the step that waits, or answer the one that failed")),
    shown(bind(&[key('P')], Action::Promote, "promote", "choose a version for the open target, plan it, and ask")),
    shown(bind(&[key('X')], Action::BackOut, "back out", "undo everything the release in flight has done")),
    shown(bind(&[key('R')], Action::RollBack, "roll back", "switch back to the version that is kept warm")),
    shown(bind(&[key('S')], Action::EndStandby, "stop standby", "stop the version that is kept warm now instead of later")),
    shown(bind(&[key('W')], Action::Arm, "arm", "allow changes to the open target for a few minutes")),
    shown(bind(&[named(KeyCode::Enter)], Action::Open, "open", "open the target under the cursor, or show details")),
    shown(in_logs(bind(&[key('f')], Action::Follow, "follow", "follow the end of the log, or stay where it is"))),
    shown(in_logs(bind(&[key('o')], Action::OtherLog, "other slot", "show the other slot's log"))),
    shown(bind(&[named(KeyCode::Tab)], Action::NextPane, "pane", "give the keys to the next pane")),
    bind(&[named(KeyCode::BackTab)], Action::PreviousPane, "pane before", "give the keys to the pane before"),
    bind(&[key('1')], Action::Focus(Pane::Environments), "environments", "give the keys to the environments"),
    bind(&[key('2')], Action::Focus(Pane::Slots), "slots", "give the keys to the slots"),
    bind(&[key('3')], Action::Focus(Pane::Checks), "checks", "give the keys to the checks"),
    bind(&[key('4')], Action::Focus(Pane::Registrations), "registrations", "give the keys to the registrations"),
    bind(&[key('5')], Action::Focus(Pane::Logs), "logs", "give the keys to the log"),
    bind(&[named(KeyCode::Up), key('k')], Action::Up, "up", "move up"),
    bind(&[named(KeyCode::Down), key('j')], Action::Down, "down", "move down"),
    bind(&[named(KeyCode::Left), key('h')], Action::Left, "left", "move left"),
    bind(&[named(KeyCode::Right), key('l')], Action::Right, "right", "move right"),
    bind(&[key('g'), named(KeyCode::Home)], Action::First, "first", "to the first line"),
    bind(&[key('G'), named(KeyCode::End)], Action::Last, "last", "to the last line"),
    bind(&[ctrl('u'), named(KeyCode::PageUp)], Action::HalfUp, "half up", "half a pane up"),
    bind(&[ctrl('d'), named(KeyCode::PageDown)], Action::HalfDown, "half down", "half a pane down"),
    bind(&[key('y')], Action::Copy, "copy", "copy what the cursor is on to the terminal's clipboard"),
    bind(&[ctrl('l')], Action::Repaint, "repaint", "draw the whole screen again"),
    bind(&[named(KeyCode::Esc)], Action::Back, "back", "close a dialog, or go back to the environments"),
    shown(bind(&[key('?')], Action::Help, "help", "show all keys")),
    shown(bind(&[key('q'), ctrl('c')], Action::Quit, "quit", "end the console; asks first while a release is in flight")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_bound_twice() {
        let mut seen = std::collections::HashSet::new();
        for binding in BINDINGS {
            for chord in binding.keys {
                assert!(seen.insert(*chord), "{chord} is bound twice");
            }
        }
    }

    #[test]
    fn only_capitals_change_anything() {
        for binding in BINDINGS {
            let changes = matches!(
                binding.action,
                Action::Promote
                    | Action::Approve
                    | Action::BackOut
                    | Action::RollBack
                    | Action::EndStandby
                    | Action::Arm
            );
            // `G` moves, as everywhere.
            let capital = binding.keys.iter().any(|chord| chord.is_capital());
            assert_eq!(
                changes,
                capital && binding.action != Action::Last,
                "{}",
                binding.label
            );
        }
    }
}
