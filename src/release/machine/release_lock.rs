//! A driver stops on purpose: the journal records it, with the one console that may resume, and then nothing more is
//! done. A journal without this record shows that its driver was interrupted.

use jiff::Timestamp;

use super::{Machine, Phase, Request, Then};
use crate::history::{Happening, Successor};
use crate::inventory::Operator;
use crate::release::AnnouncementKind;

impl Machine {
    /// The successor of the release, once the handover is recorded.
    pub fn successor(&self) -> Option<&Successor> {
        self.successor.as_ref()
    }

    /// An operator requested the handover and gets it, after the current act has been observed.
    pub(super) fn hand_over_asked(&mut self, now: Timestamp, to: Successor, by: &Operator) {
        let words = format!("{by} hands it over to {}", to.operator);
        self.announce(now, AnnouncementKind::Decided, words);
        self.requested(now, Request::HandOver { to });
    }

    /// Records the handover and parks. It is tried only once: if it cannot be recorded, no console is handed anything,
    /// and everything stays as it is.
    pub(super) fn let_go(&mut self, now: Timestamp, reason: String, to: Option<Successor>) {
        self.phase = Phase::Noting {
            then: Then::Park {
                why: reason.clone(),
                to: to.clone(),
            },
        };
        self.record(now, Happening::LetGo { reason, to });
    }

    pub(super) fn gone(&mut self, now: Timestamp, why: String, to: Option<Successor>) {
        self.successor = to;
        // It was decided, so it is not a failure.
        self.park_as(now, AnnouncementKind::Decided, why);
    }
}
