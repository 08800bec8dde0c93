//! Starts a stage. *stop* first waits for the end of the standby. A stage that needs an approval waits for an operator.
//! Then the guard observes, and the intent is recorded.

use std::time::Duration;

use jiff::Timestamp;

use super::describe::started_words;
use super::{Attempt, Machine, Phase};
use crate::history::{Direction, JournalEvent};
use crate::inventory::local_time;
use crate::release::action::Action;
use crate::release::event::Effect;
use crate::release::ladder::{Evidence, Property, Situation, Verdict};
use crate::release::observation::{Course, Observation, Stage};
use crate::release::retry::GUARD_AGAIN;
use crate::release::time::elapsed;
use crate::release::{AnnouncementKind, Need, StepState, approval};

impl Machine {
    /// Starts the current stage. If all stages are done, ends the release.
    pub(super) fn enter(&mut self, now: Timestamp) {
        let Some(stage) = self.stage() else {
            self.finish_way(now);
            return;
        };
        self.attempt = Attempt::new(self.new_course(now));
        if stage.has(Property::RunsChecks) {
            self.track.cases.clear();
        }
        if self.track.is_before_standby() {
            self.stand_by(now);
        } else {
            self.ask_or_guard(now);
        }
    }

    fn new_course(&self, now: Timestamp) -> Course {
        Course {
            compares: self.compares,
            ..Course::new(now)
        }
    }

    pub(super) fn stand_by(&mut self, now: Timestamp) {
        // An interrupted standby continues for its remaining time. If an earlier driver's clock was ahead, the start
        // of the standby may be in the future. Then the standby starts now.
        let began = self
            .standby_began
            .take()
            .map_or(now, |began| began.min(now));
        let until = self.plan.definition.timing.standby.end(began);
        if until.is_some_and(|until| until <= now) {
            self.ask_or_guard(now);
            return;
        }
        if let Some(until) = until {
            self.schedule(elapsed(now, until));
        }
        let old = self.plan.slot.other();
        let message = until.map_or_else(
            || format!("{old} is kept warm"),
            |until| format!("{old} is kept warm until {}", local_time::moment(until)),
        );
        self.announce(now, AnnouncementKind::Noted, message);
        self.phase = Phase::Standby { until };
    }

    pub(super) fn standby_over(&mut self, now: Timestamp) {
        if matches!(self.phase, Phase::Standby { .. }) {
            self.ask_or_guard(now);
        }
    }

    /// Waits for an operator if the stage needs an approval and has no valid one. Otherwise the guard observes.
    pub(super) fn ask_or_guard(&mut self, now: Timestamp) {
        let Some(stage) = self.stage() else { return };
        let is_allowed = stage.direction == Direction::Back
            || approval::forward(&self.plan, stage.step, self.approval.as_ref(), now).is_some();
        if is_allowed {
            self.guard(now);
            return;
        }
        self.approval = None;
        self.phase = Phase::Asking { since: now };
        self.track
            .set(stage.step, StepState::Waiting { since: now });
        let message = match approval::need_of(&self.plan, stage.step) {
            Need::TypedName => format!(
                "{} waits for an approval with the environment's name",
                stage.step
            ),
            _ => format!("{} waits for an approval", stage.step),
        };
        self.announce(now, AnnouncementKind::Asked, message);
    }

    pub(super) fn guard(&mut self, now: Timestamp) {
        let Some(stage) = self.stage() else { return };
        self.attempt.is_again = false;
        self.attempt.course.since = now;
        let timing = &self.plan.definition.timing;
        let time_limit = stage.definition().guard_time_limit(timing);
        self.attempt.tries.set_deadline(now, time_limit);
        self.guard_observes(now, stage);
    }

    pub(super) fn guard_observes(&mut self, now: Timestamp, stage: Stage) {
        let ask = stage.definition().ask_before(&self.plan);
        self.phase = Phase::Guarding;
        if ask.is_empty() {
            self.guard_decides(now, stage, &Observation::default());
        } else {
            self.effects.push(Effect::Observe(ask));
        }
    }

