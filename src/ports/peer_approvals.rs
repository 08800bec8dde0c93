//! Peer approvals. People who do not drive the release give them and take them back, so no lock is needed.
//! Each belongs to one release that has not ended.

use async_trait::async_trait;

use super::Result;
use crate::inventory::{PeerApproval, Target};

/// Writes what [`super::RegistryReader::read`] reads back. An expired one is removed by the store.
#[async_trait]
pub trait PeerApprovals: Send + Sync {
    /// The operator's name as the store has authenticated it; none where operators state their own names.
    fn proved_name(&self) -> Option<&str> {
        None
    }

    /// Gives a peer approval; it replaces an earlier one of the same person. A conflict if the release does not exist
    /// or has ended.
    async fn give(&self, target: &Target, peer_approval: &PeerApproval) -> Result<()>;

    /// Takes a peer approval back. It is no error if none exists.
    async fn take_back(&self, target: &Target, peer_approval: &PeerApproval) -> Result<()>;
}
