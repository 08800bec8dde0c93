//! Handles the requests of operators to a running release. A request is granted immediately if the machine waits for a
//! person, for the end of a standby, or between two observations. Otherwise the request waits until the running act has
//! been observed, or until the running observation or record has ended.

use jiff::Timestamp;

use super::{Machine, Phase, Request, Then};
use crate::checks::CheckOverride;
use crate::history::{Decision, Direction, JournalEvent, Outcome};
use crate::inventory::Operator;
use crate::release::describe::CHECK_AGAIN;
use crate::release::ladder::Property;
use crate::release::{AnnouncementKind, Approval, Choice, Scope};

impl Machine {
    /// Handles an approval. The approval counts if it is for this plan and the waiting step, and has not expired. An
    /// approval of *stop* during the standby ends the standby, and *stop* does not wait for another approval.
    pub(super) fn approved(&mut self, now: Timestamp, approval: Approval) {
        let asked_at = match &self.phase {
            Phase::Asking { since } => Some(*since),
            Phase::Standby { .. } => None,
            _ => return,
        };
        let Some(stage) = self.stage() else { return };
        if let Err(refused) = approval.check(&self.plan, now) {
            self.announce(now, AnnouncementKind::Noted, refused.to_string());
            return;
        }
        if approval.scope() != Scope::Step(stage.step) {
            return;
        }
        self.announce(
            now,
            AnnouncementKind::Decided,
            format!("{} approved by {}", stage.step, approval.by()),
        );
        let by = approval.by().clone();
        self.approval = Some(approval);
        self.phase = Phase::Noting { then: Then::Guard };
        self.record(
            now,
            JournalEvent::Approved {
                step: stage.step,
                decision: Decision {
                    by,
                    asked_at,
                    note: None,
                },
            },
        );
    }

    pub(super) fn back_out_asked(&mut self, now: Timestamp, by: Operator, reason: String) {
        if self.track.is_going_back() {
            self.announce(
                now,
                AnnouncementKind::Noted,
                "the release is already backing out",
            );
            return;
        }
        if !self.can_go_back() {
            self.announce(
                now,
                AnnouncementKind::Noted,
                "the release cannot be backed out: its switch was started, and no version was live before it",
            );
            return;
        }
        let by = Some(by);
        self.requested(now, Request::BackOut { by, reason });
    }

    /// Keeps a request, and grants it immediately if the machine is waiting. A handover is refused while a back-out is
    /// about to start. If the last try to write a record failed, an interruption stops the driver immediately.
    pub(super) fn requested(&mut self, now: Timestamp, request: Request) {
        let goes_back = matches!(self.request, Some(Request::BackOut { .. }));
        if goes_back && matches!(request, Request::HandOver { .. }) {
            // The decision to back out is not recorded yet, so the successor would not know about it.
            let message =
                "the release is about to back out: hand it over after the back-out has started";
            self.announce(now, AnnouncementKind::Noted, message);
            return;
        }
        if let (Request::Interrupt { reason }, Some(why)) = (&request, self.not_written()) {
            // Every act waits for its record, so no act is running that must be observed.
            let message = format!("interrupted: {reason} (this is not recorded: {why})");
            self.park(now, message);
            return;
        }
        self.request = Some(request);
        let is_waiting = match self.phase {
            Phase::Asking { .. }
            | Phase::Standby { .. }
            | Phase::GuardPause
            | Phase::Choosing { .. }
            // Between two observations the act has been observed at least once.
            | Phase::Pausing { .. } => true,
            _ => false,
        };
        if is_waiting {
            self.grant_request(now);
        } else {
            let message = match self.not_written() {
                Some(_) => "the request waits until the release can be recorded again",
                None => "the request waits until the current act, observation or record has ended",
            };
            self.announce(now, AnnouncementKind::Noted, message);
        }
    }

