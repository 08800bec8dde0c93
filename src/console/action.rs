//! The table of keys and actions. The key bindings, the footer, the help and the README are computed from this table,
//! so they cannot disagree. The actions for which [`Action::changes`] is true have a capital letter as their key.

use super::chord::{Chord, ctrl, key, named};
use super::model::Pane;
use crossterm::event::KeyCode;

/// What an operator can do on the main screen. [`BINDINGS`] has the label and the help text of each action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    Promote,
    Approve,
    /// Undo everything that the running release has done.
    BackOut,
    /// Roll back to the version that is kept warm. If no version is kept warm, choose an earlier version.
    RollBack,
    /// Place a hold on the open target, or change or clear its hold. A promote to a held target needs an override.
    Hold,
    /// Stop the version that is kept warm.
    EndStandby,
    /// Run the checks again while register or switch waits for approval.
    CheckAgain,
    /// Request or answer the handover of a release, take over a release, or resume a release.
    Resume,
    /// Plan a repair of the drift, then confirm it.
    Repair,
    /// List the approvals, questions and interrupted releases that wait for this operator.
    Waiting,
    /// Allow changes to the open target for a few minutes.
    Arm,
    /// Open the target under the cursor. In another pane or in the history, show details.
    Open,
    /// Close the history or its page, the diagnostics, a search, a filter or the zoom. Otherwise focus the
    /// environments.
    Back,
    Focus(Pane),
    NextPane,
    PreviousPane,
    Up,
    Down,
    Left,
    Right,
    First,
    Last,
    /// Scroll up half a pane.
    HalfUp,
    /// Scroll down half a pane.
    HalfDown,
    /// Follow the end of the log, or stop following.
    Follow,
    /// Show the next log: blue, green, both slots, the proxy, or the steps of the release.
    NextLog,
    /// Filter the releases if the history is open. Otherwise filter the services if the environments have the focus, or
    /// else search the log.
    Search,
    SearchNext,
    SearchPrevious,
    /// Show only the lines that contain a text.
    Filter,
    Wrap,
    /// Show or hide the time at which the runtime or the proxy received each line.
    Timestamps,
    /// Show only the lines of the last minutes or hours, or all lines.
    Since,
    /// Write the lines of the shown log to a file.
    SaveLog,
    HideLog,
    /// Show Greenroom's own diagnostics in place of the log, or show the log again.
    Diagnostics,
    /// Put the services in another order.
    Sort,
    Zoom,
    Unzoom,
    /// Find an action, a target or a theme by its name.
    Palette,
    Themes,
    /// Let the console receive the mouse, or leave the mouse to the terminal.
    Mouse,
    /// Show the history of releases, or the panes again.
    History,
    /// Mark a release for a comparison, or remove the mark.
    Mark,
    Compare,
    /// Show what became live in an environment, in order.
    Timeline,
    /// Verify that the records that match the filter have not been altered.
    Prove,
    /// Suspend the console and return to the shell. The shell's `fg` continues it.
    Suspend,
    /// Copy a text of the focused pane or of the history to the terminal's clipboard, for example a digest.
    Copy,
    Repaint,
    /// Show how the configuration on disk has changed, and reload it.
    Reload,
    Help,
    Quit,
}

/// Where a binding applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    Everywhere,
    /// While the environments pane has the focus.
    Environments,
    /// While the log pane has the focus.
    Logs,
    /// While the history is open.
    History,
}

impl Scope {
    /// Whether a binding of this scope applies while `focus` is the focused pane.
    pub fn covers(self, focus: Pane) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Environments => focus == Pane::Environments,
            Self::Logs => focus == Pane::Logs,
            Self::History => false,
        }
    }

    /// Whether a binding of this scope applies while the history is open.
    pub fn covers_history(self) -> bool {
        matches!(self, Self::Everywhere | Self::History)
    }

    /// The name of the scope, for the help. `None` for [`Scope::Everywhere`].
    pub fn place(self) -> Option<&'static str> {
        match self {
            Self::Everywhere => None,
            Self::Environments => Some("in the environments"),
            Self::Logs => Some("in the log"),
            Self::History => Some("in the history"),
        }
    }
}

