//! Reports the keys that cannot be read and on which releases depend.

use super::{Drift, Name};
use crate::inventory::{Snapshot, StoredKey};

/// One difference for each unreadable key of the target for which [`StoredKey::is_drift`] and `is_wanted` return true.
/// `is_wanted` gets the name of the key below the target.
pub(super) fn unreadable(snapshot: &Snapshot, is_wanted: impl Fn(&str) -> bool) -> Vec<Drift> {
    let target = &snapshot.target;
    let problems = snapshot.problems.iter().filter_map(|(key, problem)| {
        let (kind, name) = (StoredKey::of(target, key), StoredKey::name(target, key));
        (kind.is_drift() && is_wanted(name)).then(|| Drift {
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
