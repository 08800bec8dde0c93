//! Other operators of a target: the consoles that have it open, and the requester of a handover. The consoles report
//! these about themselves, for people to read. Nothing is decided by them alone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Operator, ReleaseId};

/// A console that has a target open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watcher {
    /// The console's operator.
    pub operator: Operator,
    /// The console, unique per process.
    pub console: String,
    /// When it opened the target.
    pub since: Timestamp,
}

/// An operator's request to drive a release that another operator drives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverRequest {
    /// The requester.
    pub operator: Operator,
    /// The requester's console. The release is handed to this console and no other.
    pub console: String,
    /// The release.
    pub release: ReleaseId,
    /// The time of the request.
    pub asked_at: Timestamp,
    /// The requester's message to the driver.
    pub message: Option<String>,
    /// Set when the driver declines. A handover that was granted is in the journal.
    #[serde(default)]
    pub declined: Option<Declined>,
}

/// The driver's refusal of a handover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declined {
    /// The driver.
    pub by: Operator,
    /// The time of the refusal.
    pub at: Timestamp,
}

impl HandoverRequest {
    /// Whether both are the same request, answered or not.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.console, self.release, self.asked_at)
            == (&other.console, other.release, other.asked_at)
    }
}
