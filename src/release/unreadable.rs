//! What cannot be read of a target, and stops what is planned. Pure.

use super::Refusal;
use crate::inventory::{RegistryRecord, ReleaseId, StoredKey, Target};

/// A refusal for each key that cannot be read and stops what is planned.
pub(super) fn unreadable(
    target: &Target,
    record: &RegistryRecord,
    stops: fn(StoredKey) -> bool,
) -> Vec<Refusal> {
    let problems = record.problems.iter();
    let stopping = problems.filter(|(key, _)| stops(StoredKey::of(target, key)));
    let refusals = stopping.map(|(key, problem)| Refusal::Unknown {
        what: format!("what {key} says"),
        why: problem.clone(),
    });
    refusals.collect()
}

/// A release that is newer than all that can be read: it may be open.
pub(super) fn unreadable_release((id, why): &(ReleaseId, String)) -> Refusal {
    Refusal::Unknown {
        what: format!("whether the newest release, {id}, is over"),
        why: why.clone(),
    }
}
