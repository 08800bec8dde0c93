//! *drain*: the connections to the old slot end. While backing out, the connections to the candidate's slot end.
//!
//! - Act: none: new connections go elsewhere.
//! - Done when the old slot has no connections left, or the time is over and their number was reported.
//! - Undone by: nothing.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Course, Judgement, Property, Situation, StageDefinition, StepDefinition, StepSummary, switch,
};
use crate::inventory::Connections;
use crate::release::describe::duration;
use crate::release::time::elapsed;
use crate::release::{Ask, Draft, Plan, ProxyWords};

/// The pause between two counts of the connections.
const COUNT_AGAIN: Duration = Duration::from_millis(100);

/// Drains the old slot, or the candidate's slot while the release backs out.
pub(super) struct Drain {
    pub(super) candidate: bool,
}

impl StageDefinition for Drain {
    fn ask_after(&self, plan: &Plan, _course: &Course) -> Ask {
        let old = plan.from.as_ref().map(|from| from.slot);
        Ask {
            connections: if self.candidate { Some(plan.slot) } else { old },
            ..Ask::default()
        }
    }

    /// *drain* ends after its configured time, and then reports the open connections without failing.
    fn judge(&self, situation: &Situation<'_>, course: &mut Course) -> Judgement {
        let observation = situation.observation;
        let limit = situation.plan.definition.timing.drain;
        let is_over = elapsed(course.since, situation.now) >= limit;
        match &observation.connections {
            Some(Connections::Open(0)) => Judgement::reached(),
            Some(Connections::Open(open)) if is_over => {
                Judgement::True(format!("{open} connections are still open and may be cut"))
            }
            Some(Connections::Open(open)) => {
                Judgement::Moving(format!("{open} connections are open"))
            }
            Some(Connections::Uncounted(why)) if is_over => {
                Judgement::True(format!("waited {}; {why}", duration(limit)))
            }
            Some(Connections::Uncounted(why)) => Judgement::Moving(why.clone()),
            None if is_over => Judgement::True(format!(
                "waited {}; connections could not be counted: {}",
                duration(limit),
                observation.why_blind()
            )),
            None => Judgement::blind(observation),
        }
    }

    fn window(&self, plan: &Plan) -> Option<Duration> {
        Some(plan.definition.timing.drain)
    }

    fn pause(&self, _plan: &Plan, _course: &Course, _now: Timestamp) -> Duration {
        COUNT_AGAIN
    }
}

impl StepDefinition for Drain {
    fn summary(&self) -> StepSummary {
        StepSummary {
            does: "nothing: new connections already go to the new version",
            done_when: "the old slot has no connections, or the drain time has ended",
        }
    }

    fn is_needed(&self, draft: &Draft) -> bool {
        draft.plan.from.is_some() && !draft.plan.definition.is_background()
    }

    fn calls(&self, draft: &Draft, _proxy: &ProxyWords) -> Vec<String> {
        let plan = &draft.plan;
        vec![format!(
            "wait until {} has no connections, for at most {}",
            plan.slot.other(),
            duration(plan.definition.timing.drain)
        )]
    }

    fn undo_words(&self, plan: &Plan) -> String {
        switch::back_words(plan)
    }

    fn undo(&self) -> &'static dyn StageDefinition {
        &Self { candidate: true }
    }

    fn instead_of_undo(&self) -> Option<&'static str> {
        Some("draining the candidate")
    }

    fn properties(&self) -> &'static [Property] {
        &[Property::ClearsOldSlot, Property::MayBeSkipped]
    }
}
