//! Performs the actions of a repair in order. For each action, the repair observes the target, applies the guard,
//! records the start, performs the action, waits until the result is observed, and records the result. The repair stops
//! at the first action that fails. At the end it releases the lock.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use super::look::look;
use super::perform::Performer;
use super::{RepairNews, all_answered};
use crate::history::{RepairOutcome, RepairRecord};
use crate::inventory::drift::{Drift, compare};
use crate::inventory::{Connections, Slot, Snapshot};
use crate::ports::{Clock, FailureKind, Lease, LeaseState};
use crate::release::approval::ApprovedRepair;
use crate::release::driver::Writing;
use crate::release::engine::{Site, release_lock};
use crate::release::repair::{Verdict, guard, is_true};
use crate::release::{RepairAction, RepairPlan};

/// How long an action may wait until its guard allows it, and until its result is observed. The result of creating or
/// starting an instance may take longer (the health deadline).
const TIMEOUT: Duration = Duration::from_secs(15);
/// How long a repaired difference may still be observed after the last action. For example, the proxy's request rates
/// still contain requests from before the repair.
const SETTLING: Duration = Duration::from_secs(20);
/// The pause between two observations.
const PAUSE: Duration = Duration::from_millis(250);
/// How long releasing the lock may take. If the store does not answer in time, the lock expires with its lease.
const RELEASE_LOCK: Duration = Duration::from_secs(5);

/// The maximum length of a failure's reason, in characters.
const LONGEST_REASON: usize = 1_000;

pub(super) struct Drive {
    pub(super) plan: RepairPlan,
    pub(super) approved: ApprovedRepair,
    pub(super) record: RepairRecord,
    pub(super) site: Site,
    pub(super) write: Writing,
    pub(super) lease: Lease,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) news: mpsc::Sender<RepairNews>,
    pub(super) stops: watch::Receiver<bool>,
}

impl Drive {
    pub(super) async fn run(mut self) {
        let outcome = match Box::pin(self.repair_actions()).await {
            Ok(()) => self.settled().await,
            Err(outcome) => outcome,
        };
        self.record.closed = Some((self.clock.now(), outcome));
        if let Err(why) = self.write_record().await {
            self.say(&format!("the end of the repair was not recorded: {why}"))
                .await;
        }
        let giving = release_lock(&self.write, self.plan.target(), &self.lease);
        if tokio::time::timeout(RELEASE_LOCK, giving).await.is_err() {
            tracing::warn!(
                "the lock of {} was not released in time. It expires with its lease",
                self.plan.target()
            );
        }
        let ended = RepairNews::Ended(Box::new(self.record));
        // If no user interface listens, the result is only in the journal.
        let _ = self.news.send(ended).await;
    }

    async fn repair_actions(&mut self) -> Result<(), RepairOutcome> {
        let repair_actions = self.plan.only_actions();
        let count = repair_actions.len();
        for (index, repair_action) in repair_actions.iter().enumerate() {
            if *self.stops.borrow() {
                let reason = format!("the next action was not started: {}", repair_action.title());
                return Err(RepairOutcome::Stopped { reason });
            }
            let title = format!("{} of {count}: {}", index + 1, repair_action.title());
            let failed = |why: String| RepairOutcome::Failed {
                reason: shortened(&format!("{}: {why}", repair_action.title())),
            };
            match Box::pin(self.one(index, repair_action, &title)).await {
                Ok(result) => self.say(&format!("{title}: {result}")).await,
                Err(why) => return Err(failed(why)),
            }
        }
        Ok(())
    }

    /// Performs one action. Returns a message about the result; the error says why the action failed.
    async fn one(
        &mut self,
        index: usize,
        repair_action: &RepairAction,
        title: &str,
    ) -> Result<String, String> {
        if !self.approved.covers(repair_action) {
            return Err("the approval does not include this action".into());
        }
        let until = Instant::now() + TIMEOUT;
        let seen = loop {
            let seen = self.look().await;
            match self.verdict(repair_action, &seen) {
                Verdict::Act => break seen,
                Verdict::Already => {
                    return Ok("nothing to do: the result was already observed".into());
                }
                Verdict::Refuse(why) => return Err(why),
                Verdict::Wait(why) if Instant::now() >= until => return Err(why),
                Verdict::Wait(_) => sleep(PAUSE).await,
            }
        };
        self.begin(index).await?;
        self.say(&format!("{title}: started")).await;
        let seen = if let RepairAction::Stop { slot, .. } = repair_action {
            self.drained(*slot).await;
            // Draining took time, so the observation may be outdated.
            let seen = self.look().await;
            match self.verdict(repair_action, &seen) {
                Verdict::Act => seen,
                Verdict::Already => {
                    return Ok("nothing to do: the result was already observed".into());
                }
                Verdict::Refuse(why) | Verdict::Wait(why) => return Err(why),
            }
        } else {
            seen
        };
        // The lock may have been lost since the observation, and not every write compares the lock's token.
        self.still_ours().await?;
        let performer = Performer {
            site: &self.site,
            write: &self.write,
            fence: &self.lease.fence,
            now: self.clock.now(),
        };
        match performer.perform(repair_action, &seen).await {
            Ok(()) => {}
            // The action may have been done. The next observation shows whether it was.
            Err(failure) if failure.kind == FailureKind::Ambiguous => {
                tracing::warn!("{failure}");
            }
            Err(failure) => return Err(failure.to_string()),
        }
        self.until_true(repair_action).await?;
        if let Some(written) = self.record.repair_actions.get_mut(index) {
            written.done_at = Some(self.clock.now());
        }
        self.write_record().await?;
        Ok("done".into())
    }

