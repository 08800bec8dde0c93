//! Backs a release out. Each started step is observed before it is undone, because its act may have been performed only
//! in part.

use jiff::Timestamp;

use super::{Machine, Phase, Then};
use crate::history::{Decision, JournalEvent};
use crate::inventory::Operator;
use crate::release::AnnouncementKind;

impl Machine {
    /// Whether the release can still be backed out.
    pub(super) fn can_go_back(&self) -> bool {
        self.track.can_go_back(&self.plan)
    }

    /// Records the decision to back out. Backing out starts once the decision is recorded.
    pub(super) fn note_back_out(&mut self, now: Timestamp, by: Option<Operator>, reason: String) {
        let decided = by.as_ref().map_or_else(
            || "automatic back-out".to_owned(),
            |by| format!("back out by {by}"),
        );
        self.announce(
            now,
            AnnouncementKind::Decided,
            format!("{decided}: {reason}"),
        );
        self.track.back_reason = Some(reason.clone());
        self.phase = Phase::Noting { then: Then::Back };
        let decision = by.map(|by| Decision {
            by,
            asked_at: None,
            note: None,
        });
        self.record(now, JournalEvent::BackOutAsked { decision, reason });
    }

    pub(super) fn go_back(&mut self, now: Timestamp) {
        self.end_waiting();
        self.track.turn_back();
        self.attempt.pending.clear();
        self.approval = None;
        self.enter(now);
    }
}
