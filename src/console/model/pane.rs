//! The five numbered panes.

/// One of the five panes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pane {
    /// Services and environments.
    Environments,
    /// Both slots and the truth row.
    Slots,
    /// The checks of the candidate.
    Checks,
    /// The stored keys of the target.
    Registrations,
    /// The log.
    Logs,
}

impl Pane {
    /// All panes, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Environments,
        Self::Slots,
        Self::Checks,
        Self::Registrations,
        Self::Logs,
    ];

    /// Its number on the screen.
    pub fn number(self) -> usize {
        self as usize + 1
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Environments => "Environments",
            Self::Slots => "Slots",
            Self::Checks => "Checks",
            Self::Registrations => "Registrations",
            Self::Logs => "Logs",
        }
    }

    /// The pane `by` places further, in a cycle.
    #[must_use]
    pub fn step(self, by: usize) -> Self {
        Self::ALL[(self as usize + by) % Self::ALL.len()]
    }
}
