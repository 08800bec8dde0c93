//! The page that Enter opens on a stored key: its complete value, what it should be, and why.

use crate::console::model::{KeyRow, Mark, Model, Pane, lease_left, registrations};
use crate::inventory::{KeyLine, Slot, Snapshot};

/// The title and the lines for the key under the cursor.
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
            "on a lease with {left}s left, unless it was renewed since it was read"
        ));
    }
    lines.push(String::new());
    lines.extend(value(line));
    (line.key.clone(), lines)
}

/// The page of a branch, or of a missing key.
fn of_no_key(snapshot: &Snapshot, row: &KeyRow<'_>) -> (String, Vec<String>) {
    let mut lines = marked(snapshot, row);
    if !row.value.is_empty() {
        lines.push(row.value.clone());
    }
    if row.name.ends_with('/') {
        lines.push("each key below it has its own line".into());
    }
    (row.name.clone(), lines)
}

/// How the key compares, in words, and what it should be.
fn marked(snapshot: &Snapshot, row: &KeyRow<'_>) -> Vec<String> {
    match &row.mark {
        Mark::Nothing => Vec::new(),
        Mark::Agrees => vec!["correct: it agrees with what is observed".into()],
        Mark::Differs(differences) => {
            let mut lines = vec!["differs from what is observed:".to_owned()];
            lines.extend(differences.iter().map(|words| format!("  {words}")));
            lines.extend(should_be(snapshot, &row.name));
            lines
        }
        Mark::Missing(words) => vec![
            words.clone(),
            "a release to this target registers what it makes live".into(),
        ],
        Mark::Unreadable(words) => vec![
            format!("cannot be read: {words}"),
            "who wrote it? Greenroom does not act on what it cannot read".into(),
        ],
        Mark::Foreign(words) => vec![
            words.clone(),
            "Greenroom only shows it: other programs may use the same prefix".into(),
        ],
    }
}

/// The value that would agree with the observations.
fn should_be(snapshot: &Snapshot, name: &str) -> Vec<String> {
    let Ok(slot) = name.parse::<Slot>() else {
        return vec!["  the next release to this target finds this and refuses to guess".into()];
    };
    let side = snapshot.slots.get(slot);
    let mut lines = vec!["it should say:".to_owned()];
    match &side.instance {
        Some(instance) if instance.is_running() => {
            lines.push(format!("  address   {}", side.endpoint));
            lines.push(format!("  digest    {}", instance.digest));
            lines.push(format!(
                "  {:<9} {}",
                snapshot.runtime_kind.one(),
                instance.id
            ));
        }
        _ => lines.push(format!("  nothing: nothing runs in {slot}")),
    }
    lines
}

/// The value, formatted if it is JSON.
fn value(line: &KeyLine) -> Vec<String> {
    let pretty = serde_json::from_str::<serde_json::Value>(&line.value)
        .and_then(|value| serde_json::to_string_pretty(&value));
    match pretty {
        Ok(pretty) => pretty.lines().map(str::to_owned).collect(),
        Err(_) => vec![line.value.clone()],
    }
}
