//! Verifies that the records have not been altered: recomputes the hashes of every release, hold and repair, in the
//! archive and in the store, and compares the records in the archive with those in the store.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Archive;
use crate::history::{
    AlteredRecord, Difference, Filter, Integrity, KeptAudit, Provable, ReleaseRecord, RulesSet,
    Seal, Verification,
};
use crate::inventory::local_time;
use crate::inventory::{ReleaseId, Target};
use crate::ports::{FailureKind, JournalReader, Result, Within};
use crate::release::Engine;
use crate::sanitize::sanitize;

/// How many records are read at a time.
const PAGE: usize = 500;
/// How long a store may take for one record, or for the seals of a target.
const TIMEOUT: Duration = Duration::from_secs(8);

impl Archive {
    /// Verifies the records that match a filter. If `engine` is given, also compares the records with the stores of its
    /// targets.
    pub async fn prove(&self, filter: &Filter, engine: Option<&Engine>) -> Result<Verification> {
        let mut proving = Proving {
            engine,
            found: Verification::default(),
            seals: BTreeMap::new(),
            without_seals: BTreeMap::new(),
            last_with_rules: BTreeMap::new(),
        };
        proving.read_seals(filter).await;
        proving.releases(self, filter).await?;
        let oldest = std::mem::take(&mut proving.last_with_rules);
        let first_rules = oldest
            .values()
            .filter_map(|head| RulesSet::since(None, head));
        proving.found.rules.extend(first_rules);
        proving.audit_records(self, filter).await?;
        proving.check_missing(self).await?;
        for (target, why) in proving.without_seals {
            proving.found.silent.entry(target).or_insert(why);
        }
        Ok(proving.found)
    }
}

struct Proving<'a> {
    engine: Option<&'a Engine>,
    found: Verification,
    /// The seals of each target that were not compared with a record yet.
    seals: BTreeMap<Target, BTreeMap<ReleaseId, Seal>>,
    /// The targets whose seals could not be read, each with the reason.
    without_seals: BTreeMap<Target, String>,
    /// For each target, the head of the release that was read last among those with rules. Releases are read newest
    /// first, so the next release of the target is older.
    last_with_rules: BTreeMap<Target, ReleaseRecord>,
}

/// A store's answer about a record.
enum StoreAnswer<T> {
    There(T),
    Gone,
    /// The record exists and cannot be read.
    Garbled(String),
    /// No usable answer, so nothing is known about the record.
    Silent(String),
}

async fn ask_store<T>(request: impl Future<Output = Result<Option<T>>>) -> StoreAnswer<T> {
    match tokio::time::timeout(TIMEOUT, request).await {
        Ok(Ok(Some(read))) => StoreAnswer::There(read),
        Ok(Ok(None)) => StoreAnswer::Gone,
        Ok(Err(failure)) if failure.kind == FailureKind::Garbled => {
            StoreAnswer::Garbled(format!("in the store, {failure}"))
        }
        // Another Greenroom may be able to verify this record. The other records of the target are still verified.
        Ok(Err(failure)) if failure.kind == FailureKind::Unsupported => StoreAnswer::Garbled(
            format!("this Greenroom cannot verify the record: in the store, {failure}"),
        ),
        Ok(Err(failure)) => StoreAnswer::Silent(failure.to_string()),
        Err(_) => StoreAnswer::Silent(format!("no answer within {TIMEOUT:?}")),
    }
}

