//! Follows the queue of one target: reads it after every change, and does the one thing that is due.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::drive::drive;
use super::{SETTLE, judge};
use crate::history::ReleaseRecord;
use crate::inventory::{
    EntryId, EntryState, QueueEntry, RegistryRecord, ReleaseId, Target, VersionRef, forgotten,
    newest_pending, overtaken,
};
use crate::ports::{QueueStore, Result};
use crate::release::{
    Approval, Engine, Interrupted, OnFailure, Plan, PlanRequest, Refused, Resolved, Resume,
    ResumeAction, Scope, Site, Wanted, standby_entry,
};

/// The first pause before a waiting entry is looked at again without a change in the store. It doubles up to
/// [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How many earlier releases are searched for a failure of the same version.
const SEARCHED: usize = 50;

pub(super) struct Follower {
    engine: Arc<Engine>,
    target: Target,
    wake: Arc<Notify>,
    changes: Option<mpsc::Sender<QueueEntry>>,
    /// How many looks in a row have found that an entry still waits.
    waits: u32,
}

/// When a follower looks at its queue again.
enum Again {
    /// After the next change.
    OnChange,
    /// After the next change, or after a pause that grows from look to look. `at` is an earlier time, if one is known.
    Later { at: Option<Timestamp> },
    /// At once, because the look has changed something.
    Now,
}

/// The reading and writing sides of the target.
struct Sides<'a> {
    site: &'a Site,
    queue: &'a dyn QueueStore,
}

impl Follower {
    pub(super) fn new(
        engine: Arc<Engine>,
        target: &Target,
        wake: Arc<Notify>,
        changes: Option<mpsc::Sender<QueueEntry>>,
    ) -> Self {
        Self {
            engine,
            target: target.clone(),
            wake,
            changes,
            waits: 0,
        }
    }

