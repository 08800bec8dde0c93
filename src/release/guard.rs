//! Decides before an act, from the latest observation, whether the act may be performed. This module enforces
//! interlocks 1, 2, 3 and 5.

use jiff::Timestamp;

use super::act::{Ask, Observation, Stage};
use super::action::{Action, Move, Purpose, Rewrite, RouteBefore};
use super::approval::{Weighed, approvers_needed, peer_approved_words, unread_approvals, weigh};
use super::candidate::{self, Run};
use super::describe::duration;
use super::first;
use super::public;
use super::time::elapsed;
use super::{LiveBefore, Plan, Refusal};
use crate::checks::Report;
use crate::history::{Direction, ReleaseKind, Step};
use crate::inventory::{Installation, Instance, InstanceId, Slot, Target};

/// The result of a guard. The texts are reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The stage may act: it performs these actions in order.
    Act(Vec<Action>),
    /// No act is needed. The stage is observed until its result is seen.
    Nothing,
    /// The result of the stage was already observed, or the stage does not apply.
    Already(String),
    /// The act is not allowed yet. The guard observes again.
    Wait(String),
    /// The checks must run again first. The checks are missing or too old, they tested another digest, or the candidate
    /// was started again.
    CheckAgain(String),
    /// Approvals by other operators are missing or no longer count. The step waits for a person again.
    AskAgain(String),
    /// The act is not allowed in the current state.
    Refuse(String),
}

/// What must be observed before the act of a stage.
pub(super) fn ask(stage: Stage, plan: &Plan) -> Ask {
    let registry_and_proxy = Ask {
        registry: true,
        proxy: true,
        ..Ask::default()
    };
    match (stage.direction, stage.step) {
        (Direction::Forward, Step::Pull) => Ask {
            image: true,
            ..Ask::default()
        },
        (Direction::Forward, Step::Install) => Ask {
            installation: true,
            ..Ask::default()
        },
        (Direction::Forward, Step::Register) => Ask {
            instances: true,
            probe: Some(plan.slot),
            ..Ask::default()
        },
        (Direction::Forward, Step::Switch) => Ask {
            instances: true,
            probe: Some(plan.slot),
            public: true,
            direct: plan.from.as_ref().map(|from| from.slot),
            live_in_first: plan.only_from().is_some(),
            ..registry_and_proxy
        },
        (Direction::Forward, Step::Stop) => Ask {
            instances: true,
            probe: Some(plan.slot),
            public: true,
            direct: Some(plan.slot),
            ..registry_and_proxy
        },
        (Direction::Forward, Step::Start)
        | (Direction::Back, Step::Start | Step::Register | Step::Stop) => Ask {
            instances: true,
            ..registry_and_proxy
        },
        (Direction::Back, Step::Switch) => Ask {
            instances: true,
            probe: plan.from.as_ref().map(|from| from.slot),
            ..registry_and_proxy
        },
        _ => Ask::default(),
    }
}

/// The verdict of a stage's guard on an observation.
pub(super) fn judge(
    stage: Stage,
    plan: &Plan,
    report: Option<&Report>,
    observation: &Observation,
    now: Timestamp,
) -> Verdict {
    match (stage.direction, stage.step) {
        (Direction::Forward, Step::Pull) => match observation.image {
            Some(true) => Verdict::Already("the image is already pulled".into()),
            _ => Verdict::Act(vec![Action::Pull(plan.version.clone())]),
        },
        (Direction::Forward, Step::Install) => install(observation),
        (Direction::Forward, Step::Start) => start(plan, observation),
        (Direction::Forward, Step::Register) => {
            match checked_candidate(plan, report, observation) {
                Ok(()) => Verdict::Act(vec![Action::Register {
                    slot: plan.slot,
                    digest: plan.version.digest.clone(),
                    tag: plan.version.tag.clone(),
                    release: plan.release,
                }]),
                Err(verdict) => verdict,
            }
        }
        (Direction::Forward, Step::Switch) => switch(plan, report, observation, now),
        (Direction::Forward, Step::Stop) => retire(plan, report, observation),
        (Direction::Back, Step::Switch) => switch_back(plan, observation),
        (Direction::Back, Step::Register) => deregister(plan, observation),
        (Direction::Back, Step::Start) => remove(plan, observation),
        (Direction::Back, Step::Stop) => reinstate(plan, observation),
        _ => Verdict::Nothing,
    }
}

