//! Peer approvals. Like presence, they are rows that expire, in the table `company`. An approval is written only
//! while the release is open.

use async_trait::async_trait;
use rusqlite::params;

use super::fault::Fault;
use super::journal::stored_head;
use super::presence::{self, APPROVALS};
use super::store::Store;
use super::transaction::{decode, encode};
use crate::history::ReleaseRecord;
use crate::inventory::{PeerApproval, Target};
use crate::ports::{PeerApprovals, Result};

/// The name of the row of an approval, below its target.
fn name(of: &PeerApproval) -> String {
    format!("{APPROVALS}{}", of.store_key())
}

#[async_trait]
impl PeerApprovals for Store {
    async fn give(&self, target: &Target, peer_approval: &PeerApproval) -> Result<()> {
        let (of, given) = (target.clone(), peer_approval.clone());
        let doing = format!("approving release {} of {target}", peer_approval.release);
        self.write(doing, move |change| {
            let Some(text) = stored_head(&change.sql, &of, given.release)? else {
                return Err(Fault::conflict("the release no longer exists"));
            };
            let head: ReleaseRecord = decode(&text).map_err(|error| {
                Fault::conflict(format!("the record of the release cannot be read: {error}"))
            })?;
            if head.closed.is_some() {
                return Err(Fault::conflict("the release has ended"));
            }
            let expires_at = given.expires_at.as_millisecond();
            let value = encode(&given)?;
            // The row belongs to no console, so it remains when the console of the approver exits.
            presence::put(change, (&of, &name(&given)), "", &value, expires_at)
        })
        .await
    }

    async fn withdraw(&self, target: &Target, peer_approval: &PeerApproval) -> Result<()> {
        let (of, name) = (target.to_string(), name(peer_approval));
        let doing = format!(
            "withdrawing the approval of release {} of {target}",
            peer_approval.release
        );
        self.write(doing, move |change| {
            let deleted = change.sql.execute(
                "DELETE FROM company WHERE target = ?1 AND name = ?2",
                params![of, name],
            )?;
            if deleted > 0 {
                change.revision()?;
            }
            Ok(())
        })
        .await
    }
}
