//! Refusals for keys and releases of a target that cannot be read, and for keys of other targets.

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

/// The refusals of a promote because keys that it would write belong to other targets, or because this is not known.
pub(super) fn taken_keys(taken: &Result<Vec<String>, String>) -> Vec<Refusal> {
    match taken {
        Ok(taken) => {
            let taken = taken.iter().cloned();
            taken.map(|why| Refusal::PlaceTaken { why }).collect()
        }
        Err(why) => vec![Refusal::Unknown {
            fact: "which keys in the store belong to other targets".to_owned(),
            why: why.clone(),
        }],
    }
}

/// The warnings of a rollback about the same keys. A rollback leaves keys of other targets unchanged, so it is not
/// refused.
pub(super) fn taken_warnings(taken: &Result<Vec<String>, String>) -> Vec<String> {
    match taken {
        Ok(taken) => taken.clone(),
        Err(_) => taken_keys(taken).iter().map(Refusal::to_string).collect(),
    }
}
