//! Seals: one key for each finished release, hold or repair. The keys are not below the targets, so that a role for a
//! target cannot write its seals. A seal is written only once.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::change::{Change, Decision};
use super::reader::StoreReader;
use super::{Store, values};
use crate::history::Seal;
use crate::inventory::{ReleaseId, Target};
use crate::ports::kv::{Pair, Range, Write, behind};
use crate::ports::{FailureKind, Result, Seals};

/// The most seals that one call reads, so that an answer stays far below its size limit.
const PAGE: usize = 2000;

#[derive(Debug, Clone)]
pub struct StoredSeals {
    store: Store,
}

impl StoredSeals {
    pub fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
        }
    }
}

#[async_trait]
impl Seals for StoredSeals {
    async fn seal(&self, target: &Target, id: ReleaseId, seal: &Seal) -> Result<()> {
        let doing = &format!("sealing record {id} of {target}");
        if !self.store.kv().has_roles() {
            let reason = "a user who may write one record of this store may write all of them";
            let failure = self.store.failure(FailureKind::Unsupported, doing, reason);
            return Err(failure.hint("use etcd, which restricts who may write which keys"));
        }
        let key = self.store.keys().seal(target, id);
        let value = values::encode(&self.store, doing, seal)?;
        Change::without_lock(&self.store, doing, vec![key.clone()])
            .apply(|seen| {
                // If a seal already exists, it remains and the call succeeds.
                Ok(match seen.get(&key) {
                    Some(_) => Decision::Done(()),
                    None => Decision::Write(vec![Write::put(&key, value.as_str())], ()),
                })
            })
            .await
    }
}

impl StoreReader {
    pub(super) async fn seals_of(&self, target: &Target) -> Result<BTreeMap<ReleaseId, Seal>> {
        let doing = format!("reading the seals of {target}");
        let prefix = self.store.keys().seals(target);
        let mut seals = BTreeMap::new();
        let mut from = prefix.clone().into_bytes();
        loop {
            let range = Range::between(from, behind(&prefix)).limit(PAGE);
            let page = self.store.read_range(self.store.call(&doing), range);
            let page = page.await?;
            let Some(last) = page.last() else {
                return Ok(seals);
            };
            // The next page starts with the first key after the last one.
            from = [last.key.as_slice(), b"\0"].concat();
            for pair in &page {
                let (id, seal) = self.sealed(&doing, &prefix, pair)?;
                seals.insert(id, seal);
            }
        }
    }

    /// Reads one seal and its id. A seal that cannot be read proves nothing, so the call fails instead of skipping the
    /// seal.
    fn sealed(&self, doing: &str, prefix: &str, pair: &Pair) -> Result<(ReleaseId, Seal)> {
        let id = pair.key.strip_prefix(prefix.as_bytes());
        let id = id.and_then(|id| std::str::from_utf8(id).ok()?.parse().ok());
        let id =
            id.ok_or_else(|| self.garbled(doing, &values::key(pair), "the key has no valid id"))?;
        Ok((id, self.readable(doing, pair)?))
    }
}
