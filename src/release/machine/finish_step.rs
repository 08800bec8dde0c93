//! Ends a stage. The outcome of the stage is recorded. Then the release continues, backs out, or waits for a choice.

use jiff::Timestamp;

use super::describe::closed_words;
use super::{Machine, OnFailure, Phase, Request, Then};
use crate::checks::Report;
use crate::history::{Direction, JournalEvent, Outcome, ReleaseRecord};
use crate::release::event::Effect;
use crate::release::ladder::{AfterFailure, Property, in_direction};
use crate::release::observation::Stage;
use crate::release::time::elapsed;
use crate::release::{AnnouncementKind, StepState};

impl Machine {
    pub(super) fn recorded(&mut self, now: Timestamp) {
        let was_late = self.not_written().is_some();
        if !self.record_written(now) {
            return;
        }
        match self.phase.clone() {
            Phase::Opening => {
                let message = format!(
                    "{} {} to {} in {}",
                    self.plan.kind,
                    self.plan.target(),
                    self.plan.version,
                    self.plan.slot
                );
                self.announce(now, AnnouncementKind::Noted, message);
                self.continue_with(now, Self::enter);
            }
            Phase::Resuming(_) => self.continue_with(now, Self::resumed),
            // The guard's observation may be minutes old, and another operator may have moved the traffic since.
            Phase::Intending if was_late => self.continue_with(now, Self::guard),
            Phase::Intending => self.continue_with(now, Self::act),
            Phase::Settling { failure } => self.settled(now, failure),
            Phase::Noting { then } => self.noted(now, then),
            Phase::Closing(outcome) => {
                self.announce(now, AnnouncementKind::Closed, closed_words(&outcome));
                self.phase = Phase::Closed(outcome);
            }
            _ => {}
        }
    }

    /// Ends the stage with the result of its observation. If the checks were run, their report is recorded first, as
    /// the evidence for the outcome.
    pub(super) fn settle_with(
        &mut self,
        now: Timestamp,
        report: Option<Report>,
        failure: Option<String>,
    ) {
        match (report, failure) {
            (Some(report), failure) => {
                self.phase = Phase::Noting {
                    then: Then::Settle { failure },
                };
                let report = report.for_the_record();
                self.record(now, JournalEvent::Checked { report });
            }
            (None, Some(why)) => self.fail(now, why),
            (None, None) => self.settle(now, None),
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

    pub(super) fn settle(&mut self, now: Timestamp, failure: Option<String>) {
        let Some(stage) = self.stage() else { return };
        self.phase = Phase::Settling {
            failure: failure.clone(),
        };
        self.record(
            now,
            JournalEvent::Outcome {
                step: stage.step,
                direction: stage.direction,
                failure,
                took: elapsed(self.attempt.course.since, now),
            },
        );
    }

    pub(super) fn settled(&mut self, now: Timestamp, failure: Option<String>) {
        let Some(stage) = self.stage() else { return };
        if let Some(why) = failure {
            self.track
                .set(stage.step, StepState::Failed { why: why.clone() });
            self.failed(now, stage, why);
            return;
        }
        let took = elapsed(self.attempt.course.since, now);
        self.track.succeed(stage, took);
        self.attempt.pending.clear();
        self.approval = None;
        self.continue_with(now, Self::enter);
    }

    /// Continues with `how`, unless the waiting request of an operator decides what happens instead.
    pub(super) fn continue_with(&mut self, now: Timestamp, how: fn(&mut Self, Timestamp)) {
        if !self.grant_request(now) {
            how(self, now);
        }
    }

    pub(super) fn failed(&mut self, now: Timestamp, stage: Stage, why: String) {
        let failure = stage.after_failure(self.attempt.course.bad_in_a_row);
        let is_crossed = failure == AfterFailure::BackOut;
        // If a threshold was crossed, the release starts to back out before it is handed over.
        let is_handed = matches!(self.request, Some(Request::HandOver { .. }));
        let delays_handover = is_crossed && is_handed && self.can_go_back();
        if !delays_handover && self.grant_request(now) {
            return;
        }
        let by_itself = is_crossed || self.on_failure == OnFailure::BackOut;
        match stage.direction {
            Direction::Forward if failure == AfterFailure::StaysLive && by_itself => {
                let (version, old) = (&self.plan.version, self.plan.slot.other());
                let reason = if stage.step.runs_tasks() {
                    format!("{version} is live, but {} failed: {why}", stage.step)
                } else {
                    format!("{version} is live, but {old} was not stopped: {why}")
                };
                self.close(now, Outcome::NeedsPerson { reason });
            }
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
                    "{} failed: {why}. There is no earlier version to go back to",
                    stage.step
                );
                self.close(now, Outcome::NeedsPerson { reason });
            }
            _ => {
                self.announce(
                    now,
                    AnnouncementKind::Asked,
                    "an operator must choose what to do",
                );
                self.phase = Phase::Choosing { why };
            }
        }
    }

    pub(super) fn noted(&mut self, now: Timestamp, then: Then) {
        match then {
            Then::Guard => {
                // No act was tried while the release waited for a person. So the time limit for new tries starts now.
                self.attempt.tries.start_again(now);
                self.guard(now);
            }
            Then::Again => {
                self.attempt.tries.forget_failure();
                // A stage that is tried again has not failed yet.
                if let Some(stage) = self.stage() {
                    self.track.set(stage.step, StepState::Pending);
                    if stage.has(Property::RunsChecks) {
                        // An earlier report must not be overridden if the checks cannot be run this time.
                        self.track.report = None;
                        self.track.cases.clear();
                    }
                }
                self.ask_or_guard(now);
            }
            Then::Override(decision) => {
                let Some(stage) = self.stage() else { return };
                self.track.override_checks(&decision);
                self.announce_result(now, stage, "its failed checks are overridden");
                self.settle_with(now, self.track.report.clone(), None);
            }
            Then::Stage => self.enter(now),
            Then::Back => self.go_back(now),
            Then::Verify => self.rewind_to_verify(now),
            Then::Park { why, to } => self.stop_as_recorded(now, why, to),
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

    pub(super) fn finish_way(&mut self, now: Timestamp) {
        let outcome = match self.track.back_reason.clone() {
            Some(reason) => Outcome::BackedOut { reason },
            None => Outcome::Done,
        };
        self.close(now, outcome);
    }

    /// Stops driving the release, because the driver of a later release has already recorded the end of this release.
    pub(super) fn ended_elsewhere(&mut self, now: Timestamp, outcome: Outcome) {
        self.request = None;
        self.end_waiting();
        self.announce(now, AnnouncementKind::Closed, closed_words(&outcome));
        self.phase = Phase::Closed(outcome);
    }

    pub(super) fn close(&mut self, now: Timestamp, outcome: Outcome) {
        self.request = None;
        self.end_waiting();
        self.phase = Phase::Closing(outcome.clone());
        let mut record = ReleaseRecord::clone(&self.head);
        record.live = self.live;
        record.closed = Some((now, outcome));
        self.write(Effect::Head(Box::new(record)));
    }
}
