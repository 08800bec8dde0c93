//! Reads one hold or repair by its id.

use super::holds::HOLDS;
use super::journal::{check_format, garbled, parsed};
use super::repairs::REPAIRS;
use super::store::Store;
use super::transaction::get;
use crate::history::AuditRecord;
use crate::inventory::{ReleaseId, Target};
use crate::ports::Result;

impl Store {
    /// The hold or repair with this id. Fails if the key contains a record with another id or target.
    pub(super) async fn beside_of(
        &self,
        target: &Target,
        id: ReleaseId,
    ) -> Result<Option<AuditRecord>> {
        let of = target.clone();
        let doing = format!("reading hold or repair {id} of {target}");
        self.read(doing, move |sql| {
            let (hold, repair) = (format!("{HOLDS}{id}"), format!("{REPAIRS}{id}"));
            let (key, record) = if let Some((text, _)) = get(sql, &of, &hold)? {
                let record = parsed(&of, &hold, &text)?;
                (hold, AuditRecord::Hold(record))
            } else if let Some((text, _)) = get(sql, &of, &repair)? {
                check_format(&of, &repair, &text)?;
                let record = parsed(&of, &repair, &text)?;
                (repair, AuditRecord::Repair(record))
            } else {
                return Ok(None);
            };
            if record.id() != id || *record.target() != of {
                let (kind, other) = (record.kind(), record.id());
                let problem = format!("the value is {kind} {other} of {}", record.target());
                return Err(garbled(&of, &key, &problem));
            }
            Ok(Some(record))
        })
        .await
    }
}
