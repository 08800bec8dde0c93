//! Refusals for keys and releases of a target that cannot be read.

use super::Refusal;
use crate::inventory::{RegistryRecord, ReleaseId, StoredKey, Target};

/// One refusal for each unreadable key of the target for which `stops` returns true.
pub(super) fn unreadable(
    target: &Target,
    record: &RegistryRecord,
    stops: fn(StoredKey) -> bool,
) -> Vec<Refusal> {
    let problems = record.problems.iter();
    let stopping = problems.filter(|(key, _)| stops(StoredKey::of(target, key)));
    let refusals = stopping.map(|(key, problem)| Refusal::Unknown {
        fact: format!("what {key} contains"),
        why: problem.clone(),
    });
    refusals.collect()
}

/// The refusal because of an unreadable release that is newer than all readable ones. That release may not have ended.
pub(super) fn unreadable_release((id, why): &(ReleaseId, String)) -> Refusal {
    Refusal::Unknown {
        fact: format!("whether the newest release, {id}, has ended"),
        why: why.clone(),
    }
}
