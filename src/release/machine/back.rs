//! The way back: what has to be undone, in which order. Backing out is a way like any other; it
//! looks before it acts, so that a step which may or may not have happened is undone only as far
//! as it did.

use jiff::Timestamp;

use super::{Machine, Phase, Then};
use crate::history::{Decision, Direction, Happening, Step};
use crate::inventory::Operator;
use crate::release::AnnouncementKind;
use crate::release::act::Stage;

impl Machine {
    /// Whether there is a way back from here: before the switch always, after it only where
    /// something was live before.
    pub(super) fn can_go_back(&self) -> bool {
        self.plan.from.is_some() || !self.begun.contains(&Step::Switch)
    }

    pub(super) fn is_going_back(&self) -> bool {
        self.back_reason.is_some()
    }

    /// Writes the decision down; the way back begins when it is written.
    pub(super) fn note_back_out(&mut self, now: Timestamp, by: Option<Operator>, reason: String) {
        let who = by
            .as_ref()
            .map_or_else(|| "by rule".to_owned(), ToString::to_string);
        self.announce(
            now,
            AnnouncementKind::Decided,
            format!("back out, {who}: {reason}"),
        );
        self.back_reason = Some(reason.clone());
        self.phase = Phase::Noting { then: Then::Back };
        let decision = by.map(|by| Decision {
            by,
            asked_at: None,
            note: None,
        });
        self.record(now, Happening::BackOutAsked { decision, reason });
    }

    pub(super) fn go_back(&mut self, now: Timestamp) {
        self.way = way_back(&self.begun);
        self.at = 0;
        self.pending = None;
        self.approval = None;
        self.enter(now);
    }
}

/// The stages that undo what was begun. Traffic first; then the candidate's own connections end;
/// then its registration goes; then it goes itself.
fn way_back(begun: &[Step]) -> Vec<Stage> {
    let undone_before_drain = [Step::Stop, Step::Switch];
    let undone_after_drain = [Step::Register, Step::Start];
    let mut steps: Vec<Step> = undone_before_drain
        .into_iter()
        .filter(|step| begun.contains(step))
        .collect();
    if begun.contains(&Step::Switch) {
        steps.push(Step::Drain);
    }
    steps.extend(
        undone_after_drain
            .into_iter()
            .filter(|step| begun.contains(step)),
    );
    steps
        .into_iter()
        .map(|step| Stage {
            step,
            direction: Direction::Back,
        })
        .collect()
}
