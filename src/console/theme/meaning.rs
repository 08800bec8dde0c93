//! What a style can mean. The list is short on purpose: a theme is learned, not looked up.

use serde::Deserialize;

/// A meaning. Written in a theme file in snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Everything that means nothing else.
    Text,
    /// Less important: labels, hints, what is over.
    Muted,
    /// The names of panes and columns.
    Title,
    /// The lines around panes.
    Border,
    /// The lines around the pane that has the keys.
    Focus,
    /// The row under the cursor, the button that Enter presses.
    Selection,
    /// Good.
    Ok,
    /// Needs attention soon.
    Warn,
    /// Bad now.
    Bad,
    /// Under way.
    Busy,
    /// What is shown may be old.
    Stale,
    /// What Greenroom says about itself.
    Notice,
    /// A key one can press.
    Key,
    /// Around a question that can hurt.
    Danger,
    /// An environment nobody outside the team notices.
    TierDevelopment,
    /// An environment others rely on.
    TierStaging,
    /// An environment customers are on.
    TierProtected,
    /// The left slot.
    SlotBlue,
    /// The right slot.
    SlotGreen,
    /// What was searched for.
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

    /// The meaning whose style stands in when a theme does not give this one.
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
