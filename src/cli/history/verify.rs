//! `greenroom history verify`: recomputes the chain of every release, in the archive and in the store it
//! came from, holds the two against each other, and names the first record that does not fit.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Exit, PAGE, archive, say_json};
use crate::cli::arguments::{Common, Verify};
use crate::harmless::harmless;
use crate::history::{Filter, Kept, Proof, departs, prove};
use crate::inventory::{ReleaseId, Target};
use crate::ports::{FailureKind, Result};
use crate::watchers::Archive;
use crate::wire::App;

/// How long a store may take for one release.
const PATIENCE: Duration = Duration::from_secs(8);

/// What was counted.
#[derive(Debug, Default, serde::Serialize)]
struct Tally {
    releases: usize,
    whole: usize,
    not_chained: usize,
    wrong: usize,
    /// Kept, and not held against a store: it is not configured, not asked, or has it no more.
    not_compared: usize,
}

pub(super) async fn run(common: &Common, app: &App, verb: &Verify) -> Exit {
    let Some(archive) = archive(app).await else {
        return Exit::Failed;
    };
    let filter = Filter {
        service: verb.service.as_ref().map(ToString::to_string),
        environment: verb.environment.as_ref().map(ToString::to_string),
        ..Filter::default()
    };
    let mut checking = Checking {
        common,
        app,
        is_offline: verb.offline,
        tally: Tally::default(),
        is_heard: true,
        silent: BTreeSet::new(),
    };
    if !verb.offline {
        let is_wanted = |target: &Target| {
            verb.service.as_ref().is_none_or(|s| *s == target.service)
                && verb
                    .environment
                    .as_ref()
                    .is_none_or(|e| *e == target.environment)
        };
        checking.is_heard = super::catch_up(app, &archive, is_wanted).await;
    }
    if let Err(failure) = checking.all(&archive, &filter).await {
        warn_line!("greenroom: {failure}");
        return Exit::Failed;
    }
    checking.end()
}

struct Checking<'a> {
    common: &'a Common,
    app: &'a App,
    is_offline: bool,
    tally: Tally,
    is_heard: bool,
    /// Targets whose store did not answer.
    silent: BTreeSet<Target>,
}

impl Checking<'_> {
    async fn all(&mut self, archive: &Archive, filter: &Filter) -> Result<()> {
        let mut before: Option<ReleaseId> = None;
        loop {
            let listed = archive.read.list(filter, before, PAGE).await?;
            let Some(last) = listed.last() else {
                return Ok(());
            };
            before = Some(last.head.id);
            for one in &listed {
                if let Some(kept) = archive.read.release(one.head.id).await? {
                    self.one(&kept).await;
                }
            }
        }
    }

    async fn one(&mut self, kept: &Kept) {
        self.tally.releases += 1;
        let mut wrong = Vec::new();
        match prove(&kept.recorded) {
            Proof::Whole => self.tally.whole += 1,
            Proof::NotChained => self.tally.not_chained += 1,
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
            self.tally.wrong += 1;
            self.say(kept, &wrong);
        }
    }

    /// What the store says otherwise now.
    async fn against_store(&mut self, kept: &Kept) -> Vec<String> {
        let head = &kept.recorded.head;
        let site = self.app.engine.site(&head.target);
        let is_asked = !self.is_offline && !self.silent.contains(&head.target);
        let Some(site) = site.filter(|_| is_asked) else {
            self.tally.not_compared += 1;
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
            self.tally.not_compared += 1;
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
        warn_line!("{}", harmless(&format!("{target}: {why}")));
        self.silent.insert(target.clone());
        self.is_heard = false;
        self.tally.not_compared += 1;
        Vec::new()
    }

    fn say(&self, kept: &Kept, wrong: &[String]) {
        let head = &kept.recorded.head;
        if self.common.json {
            say_json(&serde_json::json!({
                "release": head.id, "target": head.target, "wrong": wrong,
            }));
            return;
        }
        say_line!("{}  {}", head.id, head.target);
        for words in wrong {
            say_line!("  {words}");
        }
    }

    fn end(self) -> Exit {
        let tally = &self.tally;
        if self.common.json {
            say_json(tally);
        } else {
            say_line!(
                "{} releases: {} whole, {} not chained (an older Greenroom wrote them), {} wrong; \
                 {} were not compared with a store",
                tally.releases,
                tally.whole,
                tally.not_chained,
                tally.wrong,
                tally.not_compared
            );
        }
        match (tally.wrong, self.is_heard) {
            (0, true) => Exit::Done,
            (0, false) => Exit::Failed,
            _ => Exit::NeedsPerson,
        }
    }
}
