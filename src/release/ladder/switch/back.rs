//! The undo of *switch*: the traffic moves back to the version that was live before.

use std::time::Duration;

use jiff::Timestamp;

use super::{Switch, move_to, routed, unknown_live};
use crate::release::ladder::conditions::{another_version, slots_and_traffic};
use crate::release::ladder::{Course, Judgement, Situation, StageDefinition, Verdict};
use crate::release::{Ask, Plan, Purpose, Rewrite, RouteBefore};

pub(super) struct SwitchBack;

impl StageDefinition for SwitchBack {
    fn ask_before(&self, plan: &Plan) -> Ask {
        Ask {
            probe: plan.from.as_ref().map(|from| from.slot),
            ..slots_and_traffic()
        }
    }

    /// The guard of the action demands that the old version is running, registered and healthy by its probe.
    fn guard(&self, situation: &Situation<'_>) -> Verdict {
        let (plan, observation) = (situation.plan, situation.observation);
        let Some(from) = &plan.from else {
            return Verdict::Refuse(
                "no version was live before: there is nothing to go back to".into(),
            );
        };
        let edges = &observation.edges;
        let (Some(_), Some(named)) = (&observation.registry, edges.slots()) else {
            return unknown_live(observation);
        };
        let route = observation.route();
        let routed = route.map_or(0, |(generation, _)| generation);
        if route.map(|(_, slot)| slot) == Some(from.slot) && edges.are_at(from.slot, routed) {
            let is_live = plan.definition.live_phrase();
            return Verdict::Already(format!("{} {is_live}", from.slot));
        }
        if let Some(other) = another_version(from, observation.members(from.slot)) {
            return Verdict::Refuse(format!("the traffic does not move: {other}"));
        }
        let newest = routed.max(edges.answered_generation()).max(plan.generation);
        let rewrite = Rewrite {
            from: RouteBefore::of(route),
            live: from.slot,
            generation: newest.saturating_add(1),
            addresses: from.addresses.clone(),
            digest: from.version.digest.clone(),
            release: plan.release,
            purpose: Purpose::BackOut,
        };
        Verdict::Act(vec![move_to(rewrite, named)])
    }

    fn ask_after(&self, _plan: &Plan, _course: &Course) -> Ask {
        Ask {
            registry: true,
            proxy: true,
            public: true,
            ..Ask::default()
        }
    }

    fn judge(&self, situation: &Situation<'_>, _course: &mut Course) -> Judgement {
        let plan = situation.plan;
        match &plan.from {
            Some(from) => routed(plan, from.slot, None, situation.observation),
            None => Judgement::reached(),
        }
    }

    fn pause(&self, plan: &Plan, course: &Course, now: Timestamp) -> Duration {
        Switch.pause(plan, course, now)
    }
}
