//! *start*: the leftover in the slot is removed, then the candidate is created and started. The undo of *start*
//! stops and removes the candidate.
//!
//! - Act: all members of the leftover in the slot are removed, the candidate is created and started; left out for a
//!   warm rollback.
//! - Done when that digest is running and was healthy without a break for the minimum time.
//! - Undone by: stop and remove the candidate.

use std::time::Duration;

use jiff::Timestamp;

use super::candidate::{self, exit_words, logs_hint};
use super::conditions::{
    another_digest, another_version, interval, pause_within, removal, slots_and_traffic, unseen,
    without_traffic,
};
use super::stop::ran_nothing_before;
use super::{
    Course, Judgement, Property, Situation, StageDefinition, StepDefinition, StepSummary, Verdict,
};
use crate::inventory::{Exit, Instance, InstanceState, RuntimeHealth, SlotMembers, instance_name};
use crate::release::describe::duration;
use crate::release::time::elapsed;
use crate::release::{Action, Ask, Draft, Plan, ProxyWords};

/// How often the runtime may restart a candidate before the candidate has failed.
const RESTARTS: u64 = 2;
/// The longest pause between two observations while the candidate is not healthy.
const UNTIL_HEALTHY: Duration = Duration::from_millis(50);

pub(super) struct Start;

impl StageDefinition for Start {
    fn ask_before(&self, _plan: &Plan) -> Ask {
        slots_and_traffic()
    }

    /// The leftover of the plan is removed, then the candidate is created. If a candidate of this release is already
    /// running, it is not started again. The stage is observed until this candidate has been healthy for the minimum
    /// time.
    fn guard(&self, situation: &Situation<'_>) -> Verdict {
        let (plan, observation) = (situation.plan, situation.observation);
        let slot = plan.slot;
        if let Err(verdict) = without_traffic(slot, situation) {
            return verdict;
        }
        let Some(members) = observation.members(slot) else {
            return unseen(slot, observation);
        };
        let is_digest = members.digest() == Some(&plan.version.digest);
        if members.release() == Some(plan.release) && is_digest && members.are_running() {
            return Verdict::Nothing;
        }
        let mut actions = Vec::new();
        for there in members {
            if there.release == Some(plan.release) {
                continue;
            }
            let mut leftover = plan.leftover.iter();
            if leftover.all(|leftover| leftover.id != there.id) {
                return Verdict::Refuse(format!(
                    "{} ({}, {}) is in {slot}, but was not there when the plan was made: back out, then plan again",
                    there.name,
                    there.version_name(),
                    there.id.short()
                ));
            }
            if actions.is_empty() {
                actions.push(Action::Deregister(slot));
            }
            actions.extend(removal(slot, &there.id));
        }
        actions.push(Action::Create {
            slot,
            addresses: plan.addresses(),
            version: plan.version.clone(),
            release: plan.release,
        });
        Verdict::Act(actions)
    }

    fn ask_after(&self, plan: &Plan, _course: &Course) -> Ask {
        Ask {
            instances: true,
            probe: Some(plan.slot),
            ..Ask::default()
        }
    }

    fn judge(&self, situation: &Situation<'_>, course: &mut Course) -> Judgement {
        let (plan, observation) = (situation.plan, situation.observation);
        let Some(members) = observation.members(plan.slot) else {
            return Judgement::blind(observation);
        };
        if members.is_empty() {
            return Judgement::NotYet(format!("{} is still empty", plan.slot));
        }
        let is_candidate = |member: &&Instance| {
            member.release == Some(plan.release) && member.digest == plan.version.digest
        };
        for member in members.iter().filter(is_candidate) {
            let name = members.name_of_member(plan.slot, member);
            if let Some(judgement) = broken(plan, (&name, member), course) {
                return judgement;
            }
        }
        if let Some(difference) = members.difference() {
            course.healthy_since = None;
            return Judgement::NotYet(format!("{} {difference}", plan.slot));
        }
        if members.digest() != Some(&plan.version.digest) {
            return Judgement::Never(another_digest(plan, members));
        }
        if let Some(why) = candidate::why_unhealthy(plan, members, observation.probe.as_ref()) {
            return unhealthy(situation, members, course, &why);
        }
        healthy(situation, members, course)
    }

    fn time_limit(&self, plan: &Plan) -> Duration {
        plan.definition.timing.health_deadline
    }

    /// The pause is short until the candidate is healthy. After that it is the interval of the health check, or less if
    /// the minimum healthy time ends earlier.
    fn pause(&self, plan: &Plan, course: &Course, now: Timestamp) -> Duration {
        match course.healthy_since {
            None => interval(plan).min(UNTIL_HEALTHY),
            Some(since) => {
                let minimum = plan.definition.timing.minimum_healthy;
                pause_within(plan, minimum.saturating_sub(elapsed(since, now)))
            }
        }
    }
}

