//! Another person's yes to a release: that its traffic may move. It is given by somebody who does not drive
//! it, for one plan of one digest, and runs out.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, Operator, ReleaseId};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PeerApproval {
    /// For which release.
    pub release: ReleaseId,
    /// Of which digest.
    pub digest: Digest,
    /// Of which plan: a hash over the head of the release as it was begun.
    pub plan: String,
    /// Who.
    pub by: Operator,
    /// From which console or command.
    pub console: String,
    /// When.
    pub given_at: Timestamp,
    /// From when on it does not count any more.
    pub expires_at: Timestamp,
    /// On what evidence, in words: the checks and how old they were.
    pub evidence: String,
    /// Why, or what about it, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl PeerApproval {
    /// Where stores keep it below the approvals of a target: one for each person and release.
    pub fn store_key(&self) -> String {
        format!("{}/{}", self.by.store_key(), self.release)
    }

    /// Whether it is the one that its key speaks of; in words if not. A copy under the key of another person is none.
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
