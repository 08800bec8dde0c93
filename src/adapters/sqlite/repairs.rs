//! The records of repairs, under the same keys as in etcd. They are stored in the table `registry`.

use super::fault::Fault;
use super::store::Store;
use super::transaction::{decode, encode, full_key, get, newest_below};
use crate::history::{RepairRecord, Written};
use crate::inventory::{ReleaseId, Target};
use crate::ports::{Fence, Result};

/// The prefix of the names of repair records.
pub(super) const REPAIRS: &str = "repairs/";

fn name(id: ReleaseId) -> String {
    format!("{REPAIRS}{id}")
}

impl Store {
    pub(super) async fn repairs_of(
        &self,
        target: &Target,
        limit: usize,
    ) -> Result<Vec<RepairRecord>> {
        let of = target.clone();
        self.read(format!("listing the repairs of {target}"), move |sql| {
            let found = newest_below(sql, &of, REPAIRS, limit)?;
            let records = found.iter().filter_map(|text| readable(text));
            Ok(records.filter(|record| record.target == of).collect())
        })
        .await
    }

    pub(super) async fn write_repair(&self, record: &RepairRecord, fence: &Fence) -> Result<()> {
        let (record, fence) = (record.clone(), fence.clone());
        let doing = format!("recording repair {} of {}", record.id, record.target);
        self.write(doing, move |change| {
            change.compare(&record.target, &fence)?;
            let (key, text) = (name(record.id), encode(&record)?);
            if let Some((stored, _)) = get(&change.sql, &record.target, &key)? {
                if stored == text {
                    return Ok(());
                }
                if readable(&stored).is_none_or(|stored| stored.closed.is_some()) {
                    let key = full_key(&record.target, &key);
                    return Err(Fault::conflict(format!(
                        "{key} is already closed, or this Greenroom cannot read it"
                    )));
                }
            }
            change.put(&record.target, &key, &text)
        })
        .await
    }
}

/// Decodes a record if this Greenroom can read it. Nothing depends on these records, so unreadable ones are skipped.
fn readable(text: &str) -> Option<RepairRecord> {
    let written: Written = decode(text).ok()?;
    if written.is_newer() {
        return None;
    }
    decode(text).ok()
}
