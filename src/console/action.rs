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
    /// Hold the open target, or clear its hold.
    Freeze,
    /// Stop the version that is kept warm now.
    EndStandby,
    /// Run the checks again while a step waits.
    CheckAgain,
    /// Decide who drives a release: request the handover, hand it over, or go on with one that lost its driver.
    Resume,
    /// Plan what mends the differences, and ask.
    Repair,
    /// List what waits for the operator.
    Waiting,
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
    /// Show the next log: of the other slot, of both, of the proxy, of the release.
    NextLog,
    /// Search what has the keys: the log's lines, or the matrix' services.
    Search,
    /// To the next line that was searched for.
    SearchNext,
    /// To the one before.
    SearchPrevious,
    /// Show only the lines that contain something.
    Filter,
    /// Wrap long lines, or cut them.
    Wrap,
    /// Show when the engine heard each line, or do not.
    Timestamps,
    /// Show only lines of the last minutes, hours, or all.
    Since,
    /// Write the lines to a file.
    SaveLog,
    /// Hide the log, or show it again.
    HideLog,
    /// Show what Greenroom says about itself in the log's place.
    Diagnostics,
    /// Put the services in another order.
    Sort,
    /// Give one pane the whole screen.
    Zoom,
    /// Show all panes again.
    Unzoom,
    /// Find an action by its name.
    Palette,
    /// Choose another theme.
    Themes,
    /// Use the mouse, or leave it to the terminal.
    Mouse,
    /// Show what was released, or the panes again.
    History,
    /// Mark a release to compare it, or do not any more.
    Mark,
    /// Compare the two releases that are marked.
    Compare,
    /// Show what became live in an environment, one after the other.
    Timeline,
    /// Prove that what was released is still what was written.
    Prove,
    /// Give the terminal back to the shell for a while.
    Suspend,
    /// Copy what the cursor is on.
    Copy,
    /// Draw everything again.
    Repaint,
    /// Show what differs in the configuration that changed on disk, and reload it.
    Reload,
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
    /// While the environments have the keys.
    Environments,
    /// While the log has the keys.
    Logs,
    /// While the history has the screen.
    History,
}

impl Scope {
    /// Whether a binding of this scope is good while a pane has the keys.
    pub fn covers(self, focus: Pane) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Environments => focus == Pane::Environments,
            Self::Logs => focus == Pane::Logs,
            Self::History => false,
        }
    }

    /// Whether a binding of this scope is good while the history has the screen.
    pub fn covers_history(self) -> bool {
        matches!(self, Self::Everywhere | Self::History)
    }

    /// Where that is, in words; none for everywhere.
    pub fn place(self) -> Option<&'static str> {
        match self {
            Self::Everywhere => None,
            Self::Environments => Some("in the environments"),
            Self::Logs => Some("in the log"),
            Self::History => Some("in the history"),
        }
    }
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

const fn in_environments(binding: Binding) -> Binding {
    Binding {
        scope: Scope::Environments,
        ..binding
    }
}

const fn in_logs(binding: Binding) -> Binding {
    Binding {
        scope: Scope::Logs,
        ..binding
    }
}

