//! The records of repairs: one key each, separate from the releases.

use super::change::Decision;
use super::reader::StoreReader;
use super::values;
use super::writer::StoreWriter;
use crate::history::RepairRecord;
use crate::inventory::{StoredKey, Target};
use crate::ports::kv::Write;
use crate::ports::{FailureKind, Fence, Result};

/// The largest record of a repair, in bytes.
const LARGEST: usize = 16 * 1024;

impl StoreReader {
    pub(super) async fn repairs_of(
        &self,
        target: &Target,
        limit: usize,
    ) -> Result<Vec<RepairRecord>> {
        let doing = format!("listing the repairs of {target}");
        let prefix = self.store.keys().below(target, StoredKey::Repair);
        let found = self.newest_below(&doing, &prefix, limit).await?;
        let repairs = found.iter().filter_map(|pair| {
            // Nothing depends on these records, so the list skips those that cannot be read.
            let record: RepairRecord = values::decode(pair).ok()?;
            let key = self.store.keys().one(target, StoredKey::Repair, record.id);
            (pair.key == key.as_bytes() && record.target == *target).then_some(record)
        });
        Ok(repairs.collect())
    }
}

impl StoreWriter {
    pub(super) async fn write_repair(&self, record: &RepairRecord, fence: &Fence) -> Result<()> {
        let target = &record.target;
        let doing = &format!("recording repair {} of {target}", record.id);
        let key = self.store.keys().one(target, StoredKey::Repair, record.id);
        let value = values::encode(&self.store, doing, record)?;
        if value.len() > LARGEST {
            let reason = format!(
                "the record would have {} bytes, but at most {LARGEST} are allowed",
                value.len()
            );
            return Err(self
                .store
                .failure(FailureKind::Rejected, doing, reason)
                .hint("repair one difference at a time: greenroom repair with --only"));
        }
        self.change(target, fence, doing, vec![key.clone()])
            .apply(|seen| {
                if let Some(pair) = seen.get(&key) {
                    if pair.value == value.as_bytes() {
                        return Ok(Decision::Done(()));
                    }
                    let current: RepairRecord = values::decode(pair)
                        .map_err(|unreadable| self.unreadable(doing, pair, unreadable))?;
                    if current.closed.is_some() {
                        return Err(self.differs(doing, pair, "the repair has already ended"));
                    }
                }
                let put = Write::put(&key, value.as_str());
                Ok(Decision::Write(vec![put], ()))
            })
            .await
    }
}
