//! Judges, after an act, whether the wanted state was reached. Only the observation counts, never the return value of
//! the act.

mod watch;

use jiff::Timestamp;

use super::Plan;
use super::act::{Ask, Course, Observation, Stage};
use super::candidate::{self, exit_words, logs_hint};
use super::describe::duration;
use super::public::{self, Public};
use super::time::elapsed;
use crate::checks::{Report, Verdict as CheckVerdict};
use crate::history::{Direction, Step};
use crate::inventory::{
    Connections, Exit, Installation, Instance, InstanceState, RuntimeHealth, Slot,
};

/// How many bad observations in a row, of the candidate or of the public answers, fail *switch* or *watch*.
pub(super) const BAD_LOOKS: u32 = 3;

/// How often the runtime may restart a candidate before the candidate has failed.
const RESTARTS: u64 = 2;

/// What an observation means for a stage. Each text is a reason or a remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judgement {
    /// The wanted state was reached. The remark may be empty.
    True(String),
    /// The wanted state was not reached yet.
    NotYet(String),
    /// The wanted state was not reached yet, but there was progress, so the deadline moves.
    Moving(String),
    /// The act broke off without its effect. The act must be performed again.
    Again(String),
    /// The wanted state will not be reached.
    Never(String),
}

/// What to observe to judge a stage that started at `since`.
pub(super) fn ask(stage: Stage, plan: &Plan, since: Timestamp) -> Ask {
    let from = plan.from.as_ref().map(|from| from.slot);
    let none = Ask::default();
    match (stage.direction, stage.step) {
        (Direction::Forward, Step::Pull) => Ask {
            image: true,
            ..none
        },
        (Direction::Forward, Step::Install) => Ask {
            installation: true,
            ..none
        },
        (Direction::Forward, Step::Start) => Ask {
            instances: true,
            probe: Some(plan.slot),
            ..none
        },
        (Direction::Forward, Step::Verify) => Ask {
            checks: true,
            ..none
        },
        (_, Step::Register) => Ask {
            registry: true,
            ..none
        },
        (direction, Step::Switch) => Ask {
            registry: true,
            proxy: true,
            public: true,
            direct: (direction == Direction::Forward).then_some(plan.slot),
            ..none
        },
        (Direction::Forward, Step::Watch) => Ask {
            probe: Some(plan.slot),
            instances: true,
            proxy: true,
            public: true,
            direct: Some(plan.slot),
            traffic: Some((plan.slot, since)),
            ..none
        },
        (Direction::Forward, Step::Drain) => Ask {
            connections: from,
            ..none
        },
        (Direction::Back, Step::Drain) => Ask {
            connections: Some(plan.slot),
            ..none
        },
        (Direction::Forward, Step::Stop) => Ask {
            instances: true,
            registry: true,
            ..none
        },
        (Direction::Back, Step::Stop) => Ask {
            instances: true,
            registry: true,
            probe: from,
            ..none
        },
        (Direction::Back, Step::Start) => Ask {
            instances: true,
            ..none
        },
        (Direction::Back, Step::Pull | Step::Install | Step::Verify | Step::Watch) => none,
    }
}

/// Judges an observation of a stage. Updates the course, e.g. since when the candidate has been healthy.
pub(super) fn judge(
    stage: Stage,
    plan: &Plan,
    report: Option<&Report>,
    course: &mut Course,
    observation: &Observation,
    now: Timestamp,
) -> Judgement {
    match (stage.direction, stage.step) {
        (Direction::Forward, Step::Pull) => match observation.image {
            Some(true) => yes(),
            Some(false) => Judgement::NotYet("the image is not pulled yet".into()),
            None => blind(observation),
        },
        (Direction::Forward, Step::Install) => match &observation.installation {
            Some(Installation::Current) => yes(),
            Some(Installation::Missing) => {
                Judgement::NotYet("the proxy's configuration is not installed".into())
            }
            Some(Installation::Outdated(why)) => Judgement::NotYet(why.clone()),
            Some(Installation::Newer(why) | Installation::Foreign(why)) => {
                Judgement::Never(why.clone())
            }
            None => blind(observation),
        },
        (Direction::Forward, Step::Start) => started(plan, course, observation, now),
        (Direction::Forward, Step::Verify) => verified(plan, observation),
        (Direction::Forward, Step::Register) => registered(plan, observation),
        (Direction::Forward, Step::Switch) => watch::switched(plan, course, observation),
        (Direction::Forward, Step::Watch) => watch::watched(plan, report, course, observation, now),
        (_, Step::Drain) => drained(plan, course, observation, now),
        (Direction::Forward, Step::Stop) => retired(plan.slot.other(), observation),
        (Direction::Back, Step::Stop) => reinstated(plan, observation),
        (Direction::Back, Step::Switch) => match &plan.from {
            Some(from) => routed(plan, from.slot, None, observation),
            None => yes(),
        },
        (Direction::Back, Step::Register) => match &observation.registry {
            None => blind(observation),
            Some(record) if record.slots.get(plan.slot).is_none() => yes(),
            Some(_) => Judgement::NotYet(format!("{} is still registered", plan.slot)),
        },
        (Direction::Back, Step::Start) => match &observation.instances {
            None => blind(observation),
            Some(slots) if slots.get(plan.slot).is_none() => yes(),
            Some(_) => Judgement::NotYet(format!("{} is not empty yet", plan.slot)),
        },
        (Direction::Back, Step::Pull | Step::Install | Step::Verify | Step::Watch) => yes(),
    }
}

