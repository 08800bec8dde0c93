//! Copies releases, holds and repairs from the journals to the archive: on request, and whenever a release starts or
//! ends, a hold is placed or cleared, or a lock is released. The copies are for browsing and for verification. No
//! release depends on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::timeout;

use super::observing::{FULL_READ_INTERVAL, Marks, Observing};
use crate::history::{
    AuditRecord, Change, Filter, Item, Pruning, ReleaseRecord, Retention, head_change, merged,
};
use crate::inventory::{ReleaseId, Target};
use crate::ports::{
    ArchiveReader, ArchiveWriter, Failure, FailureKind, JournalReader, Result, Within,
};
use crate::release::{Engine, Site};

/// How many release heads are read at a time.
const PAGE: usize = 100;
/// How many holds and repairs of a target are read first, and how many are read if all of the first ones were new.
const AUDIT_LIMITS: [usize; 2] = [20, 500];
/// The most holds and repairs that are listed between the releases of a page.
const MOST_AUDIT_RECORDS: usize = 1000;
/// How many targets are read at the same time.
const TARGETS_AT_ONCE: usize = 4;
/// How many releases of a target are read before they are written together. The number is small, because a release may
/// be large.
const RELEASES_AT_ONCE: usize = 10;
/// How often old records are pruned while the console runs.
const PRUNE_INTERVAL: SignedDuration = SignedDuration::from_hours(1);
/// The most rounds of one pruning.
const PRUNE_ROUNDS: usize = 5;
/// How long a journal may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(8);

/// The reader and the writer of one archive.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds trait objects")]
pub struct Archive {
    pub read: Arc<dyn ArchiveReader>,
    pub write: Arc<dyn ArchiveWriter>,
}

/// Why records were not copied to the archive: the store or the archive failed, or a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveProblem {
    /// A store, or a record in it, could not be read.
    #[error("{0}")]
    Unread(Failure),
    /// The archive could not be read or written.
    #[error("{0}")]
    Unwritten(Failure),
}

impl ArchiveProblem {
    /// Whether the store answered and only some of its records cannot be read.
    pub fn is_partial(&self) -> bool {
        matches!(self, Self::Unread(failure) if is_about_content(failure))
    }
}

/// The result of the last attempt to copy records. The error says why the archive could not be read or written. A store
/// that could not be read is no error here, because the archive itself works.
pub type Keeping = std::result::Result<(), String>;

impl Archive {
    /// Copies the records that the journals of these sites have and the archive does not. A release that cannot be read
    /// is skipped. If the store or the archive fails, the remaining records of that target are not copied. Returns the
    /// problems of each target.
    pub async fn catch_up(&self, sites: Vec<Site>) -> BTreeMap<Target, Vec<ArchiveProblem>> {
        let mut problems = BTreeMap::new();
        for chunk in sites.chunks(TARGETS_AT_ONCE) {
            let mut reading = Vec::new();
            for site in chunk {
                reading.push(self.catch_up_with(site));
            }
            let read = join_all(reading).await.into_iter();
            problems.extend(read.filter(|(_, problems)| !problems.is_empty()));
        }
        problems
    }

    async fn catch_up_with(&self, site: &Site) -> (Target, Vec<ArchiveProblem>) {
        let target = &site.definition.target;
        let mut reading = Reading {
            archive: self,
            journal: site.read.journal.as_ref(),
            target,
            problems: Vec::new(),
            oldest_skipped: None,
        };
        if let Err(problem) = reading.catch_up().await {
            reading.problems.push(problem);
        }
        (target.clone(), reading.problems)
    }

