//! A driver stops driving on purpose: it is written down, with the one console that may go on, and then
//! nothing more is done. Whoever finds a journal without that knows that its driver was cut off.

use jiff::Timestamp;

use super::{Machine, Phase, Request, Then};
use crate::history::{Happening, Successor};
use crate::inventory::Operator;
use crate::release::AnnouncementKind;

impl Machine {
    /// To whom the release was handed over, once that is written down.
    pub fn successor(&self) -> Option<&Successor> {
        self.successor.as_ref()
    }

    /// Somebody requested the handover and is given it, after the act under way has been observed.
    pub(super) fn hand_over_asked(&mut self, now: Timestamp, to: Successor, by: &Operator) {
        let words = format!("{by} hands it over to {}", to.operator);
        self.announce(now, AnnouncementKind::Decided, words);
        self.requested(now, Request::HandOver { to });
    }

    /// Writes it down and parks. It is asked for once: where it cannot be written down, nobody is handed
    /// anything, and what stands stays all the same.
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
        // It was decided, and so is no failure.
        self.park_as(now, AnnouncementKind::Decided, why);
    }
}
