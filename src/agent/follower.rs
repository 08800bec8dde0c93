//! Follows the queue of one target: reads it after every change, and does the one thing that is due.

mod unfinished;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::drive::drive;
use super::{SETTLE, judge};
use crate::history::ReleaseRecord;
use crate::inventory::{
    EntryId, EntryState, QueueEntry, RegistryRecord, Target, Version, VersionRef, forgotten,
    newest_pending, overtaken, released_after,
};
use crate::ports::{QueueStore, Result};
use crate::release::{
    Approval, Engine, Interrupted, OnFailure, Plan, PlanRequest, Refusal, Refused, Resolved,
    ResumeAction, Scope, Site, Wanted, standby_entry,
};

/// The first pause before a waiting entry is looked at again without a change in the store. It doubles up to
/// [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How many earlier releases are searched for a failure of the same version.
const SEARCHED: usize = 50;

pub(super) struct Follower {
    engine: Arc<Engine>,
    target: Target,
    wake: Arc<Notify>,
    changes: Option<mpsc::Sender<QueueEntry>>,
    /// How many looks in a row ended with [`Again::Later`].
    waits: u32,
    resumed_at: Option<Instant>,
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
            resumed_at: None,
        }
    }

    /// Follows the queue until `stop` is cancelled.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let again = match Box::pin(self.look()).await {
                Ok(again) => again,
                Err(failure) => {
                    tracing::warn!(
                        "{}: the agent could not work on the queue, and tries again: {failure}",
                        self.target
                    );
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
                    Some(Instant::now() + self.pause(at))
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wake.notified() => {}
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {}
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
    async fn look(&mut self) -> Result<Again> {
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
        if let Some(released) = released_after(&record.queue, newest) {
            let for_entry = released.id.clone();
            self.change(&sides, newest, EntryState::Skipped { for_entry })
                .await?;
            return Ok(Again::Now);
        }
        // A push of a tag that does not exist must not take the place of a push that can be released.
        if newest.version.is_some() {
            for old in overtaken(&record.queue, newest) {
                let for_entry = newest.id.clone();
                self.change(&sides, old, EntryState::Skipped { for_entry })
                    .await?;
            }
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
            self.engine.report_entry(next);
            if let Some(changes) = &self.changes {
                let _ = changes.try_send(next.clone());
            }
        }
        Ok(changed)
    }

    /// Why no release of the target can start now, and when that ends, as far as this is known without a plan. A plan
    /// costs requests to the image registry, and an entry may wait for days.
    fn must_wait(
        &self,
        site: &Site,
        record: &RegistryRecord,
    ) -> Option<(String, Option<Timestamp>)> {
        if let Some(handle) = self.engine.active(&self.target) {
            let status = handle.status().borrow().clone();
            if !status.progress.is_standby() {
                let release = status.plan.release.short();
                return Some((format!("release {release} is running"), None));
            }
        }
        let now = self.engine.clock().now();
        let holds = site.definition.holds(record.hold.as_ref(), now);
        let hold = holds.first()?;
        let until = holds.iter().filter_map(|hold| hold.until).min();
        Some((hold.to_string(), until))
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
        if entry.version.is_some()
            && let Some((why, until)) = self.must_wait(sides.site, record)
        {
            return self.wait(sides, entry, why, until).await;
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
        let Some(entry) = &self.resolved(sides, entry, &plan.version).await? else {
            return Ok(Again::Now);
        };
        let past = self.past(sides.site).await?;
        if let Some(blocked) = Self::blocked(entry, &past) {
            self.change(sides, entry, blocked).await?;
            return Ok(Again::Now);
        }
        if let Some(why) = self.open_release(sides.site, &past).await {
            return self.wait(sides, entry, why, None).await;
        }
        self.release(sides, entry, plan).await
    }

    async fn past(&self, site: &Site) -> Result<Vec<ReleaseRecord>> {
        site.read.journal.releases(&self.target, SEARCHED).await
    }

    /// The state of an entry whose version must not be released without a retry.
    fn blocked(entry: &QueueEntry, past: &[ReleaseRecord]) -> Option<EntryState> {
        let version = entry.version.as_ref().filter(|_| entry.retried.is_none())?;
        judge::blocked(past, &version.digest)
    }

    /// The entry with the version that its tag names now. None if the entry has changed.
    async fn resolved(
        &self,
        sides: &Sides<'_>,
        entry: &QueueEntry,
        version: &Version,
    ) -> Result<Option<QueueEntry>> {
        let is_same = |it: &Version| it.digest == version.digest;
        if entry.version.as_ref().is_some_and(is_same) {
            return Ok(Some(entry.clone()));
        }
        let next = QueueEntry {
            version: Some(version.clone()),
            ..entry.clone()
        };
        let changed = self.replace(sides, entry, &next).await?;
        Ok(changed.then_some(next))
    }

    /// The unfinished release that keeps the target busy, as text. None if there is none, or if only its standby
    /// remains.
    async fn open_release(&self, site: &Site, past: &[ReleaseRecord]) -> Option<String> {
        if past.iter().all(|head| head.closed.is_some()) {
            return None;
        }
        let interrupted = match self.engine.interrupted(&self.target, None).await {
            Ok(interrupted) => interrupted,
            Err(refused) => {
                return Some(format!("it is not known which release is open: {refused}"));
            }
        };
        let Interrupted { recorded, .. } = &interrupted;
        // The next release closes a release that was overtaken.
        let is_overtaken = |reason: &Refusal| matches!(reason, Refusal::Overtaken { .. });
        let against = interrupted.against(ResumeAction::Continue);
        let is_overtaken = against.is_some_and(|refused| refused.0.iter().any(is_overtaken));
        if is_overtaken || standby_entry(recorded, &site.definition).is_some() {
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
        let Ok(approval) = Approval::in_advance(&plan, Scope::Plan, by, now) else {
            let why = "the release may cut connections of a protected target: an operator must promote the version".to_owned();
            self.change(sides, entry, EntryState::Refused { why })
                .await?;
            return Ok(Again::Now);
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
                let Some(entry) = &self.identified(sides, entry).await? else {
                    return Ok(Again::Now);
                };
                let past = self.past(sides.site).await?;
                if let Some(blocked) = Self::blocked(entry, &past) {
                    self.change(sides, entry, blocked).await?;
                    return Ok(Again::Now);
                }
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

    /// The entry with its version, if the image registry knows one. None if the entry has changed.
    async fn identified(
        &self,
        sides: &Sides<'_>,
        entry: &QueueEntry,
    ) -> Result<Option<QueueEntry>> {
        if entry.version.is_some() {
            return Ok(Some(entry.clone()));
        }
        let reference = VersionRef::Tag(entry.push.tag.clone());
        match self.engine.look_up(&self.target, &reference).await {
            Resolved::Version(version) => self.resolved(sides, entry, &version).await,
            _ => Ok(Some(entry.clone())),
        }
    }

    /// Writes what the entry waits for. A reason that was written a moment ago is not replaced, because each write
    /// causes another look.
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
                let missing = Refusal::NoSuchVersion {
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