    pub(super) fn guard_decides(
        &mut self,
        now: Timestamp,
        stage: Stage,
        observation: &Observation,
    ) {
        let situation = Situation {
            plan: &self.plan,
            report: self.track.report.as_ref(),
            overrides: &self.track.overrides,
            observation,
            now,
            begun: &self.track.begun,
            passed: &self.track.passed,
        };
        let verdict = stage.guard(&situation);
        let Evidence {
            agreed,
            peer_approvals,
            remark,
            task,
        } = stage.definition().evidence(&situation);
        self.compares = agreed.unwrap_or(self.compares);
        self.attempt.peer_approvals = peer_approvals;
        self.attempt.task = task;
        match verdict {
            Verdict::Act(actions) => {
                if let Some(remark) = remark {
                    self.announce(now, AnnouncementKind::Noted, remark);
                }
                self.intend(now, stage, actions);
            }
            Verdict::Nothing => self.intend(now, stage, Vec::new()),
            Verdict::Already(why) => {
                self.announce(
                    now,
                    AnnouncementKind::Settled,
                    format!("{}: {why}", stage.step),
                );
                self.attempt.pending.clear();
                self.settle(now, None);
            }
            Verdict::CheckAgain(why) => {
                self.announce(
                    now,
                    AnnouncementKind::Noted,
                    format!("{why}: the checks run again"),
                );
                self.rewind_to_verify(now);
            }
            Verdict::AskAgain(why) => {
                self.approval = None;
                self.phase = Phase::Asking { since: now };
                self.track
                    .set(stage.step, StepState::Waiting { since: now });
                self.announce(now, AnnouncementKind::Asked, why);
            }
            Verdict::Refuse(why) => self.fail(now, why),
            Verdict::Wait(why) => {
                if self.attempt.tries.is_late(now) {
                    self.fail(now, why);
                } else {
                    self.attempt.note = why;
                    self.phase = Phase::GuardPause;
                    self.schedule(GUARD_AGAIN);
                }
            }
        }
    }

    pub(super) fn rewind_to_verify(&mut self, now: Timestamp) {
        self.track.report = None;
        self.end_waiting();
        self.track.go_to(|stage| stage.has(Property::RunsChecks));
        self.enter(now);
    }

    pub(super) fn intend(&mut self, now: Timestamp, stage: Stage, actions: Vec<Action>) {
        self.attempt.pending = actions;
        let task = self.attempt.task.take();
        let begins_task = task
            .as_ref()
            .is_some_and(|call| !self.track.begun.contains(call));
        let is_recorded = self.attempt.tries.has_failed() || self.attempt.is_again;
        if is_recorded && !begins_task {
            if self.attempt.pending.is_empty() {
                // The guard observed that the failed act has happened, so the act is not tried again.
                self.attempt.tries.forget_failure();
            }
            // This is a new try. The intent is already recorded.
            self.act(now);
            return;
        }
        self.attempt.course = self.new_course(now);
        self.extend(now);
        self.phase = Phase::Intending;
        self.track.start(stage);
        self.track.begun.extend(task.clone());
        let words = match &task {
            Some(call) => format!("{}: {call} begins", stage.step),
            None => started_words(stage),
        };
        self.announce(now, AnnouncementKind::Began, words);
        let peer_approvals = std::mem::take(&mut self.attempt.peer_approvals);
        self.record(
            now,
            JournalEvent::Intent {
                step: stage.step,
                direction: stage.direction,
                peer_approvals,
                task,
            },
        );
    }

    /// How long a stage may take without progress.
    pub(super) fn time_limit(&self, stage: Stage) -> Duration {
        stage.definition().time_limit(&self.plan)
    }

    pub(super) fn extend(&mut self, now: Timestamp) {
        if let Some(stage) = self.stage() {
            self.attempt.tries.set_deadline(now, self.time_limit(stage));
        }
    }
}
