//! Performs the act of a stage, and observes until the result of the act is seen. An act may have happened even if its
//! answer was lost. So an act is never repeated before the guard has observed again.

use std::time::Duration;

use jiff::Timestamp;

use super::{Machine, Phase};
use crate::history::Direction;
use crate::release::AnnouncementKind;
use crate::release::act::{ActionError, ActionErrorKind, Observation, Stage};
use crate::release::approval;
use crate::release::describe::duration;
use crate::release::event::Effect;
use crate::release::ladder::{Judgement, Situation, in_direction};
use crate::release::time::elapsed;

/// How long a failed act is tried again in a forward stage.
const ACT_TIMEOUT: Duration = Duration::from_secs(15);
/// The pause between two tries of an act.
const ACT_AGAIN: Duration = Duration::from_millis(500);

impl Machine {
    pub(super) fn act(&mut self, now: Timestamp) {
        let Some(stage) = self.stage() else { return };
        let Some(act) = self.attempt.pending.clone() else {
            self.attempt.course.acted_at = Some(now);
            self.look(stage);
            return;
        };
        let approved = match stage.direction {
            Direction::Back => Some(approval::back(&self.plan, stage.step)),
            Direction::Forward => {
                approval::forward(&self.plan, stage.step, self.approval.as_ref(), now)
            }
        };
        let Some(approved) = approved else {
            // The approval expired before the act. Nothing was done, and the operator is asked again.
            self.ask_or_guard(now);
            return;
        };
        self.phase = Phase::Acting;
        self.effects.push(Effect::Act {
            act,
            stage,
            approved,
        });
    }

    pub(super) fn acted(&mut self, now: Timestamp, outcome: Result<(), ActionError>) {
        if self.phase != Phase::Acting {
            return;
        }
        let Some(stage) = self.stage() else { return };
        self.attempt.course.acted_at = Some(now);
        match outcome {
            Ok(()) => self.attempt.action_error = None,
            Err(action_error) if action_error.kind == ActionErrorKind::Fenced => {
                self.park(now, action_error.text);
                return;
            }
            Err(action_error) => {
                self.attempt.course.broke_off |= action_error.kind == ActionErrorKind::Passing;
                let since = self
                    .attempt
                    .action_error
                    .take()
                    .map_or(now, |(since, _)| since);
                self.attempt.note.clone_from(&action_error.text);
                self.attempt.action_error = Some((since, action_error));
            }
        }
        self.look(stage);
    }

    pub(super) fn look(&mut self, stage: Stage) {
        self.phase = Phase::Observing;
        let ask = stage
            .definition()
            .ask_after(&self.plan, &self.attempt.course);
        self.effects.push(Effect::Observe(ask));
    }

    pub(super) fn seen(&mut self, now: Timestamp, observation: &Observation) {
        let Some(stage) = self.stage() else { return };
        if self.phase == Phase::Observing {
            self.remember(observation);
            self.observed(now, stage, observation);
        } else if self.phase == Phase::Guarding && !self.grant_request(now) {
            self.guard_saw(now, stage, observation);
        }
    }

    pub(super) fn observed(&mut self, now: Timestamp, stage: Stage, observation: &Observation) {
        let situation = Situation {
            plan: &self.plan,
            report: self.track.report.as_ref(),
            observation,
            now,
        };
        let judgement = stage
            .definition()
            .judge(&situation, &mut self.attempt.course);
        // The act has been observed, so a waiting request of an operator may be granted now (interlock 8).
        if !matches!(judgement, Judgement::True(_)) && self.grant_request(now) {
            return;
        }
        match judgement {
            Judgement::True(remark) => {
                self.say_true(now, stage, &remark);
                self.settle_with(now, observation.report.clone(), None);
            }
            Judgement::Never(why) => self.settle_with(now, observation.report.clone(), Some(why)),
            Judgement::Moving(note) => {
                self.attempt.note = note;
                self.extend(now);
                self.again(now, stage);
            }
            Judgement::Again(note) => {
                if !self.after_action_error(now, stage) {
                    self.attempt.note = note;
                    self.phase = Phase::Pausing { act_again: true };
                    self.schedule(ACT_AGAIN);
                }
            }
            Judgement::NotYet(note) => {
                if !self.after_action_error(now, stage) {
                    self.attempt.note = note;
                    self.again(now, stage);
                }
            }
        }
    }

    pub(super) fn say_true(&mut self, now: Timestamp, stage: Stage, remark: &str) {
        let took = duration(elapsed(self.attempt.course.since, now));
        let message = if remark.is_empty() {
            format!("{} took {took}", in_direction(stage))
        } else {
            format!("{} took {took}: {remark}", in_direction(stage))
        };
        self.announce(now, AnnouncementKind::Settled, message);
    }

    /// Handles a failed act whose result was not observed: tries the act again, or fails the stage. Returns false if
    /// the act has not failed.
    pub(super) fn after_action_error(&mut self, now: Timestamp, stage: Stage) -> bool {
        let Some((since, action_error)) = self.attempt.action_error.clone() else {
            return false;
        };
        let time_limit = match stage.direction {
            Direction::Forward => ACT_TIMEOUT,
            Direction::Back => self.plan.definition.timing.progress_deadline,
        };
        if action_error.kind == ActionErrorKind::Final || elapsed(since, now) >= time_limit {
            self.fail(now, action_error.text);
        } else {
            self.phase = Phase::Pausing { act_again: true };
            self.schedule(ACT_AGAIN);
        }
        true
    }

    pub(super) fn again(&mut self, now: Timestamp, stage: Stage) {
        if self.attempt.is_late(now) {
            let time_limit = duration(self.time_limit(stage));
            let why = format!(
                "not done, and no progress for {time_limit}: {}",
                self.attempt.note
            );
            self.fail(now, why);
            return;
        }
        self.phase = Phase::Pausing { act_again: false };
        let pause = stage
            .definition()
            .pause(&self.plan, &self.attempt.course, now);
        self.schedule(pause);
    }

    pub(super) fn fired(&mut self, now: Timestamp) {
        if self.unrecorded.is_some() {
            self.write_again();
            return;
        }
        let Some(stage) = self.stage() else { return };
        match self.phase {
            Phase::Standby { .. } => self.standby_over(now),
            // An act is never repeated without an observation, because the act may have happened although its answer
            // was lost.
            Phase::GuardPause | Phase::Pausing { act_again: true } => self.guard_looks(now, stage),
            Phase::Pausing { act_again: false } => self.look(stage),
            _ => {}
        }
    }
}
