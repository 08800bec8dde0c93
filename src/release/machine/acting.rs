//! Performs the act of a stage, and observes until the machine sees the result of the act. An act may have happened
//! even if its answer was lost. So an act is never repeated before the guard has observed again.

use jiff::Timestamp;

use super::{Machine, Phase};
use crate::checks::Report;
use crate::history::Direction;
use crate::release::AnnouncementKind;
use crate::release::action::{ActionError, ActionErrorKind};
use crate::release::approval;
use crate::release::describe::duration;
use crate::release::event::Effect;
use crate::release::ladder::{Judgement, Situation, in_direction};
use crate::release::observation::{Observation, Stage};
use crate::release::retry::{ACT_AGAIN, ACT_TIMEOUT, Next};
use crate::release::time::elapsed;

impl Machine {
    pub(super) fn act(&mut self, now: Timestamp) {
        let Some(stage) = self.stage() else { return };
        if self.attempt.pending.is_empty() {
            self.attempt.course.acted_at = Some(now);
            self.look(stage);
            return;
        }
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
            actions: self.attempt.pending.clone(),
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
            Err(error) if error.kind == ActionErrorKind::Fenced => {
                self.park(now, error.text);
                return;
            }
            outcome => {
                self.attempt.course.last_failure = outcome.as_ref().err().map(|error| error.kind);
                if let Err(error) = &outcome {
                    self.attempt.course.failed_temporarily |=
                        error.kind == ActionErrorKind::Temporary;
                    self.attempt.note.clone_from(&error.text);
                }
                self.attempt.tries.returned(now, outcome);
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

    pub(super) fn handle_observation(&mut self, now: Timestamp, observation: &Observation) {
        let Some(stage) = self.stage() else { return };
        if self.phase == Phase::Observing {
            self.remember(observation);
            self.judge(now, stage, observation);
        } else if self.phase == Phase::Guarding && !self.grant_request(now) {
            self.guard_decides(now, stage, observation);
        }
    }

    /// The report of an observation, with the overrides.
    fn report_of(&self, observation: &Observation) -> Option<Report> {
        let kept = self.track.report.clone();
        kept.filter(|_| observation.report.is_some())
    }

    pub(super) fn judge(&mut self, now: Timestamp, stage: Stage, observation: &Observation) {
        let situation = Situation {
            plan: &self.plan,
            report: self.track.report.as_ref(),
            overrides: &self.track.overrides,
            observation,
            now,
            begun: &self.track.begun,
            passed: &self.track.passed,
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
                self.announce_result(now, stage, &remark);
                self.settle_with(now, self.report_of(observation), None);
            }
            Judgement::Never(why) => self.settle_with(now, self.report_of(observation), Some(why)),
            Judgement::Moving(note) => {
                self.attempt.note = note;
                self.extend(now);
                self.look_again(now, stage);
            }
            Judgement::Again(note) => match self.next(now, stage) {
                Next::Fail(why) => self.fail(now, why),
                next => {
                    self.attempt.is_again = true;
                    if next != Next::Act {
                        self.attempt.note = note;
                    }
                    self.act_again();
                }
            },
            Judgement::Next(note) => {
                self.attempt.note = note;
                match self.next(now, stage) {
                    Next::Fail(why) => self.fail(now, why),
                    Next::Act => self.act_again(),
                    Next::Look | Next::Late => self.guard(now),
                }
            }
            Judgement::NotYet(note) => match self.next(now, stage) {
                Next::Fail(why) => self.fail(now, why),
                Next::Act => self.act_again(),
                Next::Late => {
                    let time_limit = duration(self.time_limit(stage));
                    let why = format!("not done, and no progress for {time_limit}: {note}");
                    self.attempt.note = note;
                    self.fail(now, why);
                }
                Next::Look => {
                    self.attempt.note = note;
                    self.look_again(now, stage);
                }
            },
        }
    }

    pub(super) fn announce_result(&mut self, now: Timestamp, stage: Stage, remark: &str) {
        let took = duration(elapsed(self.attempt.course.since, now));
        let message = if remark.is_empty() {
            format!("{} took {took}", in_direction(stage))
        } else {
            format!("{} took {took}: {remark}", in_direction(stage))
        };
        self.announce(now, AnnouncementKind::Settled, message);
    }

    /// What the stage does next, because its result was not observed. While backing out, actions are tried for longer.
    fn next(&self, now: Timestamp, stage: Stage) -> Next {
        let time_limit = match stage.direction {
            Direction::Forward => ACT_TIMEOUT,
            Direction::Back => self.plan.definition.timing.progress_deadline,
        };
        self.attempt.tries.next(now, time_limit)
    }

    fn act_again(&mut self) {
        self.phase = Phase::Pausing { act_again: true };
        self.schedule(ACT_AGAIN);
    }

    fn look_again(&mut self, now: Timestamp, stage: Stage) {
        self.phase = Phase::Pausing { act_again: false };
        let course = &self.attempt.course;
        let pause = stage.definition().pause(&self.plan, course, now);
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
            Phase::GuardPause | Phase::Pausing { act_again: true } => {
                self.guard_observes(now, stage);
            }
            Phase::Pausing { act_again: false } => self.look(stage),
            _ => {}
        }
    }
}
