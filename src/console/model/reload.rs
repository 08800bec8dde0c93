//! The configuration on disk, where it is not the one that the console uses.

use jiff::Timestamp;

use super::{Model, Pane};
use crate::inventory::Target;

/// What the console knows about the changed configuration. Every text in it is sanitized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConfiguration {
    /// The name of the file that changed.
    pub file: String,
    /// When it was changed.
    pub changed_at: Timestamp,
    /// What differs from the configuration in use.
    pub found: FoundConfiguration,
}

/// What the new configuration would bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundConfiguration {
    /// It can be used.
    Differs {
        /// The values that differ.
        changes: Vec<ConfigurationChange>,
        /// The targets whose settings differ.
        targets: Vec<Target>,
    },
    /// It cannot be used. Each error with file and line.
    Broken(Vec<String>),
}

/// One value that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationChange {
    /// Its key, dotted.
    pub key: String,
    /// The value in use; none where it is added.
    pub before: Option<String>,
    /// The new value; none where it is removed.
    pub after: Option<String>,
    /// Where the new value is written; empty where it is removed.
    pub place: String,
}

/// The dialog that says what differs and asks whether to reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReloadDialog {
    /// The row under the cursor, of [`ReloadAnswer::ALL`].
    pub row: usize,
}

/// The answers to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadAnswer {
    /// Keep the configuration in use.
    Keep,
    /// Use the new one.
    Reload,
}

impl ReloadAnswer {
    /// All of them; the one that changes nothing comes first.
    pub const ALL: [Self; 2] = [Self::Keep, Self::Reload];
}

/// Where the operator was on the screen, to come back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewState {
    /// The open target.
    pub open: Option<Target>,
    /// Where the cursor is in the environments.
    pub cursor: Option<Target>,
    /// The pane that has the keys.
    pub focus: Pane,
}

impl NewConfiguration {
    /// Whether the console could use it.
    pub fn is_usable(&self) -> bool {
        matches!(self.found, FoundConfiguration::Differs { .. })
    }
}

impl Model {
    /// Why the configuration cannot be reloaded now: this console drives a release or a repair.
    pub fn keeps_configuration(&self) -> Option<String> {
        if let Some(status) = self.in_flight().next() {
            let target = status.plan.target();
            return Some(format!(
                "This console drives the release of {target}: reload when that release is over."
            ));
        }
        let target = self.repairing.first()?;
        Some(format!(
            "This console repairs {target}: reload when the repair is over."
        ))
    }
}