/// One row of the table of keys and actions.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// The default keys. If the configuration does not replace them, the footer shows the first key.
    pub keys: &'static [Chord],
    pub action: Action,
    pub scope: Scope,
    /// One or two words for the footer.
    pub label: &'static str,
    /// One sentence for the help.
    pub help: &'static str,
    /// Whether the footer shows the action while it is available.
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

const fn in_footer(binding: Binding) -> Binding {
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
    in_footer(bind(&[key('A')], Action::Approve, "approve", "approve the waiting step, or decide on the failed one")),
    in_footer(bind(&[key('P')], Action::Promote, "promote", "choose a version for the open target, plan its release, then confirm it")),
    in_footer(bind(&[key('X')], Action::BackOut, "back out", "undo everything that the running release has done")),
    in_footer(bind(&[key('R')], Action::RollBack, "roll back", "switch back to the version that is kept warm, or choose an earlier version")),
    in_footer(bind(&[key('U')], Action::CheckAgain, "check again", "run the checks again while register or switch waits for approval")),
    in_footer(bind(&[key('C')], Action::Resume, "driver", "request or answer a handover; take over or resume a release")),
    in_footer(bind(&[key('S')], Action::EndStandby, "stop standby", "stop the version that is kept warm, now instead of later")),
    in_footer(bind(&[key('D')], Action::Repair, "repair drift", "plan a repair of the open target, then confirm it")),
    bind(&[key('F')], Action::Hold, "hold", "place a hold on the open target (a promote then needs an override), or clear it"),
    in_footer(bind(&[key('W')], Action::Arm, "arm", "allow changes to the open target for a few minutes")),
    in_footer(bind(&[named(KeyCode::Enter)], Action::Open, "open", "open the target under the cursor, or show details")),
    in_footer(in_logs(bind(&[key('f')], Action::Follow, "follow", "follow the end of the log, or stop following"))),
    in_footer(in_logs(bind(&[key('&')], Action::Filter, "filter", "show only the lines that contain a text"))),
    in_logs(bind(&[key('n')], Action::SearchNext, "next", "go to the next match")),
    in_logs(bind(&[key('N')], Action::SearchPrevious, "previous", "go to the previous match")),
    in_logs(bind(&[key('w')], Action::Wrap, "wrap", "wrap long lines, or cut them")),
    in_logs(bind(&[key('t')], Action::Timestamps, "timestamps", "show or hide the time of each line")),
    in_logs(bind(&[key('i')], Action::Since, "since", "show only the lines of the last minutes or hours, or all")),
    in_logs(bind(&[key('s')], Action::SaveLog, "save", "write the lines to a file")),
    in_environments(bind(&[key('s')], Action::Sort, "sort", "put the services in another order")),
    in_footer(bind(&[key('/')], Action::Search, "search", "search the log, or filter the services or the history")),
    in_footer(bind(&[key('o')], Action::NextLog, "next log", "show the next log: blue, green, both slots, proxy, steps of the release")),
    bind(&[key('\\')], Action::HideLog, "hide log", "hide the log, or show it again"),
    bind(&[key('d')], Action::Diagnostics, "diagnostics", "show Greenroom's own diagnostics, or the log again"),
    in_footer(bind(&[named(KeyCode::Tab)], Action::NextPane, "pane", "focus the next pane")),
    bind(&[named(KeyCode::BackTab)], Action::PreviousPane, "previous pane", "focus the previous pane"),
    bind(&[key('1')], Action::Focus(Pane::Environments), "environments", "focus the environments"),
    bind(&[key('2')], Action::Focus(Pane::Slots), "slots", "focus the slots"),
    bind(&[key('3')], Action::Focus(Pane::Checks), "checks", "focus the checks"),
    bind(&[key('4')], Action::Focus(Pane::Registrations), "registrations", "focus the registrations"),
    bind(&[key('5')], Action::Focus(Pane::Logs), "logs", "focus the log"),
    bind(&[named(KeyCode::Up), key('k')], Action::Up, "up", "move up"),
    bind(&[named(KeyCode::Down), key('j')], Action::Down, "down", "move down"),
    bind(&[named(KeyCode::Left), key('h')], Action::Left, "left", "move left"),
    bind(&[named(KeyCode::Right), key('l')], Action::Right, "right", "move right"),
    bind(&[key('g'), named(KeyCode::Home)], Action::First, "first", "go to the first line"),
    bind(&[key('G'), named(KeyCode::End)], Action::Last, "last", "go to the last line"),
    bind(&[ctrl('u'), named(KeyCode::PageUp)], Action::HalfUp, "half up", "scroll up half a pane"),
    bind(&[ctrl('d'), named(KeyCode::PageDown)], Action::HalfDown, "half down", "scroll down half a pane"),
    bind(&[key('y')], Action::Copy, "copy", "copy the text under the cursor to the terminal's clipboard"),
    in_footer(bind(&[key('+')], Action::Zoom, "zoom", "show only the focused pane")),
    in_footer(bind(&[key('_'), key('-')], Action::Unzoom, "all panes", "show all panes again")),
    bind(&[key('a')], Action::Waiting, "waits for you", "list what waits for you: approvals, questions, releases to resume"),
    bind(&[key('H')], Action::History, "history", "show the history of releases, or the panes again"),
    in_footer(in_history(bind(&[key(' ')], Action::Mark, "mark", "mark a release to compare it, or remove the mark"))),
    in_footer(in_history(bind(&[key('c')], Action::Compare, "compare", "compare the two marked releases"))),
    in_footer(in_history(bind(&[key('t')], Action::Timeline, "timeline", "show what became live in this environment, in order"))),
    bind(&[key('T')], Action::Themes, "theme", "choose another theme, with a preview"),
    bind(&[key('m')], Action::Mouse, "mouse", "use the mouse in the console, or leave it to the terminal"),
    bind(&[ctrl('z')], Action::Suspend, "suspend", "suspend the console and return to the shell"),
    in_footer(bind(&[ctrl('r')], Action::Reload, "reload", "show how the configuration on disk has changed, and reload it")),
    bind(&[ctrl('l')], Action::Repaint, "repaint", "draw the whole screen again"),
    bind(&[named(KeyCode::Esc)], Action::Back, "back", "close a dialog or a view, or focus the environments"),
    in_footer(in_history(bind(&[key('v')], Action::Prove, "prove", "verify that the listed records have not been altered"))),
    in_footer(bind(&[key(':')], Action::Palette, "palette", "find an action, a target or a theme by its name")),
    in_footer(bind(&[key('?')], Action::Help, "help", "show all keys")),
    in_footer(bind(&[key('q'), ctrl('c')], Action::Quit, "quit", "quit the console; asks first while this console drives a release")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_bound_twice() {
        let mut bound = std::collections::HashSet::new();
        for binding in BINDINGS {
            for chord in binding.keys {
                let scopes: Vec<Pane> = Pane::ALL
                    .into_iter()
                    .filter(|pane| binding.scope.covers(*pane))
                    .collect();
                let in_history = binding.scope.covers_history().then_some(None);
                for place in scopes.into_iter().map(Some).chain(in_history) {
                    assert!(bound.insert((*chord, place)), "{chord} is bound twice");
                }
            }
        }
    }

    #[test]
    fn an_action_that_changes_something_has_a_capital_letter() {
        for binding in BINDINGS {
            let changes = binding.action.changes();
            // These capitals are customary in other programs. None of them changes anything outside the console.
            let is_customary = matches!(
                binding.action,
                Action::Last | Action::SearchPrevious | Action::History | Action::Themes
            );
            let capital = binding.keys.iter().any(|chord| chord.is_capital());
            assert_eq!(changes, capital && !is_customary, "{}", binding.label);
        }
    }
}
