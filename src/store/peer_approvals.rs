//! Peer approvals: one key each, on a lease that is never renewed, so that the store removes an expired approval. An
//! approval is written only if the release is open and its record has not changed since it was read.

use std::time::Duration;

use async_trait::async_trait;

use super::change::{Change, Decision};
use super::{Store, values};
use crate::history::ReleaseRecord;
use crate::inventory::{PeerApproval, StoredKey, Target};
use crate::ports::kv::{Pair, Write};
use crate::ports::{Failure, FailureKind, PeerApprovals, Result};

/// How long the key of an approval remains after the approval has expired. The time in the approval decides when it
/// expires, and the lease only deletes the key. The clock of the driver may be behind the clock of the approver.
/// Without this delay, the key could disappear while the approval is still valid by the driver's clock. Then the switch
/// would be refused.
const KEPT_AFTER_EXPIRY: Duration = Duration::from_mins(1);

#[derive(Debug, Clone)]
pub struct StoredPeerApprovals {
    store: Store,
}

impl StoredPeerApprovals {
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }

    fn conflict(&self, doing: &str, reason: &str) -> Failure {
        self.store.failure(FailureKind::Conflict, doing, reason)
    }

    /// It is a conflict if the release has ended or does not exist, or if its record cannot be read.
    fn check_is_open(&self, doing: &str, head: Option<&Pair>) -> Result<()> {
        let Some(pair) = head else {
            return Err(self.conflict(doing, "the store has no record of this release"));
        };
        let head: ReleaseRecord = values::decode(pair).map_err(|unreadable| {
            unreadable.failure(&self.store, doing, pair, |reason| {
                let reason = format!("the record of the release cannot be read: {reason}");
                self.conflict(doing, &reason)
            })
        })?;
        if head.closed.is_some() {
            return Err(self.conflict(doing, "the release has ended"));
        }
        Ok(())
    }
}

#[async_trait]
impl PeerApprovals for StoredPeerApprovals {
    fn proved_name(&self) -> Option<&str> {
        self.store.kv().user()
    }

    async fn give(&self, target: &Target, peer_approval: &PeerApproval) -> Result<()> {
        let doing = &format!("approving release {} of {target}", peer_approval.release);
        let value = values::encode(&self.store, doing, peer_approval)?;
        let key = self.store.keys().peer_approval(target, peer_approval);
        let head = self
            .store
            .keys()
            .one(target, StoredKey::Releases, peer_approval.release);
        let life = peer_approval
            .expires_at
            .duration_since(peer_approval.given_at);
        let ttl = Duration::try_from(life).unwrap_or_default() + KEPT_AFTER_EXPIRY;
        let change = Change::without_lock(&self.store, doing, vec![head.clone(), key.clone()]);
        let lease = self.store.kv().grant(change.call, ttl).await?.lease;
        let given = change.apply_with_revision(|seen| {
            let is_given = seen
                .get(&key)
                .is_some_and(|pair| pair.value == value.as_bytes());
            self.check_is_open(doing, seen.get(&head))?;
            if is_given {
                return Ok(Decision::Done(()));
            }
            let put = Write::Put {
                key: key.clone(),
                value: value.clone(),
                lease: Some(lease),
            };
            Ok(Decision::Write(vec![put], ()))
        });
        given.await.map(drop)
    }

    async fn withdraw(&self, target: &Target, peer_approval: &PeerApproval) -> Result<()> {
        let doing = &format!(
            "withdrawing the approval of release {} of {target}",
            peer_approval.release
        );
        let key = self.store.keys().peer_approval(target, peer_approval);
        self.store.delete(doing, &key).await
    }
}