    /// The verdict of the guard. If a source does not answer, the action waits: a silent source is never treated as
    /// empty.
    fn verdict(&self, repair_action: &RepairAction, seen: &Snapshot) -> Verdict {
        match all_answered(seen) {
            Ok(()) => guard(repair_action, seen, &self.site.definition),
            Err(silent) => Verdict::Wait(silent.to_string()),
        }
    }

    /// Waits until a slot without traffic has no connections left, at most for the drain time of a release. Does not
    /// wait if the connections cannot be counted.
    async fn drained(&self, slot: Slot) {
        let until = Instant::now() + self.site.definition.timing.drain;
        loop {
            let router = &self.site.read.router;
            let open = match router.connections(self.plan.target(), slot).await {
                Ok(Connections::Open(open)) if open > 0 => open,
                Ok(_) | Err(_) => return,
            };
            if Instant::now() >= until {
                let message = format!("{slot} still has {open} connections, which are cut now");
                return self.say(&message).await;
            }
            sleep(PAUSE).await;
        }
    }

    /// Records that an action starts. An action whose start cannot be recorded is not performed.
    async fn begin(&mut self, index: usize) -> Result<(), String> {
        let now = self.clock.now();
        if let Some(written) = self.record.repair_actions.get_mut(index) {
            written.started_at = Some(now);
        }
        let written = self.write_record().await;
        if written.is_err()
            && let Some(undone) = self.record.repair_actions.get_mut(index)
        {
            undone.started_at = None;
        }
        written.map_err(|why| {
            format!(
                "the start of the action cannot be recorded: {why}. The action was not performed"
            )
        })
    }

    /// Waits until the result of an action is observed. The error says what is missing after the time limit, or that
    /// the lock was lost.
    async fn until_true(&self, repair_action: &RepairAction) -> Result<(), String> {
        let timing = &self.site.definition.timing;
        let time_limit = match repair_action {
            RepairAction::Create { .. } | RepairAction::Start { .. } => {
                timing.health_deadline.max(TIMEOUT)
            }
            _ => TIMEOUT,
        };
        let until = Instant::now() + time_limit;
        loop {
            let seen = self.look().await;
            let result = match all_answered(&seen) {
                Ok(()) => is_true(repair_action, &seen, &self.site.definition),
                Err(silent) => Err(silent.to_string()),
            };
            let Err(missing) = result else {
                return Ok(());
            };
            if Instant::now() >= until {
                return Err(format!(
                    "the result was not observed within {time_limit:?}: {missing}"
                ));
            }
            self.still_held()?;
            sleep(PAUSE).await;
        }
    }

    /// Waits until the repaired differences are no longer observed. The outcome names a difference that remains.
    async fn settled(&self) -> RepairOutcome {
        let until = Instant::now() + SETTLING;
        loop {
            let Some(what) = self.left(&self.look().await) else {
                return RepairOutcome::Done;
            };
            if Instant::now() >= until {
                return RepairOutcome::Remains { what };
            }
            sleep(PAUSE).await;
        }
    }

    /// Describes the first difference that the repair should have removed and that remains, or a source that does not
    /// answer. None if all of these differences are removed.
    fn left(&self, seen: &Snapshot) -> Option<String> {
        if let Err(silent) = all_answered(seen) {
            return Some(silent.to_string());
        }
        let truth = compare(seen);
        let drifts: Vec<&Drift> = truth.drifts().map(|(_, drift)| drift).collect();
        let is_left = |mended: &&Drift| drifts.iter().any(|drift| drift.is_still(mended));
        let first = self.plan.mended().find(is_left)?;
        Some(format!("{}: {}", first.name, first.message))
    }

    async fn look(&self) -> Snapshot {
        look(&self.site, self.clock.now(), Some(self.lease.fence.token)).await
    }

    /// Checks the state of the lease, which the heartbeat of the lock updates.
    fn still_held(&self) -> Result<(), String> {
        match &*self.lease.state.borrow() {
            LeaseState::Held => Ok(()),
            LeaseState::Lost(why) => Err(format!("the lock was lost: {why}")),
        }
    }

    /// Checks in the store that this console still holds the lock.
    async fn still_ours(&self) -> Result<(), String> {
        let (target, fence) = (self.plan.target(), &self.lease.fence);
        match self.write.locks.holds(target, fence).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(
                "this console no longer holds the lock. The action was not performed".to_owned(),
            ),
            Err(failure) => Err(format!(
                "it is not known whether this console still holds the lock: {failure}. The action was not performed"
            )),
        }
    }

    async fn write_record(&mut self) -> Result<(), String> {
        self.record = self.record.clone().linked();
        let written = self.write.journal.repair(&self.record, &self.lease.fence);
        written.await.map_err(|failure| failure.to_string())
    }

    async fn say(&self, message: &str) {
        tracing::info!(target: "repair", subject = %self.plan.target(), "{message}");
        let _ = self
            .news
            .send(RepairNews::Message(message.to_owned()))
            .await;
    }
}

/// Cuts a reason, because the record with its end must fit into the size limit of the store.
fn shortened(reason: &str) -> String {
    reason.chars().take(LONGEST_REASON).collect()
}
