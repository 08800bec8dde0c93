//! Whether what was recorded is still what was written: recomputes the hashes of every release, hold and repair, in the
//! archive and in the store it came from, and holds the two against each other.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Archive;
use crate::history::{
    Difference, Filter, KeptAudit, Proof, Provable, Proven, ReleaseRecord, RulesSet, Seal, Wrong,
};
use crate::inventory::local_time;
use crate::inventory::{ReleaseId, Target};
use crate::ports::{FailureKind, JournalReader, Result, Within};
use crate::release::Engine;
use crate::sanitize::sanitize;

/// How many records are read at a time.
const PAGE: usize = 500;
/// How long a store may take for one record.
const TIMEOUT: Duration = Duration::from_secs(8);

impl Archive {
    /// Proves what a filter lets through; against the stores of `engine` too, where one is given.
    pub async fn prove(&self, filter: &Filter, engine: Option<&Engine>) -> Result<Proven> {
        let mut proving = Proving {
            engine,
            found: Proven::default(),
            seals: BTreeMap::new(),
            without_seals: BTreeMap::new(),
            newer: BTreeMap::new(),
        };
        proving.read_seals(filter).await;
        proving.releases(self, filter).await?;
        let first = std::mem::take(&mut proving.newer);
        let first = first
            .values()
            .filter_map(|head| RulesSet::since(None, head));
        proving.found.rules.extend(first);
        proving.beside(self, filter).await?;
        proving.missing(self).await?;
        for (target, why) in proving.without_seals {
            proving.found.silent.entry(target).or_insert(why);
        }
        Ok(proving.found)
    }
}

struct Proving<'a> {
    engine: Option<&'a Engine>,
    found: Proven,
    /// The seals of each target that were not held against a record yet.
    seals: BTreeMap<Target, BTreeMap<ReleaseId, Seal>>,
    /// The targets whose seals were not heard, and why.
    without_seals: BTreeMap<Target, String>,
    /// The last release of each target that was looked at.
    newer: BTreeMap<Target, ReleaseRecord>,
}

/// What a store said about a record.
enum Heard<T> {
    There(T),
    Gone,
    /// There, and not to be read.
    Garbled(String),
    /// Nothing, which says nothing about what is written there.
    Silent(String),
}

async fn heard<T>(asked: impl Future<Output = Result<Option<T>>>) -> Heard<T> {
    match tokio::time::timeout(TIMEOUT, asked).await {
        Ok(Ok(Some(read))) => Heard::There(read),
        Ok(Ok(None)) => Heard::Gone,
        Ok(Err(failure)) if failure.kind == FailureKind::Garbled => {
            Heard::Garbled(format!("in the store, {failure}"))
        }
        Ok(Err(failure)) => Heard::Silent(failure.to_string()),
        Err(_) => Heard::Silent(format!("no answer within {TIMEOUT:?}")),
    }
}

