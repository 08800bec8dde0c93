//! The page that opens on a stored key: how the key compares with the observations, the expected value, and the stored
//! value.

use crate::console::model::{KeyRow, Mark, Model, Pane, lease_left, registrations};
use crate::inventory::{KeyLine, Slot, Snapshot};

pub(super) fn page(model: &Model) -> (String, Vec<String>) {
    let nothing = || ("Registrations".to_owned(), Vec::new());
    let Some(snapshot) = model.snapshot() else {
        return nothing();
    };
    let rows = registrations(snapshot);
    let row = model
        .row(Pane::Registrations)
        .min(rows.len().saturating_sub(1));
    let Some(row) = rows.get(row) else {
        return nothing();
    };
    let Some(line) = row.line else {
        return of_no_key(snapshot, row);
    };
    let mut lines = marked(snapshot, row);
    lines.extend([String::new(), format!("revision {}", line.revision)]);
    if let Some(left) = lease_left(snapshot, line.ttl_seconds, model.now) {
        lines.push(format!(
            "the lease expires in {left}s, unless it was renewed after the key was read"
        ));
    }
    lines.push(String::new());
    lines.extend(value(line));
    (line.key.clone(), lines)
}

/// The page of a row without a stored key: a branch, a missing key, or a problem with a key that is not in the list.
fn of_no_key(snapshot: &Snapshot, row: &KeyRow<'_>) -> (String, Vec<String>) {
    let mut lines = marked(snapshot, row);
    if !row.value.is_empty() {
        lines.push(row.value.clone());
    }
    if row.name.ends_with('/') {
        lines.push("each key below this branch has its own line".into());
    }
    (row.name.clone(), lines)
}

/// The lines that say how the key compares with the observations, and which value is expected.
fn marked(snapshot: &Snapshot, row: &KeyRow<'_>) -> Vec<String> {
    match &row.mark {
        Mark::NotCompared => Vec::new(),
        Mark::Agrees => vec!["correct: the value agrees with the observations".into()],
        Mark::Differs(differences) => {
            let mut lines = vec!["the value differs from the observations:".to_owned()];
            lines.extend(
                differences
                    .iter()
                    .map(|difference| format!("  {difference}")),
            );
            lines.extend(expected_value(snapshot, &row.name));
            lines
        }
        Mark::Missing(reason) => vec![
            reason.clone(),
            "a release of this target registers the version that it makes live".into(),
        ],
        Mark::Unreadable(reason) => vec![
            format!("cannot be read: {reason}"),
            "find out which program wrote this key: Greenroom cannot use a key that it cannot read"
                .into(),
        ],
        Mark::Foreign(description) => vec![
            description.clone(),
            "Greenroom only shows the key: other programs may use the same prefix".into(),
        ],
    }
}

/// For a slot, the value that would agree with the observations. For the route, the consequence of the difference.
fn expected_value(snapshot: &Snapshot, name: &str) -> Vec<String> {
    let Ok(slot) = name.parse::<Slot>() else {
        return vec![
            "  a release of this target may be refused until the difference is repaired".into(),
        ];
    };
    let side = snapshot.slots.get(slot);
    let mut lines = vec!["the value should be:".to_owned()];
    if let Some(difference) = side.members.difference() {
        return vec![format!("{slot} {difference}: no value describes them")];
    }
    match side.members.representative() {
        Some(instance) if instance.is_running() => {
            lines.push(format!("  address   {}", side.used_addresses()));
            lines.push(format!("  digest    {}", instance.digest));
            lines.push(format!(
                "  {:<9} {}",
                snapshot.runtime_kind.one(),
                instance.id
            ));
        }
        _ => lines.push(format!("  no value, because nothing runs in {slot}")),
    }
    lines
}

/// The lines of the value, formatted if it is JSON.
fn value(line: &KeyLine) -> Vec<String> {
    let pretty = serde_json::from_str::<serde_json::Value>(&line.value)
        .and_then(|value| serde_json::to_string_pretty(&value));
    match pretty {
        Ok(pretty) => pretty.lines().map(str::to_owned).collect(),
        Err(_) => vec![line.value.clone()],
    }
}