fn install(observation: &Observation) -> Verdict {
    match observation.installation {
        Some(Installation::Current) => {
            Verdict::Already("the proxy already has the configuration".into())
        }
        Some(Installation::Missing | Installation::Outdated(_)) => {
            Verdict::Act(vec![Action::Install])
        }
        Some(Installation::Newer(ref why)) => {
            Verdict::Refuse(format!("{why}. The newer configuration is kept"))
        }
        Some(Installation::Foreign(ref why)) => Verdict::Refuse(why.clone()),
        None => Verdict::Wait(format!(
            "it is not known whether the proxy's configuration is installed: {}",
            observation.why_blind()
        )),
    }
}

/// Removes the leftover of the plan, then creates the candidate. If a candidate of this release is already running, it
/// is not started again. The stage is observed until this candidate has been healthy for the minimum time.
fn start(plan: &Plan, observation: &Observation) -> Verdict {
    let slot = plan.slot;
    if let Err(verdict) = without_traffic(slot, observation) {
        return verdict;
    }
    let mut actions = Vec::new();
    match observation.instance(slot) {
        Some(there) if there.release == Some(plan.release) => {
            if there.digest == plan.version.digest && there.is_running() {
                return Verdict::Nothing;
            }
        }
        Some(there) => {
            let is_planned = plan.leftover.as_ref().is_some_and(|it| it.id == there.id);
            if !is_planned {
                return Verdict::Refuse(format!(
                    "{} ({}) is in {slot}, but was not there when the plan was made: back out, then plan again",
                    there.version_name(),
                    there.id.short()
                ));
            }
            actions.push(Action::Deregister(slot));
            actions.extend(removal(slot, &there.id));
        }
        None if observation.instances.is_none() => {
            return Verdict::Wait(format!(
                "{slot} cannot be observed: {}",
                observation.why_blind()
            ));
        }
        None => {}
    }
    actions.push(Action::Create {
        slot,
        version: plan.version.clone(),
        release: plan.release,
    });
    Verdict::Act(actions)
}

/// Stops an instance, then removes it.
fn removal(slot: Slot, instance: &InstanceId) -> [Action; 2] {
    let instance = instance.clone();
    [
        Action::Stop {
            slot,
            instance: instance.clone(),
        },
        Action::Remove { slot, instance },
    ]
}

/// Checks that a slot has no traffic (interlock 1). If it is not known whether the slot has traffic, the guard waits.
fn without_traffic(slot: Slot, observation: &Observation) -> Result<(), Verdict> {
    if observation.registry.is_none() || observation.proxy.is_none() {
        return Err(Verdict::Wait(format!(
            "it is not known whether {slot} has traffic: {}",
            observation.why_blind()
        )));
    }
    if observation.may_have_traffic(slot) {
        let why = format!("{slot} has the traffic, so it is not changed");
        return Err(Verdict::Refuse(why));
    }
    Ok(())
}

