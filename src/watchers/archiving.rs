//! Copies releases, holds and repairs from the journals to the archive: on request, and whenever a release starts
//! or ends, a hold is placed or cleared, or a lock is released. The copies are for browsing; nothing else
//! reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::timeout;

use super::observing::{ANYWAY, Marks, Observing};
use crate::history::{
    AuditRecord, Change, Filter, Item, Pruning, ReleaseRecord, Retention, head_change, merged,
};
use crate::inventory::{ReleaseId, Target};
use crate::ports::{
    ArchiveReader, ArchiveWriter, Failure, FailureKind, JournalReader, Result, Within,
};
use crate::release::{Engine, Site};

/// How many heads are read at a time.
const PAGE: usize = 100;
/// How many holds and repairs of a target are read first, and how many if all of those were new.
const AUDIT_LIMITS: [usize; 2] = [20, 500];
/// How many holds and repairs are listed between the releases of a page.
const MOST_AUDIT_RECORDS: usize = 1000;
/// How many targets are read at the same time.
const AT_ONCE: usize = 4;
/// How many releases are read before they are written: each may be large.
const TOGETHER: usize = 10;
/// How often old records are pruned while new ones are kept.
const PRUNE_INTERVAL: SignedDuration = SignedDuration::from_hours(1);
/// How many times pruning repeats in a row.
const PRUNE_ROUNDS: usize = 5;
/// How long a journal may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(8);

/// An archive, with its reader and writer.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds trait objects")]
pub struct Archive {
    /// The reader.
    pub read: Arc<dyn ArchiveReader>,
    /// The writer.
    pub write: Arc<dyn ArchiveWriter>,
}

/// Why a release is not in the archive.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// A store, or a record in it, could not be read.
    #[error("{0}")]
    Unread(Failure),
    /// The archive could not be read or written.
    #[error("{0}")]
    Unwritten(Failure),
}

impl NotKept {
    /// Whether the store answered and only some of its records cannot be read.
    pub fn is_partial(&self) -> bool {
        matches!(self, Self::Unread(failure) if is_about_content(failure))
    }
}

/// The result of the last attempt to keep something. The error says why the archive could not be written.
pub type Keeping = std::result::Result<(), String>;

impl Archive {
    /// Copies what the journals of these sites have and the archive does not. Returns what could not be read,
    /// and keeps everything else.
    pub async fn catch_up(&self, sites: Vec<Site>) -> BTreeMap<Target, Vec<NotKept>> {
        let mut problems = BTreeMap::new();
        for some in sites.chunks(AT_ONCE) {
            let mut reading = Vec::new();
            for site in some {
                reading.push(self.catch_up_with(site));
            }
            let read = join_all(reading).await.into_iter();
            problems.extend(read.filter(|(_, said)| !said.is_empty()));
        }
        problems
    }

    async fn catch_up_with(&self, site: &Site) -> (Target, Vec<NotKept>) {
        let target = &site.definition.target;
        let mut reading = Reading {
            archive: self,
            journal: site.read.journal.as_ref(),
            target,
            skipped: Vec::new(),
            unread: None,
        };
        if let Err(problem) = reading.catch_up().await {
            reading.skipped.push(problem);
        }
        (target.clone(), reading.skipped)
    }

    /// Lists releases that match a filter, with the holds and repairs between them, newest first, older than
    /// `before`: at most `limit` releases, and whether these are the last.
    pub async fn items(
        &self,
        filter: &Filter,
        before: Option<ReleaseId>,
        limit: usize,
    ) -> Result<(Vec<Item>, bool)> {
        let listed = self.read.list(filter, before, limit).await?;
        let is_whole = listed.len() < limit;
        let last = listed.last().map(|last| last.head.id);
        let within = Within {
            after: last.filter(|_| !is_whole),
            before,
        };
        let beside = self.read.audit(filter, within, MOST_AUDIT_RECORDS).await?;
        Ok((merged(listed, beside), is_whole))
    }