    /// Follows the queue until `stop` is cancelled.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let again = match self.look().await {
                Ok(again) => again,
                Err(failure) => {
                    tracing::warn!("the queue of {} is not known: {failure}", self.target);
                    Again::Later { at: None }
                }
            };
            let until = match again {
                Again::Now => {
                    self.waits = 0;
                    continue;
                }
                Again::OnChange => {
                    self.waits = 0;
                    None
                }
                Again::Later { at } => {
                    self.waits += 1;
                    Some(tokio::time::Instant::now() + self.pause(at))
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wake.notified() => {}
                () = sleep_until(until.unwrap_or_else(tokio::time::Instant::now)), if until.is_some() => {}
            }
            sleep(SETTLE).await;
        }
    }

    fn pause(&self, at: Option<Timestamp>) -> Duration {
        let doubled = 2u32.saturating_pow(self.waits.saturating_sub(1));
        let pause = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
        let until = at.map(|at| at.duration_since(self.engine.clock().now()));
        match until.and_then(|until| Duration::try_from(until).ok()) {
            // A moment later, so that the hold has ended by then.
            Some(until) => pause.min(until + SETTLE),
            None => pause,
        }
    }

    /// Reads the queue and does what is due.
    async fn look(&self) -> Result<Again> {
        let Some(site) = self.engine.site(&self.target).cloned() else {
            return Ok(Again::OnChange);
        };
        let Some(write) = &site.write else {
            return Ok(Again::OnChange);
        };
        let sides = Sides {
            site: &site,
            queue: write.store.queue.as_ref(),
        };
        let record = site.read.registry.read(&self.target).await?;
        let old: Vec<EntryId> = forgotten(&record.queue)
            .iter()
            .map(|it| it.id.clone())
            .collect();
        if !old.is_empty() {
            sides.queue.forget(&self.target, &old).await?;
        }
        let mut again = Again::OnChange;
        for entry in &record.queue {
            if let EntryState::RollingOut { release, agent } = &entry.state {
                match self
                    .settle(&sides, &record, entry, (*release, agent))
                    .await?
                {
                    Again::OnChange => {}
                    Again::Now => return Ok(Again::Now),
                    later @ Again::Later { .. } => again = later,
                }
            }
        }
        if let later @ Again::Later { .. } = self.resume(&sides, &record).await? {
            again = later;
        }
        let Some(newest) = newest_pending(&record.queue) else {
            return Ok(again);
        };
        for old in overtaken(&record.queue, newest) {
            let for_entry = newest.id.clone();
            self.change(&sides, old, EntryState::Skipped { for_entry })
                .await?;
        }
        self.consider(&sides, &record, newest).await
    }

    /// Changes the state of an entry. Returns false if the entry is no longer the one that was read.
    async fn change(
        &self,
        sides: &Sides<'_>,
        entry: &QueueEntry,
        state: EntryState,
    ) -> Result<bool> {
        let next = entry.becomes(state, self.engine.clock().now());
        self.replace(sides, entry, &next).await
    }

    async fn replace(
        &self,
        sides: &Sides<'_>,
        entry: &QueueEntry,
        next: &QueueEntry,
    ) -> Result<bool> {
        if entry == next {
            return Ok(true);
        }
        let changed = sides.queue.change(entry, next).await?;
        if changed && next.state != entry.state {
            tracing::debug!("{}: {} is {}", self.target, next.id, next.state.kind());
            if let Some(changes) = &self.changes {
                let _ = changes.try_send(next.clone());
            }
        }
        Ok(changed)
    }

    /// Finds out what became of an entry whose release was about to be opened, or was opened.
    async fn settle(
        &self,
        sides: &Sides<'_>,
        record: &RegistryRecord,
        entry: &QueueEntry,
        (release, agent): (ReleaseId, &str),
    ) -> Result<Again> {
        if let Some(handle) = self.engine.active(&self.target) {
            let status = handle.status().borrow().clone();
            if status.plan.release == release {
                if status.progress.is_standby() {
                    let done = EntryState::Done {
                        release: Some(release),
                    };
                    self.change(sides, entry, done).await?;
                    return Ok(Again::Now);
                }
                return Ok(Again::OnChange);
            }
        }
        let recorded = sides
            .site
            .read
            .journal
            .release(&self.target, release)
            .await?;
        let Some(recorded) = recorded else {
            // Another agent that is alive may be about to open the release.
            let is_alive = agent != self.engine.console()
                && record.watching.iter().any(|it| it.console == *agent);
            if is_alive {
                return Ok(Again::Later { at: None });
            }
            self.change(sides, entry, EntryState::Waiting { why: None })
                .await?;
            return Ok(Again::Now);
        };
        if let Some((_, outcome)) = &recorded.head.closed {
            let state = judge::after_outcome(release, outcome);
            self.change(sides, entry, state).await?;
            return Ok(Again::Now);
        }
        let is_standby = standby_entry(&recorded, &sides.site.definition).is_some();
        if is_standby {
            let done = EntryState::Done {
                release: Some(release),
            };
            self.change(sides, entry, done).await?;
            return Ok(Again::Now);
        }
        // The release has a driver, or `resume` looks at it.
        Ok(Again::OnChange)
    }

    /// Resumes the newest release of the target, if an agent has left it unfinished. That release may also wait for the
    /// end of its standby, and its entry has ended then.
    async fn resume(&self, sides: &Sides<'_>, record: &RegistryRecord) -> Result<Again> {
        if record.lock.is_some() || self.engine.active(&self.target).is_some() {
            // The end of the lock is a change.
            return Ok(Again::OnChange);
        }
        let journal = &sides.site.read.journal;
        let newest = journal.releases(&self.target, 1).await?.into_iter().next();
        let unfinished = newest.filter(|head| head.closed.is_none() && head.trigger.is_some());
        let Some(head) = unfinished else {
            return Ok(Again::OnChange);
        };
        let recorded = journal.release(&self.target, head.id).await?;
        // An operator who took the release over and left it has a reason.
        let is_left_by_agent =
            recorded.is_some_and(|it| it.last_driver().is_same_person(self.engine.operator()));
        if !is_left_by_agent {
            return Ok(Again::OnChange);
        }
        match self.try_to_resume(head.id).await {
            Ok(()) => Ok(Again::OnChange),
            Err(refused) => {
                tracing::warn!("{} is not resumed yet: {refused}", self.target);
                Ok(Again::Later { at: None })
            }
        }
    }

    async fn try_to_resume(&self, release: ReleaseId) -> std::result::Result<(), Refused> {
        let engine = &self.engine;
        let interrupted = engine.interrupted(&self.target, Some(release)).await?;
        let (by, now) = (engine.operator().clone(), engine.clock().now());
        let approval = Approval::in_advance(interrupted.plan(), Scope::Plan, by, now)
            .map_err(|_| crate::release::Refusal::NotApproved)?;
        let resume = Resume {
            resume_action: ResumeAction::Continue,
            reason: Some("an agent resumes the release of its queue".to_owned()),
            takeover: None,
        };
        let resumed = engine.resume(&self.target, release, resume, &approval, OnFailure::BackOut);
        let handle = resumed.await?;
        tokio::spawn(drive(Arc::clone(engine), handle, Arc::clone(&self.wake)));
        Ok(())
    }

    /// Releases the version of an entry, or writes what the entry waits for.
    async fn consider(
        &self,
        sides: &Sides<'_>,
        record: &RegistryRecord,
        entry: &QueueEntry,
    ) -> Result<Again> {
        let definition = &sides.site.definition;
        if definition.tier.is_protected() {
            return self.offer(sides, record, entry).await;
        }
        let engine = &self.engine;
        let request = PlanRequest {
            target: self.target.clone(),
            wanted: Wanted::Version(VersionRef::Tag(entry.push.tag.clone())),
            reason: Some(format!("push of {}", entry.push.words())),
            override_holds: None,
            operator: engine.operator().clone(),
            trigger: Some(entry.trigger()),
        };
        let plan = match engine.plan(&request).await {
            Ok(plan) => plan,
            Err(refused) => return self.refused(sides, record, entry, &refused).await,
        };
        let past = sides
            .site
            .read
            .journal
            .releases(&self.target, SEARCHED)
            .await?;
        let entry = &self.resolved(sides, entry, &plan).await?;
        let Some(entry) = entry else {
            return Ok(Again::Now);
        };
        if entry.retried.is_none()
            && let Some(failed) = judge::failed_before(&past, &plan.version.digest)
        {
            self.change(sides, entry, failed).await?;
            return Ok(Again::Now);
        }
        if let Some(why) = self.open_release(sides.site, &past).await {
            return self.wait(sides, entry, why, None).await;
        }
        self.release(sides, entry, plan).await
    }

    /// The entry with the version that its tag names now. None if the entry has changed.
    async fn resolved(
        &self,
        sides: &Sides<'_>,
        entry: &QueueEntry,
        plan: &Plan,
    ) -> Result<Option<QueueEntry>> {
        let next = QueueEntry {
            version: Some(plan.version.clone()),
            ..entry.clone()
        };
        let is_same = |it: &crate::inventory::Version| it.digest == plan.version.digest;
        if entry.version.as_ref().is_some_and(is_same) {
            return Ok(Some(entry.clone()));
        }
        let changed = self.replace(sides, entry, &next).await?;
        Ok(changed.then_some(next))
    }

    /// Why the target is busy with another release that has not ended; none if it is not, or if that release only keeps
    /// its old version warm.
    async fn open_release(&self, site: &Site, past: &[ReleaseRecord]) -> Option<String> {
        if past.iter().all(|head| head.closed.is_some()) {
            return None;
        }
        let interrupted = self.engine.interrupted(&self.target, None).await.ok()?;
        let Interrupted { recorded, .. } = &interrupted;
        if standby_entry(recorded, &site.definition).is_some() {
            return None;
        }
        let head = &recorded.head;
        Some(format!(
            "release {} by {} has not ended",
            head.id.short(),
            head.operator
        ))
    }

    /// Names the release in the entry, and opens it.
    async fn release(&self, sides: &Sides<'_>, entry: &QueueEntry, plan: Plan) -> Result<Again> {
        let engine = &self.engine;
        let (by, now) = (engine.operator().clone(), engine.clock().now());
        let approval = match Approval::in_advance(&plan, Scope::Plan, by, now) {
            Ok(approval) => approval,
            Err(_) => {
                let why = "the release may cut connections of a protected target: an operator must promote the version";
                let why = why.to_owned();
                self.change(sides, entry, EntryState::Refused { why })
                    .await?;
                return Ok(Again::Now);
            }
        };
        let rolling_out = entry.becomes(
            EntryState::RollingOut {
                release: plan.release,
                agent: engine.console().to_owned(),
            },
            now,
        );
        if !self.replace(sides, entry, &rolling_out).await? {
            return Ok(Again::Now);
        }
        match engine.open(plan, &approval, OnFailure::BackOut).await {
            Ok(handle) => {
                tokio::spawn(drive(Arc::clone(engine), handle, Arc::clone(&self.wake)));
                Ok(Again::OnChange)
            }
            Err(refused) => {
                let now = engine.clock().now();
                let state = judge::after_refusal(entry, &refused, None, now);
                self.change(sides, &rolling_out, state).await?;
                Ok(Again::Later {
                    at: judge::hold_ends(&refused),
                })
            }
        }
    }

    async fn refused(
        &self,
        sides: &Sides<'_>,
        record: &RegistryRecord,
        entry: &QueueEntry,
        refused: &Refused,
    ) -> Result<Again> {
        let live = record.route.as_ref().map(|route| route.value.release);
        let now = self.engine.clock().now();
        match judge::after_refusal(entry, refused, live, now) {
            EntryState::Waiting { why } => {
                let why = why.unwrap_or_default();
                self.wait(sides, entry, why, judge::hold_ends(refused))
                    .await
            }
            state => {
                self.change(sides, entry, state).await?;
                Ok(Again::Now)
            }
        }
    }

    /// Writes what the entry waits for. A reason may contain a remaining time, which is another at every look. So the
    /// reason is not written again for a while: each write would cause another look.
    async fn wait(
        &self,
        sides: &Sides<'_>,
        entry: &QueueEntry,
        why: String,
        at: Option<Timestamp>,
    ) -> Result<Again> {
        let age = self.engine.clock().now().duration_since(entry.changed_at);
        let is_recent = age < jiff::SignedDuration::try_from(FIRST_PAUSE).unwrap_or_default();
        let is_explained = matches!(&entry.state, EntryState::Waiting { why: Some(_) });
        if !(is_recent && is_explained) {
            let state = EntryState::Waiting { why: Some(why) };
            self.change(sides, entry, state).await?;
        }
        Ok(Again::Later { at })
    }

    /// Offers the version to the operators of a protected environment, until it is live there.
    async fn offer(
        &self,
        sides: &Sides<'_>,
        record: &RegistryRecord,
        entry: &QueueEntry,
    ) -> Result<Again> {
        let live = record.route.as_ref().and_then(|route| {
            let registration = record.slots.get(route.value.live).as_ref()?;
            Some(&registration.value)
        });
        let wanted = entry.version.as_ref().map(|version| &version.digest);
        if let Some(live) = live.filter(|live| Some(&live.digest) == wanted) {
            let done = EntryState::Done {
                release: Some(live.release),
            };
            self.change(sides, entry, done).await?;
            return Ok(Again::Now);
        }
        if entry.state == EntryState::Offered {
            return Ok(Again::OnChange);
        }
        let reference = VersionRef::Tag(entry.push.tag.clone());
        let version = match self.engine.look_up(&self.target, &reference).await {
            Resolved::Version(version) => *version,
            Resolved::Unknown(why) => return self.wait(sides, entry, why, None).await,
            _ => {
                let why = format!("the image registry has no version {}", entry.push.tag);
                let missing = crate::release::Refusal::NoSuchVersion {
                    wanted: entry.push.tag.clone(),
                    repository: sides.site.definition.repository.clone(),
                };
                let now = self.engine.clock().now();
                return match judge::after_refusal(entry, &missing.into(), None, now) {
                    EntryState::Waiting { .. } => self.wait(sides, entry, why, None).await,
                    state => {
                        self.change(sides, entry, state).await?;
                        Ok(Again::Now)
                    }
                };
            }
        };
        let offered = QueueEntry {
            version: Some(version),
            ..entry.becomes(EntryState::Offered, self.engine.clock().now())
        };
        self.replace(sides, entry, &offered).await?;
        Ok(Again::Now)
    }
}
