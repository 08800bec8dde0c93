//! Reads what was written down of releases. Heads and entries lie apart, so that a list of
//! releases carries heads only.

use std::collections::BTreeMap;

use async_trait::async_trait;
use etcd_client::{GetOptions, KeyValue, SortOrder, SortTarget, TxnOp};
use serde::de::DeserializeOwned;

use super::reader::EtcdReader;
use super::store::{below, one};
use super::values;
use crate::history::{
    AuditRecord, Entry, HoldRecord, Recorded, ReleaseRecord, RepairRecord, Seal, Written,
    check_whole,
};
use crate::inventory::{ReleaseId, Target};
use crate::ports::{Failure, FailureKind, JournalReader, Result};

/// The most ranges in one transaction; a server takes 128 unless it is told otherwise.
const MOST_RANGES: usize = 100;

#[async_trait]
impl JournalReader for EtcdReader {
    async fn releases(&self, target: &Target, limit: usize) -> Result<Vec<ReleaseRecord>> {
        let heads = self.store.keys().heads(target);
        let all = GetOptions::new().with_prefix();
        self.heads(target, heads, all, limit).await
    }

    async fn releases_before(
        &self,
        target: &Target,
        before: ReleaseId,
        limit: usize,
    ) -> Result<Vec<ReleaseRecord>> {
        let keys = self.store.keys();
        let below = GetOptions::new().with_range(keys.head(target, before));
        self.heads(target, keys.heads(target), below, limit).await
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
                    newest.insert(target.clone(), self.head(doing, target, pair));
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
        let head = self.head(doing, target, &head)?;
        let mut entries = Vec::new();
        for pair in found.flatten() {
            let entry: Entry = self.readable(doing, &pair)?;
            if pair.key() != keys.entry(target, id, entry.sequence).as_bytes() {
                let words = format!("it is entry {}", entry.sequence);
                return Err(self.garbled(doing, &values::key(&pair), &words));
            }
            entries.push(entry);
        }
        entries.sort_by_key(|entry| entry.sequence);
        check_whole(&entries)
            .map_err(|words| self.garbled(doing, &keys.entries(target, id), &words))?;
        Ok(Some(Recorded { head, entries }))
    }

    async fn beside(&self, target: &Target, id: ReleaseId) -> Result<Option<AuditRecord>> {
        self.beside_of(target, id).await
    }

    async fn seals(&self, target: &Target) -> Result<BTreeMap<ReleaseId, Seal>> {
        self.seals_of(target).await
    }

    async fn holds(&self, target: &Target, limit: usize) -> Result<Vec<HoldRecord>> {
        self.holds_of(target, limit).await
    }

    async fn repairs(&self, target: &Target, limit: usize) -> Result<Vec<RepairRecord>> {
        self.repairs_of(target, limit).await
    }
}

impl EtcdReader {
    /// The last heads of a range, newest first.
    async fn heads(
        &self,
        target: &Target,
        first: String,
        range: GetOptions,
        limit: usize,
    ) -> Result<Vec<ReleaseRecord>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // No limit at all, to etcd.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let doing = format!("listing the releases of {target}");
        let options = range
            .with_sort(SortTarget::Key, SortOrder::Descend)
            .with_limit(limit);
        let heads = TxnOp::get(first, Some(options));
        let (_, found) = self
            .store
            .ranges(&doing, self.store.deadline(), vec![heads])
            .await?;
        // What is no head is passed by here and fails when it is asked for by its id: it must not
        // hide the others. What a newer Greenroom wrote is one, and a list without it would be wrong.
        let heads = found.iter().flatten().filter_map(|pair| {
            let head = self.head(&doing, target, pair);
            let is_none = |failure: &Failure| failure.kind == FailureKind::Garbled;
            (!head.as_ref().is_err_and(is_none)).then_some(head)
        });
        heads.collect()
    }

    /// The head under a key, if it is one that this Greenroom understands and belongs there.
    fn head(&self, doing: &str, target: &Target, pair: &KeyValue) -> Result<ReleaseRecord> {
        self.check_format(doing, pair)?;
        let head: ReleaseRecord = self.readable(doing, pair)?;
        let heads = self.store.keys().heads(target);
        let id = pair.key().strip_prefix(heads.as_bytes());
        let id = id.and_then(|id| std::str::from_utf8(id).ok()?.parse().ok());
        let is_of = match id {
            Some(id) => head.check_is_of(target, id),
            None => Err("its key names no release".to_owned()),
        };
        is_of.map_err(|words| self.garbled(doing, &values::key(pair), &words))?;
        Ok(head)
    }

    /// That no newer Greenroom has written a record that says its format.
    pub(super) fn check_format(&self, doing: &str, pair: &KeyValue) -> Result<()> {
        match values::decode::<Written>(pair) {
            Ok(written) if written.is_newer() => {
                let said = format!("{} has format {}", values::key(pair), written.format);
                Err(self
                    .store
                    .failure(FailureKind::Unsupported, doing, said)
                    .hint("a newer Greenroom has written it: use that one"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn readable<T: DeserializeOwned>(&self, doing: &str, pair: &KeyValue) -> Result<T> {
        values::decode(pair).map_err(|words| self.garbled(doing, &values::key(pair), &words))
    }

    pub(super) fn garbled(&self, doing: &str, key: &str, words: &str) -> Failure {
        self.store
            .failure(FailureKind::Garbled, doing, format!("{key}: {words}"))
            .hint("was it written by a newer Greenroom, or changed by somebody else?")
    }
}
