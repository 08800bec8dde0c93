//! The machine of a repair. It turns events into effects, without I/O, without async and without a clock: each event
//! comes with its time.
//!
//! The actions of the plan are done in order. For each action, the guard observes until the state is as the action
//! needs it. Then the machine records the start, performs the action, observes until it sees the result, and records
//! the result. The repair ends at the first action that fails.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::event::{RepairEffect, RepairEvent};
use super::guard::{Verdict, guard};
use super::plan::RepairPlan;
use super::seen::all_answered;
use crate::history::{RecordedAction, RepairOutcome, RepairRecord};
use crate::inventory::Snapshot;
use crate::inventory::drift::{Drift, compare};
use crate::release::action::{Action, ActionError, ActionErrorKind};
use crate::release::reached::reached;
use crate::release::retry::{
    ACT_AGAIN, ACT_TIMEOUT, GUARD_AGAIN, GUARD_TIMEOUT, Next, READ_BACK, Tries,
};
use crate::release::time::after;
use crate::release::view::View;

/// How long a repaired difference may still be observed after the last action. For example, the proxy's request rates
/// still contain requests from before the repair.
const SETTLING: Duration = Duration::from_secs(20);
/// The pause between two observations of a result.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// The maximum length of a failure's reason, in characters.
const LONGEST_REASON: usize = 1_000;

/// What the repair is doing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Phase {
    New,
    /// The guard's observation is running.
    Guarding,
    /// The guard waits before it observes again.
    GuardPause,
    /// The start of the action is being recorded.
    Starting,
    /// The connections of a slot that is about to be stopped are being counted.
    Draining {
        until: Timestamp,
    },
    Acting,
    /// The action has returned, and its result is observed.
    Observing,
    /// The repair waits before it observes the result again.
    Pausing,
    /// The result of the action is being recorded.
    Finishing,
    /// All actions are done. The repaired differences are observed until they are gone.
    Settling {
        until: Timestamp,
    },
    /// The end is being recorded.
    Closing,
    Closed,
}

/// The state of a running repair.
#[derive(Debug, Clone)]
pub(in crate::release) struct RepairMachine {
    plan: Arc<RepairPlan>,
    record: RepairRecord,
    /// The position of the current action in the plan.
    at: usize,
    phase: Phase,
    tries: Tries,
    must_stop: bool,
    effects: Vec<RepairEffect>,
}

impl RepairMachine {
    /// `record` is the record of the repair before its first action.
    pub(in crate::release) fn new(plan: Arc<RepairPlan>, record: RepairRecord) -> Self {
        Self {
            plan,
            record,
            at: 0,
            phase: Phase::New,
            tries: Tries::default(),
            must_stop: false,
            effects: Vec::new(),
        }
    }

    pub(in crate::release) fn record(&self) -> &RepairRecord {
        &self.record
    }

    /// Handles one event and returns the effects. An event that does not fit the phase changes nothing.
    pub(in crate::release) fn handle(
        &mut self,
        now: Timestamp,
        event: RepairEvent,
    ) -> Vec<RepairEffect> {
        match (event, self.phase.clone()) {
            (RepairEvent::StopAsked, _) => self.must_stop = true,
            (RepairEvent::Started, Phase::New) => self.enter(now),
            (RepairEvent::Seen(seen), Phase::Guarding) => self.guarded(now, &seen),
            (RepairEvent::Seen(seen), Phase::Observing) => self.observed(now, &seen),
            (RepairEvent::Seen(seen), Phase::Settling { until }) => {
                self.settles(now, until, &seen);
            }
            (RepairEvent::Recorded, Phase::Starting) => self.started(now),
            (RepairEvent::Recorded, Phase::Finishing) => {
                self.say_about_action("done");
                self.at += 1;
                self.enter(now);
            }
            (RepairEvent::Recorded, Phase::Closing) => self.phase = Phase::Closed,
            (RepairEvent::Unrecorded(why), phase) => self.unrecorded(now, &phase, &why),
            (RepairEvent::Counted(open), Phase::Draining { until }) => {
                self.drains(now, until, open);
            }
            (RepairEvent::Acted(result), Phase::Acting) => self.acted(now, result),
            // While the repair settles, a lost lock changes nothing: only observations follow, and the store refuses
            // the record of the end.
            (RepairEvent::Fired, phase)
            | (RepairEvent::LockLost(_), phase @ Phase::Settling { .. }) => self.fired(&phase),
            (RepairEvent::LockLost(why), _) => self.fail(now, &format!("the lock was lost: {why}")),
            _ => {}
        }
        std::mem::take(&mut self.effects)
    }

