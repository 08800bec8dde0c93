//! What was released, kept, and what was decided beside: reads what the journals have and the archive has
//! not, when it is asked to and whenever a release begins or ends, a hold is placed or cleared, or a lock is
//! given back. What is kept is for browsing; nothing else reads it.

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
/// How many holds and repairs are read of a target, and how many where none of those was known.
const BESIDE: [usize; 2] = [20, 500];
/// How many holds and repairs are listed between the releases of a page.
const MOST_BESIDE: usize = 1000;
/// How many targets are caught up with at once.
const AT_ONCE: usize = 4;
/// How many releases are read before they are kept: each may be large.
const TOGETHER: usize = 10;
/// How often it is looked whether something is to be forgotten, while something is kept.
const PRUNED_EACH: SignedDuration = SignedDuration::from_hours(1);
/// How often in a row.
const PRUNED_AGAIN: usize = 5;
/// How long one answer of a journal may take.
const TIMEOUT: Duration = Duration::from_secs(8);

/// An archive, to read and to write.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds trait objects")]
pub struct Archive {
    /// What is kept.
    pub read: Arc<dyn ArchiveReader>,
    /// What keeps.
    pub write: Arc<dyn ArchiveWriter>,
}

/// Why something that was released is not in the archive.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// A store could not be read, or what it holds cannot be.
    #[error("{0}")]
    Unread(Failure),
    /// The archive itself could not be read or written.
    #[error("{0}")]
    Unwritten(Failure),
}

impl NotKept {
    /// Whether the store answered, and only some of its records cannot be read.
    pub fn is_partial(&self) -> bool {
        matches!(self, Self::Unread(failure) if is_about_content(failure))
    }
}

/// What became of the last attempt to keep something: kept, or why the archive could not be written.
pub type Keeping = std::result::Result<(), String>;

impl Archive {
    /// Keeps what the journals of these sites have and the archive has not. What could not be read is
    /// said, and hides nothing else.
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
            passed_by: Vec::new(),
            unread: None,
        };
        if let Err(problem) = reading.catch_up().await {
            reading.passed_by.push(problem);
        }
        (target.clone(), reading.passed_by)
    }

    /// Releases that a filter lets through, and what was decided beside them, newest first, from what is
    /// older than `before` on; at most `limit` releases, and whether there are no more.
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
        let beside = self.read.audit(filter, within, MOST_BESIDE).await?;
        Ok((merged(listed, beside), is_whole))
    }

    /// Catches up once releases are observed, and again whenever something ends or begins that is kept;
    /// never returns while they are. What was kept is told to `kept_some`, and so is an archive that cannot be written.
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
            // What could not be kept is read again when the next release moves anywhere.
            let (targets, keeping) = self.keep_told(sites).await;
            for target in targets {
                kept.remove(&target);
            }
            known = Some(kept);
            kept_some.send_modify(|last| *last = keeping);
            let now = engine.clock().now();
            let is_due = |last: Timestamp| now.duration_since(last) >= PRUNED_EACH;
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
                "forgotten of the history: {} releases, {} logs",
                pruned.releases.len(),
                pruned.logs.len() + pruned.orphans.len()
            ),
            Err(failure) => tracing::warn!("nothing is forgotten of the history: {failure}"),
        }
    }

    /// Forgets what is not to be kept any more; what that was. Sizes are estimates: it is looked again until
    /// what is left fits.
    pub async fn prune(&self, retention: &Retention, now: Timestamp) -> Result<Pruning> {
        let mut all = Pruning::default();
        for _ in 0..PRUNED_AGAIN {
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

    /// Catches up, with what could not be kept in the log. The targets that have something which could not be kept, and
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

/// One target's journal being read.
struct Reading<'a> {
    archive: &'a Archive,
    journal: &'a dyn JournalReader,
    target: &'a Target,
    /// What could not be kept while the rest could.
    passed_by: Vec<NotKept>,
    /// The oldest release that was skipped.
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
            // A clock of another host may be behind: a page is always looked at as a whole.
            if mark.is_some_and(|mark| last < mark) {
                break;
            }
        }
        self.keep(unfinished.into_iter().collect()).await?;
        let asked = self.journal.unreadable(self.target, PAGE);
        let unreadable = in_time("listing releases", asked).await;
        for (id, failure) in unreadable.map_err(NotKept::Unread)? {
            self.pass_by(id, failure);
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
        for limit in BESIDE {
            let asked = self.journal.holds(self.target, limit);
            let holds = in_time("listing holds", asked)
                .await
                .map_err(NotKept::Unread)?;
            if self
                .keep_beside(holds.into_iter().map(AuditRecord::Hold))
                .await?
            {
                break;
            }
        }
        Ok(())
    }

    async fn keep_repairs(&mut self) -> Outcome<()> {
        for limit in BESIDE {
            let asked = self.journal.repairs(self.target, limit);
            let repairs = in_time("listing repairs", asked)
                .await
                .map_err(NotKept::Unread)?;
            if self
                .keep_beside(repairs.into_iter().map(AuditRecord::Repair))
                .await?
            {
                break;
            }
        }
        Ok(())
    }

    /// Whether some were kept already, or there are none: then all before them are, too.
    async fn keep_beside(&self, records: impl Iterator<Item = AuditRecord>) -> Outcome<bool> {
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

    /// Those that are not kept, that have no end there, or whose head says something else now.
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

    fn pass_by(&mut self, id: ReleaseId, failure: Failure) {
        self.passed_by.push(NotKept::Unread(failure));
        self.unread = Some(self.unread.map_or(id, |oldest| oldest.min(id)));
    }

    async fn keep_some(&mut self, ids: &[ReleaseId]) -> Outcome<()> {
        let mut releases = Vec::new();
        for &id in ids {
            let asked = self.journal.as_stored(self.target, id);
            match in_time("reading a release", asked).await {
                Ok(Some((recorded, unread))) => {
                    releases.push(recorded);
                    self.passed_by
                        .extend(unread.into_iter().map(NotKept::Unread));
                }
                // The archive keeps a release that its store no longer has.
                Ok(None) => {}
                Err(failure) if is_about_content(&failure) => self.pass_by(id, failure),
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

/// Whether the store was heard and only what it holds is the trouble.
fn is_about_content(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::Garbled | FailureKind::Unsupported
    )
}
