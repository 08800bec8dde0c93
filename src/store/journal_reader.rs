//! Reads the journals of releases. Heads and entries have separate keys, so that listing releases reads only heads.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::de::DeserializeOwned;

use super::reader::StoreReader;
use super::values;
use crate::history::{
    AuditRecord, Entry, HoldRecord, Recorded, ReleaseRecord, RepairRecord, SEARCHED_FOR_OPEN, Seal,
    check_whole, current_read,
};
use crate::inventory::{ReleaseId, StoredKey, Target};
use crate::ports::kv::{MOST_RANGES, Pair, Range, behind};
use crate::ports::{Failure, FailureKind, JournalReader, Result};

/// The fewest heads that one call reads.
const FEWEST_HEADS: usize = 8;

type Head = Result<ReleaseRecord>;

#[async_trait]
impl JournalReader for StoreReader {
    async fn releases(&self, target: &Target, limit: usize) -> Result<Vec<ReleaseRecord>> {
        let heads = self.heads(target, None, limit, Result::is_ok).await?;
        heads.into_iter().map(|(_, head)| head).collect()
    }

    async fn releases_before(
        &self,
        target: &Target,
        before: ReleaseId,
        limit: usize,
    ) -> Result<Vec<ReleaseRecord>> {
        let heads = self.heads(target, Some(before), limit, Result::is_ok);
        heads.await?.into_iter().map(|(_, head)| head).collect()
    }

    async fn unreadable(&self, target: &Target, limit: usize) -> Result<Vec<(ReleaseId, Failure)>> {
        let heads = self.heads(target, None, limit, |_| true).await?;
        let unreadable = heads.into_iter();
        Ok(unreadable
            .filter_map(|(id, head)| Some((id, head.err()?)))
            .collect())
    }

    async fn current(&self, targets: &[Target]) -> Result<BTreeMap<Target, Result<ReleaseRecord>>> {
        let doing = "looking for the newest releases";
        let mut current = BTreeMap::new();
        for targets in targets.chunks(MOST_RANGES) {
            let reads: Vec<Range> = targets
                .iter()
                .map(|target| {
                    let heads = Range::below(&self.store.keys().below(target, StoredKey::Releases));
                    heads.descending().limit(SEARCHED_FOR_OPEN)
                })
                .collect();
            let read = self.store.read(self.store.call(doing), &reads).await?;
            for (target, pairs) in targets.iter().zip(read.ranges) {
                let is_full = pairs.len() >= SEARCHED_FOR_OPEN;
                let pairs = pairs.iter();
                let ours = pairs.filter(|pair| self.id_of_head(target, pair).is_some());
                let mut heads: Vec<_> = ours.map(|pair| self.head(doing, target, pair)).collect();
                // The page is full, and some of its keys have no valid release id. So older heads must be read too.
                if is_full && heads.len() < SEARCHED_FOR_OPEN {
                    let read = self.heads(target, None, SEARCHED_FOR_OPEN, |_| true);
                    heads = read.await?.into_iter().map(|(_, head)| head).collect();
                }
                if let Some(head) = current_read(heads) {
                    current.insert(target.clone(), head);
                }
            }
        }
        Ok(current)
    }

    async fn release(&self, target: &Target, id: ReleaseId) -> Result<Option<Recorded>> {
        let Some((recorded, unread)) = self.as_stored(target, id).await? else {
            return Ok(None);
        };
        let mut unread = unread.into_iter();
        unread.next().map_or(Ok(Some(recorded)), Err)
    }

