//! *stop*: after the standby, the old slot is deregistered, then its container or process is stopped. The undo of
//! *stop* starts the old version again and registers it.
//!
//! - Act: after the standby time: the old slot is deregistered, then all its members are stopped; a rollback also
//!   removes them. Only while the store still routes to the new version, the public gets good answers, and the new
//!   version has not crashed since its checks.
//! - Done when it is deregistered and stopped.
//! - Undone by: start it again, register it; not possible after it was removed.

use std::iter;
use std::time::Duration;

use super::candidate::{self, Run};
use super::conditions::{
    another_version, candidate_is_healthy, is_probed_healthy, removal, slots_and_traffic, unseen,
    without_traffic,
};
use super::{
    AfterFailure, Course, Judgement, Property, Situation, StageDefinition, StepDefinition,
    StepSummary, Verdict, public, switch,
};
use crate::history::{ReleaseKind, Step};
use crate::inventory::{Slot, SlotMembers, Target, instance_name};
use crate::release::describe::duration;
use crate::release::time::elapsed;
use crate::release::{Action, Ask, Draft, Limit, Need, Observation, Plan, ProxyWords, Timing};

pub(super) struct Stop;

impl StageDefinition for Stop {
    fn ask_before(&self, plan: &Plan) -> Ask {
        Ask {
            probe: Some(plan.slot),
            public: true,
            direct: Some(plan.slot),
            ..slots_and_traffic()
        }
    }

    /// While the old version is running, the traffic can still go back to it. So the guard waits while the new version
    /// is unhealthy or the public gets bad answers. The guard refuses if the store no longer names the new version as
    /// live, if the new version has crashed since its checks, or if the old slot has the traffic.
    fn guard(&self, situation: &Situation<'_>) -> Verdict {
        match ready_to_end(situation) {
            Ok(()) => Verdict::Act(retirement(situation.plan, situation.observation)),
            Err(verdict) => verdict,
        }
    }

    /// *stop* is not urgent, so its guard may wait longer.
    fn guard_time_limit(&self, timing: &Timing) -> Duration {
        timing.progress_deadline
    }

    fn ask_after(&self, _plan: &Plan, _course: &Course) -> Ask {
        Ask {
            instances: true,
            registry: true,
            ..Ask::default()
        }
    }

    fn judge(&self, situation: &Situation<'_>, _course: &mut Course) -> Judgement {
        let observation = situation.observation;
        let slot = situation.plan.slot.other();
        let (Some(_), Some(record)) = (&observation.instances, &observation.registry) else {
            return Judgement::blind(observation);
        };
        let members = observation.members(slot);
        if members.is_some_and(SlotMembers::is_any_running) {
            return Judgement::NotYet(format!("{slot} is still running"));
        }
        if record.slots.get(slot).is_some() {
            return Judgement::NotYet(format!("{slot} is still registered"));
        }
        Judgement::reached()
    }
}

/// Checks that the old version may be ended.
pub(super) fn ready_to_end(situation: &Situation<'_>) -> Result<(), Verdict> {
    let (plan, observation) = (situation.plan, situation.observation);
    let old = plan.slot.other();
    let traffic = without_traffic(old, situation);
    // If the old slot has the traffic, this is the most important reason for the operator.
    if let Err(refused @ Verdict::Refuse(_)) = traffic {
        return Err(refused);
    }
    if let Err(why) = still_routed(plan, observation) {
        return Err(Verdict::Refuse(format!("{old} is kept: {why}")));
    }
    if let Run::Crashed(why) = candidate::run_since_checks(situation) {
        return Err(Verdict::Refuse(format!("{old} is kept: {why}")));
    }
    if let Err(Verdict::Wait(why) | Verdict::Refuse(why)) = candidate_is_healthy(plan, observation)
    {
        return Err(Verdict::Wait(format!("{old} is kept: {why}")));
    }
    if let Some(why) = public::judge(plan, plan.slot, observation, false).fault() {
        return Err(Verdict::Wait(format!("{old} is kept: {why}")));
    }
    traffic
}

/// Deregisters the old slot, then stops its members, so other readers of the store find no stopped member. If the slot
/// is empty, it is only deregistered.
fn retirement(plan: &Plan, observation: &Observation) -> Vec<Action> {
    let old = plan.slot.other();
    let mut actions = vec![Action::Deregister(old)];
    for there in observation.members(old).into_iter().flatten() {
        let [stop, remove] = removal(old, &there.id);
        actions.push(stop);
        // The version that a rollback replaced is not kept for a cold start, because an operator went back from it.
        actions.extend(plan.kind.is_rollback().then_some(remove));
    }
    actions
}

