//! *quiet*: the old version of a worker is told to take no more jobs, and finishes those that it has.
//!
//! - Act: after the standby: the old slot is deregistered, so that no rollback goes back to it without a start; then each
//!   member gets the signal, or runs the command.
//! - Done when no job is left, or when all members have exited, or the time is over and the number of jobs was
//!   reported.
//! - Undone by: start it again, register it.

use std::time::Duration;

use jiff::Timestamp;

use super::stop::{Reinstate, Stop, ready_to_end, standby_words};
use super::{
    AfterFailure, Course, Judgement, Property, Situation, StageDefinition, StepDefinition,
    StepSummary, Verdict,
};
use crate::inventory::{Instance, JobCount, QuietBy};
use crate::release::describe::duration;
use crate::release::time::elapsed;
use crate::release::{Action, Ask, Draft, Need, Plan, ProxyWords, Timing};

/// The pause between two counts of the jobs.
const COUNT_AGAIN: Duration = Duration::from_secs(1);

pub(super) struct Quiet;

impl StageDefinition for Quiet {
    fn ask_before(&self, plan: &Plan) -> Ask {
        Stop.ask_before(plan)
    }

    fn guard(&self, situation: &Situation<'_>) -> Verdict {
        if let Err(verdict) = ready_to_end(situation) {
            return verdict;
        }
        let slot = situation.plan.slot.other();
        let members = situation.observation.members(slot);
        let running = members.into_iter().flatten().filter(|it| it.is_running());
        let mut actions = vec![Action::Deregister(slot)];
        actions.extend(running.map(|member| Action::Quiet {
            slot,
            instance: member.id.clone(),
        }));
        if actions.len() == 1 {
            return Verdict::Already(format!("{slot} is not running"));
        }
        Verdict::Act(actions)
    }

    fn guard_time_limit(&self, timing: &Timing) -> Duration {
        Stop.guard_time_limit(timing)
    }

    fn ask_after(&self, plan: &Plan, _course: &Course) -> Ask {
        Ask {
            instances: true,
            jobs: Some(plan.slot.other()),
            ..Ask::default()
        }
    }

    /// When the time for the jobs is over, *quiet* is done, and reports how many jobs are left.
    fn judge(&self, situation: &Situation<'_>, course: &mut Course) -> Judgement {
        let (plan, observation) = (situation.plan, situation.observation);
        let slot = plan.slot.other();
        if course.last_failure.is_some() {
            return Judgement::NotYet(format!(
                "{slot} may not have been told to take no more jobs"
            ));
        }
        let Some(members) = observation.members(slot) else {
            return Judgement::blind(observation);
        };
        if !members.iter().any(Instance::is_up) {
            return Judgement::True(format!("{slot} has exited"));
        }
        let limit = timeout(plan);
        let is_over = elapsed(course.since, situation.now) >= limit;
        // The runtime may have started a member again, which then takes jobs.
        let runs: Vec<_> = members.iter().map(Instance::run).collect();
        let before = std::mem::replace(&mut course.healthy_runs, runs);
        if !before.is_empty() && before != course.healthy_runs && !is_over {
            return Judgement::Again(format!("{slot} was started again, and is told again"));
        }
        let is_restarting = members.iter().any(|it| it.is_up() && !it.is_running());
        match &observation.jobs {
            Some(JobCount::Left(_)) if is_restarting && !is_over => {
                Judgement::Moving(format!("{slot} is not running"))
            }
            Some(JobCount::Left(0)) => Judgement::True("no job is left".to_owned()),
            Some(JobCount::Left(left)) if is_over => {
                Judgement::True(format!("{} and may be cut", jobs_left(*left)))
            }
            Some(JobCount::Left(left)) => Judgement::Moving(jobs_left(*left)),
            Some(JobCount::Uncounted(why)) if is_over => {
                Judgement::True(format!("waited {}; {why}", duration(limit)))
            }
            Some(JobCount::Uncounted(why)) => Judgement::Moving(why.clone()),
            None => Judgement::blind(observation),
        }
    }

    fn window(&self, plan: &Plan) -> Option<Duration> {
        Some(timeout(plan))
    }

    fn pause(&self, _plan: &Plan, _course: &Course, _now: Timestamp) -> Duration {
        COUNT_AGAIN
    }
}

fn jobs_left(left: u64) -> String {
    match left {
        1 => "1 job is left".to_owned(),
        _ => format!("{left} jobs are left"),
    }
}

/// How long the jobs may take.
fn timeout(plan: &Plan) -> Duration {
    let quiet = plan.definition.quiet.as_ref();
    quiet.map_or(Duration::ZERO, |quiet| quiet.timeout)
}

impl StepDefinition for Quiet {
    fn summary(&self) -> StepSummary {
        StepSummary {
            does: "only for a worker with `quiet`: tell the old version to take no more jobs",
            done_when: "the old version has no job left, or its time to finish has ended",
        }
    }

    fn is_needed(&self, draft: &Draft) -> bool {
        draft.plan.definition.quiet.is_some() && Stop.is_needed(draft)
    }

    fn calls(&self, draft: &Draft, _proxy: &ProxyWords) -> Vec<String> {
        let plan = &draft.plan;
        let old = plan.slot.other();
        let standby = [
            standby_words(plan),
            format!("store: remove slots/{old}, unless the route names it"),
        ];
        standby.into_iter().chain(quiet_calls(plan)).collect()
    }

    fn undo_words(&self, plan: &Plan) -> String {
        Stop.undo_words(plan)
    }

    fn undo(&self) -> &'static dyn StageDefinition {
        &Reinstate
    }

    /// A person types the environment's name, because no warm rollback is possible after *quiet*.
    fn need_if_protected(&self) -> Need {
        Need::TypedName
    }

    fn after_failure(&self, _bad_in_a_row: u32) -> AfterFailure {
        AfterFailure::StaysLive
    }

    fn properties(&self) -> &'static [Property] {
        &[
            Property::ClearsOldSlot,
            Property::FollowsStandby,
            Property::MayBeSkipped,
        ]
    }
}

/// How the old version is told to take no more jobs, and how long it may take; empty if the configuration has no `quiet`.
pub(in crate::release) fn quiet_calls(plan: &Plan) -> Vec<String> {
    let old = plan.slot.other();
    let Some(quiet) = &plan.definition.quiet else {
        return Vec::new();
    };
    let tell = match &quiet.by {
        QuietBy::Signal(signal) => format!("engine: send {signal} to every member of {old}"),
        QuietBy::Command(command) => {
            format!(
                "engine: run `{}` in every member of {old}",
                command.join(" ")
            )
        }
    };
    let until = match &quiet.jobs {
        Some(jobs) => format!(
            "wait until {old} has no job left, as `{}` counts",
            jobs.join(" ")
        ),
        None => format!("wait until {old} has exited"),
    };
    vec![
        tell,
        format!("{until}, for at most {}", duration(quiet.timeout)),
    ]
}
