//! Reports keys that cannot be read. An unreadable key counts as a difference if a release depends on it.

use super::{Drift, Name};
use crate::inventory::{Snapshot, StoredKey};

/// One difference for each unreadable key below the target that counts as a difference and for which `wanted` returns
/// true. `wanted` gets the name of the key below the target.
pub(super) fn unreadable(snapshot: &Snapshot, wanted: impl Fn(&str) -> bool) -> Vec<Drift> {
    let target = &snapshot.target;
    let problems = snapshot.problems.iter().filter_map(|(key, problem)| {
        let (kind, name) = (StoredKey::of(target, key), StoredKey::name(target, key));
        (kind.is_drift() && wanted(name)).then(|| Drift {
            slot: match kind {
                StoredKey::Slot(slot) => Some(slot),
                _ => None,
            },
            key: Some(name.to_owned()),
            ..Name::KeyUnreadable.with_message(format!("{name}: {problem}"))
        })
    });
    problems.collect()
}