    fn action(&self) -> Option<&Action> {
        Some(&self.plan.repair_actions.get(self.at)?.repair_action)
    }

    /// What the record says about the current action.
    fn recorded(&mut self) -> Option<&mut RecordedAction> {
        self.record.repair_actions.get_mut(self.at)
    }

    /// Starts the current action. If all actions are done, waits until the differences are gone.
    fn enter(&mut self, now: Timestamp) {
        let Some(action) = self.action() else {
            let until = after(now, SETTLING);
            self.phase = Phase::Settling { until };
            self.effects.push(RepairEffect::Observe);
            return;
        };
        if self.must_stop {
            let reason = format!("the next action was not started: {}", action.title());
            self.close(now, RepairOutcome::Stopped { reason });
            return;
        }
        self.tries = Tries::default();
        self.guard(now);
    }

    fn guard(&mut self, now: Timestamp) {
        self.tries.set_deadline(now, GUARD_TIMEOUT);
        self.look(Phase::Guarding);
    }

    fn look(&mut self, phase: Phase) {
        self.phase = phase;
        self.effects.push(RepairEffect::Observe);
    }

    fn wait(&mut self, phase: Phase, time: Duration) {
        self.phase = phase;
        self.effects.push(RepairEffect::Wait(time));
    }

    fn guarded(&mut self, now: Timestamp, seen: &Snapshot) {
        let Some(action) = self.action() else { return };
        // A source that does not answer is never treated as empty.
        let verdict = match all_answered(seen) {
            Ok(()) => guard(action, &View::of_snapshot(seen, &self.plan.definition)),
            Err(silent) => Verdict::Wait(silent.to_string()),
        };
        let is_started = self.recorded().is_some_and(|it| it.started_at.is_some());
        match verdict {
            Verdict::Act if is_started => self.act(),
            Verdict::Act => {
                if let Some(recorded) = self.recorded() {
                    recorded.started_at = Some(now);
                }
                self.write(Phase::Starting);
            }
            Verdict::Already if is_started => self.finish(now),
            Verdict::Already => {
                self.say_about_action("nothing to do: the result was already observed");
                self.at += 1;
                self.enter(now);
            }
            Verdict::Refuse(why) => self.fail(now, &why),
            Verdict::Wait(why) if self.tries.is_late(now) => self.fail(now, &why),
            Verdict::Wait(_) => self.wait(Phase::GuardPause, GUARD_AGAIN),
        }
    }

    /// The start is recorded. A slot is drained before its instance is stopped.
    fn started(&mut self, now: Timestamp) {
        self.say_about_action("started");
        match self.action() {
            Some(Action::Stop { slot, .. }) => {
                let slot = *slot;
                let until = after(now, self.plan.definition.timing.drain);
                self.phase = Phase::Draining { until };
                self.effects.push(RepairEffect::Count(slot));
            }
            _ => self.act(),
        }
    }

    fn drains(&mut self, now: Timestamp, until: Timestamp, open: Option<u64>) {
        let open = open.unwrap_or_default();
        if open > 0 && now < until {
            self.wait(Phase::Draining { until }, LOOK_AGAIN);
            return;
        }
        if open > 0
            && let Some(Action::Stop { slot, .. }) = self.action()
        {
            let message = format!("{slot} still has {open} connections, which are cut now");
            self.effects.push(RepairEffect::Announce(message));
        }
        // Draining took time, so the observation may be outdated.
        self.guard(now);
    }

    fn act(&mut self) {
        if let Some(action) = self.action().cloned() {
            self.phase = Phase::Acting;
            self.effects.push(RepairEffect::Act(action));
        }
    }

    fn acted(&mut self, now: Timestamp, result: Result<(), ActionError>) {
        match result {
            Err(error) if error.kind == ActionErrorKind::Fenced => self.fail(now, &error.text),
            result => {
                self.tries.returned(now, result);
                self.tries.set_deadline(now, self.time_limit());
                self.look(Phase::Observing);
            }
        }
    }

    /// How long the result of the current action may take to be observed.
    fn time_limit(&self) -> Duration {
        match self.action() {
            Some(Action::Create { .. } | Action::Start { .. }) => {
                READ_BACK.max(self.plan.definition.timing.health_deadline)
            }
            _ => READ_BACK,
        }
    }