    /// Grants the waiting request, if there is one. Returns true if the request decided what happens next.
    pub(super) fn grant_request(&mut self, now: Timestamp) -> bool {
        match self.request.take() {
            None => false,
            Some(Request::Interrupt { reason }) => {
                self.driver_stopped(now, format!("interrupted: {reason}"), None);
                true
            }
            Some(Request::HandOver { to }) => {
                let reason = format!("handed over to {}", to.operator);
                self.driver_stopped(now, reason, Some(to));
                true
            }
            Some(Request::BackOut { by, reason }) => {
                if self.track.is_going_back() || !self.can_go_back() {
                    return false;
                }
                self.note_back_out(now, by, reason);
                true
            }
        }
    }

    /// Runs the checks again, if the release waits for an approval of a step that allows it. The release returns to
    /// *verify*. Earlier checks no longer count, even if the new checks fail.
    pub(super) fn check_again_asked(&mut self, now: Timestamp, by: Operator) {
        let (Phase::Asking { since }, Some(stage)) = (self.phase.clone(), self.stage()) else {
            return;
        };
        if !stage.has(Property::MayCheckAgain) {
            return;
        }
        self.announce(
            now,
            AnnouncementKind::Decided,
            format!("{CHECK_AGAIN} by {by}"),
        );
        self.phase = Phase::Noting { then: Then::Verify };
        self.record(
            now,
            JournalEvent::Chosen {
                step: stage.step,
                choice: CHECK_AGAIN.to_owned(),
                decision: Decision {
                    by,
                    asked_at: Some(since),
                    note: None,
                },
            },
        );
    }

    pub(super) fn superseded(&mut self, now: Timestamp, by: Option<String>) {
        let is_stop = self
            .stage()
            .is_some_and(|stage| stage.has(Property::FollowsStandby));
        let is_waiting = matches!(self.phase, Phase::Standby { .. } | Phase::Asking { .. });
        if is_stop && is_waiting {
            self.close(now, Outcome::Superseded { by });
        }
    }

    pub(super) fn choices(&self) -> Vec<Choice> {
        let Some(stage) = self.stage() else {
            return Vec::new();
        };
        let mut choices = vec![Choice::Retry];
        if stage.direction == Direction::Forward && self.can_go_back() {
            choices.push(Choice::BackOut);
        }
        choices.push(Choice::Leave);
        if stage.may_be_skipped(&self.attempt.course) {
            choices.push(Choice::Skip);
        }
        if self.track.may_override(&self.plan) {
            choices.push(Choice::Override);
        }
        choices
    }

    pub(super) fn chosen(
        &mut self,
        now: Timestamp,
        choice: Choice,
        by: Operator,
        note: Option<String>,
    ) {
        let (Phase::Choosing { why }, Some(stage)) = (self.phase.clone(), self.stage()) else {
            return;
        };
        if !self.choices().contains(&choice) {
            self.announce(
                now,
                AnnouncementKind::Noted,
                format!("{} cannot be chosen for {}", choice.as_str(), stage.step),
            );
            return;
        }
        let why_override = note.as_deref().filter(|why| !why.trim().is_empty());
        if choice == Choice::Override && why_override.is_none() {
            let text = "overriding a check needs a reason";
            self.announce(now, AnnouncementKind::Noted, text);
            return;
        }
        self.announce(
            now,
            AnnouncementKind::Decided,
            format!("{} by {by}", choice.as_str()),
        );
        let then = match choice {
            Choice::Retry => Then::Again,
            Choice::BackOut => {
                self.track.back_reason = Some(format!("{} failed: {why}", stage.step));
                Then::Back
            }
            Choice::Leave => Then::Leave,
            Choice::Skip => {
                self.track.skip();
                Then::Stage
            }
            Choice::Override => Then::Override(CheckOverride {
                by: by.clone(),
                why: note.clone().unwrap_or_default(),
            }),
        };
        self.phase = Phase::Noting { then };
        self.record(
            now,
            JournalEvent::Chosen {
                step: stage.step,
                choice: choice.as_str().to_owned(),
                decision: Decision {
                    by,
                    asked_at: None,
                    note,
                },
            },
        );
    }
}
