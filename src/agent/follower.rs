//! Follows the queue of one target: reads it after every change, and does the one thing that is due. What is due is
//! decided in [`super::decide`].

mod read;
mod unfinished;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, sleep_until};

use super::decide::{self, Again, EntryChange, FIRST_PAUSE, Next, Planned, Seen};
use super::drive::drive;
use super::{SETTLE, Stop};
use crate::inventory::{QueueEntry, Target, Version, VersionRef, forgotten};
use crate::ports::{QueueStore, Result};
use crate::release::{
    Approval, Engine, OnFailure, Plan, PlanRequest, Resolved, Scope, Site, Wanted,
};

/// The pause before a waiting entry is looked at again without a change in the store doubles up to this one.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

pub(super) struct Follower {
    engine: Arc<Engine>,
    target: Target,
    wake: Arc<Notify>,
    stop: Stop,
    changes: Option<mpsc::Sender<QueueEntry>>,
    /// How many looks in a row ended with [`Again::Later`].
    waits: u32,
    resumed_at: Option<Instant>,
}

/// The reading and writing sides of the target.
struct Sides<'a> {
    site: &'a Site,
    queue: &'a dyn QueueStore,
}

impl Follower {
    pub(super) fn new(
        engine: Arc<Engine>,
        (target, wake): (&Target, Arc<Notify>),
        stop: Stop,
        changes: Option<mpsc::Sender<QueueEntry>>,
    ) -> Self {
        Self {
            engine,
            target: target.clone(),
            wake,
            stop,
            changes,
            waits: 0,
            resumed_at: None,
        }
    }

    /// Follows the queue until the agent stops.
    pub(super) async fn run(mut self) {
        let stop = self.stop.following.clone();
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
        let engine = Arc::clone(&self.engine);
        let Some(site) = engine.site(&self.target) else {
            return Ok(Again::OnChange);
        };
        let Some(write) = &site.write else {
            return Ok(Again::OnChange);
        };
        let sides = Sides {
            site,
            queue: write.store.queue.as_ref(),
        };
        let seen = self.see(&engine, &sides).await?;
        let old = forgotten(&seen.record.queue).into_iter();
        let old: Vec<_> = old.map(|entry| entry.id.clone()).collect();
        if !old.is_empty() {
            sides.queue.forget(&self.target, &old).await?;
        }
        match decide::next(&seen) {
            Next::LookUp(entry) => {
                let resolved = self.look_up(&entry).await;
                let next = decide::offered(&seen, &entry, resolved);
                self.perform(&sides, next, None).await
            }
            Next::Plan(entry) => Box::pin(self.plan(&sides, &seen, *entry)).await,
            next => self.perform(&sides, next, None).await,
        }
    }

    /// Performs what does not need more data. `plan` is the plan of a rollout.
    async fn perform(
        &mut self,
        sides: &Sides<'_>,
        next: Next,
        plan: Option<Plan>,
    ) -> Result<Again> {
        match (next, plan) {
            (Next::Rest(again), _) => Ok(again),
            (Next::Change(changes), _) => {
                for change in &changes {
                    self.change(sides, change).await?;
                }
                Ok(Again::Now)
            }
            (Next::Wait { change, at }, _) => {
                self.change(sides, &change).await?;
                Ok(Again::Later { at })
            }
            (Next::Resume(release), _) => {
                let Some(_beginning) = self.stop.begin() else {
                    return Ok(Again::OnChange);
                };
                self.resume(release).await;
                Ok(Again::Now)
            }
            (Next::RollOut(change), Some(plan)) => self.roll_out(sides, &change, plan).await,
            // The decision needs a plan or a version first, so it is made again.
            (Next::RollOut(_) | Next::LookUp(_) | Next::Plan(_), _) => {
                Ok(Again::Later { at: None })
            }
        }
    }

    /// Changes an entry. Returns false if the entry is no longer the one that was read.
    async fn change(&self, sides: &Sides<'_>, change: &EntryChange) -> Result<bool> {
        let EntryChange { from, to } = change;
        if from == to {
            return Ok(true);
        }
        let changed = sides.queue.change(from, to).await?;
        if changed && to.state != from.state {
            tracing::debug!("{}: {} is {}", self.target, to.id, to.state.kind());
            self.engine.report_entry(to);
            if let Some(changes) = &self.changes {
                let _ = changes.try_send(to.clone());
            }
        }
        Ok(changed)
    }

