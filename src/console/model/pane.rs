//! The five panes of the screen and their numbers.

/// A pane of the main screen. If the configuration does not change the keys, the key with its number focuses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pane {
    /// The matrix of services and environments.
    Environments,
    /// Both slots, and the lines that compare runtime, store, proxy and public address.
    Slots,
    /// The checks of the candidate, or of the live version.
    Checks,
    /// The stored keys of the open target.
    Registrations,
    Logs,
}

impl Pane {
    /// All panes in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Environments,
        Self::Slots,
        Self::Checks,
        Self::Registrations,
        Self::Logs,
    ];

    /// The number on the screen, from 1 to 5.
    pub fn number(self) -> usize {
        self as usize + 1
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Environments => "Environments",
            Self::Slots => "Slots",
            Self::Checks => "Checks",
            Self::Registrations => "Registrations",
            Self::Logs => "Logs",
        }
    }

    /// The pane `by` places after this pane. After the last pane comes the first.
    #[must_use]
    pub fn step(self, by: usize) -> Self {
        Self::ALL[(self as usize + by) % Self::ALL.len()]
    }
}
