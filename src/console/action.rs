//! The table of actions: the name, the keys and the help of each action, and when it is available. The key bindings, the
//! footer, the help, the palette, the configuration and the README are computed from this table, so they cannot disagree.
//! The actions for which [`Action::changes`] is true have a capital letter as their key.

use super::chord::{Chord, ctrl, key, named};
use super::model::Pane;
use crossterm::event::KeyCode;

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

/// The groups of actions, in the order of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    Release,
    Move,
    Log,
    History,
    Screen,
    Console,
}

impl Purpose {
    pub const ALL: [Self; 6] = [
        Self::Release,
        Self::Move,
        Self::Log,
        Self::History,
        Self::Screen,
        Self::Console,
    ];

    /// The heading of the group in the help.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Release => "Releasing: only these keys change anything",
            Self::Move => "Moving around",
            Self::Log => "Reading logs",
            Self::History => "In the history",
            Self::Screen => "The screen",
            Self::Console => "The console",
        }
    }
}

/// When an action is available. The console decides each in `model/availability.rs`, with the reason if it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Always,
    /// A target is open, and this console may change it.
    CanChange,
    /// As `CanChange`, and no other release of the target is in the way.
    CanBegin,
    CanRepair,
    /// A step or a release waits for an answer of this operator.
    AnswerNeeded,
    CanBackOut,
    CanCheckAgain,
    InStandby,
    CanResume,
    /// As `CanChange`, and the target is not armed.
    NotArmed,
    /// A push of the open target is known.
    HasPushes,
    /// An approval, a question or a release waits for this operator.
    SomethingWaits,
    InHistory,
    /// A release is under the cursor of the history.
    OnRelease,
    TwoMarked,
    Reloadable,
    Zoomed,
    NotZoomed,
    CanSuspend,
    /// The configuration belongs to a sandbox.
    InSandbox,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    pub action: Action,
    /// The name in the `keys` table of the configuration. It never changes, because configuration files contain it.
    pub name: &'static str,
    pub purpose: Purpose,
    /// The default keys. If the configuration does not replace them, the footer shows the first key.
    pub keys: &'static [Chord],
    /// One or two words for the footer.
    pub label: &'static str,
    /// One sentence for the help.
    pub help: &'static str,
    pub scope: Scope,
    /// Whether the footer shows the action while it is available.
    pub in_footer: bool,
    /// Whether the action does the same with and without the history.
    pub same_in_history: bool,
    pub when: When,
}

impl Binding {
    const fn in_environments(mut self) -> Self {
        self.scope = Scope::Environments;
        self
    }

    const fn in_logs(mut self) -> Self {
        self.scope = Scope::Logs;
        self
    }

    const fn in_history(mut self) -> Self {
        self.scope = Scope::History;
        self
    }

    const fn in_footer(mut self) -> Self {
        self.in_footer = true;
        self
    }

    const fn same_in_history(mut self) -> Self {
        self.same_in_history = true;
        self
    }

    const fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }
}

macro_rules! actions {
    ($(
        $action:ident($name:literal, $purpose:ident, [$($key:expr),+], $label:literal, $help:literal)
            $($column:ident $(($when:ident))?)*;
    )+) => {
        /// What an operator can do on the main screen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $(#[doc = $help] $action,)+
        }

        impl Action {
            /// Every action, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$action),+];

            /// The row of the action.
            pub fn binding(self) -> &'static Binding {
                match self {
                    $(Self::$action => const {
                        const KEYS: &[Chord] = &[$($key),+];
                        &(Binding {
                            action: Self::$action,
                            name: $name,
                            purpose: Purpose::$purpose,
                            keys: KEYS,
                            label: $label,
                            help: $help,
                            scope: Scope::Everywhere,
                            in_footer: false,
                            same_in_history: false,
                            when: When::Always,
                        }
                        $(.$column($(When::$when)?))*)
                    },)+
                }
            }
        }
    };
}