/// Guards *stop*. While the old version is running, the traffic can still go back to it. So the guard waits while the
/// new version is unhealthy or the public gets bad answers. The guard refuses if the store no longer names the new
/// version as live, if the new version has crashed since its checks, or if the old slot has the traffic.
fn retire(plan: &Plan, report: Option<&Report>, observation: &Observation) -> Verdict {
    let old = plan.slot.other();
    // The slot is deregistered before its instance is stopped, so other readers of the store find no stopped instance.
    let mut actions = vec![Action::Deregister(old)];
    if let Some(there) = observation.instance(old) {
        let [stop, remove] = removal(old, &there.id);
        actions.push(stop);
        // The version that a rollback replaced is not kept for a cold start, because an operator went back from it.
        if plan.kind != ReleaseKind::Promote {
            actions.push(remove);
        }
    }
    let traffic = without_traffic(old, observation);
    // If the old slot has the traffic, this is the most important reason for the operator.
    if let Err(refused @ Verdict::Refuse(_)) = traffic {
        return refused;
    }
    if let Err(why) = still_routed(plan, observation) {
        return Verdict::Refuse(format!("{old} is kept: {why}"));
    }
    if let Run::Crashed(why) = candidate::run_since_checks(plan, report, observation) {
        return Verdict::Refuse(format!("{old} is kept: {why}"));
    }
    if let Err(Verdict::Wait(why) | Verdict::Refuse(why)) = candidate_is_well(plan, observation) {
        return Verdict::Wait(format!("{old} is kept: {why}"));
    }
    if let Some(why) = public::judge(plan, plan.slot, observation, false).fault() {
        return Verdict::Wait(format!("{old} is kept: {why}"));
    }
    traffic.err().unwrap_or(Verdict::Act(actions))
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

/// Checks with a fresh observation that the candidate is healthy and runs the plan's digest.
fn candidate_is_well(plan: &Plan, observation: &Observation) -> Result<(), Verdict> {
    let slot = plan.slot;
    if observation.instances.is_none() {
        return Err(Verdict::Wait(format!(
            "{slot} cannot be observed: {}",
            observation.why_blind()
        )));
    }
    let Some(instance) = observation.instance(slot) else {
        return Err(Verdict::Refuse(format!("{slot} is empty now")));
    };
    if instance.digest != plan.version.digest {
        return Err(Verdict::Refuse(format!(
            "{slot} runs {} instead of {}",
            instance.digest.short(),
            plan.version.digest.short()
        )));
    }
    if !instance.is_running() {
        return Err(Verdict::Refuse(format!("{slot} is no longer running")));
    }
    match candidate::why_unhealthy(plan, instance, observation.probe.as_ref()) {
        None => Ok(()),
        Some(why) => Err(Verdict::Wait(format!("{slot} is not healthy: {why}"))),
    }
}

/// Checks that the candidate is healthy and is still the run that the checks tested. If the candidate has crashed since
/// its checks, the guard refuses. If the candidate was only started again, its checks must run again.
fn checked_candidate(
    plan: &Plan,
    report: Option<&Report>,
    observation: &Observation,
) -> Result<(), Verdict> {
    if let Run::Crashed(why) = candidate::run_since_checks(plan, report, observation) {
        return Err(Verdict::Refuse(why));
    }
    candidate_is_well(plan, observation)?;
    match candidate::run_since_checks(plan, report, observation) {
        Run::StartedAgain(why) => Err(Verdict::CheckAgain(why)),
        Run::Same | Run::Crashed(_) => Ok(()),
    }
}

fn switch(
    plan: &Plan,
    report: Option<&Report>,
    observation: &Observation,
    now: Timestamp,
) -> Verdict {
    if is_switched(plan, observation) {
        return Verdict::Nothing;
    }
    if let Err(verdict) = checked_candidate(plan, report, observation) {
        return verdict;
    }
    if let Err(verdict) = checks_passed(plan, report, now) {
        return verdict;
    }
    let (Some(record), Some(proxy)) = (&observation.registry, &observation.proxy) else {
        return Verdict::Wait(format!(
            "it is not known which slot is live: {}",
            observation.why_blind()
        ));
    };
    match plan.held(record.hold.as_ref(), now, &observation.clocks) {
        Some(Refusal::Held(hold)) => {
            return Verdict::Refuse(format!(
                "{hold}. The traffic does not move while the hold or freeze is active: retry after its end, or back out"
            ));
        }
        Some(refusal) => {
            return Verdict::Refuse(format!("the traffic does not move: {refusal}"));
        }
        None => {}
    }
    if let Err(verdict) = first::judge(plan, observation) {
        return verdict;
    }
    let registered = record.slots.get(plan.slot).as_ref().map(|r| &r.value);
    match registered {
        Some(entry) if entry.digest == plan.version.digest => {}
        Some(entry) => {
            return Verdict::Refuse(format!(
                "{} is registered with {} instead of {}",
                plan.slot,
                entry.digest.short(),
                plan.version.digest.short()
            ));
        }
        None => return Verdict::Refuse(format!("{} is not registered", plan.slot)),
    }
    let planned = plan.from.as_ref().map(|from| (from.generation, from.slot));
    let ours = (plan.generation, plan.slot);
    let route = observation.route();
    if route != planned && route != Some(ours) {
        return Verdict::Refuse(format!(
            "the route was {} when the plan was made, and is now {}: back out, then plan again",
            route_words(planned),
            route_words(route)
        ));
    }
    let proxy_from = proxy.as_ref().and_then(|p| p.slot);
    let has_planned = proxy_from == planned.map(|(_, slot)| slot);
    // If the plan has no live version, the proxy may name an empty slot. Then the switch takes no traffic from a
    // version.
    let is_empty = planned.is_none()
        && observation.instances.is_some()
        && proxy_from.is_some_and(|slot| observation.instance(slot).is_none());
    if !has_planned && !is_empty && proxy_from != Some(plan.slot) {
        return Verdict::Refuse(format!(
            "the proxy names {}, but {} was live when the plan was made: back out, then plan again",
            proxy_from.map_or("no slot", Slot::as_str),
            planned.map_or("no version", |(_, slot)| slot.as_str())
        ));
    }
    let needed = approvers_needed(plan);
    let Weighed { counted, ignored } = peer_approvals(plan, observation, now);
    if counted.len() < needed {
        let mut summary = peer_approved_words(needed, &counted, now);
        let unread = unread_approvals(plan.target(), &record.problems);
        for why in ignored.into_iter().chain(unread) {
            summary = format!("{summary}; {why}");
        }
        return Verdict::AskAgain(format!(
            "{summary}. The traffic does not move until enough operators have approved"
        ));
    }
    let purpose = if plan.kind == ReleaseKind::Promote {
        // The store compares the hold and the approvals at the switch: an operator may place a hold or withdraw an
        // approval after this observation.
        Purpose::Promote {
            hold: record.hold.clone(),
            peer_approvals: counted.into_iter().cloned().collect(),
        }
    } else {
        Purpose::Rollback(plan.hold_left())
    };
    let rewrite = Rewrite {
        // An earlier driver of this release may already have written the route, under an earlier token.
        from: RouteBefore::of(route),
        live: plan.slot,
        generation: plan.generation,
        digest: plan.version.digest.clone(),
        release: plan.release,
        purpose,
    };
    Verdict::Act(vec![move_to(rewrite, proxy_from)])
}

/// Writes the route, and moves the proxy from the slot that it names now.
fn move_to(route: Rewrite, from: Option<Slot>) -> Action {
    Action::Switch(Box::new(Move {
        from,
        to: route.live,
        generation: route.generation,
        route: Some(route),
    }))
}

/// The approvals by other operators that count now. The holder of the lock is the driver. The driver's own approval
/// does not count.
pub(super) fn peer_approvals<'a>(
    plan: &Plan,
    observation: &'a Observation,
    now: Timestamp,
) -> Weighed<'a> {
    let Some(record) = observation
        .registry
        .as_ref()
        .filter(|_| approvers_needed(plan) > 0)
    else {
        return Weighed::default();
    };
    let driver = record.lock.as_ref().map(|holder| &holder.record.operator);
    weigh(
        plan,
        &record.peer_approvals,
        driver,
        (now, &observation.clocks),
    )
}