fn yes() -> Judgement {
    Judgement::True(String::new())
}

fn blind(observation: &Observation) -> Judgement {
    Judgement::NotYet(observation.why_blind())
}

fn started(
    plan: &Plan,
    course: &mut Course,
    observation: &Observation,
    now: Timestamp,
) -> Judgement {
    if observation.instances.is_none() {
        return blind(observation);
    }
    let Some(instance) = observation.instance(plan.slot) else {
        return Judgement::NotYet(format!("{} is still empty", plan.slot));
    };
    if instance.digest != plan.version.digest {
        return Judgement::Never(format!(
            "{} runs {} instead of {}",
            plan.slot,
            instance.digest.short(),
            plan.version.digest.short()
        ));
    }
    if let InstanceState::Exited { code } = instance.state {
        let exit = instance.last_exit.unwrap_or(Exit {
            code,
            out_of_memory: false,
        });
        let exit_text = exit_words(exit, plan.definition.instance.memory);
        // If Docker is restarted, it may end the container that it was starting, or report the exit of an earlier
        // start.
        if std::mem::take(&mut course.broke_off) {
            let note = format!(
                "{} exited while it was being started ({exit_text}), and is started again",
                plan.slot
            );
            return Judgement::Again(note);
        }
        return Judgement::Never(format!(
            "{} exited: {exit_text}; {}",
            plan.slot,
            logs_hint(plan)
        ));
    }
    if instance.restarts > RESTARTS {
        let exit = instance.last_exit.map_or_else(String::new, |exit| {
            format!(
                ", last {}",
                exit_words(exit, plan.definition.instance.memory)
            )
        });
        return Judgement::Never(format!(
            "{} was restarted {} times{exit}; {}",
            plan.slot,
            instance.restarts,
            logs_hint(plan)
        ));
    }
    if let Some(why) = candidate::why_unhealthy(plan, instance, observation.probe.as_ref()) {
        course.healthy_since = None;
        let note = format!("not healthy: {why}");
        // Docker runs the image's HEALTHCHECK for the first time after one interval, which may be longer than the
        // deadline.
        let is_starting = instance.health == RuntimeHealth::Starting
            && observation
                .probe
                .as_ref()
                .is_some_and(|probe| probe.healthy);
        let longest = plan.definition.timing.progress_deadline;
        return if is_starting && elapsed(course.since, now) < longest {
            Judgement::Moving(note)
        } else {
            Judgement::NotYet(note)
        };
    }
    // A new run must be healthy for the whole minimum time.
    let run = instance.run();
    if course.healthy_run.as_ref() != Some(&run) {
        course.healthy_since = None;
        course.healthy_run = Some(run);
    }
    let minimum = plan.definition.timing.minimum_healthy;
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

fn verified(plan: &Plan, observation: &Observation) -> Judgement {
    let Some(report) = &observation.report else {
        return Judgement::Never(format!(
            "the checks could not be run: {}",
            observation.why_blind()
        ));
    };
    if report.digest != plan.version.digest {
        return Judgement::Never(format!(
            "the checks tested {} instead of {}",
            report.digest.short(),
            plan.version.digest.short()
        ));
    }
    let passed = report.count(CheckVerdict::Passed);
    let total = report.cases.len();
    if report.allows() {
        return Judgement::True(match total {
            0 => "no checks are configured".into(),
            _ => format!("{passed} of {total} passed"),
        });
    }
    let first = report
        .cases
        .iter()
        .find(|case| case.required && case.verdict != CheckVerdict::Passed)
        .map(|case| format!("; {} {}: {}", case.name, case.verdict, case.detail))
        .unwrap_or_default();
    Judgement::Never(format!("{passed} of {total} passed{first}"))
}

fn registered(plan: &Plan, observation: &Observation) -> Judgement {
    let Some(record) = &observation.registry else {
        return blind(observation);
    };
    match record.slots.get(plan.slot).as_ref().map(|r| &r.value) {
        Some(entry)
            if entry.digest == plan.version.digest && entry.endpoint == *plan.endpoint() =>
        {
            yes()
        }
        Some(entry) => Judgement::NotYet(format!(
            "{} is registered as {} at {}",
            plan.slot,
            entry.digest.short(),
            entry.endpoint
        )),
        None => Judgement::NotYet(format!("{} is not registered", plan.slot)),
    }
}

/// Judges whether the route, the proxy and the public answers over a fresh and a kept connection name the slot `to`.
/// The proxy must have this generation; if `generation` is none, the generation of the route.
fn routed(plan: &Plan, to: Slot, generation: Option<u64>, observation: &Observation) -> Judgement {
    let (Some(_), Some(proxy)) = (&observation.registry, &observation.proxy) else {
        return blind(observation);
    };
    let route = observation.route();
    if route.map(|(_, slot)| slot) != Some(to) {
        return Judgement::NotYet(format!("the route does not name {to}"));
    }
    let wanted = generation.or(route.map(|(generation, _)| generation));
    let (slot, named) = proxy.as_ref().map_or((None, 0), |p| (p.slot, p.generation));
    if slot != Some(to) || Some(named) != wanted {
        return Judgement::NotYet(format!(
            "the proxy names {} at generation {named}",
            slot.map_or("no slot", Slot::as_str)
        ));
    }
    match public::judge(plan, to, observation, false) {
        Public::Unknown => blind(observation),
        Public::Silent(why) | Public::Elsewhere(why) => Judgement::NotYet(why),
        Public::NotConfigured | Public::Bad(_) | Public::Good => yes(),
    }
}

fn drained(plan: &Plan, course: &Course, observation: &Observation, now: Timestamp) -> Judgement {
    let limit = plan.definition.timing.drain;
    let is_over = elapsed(course.since, now) >= limit;
    match &observation.connections {
        Some(Connections::Open(0)) => yes(),
        Some(Connections::Open(open)) if is_over => {
            Judgement::True(format!("{open} connections are still open and may be cut"))
        }
        Some(Connections::Open(open)) => Judgement::Moving(format!("{open} connections are open")),
        Some(Connections::Uncounted(why)) if is_over => {
            Judgement::True(format!("waited {}; {why}", duration(limit)))
        }
        Some(Connections::Uncounted(why)) => Judgement::Moving(why.clone()),
        None if is_over => Judgement::True(format!(
            "waited {}; connections could not be counted: {}",
            duration(limit),
            observation.why_blind()
        )),
        None => blind(observation),
    }
}

fn retired(slot: Slot, observation: &Observation) -> Judgement {
    let (Some(_), Some(record)) = (&observation.instances, &observation.registry) else {
        return blind(observation);
    };
    if observation.instance(slot).is_some_and(Instance::is_running) {
        return Judgement::NotYet(format!("{slot} is still running"));
    }
    if record.slots.get(slot).is_some() {
        return Judgement::NotYet(format!("{slot} is still registered"));
    }
    yes()
}

fn reinstated(plan: &Plan, observation: &Observation) -> Judgement {
    let old = plan.slot.other();
    let (Some(_), Some(record)) = (&observation.instances, &observation.registry) else {
        return blind(observation);
    };
    if !observation.instance(old).is_some_and(Instance::is_running) {
        return Judgement::NotYet(format!("{old} is not running"));
    }
    if !observation
        .probe
        .as_ref()
        .is_some_and(|probe| probe.healthy)
    {
        return Judgement::NotYet(format!("{old} is not healthy yet"));
    }
    if record.slots.get(old).is_none() {
        return Judgement::NotYet(format!("{old} is not registered"));
    }
    yes()
}
