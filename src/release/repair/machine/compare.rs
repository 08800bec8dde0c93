//! Hashes machines for a model checker. Two machines get the same hash if they will behave the same from now on. Then
//! the checker follows only one of the two.

use std::hash::{Hash, Hasher};

use super::RepairMachine;

impl Hash for RepairMachine {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Every field is listed, so that a new field needs a decision.
        let Self {
            plan,
            record,
            at,
            phase,
            tries,
            must_stop,
            // The effects are empty between two events.
            effects: _,
        } = self;
        for planned in &plan.repair_actions {
            planned.repair_action.hash(state);
        }
        // These differences must be gone at the end.
        for drift in plan.mended() {
            (drift.name, drift.slot, &drift.key).hash(state);
        }
        // The times in the record are only shown.
        let current = record.repair_actions.get(*at);
        let is_started = current.is_some_and(|recorded| recorded.started_at.is_some());
        let outcome = record.closed.as_ref().map(|(_, outcome)| outcome.word());
        (at, is_started, outcome).hash(state);
        (phase, tries, must_stop).hash(state);
    }
}
