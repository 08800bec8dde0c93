//! Whether what was released is still what was written: recomputes the chain of every release, in the archive and in the
//! store it came from, and holds the two against each other.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Archive;
use crate::harmless::harmless;
use crate::history::{Filter, Kept, Proof, Proven, Recorded, Seal, Wrong, departs, prove};
use crate::inventory::{ReleaseId, Target};
use crate::ports::{FailureKind, Result};
use crate::release::Engine;

/// How many releases are read at a time.
const PAGE: usize = 500;
/// How long a store may take for one release.
const PATIENCE: Duration = Duration::from_secs(8);

impl Archive {
    /// Proves what a filter lets through; against the stores of `engine` too, where one is given.
    pub async fn prove(&self, filter: &Filter, engine: Option<&Engine>) -> Result<Proven> {
        let mut proving = Proving {
            engine,
            found: Proven::default(),
            seals: BTreeMap::new(),
            without_seals: BTreeMap::new(),
        };
        proving.read_seals(filter).await;
        let mut before: Option<ReleaseId> = None;
        loop {
            let listed = self.read.list(filter, before, PAGE).await?;
            let Some(last) = listed.last() else {
                break;
            };
            before = Some(last.head.id);
            for one in &listed {
                if let Some(kept) = self.read.release(one.head.id).await? {
                    proving.one(&kept).await;
                }
            }
        }
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
    /// The seals of each target that were not held against a release yet.
    seals: BTreeMap<Target, BTreeMap<ReleaseId, Seal>>,
    /// The targets whose seals were not heard, and why.
    without_seals: BTreeMap<Target, String>,
}

impl Proving<'_> {
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
            let why = match tokio::time::timeout(PATIENCE, asked).await {
                Ok(Ok(seals)) => {
                    self.seals.insert(target.clone(), seals);
                    continue;
                }
                Ok(Err(failure)) => failure.to_string(),
                Err(_) => format!("no answer within {PATIENCE:?}"),
            };
            // Who does not tell of seals is asked about releases all the same.
            self.without_seals.insert(target.clone(), harmless(&why));
        }
    }

    /// What was sealed and is not kept here: it has to be in its store still, as it was sealed. Only where the filter
    /// lets a target through as a whole.
    async fn missing(&mut self, archive: &Archive) -> Result<()> {
        for (target, seals) in std::mem::take(&mut self.seals) {
            let ids: Vec<ReleaseId> = seals.keys().copied().collect();
            let kept = archive.read.heads(&ids).await?;
            let site = self.engine.and_then(|engine| engine.site(&target));
            let Some(site) = site.filter(|_| !self.found.silent.contains_key(&target)) else {
                continue;
            };
            for (id, seal) in seals.into_iter().filter(|(id, _)| !kept.contains_key(id)) {
                let asked = site.read.journal.release(&target, id);
                let wrong = match tokio::time::timeout(PATIENCE, asked).await {
                    Ok(Ok(Some(read))) => against_seal(&seal, &read),
                    Ok(Ok(None)) => Some(format!("{seal}, and gone from the store")),
                    Ok(Err(failure)) if failure.kind == FailureKind::Garbled => {
                        Some(format!("in the store, {failure}"))
                    }
                    Ok(Err(failure)) => {
                        self.not_heard(&target, &failure.to_string());
                        break;
                    }
                    Err(_) => {
                        self.not_heard(&target, &format!("no answer within {PATIENCE:?}"));
                        break;
                    }
                };
                if let Some(words) = wrong {
                    self.found.wrong.push(Wrong {
                        release: id,
                        target: target.clone(),
                        wrong: vec![harmless(&words)],
                    });
                }
            }
        }
        Ok(())
    }

    async fn one(&mut self, kept: &Kept) {
        self.found.releases += 1;
        let mut wrong = Vec::new();
        match prove(&kept.recorded) {
            Proof::Whole => self.found.whole += 1,
            Proof::NotChained => self.found.not_chained += 1,
            other => wrong.push(format!("in the archive, {other}")),
        }
        for difference in &kept.differences {
            let at = difference.noticed_at;
            wrong.push(format!(
                "{}: the store said otherwise when it was read at {at:.0}",
                difference.what
            ));
        }
        wrong.extend(self.against_store(kept).await);
        if !wrong.is_empty() {
            let head = &kept.recorded.head;
            self.found.wrong.push(Wrong {
                release: head.id,
                target: head.target.clone(),
                wrong: wrong.iter().map(|words| harmless(words)).collect(),
            });
        }
    }

    /// What the store says otherwise now.
    async fn against_store(&mut self, kept: &Kept) -> Vec<String> {
        let head = &kept.recorded.head;
        let site = self.engine.and_then(|engine| engine.site(&head.target));
        let site = site.filter(|_| !self.found.silent.contains_key(&head.target));
        let Some(site) = site else {
            self.found.not_compared += 1;
            return Vec::new();
        };
        let asked = site.read.journal.release(&head.target, head.id);
        let read = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(read)) => read,
            Ok(Err(failure)) if failure.kind == FailureKind::Garbled => {
                return vec![format!("in the store, {failure}")];
            }
            // That nobody answers says nothing about what is written there.
            Ok(Err(failure)) => return self.not_heard(&head.target, &failure.to_string()),
            Err(_) => {
                let why = format!("no answer within {PATIENCE:?}");
                return self.not_heard(&head.target, &why);
            }
        };
        let seals = self.seals.get_mut(&head.target);
        let seal = seals.and_then(|seals| seals.remove(&head.id));
        let Some(read) = read else {
            // Stores are cleared of what is old; that it was there, the archive tells.
            self.found.not_compared += 1;
            let sealed = seal.filter(|seal| !seal.is_of(&kept.recorded));
            return sealed
                .map(|seal| format!("the archive is not what was {seal}"))
                .into_iter()
                .collect();
        };
        let mut wrong = Vec::new();
        if let Some(seal) = seal {
            self.found.sealed += 1;
            wrong.extend(against_seal(&seal, &read));
        }
        let proof = prove(&read);
        if !proof.holds() {
            wrong.push(format!("in the store, {proof}"));
        }
        if let Some(what) = departs(&kept.recorded, &read) {
            wrong.push(format!("the store is not what was kept, first at {what}"));
        }
        wrong
    }

    /// A store that does not answer is not asked again, and nothing is held against it.
    fn not_heard(&mut self, target: &Target, why: &str) -> Vec<String> {
        self.found.silent.insert(target.clone(), harmless(why));
        self.found.not_compared += 1;
        Vec::new()
    }
}

/// What a release is not that was sealed.
fn against_seal(seal: &Seal, read: &Recorded) -> Option<String> {
    (!seal.is_of(read)).then(|| format!("the store is not what was {seal}"))
}
