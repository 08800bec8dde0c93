//! Another operator's approval of a release: its traffic may move. The approver does not drive the release. The
//! approval is for one plan of one digest, and expires.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, Operator, ReleaseId};

/// An approval by another operator; see the module.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PeerApproval {
    /// The release.
    pub release: ReleaseId,
    /// The digest that it approves.
    pub digest: Digest,
    /// The plan: a hash over the head of the release as it was opened.
    pub plan: String,
    /// The approver.
    pub by: Operator,
    /// The console or command that it was given from.
    pub console: String,
    /// The time of the approval.
    pub given_at: Timestamp,
    /// When it stops counting.
    pub expires_at: Timestamp,
    /// The evidence, for people: the checks and how old they were.
    pub evidence: String,
    /// The approver's own remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl PeerApproval {
    /// Its key in a store, below the approvals of a target: one for each person and release.
    pub fn store_key(&self) -> String {
        format!("{}/{}", self.by.store_key(), self.release)
    }

    /// Checks that the approval matches its key. A copy under the key of another person is refused; the error says why.
    pub fn check_key(&self, below_approvals: &str) -> Result<(), String> {
        if self.store_key() == below_approvals {
            return Ok(());
        }
        Err(format!(
            "it is by {} for release {}, which is not what its key says",
            self.by, self.release
        ))
    }
}
