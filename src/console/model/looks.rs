//! How the screen looks and reacts: zoom, hidden log, themes, mouse, bell. Keys change these settings, except the bell,
//! while the console runs.

use crate::inventory::Tier;

/// How the screen looks and reacts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looks {
    pub themes: Vec<String>,
    /// The theme for all tiers without their own theme.
    pub theme: String,
    /// The tiers that have their own theme.
    pub theme_by_tier: Vec<(Tier, String)>,
    /// Whether the focused pane fills the screen.
    pub zoomed: bool,
    pub log_hidden: bool,
    /// Whether the console, and not the terminal, receives clicks and wheel turns.
    pub mouse: bool,
    pub bell: Bell,
}

/// When the terminal's bell rings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bell {
    #[default]
    Off,
    /// When a new item waits for the operator.
    Waits,
}

impl Looks {
    /// The name of the theme for a tier. `None` means that no target is open.
    pub fn theme_for(&self, tier: Option<Tier>) -> &str {
        let own = self.theme_by_tier.iter().find(|(of, _)| Some(*of) == tier);
        own.map_or(&self.theme, |(_, name)| name)
    }

    pub fn has_own_theme(&self, tier: Option<Tier>) -> bool {
        self.theme_by_tier.iter().any(|(of, _)| Some(*of) == tier)
    }

    /// Changes the theme of a tier that has its own theme, otherwise the general theme.
    pub fn set_theme(&mut self, tier: Option<Tier>, name: &str) {
        let own = self
            .theme_by_tier
            .iter_mut()
            .find(|(of, _)| Some(*of) == tier);
        match own {
            Some((_, current)) => name.clone_into(current),
            None => name.clone_into(&mut self.theme),
        }
    }
}
