//! The meanings that a style can have. The list is short on purpose, so that a theme can be learned.

use serde::Deserialize;

/// A meaning. Theme files write it in snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Everything without another meaning.
    Text,
    /// Less important: labels, hints, what has ended.
    Muted,
    /// The names of panes and columns.
    Title,
    /// The borders of panes.
    Border,
    /// The border of the focused pane.
    Focus,
    /// The row under the cursor, the button that Enter presses.
    Selection,
    /// Good.
    Ok,
    /// Needs attention soon.
    Warn,
    /// Bad now.
    Bad,
    /// In progress.
    Busy,
    /// May be out of date.
    Stale,
    /// Greenroom's own messages.
    Notice,
    /// The name of a key.
    Key,
    /// The border of a question whose answer can do harm.
    Danger,
    /// An environment that only the team notices.
    TierDevelopment,
    /// An environment that other teams rely on.
    TierStaging,
    /// An environment that customers use.
    TierProtected,
    /// The left slot.
    SlotBlue,
    /// The right slot.
    SlotGreen,
    /// A search match.
    Match,
}

impl Meaning {
    /// All of them, in the order of declaration.
    pub const ALL: [Self; 20] = [
        Self::Text,
        Self::Muted,
        Self::Title,
        Self::Border,
        Self::Focus,
        Self::Selection,
        Self::Ok,
        Self::Warn,
        Self::Bad,
        Self::Busy,
        Self::Stale,
        Self::Notice,
        Self::Key,
        Self::Danger,
        Self::TierDevelopment,
        Self::TierStaging,
        Self::TierProtected,
        Self::SlotBlue,
        Self::SlotGreen,
        Self::Match,
    ];

    /// The meaning whose style is used if a theme does not define this one.
    pub fn fallback(self) -> Option<Self> {
        match self {
            Self::Text => None,
            Self::Muted
            | Self::Title
            | Self::Selection
            | Self::Ok
            | Self::Warn
            | Self::Bad
            | Self::SlotBlue
            | Self::SlotGreen => Some(Self::Text),
            Self::Border | Self::Stale => Some(Self::Muted),
            Self::Focus | Self::Key => Some(Self::Title),
            Self::Busy | Self::Notice | Self::Match | Self::TierStaging => Some(Self::Warn),
            Self::Danger | Self::TierProtected => Some(Self::Bad),
            Self::TierDevelopment => Some(Self::Ok),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_meaning_falls_back_to_text_in_the_end() {
        for (index, meaning) in Meaning::ALL.into_iter().enumerate() {
            assert_eq!(meaning as usize, index);
            let mut at = meaning;
            for _ in 0..4 {
                at = at.fallback().unwrap_or(at);
            }
            assert_eq!(at, Meaning::Text, "{meaning:?}");
        }
    }
}
