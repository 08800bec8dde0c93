//! The undoing of *switch*: the traffic moves back to the version that was live before.

use std::time::Duration;

use jiff::Timestamp;

use super::{Switch, routed, unknown_live};
use crate::inventory::Slot;
use crate::release::ladder::conditions::{another_version, slots_and_traffic};
use crate::release::ladder::{Course, Judgement, Situation, StageDefinition, Verdict};
use crate::release::{Act, Ask, Move, Observation, Plan};

pub(super) struct SwitchBack;

impl StageDefinition for SwitchBack {
    fn ask_before(&self, plan: &Plan) -> Ask {
        Ask {
            probe: plan.from.as_ref().map(|from| from.slot),
            ..slots_and_traffic()
        }
    }

    /// The old version must be running, registered and healthy by its probe. The image's own HEALTHCHECK does not
    /// count: the old version had the traffic before with the same HEALTHCHECK.
    fn guard(&self, situation: &Situation<'_>) -> Verdict {
        let (plan, observation) = (situation.plan, situation.observation);
        let Some(from) = &plan.from else {
            return Verdict::Refuse(
                "no version was live before: there is nothing to go back to".into(),
            );
        };
        let (Some(record), Some(proxy)) = (&observation.registry, &observation.proxy) else {
            return unknown_live(observation);
        };
        let route = observation.route();
        let proxy_slot = proxy.as_ref().and_then(|p| p.slot);
        let generations = (
            route.map_or(0, |(generation, _)| generation),
            proxy.as_ref().map_or(0, |p| p.generation),
        );
        if route.map(|(_, slot)| slot) == Some(from.slot)
            && proxy_slot == Some(from.slot)
            && generations.0 == generations.1
        {
            return Verdict::Already(format!("{} has the traffic", from.slot));
        }
        if let Some(other) = another_version(from, observation.instance(from.slot)) {
            return Verdict::Refuse(format!("the traffic does not move: {other}"));
        }
        if let Some(why) = old_is_unwell(from.slot, observation) {
            return Verdict::Wait(format!("the traffic does not move: {why}"));
        }
        if record.slots.get(from.slot).is_none() {
            return Verdict::Refuse(format!("{} is not registered", from.slot));
        }
        Verdict::Act(Act::Switch(Box::new(Move {
            route_from: route,
            proxy_from: proxy_slot,
            to: from.slot,
            generation: generations
                .0
                .max(generations.1)
                .max(plan.generation)
                .saturating_add(1),
            hold: None,
            peer_approvals: Vec::new(),
        })))
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

/// Why the old version cannot get the traffic; none if it is running and its probe is good.
fn old_is_unwell(slot: Slot, observation: &Observation) -> Option<String> {
    let instance = observation.instance(slot);
    match (instance, &observation.probe) {
        (None, _) if observation.instances.is_none() => Some(format!(
            "it is not known whether {slot} is running: {}",
            observation.why_blind()
        )),
        (None, _) => Some(format!("{slot} is empty")),
        (Some(instance), _) if !instance.is_running() => Some(format!("{slot} is not running")),
        (Some(_), Some(probe)) if probe.healthy => None,
        (Some(_), Some(probe)) => Some(format!("{slot} is not healthy: {}", probe.detail)),
        (Some(_), None) => Some(format!("{slot} was not probed")),
    }
}
