//! What an operator has decided against the usual rules, a line each, for plans and approvals.

use crate::history::Overridden;
use crate::inventory::TaskName;

/// A warning that names the tasks that the operator leaves out.
pub(super) fn skipped_tasks(skipped: &[TaskName]) -> Option<String> {
    let names: Vec<&str> = skipped.iter().map(TaskName::as_str).collect();
    (!names.is_empty()).then(|| format!("does not run these tasks: {}", names.join(", ")))
}

/// A warning that names the checks that the operator overrides in advance.
pub(super) fn overridden_checks(overridden: &[String]) -> Option<String> {
    (!overridden.is_empty()).then(|| {
        let names = overridden.join(", ");
        format!("continues if these checks do not pass: {names}")
    })
}

pub(super) fn override_warning(overridden: &Overridden) -> String {
    format!(
        "overrides: {}, because: {}",
        overridden.hold, overridden.why
    )
}
