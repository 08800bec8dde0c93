//! Peer approvals: one key each, on a lease that is never renewed. An approval is written only if the release is open
//! and its record has not changed since it was read.

use std::time::Duration;

use async_trait::async_trait;
use etcd_client::{Compare, CompareOp, PutOptions, Txn, TxnOp};
use tokio::time::{Instant, sleep};

use super::error::Sort;
use super::store::{Store, one};
use super::values;
use crate::history::ReleaseRecord;
use crate::inventory::{PeerApproval, Target};
use crate::ports::{Failure, FailureKind, PeerApprovals, Result};

/// The peer approvals in a cluster.
#[derive(Debug, Clone)]
pub struct EtcdPeerApprovals {
    store: Store,
}

impl EtcdPeerApprovals {
    /// The approvals of the cluster of `store`. Does not connect yet.
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }

    fn conflict(&self, doing: &str, reason: &str) -> Failure {
        self.store.failure(FailureKind::Conflict, doing, reason)
    }

    /// The revision of the release's record. It is a conflict if the release has ended or does not exist.
    async fn open_head(&self, doing: &str, key: &str, until: Instant) -> Result<i64> {
        let (_, found) = self.store.ranges(doing, until, vec![one(key)]).await?;
        let Some(pair) = found.into_iter().flatten().next() else {
            return Err(self.conflict(doing, "the release no longer exists"));
        };
        let head: ReleaseRecord = values::decode(&pair).map_err(|reason| {
            self.conflict(
                doing,
                &format!("the record of the release cannot be read: {reason}"),
            )
        })?;
        if head.closed.is_some() {
            return Err(self.conflict(doing, "the release has ended"));
        }
        Ok(pair.mod_revision())
    }
}

#[async_trait]
impl PeerApprovals for EtcdPeerApprovals {
    fn proved_name(&self) -> Option<&str> {
        self.store.user()
    }

    async fn give(&self, target: &Target, peer_approval: &PeerApproval) -> Result<()> {
        let doing = &format!("approving release {} of {target}", peer_approval.release);
        let value = values::encode(&self.store, doing, peer_approval)?;
        let key = self.store.keys().peer_approval(target, peer_approval);
        let head = self.store.keys().head(target, peer_approval.release);
        let until = self.store.deadline();
        let life = peer_approval
            .expires_at
            .duration_since(peer_approval.given_at);
        // The time in the approval decides when it expires. The lease only deletes the key afterwards.
        let seconds = life.as_secs().max(1).saturating_add(60);
        let grant = |client: etcd_client::Client| async move {
            client.lease_client().grant(seconds, None).await
        };
        let lease = self.store.ask(doing, until, grant).await?.id();
        loop {
            let revision = self.open_head(doing, &head, until).await?;
            let compare = Compare::mod_revision(head.as_str(), CompareOp::Equal, revision);
            let options = PutOptions::new().with_lease(lease);
            let put = TxnOp::put(key.as_str(), value.clone(), Some(options));
            let txn = Txn::new().when([compare]).and_then([put]);
            let answer = self
                .store
                .attempt(until, |client| {
                    let txn = txn.clone();
                    async move { client.kv_client().txn(txn).await }
                })
                .await;
            match answer {
                Ok(answer) if answer.succeeded() => return Ok(()),
                // The head has changed, so the release may have ended.
                Ok(_) => {}
                Err(error) if error.sort == Sort::Unclear && Instant::now() < until => {}
                Err(error) => return Err(self.store.unanswered(doing, error)),
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn withdraw(&self, target: &Target, peer_approval: &PeerApproval) -> Result<()> {
        let doing = &format!(
            "withdrawing the approval of release {} of {target}",
            peer_approval.release
        );
        let key = self.store.keys().peer_approval(target, peer_approval);
        let delete = |client: etcd_client::Client| {
            let key = key.clone();
            async move { client.kv_client().delete(key, None).await }
        };
        let answer = self.store.ask(doing, self.store.deadline(), delete);
        answer.await.map(|_| ())
    }
}
