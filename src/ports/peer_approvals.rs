//! Peer approvals. People who do not drive the release give and withdraw approvals, so no lock is needed. Each approval
//! belongs to one release that has not ended.

use async_trait::async_trait;

use super::Result;
use crate::inventory::{PeerApproval, Target};

/// Writes the peer approvals that [`super::RegistryReader::read`] returns. The store removes an approval after it has
/// expired.
#[async_trait]
pub trait PeerApprovals: Send + Sync {
    /// The operator's name as the store has authenticated it; none if operators state their own names.
    fn proved_name(&self) -> Option<&str> {
        None
    }

    /// Stores a peer approval, which replaces an earlier approval of the same person for this release. It is a conflict
    /// if the release does not exist or has ended.
    async fn give(&self, target: &Target, peer_approval: &PeerApproval) -> Result<()>;

    /// Withdraws a peer approval. It is no error if none exists.
    async fn withdraw(&self, target: &Target, peer_approval: &PeerApproval) -> Result<()>;
}