    /// Catches up at the start, and again whenever something to be kept starts or ends. Does not return
    /// while the observation runs. After each pass `kept_some` gets the result.
    pub async fn keep_up(
        &self,
        engine: &Engine,
        mut observed: Observing,
        retention: Retention,
        kept_some: watch::Sender<Keeping>,
    ) {
        let mut known: Option<Marks> = None;
        let mut pruned: Option<Timestamp> = None;
        let mut looked = Instant::now();
        while observed.moved().await {
            let now = observed.marks();
            if looked.elapsed() >= ANYWAY {
                known = None;
            } else if known.as_ref() == Some(&now) {
                continue;
            }
            looked = Instant::now();
            let is_new = |target: &Target| {
                let known = known.as_ref();
                known.is_none_or(|known| known.get(target) != now.get(target))
            };
            let sites = engine
                .sites()
                .filter(|site| is_new(&site.definition.target));
            let sites: Vec<Site> = sites.cloned().collect();
            let mut kept = now;
            // What could not be kept is read again when any release changes next.
            let (targets, keeping) = self.keep_told(sites).await;
            for target in targets {
                kept.remove(&target);
            }
            known = Some(kept);
            kept_some.send_modify(|last| *last = keeping);
            let now = engine.clock().now();
            let is_due = |last: Timestamp| now.duration_since(last) >= PRUNE_INTERVAL;
            if pruned.is_none_or(is_due) {
                pruned = Some(now);
                self.prune_told(&retention, now).await;
            }
        }
    }

    async fn prune_told(&self, retention: &Retention, now: Timestamp) {
        match self.prune(retention, now).await {
            Ok(pruned) if pruned.is_nothing() => {}
            Ok(pruned) => tracing::info!(
                "pruned from the history: {} releases, {} logs",
                pruned.releases.len(),
                pruned.logs.len() + pruned.orphans.len()
            ),
            Err(failure) => tracing::warn!("the history could not be pruned: {failure}"),
        }
    }

    /// Removes what must not be kept any longer, and returns it. Sizes are estimates, so this repeats until
    /// the rest fits.
    pub async fn prune(&self, retention: &Retention, now: Timestamp) -> Result<Pruning> {
        let mut all = Pruning::default();
        for _ in 0..PRUNE_ROUNDS {
            let pruning = self.read.prunable(retention, now).await?;
            all.too_many = pruning.too_many;
            if pruning.is_nothing() {
                break;
            }
            self.write.prune(&pruning).await?;
            all.bytes += pruning.bytes;
            all.releases.extend(pruning.releases);
            all.logs.extend(pruning.logs);
            all.orphans.extend(pruning.orphans);
        }
        Ok(all)
    }

    /// Catches up and logs what could not be kept. Returns the targets concerned, and
    /// whether the archive is the reason.
    async fn keep_told(&self, sites: Vec<Site>) -> (Vec<Target>, Keeping) {
        let problems = self.catch_up(sites).await;
        let mut keeping = Ok(());
        for (target, problems) in &problems {
            for problem in problems {
                tracing::warn!(subject = %target, "not kept in the history: {problem}");
                if let (NotKept::Unwritten(failure), Ok(())) = (problem, &keeping) {
                    keeping = Err(failure.to_string());
                }
            }
        }
        (problems.into_keys().collect(), keeping)
    }
}

type Outcome<T> = std::result::Result<T, NotKept>;

/// Reads the journal of one target.
struct Reading<'a> {
    archive: &'a Archive,
    journal: &'a dyn JournalReader,
    target: &'a Target,
    /// The problems of records that were skipped.
    skipped: Vec<NotKept>,
    /// The oldest skipped release.
    unread: Option<ReleaseId>,
}

