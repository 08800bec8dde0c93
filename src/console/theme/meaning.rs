//! The meanings to which a theme gives a style. The list is short, so that an operator can learn what each style means.

use serde::Deserialize;

/// Why a text is drawn in a certain style. Theme files write the name in snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// All text without another meaning.
    Text,
    /// Less important text: labels, hints, releases that have ended.
    Muted,
    /// The names of panes and columns.
    Title,
    Border,
    /// The border of the focused pane.
    Focus,
    /// The row under the cursor, or the button that Enter presses.
    Selection,
    /// A healthy or successful state.
    Ok,
    /// A state that needs attention soon.
    Warn,
    /// A failure, or a state that needs attention now.
    Bad,
    /// Work in progress.
    Busy,
    /// A value that may be out of date.
    Stale,
    /// A message of Greenroom itself.
    Notice,
    Key,
    /// The border of a question about a dangerous change.
    Danger,
    /// An environment in which only the team notices a failure.
    TierDevelopment,
    /// An environment that other teams rely on.
    TierStaging,
    /// An environment that customers use.
    TierProtected,
    /// The name of the slot `blue`.
    SlotBlue,
    /// The name of the slot `green`.
    SlotGreen,
    Match,
}

impl Meaning {
    /// All meanings, in the order of declaration.
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

    /// The meaning whose style is used if a theme does not define this meaning.
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
            let mut fallback = meaning;
            for _ in 0..4 {
                fallback = fallback.fallback().unwrap_or(fallback);
            }
            assert_eq!(fallback, Meaning::Text, "{meaning:?}");
        }
    }
}
