//! Hashes machines for a model checker. Two machines get the same hash if they will behave the same from now on. Then
//! the checker follows only one of the two.

use std::hash::{Hash, Hasher};

use super::Machine;

impl Hash for Machine {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Every field is listed, so that a new field needs a decision.
        let Self {
            plan,
            on_failure,
            phase,
            way,
            at,
            started,
            course,
            compares,
            tries,
            report,
            approval,
            request,
            back_reason,
            standby_began,
            resumed,
            successor,
            pending,
            unrecorded,
            refused_since,
            // The record contains the same data as the plan.
            head: _,
            // The approvals are only recorded. The guard reads them again before it decides.
            peer_approvals: _,
            // The period is only recorded with the end.
            live: _,
            // These fields are only shown.
            steps: _,
            note: _,
            cases: _,
            pulled: _,
            draining: _,
            switched: _,
            began_at: _,
            // These numbers only have to be unique.
            sequence: _,
            timer: _,
            // The effects are empty between two events.
            effects: _,
        } = self;
        // The plan of a release does not change.
        plan.release.hash(state);
        (on_failure, phase, way, at, started).hash(state);
        (course, compares, tries).hash(state);
        let report = report.as_ref();
        report
            .map(|report| (&report.digest, &report.run, report.at, report.allows()))
            .hash(state);
        (approval, request, back_reason, pending).hash(state);
        (standby_began, resumed, successor).hash(state);
        // The phase determines what is being written, but not since when writing has failed.
        unrecorded.as_ref().map(|(_, since, _)| since).hash(state);
        refused_since.hash(state);
    }
}
