//! When two machines count as the same: when what each will do from here is the same. That is what a
//! model checker has to know, which follows every order of events once.

use std::hash::{Hash, Hasher};

use super::Machine;

impl Hash for Machine {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Named one by one, so that a new field has to be decided on here.
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
            // Says what the plan says.
            head: _,
            // Only written down: what the guard decides by is looked at anew.
            peer_approvals: _,
            // Only written down with the end.
            live: _,
            // Only shown.
            steps: _,
            note: _,
            cases: _,
            pulled: _,
            draining: _,
            switched: _,
            began_at: _,
            // Numbers that only have to be new.
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
        // What is being written follows from the phase; since when it fails does not.
        unrecorded.as_ref().map(|(_, since, _)| since).hash(state);
        refused_since.hash(state);
    }
}