const fn in_history(binding: Binding) -> Binding {
    Binding {
        scope: Scope::History,
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
    shown(bind(&[key('U')], Action::CheckAgain, "check again", "run the checks again while register or switch waits for a yes")),
    shown(bind(&[key('C')], Action::Resume, "wheel", "ask for the wheel of a release, hand it over, take it, or go on with one that lost its driver")),
    shown(bind(&[key('S')], Action::EndStandby, "stop standby", "stop the version that is kept warm now instead of later")),
    shown(bind(&[key('D')], Action::Repair, "repair drift", "plan what mends the differences of the open target, and ask")),
    bind(&[key('F')], Action::Freeze, "hold", "hold the open target, so that nothing is promoted there, or clear its hold"),
    shown(bind(&[key('W')], Action::Arm, "arm", "allow changes to the open target for a few minutes")),
    shown(bind(&[named(KeyCode::Enter)], Action::Open, "open", "open the target under the cursor, or show details")),
    shown(in_logs(bind(&[key('f')], Action::Follow, "follow", "follow the end of the log, or stay where it is"))),
    shown(in_logs(bind(&[key('&')], Action::Filter, "filter", "show only the lines that contain something"))),
    in_logs(bind(&[key('n')], Action::SearchNext, "next", "to the next line that was searched for")),
    in_logs(bind(&[key('N')], Action::SearchPrevious, "previous", "to the line before that was searched for")),
    in_logs(bind(&[key('w')], Action::Wrap, "wrap", "wrap long lines, or cut them")),
    in_logs(bind(&[key('t')], Action::Timestamps, "timestamps", "show when each line was heard, or do not")),
    in_logs(bind(&[key('i')], Action::Since, "since", "show only lines of the last minutes or hours, or all")),
    in_logs(bind(&[key('s')], Action::SaveLog, "save", "write the lines to a file")),
    in_environments(bind(&[key('s')], Action::Sort, "sort", "put the services in another order")),
    shown(bind(&[key('/')], Action::Search, "search", "search the log, or filter the environments by service")),
    shown(bind(&[key('o')], Action::NextLog, "next log", "show the next log: blue, green, both, the proxy's, the release's steps")),
    bind(&[key('\\')], Action::HideLog, "hide log", "hide the log, or show it again"),
    bind(&[key('d')], Action::Diagnostics, "diagnostics", "show what Greenroom says about itself, or the log again"),
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
    shown(bind(&[key('+')], Action::Zoom, "zoom", "give the pane that has the keys the whole screen")),
    shown(bind(&[key('_'), key('-')], Action::Unzoom, "all panes", "show all panes again")),
    bind(&[key('a')], Action::Waiting, "waits for you", "list what waits for you: approvals, questions, releases to resume"),
    bind(&[key('H')], Action::History, "history", "show what was released, or the panes again"),
    shown(in_history(bind(&[key(' ')], Action::Mark, "mark", "mark a release to compare it, or do not any more"))),
    shown(in_history(bind(&[key('c')], Action::Compare, "compare", "compare the two releases that are marked"))),
    shown(in_history(bind(&[key('t')], Action::Timeline, "timeline", "what became live in this environment, one after the other"))),
    bind(&[key('T')], Action::Themes, "theme", "choose another theme, with a preview"),
    bind(&[key('m')], Action::Mouse, "mouse", "use the mouse here, or leave it to the terminal"),
    bind(&[ctrl('z')], Action::Suspend, "suspend", "give the terminal back to the shell for a while"),
    shown(bind(&[ctrl('r')], Action::Reload, "reload", "show what differs in the configuration that changed on disk, and use it")),
    bind(&[ctrl('l')], Action::Repaint, "repaint", "draw the whole screen again"),
    bind(&[named(KeyCode::Esc)], Action::Back, "back", "close a dialog, or go back to the environments"),
    shown(in_history(bind(&[key('v')], Action::Prove, "prove", "that what the list has is still what was written, here and in the stores"))),
    shown(bind(&[key(':')], Action::Palette, "palette", "find an action by its name, and do it")),
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
                let scopes: Vec<Pane> = Pane::ALL
                    .into_iter()
                    .filter(|pane| binding.scope.covers(*pane))
                    .collect();
                let in_history = binding.scope.covers_history().then_some(None);
                for place in scopes.into_iter().map(Some).chain(in_history) {
                    assert!(seen.insert((*chord, place)), "{chord} is bound twice");
                }
            }
        }
    }

    #[test]
    fn only_capitals_change_anything() {
        for binding in BINDINGS {
            let changes = binding.action.changes();
            // Known from everywhere else, and none of them changes anything outside.
            let looks = matches!(
                binding.action,
                Action::Last | Action::SearchPrevious | Action::History | Action::Themes
            );
            let capital = binding.keys.iter().any(|chord| chord.is_capital());
            assert_eq!(changes, capital && !looks, "{}", binding.label);
        }
    }
}
