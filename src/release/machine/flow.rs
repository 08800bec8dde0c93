//! Along the way: guard, intent, act, look, outcome, next stage.

use std::time::Duration;

use jiff::Timestamp;

use super::{Machine, OnFailure, Phase, Then};
use crate::checks::Report;
use crate::history::{Direction, Happening, Outcome, Step};
use crate::release::act::{Act, Course, Mishap, MishapKind, Sight, Stage};
use crate::release::approval::{self, Need};
use crate::release::event::Effect;
use crate::release::guard::{self, Verdict};
use crate::release::judge::{self, Judgement};
use crate::release::time::{after, elapsed};
use crate::release::words::duration;
use crate::release::{AnnouncementKind, Limit, StepState};

/// How long a guard waits for the world to be as the act needs it.
const GUARD_PATIENCE: Duration = Duration::from_secs(15);
/// How long an act that did not reach its system is tried again, going forward.
const ACT_PATIENCE: Duration = Duration::from_secs(15);
/// Between two tries of an act.
const ACT_AGAIN: Duration = Duration::from_millis(500);
/// Between two looks of a guard.
const GUARD_AGAIN: Duration = Duration::from_millis(250);
/// Between two probes of a candidate that has not been healthy yet, at most.
const UNTIL_HEALTHY: Duration = Duration::from_millis(50);
/// How long a stage that only has to be read back may take.
const READ_BACK: Duration = Duration::from_secs(15);

impl Machine {
    /// Begins the stage the way is at, or ends the way.
    pub(super) fn enter(&mut self, now: Timestamp) {
        let Some(stage) = self.stage() else {
            self.finish_way(now);
            return;
        };
        self.course = Course::begun(now);
        self.deadline = None;
        self.mishap = None;
        self.note.clear();
        self.draining = None;
        if stage.step == Step::Verify {
            self.cases.clear();
        }
        if stage.direction == Direction::Forward && stage.step == Step::Stop {
            self.stand_by(now);
        } else {
            self.ask_or_guard(now);
        }
    }

    fn stand_by(&mut self, now: Timestamp) {
        let until = match self.plan.definition.timing.standby {
            Limit::After(time) => {
                self.schedule(time);
                Some(after(now, time))
            }
            Limit::Never => None,
        };
        let old = self.plan.slot.other();
        let words = until.map_or_else(
            || format!("{old} is kept warm"),
            |until| format!("{old} is kept warm until {until:.0}"),
        );
        self.announce(now, AnnouncementKind::Noted, words);
        self.phase = Phase::Standby { until };
    }

    pub(super) fn standby_over(&mut self, now: Timestamp) {
        if matches!(self.phase, Phase::Standby { .. }) {
            self.ask_or_guard(now);
        }
    }

