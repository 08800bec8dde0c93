//! The consoles that have a target open, and the operator who requests a handover. The consoles report this about
//! themselves. Greenroom shows the reports to people, but decides nothing from a report alone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Operator, ReleaseId};

/// A console that has a target open, or an agent that follows pushes for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watcher {
    pub operator: Operator,
    /// The id of the console. Each process has its own.
    pub console: String,
    /// When the console opened the target, or when the agent began to follow it.
    pub since: Timestamp,
    /// Whether the process is an agent, which releases pushed versions, and not the console of a person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_agent: bool,
}

/// A request of one operator to drive a release that another operator drives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverRequest {
    /// The operator who wants to drive the release.
    pub operator: Operator,
    /// The console of that operator. The release is handed over to this console and to no other.
    pub console: String,
    pub release: ReleaseId,
    pub asked_at: Timestamp,
    /// A message to the driver.
    pub message: Option<String>,
    /// Set when the driver declines. A granted handover is in the journal instead.
    #[serde(default)]
    pub declined: Option<Declined>,
}

/// The answer of a driver who declines a handover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declined {
    /// The driver of the release.
    pub by: Operator,
    pub at: Timestamp,
}

impl HandoverRequest {
    /// Whether `other` is the same request. The answer of the driver is not compared.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.console, self.release, self.asked_at)
            == (&other.console, other.release, other.asked_at)
    }
}