impl<'a> Proving<'a> {
    /// Reads the seals of the targets whose service and environment match the filter.
    async fn read_seals(&mut self, filter: &Filter) {
        let is = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|it| it == name);
        let sites = self.engine.iter().flat_map(|engine| engine.sites());
        let sites: Vec<_> = sites
            .filter(|site| {
                let target = &site.definition.target;
                is(&filter.service, target.service.as_str())
                    && is(&filter.environment, target.environment.as_str())
            })
            .collect();
        for site in sites {
            let target = &site.definition.target;
            let request = site.read.journal.seals(target);
            let why = match tokio::time::timeout(TIMEOUT, request).await {
                Ok(Ok(seals)) => {
                    self.seals.insert(target.clone(), seals);
                    continue;
                }
                Ok(Err(failure)) => failure.to_string(),
                Err(_) => format!("no answer within {TIMEOUT:?}"),
            };
            // The records of this store are still compared, but without seals.
            self.without_seals.insert(target.clone(), sanitize(&why));
        }
    }

    async fn releases(&mut self, archive: &Archive, filter: &Filter) -> Result<()> {
        let mut before: Option<ReleaseId> = None;
        loop {
            let listed = archive.read.list(filter, before, PAGE).await?;
            let Some(last) = listed.last() else {
                return Ok(());
            };
            before = Some(last.head.id);
            for entry in &listed {
                let Some(kept) = archive.read.release(entry.head.id).await? else {
                    continue;
                };
                self.found.releases += 1;
                self.note_rules(&kept.recorded.head);
                let (target, id) = (&entry.head.target, entry.head.id);
                let read = match self.journal(target) {
                    Some(journal) => Some(ask_store(journal.release(target, id)).await),
                    None => None,
                };
                self.verify(target, &kept.recorded, &kept.differences, read);
            }
        }
    }

    /// Notes how the rules changed between a release and the next newer release of its target. Releases are read newest
    /// first, so the newer one is already known.
    fn note_rules(&mut self, head: &ReleaseRecord) {
        let Some(baseline) = head.baseline.as_ref().filter(|it| !it.rules.is_empty()) else {
            return;
        };
        if let Some(newer) = self
            .last_with_rules
            .insert(head.target.clone(), head.clone())
        {
            self.found
                .rules
                .extend(RulesSet::since(Some(&baseline.rules), &newer));
        }
    }

    async fn audit_records(&mut self, archive: &Archive, filter: &Filter) -> Result<()> {
        let mut within = Within::default();
        loop {
            let listed = archive.read.audit(filter, within, PAGE).await?;
            let Some(last) = listed.last() else {
                return Ok(());
            };
            within.before = Some(last.record.id());
            for KeptAudit {
                record,
                differences,
            } in &listed
            {
                self.found.audits += 1;
                let (target, id) = (record.target(), record.id());
                let read = match self.journal(target) {
                    Some(journal) => Some(ask_store(journal.audit_record(target, id)).await),
                    None => None,
                };
                self.verify(target, record, differences, read);
            }
        }
    }

    /// The journal of a target. None if its store gave no usable answer before, or if there is no engine.
    fn journal(&self, target: &Target) -> Option<&'a dyn JournalReader> {
        let site = self.engine.and_then(|engine| engine.site(target));
        let site = site.filter(|_| !self.found.silent.contains_key(target))?;
        Some(site.read.journal.as_ref())
    }

    /// Verifies an archived record, and compares it with the answer of the store if the store was asked.
    fn verify<T: Provable>(
        &mut self,
        target: &Target,
        kept: &T,
        differences: &[Difference],
        read: Option<StoreAnswer<T>>,
    ) {
        let mut wrong = Vec::new();
        match kept.prove() {
            Integrity::Whole => self.found.whole += 1,
            Integrity::NotChained => self.found.not_chained += 1,
            other => wrong.push(format!("in the archive, {other}")),
        }
        for Difference {
            what, noticed_at, ..
        } in differences
        {
            wrong.push(format!(
                "{what}: the store had a different value when it was read at {}",
                local_time::moment(*noticed_at)
            ));
        }
        match read {
            Some(read) => wrong.extend(self.differences_from_store(target, kept, read)),
            None => self.found.not_compared += 1,
        }
        if !wrong.is_empty() {
            self.note_wrong(kept.kind(), kept.id(), target, &wrong);
        }
    }

    /// The differences between an archived record and the store.
    fn differences_from_store<T: Provable>(
        &mut self,
        target: &Target,
        kept: &T,
        read: StoreAnswer<T>,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let read = match read {
            StoreAnswer::Garbled(problem) => return vec![problem],
            StoreAnswer::Silent(why) => {
                self.note_silent(target, &why);
                self.found.not_compared += 1;
                return wrong;
            }
            StoreAnswer::There(read) => Some(read),
            StoreAnswer::Gone => None,
        };
        let seals = self.seals.get_mut(target);
        let seal = seals.and_then(|seals| seals.remove(&kept.id()));
        let Some(read) = read else {
            // Old records are removed from stores, so a missing record is normal; the archive keeps it. But Greenroom
            // never removes a sealed record without its seal.
            self.found.not_compared += 1;
            if let Some(seal) = seal {
                if !seal.is_of(kept) {
                    wrong.push(format!(
                        "the archived record differs from the record that was {seal}"
                    ));
                }
                wrong.push(missing_record(&seal));
            }
            return wrong;
        };
        if let Some(seal) = seal {
            self.found.sealed += 1;
            wrong.extend(difference_from_seal(&seal, &read));
        }
        let integrity = read.prove();
        if !integrity.is_intact() {
            wrong.push(format!("in the store, {integrity}"));
        }
        if let Some(what) = kept.first_difference(&read) {
            wrong.push(format!(
                "the stored record differs from the archived one, first at {what}"
            ));
        }
        wrong
    }

    /// Checks the sealed records that are not in this archive. The store must still have each of these records, with
    /// the hash that was sealed.
    async fn check_missing(&mut self, archive: &Archive) -> Result<()> {
        for (target, seals) in std::mem::take(&mut self.seals) {
            let ids: Vec<ReleaseId> = seals.keys().copied().collect();
            let kept = archive.read.heads(&ids).await?;
            for (id, seal) in seals.into_iter().filter(|(id, _)| !kept.contains_key(id)) {
                let audits = archive.read.audit_named(&id.to_string(), 1).await?;
                let journal = self.journal(&target);
                let (true, Some(journal)) = (audits.is_empty(), journal) else {
                    continue;
                };
                let (kind, wrong) = match sealed_in(journal, &target, id, &seal).await {
                    StoreAnswer::There(found) => found,
                    StoreAnswer::Gone => ("record", Some(missing_record(&seal))),
                    StoreAnswer::Garbled(problem) => ("record", Some(problem)),
                    StoreAnswer::Silent(why) => {
                        self.note_silent(&target, &why);
                        self.found.not_compared += 1;
                        break;
                    }
                };
                if let Some(problem) = wrong {
                    self.note_wrong(kind, id, &target, &[problem]);
                }
            }
        }
        Ok(())
    }

    fn note_wrong(
        &mut self,
        kind: &'static str,
        id: ReleaseId,
        target: &Target,
        problems: &[String],
    ) {
        self.found.wrong.push(AlteredRecord {
            kind,
            id,
            target: target.clone(),
            wrong: problems.iter().map(|problem| sanitize(problem)).collect(),
        });
    }

    /// Notes that a store gave no usable answer. The store is not asked again about this target, and the missing answer
    /// is not reported as a difference.
    fn note_silent(&mut self, target: &Target, why: &str) {
        self.found.silent.insert(target.clone(), sanitize(why));
    }
}