    /// A person is asked where the step needs one and no approval of it counts.
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
        self.set_rung(stage.step, StepState::Waiting { since: now });
        let words = match approval::need(stage.step, self.plan.tier()) {
            Need::TypedName => format!(
                "{} waits for an approval with the environment's name",
                stage.step
            ),
            _ => format!("{} waits for an approval", stage.step),
        };
        self.announce(now, AnnouncementKind::Asked, words);
    }

    fn guard(&mut self, now: Timestamp) {
        let Some(stage) = self.stage() else { return };
        self.course.since = now;
        self.deadline = Some(after(now, GUARD_PATIENCE));
        self.guard_looks(now, stage);
    }

    fn guard_looks(&mut self, now: Timestamp, stage: Stage) {
        let ask = guard::ask(stage, &self.plan);
        self.phase = Phase::Guarding;
        if ask.is_empty() {
            self.guard_saw(now, stage, &Sight::default());
        } else {
            self.effects.push(Effect::Observe(ask));
        }
    }

    fn guard_saw(&mut self, now: Timestamp, stage: Stage, sight: &Sight) {
        let verdict = guard::judge(stage, &self.plan, self.report.as_ref(), sight, now);
        match verdict {
            Verdict::Act(act) => self.intend(now, stage, Some(act)),
            Verdict::Nothing => self.intend(now, stage, None),
            Verdict::Already(why) => {
                self.announce(
                    now,
                    AnnouncementKind::Settled,
                    format!("{}: {why}", stage.step),
                );
                self.pending = None;
                self.settle(now, None);
            }
            Verdict::CheckAgain(why) => {
                self.announce(
                    now,
                    AnnouncementKind::Noted,
                    format!("{why}: they are run again"),
                );
                self.rewind_to_verify(now);
            }
            Verdict::Refuse(why) => self.fail(now, why),
            Verdict::Wait(why) => {
                if self.deadline.is_some_and(|deadline| now >= deadline) {
                    self.fail(now, why);
                } else {
                    self.note = why;
                    self.phase = Phase::GuardPause;
                    self.schedule(GUARD_AGAIN);
                }
            }
        }
    }

    fn rewind_to_verify(&mut self, now: Timestamp) {
        self.report = None;
        if let Some(index) = self.way.iter().position(|stage| stage.step == Step::Verify) {
            self.at = index;
        }
        self.enter(now);
    }

    fn intend(&mut self, now: Timestamp, stage: Stage, act: Option<Act>) {
        self.pending = act;
        if self.mishap.is_some() {
            // Tried again: the intent stands, and what it comes from was looked at anew.
            self.act(now);
            return;
        }
        self.course = Course::begun(now);
        self.deadline = Some(after(now, self.patience(stage)));
        self.phase = Phase::Intending;
        if stage.direction == Direction::Forward && !self.begun.contains(&stage.step) {
            self.begun.push(stage.step);
        }
        self.announce(now, AnnouncementKind::Began, begun_words(stage));
        self.record(
            now,
            Happening::Intent {
                step: stage.step,
                direction: stage.direction,
            },
        );
    }

    /// How long a stage may go without progress.
    fn patience(&self, stage: Stage) -> Duration {
        let timing = &self.plan.definition.timing;
        match (stage.direction, stage.step) {
            (_, Step::Pull | Step::Verify) => timing.progress_deadline,
            (Direction::Forward, Step::Start) | (Direction::Back, Step::Stop) => {
                timing.health_deadline
            }
            // The drain judges its own end: a passed deadline is shown, not a failure.
            (_, Step::Drain) => timing.drain + READ_BACK,
            (_, Step::Watch) => timing.watch + READ_BACK,
            _ => READ_BACK,
        }
    }

    pub(super) fn extend(&mut self, now: Timestamp) {
        if let Some(stage) = self.stage() {
            self.deadline = Some(after(now, self.patience(stage)));
        }
    }

    pub(super) fn recorded(&mut self, now: Timestamp) {
        if self.unrecorded.take().is_none() {
            return;
        }
        match self.phase.clone() {
            Phase::Opening => {
                let words = format!(
                    "{} {} to {} in {}",
                    self.plan.kind,
                    self.plan.target(),
                    self.plan.version,
                    self.plan.slot
                );
                self.announce(now, AnnouncementKind::Noted, words);
                self.go_on(now, Self::enter);
            }
            Phase::Intending => self.go_on(now, Self::act),
            Phase::Settling { failure } => self.settled(now, failure),
            Phase::Noting { then } => self.noted(now, then),
            Phase::Closing(outcome) => {
                self.announce(now, AnnouncementKind::Closed, closed_words(&outcome));
                self.phase = Phase::Closed(outcome);
            }
            _ => {}
        }
    }

    fn act(&mut self, now: Timestamp) {
        let Some(stage) = self.stage() else { return };
        let Some(act) = self.pending.clone() else {
            self.course.acted_at = Some(now);
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
            // It expired between the yes and the act: ask again, nothing was done.
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

    pub(super) fn acted(&mut self, now: Timestamp, outcome: Result<(), Mishap>) {
        if self.phase != Phase::Acting {
            return;
        }
        let Some(stage) = self.stage() else { return };
        self.course.acted_at = Some(now);
        match outcome {
            Ok(()) => self.mishap = None,
            Err(mishap) if mishap.kind == MishapKind::Fenced => {
                self.park(now, format!("the lock is somebody else's: {}", mishap.text));
                return;
            }
            Err(mishap) => {
                let since = self.mishap.take().map_or(now, |(since, _)| since);
                self.note.clone_from(&mishap.text);
                self.mishap = Some((since, mishap));
            }
        }
        self.look(stage);
    }

    fn look(&mut self, stage: Stage) {
        self.phase = Phase::Observing;
        self.effects
            .push(Effect::Observe(judge::ask(stage, &self.plan)));
    }

    pub(super) fn seen(&mut self, now: Timestamp, sight: &Sight) {
        let Some(stage) = self.stage() else { return };
        if self.phase == Phase::Observing {
            self.remember(sight);
            self.observed(now, stage, sight);
        } else if self.phase == Phase::Guarding && !self.grant_wish(now) {
            self.guard_saw(now, stage, sight);
        }
    }

    fn observed(&mut self, now: Timestamp, stage: Stage, sight: &Sight) {
        let judgement = judge::judge(stage, &self.plan, &mut self.course, sight, now);
        // The act has been observed: now an abort may take hold (interlock 8).
        if !matches!(judgement, Judgement::True(_)) && self.grant_wish(now) {
            return;
        }
        match judgement {
            Judgement::True(remark) => {
                self.say_true(now, stage, &remark);
                self.settle_with(now, sight.report.clone(), None);
            }
            Judgement::Never(why) => self.settle_with(now, sight.report.clone(), Some(why)),
            Judgement::Moving(note) => {
                self.note = note;
                self.extend(now);
                self.again(now, stage);
            }
            Judgement::NotYet(note) => {
                if !self.after_mishap(now, stage) {
                    self.note = note;
                    self.again(now, stage);
                }
            }
        }
    }

    fn say_true(&mut self, now: Timestamp, stage: Stage, remark: &str) {
        let took = duration(elapsed(self.course.since, now));
        let words = if remark.is_empty() {
            format!("{} took {took}", in_direction(stage))
        } else {
            format!("{} took {took}: {remark}", in_direction(stage))
        };
        self.announce(now, AnnouncementKind::Settled, words);
    }

    /// A report is evidence: it is written down before the outcome that follows from it.
    fn settle_with(&mut self, now: Timestamp, report: Option<Report>, failure: Option<String>) {
        match (report, failure) {
            (Some(report), failure) => {
                self.phase = Phase::Noting {
                    then: Then::Settle { failure },
                };
                self.record(now, Happening::Checked { report });
            }
            (None, Some(why)) => self.fail(now, why),
            (None, None) => self.settle(now, None),
        }
    }

    /// An act that did not answer well and is not true: try it again, or give up. True when this
    /// decided what happens.
    fn after_mishap(&mut self, now: Timestamp, stage: Stage) -> bool {
        let Some((since, mishap)) = self.mishap.clone() else {
            return false;
        };
        let patience = match stage.direction {
            Direction::Forward => ACT_PATIENCE,
            Direction::Back => self.plan.definition.timing.progress_deadline,
        };
        if mishap.kind == MishapKind::Final || elapsed(since, now) >= patience {
            self.fail(now, mishap.text);
        } else {
            self.phase = Phase::Pausing { act_again: true };
            self.schedule(ACT_AGAIN);
        }
        true
    }

    fn again(&mut self, now: Timestamp, stage: Stage) {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            let patience = duration(self.patience(stage));
            let why = format!("not within {patience}: {}", self.note);
            self.fail(now, why);
            return;
        }
        self.phase = Phase::Pausing { act_again: false };
        let time = self.between_looks(now, stage);
        self.schedule(time);
    }

    /// How long until the next look: the health check's own interval while a window runs, and exactly
    /// at the window's end.
    fn between_looks(&self, now: Timestamp, stage: Stage) -> Duration {
        let timing = &self.plan.definition.timing;
        let interval = self
            .plan
            .definition
            .health
            .as_ref()
            .map_or(Duration::from_secs(1), |health| health.interval);
        let window_left = match (stage.step, self.course.healthy_since) {
            (Step::Start, None) => return interval.min(UNTIL_HEALTHY),
            (Step::Start, Some(since)) => {
                timing.minimum_healthy.saturating_sub(elapsed(since, now))
            }
            (Step::Watch, _) => timing.watch.saturating_sub(elapsed(self.course.since, now)),
            (Step::Switch, _) => return Duration::from_millis(5),
            (Step::Drain, _) => return Duration::from_millis(100),
            _ => return Duration::from_millis(50),
        };
        interval.min(window_left).max(Duration::from_millis(5))
    }

    pub(super) fn fired(&mut self, now: Timestamp) {
        if self.unrecorded.is_some() {
            self.write_again();
            return;
        }
        let Some(stage) = self.stage() else { return };
        match self.phase {
            Phase::Standby { .. } => self.standby_over(now),
            // An act is never repeated blindly: it may have happened without an answer.
            Phase::GuardPause | Phase::Pausing { act_again: true } => self.guard_looks(now, stage),
            Phase::Pausing { act_again: false } => self.look(stage),
            _ => {}
        }
    }

    pub(super) fn fail(&mut self, now: Timestamp, why: String) {
        let Some(stage) = self.stage() else { return };
        self.announce(
            now,
            AnnouncementKind::Failed,
            format!("{} failed: {why}", in_direction(stage)),
        );
        self.settle(now, Some(why));
    }

    fn settle(&mut self, now: Timestamp, failure: Option<String>) {
        let Some(stage) = self.stage() else { return };
        self.phase = Phase::Settling {
            failure: failure.clone(),
        };
        self.record(
            now,
            Happening::Outcome {
                step: stage.step,
                direction: stage.direction,
                failure,
                took: elapsed(self.course.since, now),
            },
        );
    }

    fn settled(&mut self, now: Timestamp, failure: Option<String>) {
        let Some(stage) = self.stage() else { return };
        if let Some(why) = failure {
            self.set_rung(stage.step, StepState::Failed { why: why.clone() });
            self.failed(now, stage, why);
            return;
        }
        let rung = match stage.direction {
            Direction::Forward => StepState::Done {
                took: elapsed(self.course.since, now),
            },
            Direction::Back => StepState::Undone,
        };
        // Draining the candidate on the way back does not undo the drain of the old slot.
        if (stage.direction, stage.step) != (Direction::Back, Step::Drain) {
            self.set_rung(stage.step, rung);
        }
        if stage.step == Step::Switch {
            self.switched = stage.direction == Direction::Forward;
        }
        self.pending = None;
        self.approval = None;
        self.at += 1;
        self.go_on(now, Self::enter);
    }

    /// Goes on, unless a wish decides what happens instead.
    fn go_on(&mut self, now: Timestamp, how: fn(&mut Self, Timestamp)) {
        if !self.grant_wish(now) {
            how(self, now);
        }
    }

    fn failed(&mut self, now: Timestamp, stage: Stage, why: String) {
        if self.grant_wish(now) {
            return;
        }
        let crossed = stage.direction == Direction::Forward && stage.step == Step::Watch;
        let by_itself = crossed || self.on_failure == OnFailure::BackOut;
        match stage.direction {
            Direction::Forward if by_itself && self.can_go_back() => {
                let reason = format!("{} failed: {why}", stage.step);
                self.note_back_out(now, None, reason);
            }
            Direction::Back if self.on_failure == OnFailure::BackOut => {
                let reason = format!("undoing {} failed: {why}", stage.step);
                self.close(now, Outcome::NeedsPerson { reason });
            }
            Direction::Forward if self.on_failure == OnFailure::BackOut => {
                let reason = format!(
                    "{} failed and there is nothing to go back to: {why}",
                    stage.step
                );
                self.close(now, Outcome::NeedsPerson { reason });
            }
            _ => {
                self.announce(
                    now,
                    AnnouncementKind::Asked,
                    "somebody has to choose what to do",
                );
                self.phase = Phase::Choosing { why };
            }
        }
    }

    fn noted(&mut self, now: Timestamp, then: Then) {
        match then {
            Then::Guard => self.guard(now),
            Then::Again => {
                self.mishap = None;
                self.ask_or_guard(now);
            }
            Then::Stage => self.enter(now),
            Then::Back => self.go_back(now),
            Then::Settle { failure: None } => self.settle(now, None),
            Then::Settle { failure: Some(why) } => self.fail(now, why),
            Then::Leave => {
                let reason = match self.stage() {
                    Some(stage) => format!("left at {}", in_direction(stage)),
                    None => "left".to_owned(),
                };
                self.close(now, Outcome::Left { reason });
            }
        }
    }

    fn finish_way(&mut self, now: Timestamp) {
        let outcome = match self.back_reason.clone() {
            Some(reason) => Outcome::BackedOut { reason },
            None => Outcome::Done,
        };
        self.close(now, outcome);
    }

    pub(super) fn close(&mut self, now: Timestamp, outcome: Outcome) {
        self.wish = None;
        self.phase = Phase::Closing(outcome.clone());
        let mut record = self.plan.record();
        record.closed = Some((now, outcome));
        self.write(Effect::Head(Box::new(record)));
    }
}

fn begun_words(stage: Stage) -> String {
    match stage.direction {
        Direction::Forward => format!("{} begins", stage.step),
        Direction::Back => format!("{} begins", in_direction(stage)),
    }
}

/// `switch`, or `undoing switch`.
pub(super) fn in_direction(stage: Stage) -> String {
    match (stage.direction, stage.step) {
        (Direction::Forward, step) => step.to_string(),
        (Direction::Back, Step::Drain) => "draining the candidate".into(),
        (Direction::Back, step) => format!("undoing {step}"),
    }
}

fn closed_words(outcome: &Outcome) -> String {
    match outcome.reason() {
        Some(reason) => format!("{}: {reason}", outcome.word()),
        None => outcome.word().to_owned(),
    }
}
