//! The records of repairs: one key each, separate from the releases.

use super::change::Decision;
use super::reader::StoreReader;
use super::values;
use super::writer::StoreWriter;
use crate::history::{RepairRecord, Written};
use crate::inventory::Target;
use crate::ports::kv::{Pair, Write};
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
        let prefix = self.store.keys().repairs(target);
        let found = self.newest_below(&doing, &prefix, limit).await?;
        let repairs = found.iter().filter_map(|pair| {
            let record = readable(pair)?;
            let key = self.store.keys().repair(target, record.id);
            (pair.key == key.as_bytes() && record.target == *target).then_some(record)
        });
        Ok(repairs.collect())
    }
}

/// The repair in a pair; none if this Greenroom cannot read it. Nothing depends on these records, so lists skip the
/// unreadable ones.
fn readable(pair: &Pair) -> Option<RepairRecord> {
    let written: Written = values::decode(pair).ok()?;
    if written.is_newer() {
        return None;
    }
    values::decode(pair).ok()
}

impl StoreWriter {
    pub(super) async fn write_repair(&self, record: &RepairRecord, fence: &Fence) -> Result<()> {
        let target = &record.target;
        let doing = &format!("recording repair {} of {target}", record.id);
        let key = self.store.keys().repair(target, record.id);
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
            .make(|seen| {
                if let Some(pair) = seen.get(&key) {
                    if pair.value == value.as_bytes() {
                        return Ok(Decision::Done(()));
                    }
                    if readable(pair).is_none_or(|current| current.closed.is_some()) {
                        let reason = format!(
                            "{} is already closed, or this Greenroom cannot read it",
                            values::key(pair)
                        );
                        return Err(self.store.failure(FailureKind::Conflict, doing, reason));
                    }
                }
                let put = Write::put(&key, value.as_str());
                Ok(Decision::Write(vec![put], ()))
            })
            .await
    }
}
