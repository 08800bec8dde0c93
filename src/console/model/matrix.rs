//! What a cell of the matrix says about a target: from observations and from the release in flight,
//! never from history.

use jiff::Timestamp;

use super::Model;
use crate::inventory::{LiveSlot, Slot, Snapshot, Target, drift};
use crate::release::{Progress, Status};

/// A cell's state: the most urgent one that applies. Ordered by urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CellState {
    /// The live version is unhealthy, or its release failed and waits for a choice.
    Failed,
    /// A release waits for an operator's approval.
    Waiting,
    /// A release is in flight.
    Releasing,
    /// A release was left unfinished and has no driver.
    Interrupted,
    /// The places that should agree do not.
    Drifted,
    /// A hold is in effect.
    Held,
    /// No problem is known, but a source does not answer.
    Unknown,
    /// The live version is healthy.
    Healthy,
    /// Nothing is live.
    Empty,
    /// The service has no target in that environment, as far as is known.
    Absent,
}

impl CellState {
    /// Whether an operator may have to look at it.
    pub fn is_trouble(self) -> bool {
        self < Self::Healthy
    }
}

/// The state of a target's cell, with the release that this console drives there, or that the journal
/// records.
pub fn cell(model: &Model, target: &Target) -> CellState {
    // A release that was left is not in flight, whatever its last status says.
    let release = model.release_of(target).filter(|status| {
        model.elsewhere_in(target).is_some() || !model.left.contains(&status.plan.release)
    });
    let release = release.map(AsRef::as_ref);
    cell_state(model.world.get(target), release, model.now)
}

/// Until when the old version is kept warm, which the cell's state does not say. The inner value is
/// none if only an operator ends the standby.
pub fn standby(model: &Model, target: &Target) -> Option<Option<Timestamp>> {
    match model.release_of(target)?.progress {
        Progress::Standby { until } => Some(until),
        _ => None,
    }
}

/// See the module.
pub fn cell_state(
    snapshot: Option<&Snapshot>,
    release: Option<&Status>,
    now: Timestamp,
) -> CellState {
    // An outage is more urgent than any question.
    if snapshot.is_some_and(|snapshot| snapshot.outage().is_some()) {
        return CellState::Failed;
    }
    if let Some(state) = release.and_then(of_release) {
        return state;
    }
    let Some(snapshot) = snapshot else {
        return CellState::Absent;
    };
    let sources = &snapshot.sources;
    if !sources.runtime.is_live() {
        return CellState::Unknown;
    }
    let live = snapshot.live_slot();
    let is_gone = |slot: Slot| snapshot.slots.get(slot).instance.is_none();
    match live {
        LiveSlot::Slot(slot) if is_gone(slot) || snapshot.is_unwell(slot) => {
            return CellState::Failed;
        }
        LiveSlot::NoSlot if sources.are_live() => return CellState::Empty,
        // Nothing runs and nothing is routed: whatever the proxy would say, nothing is live.
        LiveSlot::Unknown
            if sources.registry.is_live()
                && snapshot.route.is_none()
                && Slot::BOTH.into_iter().all(is_gone) =>
        {
            return CellState::Empty;
        }
        _ => {}
    }
    let is_locked = sources.registry.is_live() && snapshot.lock.is_some();
    if is_locked && !release.is_some_and(rests) {
        CellState::Releasing
    } else if !drift::compare(snapshot).holds() {
        CellState::Drifted
    } else if !snapshot.holds(now).is_empty() {
        CellState::Held
    } else if !sources.are_live() || live == LiveSlot::Unknown {
        // No problem is known, but not everything is known.
        CellState::Unknown
    } else {
        CellState::Healthy
    }
}

/// Whether the lock is held only for keeping the old version warm.
fn rests(status: &Status) -> bool {
    matches!(status.progress, Progress::Standby { .. })
}

fn of_release(status: &Status) -> Option<CellState> {
    match &status.progress {
        Progress::Forward(_) | Progress::Back(_) => Some(CellState::Releasing),
        Progress::Asking { .. } => Some(CellState::Waiting),
        Progress::Choosing { .. } | Progress::Unrecorded { .. } | Progress::Parked { .. } => {
            Some(CellState::Failed)
        }
        // It was left with its old version running: the observation of the live one says more.
        Progress::Interrupted { .. } if status.is_live_with_standby() => None,
        Progress::Interrupted { .. } => Some(CellState::Interrupted),
        // The version is live: its observation says more. A closed release is history.
        Progress::Standby { .. } | Progress::Closed(_) => None,
    }
}
