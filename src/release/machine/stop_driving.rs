//! Stops driving after an interruption or a handover. The journal records that the driver stopped and, for a handover,
//! which console may resume. Then the driver does nothing more. Without this record, it is not known whether the driver
//! stopped on purpose.

use jiff::Timestamp;

use super::{Machine, Phase, Request, Then};
use crate::history::{JournalEvent, Successor};
use crate::inventory::Operator;
use crate::release::AnnouncementKind;

impl Machine {
    /// The operator and console that may resume; none until a handover is recorded.
    pub fn successor(&self) -> Option<&Successor> {
        match &self.phase {
            Phase::Parked { successor, .. } => successor.as_ref(),
            _ => None,
        }
    }

    /// Hands the release over to the successor, after the current act has been observed.
    pub(super) fn hand_over_asked(&mut self, now: Timestamp, to: Successor, by: &Operator) {
        let message = format!("{by} hands the release over to {}", to.operator);
        self.announce(now, AnnouncementKind::Decided, message);
        self.requested(now, Request::HandOver { to });
    }

    /// Records that the driver stops, and then stops it. The driver tries only once to write this record. If the record
    /// cannot be written, the driver stops without a handover.
    pub(super) fn driver_stopped(&mut self, now: Timestamp, reason: String, to: Option<Successor>) {
        self.phase = Phase::Noting {
            then: Then::Park {
                why: reason.clone(),
                to: to.clone(),
            },
        };
        self.record(now, JournalEvent::DriverStopped { reason, to });
    }

    pub(super) fn stop_as_recorded(&mut self, now: Timestamp, why: String, to: Option<Successor>) {
        // An operator decided that the driver stops, so it is not announced as a failure.
        self.park_as(now, AnnouncementKind::Decided, why, to);
    }
}