impl<'a> Proving<'a> {
    /// The seals of the targets that a filter lets through as a whole.
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
            let asked = site.read.journal.seals(target);
            let why = match tokio::time::timeout(TIMEOUT, asked).await {
                Ok(Ok(seals)) => {
                    self.seals.insert(target.clone(), seals);
                    continue;
                }
                Ok(Err(failure)) => failure.to_string(),
                Err(_) => format!("no answer within {TIMEOUT:?}"),
            };
            // Who does not tell of seals is asked about records all the same.
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
            for one in &listed {
                let Some(kept) = archive.read.release(one.head.id).await? else {
                    continue;
                };
                self.found.releases += 1;
                self.rules_of(&kept.recorded.head);
                let (target, id) = (&one.head.target, one.head.id);
                let read = match self.journal(target) {
                    Some(journal) => Some(heard(journal.release(target, id)).await),
                    None => None,
                };
                self.one(target, &kept.recorded, &kept.differences, read);
            }
        }
    }

    /// Releases come newest first: what the newer one's rules changed is known when the older one is read.
    fn rules_of(&mut self, head: &ReleaseRecord) {
        let Some(baseline) = head.baseline.as_ref().filter(|it| !it.rules.is_empty()) else {
            return;
        };
        if let Some(newer) = self.newer.insert(head.target.clone(), head.clone()) {
            self.found
                .rules
                .extend(RulesSet::since(Some(&baseline.rules), &newer));
        }
    }

    async fn beside(&mut self, archive: &Archive, filter: &Filter) -> Result<()> {
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
                self.found.beside += 1;
                let (target, id) = (record.target(), record.id());
                let read = match self.journal(target) {
                    Some(journal) => Some(heard(journal.beside(target, id)).await),
                    None => None,
                };
                self.one(target, record, differences, read);
            }
        }
    }

    /// Where a target's records are asked for, unless it was not heard before.
    fn journal(&self, target: &Target) -> Option<&'a dyn JournalReader> {
        let site = self.engine.and_then(|engine| engine.site(target));
        let site = site.filter(|_| !self.found.silent.contains_key(target))?;
        Some(site.read.journal.as_ref())
    }

    /// What is kept of a record, and what its store said of it, where that was asked.
    fn one<T: Provable>(
        &mut self,
        target: &Target,
        kept: &T,
        differences: &[Difference],
        read: Option<Heard<T>>,
    ) {
        let mut wrong = Vec::new();
        match kept.prove() {
            Proof::Whole => self.found.whole += 1,
            Proof::NotChained => self.found.not_chained += 1,
            other => wrong.push(format!("in the archive, {other}")),
        }
        for Difference {
            what, noticed_at, ..
        } in differences
        {
            wrong.push(format!(
                "{what}: the store said otherwise when it was read at {}",
                local_time::moment(*noticed_at)
            ));
        }
        match read {
            Some(read) => wrong.extend(self.against_store(target, kept, read)),
            None => self.found.not_compared += 1,
        }
        if !wrong.is_empty() {
            self.wrong(kept.kind(), kept.id(), target, &wrong);
        }
    }

    /// What the store says otherwise now.
    fn against_store<T: Provable>(
        &mut self,
        target: &Target,
        kept: &T,
        read: Heard<T>,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let read = match read {
            Heard::Garbled(words) => return vec![words],
            Heard::Silent(why) => {
                self.not_heard(target, &why);
                self.found.not_compared += 1;
                return wrong;
            }
            Heard::There(read) => Some(read),
            Heard::Gone => None,
        };
        let seals = self.seals.get_mut(target);
        let seal = seals.and_then(|seals| seals.remove(&kept.id()));
        let Some(read) = read else {
            // Stores are cleared of what is old; that it was there, the archive tells. What was sealed is not
            // cleared without its seal.
            self.found.not_compared += 1;
            if let Some(seal) = seal {
                if !seal.is_of(kept) {
                    wrong.push(format!("the archive is not what was {seal}"));
                }
                wrong.push(gone(&seal));
            }
            return wrong;
        };
        if let Some(seal) = seal {
            self.found.sealed += 1;
            wrong.extend(against_seal(&seal, &read));
        }
        let proof = read.prove();
        if !proof.holds() {
            wrong.push(format!("in the store, {proof}"));
        }
        if let Some(what) = kept.departs(&read) {
            wrong.push(format!("the store is not what was kept, first at {what}"));
        }
        wrong
    }

    /// What was sealed and is not kept here: it has to be in its store still, as it was sealed. Only where the filter
    /// lets a target through as a whole.
    async fn missing(&mut self, archive: &Archive) -> Result<()> {
        for (target, seals) in std::mem::take(&mut self.seals) {
            let ids: Vec<ReleaseId> = seals.keys().copied().collect();
            let kept = archive.read.heads(&ids).await?;
            for (id, seal) in seals.into_iter().filter(|(id, _)| !kept.contains_key(id)) {
                let beside = archive.read.audit_named(&id.to_string(), 1).await?;
                let journal = self.journal(&target);
                let (true, Some(journal)) = (beside.is_empty(), journal) else {
                    continue;
                };
                let (kind, wrong) = match sealed_in(journal, &target, id, &seal).await {
                    Heard::There(found) => found,
                    Heard::Gone => ("record", Some(gone(&seal))),
                    Heard::Garbled(words) => ("record", Some(words)),
                    Heard::Silent(why) => {
                        self.not_heard(&target, &why);
                        self.found.not_compared += 1;
                        break;
                    }
                };
                if let Some(words) = wrong {
                    self.wrong(kind, id, &target, &[words]);
                }
            }
        }
        Ok(())
    }

    fn wrong(&mut self, kind: &'static str, id: ReleaseId, target: &Target, words: &[String]) {
        self.found.wrong.push(Wrong {
            kind,
            id,
            target: target.clone(),
            wrong: words.iter().map(|words| sanitize(words)).collect(),
        });
    }

    /// A store that does not answer is not asked again, and nothing is held against it.
    fn not_heard(&mut self, target: &Target, why: &str) {
        self.found.silent.insert(target.clone(), sanitize(why));
    }
}

/// What a store has of something that was sealed, in a word, and what is wrong with it.
async fn sealed_in(
    journal: &dyn JournalReader,
    target: &Target,
    id: ReleaseId,
    seal: &Seal,
) -> Heard<(&'static str, Option<String>)> {
    match heard(journal.release(target, id)).await {
        Heard::There(read) => return Heard::There((read.kind(), against_seal(seal, &read))),
        Heard::Garbled(words) => return Heard::Garbled(words),
        Heard::Silent(why) => return Heard::Silent(why),
        Heard::Gone => {}
    }
    match heard(journal.beside(target, id)).await {
        Heard::There(read) => Heard::There((Provable::kind(&read), against_seal(seal, &read))),
        Heard::Garbled(words) => Heard::Garbled(words),
        Heard::Silent(why) => Heard::Silent(why),
        Heard::Gone => Heard::Gone,
    }
}

fn gone(seal: &Seal) -> String {
    format!("{seal}, and gone from the store")
}

/// What a record is not that was sealed.
fn against_seal(seal: &Seal, read: &impl Provable) -> Option<String> {
    (!seal.is_of(read)).then(|| format!("the store is not what was {seal}"))
}
