//! *drain*: the connections to the old slot end. While backing out, the connections to the candidate's slot end.

use std::time::Duration;

use jiff::Timestamp;

use super::{Judgement, Situation, StageDefinition, StepDefinition, switch};
use crate::inventory::Connections;
use crate::release::act::{Ask, Course};
use crate::release::describe::duration;
use crate::release::planner::{Draft, ProxyWords};
use crate::release::time::elapsed;
use crate::release::{Plan, Timing};

/// The pause between two counts of the connections.
const COUNT_AGAIN: Duration = Duration::from_millis(100);

pub(super) struct Drain;

impl StageDefinition for Drain {
    fn ask_after(&self, plan: &Plan, _since: Timestamp) -> Ask {
        Ask {
            connections: plan.from.as_ref().map(|from| from.slot),
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

    fn window(&self, timing: &Timing) -> Option<Duration> {
        Some(timing.drain)
    }

    fn pause(&self, _plan: &Plan, _course: &Course, _now: Timestamp) -> Duration {
        COUNT_AGAIN
    }
}

impl StepDefinition for Drain {
    fn is_needed(&self, draft: &Draft) -> bool {
        draft.plan.from.is_some()
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
        &DrainCandidate
    }

    fn instead_of_undo(&self) -> Option<&'static str> {
        Some("draining the candidate")
    }

    fn may_be_skipped(&self) -> bool {
        true
    }

    fn clears_old_slot(&self) -> bool {
        true
    }
}

struct DrainCandidate;

impl StageDefinition for DrainCandidate {
    fn ask_after(&self, plan: &Plan, _since: Timestamp) -> Ask {
        Ask {
            connections: Some(plan.slot),
            ..Ask::default()
        }
    }

    fn judge(&self, situation: &Situation<'_>, course: &mut Course) -> Judgement {
        Drain.judge(situation, course)
    }

    fn window(&self, timing: &Timing) -> Option<Duration> {
        Drain.window(timing)
    }

    fn pause(&self, plan: &Plan, course: &Course, now: Timestamp) -> Duration {
        Drain.pause(plan, course, now)
    }
}
