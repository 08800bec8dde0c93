//! Reads what was written down of releases. Heads and entries lie apart, so that a list of
//! releases carries heads only.

use std::collections::BTreeMap;

use async_trait::async_trait;
use etcd_client::{GetOptions, KeyValue, SortOrder, SortTarget, TxnOp};
use serde::de::DeserializeOwned;

use super::reader::EtcdReader;
use super::store::{below, one};
use super::values;
use crate::history::{Entry, Recorded, ReleaseRecord};
use crate::inventory::{ReleaseId, Target};
use crate::ports::{FailureKind, JournalReader, Result};

/// The most ranges in one transaction; a server takes 128 unless it is told otherwise.
const MOST_RANGES: usize = 100;

#[async_trait]
impl JournalReader for EtcdReader {
    async fn releases(&self, target: &Target, limit: usize) -> Result<Vec<ReleaseRecord>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // No limit at all, to etcd.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let doing = format!("listing the releases of {target}");
        let options = GetOptions::new()
            .with_prefix()
            .with_sort(SortTarget::Key, SortOrder::Descend)
            .with_limit(limit);
        let heads = TxnOp::get(self.store.keys().heads(target), Some(options));
        let (_, found) = self
            .store
            .ranges(&doing, self.store.deadline(), vec![heads])
            .await?;
        // One that cannot be read is passed by here and fails when it is asked for by its id:
        // it must not hide the others.
        Ok(found
            .iter()
            .flatten()
            .filter_map(|pair| values::decode(pair).ok())
            .collect())
    }

    async fn newest(&self, targets: &[Target]) -> Result<BTreeMap<Target, Result<ReleaseRecord>>> {
        let doing = "looking for the newest releases";
        let mut newest = BTreeMap::new();
        for targets in targets.chunks(MOST_RANGES) {
            let reads = targets
                .iter()
                .map(|target| {
                    let options = GetOptions::new()
                        .with_prefix()
                        .with_sort(SortTarget::Key, SortOrder::Descend)
                        .with_limit(1);
                    TxnOp::get(self.store.keys().heads(target), Some(options))
                })
                .collect();
            let (_, found) = self
                .store
                .ranges(doing, self.store.deadline(), reads)
                .await?;
            for (target, pairs) in targets.iter().zip(found) {
                if let Some(pair) = pairs.first() {
                    newest.insert(target.clone(), self.readable(doing, pair));
                }
            }
        }
        Ok(newest)
    }

    async fn release(&self, target: &Target, id: ReleaseId) -> Result<Option<Recorded>> {
        let doing = &format!("reading release {id} of {target}");
        let keys = self.store.keys();
        let reads = vec![
            one(&keys.head(target, id)),
            below(&keys.entries(target, id)),
        ];
        let (_, found) = self
            .store
            .ranges(doing, self.store.deadline(), reads)
            .await?;
        let mut found = found.into_iter();
        let Some(head) = found.next().unwrap_or_default().into_iter().next() else {
            return Ok(None);
        };
        let head = self.readable(doing, &head)?;
        let mut entries: Vec<Entry> = found
            .flatten()
            .map(|pair| self.readable(doing, &pair))
            .collect::<Result<_>>()?;
        entries.sort_by_key(|entry| entry.sequence);
        Ok(Some(Recorded { head, entries }))
    }
}

impl EtcdReader {
    fn readable<T: DeserializeOwned>(&self, doing: &str, pair: &KeyValue) -> Result<T> {
        values::decode(pair).map_err(|words| {
            let said = format!("{}: {words}", values::key(pair));
            self.store
                .failure(FailureKind::Garbled, doing, said)
                .hint("was it written by a newer Greenroom?")
        })
    }
}