    /// Lists at most `limit` releases that match a filter and are older than `before`, with the holds and repairs
    /// between them, newest first. Also returns whether no older release matches.
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
        let audit_records = self.read.audit(filter, within, MOST_AUDIT_RECORDS).await?;
        Ok((merged(listed, audit_records), is_whole))
    }

    /// Catches up at the first observed change, after each change of a release, a route, a hold or a lock, and at least
    /// every five minutes. Returns when the observation ends. After each pass, `keeping_sender` gets the result.
    pub async fn update_archive(
        &self,
        engine: &Engine,
        mut observed: Observing,
        retention: Retention,
        keeping_sender: watch::Sender<Keeping>,
    ) {
        let mut known: Option<Marks> = None;
        let mut pruned: Option<Timestamp> = None;
        let mut last_pass = Instant::now();
        while observed.next_change().await {
            let now = observed.marks();
            if last_pass.elapsed() >= FULL_READ_INTERVAL {
                known = None;
            } else if known.as_ref() == Some(&now) {
                continue;
            }
            last_pass = Instant::now();
            let is_new = |target: &Target| {
                let known = known.as_ref();
                known.is_none_or(|known| known.get(target) != now.get(target))
            };
            let sites = engine
                .sites()
                .filter(|site| is_new(&site.definition.target));
            let sites: Vec<Site> = sites.cloned().collect();
            let mut kept = now;
            // A target with problems is read again at the next observed change.
            let (targets, keeping) = self.catch_up_and_log(sites).await;
            for target in targets {
                kept.remove(&target);
            }
            known = Some(kept);
            keeping_sender.send_modify(|last| *last = keeping);
            let now = engine.clock().now();
            let is_due = |last: Timestamp| now.duration_since(last) >= PRUNE_INTERVAL;
            if pruned.is_none_or(is_due) {
                pruned = Some(now);
                self.prune_and_log(&retention, now).await;
            }
        }
    }

    async fn prune_and_log(&self, retention: &Retention, now: Timestamp) {
        match self.prune(retention, now).await {
            Ok(pruned) if pruned.is_nothing() => {}
            Ok(pruned) => tracing::info!(
                "pruned from the archive: {} releases, {} logs",
                pruned.releases.len(),
                pruned.logs.len() + pruned.orphans.len()
            ),
            Err(failure) => tracing::warn!("the archive could not be pruned: {failure}"),
        }
    }

    /// Removes the records that exceed a limit of `retention`, and returns them. Sizes are estimates, so pruning is
    /// repeated until nothing more can be removed, at most five times.
    pub async fn prune(&self, retention: &Retention, now: Timestamp) -> Result<Pruning> {
        let mut removed = Pruning::default();
        for _ in 0..PRUNE_ROUNDS {
            let pruning = self.read.prunable(retention, now).await?;
            removed.not_freed = pruning.not_freed;
            if pruning.is_nothing() {
                break;
            }
            self.write.prune(&pruning).await?;
            removed.bytes += pruning.bytes;
            removed.releases.extend(pruning.releases);
            removed.logs.extend(pruning.logs);
            removed.orphans.extend(pruning.orphans);
        }
        Ok(removed)
    }

    /// Catches up and logs the problems. Returns the targets with problems, and the error if the archive could not be
    /// read or written.
    async fn catch_up_and_log(&self, sites: Vec<Site>) -> (Vec<Target>, Keeping) {
        let problems = self.catch_up(sites).await;
        let mut keeping = Ok(());
        for (target, problems) in &problems {
            for problem in problems {
                tracing::warn!(subject = %target, "the archive may lack records of this target: {problem}");
                if let (ArchiveProblem::Unwritten(failure), Ok(())) = (problem, &keeping) {
                    keeping = Err(failure.to_string());
                }
            }
        }
        (problems.into_keys().collect(), keeping)
    }
}

type Outcome<T> = std::result::Result<T, ArchiveProblem>;

/// Copies the journal of one target.
struct Reading<'a> {
    archive: &'a Archive,
    journal: &'a dyn JournalReader,
    target: &'a Target,
    /// The problems that did not end the catch-up, such as unreadable records. [`Archive::catch_up_with`] adds the
    /// problem that ended it.
    problems: Vec<ArchiveProblem>,
    oldest_skipped: Option<ReleaseId>,
}

