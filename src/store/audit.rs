//! Reads audit records: holds and repairs, which belong to no release. Each record has its own key.

use super::reader::StoreReader;
use super::values;
use crate::history::{AuditRecord, HoldRecord, RepairRecord};
use crate::inventory::{ReleaseId, StoredKey, Target};
use crate::ports::Result;
use crate::ports::kv::{Pair, Range};

impl StoreReader {
    /// The hold or repair with this id. It is a failure if the key holds another record.
    pub(super) async fn hold_or_repair(
        &self,
        target: &Target,
        id: ReleaseId,
    ) -> Result<Option<AuditRecord>> {
        let doing = &format!("reading hold or repair {id} of {target}");
        let keys = self.store.keys();
        let reads = [
            Range::one(keys.one(target, StoredKey::HoldRecord, id)),
            Range::one(keys.one(target, StoredKey::Repair, id)),
        ];
        let read = self.store.read(self.store.call(doing), &reads).await?;
        let mut found = read.ranges.into_iter().map(|mut pairs| pairs.pop());
        let (hold, repair) = (found.next().flatten(), found.next().flatten());
        let (pair, record) = match (hold, repair) {
            (Some(pair), _) => {
                let record: HoldRecord = self.readable(doing, &pair)?;
                (pair, AuditRecord::Hold(record))
            }
            (None, Some(pair)) => {
                let record: RepairRecord = self.readable(doing, &pair)?;
                (pair, AuditRecord::Repair(record))
            }
            (None, None) => return Ok(None),
        };
        if record.id() != id || record.target() != target {
            let reason = format!(
                "the value is {} {} of {}",
                record.kind(),
                record.id(),
                record.target()
            );
            return Err(self.garbled(doing, &values::key(&pair), &reason));
        }
        Ok(Some(record))
    }

    /// The last pairs with a key prefix, in descending order of their keys.
    pub(super) async fn newest_below(
        &self,
        doing: &str,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<Pair>> {
        let newest = Range::below(prefix).descending().limit(limit);
        self.store.read_range(self.store.call(doing), newest).await
    }
}
