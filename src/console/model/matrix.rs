//! What a cell of the matrix says about a target: from what is observed, and from what is being
//! done to it; never from history.

use jiff::Timestamp;

use crate::inventory::{InstanceState, RuntimeHealth, Snapshot, drift};
use crate::release::{Progress, Status};

/// A cell's state, the most urgent that is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellState {
    /// The service has no target in that environment, as far as is known.
    Absent,
    /// Nothing is known of it at the moment.
    Unknown,
    /// Nothing is live there.
    Empty,
    /// What is live is not well, or its release failed and waits for somebody.
    Failed,
    /// A release waits for somebody's yes.
    Waiting,
    /// A release goes on.
    Releasing,
    /// The places that should agree do not.
    Drifted,
    /// A freeze stands.
    Held,
    /// What is live is well.
    Healthy,
}

/// See the module.
pub fn cell_state(
    snapshot: Option<&Snapshot>,
    release: Option<&Status>,
    now: Timestamp,
) -> CellState {
    if let Some(state) = release.and_then(|status| of_release(&status.progress)) {
        return state;
    }
    let Some(snapshot) = snapshot else {
        return CellState::Absent;
    };
    if !snapshot.sources.runtime.is_live() {
        return CellState::Unknown;
    }
    let Some(instance) = snapshot.live_instance() else {
        return if snapshot.live().is_some() {
            CellState::Failed
        } else {
            CellState::Empty
        };
    };
    let slot = snapshot.slots.get(instance.slot);
    let unwell = instance.state != InstanceState::Running
        || instance.health == RuntimeHealth::Unhealthy
        || slot.probe.as_ref().is_some_and(|probe| !probe.healthy);
    if unwell {
        CellState::Failed
    } else if snapshot.lock.is_some() {
        CellState::Releasing
    } else if !drift::compare(snapshot).holds() {
        CellState::Drifted
    } else if snapshot.hold.as_ref().is_some_and(|hold| hold.stands(now)) {
        CellState::Held
    } else {
        CellState::Healthy
    }
}

fn of_release(progress: &Progress) -> Option<CellState> {
    match progress {
        Progress::Forward(_) | Progress::Back(_) => Some(CellState::Releasing),
        Progress::Asking { .. } => Some(CellState::Waiting),
        Progress::Choosing { .. } | Progress::Unrecorded { .. } | Progress::Parked { .. } => {
            Some(CellState::Failed)
        }
        // The version is live: what is observed of it says more. What is over is history.
        Progress::Standby { .. } | Progress::Closed(_) => None,
    }
}