/// The judgement of a member that has exited, or is restarted again and again. None for any other member.
fn broken(
    plan: &Plan,
    (name, instance): (&str, &Instance),
    course: &mut Course,
) -> Option<Judgement> {
    let memory = plan.definition.instance.memory;
    if let InstanceState::Exited { code } = instance.state {
        let exit = instance.last_exit.unwrap_or(Exit {
            code,
            out_of_memory: false,
        });
        let exit_text = exit_words(exit, memory);
        // If Docker is restarted, it may end the container that it was starting, or report the exit of an earlier
        // start.
        if std::mem::take(&mut course.failed_temporarily) {
            return Some(Judgement::Again(format!(
                "{name} exited while it was being started ({exit_text}), and is started again"
            )));
        }
        return Some(Judgement::Never(format!(
            "{name} exited: {exit_text}; {}",
            logs_hint(plan)
        )));
    }
    (instance.restarts > RESTARTS).then(|| {
        let exit = instance.last_exit.map_or_else(String::new, |exit| {
            format!(", last {}", exit_words(exit, memory))
        });
        Judgement::Never(format!(
            "{name} was restarted {} times{exit}; {}",
            instance.restarts,
            logs_hint(plan)
        ))
    })
}

fn unhealthy(
    situation: &Situation<'_>,
    members: &SlotMembers,
    course: &mut Course,
    why: &str,
) -> Judgement {
    course.healthy_since = None;
    let note = format!("not healthy: {why}");
    // Docker runs the image's HEALTHCHECK for the first time after one interval, which may be longer than the
    // deadline.
    let mut members = members.iter();
    let is_starting = members.any(|member| member.health == RuntimeHealth::Starting)
        && situation
            .observation
            .probe
            .as_ref()
            .is_some_and(|probe| probe.healthy);
    let longest = situation.plan.definition.timing.progress_deadline;
    if is_starting && elapsed(course.since, situation.now) < longest {
        Judgement::Moving(note)
    } else {
        Judgement::NotYet(note)
    }
}

fn healthy(situation: &Situation<'_>, members: &SlotMembers, course: &mut Course) -> Judgement {
    let now = situation.now;
    // A new run must be healthy for the whole minimum time.
    let runs: Vec<_> = members.iter().map(Instance::run).collect();
    if course.healthy_runs != runs {
        course.healthy_since = None;
        course.healthy_runs = runs;
    }
    let minimum = situation.plan.definition.timing.minimum_healthy;
    let since = *course.healthy_since.get_or_insert(now);
    let time = elapsed(since, now);
    if time >= minimum {
        return Judgement::True(format!("healthy for {}", duration(time)));
    }
    Judgement::Moving(format!(
        "healthy for {} of {}",
        duration(time),
        duration(minimum)
    ))
}

impl StepDefinition for Start {
    fn summary(&self) -> StepSummary {
        StepSummary {
            does: "start the candidate in the slot that is not live",
            done_when: "the candidate stays healthy for the minimum time",
        }
    }

    fn is_needed(&self, draft: &Draft) -> bool {
        draft.plan.warm.is_empty()
    }

    fn calls(&self, draft: &Draft, _proxy: &ProxyWords) -> Vec<String> {
        let plan = &draft.plan;
        let mut calls = Vec::new();
        if !plan.leftover.is_empty() {
            calls.push(format!("store: remove slots/{}, if it exists", plan.slot));
        }
        let is_idle = if plan.definition.is_background() {
            "is not live"
        } else {
            "has no traffic"
        };
        for leftover in &plan.leftover {
            calls.push(format!(
                "engine: stop and remove {} ({}, {}), which {is_idle}",
                leftover.name,
                leftover.version_name(),
                leftover.id.short()
            ));
        }
        let addresses = plan.addresses();
        let members = addresses.members();
        let first = instance_name(plan.target(), plan.slot, 1);
        let named = if members == 1 {
            first
        } else {
            let last = instance_name(plan.target(), plan.slot, members);
            format!("{members} members, {first} to {last},")
        };
        let (image, at) = (plan.version.pinned(), addresses.at());
        calls.push(format!("engine: create and start {named} from {image}{at}"));
        let options = plan
            .definition
            .instance
            .container
            .docker_lines()
            .into_iter();
        calls.extend(options.map(|line| format!("engine: with Docker's option {line}")));
        if let Some(health) = &plan.definition.health {
            let timing = &plan.definition.timing;
            calls.push(format!(
                "GET {} every {} (more often before the first good answer) until it is good for {}, for at most {}",
                health.shown_path(),
                duration(health.interval),
                duration(timing.minimum_healthy),
                duration(timing.health_deadline)
            ));
        } else if plan.definition.is_background() {
            let timing = &plan.definition.timing;
            calls.push(format!(
                "wait until every member has been running for {} without a restart, and the HEALTHCHECK of the image (if any) passes: at most {}",
                duration(timing.minimum_healthy),
                duration(timing.health_deadline)
            ));
        }
        calls
    }

