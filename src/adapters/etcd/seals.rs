//! Seals: one key for each release. They are not below the targets, so that a role may write one and not the other.
//! Each is written once.

use std::collections::BTreeMap;

use async_trait::async_trait;
use etcd_client::{Compare, CompareOp, GetOptions, KeyValue, SortOrder, SortTarget, Txn, TxnOp};

use super::reader::EtcdReader;
use super::store::Store;
use super::values;
use crate::history::Seal;
use crate::inventory::{ReleaseId, Target};
use crate::ports::{FailureKind, Result, Seals};

/// How many seals one call reads. The client library limits an answer to four megabytes.
const PAGE: i64 = 2000;

/// The seals of a cluster.
#[derive(Debug, Clone)]
pub struct EtcdSeals {
    store: Store,
}

impl EtcdSeals {
    /// Seals in a cluster. Does not connect yet.
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }
}

#[async_trait]
impl Seals for EtcdSeals {
    async fn seal(&self, target: &Target, id: ReleaseId, seal: &Seal) -> Result<()> {
        let doing = &format!("sealing release {id} of {target}");
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
        // An existing seal stays. After a lost answer, the next call reads it again.
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
            let some = GetOptions::new()
                .with_range(self.store.keys().behind_seals(target))
                .with_sort(SortTarget::Key, SortOrder::Ascend)
                .with_limit(PAGE);
            let some = TxnOp::get(from, Some(some));
            let (_, found) = self
                .store
                .ranges(&doing, self.store.deadline(), vec![some])
                .await?;
            let page: Vec<KeyValue> = found.into_iter().flatten().collect();
            let Some(last) = page.last() else {
                return Ok(seals);
            };
            // The first key after it.
            from = [last.key(), b"\0"].concat();
            for pair in &page {
                let (id, seal) = self.sealed(&doing, &prefix, pair)?;
                seals.insert(id, seal);
            }
        }
    }

    /// A seal that cannot be read proves nothing, so it is an error and not skipped.
    fn sealed(&self, doing: &str, prefix: &str, pair: &KeyValue) -> Result<(ReleaseId, Seal)> {
        let garbled = |words: &str| {
            let said = format!("{}: {words}", values::key(pair));
            self.store.failure(FailureKind::Garbled, doing, said)
        };
        let id = pair.key().strip_prefix(prefix.as_bytes());
        let id = id.and_then(|id| std::str::from_utf8(id).ok()?.parse().ok());
        let id = id.ok_or_else(|| garbled("its key has no valid release id"))?;
        let seal = values::decode(pair).map_err(|words| garbled(&words))?;
        Ok((id, seal))
    }
}
