//! The configuration name and the help group of each action. A name never changes, because
//! configuration files contain it.

use super::action::{Action, BINDINGS};
use super::model::Pane;

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

impl Action {
    /// The name of the action in the `keys` table of the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Approve => "approve",
            Self::BackOut => "back-out",
            Self::RollBack => "roll-back",
            Self::EndStandby => "stop-standby",
            Self::CheckAgain => "check-again",
            Self::Resume => "take-up",
            Self::Repair => "repair",
            Self::Waiting => "waiting",
            Self::Hold => "hold",
            Self::Arm => "arm",
            Self::Open => "open",
            Self::Back => "back",
            Self::Focus(Pane::Environments) => "environments",
            Self::Focus(Pane::Slots) => "slots",
            Self::Focus(Pane::Checks) => "checks",
            Self::Focus(Pane::Registrations) => "registrations",
            Self::Focus(Pane::Logs) => "logs",
            Self::NextPane => "next-pane",
            Self::PreviousPane => "previous-pane",
            Self::Up => "up",
            Self::Down => "down",
            Self::Left => "left",
            Self::Right => "right",
            Self::First => "first",
            Self::Last => "last",
            Self::HalfUp => "half-up",
            Self::HalfDown => "half-down",
            Self::Follow => "follow",
            Self::NextLog => "next-log",
            Self::Search => "search",
            Self::SearchNext => "search-next",
            Self::SearchPrevious => "search-previous",
            Self::Filter => "filter",
            Self::Wrap => "wrap",
            Self::Timestamps => "timestamps",
            Self::Since => "since",
            Self::SaveLog => "save-log",
            Self::HideLog => "hide-log",
            Self::Diagnostics => "diagnostics",
            Self::Sort => "sort",
            Self::Zoom => "zoom",
            Self::Unzoom => "unzoom",
            Self::Palette => "palette",
            Self::Themes => "themes",
            Self::Mouse => "mouse",
            Self::History => "history",
            Self::Mark => "mark",
            Self::Compare => "compare",
            Self::Timeline => "timeline",
            Self::Prove => "prove",
            Self::Suspend => "suspend",
            Self::Copy => "copy",
            Self::Repaint => "repaint",
            Self::Reload => "reload",
            Self::Help => "help",
            Self::Quit => "quit",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|action| action.name() == name)
    }

    /// Every action, in the order of [`BINDINGS`].
    pub fn all() -> impl Iterator<Item = Self> {
        BINDINGS.iter().map(|binding| binding.action)
    }

    /// Whether the action can lead to a change of a target. Arming is one of these actions, because it allows
    /// such changes.
    pub fn changes(self) -> bool {
        self.purpose() == Purpose::Release
    }

    pub fn purpose(self) -> Purpose {
        match self {
            Self::Promote
            | Self::Approve
            | Self::BackOut
            | Self::RollBack
            | Self::EndStandby
            | Self::CheckAgain
            | Self::Resume
            | Self::Repair
            | Self::Hold
            | Self::Arm => Purpose::Release,
            Self::Waiting
            | Self::Open
            | Self::Back
            | Self::Focus(_)
            | Self::NextPane
            | Self::PreviousPane
            | Self::Up
            | Self::Down
            | Self::Left
            | Self::Right
            | Self::First
            | Self::Last
            | Self::HalfUp
            | Self::HalfDown
            | Self::Search
            | Self::Sort
            | Self::History => Purpose::Move,
            Self::Mark | Self::Compare | Self::Timeline | Self::Prove => Purpose::History,
            Self::Follow
            | Self::NextLog
            | Self::SearchNext
            | Self::SearchPrevious
            | Self::Filter
            | Self::Wrap
            | Self::Timestamps
            | Self::Since
            | Self::SaveLog
            | Self::HideLog
            | Self::Diagnostics => Purpose::Log,
            Self::Zoom | Self::Unzoom | Self::Themes | Self::Mouse | Self::Repaint => {
                Purpose::Screen
            }
            Self::Palette | Self::Help | Self::Copy | Self::Reload | Self::Suspend | Self::Quit => {
                Purpose::Console
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_one_row_and_a_unique_name() {
        let mut names = std::collections::BTreeSet::new();
        for action in Action::all() {
            let name = action.name();
            assert!(names.insert(name), "{name} is in the table twice");
            assert_eq!(Action::named(name), Some(action));
            let bare = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            assert!(bare, "{name}");
        }
    }
}