    fn observed(&mut self, now: Timestamp, seen: &Snapshot) {
        let Some(action) = self.action() else { return };
        let result = match all_answered(seen) {
            Ok(()) => reached(action, &View::of_snapshot(seen, &self.plan.definition)),
            Err(silent) => Err(silent.to_string()),
        };
        let Err(missing) = result else {
            self.finish(now);
            return;
        };
        match self.tries.next(now, ACT_TIMEOUT) {
            Next::Act => self.wait(Phase::GuardPause, ACT_AGAIN),
            Next::Look => self.wait(Phase::Pausing, LOOK_AGAIN),
            Next::Fail(why) => self.fail(now, &why),
            Next::Late => {
                let time_limit = self.time_limit();
                let why = format!("the result was not observed within {time_limit:?}: {missing}");
                self.fail(now, &why);
            }
        }
    }

    fn fired(&mut self, phase: &Phase) {
        match (phase, self.action()) {
            (Phase::GuardPause, _) => self.look(Phase::Guarding),
            (Phase::Pausing, _) => self.look(Phase::Observing),
            (Phase::Settling { .. }, _) => self.effects.push(RepairEffect::Observe),
            (Phase::Draining { .. }, Some(Action::Stop { slot, .. })) => {
                let count = RepairEffect::Count(*slot);
                self.effects.push(count);
            }
            _ => {}
        }
    }

    fn finish(&mut self, now: Timestamp) {
        if let Some(recorded) = self.recorded() {
            recorded.done_at = Some(now);
        }
        self.write(Phase::Finishing);
    }

    fn write(&mut self, phase: Phase) {
        self.phase = phase;
        self.record = self.record.clone().linked();
        let record = Box::new(self.record.clone());
        self.effects.push(RepairEffect::Record(record));
    }

    /// An action whose start cannot be recorded is not performed.
    fn unrecorded(&mut self, now: Timestamp, phase: &Phase, why: &str) {
        match phase {
            Phase::Starting => {
                if let Some(recorded) = self.recorded() {
                    recorded.started_at = None;
                }
                let why = format!(
                    "the start of the action cannot be recorded: {why}. The action was not performed"
                );
                self.fail(now, &why);
            }
            Phase::Finishing => self.fail(now, why),
            Phase::Closing => {
                let message = format!("the end of the repair was not recorded: {why}");
                self.effects.push(RepairEffect::Announce(message));
                self.phase = Phase::Closed;
            }
            _ => {}
        }
    }

    fn settles(&mut self, now: Timestamp, until: Timestamp, seen: &Snapshot) {
        match self.remaining_difference(seen) {
            None => self.close(now, RepairOutcome::Done),
            Some(what) if now >= until => self.close(now, RepairOutcome::Remains { what }),
            Some(_) => self.wait(Phase::Settling { until }, LOOK_AGAIN),
        }
    }

    /// Describes the first difference that the repair should have removed and that remains, or a source that does not
    /// answer. None if all of these differences are removed.
    fn remaining_difference(&self, seen: &Snapshot) -> Option<String> {
        if let Err(silent) = all_answered(seen) {
            return Some(silent.to_string());
        }
        let comparison = compare(seen);
        let drifts: Vec<&Drift> = comparison.drifts().map(|(_, drift)| drift).collect();
        let remains = |mended: &&Drift| drifts.iter().any(|drift| drift.is_same_problem(mended));
        let first = self.plan.mended().find(remains)?;
        Some(format!("{}: {}", first.name, first.message))
    }

    fn fail(&mut self, now: Timestamp, why: &str) {
        let title = self.action().map(Action::title).unwrap_or_default();
        // The record with its end must fit into the size limit of the store.
        let reason = format!("{title}: {why}");
        let reason = reason.chars().take(LONGEST_REASON).collect();
        self.close(now, RepairOutcome::Failed { reason });
    }

    fn close(&mut self, now: Timestamp, outcome: RepairOutcome) {
        self.record.closed = Some((now, outcome));
        self.write(Phase::Closing);
    }

    fn say_about_action(&mut self, what: &str) {
        let Some(action) = self.action() else { return };
        let (number, count) = (self.at + 1, self.plan.repair_actions.len());
        let message = format!("{number} of {count}: {}: {what}", action.title());
        self.effects.push(RepairEffect::Announce(message));
    }
}