impl Reading<'_> {
    async fn catch_up(&mut self) -> Outcome<()> {
        let read = &self.archive.read;
        let seen = read.seen_up_to(self.target).await;
        let mark = seen.map_err(NotKept::Unwritten)?;
        let unfinished = read
            .unfinished(self.target)
            .await
            .map_err(NotKept::Unwritten)?;
        let mut unfinished: BTreeSet<ReleaseId> = unfinished.into_iter().collect();
        let mut newest = None;
        let mut before = None;
        loop {
            let page = self.page(before).await?;
            let Some(last) = page.last().map(|head| head.id) else {
                break;
            };
            newest = newest.or(page.first().map(|head| head.id));
            before = Some(last);
            for head in &page {
                unfinished.remove(&head.id);
            }
            let wanted = self.wanted(&page).await?;
            self.keep(wanted).await?;
            // Another host's clock may be behind, so a page is always read completely.
            if mark.is_some_and(|mark| last < mark) {
                break;
            }
        }
        self.keep(unfinished.into_iter().collect()).await?;
        let asked = self.journal.unreadable(self.target, PAGE);
        let unreadable = in_time("listing releases", asked).await;
        for (id, failure) in unreadable.map_err(NotKept::Unread)? {
            self.skip_release(id, failure);
        }
        self.keep_holds().await?;
        self.keep_repairs().await?;
        // The next catch-up starts at the oldest release that was skipped.
        let before_unread = self.unread.map(|ReleaseId(id)| id.0.saturating_sub(1));
        let before_unread = before_unread.map(|id| ReleaseId(id.into()));
        if let Some(newest) = newest {
            let seen = before_unread.map_or(newest, |before| newest.min(before));
            self.archive
                .write
                .note_seen_up_to(self.target, seen)
                .await
                .map_err(NotKept::Unwritten)?;
        }
        Ok(())
    }

    async fn keep_holds(&mut self) -> Outcome<()> {
        for limit in AUDIT_LIMITS {
            let asked = self.journal.holds(self.target, limit);
            let holds = in_time("listing holds", asked)
                .await
                .map_err(NotKept::Unread)?;
            if self
                .keep_audit_records(holds.into_iter().map(AuditRecord::Hold))
                .await?
            {
                break;
            }
        }
        Ok(())
    }

    async fn keep_repairs(&mut self) -> Outcome<()> {
        for limit in AUDIT_LIMITS {
            let asked = self.journal.repairs(self.target, limit);
            let repairs = in_time("listing repairs", asked)
                .await
                .map_err(NotKept::Unread)?;
            if self
                .keep_audit_records(repairs.into_iter().map(AuditRecord::Repair))
                .await?
            {
                break;
            }
        }
        Ok(())
    }

    /// Returns whether some were kept already or there are none: then all older ones are kept too.
    async fn keep_audit_records(
        &self,
        records: impl Iterator<Item = AuditRecord>,
    ) -> Outcome<bool> {
        let records: Vec<AuditRecord> = records.collect();
        let count = records.len();
        let news = self.archive.write.keep_audit(records).await;
        let news = news.map_err(NotKept::Unwritten)?;
        Ok(count == 0 || news < count)
    }

    async fn page(&self, before: Option<ReleaseId>) -> Outcome<Vec<ReleaseRecord>> {
        let asked = async {
            match before {
                None => self.journal.releases(self.target, PAGE).await,
                Some(id) => self.journal.releases_before(self.target, id, PAGE).await,
            }
        };
        let page = in_time("listing releases", asked).await;
        page.map_err(NotKept::Unread)
    }

    /// The releases to copy: not kept yet, kept without an outcome, or with a changed head.
    async fn wanted(&self, page: &[ReleaseRecord]) -> Outcome<Vec<ReleaseId>> {
        let ids: Vec<ReleaseId> = page.iter().map(|head| head.id).collect();
        let kept = self.archive.read.heads(&ids).await;
        let kept = kept.map_err(NotKept::Unwritten)?;
        let forgotten = self.archive.read.forgotten(&ids).await;
        let forgotten = forgotten.map_err(NotKept::Unwritten)?;
        let is_wanted = |head: &&ReleaseRecord| {
            kept.get(&head.id)
                .is_none_or(|kept| kept.closed.is_none() || head_change(kept, head) != Change::Same)
        };
        let page = page.iter().filter(|head| !forgotten.contains(&head.id));
        Ok(page.filter(is_wanted).map(|head| head.id).collect())
    }

    async fn keep(&mut self, ids: Vec<ReleaseId>) -> Outcome<()> {
        for some in ids.chunks(TOGETHER) {
            self.keep_some(some).await?;
        }
        Ok(())
    }

    fn skip_release(&mut self, id: ReleaseId, failure: Failure) {
        self.skipped.push(NotKept::Unread(failure));
        self.unread = Some(self.unread.map_or(id, |oldest| oldest.min(id)));
    }

    async fn keep_some(&mut self, ids: &[ReleaseId]) -> Outcome<()> {
        let mut releases = Vec::new();
        for &id in ids {
            let asked = self.journal.as_stored(self.target, id);
            match in_time("reading a release", asked).await {
                Ok(Some((recorded, unread))) => {
                    releases.push(recorded);
                    self.skipped.extend(unread.into_iter().map(NotKept::Unread));
                }
                // The archive keeps a release that its store no longer has.
                Ok(None) => {}
                Err(failure) if is_about_content(&failure) => self.skip_release(id, failure),
                Err(failure) => return Err(NotKept::Unread(failure)),
            }
        }
        let kept = self.archive.write.keep(releases).await;
        kept.map_err(NotKept::Unwritten)
    }
}

async fn in_time<T>(doing: &str, asked: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(TIMEOUT, asked).await.unwrap_or_else(|_| {
        Err(Failure::new(
            FailureKind::Unreachable,
            "the journal",
            doing,
            format!("no answer within {TIMEOUT:?}"),
        ))
    })
}

/// Whether the store answered and only its content is wrong.
fn is_about_content(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::Garbled | FailureKind::Unsupported
    )
}