/// Whether the route and the proxy have exactly the slot and the generation of the plan.
fn is_switched(plan: &Plan, observation: &Observation) -> bool {
    let ours = Some((plan.generation, plan.slot));
    let proxy = observation.proxy.as_ref().and_then(Option::as_ref);
    let named = proxy.and_then(|proxy| Some((proxy.generation, proxy.slot?)));
    observation.route() == ours && named == ours
}

fn route_words(route: Option<(u64, Slot)>) -> String {
    route.map_or_else(
        || "missing".to_owned(),
        |(generation, slot)| format!("{slot} generation {generation}"),
    )
}

/// Whether recent checks passed for the digest of the plan.
fn checks_passed(plan: &Plan, report: Option<&Report>, now: Timestamp) -> Result<(), Verdict> {
    let Some(report) = report else {
        return Err(Verdict::CheckAgain("the checks were not run".into()));
    };
    if report.digest != plan.version.digest {
        return Err(Verdict::CheckAgain(
            "the checks tested another digest".into(),
        ));
    }
    if !report.allows() {
        return Err(Verdict::Refuse("the checks did not pass".into()));
    }
    let age = elapsed(report.at, now);
    if age > plan.definition.timing.checks_fresh {
        return Err(Verdict::CheckAgain(format!(
            "the checks are {} old",
            duration(age)
        )));
    }
    Ok(())
}