/// Checks that the store still names the new version as live, as the switch wrote it or with a higher generation, which
/// a repair may have written. If the store was not read, the result is `Ok`, because the caller waits anyway.
fn still_routed(plan: &Plan, observation: &Observation) -> Result<(), String> {
    let Some(record) = &observation.registry else {
        return Ok(());
    };
    let says = match record.route.as_ref().map(|route| &route.value) {
        None => "the store has no readable route".to_owned(),
        Some(route) if route.live != plan.slot || route.generation < plan.generation => format!(
            "the route names {} generation {} instead of {} generation {}",
            route.live, route.generation, plan.slot, plan.generation
        ),
        Some(route) if route.digest != plan.version.digest => format!(
            "the route names {} instead of {}",
            route.digest.short(),
            plan.version.digest.short()
        ),
        Some(_) => return Ok(()),
    };
    let Target {
        service,
        environment,
    } = plan.target();
    Err(format!(
        "{says}: leave this release, then run greenroom repair {service} {environment}"
    ))
}

impl StepDefinition for Stop {
    fn summary(&self) -> StepSummary {
        StepSummary {
            does: "stop the old version after its standby time; until then a rollback is one switch",
            done_when: "the old version is stopped, and its registration is removed from etcd",
        }
    }

    fn is_needed(&self, draft: &Draft) -> bool {
        let plan = &draft.plan;
        plan.from.is_some() && plan.definition.timing.standby != Limit::Never
    }

    fn calls(&self, draft: &Draft, _proxy: &ProxyWords) -> Vec<String> {
        let plan = &draft.plan;
        let timing = &plan.definition.timing;
        let old = plan.slot.other();
        if plan.definition.is_exclusive() {
            let deregister = format!("store: remove slots/{old}, unless the route names it");
            let remove = format!("engine: remove {}", names(plan, old));
            let is_back = plan.kind.is_rollback();
            return iter::once(deregister)
                .chain(is_back.then_some(remove))
                .collect();
        }
        let then = match plan.kind {
            ReleaseKind::Promote => "it is kept for a cold start",
            // An operator went back from this version.
            ReleaseKind::WarmRollback | ReleaseKind::ColdRollback => "then remove it",
        };
        let stop = format!(
            "engine: stop {}, with {} to finish; {then}",
            names(plan, old),
            duration(timing.stop_grace)
        );
        // *quiet* follows the standby then, and deregisters the slot.
        if plan.definition.quiet.is_some() {
            return vec![stop];
        }
        vec![
            standby_words(plan),
            format!("store: remove slots/{old}, unless the route names it"),
            stop,
        ]
    }

    fn undo_words(&self, plan: &Plan) -> String {
        let old = plan.slot.other();
        match plan.kind {
            ReleaseKind::Promote if plan.definition.is_exclusive() => switch::back_words(plan),
            ReleaseKind::Promote => format!("start {old} again (a cold start), and switch back"),
            ReleaseKind::WarmRollback | ReleaseKind::ColdRollback => {
                format!("if {old} has not been removed yet: start it again, and switch back")
            }
        }
    }

    fn undo(&self) -> &'static dyn StageDefinition {
        &Reinstate
    }

    /// A person types the environment's name, because no warm rollback is possible after *stop*.
    fn need_if_protected(&self) -> Need {
        Need::TypedName
    }

    /// The old version of an exclusive service is stopped already, and the approval of *quiet* covers *stop*.
    fn need(&self, plan: &Plan) -> Need {
        if plan.stops_first() || plan.step(Step::Quiet).is_some() {
            return Need::Nothing;
        }
        self.need_in(plan.tier())
    }

    /// The new version is live and its watch is done. An old version that cannot be stopped is no reason to move the
    /// traffic back.
    fn after_failure(&self, _bad_in_a_row: u32) -> AfterFailure {
        AfterFailure::StaysLive
    }

    fn properties(&self) -> &'static [Property] {
        &[Property::ClearsOldSlot, Property::FollowsStandby]
    }
}

/// Says in a plan how long the old version is kept before it is ended.
pub fn standby_words(plan: &Plan) -> String {
    let old = plan.slot.other();
    match plan.definition.timing.standby {
        Limit::After(time) if plan.definition.is_background() => format!(
            "leave {old} working for {}, beside {}",
            duration(time),
            plan.slot
        ),
        Limit::After(time) => format!("keep {old} warm for {}", duration(time)),
        Limit::Never => format!("keep {old} warm until an operator ends it"),
    }
}

/// The names of the members that the release stops.
pub(super) fn names(plan: &Plan, old: Slot) -> String {
    let members = plan.from.as_ref().map(|from| &from.members);
    let members = members.filter(|members| !members.is_empty());
    members.map_or_else(|| instance_name(plan.target(), old, 1), SlotMembers::names)
}

/// Whether no instance of the live version existed when the plan was made. For a release that was resumed, this is not
/// known: its plan has the present members.
pub(super) fn ran_nothing_before(plan: &Plan) -> bool {
    let from = plan.from.as_ref();
    plan.stops_first() && plan.mark.is_none() && from.is_some_and(|from| from.members.is_empty())
}

/// Starts the old version again and registers it.
pub(super) struct Reinstate;

