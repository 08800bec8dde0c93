//! Audit records: holds and repairs that belong to no release, one key each, read newest first or one at a time.

use etcd_client::{GetOptions, KeyValue, SortOrder, SortTarget, TxnOp};

use super::reader::EtcdReader;
use super::store::one;
use super::values;
use crate::history::{AuditRecord, HoldRecord, RepairRecord};
use crate::inventory::{ReleaseId, Target};
use crate::ports::Result;

impl EtcdReader {
    /// The hold or repair with this id. A failure when the key has another value.
    pub(super) async fn beside_of(
        &self,
        target: &Target,
        id: ReleaseId,
    ) -> Result<Option<AuditRecord>> {
        let doing = &format!("reading hold or repair {id} of {target}");
        let keys = self.store.keys();
        let reads = vec![
            one(&keys.hold_record(target, id)),
            one(&keys.repair(target, id)),
        ];
        let until = self.store.deadline();
        let (_, found) = self.store.ranges(doing, until, reads).await?;
        let mut found = found.into_iter().map(|pairs| pairs.into_iter().next());
        let (hold, repair) = (found.next().flatten(), found.next().flatten());
        let (pair, record) = match (hold, repair) {
            (Some(pair), _) => {
                let record: HoldRecord = self.readable(doing, &pair)?;
                (pair, AuditRecord::Hold(record))
            }
            (None, Some(pair)) => {
                self.check_format(doing, &pair)?;
                let record: RepairRecord = self.readable(doing, &pair)?;
                (pair, AuditRecord::Repair(record))
            }
            (None, None) => return Ok(None),
        };
        if record.id() != id || record.target() != target {
            let words = format!(
                "it is {} {} of {}",
                record.kind(),
                record.id(),
                record.target()
            );
            return Err(self.garbled(doing, &values::key(&pair), &words));
        }
        Ok(Some(record))
    }

    /// The last keys with a prefix, the last one first.
    pub(super) async fn newest_below(
        &self,
        doing: &str,
        prefix: String,
        limit: usize,
    ) -> Result<Vec<KeyValue>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // To etcd, 0 means no limit.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let options = GetOptions::new()
            .with_prefix()
            .with_sort(SortTarget::Key, SortOrder::Descend)
            .with_limit(limit);
        let newest = TxnOp::get(prefix, Some(options));
        let until = self.store.deadline();
        let (_, found) = self.store.ranges(doing, until, vec![newest]).await?;
        Ok(found.into_iter().flatten().collect())
    }
}
