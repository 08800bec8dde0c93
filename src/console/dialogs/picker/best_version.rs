//! The row on which the cursor of the picker starts: the version that an operator most likely wants. If any row can be
//! chosen, the cursor starts on a row that can be chosen.

use std::cmp::Ordering;

use super::version_rows::was_bad;
use super::{Picker, VersionRow};
use crate::console::model::Model;
use crate::history::Fate;
use crate::inventory::{Instance, Snapshot, by_version};
use crate::release::Intent;

/// The index of the row to start on. `None` if no row can be chosen.
pub(super) fn best_version(model: &Model, picker: &Picker) -> Option<usize> {
    let is_choosable = |version_row: &&VersionRow| picker.is_choosable(version_row);
    let first = || {
        picker
            .version_rows
            .iter()
            .position(|version_row| is_choosable(&version_row))
    };
    // With a typed text, the rows are sorted by match, so the first row that can be chosen is the best match.
    if !picker.line.text().trim().is_empty() {
        return first();
    }
    let best = match picker.intent {
        Intent::GoBack => last_good(picker),
        Intent::Promote => pushed(picker)
            .or_else(|| live_before(model, picker))
            .or_else(|| newest(model, picker)),
    };
    best.or_else(first)
}

/// The version of the newest push that waits, among those that can be chosen.
fn pushed(picker: &Picker) -> Option<usize> {
    picker
        .version_rows
        .iter()
        .position(|row| row.push.is_some() && picker.is_choosable(row))
}

/// The newest version that can be chosen, was live in this target, and was not replaced by a rollback.
fn last_good(picker: &Picker) -> Option<usize> {
    picker.version_rows.iter().position(|version_row| {
        picker.is_choosable(version_row)
            && matches!(version_row.fate, Some(Fate::LiveUntil(_)))
            && !was_rolled_back_from(picker, version_row)
    })
}

/// Whether the newest release that replaced this version was a rollback.
fn was_rolled_back_from(picker: &Picker, version_row: &VersionRow) -> bool {
    let past = picker
        .known_terms()
        .and_then(|terms| terms.past.as_ref().ok());
    let replaced = past.into_iter().flatten().find(|record| {
        let from = record.from.as_ref().map(|(_, from)| &from.digest);
        from.is_some() && from == version_row.digest.as_ref()
    });
    replaced.is_some_and(|record| record.kind.is_rollback())
}

/// The version that is live in the nearest earlier environment in promotion order. Environments in which no listed
/// version is live are skipped. `None` if this version cannot be chosen.
fn live_before(model: &Model, picker: &Picker) -> Option<usize> {
    let environments = model.world.environments.iter().map(|(name, _)| name);
    let before: Vec<_> = environments
        .take_while(|name| **name != picker.target.environment)
        .collect();
    let nearest = before.into_iter().rev().find_map(|name| {
        let is_live_there = |version_row: &VersionRow| version_row.live_in.contains(name);
        picker.version_rows.iter().position(is_live_there)
    })?;
    // A version that was backed out of this target before is still the best guess. Its row shows that it was backed
    // out.
    let version_row = picker.version_rows.get(nearest)?;
    picker.is_choosable(version_row).then_some(nearest)
}

/// The newest version that can be chosen, is not live in this target, and is not bad ([`was_bad`]). Two versions are
/// compared by build time, or by name if a build time is unknown.
fn newest(model: &Model, picker: &Picker) -> Option<usize> {
    let live = model
        .world
        .get(&picker.target)
        .and_then(Snapshot::live_instance);
    let live = live.map(Instance::version_name);
    let is_offered = |version_row: &VersionRow| {
        picker.is_choosable(version_row)
            && !was_bad(version_row)
            && live.is_none_or(|live| live != version_row.name)
    };
    let mut offered = picker
        .version_rows
        .iter()
        .enumerate()
        .filter(|(_, version_row)| is_offered(version_row));
    let first = offered.next()?;
    let (row, _) = offered.fold(first, |best, other| {
        if newer(other.1, best.1) == Ordering::Greater {
            other
        } else {
            best
        }
    });
    Some(row)
}

fn newer(first: &VersionRow, second: &VersionRow) -> Ordering {
    match (first.built_at, second.built_at) {
        (Some(first), Some(second)) => first.cmp(&second),
        _ => by_version(&first.name, &second.name),
    }
}
