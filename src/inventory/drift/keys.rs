//! Keys that should be ours and cannot be read. What others keep below a target is their own affair.

use super::{Drift, Name};
use crate::inventory::Snapshot;

/// A line for each unreadable key of ours whose name is wanted.
pub(super) fn unreadable(snapshot: &Snapshot, wanted: impl Fn(&str) -> bool) -> Vec<Drift> {
    let below = format!("{}/", snapshot.target);
    let problems = snapshot.problems.iter().filter_map(|(key, words)| {
        let (_, name) = key.split_once(&below)?;
        (is_ours(name) && wanted(name)).then(|| Drift {
            slot: name
                .strip_prefix("slots/")
                .and_then(|slot| slot.parse().ok()),
            key: Some(name.to_owned()),
            ..Name::KeyUnreadable.says(format!("{name}: {words}"))
        })
    });
    problems.collect()
}

fn is_ours(name: &str) -> bool {
    let is_of_journal = name == "releases" || name.starts_with("releases/");
    is_of_journal
        || matches!(
            name,
            "slots/blue" | "slots/green" | "route" | "lock" | "hold"
        )
}
