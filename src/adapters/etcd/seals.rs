//! Seals: one key for each finished release, hold or repair. The keys are not below the targets, so that a role for a
//! target cannot write its seals. A seal is written only once.

use std::collections::BTreeMap;

use async_trait::async_trait;
use etcd_client::{Compare, CompareOp, GetOptions, KeyValue, SortOrder, SortTarget, Txn, TxnOp};

use super::reader::EtcdReader;
use super::store::Store;
use super::values;
use crate::history::Seal;
use crate::inventory::{ReleaseId, Target};
use crate::ports::{FailureKind, Result, Seals};

/// The most seals that one call reads, so that an answer stays far below its size limit.
const PAGE: i64 = 2000;

/// The seals of a cluster.
#[derive(Debug, Clone)]
pub struct EtcdSeals {
    store: Store,
}

impl EtcdSeals {
    /// The seals of the cluster of `store`. Does not connect yet.
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }
}

#[async_trait]
impl Seals for EtcdSeals {
    async fn seal(&self, target: &Target, id: ReleaseId, seal: &Seal) -> Result<()> {
        let doing = &format!("sealing record {id} of {target}");
        let key = self.store.keys().seal(target, id);
        let value = values::encode(&self.store, doing, seal)?;
        let is_new = Compare::create_revision(key.as_str(), CompareOp::Equal, 0);
        let put = TxnOp::put(key.as_str(), value, None);
        let txn = Txn::new().when([is_new]).and_then([put]);
        let answer = self
            .store
            .attempt(self.store.deadline(), |client| {
                let txn = txn.clone();
                async move { client.kv_client().txn(txn).await }
            })
            .await;
        // If a seal already exists, it remains and the call succeeds.
        answer
            .map(drop)
            .map_err(|error| self.store.unanswered(doing, error))
    }
}

impl EtcdReader {
    pub(super) async fn seals_of(&self, target: &Target) -> Result<BTreeMap<ReleaseId, Seal>> {
        let doing = format!("reading the seals of {target}");
        let prefix = self.store.keys().seals(target);
        let mut seals = BTreeMap::new();
        let mut from = prefix.clone().into_bytes();
        loop {
            let options = GetOptions::new()
                .with_range(self.store.keys().behind_seals(target))
                .with_sort(SortTarget::Key, SortOrder::Ascend)
                .with_limit(PAGE);
            let read = TxnOp::get(from, Some(options));
            let (_, found) = self
                .store
                .ranges(&doing, self.store.deadline(), vec![read])
                .await?;
            let page: Vec<KeyValue> = found.into_iter().flatten().collect();
            let Some(last) = page.last() else {
                return Ok(seals);
            };
            // The next page starts with the first key after the last one.
            from = [last.key(), b"\0"].concat();
            for pair in &page {
                let (id, seal) = self.sealed(&doing, &prefix, pair)?;
                seals.insert(id, seal);
            }
        }
    }

    /// Reads one seal and its id. A seal that cannot be read proves nothing, so it is a failure and is not skipped.
    fn sealed(&self, doing: &str, prefix: &str, pair: &KeyValue) -> Result<(ReleaseId, Seal)> {
        let garbled = |reason: &str| {
            let message = format!("{}: {reason}", values::key(pair));
            self.store.failure(FailureKind::Garbled, doing, message)
        };
        let id = pair.key().strip_prefix(prefix.as_bytes());
        let id = id.and_then(|id| std::str::from_utf8(id).ok()?.parse().ok());
        let id = id.ok_or_else(|| garbled("the key has no valid id"))?;
        let seal = values::decode(pair).map_err(|reason| garbled(&reason))?;
        Ok((id, seal))
    }
}
