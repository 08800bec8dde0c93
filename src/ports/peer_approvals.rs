//! Approvals by others. Given and taken back by people who do not drive, so that no lock is needed; each
//! stands on the release that was seen without an end.

use async_trait::async_trait;

use super::Result;
use crate::inventory::{PeerApproval, Target};

/// Writes what is read back with [`super::RegistryReader::read`]. What has run out goes by itself.
#[async_trait]
pub trait PeerApprovals: Send + Sync {
    /// The name that the store itself proves to be that of who writes here; none where names are what people say.
    fn proved_name(&self) -> Option<&str> {
        None
    }

    /// Gives one, in place of an earlier one of the same person. A conflict where the release is not there
    /// or has ended.
    async fn give(&self, target: &Target, peer_approval: &PeerApproval) -> Result<()>;

    /// Takes one back. None at all is as it should be.
    async fn take_back(&self, target: &Target, peer_approval: &PeerApproval) -> Result<()>;
}