    async fn as_stored(
        &self,
        target: &Target,
        id: ReleaseId,
    ) -> Result<Option<(Recorded, Vec<Failure>)>> {
        let doing = &format!("reading release {id} of {target}");
        let keys = self.store.keys();
        let reads = [
            Range::one(keys.one(target, StoredKey::Releases, id)),
            Range::below(&keys.entries(target, id)),
        ];
        let read = self.store.read(self.store.call(doing), &reads).await?;
        let mut found = read.ranges.into_iter();
        let Some(head) = found.next().unwrap_or_default().into_iter().next() else {
            return Ok(None);
        };
        let head = self.head(doing, target, &head)?;
        let (mut entries, mut unread) = (Vec::new(), Vec::new());
        let below = keys.entries(target, id);
        let is_entry = |pair: &Pair| {
            let number = pair.key.strip_prefix(below.as_bytes());
            number.is_some_and(|number| number.iter().all(u8::is_ascii_digit))
        };
        for pair in found.flatten().filter(is_entry) {
            match self.readable::<Entry>(doing, &pair) {
                Ok(entry) if pair.key == keys.entry(target, id, entry.sequence).as_bytes() => {
                    entries.push(entry);
                }
                Ok(entry) => {
                    let reason = format!("the value is entry {}", entry.sequence);
                    unread.push(self.garbled(doing, &values::key(&pair), &reason));
                }
                Err(failure) => unread.push(failure),
            }
        }
        entries.sort_by_key(|entry| entry.sequence);
        if let Err(reason) = check_whole(&entries) {
            unread.push(self.garbled(doing, &keys.entries(target, id), &reason));
        }
        Ok(Some((Recorded { head, entries }, unread)))
    }

    async fn audit_record(&self, target: &Target, id: ReleaseId) -> Result<Option<AuditRecord>> {
        self.hold_or_repair(target, id).await
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

impl StoreReader {
    /// The newest heads of a target that `is_wanted` accepts, newest first. If `before` is given, only the heads of
    /// older releases. A key without a valid release id does not belong to Greenroom and is skipped.
    async fn heads(
        &self,
        target: &Target,
        before: Option<ReleaseId>,
        limit: usize,
        is_wanted: fn(&Head) -> bool,
    ) -> Result<Vec<(ReleaseId, Head)>> {
        let doing = format!("listing the releases of {target}");
        let keys = self.store.keys();
        let mut end = match before {
            Some(before) => keys.one(target, StoredKey::Releases, before).into_bytes(),
            None => behind(&keys.below(target, StoredKey::Releases)).into_bytes(),
        };
        let page = limit.max(FEWEST_HEADS);
        let mut heads = Vec::new();
        while heads.len() < limit {
            let range = Range::between(keys.below(target, StoredKey::Releases), end.as_slice())
                .descending()
                .limit(page);
            let pairs = self.store.read_range(self.store.call(&doing), range);
            let pairs = pairs.await?;
            let Some(last) = pairs.last() else {
                break;
            };
            end.clone_from(&last.key);
            let found = pairs.iter().filter_map(|pair| {
                let id = self.id_of_head(target, pair)?;
                let head = self.head(&doing, target, pair);
                is_wanted(&head).then_some((id, head))
            });
            heads.extend(found);
        }
        heads.truncate(limit);
        Ok(heads)
    }

    /// The release id in a key below `releases/`; none if the key has no valid id.
    fn id_of_head(&self, target: &Target, pair: &Pair) -> Option<ReleaseId> {
        let heads = self.store.keys().below(target, StoredKey::Releases);
        let id = pair.key.strip_prefix(heads.as_bytes())?;
        let text = std::str::from_utf8(id).ok()?;
        let id: ReleaseId = text.parse().ok()?;
        // A ULID can be parsed from several spellings, but Greenroom writes only one of them. A key with another
        // spelling is not Greenroom's.
        (id.to_string() == text).then_some(id)
    }

    /// Reads the head in `pair`. It is a failure if this Greenroom cannot read the head, or if the head does not match
    /// its key.
    fn head(&self, doing: &str, target: &Target, pair: &Pair) -> Result<ReleaseRecord> {
        let head: ReleaseRecord = self.readable(doing, pair)?;
        let is_of = match self.id_of_head(target, pair) {
            Some(id) => head.check_is_of(target, id),
            None => Err("the key names no release".to_owned()),
        };
        is_of.map_err(|reason| self.garbled(doing, &values::key(pair), &reason))?;
        Ok(head)
    }

    pub(super) fn readable<T: DeserializeOwned>(&self, doing: &str, pair: &Pair) -> Result<T> {
        values::decode(pair).map_err(|unreadable| {
            unreadable.failure(&self.store, doing, pair, |reason| {
                self.garbled(doing, &values::key(pair), reason)
            })
        })
    }

    pub(super) fn garbled(&self, doing: &str, key: &str, reason: &str) -> Failure {
        self.store
            .failure(FailureKind::Garbled, doing, format!("{key}: {reason}"))
            .hint("if a newer Greenroom wrote it, use that version; otherwise find out which program changed it")
    }
}