/// Guards the switch back. The old version must be running, registered and healthy by its probe. The image's own
/// HEALTHCHECK does not count: the old version had the traffic before with the same HEALTHCHECK.
fn switch_back(plan: &Plan, observation: &Observation) -> Verdict {
    let Some(from) = &plan.from else {
        return Verdict::Refuse(
            "no version was live before: there is nothing to go back to".into(),
        );
    };
    let (Some(record), Some(proxy)) = (&observation.registry, &observation.proxy) else {
        return Verdict::Wait(format!(
            "it is not known which slot is live: {}",
            observation.why_blind()
        ));
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
    let instance = observation.instance(from.slot);
    if let Some(other) = another_version(from, instance) {
        return Verdict::Refuse(format!("the traffic does not move: {other}"));
    }
    let well = instance.is_some_and(Instance::is_running);
    let healthy = observation
        .probe
        .as_ref()
        .is_some_and(|probe| probe.healthy);
    if !well || !healthy {
        let slot = from.slot;
        let why = match (instance, &observation.probe) {
            (None, _) if observation.instances.is_none() => format!(
                "it is not known whether {slot} is running: {}",
                observation.why_blind()
            ),
            (None, _) => format!("{slot} is empty"),
            (Some(_), _) if !well => format!("{slot} is not running"),
            (Some(_), Some(probe)) => format!("{slot} is not healthy: {}", probe.detail),
            (Some(_), None) => format!("{slot} was not probed"),
        };
        return Verdict::Wait(format!("the traffic does not move: {why}"));
    }
    if record.slots.get(from.slot).is_none() {
        return Verdict::Refuse(format!("{} is not registered", from.slot));
    }
    let newest = generations.0.max(generations.1).max(plan.generation);
    let rewrite = Rewrite {
        from: RouteBefore::of(route),
        live: from.slot,
        generation: newest.saturating_add(1),
        digest: from.version.digest.clone(),
        release: plan.release,
        purpose: Purpose::BackOut,
    };
    Verdict::Act(vec![move_to(rewrite, proxy_slot)])
}

/// A message if a slot runs another version than the version that was live before the release. Only the version that
/// was live may get the traffic back.
fn another_version(from: &LiveBefore, instance: Option<&Instance>) -> Option<String> {
    let other = instance.filter(|instance| instance.digest != from.version.digest)?;
    Some(format!(
        "{} runs {}, but {} was live there before this release",
        from.slot,
        other.digest.short(),
        from.version.digest.short()
    ))
}

/// Guards the undoing of *stop*. The old instance is started again and registered. If it may be stopped, it is stopped
/// first, even if it is running: Docker may still be executing an earlier request to stop it, which was reported as
/// failed, or whose driver has ended. Docker finishes that request first, so it cannot end the instance after the new
/// start. So the three actions belong together: no observation shows whether such a request exists.
fn reinstate(plan: &Plan, observation: &Observation) -> Verdict {
    let old = plan.slot.other();
    let from = plan.from.as_ref();
    if let Some(other) = from.and_then(|from| another_version(from, observation.instance(old))) {
        return Verdict::Refuse(format!("{old} is not started again: {other}"));
    }
    let Some(record) = &observation.registry else {
        return Verdict::Wait(format!(
            "it is not known whether {old} is registered: {}",
            observation.why_blind()
        ));
    };
    let Some(instance) = observation.instance(old) else {
        return match observation.instances {
            Some(_) => Verdict::Refuse(format!(
                "{old} is empty: promote the version that should run"
            )),
            None => Verdict::Wait(format!(
                "{old} cannot be observed: {}",
                observation.why_blind()
            )),
        };
    };
    let runs = instance.is_running();
    let (slot, id) = (old, &instance.id);
    let stop = Action::Stop {
        slot,
        instance: id.clone(),
    };
    let start = Action::Start {
        slot,
        instance: id.clone(),
    };
    let register = Action::Register {
        slot,
        digest: instance.digest.clone(),
        tag: instance.tag.clone(),
        release: plan.release,
    };
    // *stop* deregisters the slot before it stops the instance. So *stop* has not stopped the instance of a registered
    // slot.
    if record.slots.get(old).is_some() {
        if runs {
            return Verdict::Nothing;
        }
        return Verdict::Act(vec![start, register]);
    }
    match without_traffic(old, observation) {
        Ok(()) => Verdict::Act(vec![stop, start, register]),
        // It has the traffic, so it must not be stopped.
        Err(Verdict::Refuse(_)) if runs => Verdict::Act(vec![register]),
        Err(Verdict::Refuse(_)) => Verdict::Act(vec![start, register]),
        Err(verdict) => verdict,
    }
}

fn deregister(plan: &Plan, observation: &Observation) -> Verdict {
    let registered = observation
        .registry
        .as_ref()
        .is_some_and(|r| r.slots.get(plan.slot).is_some());
    if observation.registry.is_some() && !registered {
        return Verdict::Already(format!("{} is not registered", plan.slot));
    }
    // A version that was warm before this release stays registered afterwards.
    if plan.kind == ReleaseKind::WarmRollback {
        return Verdict::Already(format!(
            "{} stays registered, because it was registered before this release",
            plan.slot
        ));
    }
    let actions = vec![Action::Deregister(plan.slot)];
    without_traffic(plan.slot, observation)
        .map_or_else(|verdict| verdict, |()| Verdict::Act(actions))
}

fn remove(plan: &Plan, observation: &Observation) -> Verdict {
    if observation.instances.is_none() {
        return Verdict::Wait(format!(
            "{} cannot be observed: {}",
            plan.slot,
            observation.why_blind()
        ));
    }
    let Some(instance) = observation.instance(plan.slot) else {
        return Verdict::Already(format!("{} is already empty", plan.slot));
    };
    if instance
        .release
        .is_some_and(|release| release != plan.release)
    {
        return Verdict::Already(format!(
            "{} in {} belongs to another release, so it is kept",
            instance.version_name(),
            plan.slot
        ));
    }
    let actions = removal(plan.slot, &instance.id).into();
    without_traffic(plan.slot, observation)
        .map_or_else(|verdict| verdict, |()| Verdict::Act(actions))
}