impl Reading<'_> {
    async fn catch_up(&mut self) -> Outcome<()> {
        let read = &self.archive.read;
        let mark = read.seen_up_to(self.target).await;
        let mark = mark.map_err(ArchiveProblem::Unwritten)?;
        let unfinished = read
            .unfinished(self.target)
            .await
            .map_err(ArchiveProblem::Unwritten)?;
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
            // Stops only at the end of a page, not at the first release older than `mark`. A release from a host whose
            // clock is behind may be new but listed below older releases.
            if mark.is_some_and(|mark| last < mark) {
                break;
            }
        }
        self.keep(unfinished.into_iter().collect()).await?;
        let request = self.journal.unreadable(self.target, PAGE);
        let unreadable = in_time("listing releases", request).await;
        for (id, failure) in unreadable.map_err(ArchiveProblem::Unread)? {
            self.skip_release(id, failure);
        }
        self.keep_holds().await?;
        self.keep_repairs().await?;
        // The next catch-up starts at the oldest release that was skipped.
        let before_skipped = self
            .oldest_skipped
            .map(|ReleaseId(id)| id.0.saturating_sub(1));
        let before_skipped = before_skipped.map(|id| ReleaseId(id.into()));
        if let Some(newest) = newest {
            let seen_up_to = before_skipped.map_or(newest, |before| newest.min(before));
            self.archive
                .write
                .note_seen_up_to(self.target, seen_up_to)
                .await
                .map_err(ArchiveProblem::Unwritten)?;
        }
        Ok(())
    }

    async fn keep_holds(&mut self) -> Outcome<()> {
        for limit in AUDIT_LIMITS {
            let request = self.journal.holds(self.target, limit);
            let holds = in_time("listing holds", request)
                .await
                .map_err(ArchiveProblem::Unread)?;
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
            let request = self.journal.repairs(self.target, limit);
            let repairs = in_time("listing repairs", request)
                .await
                .map_err(ArchiveProblem::Unread)?;
            if self
                .keep_audit_records(repairs.into_iter().map(AuditRecord::Repair))
                .await?
            {
                break;
            }
        }
        Ok(())
    }

    /// Copies holds or repairs. Returns true if `records` is empty or if the archive already had some of them. In both
    /// cases the archive has all older records, so they need not be read.
    async fn keep_audit_records(
        &self,
        records: impl Iterator<Item = AuditRecord>,
    ) -> Outcome<bool> {
        let records: Vec<AuditRecord> = records.collect();
        let count = records.len();
        let news = self.archive.write.keep_audit(records).await;
        let news = news.map_err(ArchiveProblem::Unwritten)?;
        Ok(count == 0 || news < count)
    }

    async fn page(&self, before: Option<ReleaseId>) -> Outcome<Vec<ReleaseRecord>> {
        let request = async {
            match before {
                None => self.journal.releases(self.target, PAGE).await,
                Some(id) => self.journal.releases_before(self.target, id, PAGE).await,
            }
        };
        let page = in_time("listing releases", request).await;
        page.map_err(ArchiveProblem::Unread)
    }

    /// The releases to copy: not archived yet, archived without an outcome, or with a changed head. Releases that were
    /// pruned from the archive are left out.
    async fn wanted(&self, page: &[ReleaseRecord]) -> Outcome<Vec<ReleaseId>> {
        let ids: Vec<ReleaseId> = page.iter().map(|head| head.id).collect();
        let kept = self.archive.read.heads(&ids).await;
        let kept = kept.map_err(ArchiveProblem::Unwritten)?;
        let forgotten = self.archive.read.forgotten(&ids).await;
        let forgotten = forgotten.map_err(ArchiveProblem::Unwritten)?;
        let is_wanted = |head: &&ReleaseRecord| {
            kept.get(&head.id)
                .is_none_or(|kept| kept.closed.is_none() || head_change(kept, head) != Change::Same)
        };
        let page = page.iter().filter(|head| !forgotten.contains(&head.id));
        Ok(page.filter(is_wanted).map(|head| head.id).collect())
    }

    async fn keep(&mut self, ids: Vec<ReleaseId>) -> Outcome<()> {
        for chunk in ids.chunks(RELEASES_AT_ONCE) {
            self.keep_together(chunk).await?;
        }
        Ok(())
    }

    fn skip_release(&mut self, id: ReleaseId, failure: Failure) {
        self.problems.push(ArchiveProblem::Unread(failure));
        self.oldest_skipped = Some(self.oldest_skipped.map_or(id, |oldest| oldest.min(id)));
    }

    async fn keep_together(&mut self, ids: &[ReleaseId]) -> Outcome<()> {
        let mut releases = Vec::new();
        for &id in ids {
            let request = self.journal.as_stored(self.target, id);
            match in_time("reading a release", request).await {
                Ok(Some((recorded, unread))) => {
                    releases.push(recorded);
                    self.problems
                        .extend(unread.into_iter().map(ArchiveProblem::Unread));
                }
                // The archive keeps a release that its store no longer has.
                Ok(None) => {}
                Err(failure) if is_about_content(&failure) => self.skip_release(id, failure),
                Err(failure) => return Err(ArchiveProblem::Unread(failure)),
            }
        }
        let kept = self.archive.write.keep(releases).await;
        kept.map_err(ArchiveProblem::Unwritten)
    }
}

async fn in_time<T>(doing: &str, request: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(TIMEOUT, request).await.unwrap_or_else(|_| {
        Err(Failure::new(
            FailureKind::Unreachable,
            "the journal",
            doing,
            format!("no answer within {TIMEOUT:?}"),
        ))
    })
}

/// Whether the store answered, and only its content cannot be read.
fn is_about_content(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::Garbled | FailureKind::Unsupported
    )
}
