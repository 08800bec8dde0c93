//! How the operator wants the screen: what fills it, in which theme, and who has the mouse.

use crate::inventory::Tier;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looks {
    /// The names of the themes there are.
    pub themes: Vec<String>,
    /// The theme wherever no tier has its own.
    pub theme: String,
    /// The themes of tiers.
    pub theme_by_tier: Vec<(Tier, String)>,
    /// Whether the pane that has the keys has the screen, too.
    pub zoomed: bool,
    /// Whether the log is hidden.
    pub log_hidden: bool,
    /// Whether clicks come here.
    pub mouse: bool,
    /// When the terminal's bell rings.
    pub bell: Bell,
}

/// When the terminal's bell rings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bell {
    /// Never.
    #[default]
    Off,
    /// Once for each new thing that waits for the operator.
    Waits,
}

impl Looks {
    /// The theme while a target of this tier is open, or none is.
    pub fn theme_for(&self, tier: Option<Tier>) -> &str {
        let own = self.theme_by_tier.iter().find(|(of, _)| Some(*of) == tier);
        own.map_or(&self.theme, |(_, name)| name)
    }

    /// Whether a tier has a theme of its own.
    pub fn has_own(&self, tier: Option<Tier>) -> bool {
        self.theme_by_tier.iter().any(|(of, _)| Some(*of) == tier)
    }

    /// Wears a theme from now on: the tier's, where it has one of its own, else the general one.
    pub fn wear(&mut self, tier: Option<Tier>, name: &str) {
        let own = self
            .theme_by_tier
            .iter_mut()
            .find(|(of, _)| Some(*of) == tier);
        match own {
            Some((_, worn)) => name.clone_into(worn),
            None => name.clone_into(&mut self.theme),
        }
    }
}

/// Which theme? The one under the cursor is shown at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThemeChoice {
    /// The row under the cursor.
    pub row: usize,
}
