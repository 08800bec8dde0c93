//! Keys that decide something and cannot be read. An unreadable key that decides nothing is no
//! difference.

use super::{Drift, Name};
use crate::inventory::{Snapshot, StoredKey};

/// One difference for each unreadable Greenroom key whose name is wanted.
pub(super) fn unreadable(snapshot: &Snapshot, wanted: impl Fn(&str) -> bool) -> Vec<Drift> {
    let target = &snapshot.target;
    let problems = snapshot.problems.iter().filter_map(|(key, words)| {
        let (what, name) = (StoredKey::of(target, key), StoredKey::name(target, key));
        (what.is_drift() && wanted(name)).then(|| Drift {
            slot: match what {
                StoredKey::Slot(slot) => Some(slot),
                _ => None,
            },
            key: Some(name.to_owned()),
            ..Name::KeyUnreadable.says(format!("{name}: {words}"))
        })
    });
    problems.collect()
}
