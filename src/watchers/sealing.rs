//! Seals the finished releases, holds and repairs of a target. A keeper runs this module: a user of the store that
//! drives no releases.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::history::{AuditRecord, Provable, Seal};
use crate::inventory::{Operator, ReleaseId, Target};
use crate::ports::{Result, Seals};
use crate::release::Site;

/// How many release heads are read at a time.
const PAGE: usize = 100;
/// How many of the newest holds, and of the newest repairs, are read. A keeper must run again before there are more new
/// records than this.
const AUDIT_LIMIT: usize = 1000;

/// The result of one run of sealing.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Sealed {
    /// The records that this run sealed.
    pub sealed: Vec<ReleaseId>,
    /// How many records were already sealed.
    pub before: usize,
    /// The finished records that could not be sealed, each with the reason.
    pub not: BTreeMap<ReleaseId, String>,
}

/// Seals every finished and complete record of a target that is not sealed yet.
pub async fn seal(site: &Site, seals: &dyn Seals, by: &Operator, at: Timestamp) -> Result<Sealed> {
    let target = &site.definition.target;
    let journal = &site.read.journal;
    let sealed = journal.seals(target).await?;
    let mut sealing = Sealing {
        target,
        seals,
        by,
        at,
        done: Sealed::default(),
    };
    let mut page = journal.releases(target, PAGE).await?;
    while let Some(last) = page.last().map(|head| head.id) {
        for head in &page {
            if sealed.contains_key(&head.id) {
                sealing.done.before += 1;
            } else if head.closed.is_some()
                && let Some(recorded) = journal.release(target, head.id).await?
            {
                sealing.seal_record(&recorded).await?;
            }
        }
        page = journal.releases_before(target, last, PAGE).await?;
    }
    let holds = journal.holds(target, AUDIT_LIMIT).await?;
    let repairs = journal.repairs(target, AUDIT_LIMIT).await?;
    let holds = holds.into_iter().map(AuditRecord::Hold);
    for record in holds.chain(repairs.into_iter().map(AuditRecord::Repair)) {
        if sealed.contains_key(&record.id()) {
            sealing.done.before += 1;
        } else {
            sealing.seal_record(&record).await?;
        }
    }
    Ok(sealing.done)
}

struct Sealing<'a> {
    target: &'a Target,
    seals: &'a dyn Seals,
    by: &'a Operator,
    at: Timestamp,
    done: Sealed,
}

impl Sealing<'_> {
    async fn seal_record(&mut self, record: &impl Provable) -> Result<()> {
        if !record.is_over(self.at) {
            return Ok(());
        }
        let id = record.id();
        match Seal::of(record, self.by.clone(), self.at) {
            Ok(seal) => {
                self.seals.seal(self.target, id, &seal).await?;
                self.done.sealed.push(id);
            }
            Err(why) => drop(self.done.not.insert(id, why)),
        }
        Ok(())
    }
}
