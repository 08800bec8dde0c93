//! Repairs as they are written down: under the key that etcd would have, among the registrations.

use rusqlite::params;

use super::fault::Fault;
use super::store::Store;
use super::transaction::{decode, encode, full_key, get};
use crate::history::{RepairRecord, Written};
use crate::inventory::{ReleaseId, Target};
use crate::ports::{Fence, Result};

/// What their names begin with.
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
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(format!("listing the repairs of {target}"), move |sql| {
            let mut statement = sql.prepare_cached(
                // An id sorts by time; `0` is the character behind `/`.
                "SELECT value FROM registry WHERE target = ?1 AND name >= 'repairs/'
                 AND name < 'repairs0' ORDER BY name DESC LIMIT ?2",
            )?;
            let rows = statement
                .query_map(params![of.to_string(), limit], |row| row.get(0))?
                .collect::<std::result::Result<Vec<String>, _>>()?;
            let records = rows.iter().filter_map(|text| readable(text));
            Ok(records.filter(|record| record.target == of).collect())
        })
        .await
    }

    pub(super) async fn write_repair(&self, record: &RepairRecord, fence: &Fence) -> Result<()> {
        let (record, fence) = (record.clone(), fence.clone());
        let doing = format!("writing down repair {} of {}", record.id, record.target);
        self.write(doing, move |change| {
            change.compare(&record.target, &fence)?;
            let (key, text) = (name(record.id), encode(&record)?);
            if let Some((standing, _)) = get(&change.sql, &record.target, &key)? {
                if standing == text {
                    return Ok(());
                }
                if readable(&standing).is_none_or(|stands| stands.closed.is_some()) {
                    let key = full_key(&record.target, &key);
                    return Err(Fault::conflict(format!(
                        "{key} is closed, or of somebody else"
                    )));
                }
            }
            change.put(&record.target, &key, &text)
        })
        .await
    }
}

/// A record that this Greenroom understands. Nothing depends on one: what is none is passed by.
fn readable(text: &str) -> Option<RepairRecord> {
    let written: Written = decode(text).ok()?;
    if written.is_newer() {
        return None;
    }
    decode(text).ok()
}
