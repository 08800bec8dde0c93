//! `status` as JSON for programs. An unknown value is `null`, never an empty list and never `false`.

use serde_json::{Map, Value, json};

use super::approvals::Approvals;
use super::{Undriven, needs_person};
use crate::inventory::drift::{Drift, Pair, Truth, compare};
use crate::inventory::{RegistryRecord, Slot, Snapshot};

/// The status of one target. The list of interrupted releases is `null` if it is unknown.
pub(super) fn of(snapshot: &Snapshot, open: Option<&Undriven>, approvals: &Approvals) -> Value {
    let truth = compare(snapshot);
    let roles: Map<String, Value> = Slot::BOTH
        .into_iter()
        .map(|slot| {
            let role = snapshot.role(slot).known().map(|role| role.to_string());
            (slot.to_string(), role.into())
        })
        .collect();
    let has_registry = snapshot.sources.registry.has_answered();
    json!({
        "target": snapshot.target,
        "live": snapshot.live_slot(),
        "roles": roles,
        "agreed": truth.agreed(),
        "drift": drift(&truth, snapshot),
        "unknown": unknown(&truth, snapshot),
        "holds": has_registry.then(|| snapshot.holds(snapshot.at)),
        "approvals": approvals.json(),
        "queue": has_registry.then(|| snapshot.pending_pushes()),
        "agents": has_registry.then(|| snapshot.agents().collect::<Vec<_>>()),
        "snapshot": observed(snapshot),
        "interrupted": open.map(|open| &open.interrupted),
        "standby_left": open.map(|open| &open.standby),
        "ignored": open.map(|open| &open.ignored),
        "needs_person": needs_person(snapshot, open),
    })
}

/// The differences, or nothing if no difference is known and something could not be compared.
fn drift(truth: &Truth, snapshot: &Snapshot) -> Option<Vec<Value>> {
    truth.agreed()?;
    Some(
        truth
            .drifts()
            .map(|drift| difference(drift, snapshot))
            .collect(),
    )
}

fn difference((pair, drift): (Pair, &Drift), snapshot: &Snapshot) -> Value {
    let (left, right) = pair.sides(snapshot);
    let mut difference = json!({
        "name": drift.name,
        "between": [left, right],
        "says": drift.message,
        "means": drift.name.means(),
        "repair": drift.name.mend(),
    });
    // A target with one edge has no name for it.
    if let Some(edge) = &drift.edge {
        difference["edge"] = json!(edge);
    }
    difference
}

/// The comparisons that could not be made, with the reasons.
fn unknown(truth: &Truth, snapshot: &Snapshot) -> Vec<Value> {
    let unknown = truth.unknown().map(|(pair, why)| {
        let (left, right) = pair.sides(snapshot);
        json!({ "between": [left, right], "why": why })
    });
    unknown.collect()
}

/// The snapshot. If the store has not answered, the fields that only the store knows are `null`. If the runtime has not
/// answered, the members of the slots are `null`.
pub(in crate::cli) fn observed(snapshot: &Snapshot) -> Value {
    let mut observed = json!(snapshot);
    if !snapshot.sources.registry.has_answered()
        && let Some(fields) = observed.as_object_mut()
    {
        // A slot also has what the runtime knows.
        let record = json!(RegistryRecord::default());
        let names = record.as_object().into_iter().flat_map(Map::keys);
        let names = names.map(String::as_str).filter(|name| *name != "slots");
        for name in names.chain(["keys", "keys_at"]) {
            fields.entry(name).and_modify(|value| *value = Value::Null);
        }
    }
    if !snapshot.sources.runtime.has_answered() {
        for slot in Slot::BOTH {
            if let Some(members) = observed.pointer_mut(&format!("/slots/{slot}/members")) {
                *members = Value::Null;
            }
        }
    }
    observed
}
