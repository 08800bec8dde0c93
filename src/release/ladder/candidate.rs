//! Decides whether the candidate is healthy, and whether it is still the run that the checks tested. Guards and judges
//! use this module.

use super::Situation;
use crate::inventory::local_time;
use crate::inventory::{Exit, Instance, InstanceRun, Probe, RuntimeHealth, SlotMembers};
use crate::release::{Observation, Plan};

/// What happened to the candidate since its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Run {
    /// No other run was observed. The checked run is still running or has stopped, or one of the two runs is not known.
    Same,
    /// The instance exited and the runtime restarted it. The text is a message about the restarts.
    Crashed(String),
    /// Another run is running, but the runtime counted no restart after an exit. For example, an operator restarted the
    /// container, or Docker was restarted. The text is a message about the new start.
    StartedAgain(String),
}

/// Compares the observed runs of the candidate's members with the runs that the checks tested. A crash of any member
/// comes before a new start of another. The result is [`Run::Same`] if no version was observed in the slot, if no report
/// names runs, or if the candidate is stopped.
pub(super) fn run_since_checks(situation: &Situation<'_>) -> Run {
    let plan = situation.plan;
    let checked = situation.report.map_or(&[][..], |report| &report.runs);
    let members = situation.observation.members(plan.slot);
    let Some(members) = members.filter(|it| !checked.is_empty() && it.digest().is_some()) else {
        return Run::Same;
    };
    let mut started_again = Run::Same;
    for member in members {
        match run_of_member(plan, (members, member), checked) {
            crashed @ Run::Crashed(_) => return crashed,
            again @ Run::StartedAgain(_) if started_again == Run::Same => started_again = again,
            Run::Same | Run::StartedAgain(_) => {}
        }
    }
    started_again
}

fn run_of_member(
    plan: &Plan,
    (members, instance): (&SlotMembers, &Instance),
    checked: &[InstanceRun],
) -> Run {
    let now = instance.run();
    let slot = members.name_of_member(plan.slot, instance);
    let of_id = checked.iter().find(|checked| checked.id == now.id);
    if let Some(checked) = of_id
        && now.restarts > checked.restarts
    {
        let times = match now.restarts - checked.restarts {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        return Run::Crashed(format!(
            "{slot} exited and was restarted {times} since its checks{}",
            reason(plan, instance)
        ));
    }
    // A stopped instance has no start to compare. The callers check separately whether the instance is running.
    if of_id == Some(&now) || now.started_at.is_none() {
        return Run::Same;
    }
    let at = now
        .started_at
        .map_or_else(String::new, |at| format!(" at {}", local_time::moment(at)));
    Run::StartedAgain(format!("{slot} was started again{at}, after its checks"))
}

/// The end of a message about an exit: why the instance exited, if that is known, and the command that shows its last
/// lines.
fn reason(plan: &Plan, instance: &Instance) -> String {
    let exit = instance
        .last_exit
        .map(|exit| exit_words(exit, plan.definition.instance.memory));
    let exit = exit.map_or_else(String::new, |text| format!(": {text}"));
    format!("{exit}; {}", logs_hint(plan))
}

/// The command that shows the last lines of an exited candidate.
pub(super) fn logs_hint(plan: &Plan) -> String {
    format!(
        "`greenroom show {} --logs` shows its last lines",
        plan.release
    )
}

/// How an instance ended: `killed for memory (16MiB), exit 137`, `exit 3`.
pub(super) fn exit_words(exit: Exit, limit: Option<u64>) -> String {
    let code = exit.code.map_or_else(
        || "ended by a signal".to_owned(),
        |code| format!("exit {code}"),
    );
    match (exit.out_of_memory, limit) {
        (false, _) => code,
        (true, None) => format!("killed for memory, {code}"),
        (true, Some(limit)) => format!("killed for memory ({}), {code}", size(limit)),
    }
}

/// Formats a size as in the configuration: `16MiB`, `1.5GiB`, `1000B`.
fn size(bytes: u64) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit {
            let tenths = bytes % unit * 10 / unit;
            return match tenths {
                0 => format!("{}{name}", bytes / unit),
                _ => format!("{}.{tenths}{name}", bytes / unit),
            };
        }
    }
    format!("{bytes}B")
}

/// Why the candidate is not healthy; none if all its members are healthy. For a rollback the image's own HEALTHCHECK does
/// not count: the version had the traffic before with the same HEALTHCHECK. So only the state of the instance and
/// Greenroom's own probe can block a rollback. A background service is not
/// probed, so its HEALTHCHECK always counts.
pub(super) fn why_unhealthy(
    plan: &Plan,
    members: &SlotMembers,
    probe: Option<&Probe>,
) -> Option<String> {
    if !plan.kind.is_rollback() || plan.definition.is_background() {
        return members.unhealthy(probe);
    }
    let mut unchecked = members.clone();
    for member in &mut unchecked {
        member.health = RuntimeHealth::Unchecked;
    }
    unchecked.unhealthy(probe)
}

/// Why the candidate's slot is not healthy; none if it is healthy. If its members cannot be observed, only the probe
/// decides.
pub(super) fn unhealthy(plan: &Plan, observation: &Observation) -> Option<String> {
    let slot = plan.slot;
    match observation.members(slot) {
        Some(members) if members.is_empty() => Some(format!("{slot} is empty now")),
        Some(members) => why_unhealthy(plan, members, observation.probe.as_ref()),
        None => match &observation.probe {
            Some(probe) if probe.healthy => None,
            Some(probe) => Some(probe.detail.clone()),
            None => Some("it was not probed".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_words_name_the_memory_limit_that_was_reached() {
        let exit = |code, out_of_memory| Exit {
            code,
            out_of_memory,
        };
        assert_eq!(
            exit_words(exit(Some(137), true), Some(16 << 20)),
            "killed for memory (16MiB), exit 137"
        );
        assert_eq!(exit_words(exit(Some(3), false), Some(1)), "exit 3");
        assert_eq!(exit_words(exit(None, false), None), "ended by a signal");
        assert_eq!(size(3 << 29), "1.5GiB");
        assert_eq!(size(1000), "1000B");
    }
}
