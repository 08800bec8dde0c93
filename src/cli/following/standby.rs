//! The standby of a release that a command drives: whether the command waits for its end, and the messages about an old
//! version that keeps running.

use crate::release::{Plan, Status, StepState, step_after_standby};

/// Whether a command waits for the end of the standby.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StandbyWait {
    /// The command waits until the old version is stopped.
    Waits,
    /// The command ends as soon as the standby starts.
    Leaves,
    /// The command has asked the driver to stop driving, and the old version keeps running.
    Left,
}

/// Whether the stop of the old version has not started, so that the old version is still running.
pub(super) fn is_old_version_running(status: &Status) -> bool {
    let next = step_after_standby(&status.plan);
    let stop = status.steps.iter().find(|step| step.step == next);
    // The old version of a scheduler is stopped before the new one starts.
    let stop = stop.filter(|_| !status.plan.stops_first());
    stop.is_some_and(|stop| matches!(stop.state, StepState::Pending | StepState::Waiting { .. }))
}

/// The message of a command that ends while the old version keeps running, with the command to stop the old version and
/// the command to go back to that version.
pub(super) fn still_running(plan: &Plan) -> String {
    let target = plan.target();
    let old = plan.from.as_ref().map_or_else(
        || "the old version is still running".to_owned(),
        |from| {
            format!(
                "the old version {} is still running in {}",
                from.version, from.slot
            )
        },
    );
    let (stop, back) = (stop_command(plan), back_command(plan));
    format!(
        "done: {target} {} is live in {}; {old}\n  stop it:        {stop}   (waits for the rest of its standby time)\n  go back to it:  {back}\nOtherwise it runs until the next release of {target}.",
        plan.version, plan.slot
    )
}

/// Says which version was live when this driver stopped, as far as that is known. After a confirmed switch, also
/// says whether the old version was still running.
pub(super) fn who_has_the_traffic(status: &Status) -> String {
    let plan = &status.plan;
    let (new, slot) = (&plan.version, plan.slot);
    let is_live = plan.definition.live_phrase();
    let Some(from) = &plan.from else {
        return match (status.switched, status.may_have_switched) {
            (true, _) => {
                format!("{new} {is_live}, in {slot}. No version was live before it.")
            }
            (false, true) => format!(
                "it is not known whether {new} {is_live}, in {slot}: the switch was started but not confirmed"
            ),
            (false, false) => "no version is live, as before".to_owned(),
        };
    };
    let old = format!("{} in {}", from.version, from.slot);
    match (status.switched, status.may_have_switched) {
        (true, _) if is_old_version_running(status) => format!(
            "{new} {is_live}, in {slot}. {old} was still running.\ngo back to it: {}",
            back_command(plan)
        ),
        (true, _) if plan.stops_first() => format!("{new} {is_live}, in {slot}. {old} is stopped."),
        (true, _) => format!("{new} {is_live}, in {slot}. {old} was being stopped."),
        (false, _) if status.may_have_stopped_live() => format!(
            "it is not known whether {old} or {new} in {slot} is running; at most one of them is"
        ),
        (false, true) => {
            format!("{new} in {slot} or {old} {is_live}: the switch was started but not confirmed")
        }
        (false, false) => format!("{old} {is_live}, as before"),
    }
}

pub(super) fn stop_command(plan: &Plan) -> String {
    let target = plan.target();
    format!("greenroom resume {} {}", target.service, target.environment)
}

fn back_command(plan: &Plan) -> String {
    let target = plan.target();
    format!(
        "greenroom rollback {} {}",
        target.service, target.environment
    )
}

pub(super) fn json(plan: &Plan) -> serde_json::Value {
    let from = plan.from.as_ref();
    serde_json::json!({
        "slot": from.map(|from| from.slot),
        "version": from.map(|from| from.version.name()),
        "stop": stop_command(plan),
        "back": back_command(plan),
    })
}
