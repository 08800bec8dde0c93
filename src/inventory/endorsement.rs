//! Another person's yes to a release: that its traffic may move. It is given by somebody who does not drive
//! it, for one plan of one digest, and runs out.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, Operator, ReleaseId};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endorsement {
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

impl Operator {
    /// Whether that is the same person, whichever machine they are at. Names are not told apart by their
    /// case: nobody approves their own release by another spelling.
    pub fn is_same_person(&self, other: &Self) -> bool {
        let plain = |operator: &Self| operator.name.trim().to_lowercase();
        plain(self) == plain(other)
    }
}
