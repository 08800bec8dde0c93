//! A peer approval: another operator agrees that a release may move the traffic. The approver must not be the operator
//! who opened the release or drives it. The approval is for one plan and one digest, and it expires.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, Operator, ReleaseId};

/// An approval by another operator for one release.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PeerApproval {
    pub release: ReleaseId,
    /// The digest that the approver agreed to.
    pub digest: Digest,
    /// A hash of the plan that the approver agreed to, computed from the record of the release at its opening.
    pub plan: String,
    pub by: Operator,
    /// The console or command from which the approval was given.
    pub console: String,
    pub given_at: Timestamp,
    pub expires_at: Timestamp,
    /// What the approver saw, as a message: the results of the checks, and how old the checks were.
    pub evidence: String,
    /// A remark that the approver typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl PeerApproval {
    /// The key in a store, below the approvals of a target. Each person has one key for each release.
    pub fn store_key(&self) -> String {
        format!("{}/{}", self.by.store_key(), self.release)
    }

    /// Checks that the approval matches its key. `below_approvals` is the key without the prefix of all approvals of
    /// the target. A copy below the key of another person is refused. The error says why.
    pub fn check_key(&self, below_approvals: &str) -> Result<(), String> {
        if self.store_key() == below_approvals {
            return Ok(());
        }
        Err(format!(
            "the approval is by {} for release {}, but its key names another person or release",
            self.by, self.release
        ))
    }
}