/// Reads a sealed record from the store. Returns the kind of the record, and how it differs from its seal.
async fn sealed_in(
    journal: &dyn JournalReader,
    target: &Target,
    id: ReleaseId,
    seal: &Seal,
) -> StoreAnswer<(&'static str, Option<String>)> {
    match ask_store(journal.release(target, id)).await {
        StoreAnswer::There(read) => {
            return StoreAnswer::There((read.kind(), difference_from_seal(seal, &read)));
        }
        StoreAnswer::Garbled(problem) => return StoreAnswer::Garbled(problem),
        StoreAnswer::Silent(why) => return StoreAnswer::Silent(why),
        StoreAnswer::Gone => {}
    }
    match ask_store(journal.audit_record(target, id)).await {
        StoreAnswer::There(read) => {
            StoreAnswer::There((Provable::kind(&read), difference_from_seal(seal, &read)))
        }
        StoreAnswer::Garbled(problem) => StoreAnswer::Garbled(problem),
        StoreAnswer::Silent(why) => StoreAnswer::Silent(why),
        StoreAnswer::Gone => StoreAnswer::Gone,
    }
}

fn missing_record(seal: &Seal) -> String {
    format!("the record is missing in the store, although it was {seal}")
}

/// The difference between a record and its seal.
fn difference_from_seal(seal: &Seal, read: &impl Provable) -> Option<String> {
    (!seal.is_of(read))
        .then(|| format!("the stored record differs from the record that was {seal}"))
}
