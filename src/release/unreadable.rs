//! Refuses a plan because of unreadable keys and releases of its target.

use super::Refusal;
use crate::inventory::{RegistryRecord, ReleaseId, StoredKey, Target};

/// A refusal for each unreadable key that stops the plan.
pub(super) fn unreadable(
    target: &Target,
    record: &RegistryRecord,
    stops: fn(StoredKey) -> bool,
) -> Vec<Refusal> {
    let problems = record.problems.iter();
    let stopping = problems.filter(|(key, _)| stops(StoredKey::of(target, key)));
    let refusals = stopping.map(|(key, problem)| Refusal::Unknown {
        fact: format!("the content of {key}"),
        why: problem.clone(),
    });
    refusals.collect()
}

/// A refusal for an unreadable release that is newer than all readable ones, because it may be open.
pub(super) fn unreadable_release((id, why): &(ReleaseId, String)) -> Refusal {
    Refusal::Unknown {
        fact: format!("whether the newest release, {id}, has ended"),
        why: why.clone(),
    }
}
