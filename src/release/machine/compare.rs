//! When two machines count as equal: if both will do the same from here on. A model checker needs this to follow each
//! order of events only once.

use std::hash::{Hash, Hasher};

use super::Machine;

impl Hash for Machine {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Listed one by one, so that each new field needs a decision here.
        let Self {
            plan,
            on_failure,
            phase,
            way,
            at,
            begun,
            course,
            compares,
            deadline,
            action_error,
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
            // Contains the same as the plan.
            head: _,
            // Only recorded. The guard observes again what it decides by.
            peer_approvals: _,
            // Only recorded with the end.
            live: _,
            // Only shown.
            steps: _,
            note: _,
            cases: _,
            pulled: _,
            draining: _,
            switched: _,
            began_at: _,
            // Numbers that only have to be unique.
            sequence: _,
            timer: _,
            // Empty between two events.
            effects: _,
        } = self;
        // The plan of a release does not change.
        plan.release.hash(state);
        (on_failure, phase, way, at, begun).hash(state);
        (course, compares, deadline, action_error).hash(state);
        let report = report.as_ref();
        report
            .map(|report| (&report.digest, &report.run, report.at, report.allows()))
            .hash(state);
        (approval, request, back_reason, pending).hash(state);
        (standby_began, resumed, successor).hash(state);
        // The phase determines what is being written. Since when writing has failed is not in the phase.
        unrecorded.as_ref().map(|(_, since, _)| since).hash(state);
        refused_since.hash(state);
    }
}
