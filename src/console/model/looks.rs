//! The operator's settings of the screen: zoom, theme, mouse, bell.

use crate::inventory::Tier;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looks {
    /// The names of all themes.
    pub themes: Vec<String>,
    /// The theme for tiers that have no theme of their own.
    pub theme: String,
    /// The themes of tiers.
    pub theme_by_tier: Vec<(Tier, String)>,
    /// Whether the focused pane fills the screen.
    pub zoomed: bool,
    pub log_hidden: bool,
    /// Whether the console receives clicks, instead of the terminal.
    pub mouse: bool,
    pub bell: Bell,
}

/// When the terminal's bell rings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bell {
    #[default]
    Off,
    /// Once for each new thing that waits for the operator.
    Waits,
}

impl Looks {
    /// The theme to use while a target of this tier, or none, is open.
    pub fn theme_for(&self, tier: Option<Tier>) -> &str {
        let own = self.theme_by_tier.iter().find(|(of, _)| Some(*of) == tier);
        own.map_or(&self.theme, |(_, name)| name)
    }

    /// Whether the tier has its own theme.
    pub fn has_own(&self, tier: Option<Tier>) -> bool {
        self.theme_by_tier.iter().any(|(of, _)| Some(*of) == tier)
    }

    /// Uses a theme from now on: as the tier's if the tier has its own, else as the general one.
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

/// Asks for a theme. The one under the cursor is used at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThemeChoice {
    pub row: usize,
}