    /// Plans the release of an entry, and does what follows from the plan or from its refusal.
    async fn plan(
        &mut self,
        sides: &Sides<'_>,
        seen: &Seen<'_>,
        entry: QueueEntry,
    ) -> Result<Again> {
        let engine = Arc::clone(&self.engine);
        let trigger = entry.trigger();
        let request = PlanRequest {
            target: self.target.clone(),
            wanted: Wanted::Version(VersionRef::Tag(entry.push.tag.clone())),
            reason: Some(trigger.reason()),
            override_holds: None,
            operator: engine.operator().clone(),
            trigger: Some(trigger),
            skipped_tasks: Vec::new(),
            overridden_checks: Vec::new(),
        };
        let made = engine.plan(&request).await;
        let resolved = match &made {
            Ok(plan) => Some(plan.version.clone()),
            Err(refused)
                if entry.version.is_none() && decide::waits_after(seen, &entry, refused) =>
            {
                match self.look_up(&entry).await {
                    Resolved::Version(version) => Some(*version),
                    _ => None,
                }
            }
            Err(_) => None,
        };
        let Some(entry) = self.identified(sides, entry, resolved).await? else {
            return Ok(Again::Now);
        };
        // Planning may have taken a while, and another release may have become live.
        let record = sides.site.read.registry.read(&self.target).await?;
        let seen = &Seen {
            record,
            ..seen.clone()
        };
        let past = self.past(sides.site).await?;
        let next = match &made {
            Ok(plan) => {
                let open = self.open_release(sides.site, &past).await;
                let planned = Planned::Made {
                    release: plan.release,
                    is_approved: self.approval(plan).is_some(),
                    open: &open,
                };
                decide::planned(seen, &entry, planned, &past)
            }
            Err(refused) => decide::planned(seen, &entry, Planned::Refused(refused), &past),
        };
        self.perform(sides, next, made.ok()).await
    }

    fn approval(&self, plan: &Plan) -> Option<Approval> {
        let (by, now) = (self.engine.operator().clone(), self.engine.clock().now());
        Approval::in_advance(plan, Scope::Plan, by, now).ok()
    }

    async fn look_up(&self, entry: &QueueEntry) -> Resolved {
        let reference = VersionRef::Tag(entry.push.tag.clone());
        self.engine.look_up(&self.target, &reference).await
    }

    /// The entry with the version that its tag names now, if it is known. None if the entry has changed.
    async fn identified(
        &self,
        sides: &Sides<'_>,
        entry: QueueEntry,
        version: Option<Version>,
    ) -> Result<Option<QueueEntry>> {
        let to = version.and_then(|version| decide::identified(&entry, &version));
        let Some(to) = to else {
            return Ok(Some(entry));
        };
        let change = EntryChange { from: entry, to };
        let changed = self.change(sides, &change).await?;
        Ok(changed.then_some(change.to))
    }

    /// Names the release in the entry, and opens it.
    async fn roll_out(
        &mut self,
        sides: &Sides<'_>,
        change: &EntryChange,
        plan: Plan,
    ) -> Result<Again> {
        let engine = Arc::clone(&self.engine);
        let Some(approval) = self.approval(&plan) else {
            return Ok(Again::Now);
        };
        // Planning may have taken a while.
        let Some(_beginning) = self.stop.begin() else {
            return Ok(Again::OnChange);
        };
        if !self.change(sides, change).await? {
            return Ok(Again::Now);
        }
        match engine.open(plan, &approval, OnFailure::BackOut).await {
            Ok(handle) => {
                tokio::spawn(drive(engine, handle, Arc::clone(&self.wake)));
                Ok(Again::OnChange)
            }
            Err(refused) => {
                let next = decide::not_opened(&change.to, &refused, engine.clock().now());
                Box::pin(self.perform(sides, next, None)).await
            }
        }
    }
}
