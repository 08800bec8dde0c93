//! Describes a release for an operator who may approve it: the commits, the changes of the configuration, and the
//! checks. Every user interface shows the same text.

use jiff::Timestamp;

use crate::checks::{CaseReport, Verdict};
use crate::inventory::{PerSlot, SlotMembers, changes, commit};
use crate::sanitize::sanitize;

use super::describe::duration;
use super::time::elapsed;
use super::{Plan, Status};

/// The image label that names the commit.
const REVISION: &str = "org.opencontainers.image.revision";

/// The commits of a release, from the live version's to the new version's: `c0ffee1 to beef0a2`.
pub fn commits(plan: &Plan) -> String {
    let named = |revision: Option<&str>| revision.map(|revision| sanitize(&commit(revision)));
    let before = plan.from.as_ref().map(|from| &from.version.labels);
    let before = before.map(|labels| named(labels.revision.as_deref()));
    match (before, named(plan.version.labels.revision.as_deref())) {
        (Some(Some(before)), Some(after)) if before == after => {
            format!("{after}, the same as live")
        }
        (Some(Some(before)), Some(after)) => format!("{before} to {after}"),
        (Some(None), Some(after)) => {
            format!("unknown to {after}: the label {REVISION} of the live image is not known")
        }
        (None, Some(after)) => format!("{after}; no version was live before"),
        (_, None) => format!("unknown: the image has no label {REVISION}"),
    }
}

/// The differences between the configuration of the candidate and of the live version, one line for each. If they
/// cannot be compared, one line says why.
pub fn configuration(plan: &Plan, slots: Option<&PerSlot<SlotMembers>>) -> Vec<String> {
    let Some(from) = &plan.from else {
        return vec!["no version was live before: there is nothing to compare".to_owned()];
    };
    let unknown = |why: &str| vec![format!("unknown: {why}")];
    let Some(slots) = slots else {
        return unknown("the slots have not been read");
    };
    for slot in [plan.slot, from.slot] {
        if let Some(difference) = slots.get(slot).difference() {
            return unknown(&format!("{slot} {difference}"));
        }
    }
    let Some(candidate) = slots.get(plan.slot).representative() else {
        return unknown("the candidate's slot is empty");
    };
    let Some(live) = slots.get(from.slot).representative() else {
        return unknown("the live slot is empty");
    };
    if candidate.digest != plan.version.digest || live.digest != from.version.digest {
        return unknown("the images in the slots are not those of the plan");
    }
    if candidate.configuration.is_empty() || live.configuration.is_empty() {
        return unknown("the runtime does not report the configurations");
    }
    let differs = changes(live, candidate).configuration;
    if differs.is_empty() {
        return vec!["the same as live".to_owned()];
    }
    let lines = differs.iter();
    lines
        .map(|difference| sanitize(&difference.to_string()))
        .collect()
}

/// The result of the checks: `3 of 4 passed for b81d77aa30, 9s ago`.
pub fn checked(status: &Status, now: Timestamp) -> String {
    let Some(at) = status.checked_at else {
        return "not run yet".to_owned();
    };
    let passed = status
        .cases
        .iter()
        .filter(|case| case.verdict == Verdict::Passed);
    format!(
        "{} of {} passed for {}, {} ago",
        passed.count(),
        status.cases.len(),
        status.plan.version.digest.short(),
        duration(elapsed(at, now))
    )
}

/// One check with its verdict, its duration and, if it did not pass at the first attempt, the reason: `passed   home page  31ms`.
pub fn check(case: &CaseReport) -> String {
    let optional = if case.required { "" } else { ", optional" };
    let mut line = format!(
        "{:<8} {}{optional}  {}",
        case.verdict,
        case.name,
        duration(case.took)
    );
    if !case.detail.is_empty() {
        line = format!("{line}: {}", case.detail);
    }
    if let Some(decision) = &case.overridden {
        line = format!("{line}; {decision}");
    }
    sanitize(&line)
}
