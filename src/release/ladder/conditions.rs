//! Observations and conditions that several steps share, for example a slot without traffic or a healthy candidate.

use std::time::Duration;

use super::candidate::{self, Run};
use super::{Judgement, Situation, Verdict};
use crate::inventory::{InstanceId, Slot, SlotMembers};
use crate::release::describe::duration;
use crate::release::interlocks;
use crate::release::reached::reached;
use crate::release::time::elapsed;
use crate::release::{Action, Ask, LiveBefore, Observation, Plan};

/// How many bad observations in a row, of the candidate or of the public answers, fail *switch* or *watch*.
pub(super) const BAD_IN_A_ROW: u32 = 3;

/// Asks which instances are in the slots, and which slot has the traffic.
pub(super) fn slots_and_traffic() -> Ask {
    Ask {
        instances: true,
        registry: true,
        proxy: true,
        ..Ask::default()
    }
}

/// The interval of the health check.
pub(super) fn interval(plan: &Plan) -> Duration {
    let health = plan.definition.health.as_ref();
    health.map_or(Duration::from_secs(1), |health| health.interval)
}

/// The pause before the next observation of a stage with a time window: the interval of the health check, but not
/// longer than the time that is left, and at least 5 ms.
pub(super) fn pause_within(plan: &Plan, left: Duration) -> Duration {
    interval(plan).min(left).max(Duration::from_millis(5))
}

/// Checks that a slot has no traffic (interlock 1). If it is not known whether the slot has traffic, the guard waits.
pub(super) fn without_traffic(slot: Slot, situation: &Situation<'_>) -> Result<(), Verdict> {
    let view = situation.view(None);
    interlocks::without_traffic(&view, slot).map_err(Verdict::from)
}

/// Judges by [`reached`] whether the result of an action was observed.
pub(super) fn judge_by(action: &Action, situation: &Situation<'_>) -> Judgement {
    match reached(action, &situation.view(None)) {
        Ok(()) => Judgement::reached(),
        Err(why) => Judgement::NotYet(why),
    }
}

/// The verdict that the slot cannot be observed.
pub(super) fn unseen(slot: Slot, observation: &Observation) -> Verdict {
    Verdict::Wait(format!(
        "{slot} cannot be observed: {}",
        observation.why_blind()
    ))
}

/// The actions that stop an instance and then remove it.
pub(super) fn removal(slot: Slot, instance: &InstanceId) -> [Action; 2] {
    let instance = instance.clone();
    [
        Action::Stop {
            slot,
            instance: instance.clone(),
        },
        Action::Remove { slot, instance },
    ]
}

/// Checks with a fresh observation that the candidate is healthy and runs the plan's digest.
pub(super) fn candidate_is_healthy(plan: &Plan, observation: &Observation) -> Result<(), Verdict> {
    let slot = plan.slot;
    let Some(members) = observation.members(slot) else {
        return Err(unseen(slot, observation));
    };
    if members.is_empty() {
        return Err(Verdict::Refuse(format!("{slot} is empty now")));
    }
    if let Some(difference) = members.difference() {
        return Err(Verdict::Refuse(format!("{slot} {difference}")));
    }
    if members.digest() != Some(&plan.version.digest) {
        return Err(Verdict::Refuse(another_digest(plan, members)));
    }
    if let Some(stopped) = members.iter().find(|member| !member.is_running()) {
        let name = members.name_of_member(slot, stopped);
        return Err(Verdict::Refuse(format!("{name} is no longer running")));
    }
    match candidate::why_unhealthy(plan, members, observation.probe.as_ref()) {
        None => Ok(()),
        Some(why) => Err(Verdict::Wait(format!("{slot} is not healthy: {why}"))),
    }
}

/// The message that the slot of the candidate runs another digest than the plan's.
pub(super) fn another_digest(plan: &Plan, members: &SlotMembers) -> String {
    format!(
        "{} runs {} instead of {}",
        plan.slot,
        members.short_digests(),
        plan.version.digest.short()
    )
}

/// Checks that the candidate is healthy and is still the run that the checks tested. If the candidate has crashed since
/// its checks, the guard refuses. If the candidate was only started again, its checks must run again.
pub(super) fn checked_candidate(situation: &Situation<'_>) -> Result<(), Verdict> {
    let run = candidate::run_since_checks(situation);
    if let Run::Crashed(why) = run {
        return Err(Verdict::Refuse(why));
    }
    candidate_is_healthy(situation.plan, situation.observation)?;
    match run {
        Run::StartedAgain(why) => Err(Verdict::CheckAgain(why)),
        Run::Same | Run::Crashed(_) => Ok(()),
    }
}

/// Checks that the last report is for the digest of the plan, allows the switch, and is fresh.
pub(super) fn checks_passed(situation: &Situation<'_>) -> Result<(), Verdict> {
    let plan = situation.plan;
    let Some(report) = situation.report else {
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
    let age = elapsed(report.at, situation.now);
    if age > plan.definition.timing.checks_fresh {
        return Err(Verdict::CheckAgain(format!(
            "the checks are {} old",
            duration(age)
        )));
    }
    Ok(())
}

/// A message if a slot runs another version than the version that was live before the release. Only the version that
/// was live may get the traffic back.
pub(super) fn another_version(from: &LiveBefore, members: Option<&SlotMembers>) -> Option<String> {
    let members = members.filter(|it| !it.is_empty())?;
    if let Some(difference) = members.difference() {
        return Some(format!("{} {difference}", from.slot));
    }
    let is_other = members.digest() != Some(&from.version.digest);
    is_other.then(|| {
        format!(
            "{} runs {}, but {} was live there before this release",
            from.slot,
            members.short_digests(),
            from.version.digest.short()
        )
    })
}

/// Whether the probe of this observation found its slot healthy.
pub(super) fn is_probed_healthy(observation: &Observation) -> bool {
    let probe = observation.probe.as_ref();
    probe.is_some_and(|probe| probe.healthy)
}
