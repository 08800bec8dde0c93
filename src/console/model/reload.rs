//! A changed configuration on disk, and the operator's place before a reload.

use jiff::Timestamp;

use super::{Model, Pane};
use crate::inventory::Target;

/// A configuration on disk that differs from the configuration in use. All texts are sanitized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConfiguration {
    pub file: String,
    pub changed_at: Timestamp,
    /// The differences, or the errors of the new configuration.
    pub found: FoundConfiguration,
}

/// The differences between the new configuration and the configuration in use, or its errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundConfiguration {
    /// The new configuration is valid.
    Differs {
        changes: Vec<ConfigurationChange>,
        /// The targets whose settings differ.
        targets: Vec<Target>,
    },
    /// The new configuration cannot be used. One text for each error, with file and line.
    Broken(Vec<String>),
}

/// A value of the configuration that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationChange {
    /// The path of the key, with dots.
    pub key: String,
    /// The value in use. `None` if the key is new.
    pub before: Option<String>,
    /// The new value. `None` if the key was removed.
    pub after: Option<String>,
    /// The file and line of the new value. Empty if the key was removed.
    pub place: String,
}

/// The operator's place on the screen, to which the console returns after a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewState {
    pub open: Option<Target>,
    /// The cell under the cursor in the matrix.
    pub cursor: Option<Target>,
    pub focus: Pane,
}

impl NewConfiguration {
    pub fn is_usable(&self) -> bool {
        matches!(self.found, FoundConfiguration::Differs { .. })
    }
}

impl Model {
    /// Why the configuration cannot be reloaded now. `None` if this console drives no release and repairs no target.
    pub fn why_no_reload(&self) -> Option<String> {
        if let Some(status) = self.in_flight().next() {
            let target = status.plan.target();
            return Some(format!(
                "This console drives a release of {target}. Reload the configuration when the release has ended."
            ));
        }
        let target = self.repairing.first()?;
        Some(format!(
            "This console is repairing {target}. Reload the configuration when the repair has ended."
        ))
    }
}