    fn undo_words(&self, plan: &Plan) -> String {
        let slot = plan.slot;
        if plan.definition.is_exclusive() {
            return format!("stop and remove {slot}");
        }
        format!("stop and remove {slot}; {} is not touched", slot.other())
    }

    fn undo(&self) -> &'static dyn StageDefinition {
        &Remove
    }

    fn properties(&self) -> &'static [Property] {
        &[Property::CreatesCandidate]
    }
}

/// Stops and removes the candidate.
struct Remove;

/// The members of the candidate's slot that do not belong to another release.
fn to_remove<'a>(plan: &'a Plan, members: &'a SlotMembers) -> impl Iterator<Item = &'a Instance> {
    let is_ours = |member: &&Instance| member.release.is_none_or(|it| it == plan.release);
    members.iter().filter(is_ours)
}

/// Checks that the old version of an exclusive service can be started again, before a candidate that may be running is
/// removed: otherwise no version would run. If none ran before the release, a candidate that is not live may be removed.
fn may_be_removed(situation: &Situation<'_>, candidate: &SlotMembers) -> Result<(), Verdict> {
    let (plan, observation) = (situation.plan, situation.observation);
    let Some(from) = plan.from.as_ref().filter(|_| plan.stops_first()) else {
        return Ok(());
    };
    if !candidate.iter().any(Instance::is_up) {
        return Ok(());
    }
    if ran_nothing_before(plan) {
        match without_traffic(plan.slot, situation) {
            Err(Verdict::Refuse(_)) => {}
            other => return other,
        }
    }
    let Some(members) = observation.members(from.slot) else {
        return Err(unseen(from.slot, observation));
    };
    let why = if members.is_empty() {
        Some(format!("{} is empty", from.slot))
    } else {
        another_version(from, Some(members))
    };
    why.map_or(Ok(()), |why| {
        Err(Verdict::Refuse(format!(
            "{} is kept, because the old version cannot be started again: {why}",
            plan.slot
        )))
    })
}

impl StageDefinition for Remove {
    fn ask_before(&self, _plan: &Plan) -> Ask {
        slots_and_traffic()
    }

    fn stops_live(&self, plan: &Plan) -> bool {
        plan.stops_first()
    }

    fn guard(&self, situation: &Situation<'_>) -> Verdict {
        let (plan, observation) = (situation.plan, situation.observation);
        let Some(members) = observation.members(plan.slot) else {
            return unseen(plan.slot, observation);
        };
        if members.is_empty() {
            return Verdict::Already(format!("{} is already empty", plan.slot));
        }
        if to_remove(plan, members).next().is_none() {
            return Verdict::Already(format!(
                "{} in {} belongs to another release, so it is kept",
                members.names(),
                plan.slot
            ));
        }
        if let Err(verdict) = may_be_removed(situation, members) {
            return verdict;
        }
        let mut actions = Vec::new();
        let record = observation.registry.as_ref();
        let is_registered = record.is_some_and(|record| record.slots.get(plan.slot).is_some());
        // The registration of a slot that is still live goes only after the route.
        let is_live = plan.stops_first() && without_traffic(plan.slot, situation).is_err();
        if is_registered && !is_live {
            actions.push(Action::Deregister(plan.slot));
        }
        let removed = to_remove(plan, members).map(|member| removal(plan.slot, &member.id));
        actions.extend(removed.flatten());
        Verdict::Act(actions)
    }

    fn ask_after(&self, _plan: &Plan, _course: &Course) -> Ask {
        Ask {
            instances: true,
            ..Ask::default()
        }
    }

    fn judge(&self, situation: &Situation<'_>, _course: &mut Course) -> Judgement {
        let plan = situation.plan;
        match situation.observation.members(plan.slot) {
            None => Judgement::blind(situation.observation),
            Some(members) if to_remove(plan, members).next().is_none() => Judgement::reached(),
            Some(_) => Judgement::NotYet(format!("{} is not empty yet", plan.slot)),
        }
    }

    fn pause(&self, plan: &Plan, course: &Course, now: Timestamp) -> Duration {
        Start.pause(plan, course, now)
    }
}
