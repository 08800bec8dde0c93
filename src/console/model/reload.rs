//! The configuration on disk, if it differs from the one in use.

use jiff::Timestamp;

use super::{Model, Pane};
use crate::inventory::Target;

/// What the console knows about the changed configuration. Every text in it is sanitized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConfiguration {
    /// The name of the changed file.
    pub file: String,
    pub changed_at: Timestamp,
    /// What differs from the configuration in use.
    pub found: FoundConfiguration,
}

/// What the new configuration would bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundConfiguration {
    /// It can be used.
    Differs {
        changes: Vec<ConfigurationChange>,
        /// The targets whose settings differ.
        targets: Vec<Target>,
    },
    /// It cannot be used. Each error with file and line.
    Broken(Vec<String>),
}

/// A value that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationChange {
    /// The dotted key.
    pub key: String,
    /// The value in use; none if the key is added.
    pub before: Option<String>,
    /// The new value; none if the key is removed.
    pub after: Option<String>,
    /// The place of the new value, as file and line; empty if the key is removed.
    pub place: String,
}

/// Shows the differences and asks whether to reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReloadDialog {
    /// The row under the cursor, of [`ReloadAnswer::ALL`].
    pub row: usize,
}

/// The answers to [`ReloadDialog`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadAnswer {
    /// Keep the configuration in use.
    Keep,
    /// Use the new one.
    Reload,
}

impl ReloadAnswer {
    /// All answers. The one that changes nothing comes first.
    pub const ALL: [Self; 2] = [Self::Keep, Self::Reload];
}

/// The operator's place on the screen, to return to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewState {
    pub open: Option<Target>,
    /// The cell under the cursor in the matrix.
    pub cursor: Option<Target>,
    /// The focused pane.
    pub focus: Pane,
}

impl NewConfiguration {
    /// Whether the console can use it.
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
                "This console drives the release of {target}: reload when that release has ended."
            ));
        }
        let target = self.repairing.first()?;
        Some(format!(
            "This console repairs {target}: reload when the repair has ended."
        ))
    }
}
