//! Audit records: holds and repairs that belong to no release, one key each, read newest first or one at a time.

use etcd_client::{GetOptions, KeyValue, SortOrder, SortTarget, TxnOp};

use super::reader::EtcdReader;
use super::store::one;
use super::values;
use crate::history::{AuditRecord, HoldRecord, RepairRecord};
use crate::inventory::{ReleaseId, Target};
use crate::ports::Result;

impl EtcdReader {
    /// The hold or repair with this id. It is a failure if the key holds another record.
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
        prefix: String,
        limit: usize,
    ) -> Result<Vec<KeyValue>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        // etcd reads a limit of 0 as no limit.
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
