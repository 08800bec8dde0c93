//! What the operator should know before starting a plan. A warning does not stop a release.

use crate::history::{Outcome, ReleaseRecord, Step};
use crate::inventory::{LockRecord, RegistryRecord, SlotMembers, Version};
use crate::release::ladder::task_of_call;
use crate::release::{Definition, Facts, LiveBefore, StandbyOf};
use crate::sanitize::sanitize;

/// How far two clocks may differ without a warning.
const CLOCKS_DIFFER: jiff::SignedDuration = jiff::SignedDuration::from_mins(1);

pub(super) fn warnings(
    facts: &Facts,
    definition: &Definition,
    from: Option<&LiveBefore>,
    leftover: &SlotMembers,
) -> Vec<String> {
    let mut warnings: Vec<String> = clocks_differ(facts).into_iter().collect();
    if let Some(clock) = facts.clocks.differs() {
        warnings.push(format!(
            "the clocks differ: {clock}. A hold or freeze ends only when all clocks have passed its end. An approval expires when one clock has passed its end. Correct the wrong clock"
        ));
    }
    // Of a background service, only the runtime says whether it is healthy.
    let unhealthy = |from: &LiveBefore| match &facts.live_probe {
        Some(probe) if definition.is_background() => match from.members.difference() {
            None => from.members.unhealthy(Some(probe)),
            // Another warning says this.
            Some(_) => None,
        },
        Some(probe) if !probe.healthy => Some(probe.detail.clone()),
        _ => None,
    };
    if let Some(from) = from
        && let Some(why) = unhealthy(from)
    {
        warnings.push(format!(
            "{} {} is live, but is not healthy ({why}): backing out would go back to it",
            from.slot,
            from.version.name(),
        ));
    }
    warnings.extend(from.and_then(|from| fewer_addresses(from, definition)));
    if from.is_none() {
        warnings.push("no version is live: after the switch there is nothing to go back to".into());
    }
    if let Some(from) = from
        && let Some(difference) = from.members.difference()
    {
        warnings.push(format!(
            "{} is live, but {difference}: backing out could not go back to it",
            from.slot
        ));
    }
    for member in leftover.iter().filter(|member| member.is_running()) {
        warnings.push(format!(
            "{} still runs {}. The release removes it, so a warm rollback to it is no longer possible",
            member.slot,
            member.version_name()
        ));
    }
    warnings
}

/// A warning that names the tasks of the newer releases, which a rollback does not undo.
pub(super) fn tasks_that_stay_done(facts: &Facts, version: &Version) -> Option<String> {
    let past = facts.past.as_deref().unwrap_or_default();
    // A release in its standby has no end yet.
    let became_live = |head: &&ReleaseRecord| head.closed.is_none() || head.live.is_some();
    let since = past
        .iter()
        .filter(became_live)
        .take_while(|head| head.to.1.digest != version.digest);
    let tasks: Vec<String> = since
        .flat_map(|head| {
            let is_done = matches!(head.closed, Some((_, Outcome::Done)));
            let names = task_names(head, |step| is_done || step != Step::AfterStop).into_iter();
            names.map(move |name| format!("{name} ({})", head.to.1.name()))
        })
        .collect();
    (!tasks.is_empty()).then(|| {
        format!(
            "a rollback undoes no task. Still done: {}. Check that {} works with what they have changed",
            tasks.join(", "),
            version.name()
        )
    })
}

/// A warning if the newest release started in the future, because then a clock is wrong.
fn clocks_differ(facts: &Facts) -> Option<String> {
    let newest = facts.past.as_ref().ok()?.first()?;
    let ahead = newest.opened_at.duration_since(facts.now);
    (ahead > CLOCKS_DIFFER).then(|| {
        format!(
            "the clocks differ: {} started the newest release at {}, which is {} in the future by this machine's clock. Correct the wrong clock: holds and approvals end by these clocks",
            newest.operator,
            crate::inventory::local_time::moment(newest.opened_at),
            crate::release::describe::duration(ahead.unsigned_abs())
        )
    })
}

/// A warning if this release ends a standby that another console drives.
pub(super) fn ends_standby(facts: &Facts, record: &RegistryRecord) -> Option<String> {
    let holder = record.lock.as_ref()?;
    (facts.standby == Some(StandbyOf::AnotherConsole)).then(|| {
        let LockRecord {
            operator, release, ..
        } = &holder.record;
        format!(
            "{operator} drives the standby of release {}: this release ends that standby",
            release.short()
        )
    })
}

/// A warning that the live version has more members than addresses in the configuration. The proxy knows only the
/// configured addresses.
fn fewer_addresses(from: &LiveBefore, definition: &Definition) -> Option<String> {
    let (wanted, slot) = (from.members.wanted(), from.slot);
    let addresses = definition.endpoints.get(slot).members();
    (addresses < wanted && !definition.is_background()).then(|| {
        format!(
            "{slot} has {wanted} members, but {addresses} in the configuration: as soon as the configuration of the proxy is installed, only {addresses} of them get requests"
        )
    })
}

/// A warning that names the tasks after the stop of an open release, which never run because this release ends it.
pub(super) fn tasks_left_out(facts: &Facts) -> Option<String> {
    let open = facts.past.as_deref().ok()?.first()?;
    if open.closed.is_some() {
        return None;
    }
    let tasks = task_names(open, |step| step == Step::AfterStop);
    (!tasks.is_empty()).then(|| {
        format!(
            "the tasks after the stop of release {} do not run, because this release ends it: {}. To run them, first let that release end",
            open.id.short(),
            tasks.join(", ")
        )
    })
}

/// The names of the planned tasks at some steps.
fn task_names(head: &ReleaseRecord, is_wanted: impl Fn(Step) -> bool) -> Vec<String> {
    let steps = head.plan.iter();
    let wanted = steps.filter(|planned| {
        let step = planned.step.known();
        step.is_some_and(|step| step.runs_tasks() && is_wanted(step))
    });
    let calls = wanted.flat_map(|planned| &planned.calls);
    calls.map(|call| sanitize(task_of_call(call))).collect()
}
