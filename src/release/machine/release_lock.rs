//! Stops driving on purpose. The journal records that, with the only console that may resume, and then nothing more is
//! done. A journal without this record shows that its driver was interrupted.

use jiff::Timestamp;

use super::{Machine, Phase, Request, Then};
use crate::history::{JournalEvent, Successor};
use crate::inventory::Operator;
use crate::release::AnnouncementKind;

impl Machine {
    /// The successor of the driver, once the handover is recorded.
    pub fn successor(&self) -> Option<&Successor> {
        self.successor.as_ref()
    }

    /// Hands the release over to the operator who requested that, after the current act has been observed.
    pub(super) fn hand_over_asked(&mut self, now: Timestamp, to: Successor, by: &Operator) {
        let message = format!("{by} hands the release over to {}", to.operator);
        self.announce(now, AnnouncementKind::Decided, message);
        self.requested(now, Request::HandOver { to });
    }

    /// Records that the driver stops, and then parks. The record is tried only once. If it cannot be written, no
    /// console may resume by handover, and everything stays as it is.
    pub(super) fn let_go(&mut self, now: Timestamp, reason: String, to: Option<Successor>) {
        self.phase = Phase::Noting {
            then: Then::Park {
                why: reason.clone(),
                to: to.clone(),
            },
        };
        self.record(now, JournalEvent::LetGo { reason, to });
    }

    pub(super) fn gone(&mut self, now: Timestamp, why: String, to: Option<Successor>) {
        self.successor = to;
        // An operator decided this, so it is not a failure.
        self.park_as(now, AnnouncementKind::Decided, why);
    }
}
