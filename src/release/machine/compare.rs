//! Hashes machines for a model checker. Two machines get the same hash if they will behave the same from now on. Then
//! the checker follows only one of the two.

use std::hash::{Hash, Hasher};

use super::{Attempt, Machine, Unrecorded};

impl Hash for Machine {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Every field is listed, so that a new field needs a decision.
        let Self {
            plan,
            on_failure,
            phase,
            track,
            attempt,
            compares,
            approval,
            request,
            standby_began,
            unrecorded,
            // The record contains the same data as the plan.
            head: _,
            // The period is only recorded with the end.
            live: _,
            // These fields are only shown.
            pulled: _,
            began_at: _,
            // These numbers only have to be unique.
            sequence: _,
            timer: _,
            // The effects are empty between two events.
            effects: _,
        } = self;
        // The plan of a release does not change.
        plan.release.hash(state);
        (on_failure, phase, track, attempt, compares).hash(state);
        (approval, request, standby_began).hash(state);
        // The phase determines what is being written, but not since when writing has failed.
        let unrecorded = unrecorded.as_ref();
        unrecorded.map(Unrecorded::failing_since).hash(state);
    }
}

impl Hash for Attempt {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            course,
            tries,
            is_again,
            pending,
            // The approvals are only recorded. The guard reads them again before it decides.
            peer_approvals: _,
            // It follows from the pending actions.
            task: _,
            // These fields are only shown.
            note: _,
            draining: _,
        } = self;
        (course, tries, is_again, pending).hash(state);
    }
}