// In the order of the footer and of the help: the name in the configuration, the group in the help, the default keys, the
// label in the footer and the text of the help, then the columns that are not the usual ones.
actions! {
    Approve("approve", Release, [key('A')], "approve", "approve the waiting step, or decide on the failed one") in_footer when(AnswerNeeded);
    Promote("promote", Release, [key('P')], "promote", "choose a version for the open target, plan its release, then confirm it") in_footer when(CanBegin);
    BackOut("back-out", Release, [key('X')], "back out", "undo everything that the running release has done") in_footer when(CanBackOut);
    RollBack("roll-back", Release, [key('R')], "roll back", "switch back to the version that is kept warm, or choose an earlier version") in_footer when(CanBegin);
    CheckAgain("check-again", Release, [key('U')], "check again", "run the checks again while register or switch waits for approval") in_footer when(CanCheckAgain);
    Resume("take-up", Release, [key('C')], "driver", "request or answer a handover; take over or resume a release") in_footer when(CanResume);
    EndStandby("stop-standby", Release, [key('S')], "stop standby", "stop the version that is kept warm, now instead of later") in_footer when(InStandby);
    Repair("repair", Release, [key('D')], "repair drift", "plan a repair of the open target, then confirm it") in_footer when(CanRepair);
    Hold("hold", Release, [key('F')], "hold", "place a hold on the open target (a promote then needs an override), or clear it") when(CanChange);
    Arm("arm", Release, [key('W')], "arm", "allow changes to the open target for a few minutes") in_footer when(NotArmed);
    Open("open", Move, [named(KeyCode::Enter)], "open", "open the target under the cursor, or show details") in_footer;
    Follow("follow", Log, [key('f')], "follow", "follow the end of the log, or stop following") in_logs in_footer;
    Filter("filter", Log, [key('&')], "filter", "show only the lines that contain a text") in_logs in_footer;
    SearchNext("search-next", Log, [key('n')], "next", "go to the next match") in_logs;
    SearchPrevious("search-previous", Log, [key('N')], "previous", "go to the previous match") in_logs;
    Wrap("wrap", Log, [key('w')], "wrap", "wrap long lines, or cut them") in_logs;
    Timestamps("timestamps", Log, [key('t')], "timestamps", "show or hide the time of each line") in_logs;
    Since("since", Log, [key('i')], "since", "show only the lines of the last minutes or hours, or all") in_logs;
    SaveLog("save-log", Log, [key('s')], "save", "write the lines to a file") in_logs;
    Sort("sort", Move, [key('s')], "sort", "put the services in another order") in_environments;
    Search("search", Move, [key('/')], "search", "search the log, or filter the services or the history") in_footer;
    NextLog("next-log", Log, [key('o')], "next log", "show the next log: blue, green, both slots, tasks, proxy, steps of the release") in_footer;
    HideLog("hide-log", Log, [key('\\')], "hide log", "hide the log, or show it again");
    Diagnostics("diagnostics", Log, [key('d')], "diagnostics", "show Greenroom's own diagnostics, or the log again");
    NextPane("next-pane", Move, [named(KeyCode::Tab)], "pane", "focus the next pane") in_footer;
    PreviousPane("previous-pane", Move, [named(KeyCode::BackTab)], "previous pane", "focus the previous pane");
    FocusEnvironments("environments", Move, [key('1')], "environments", "focus the environments");
    FocusSlots("slots", Move, [key('2')], "slots", "focus the slots");
    FocusChecks("checks", Move, [key('3')], "checks", "focus the checks");
    FocusRegistrations("registrations", Move, [key('4')], "registrations", "focus the registrations");
    FocusLogs("logs", Move, [key('5')], "logs", "focus the log");
    Up("up", Move, [named(KeyCode::Up), key('k')], "up", "move up");
    Down("down", Move, [named(KeyCode::Down), key('j')], "down", "move down");
    Left("left", Move, [named(KeyCode::Left), key('h')], "left", "move left");
    Right("right", Move, [named(KeyCode::Right), key('l')], "right", "move right");
    First("first", Move, [key('g'), named(KeyCode::Home)], "first", "go to the first line");
    Last("last", Move, [key('G'), named(KeyCode::End)], "last", "go to the last line");
    HalfUp("half-up", Move, [ctrl('u'), named(KeyCode::PageUp)], "half up", "scroll up half a pane");
    HalfDown("half-down", Move, [ctrl('d'), named(KeyCode::PageDown)], "half down", "scroll down half a pane");
    Copy("copy", Console, [key('y')], "copy", "copy the text under the cursor to the terminal's clipboard");
    Zoom("zoom", Screen, [key('+')], "zoom", "show only the focused pane") in_footer when(NotZoomed);
    Unzoom("unzoom", Screen, [key('_'), key('-')], "all panes", "show all panes again") in_footer when(Zoomed);
    Waiting("waiting", Move, [key('a')], "waits for you", "list what waits for you: approvals, questions, releases to resume") same_in_history when(SomethingWaits);
    Queue("queue", Move, [key('e')], "queue", "list the pushes for the open target: what waits and why, what failed, what is live") in_footer same_in_history when(HasPushes);
    PushSample("push-sample", Console, [named(KeyCode::F(9))], "push", "in a sandbox: push a new version, which the agent releases; the checks of every second one fail") when(InSandbox);
    History("history", Move, [key('H')], "history", "show the history of releases, or the panes again") same_in_history;
    Mark("mark", History, [key(' ')], "mark", "mark a release to compare it, or remove the mark") in_history in_footer when(OnRelease);
    Compare("compare", History, [key('c')], "compare", "compare the two marked releases") in_history in_footer when(TwoMarked);
    Timeline("timeline", History, [key('t')], "timeline", "show what became live in this environment, in order") in_history in_footer when(OnRelease);
    Themes("themes", Screen, [key('T')], "theme", "choose another theme, with a preview") same_in_history;
    Mouse("mouse", Screen, [key('m')], "mouse", "use the mouse in the console, or leave it to the terminal") same_in_history;
    Suspend("suspend", Console, [ctrl('z')], "suspend", "suspend the console and return to the shell") same_in_history when(CanSuspend);
    Reload("reload", Console, [ctrl('r')], "reload", "show how the configuration on disk has changed, and reload it") in_footer same_in_history when(Reloadable);
    Repaint("repaint", Screen, [ctrl('l')], "repaint", "draw the whole screen again") same_in_history;
    Back("back", Move, [named(KeyCode::Esc)], "back", "close a dialog or a view, or focus the environments");
    Prove("prove", History, [key('v')], "prove", "verify that the listed records have not been altered") in_history in_footer when(InHistory);
    Palette("palette", Console, [key(':')], "palette", "find an action, a target or a theme by its name") in_footer same_in_history;
    Help("help", Console, [key('?')], "help", "show all keys") in_footer same_in_history;
    Quit("quit", Console, [key('q'), ctrl('c')], "quit", "quit the console; asks first while this console drives a release") in_footer same_in_history;
}

/// The rows of the table, in its order.
pub fn bindings() -> impl Iterator<Item = &'static Binding> {
    Action::ALL.iter().map(|action| action.binding())
}

impl Action {
    /// The name of the action in the `keys` table of the configuration.
    pub fn name(self) -> &'static str {
        self.binding().name
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|action| action.name() == name)
    }

    /// Whether the action can lead to a change of a target. Arming is one of these actions, because it allows such
    /// changes.
    pub fn changes(self) -> bool {
        self.binding().purpose == Purpose::Release
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_bound_twice() {
        let mut bound = std::collections::HashSet::new();
        for binding in bindings() {
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
        for binding in bindings() {
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

    #[test]
    fn every_action_has_a_unique_name() {
        let mut names = std::collections::BTreeSet::new();
        for action in Action::ALL {
            let name = action.name();
            assert!(names.insert(name), "{name} is in the table twice");
            assert_eq!(Action::named(name), Some(*action));
            let bare = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            assert!(bare, "{name}");
        }
    }
}
