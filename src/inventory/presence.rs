//! Who else is there: the consoles that have a target open, and who requests the handover. Remarks of the
//! consoles about themselves, for people to read: nothing is ever decided by them alone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Operator, ReleaseId};

/// A console that has a target open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watcher {
    /// Who sits there.
    pub operator: Operator,
    /// Which console: unique per process.
    pub console: String,
    /// Since when.
    pub since: Timestamp,
}

/// Somebody asks to be handed a release that another drives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverRequest {
    /// Who asks.
    pub operator: Operator,
    /// From which console: it is this one, and no other, that it is handed to.
    pub console: String,
    /// Which release.
    pub release: ReleaseId,
    /// When.
    pub asked_at: Timestamp,
    /// What they say to it.
    pub message: Option<String>,
    /// That the driver declines the handover; a yes is in the journal.
    #[serde(default)]
    pub declined: Option<Declined>,
}

/// A no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declined {
    /// Who said it.
    pub by: Operator,
    /// When.
    pub at: Timestamp,
}

impl HandoverRequest {
    /// Whether both are the same asking, answered or not.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.console, self.release, self.asked_at)
            == (&other.console, other.release, other.asked_at)
    }
}