impl StageDefinition for Reinstate {
    fn ask_before(&self, plan: &Plan) -> Ask {
        Ask {
            probe: plan.from.as_ref().map(|from| from.slot),
            ..slots_and_traffic()
        }
    }

    fn stops_live(&self, plan: &Plan) -> bool {
        plan.stops_first()
    }

    /// If the old version may be stopped, the stage stops it before it starts it, even if it is running. Docker may
    /// still be executing an earlier request to stop it, and no observation shows this: the request was reported as
    /// failed, or its driver has ended. Docker finishes the earlier request before the new one, so the earlier request
    /// cannot stop the version after the new start.
    fn guard(&self, situation: &Situation<'_>) -> Verdict {
        let (plan, observation) = (situation.plan, situation.observation);
        let old = plan.slot.other();
        let from = plan.from.as_ref();
        if let Some(other) = from.and_then(|from| another_version(from, observation.members(old))) {
            return Verdict::Refuse(format!("{old} is not started again: {other}"));
        }
        let Some(record) = &observation.registry else {
            return Verdict::Wait(format!(
                "it is not known whether {old} is registered: {}",
                observation.why_blind()
            ));
        };
        let Some(members) = observation.members(old) else {
            return unseen(old, observation);
        };
        if members.is_empty() && ran_nothing_before(plan) {
            return Verdict::Already(format!("nothing ran in {old} before this release"));
        }
        let Some(digest) = members.digest() else {
            return Verdict::Refuse(match members.difference() {
                Some(difference) => format!("{old} {difference}"),
                None => format!("{old} is empty: promote the version that should run"),
            });
        };
        let slot = old;
        let register = Action::Register {
            slot,
            digest: digest.clone(),
            tag: members.tag().map(str::to_owned),
            release: plan.release,
        };
        let mut actions = Vec::new();
        let is_registered = record.slots.get(old).is_some();
        let stop = || {
            members.ids().map(|id| Action::Stop {
                slot,
                instance: id.clone(),
            })
        };
        // *stop* deregisters the slot before it stops the members. So *stop* has not stopped the members of a registered
        // slot. *stop-old* does not deregister it.
        if plan.stops_first() {
            actions.extend(stop());
        } else if is_registered {
            if members.are_running() {
                return Verdict::Nothing;
            }
        } else {
            match without_traffic(old, situation) {
                Ok(()) => actions.extend(stop()),
                // The old version has the traffic, so it must not be stopped.
                Err(Verdict::Refuse(_)) => {}
                Err(verdict) => return verdict,
            }
        }
        let is_stopped = !actions.is_empty();
        let to_start = members.iter().filter(|it| is_stopped || !it.is_running());
        actions.extend(to_start.map(|member| Action::Start {
            slot,
            instance: member.id.clone(),
        }));
        if !(is_registered && plan.stops_first()) {
            actions.push(register);
        }
        Verdict::Act(actions)
    }

    fn guard_time_limit(&self, timing: &Timing) -> Duration {
        Stop.guard_time_limit(timing)
    }

    fn ask_after(&self, plan: &Plan, course: &Course) -> Ask {
        Ask {
            probe: plan.from.as_ref().map(|from| from.slot),
            ..Stop.ask_after(plan, course)
        }
    }

    fn judge(&self, situation: &Situation<'_>, course: &mut Course) -> Judgement {
        let observation = situation.observation;
        let old = situation.plan.slot.other();
        let (Some(_), Some(record)) = (&observation.instances, &observation.registry) else {
            return Judgement::blind(observation);
        };
        let members = observation.members(old);
        if !members.is_some_and(SlotMembers::are_running) {
            return Judgement::NotYet(format!("{old} is not running"));
        }
        // A member that *stop-old* has not stopped yet may still be stopped by that request, unless it was started
        // again after it.
        if situation.plan.stops_first() && course.last_failure.is_some() {
            return Judgement::NotYet(format!("{old} may still be stopped"));
        }
        // Docker runs a HEALTHCHECK for the first time after one interval, which may be longer than the time limit.
        let longest = situation.plan.definition.timing.progress_deadline;
        if situation.plan.definition.is_background()
            && members.is_some_and(SlotMembers::are_only_starting)
            && elapsed(course.since, situation.now) < longest
        {
            return Judgement::Moving(format!("the HEALTHCHECK of {old} is still starting"));
        }
        let is_well = match members {
            Some(members) if situation.plan.definition.is_background() => {
                members.unhealthy(observation.probe.as_ref()).is_none()
            }
            _ => is_probed_healthy(observation),
        };
        if !is_well {
            return Judgement::NotYet(format!("{old} is not healthy yet"));
        }
        if record.slots.get(old).is_none() {
            return Judgement::NotYet(format!("{old} is not registered"));
        }
        Judgement::reached()
    }

    fn time_limit(&self, plan: &Plan) -> Duration {
        plan.definition.timing.health_deadline
    }
}
