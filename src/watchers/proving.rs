//! Whether what was released is still what was written: recomputes the chain of every release, in the archive and in the
//! store it came from, and holds the two against each other.

use std::time::Duration;

use super::Archive;
use crate::harmless::harmless;
use crate::history::{Filter, Kept, Proof, Proven, Wrong, departs, prove};
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
        };
        let mut before: Option<ReleaseId> = None;
        loop {
            let listed = self.read.list(filter, before, PAGE).await?;
            let Some(last) = listed.last() else {
                return Ok(proving.found);
            };
            before = Some(last.head.id);
            for one in &listed {
                if let Some(kept) = self.read.release(one.head.id).await? {
                    proving.one(&kept).await;
                }
            }
        }
    }
}

struct Proving<'a> {
    engine: Option<&'a Engine>,
    found: Proven,
}

impl Proving<'_> {
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
        let Some(read) = read else {
            // Stores are cleared of what is old; that it was there, the archive tells.
            self.found.not_compared += 1;
            return Vec::new();
        };
        let mut wrong = Vec::new();
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
