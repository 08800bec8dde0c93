//! *start*: the leftover in the slot is removed, then the candidate is created and started. The undo of *start*
//! stops and removes the candidate.

use std::time::Duration;

use jiff::Timestamp;

use super::candidate::{self, exit_words, logs_hint};
use super::conditions::{
    interval, pause_within, removal, slots_and_traffic, unseen, without_traffic,
};
use super::{Course, Judgement, Property, Situation, StageDefinition, StepDefinition, Verdict};
use crate::inventory::{Exit, Instance, InstanceState, RuntimeHealth, instance_name};
use crate::release::describe::duration;
use crate::release::time::elapsed;
use crate::release::{Action, Ask, Draft, Plan, ProxyWords, Timing};

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
        let mut actions = Vec::new();
        match observation.instance(slot) {
            None if observation.instances.is_none() => return unseen(slot, observation),
            None => {}
            Some(there)
                if there.release == Some(plan.release)
                    && there.digest == plan.version.digest
                    && there.is_running() =>
            {
                return Verdict::Nothing;
            }
            Some(there) if there.release == Some(plan.release) => {}
            Some(there) => {
                let leftover = plan.leftover.as_ref();
                if leftover.is_none_or(|leftover| leftover.id != there.id) {
                    return Verdict::Refuse(format!(
                        "{} ({}) is in {slot}, but was not there when the plan was made: back out, then plan again",
                        there.version_name(),
                        there.id.short()
                    ));
                }
                actions.push(Action::Deregister(slot));
                actions.extend(removal(slot, &there.id));
            }
        }
        actions.push(Action::Create {
            slot,
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
        if observation.instances.is_none() {
            return Judgement::blind(observation);
        }
        let Some(instance) = observation.instance(plan.slot) else {
            return Judgement::NotYet(format!("{} is still empty", plan.slot));
        };
        if let Some(judgement) = broken(plan, instance, course) {
            return judgement;
        }
        if let Some(why) = candidate::why_unhealthy(plan, instance, observation.probe.as_ref()) {
            return unhealthy(situation, instance, course, &why);
        }
        healthy(situation, instance, course)
    }

    fn time_limit(&self, timing: &Timing) -> Duration {
        timing.health_deadline
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

/// The judgement of a candidate that runs another digest, has exited, or is restarted again and again. None for any
/// other candidate.
fn broken(plan: &Plan, instance: &Instance, course: &mut Course) -> Option<Judgement> {
    let slot = plan.slot;
    if instance.digest != plan.version.digest {
        return Some(Judgement::Never(format!(
            "{slot} runs {} instead of {}",
            instance.digest.short(),
            plan.version.digest.short()
        )));
    }
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
                "{slot} exited while it was being started ({exit_text}), and is started again"
            )));
        }
        return Some(Judgement::Never(format!(
            "{slot} exited: {exit_text}; {}",
            logs_hint(plan)
        )));
    }
    (instance.restarts > RESTARTS).then(|| {
        let exit = instance.last_exit.map_or_else(String::new, |exit| {
            format!(", last {}", exit_words(exit, memory))
        });
        Judgement::Never(format!(
            "{slot} was restarted {} times{exit}; {}",
            instance.restarts,
            logs_hint(plan)
        ))
    })
}

fn unhealthy(
    situation: &Situation<'_>,
    instance: &Instance,
    course: &mut Course,
    why: &str,
) -> Judgement {
    course.healthy_since = None;
    let note = format!("not healthy: {why}");
    // Docker runs the image's HEALTHCHECK for the first time after one interval, which may be longer than the
    // deadline.
    let is_starting = instance.health == RuntimeHealth::Starting
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

fn healthy(situation: &Situation<'_>, instance: &Instance, course: &mut Course) -> Judgement {
    let now = situation.now;
    // A new run must be healthy for the whole minimum time.
    let run = instance.run();
    if course.healthy_run.as_ref() != Some(&run) {
        course.healthy_since = None;
        course.healthy_run = Some(run);
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
    fn is_needed(&self, draft: &Draft) -> bool {
        draft.plan.warm.is_none()
    }

    fn calls(&self, draft: &Draft, _proxy: &ProxyWords) -> Vec<String> {
        let plan = &draft.plan;
        let mut calls = Vec::new();
        let name = instance_name(plan.target(), plan.slot);
        if let Some(leftover) = &plan.leftover {
            calls.push(format!("store: remove slots/{}, if it exists", plan.slot));
            calls.push(format!(
                "engine: stop and remove {name} ({}, {}), which has no traffic",
                leftover.version_name(),
                leftover.id.short()
            ));
        }
        calls.push(format!(
            "engine: create and start {name} from {} at {}",
            plan.version.pinned(),
            plan.endpoint()
        ));
        if let Some(health) = &plan.definition.health {
            let timing = &plan.definition.timing;
            calls.push(format!(
                "GET {} every {} (more often before the first good answer) until it is good for {}, for at most {}",
                health.shown_path(),
                duration(health.interval),
                duration(timing.minimum_healthy),
                duration(timing.health_deadline)
            ));
        }
        calls
    }

    fn undo_words(&self, plan: &Plan) -> String {
        let slot = plan.slot;
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

impl StageDefinition for Remove {
    fn ask_before(&self, _plan: &Plan) -> Ask {
        slots_and_traffic()
    }

    fn guard(&self, situation: &Situation<'_>) -> Verdict {
        let (plan, observation) = (situation.plan, situation.observation);
        if observation.instances.is_none() {
            return unseen(plan.slot, observation);
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
        let mut actions = Vec::new();
        let record = observation.registry.as_ref();
        if record.is_some_and(|record| record.slots.get(plan.slot).is_some()) {
            actions.push(Action::Deregister(plan.slot));
        }
        actions.extend(removal(plan.slot, &instance.id));
        Verdict::Act(actions)
    }

    fn ask_after(&self, _plan: &Plan, _course: &Course) -> Ask {
        Ask {
            instances: true,
            ..Ask::default()
        }
    }

    fn judge(&self, situation: &Situation<'_>, _course: &mut Course) -> Judgement {
        let slot = situation.plan.slot;
        match &situation.observation.instances {
            None => Judgement::blind(situation.observation),
            Some(slots) if slots.get(slot).is_none() => Judgement::reached(),
            Some(_) => Judgement::NotYet(format!("{slot} is not empty yet")),
        }
    }

    fn pause(&self, plan: &Plan, course: &Course, now: Timestamp) -> Duration {
        Start.pause(plan, course, now)
    }
}
