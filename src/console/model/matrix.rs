//! What a cell of the matrix says about a target: from what is observed, and from what is being
//! done to it; never from history.

use jiff::Timestamp;

use super::Model;
use crate::inventory::{LiveSlot, Slot, Snapshot, Target, drift};
use crate::release::{Progress, Status};

/// A cell's state, the most urgent that is true. In the order of urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CellState {
    /// What is live is not well, or its release failed and waits for somebody.
    Failed,
    /// A release waits for somebody's yes.
    Waiting,
    /// A release goes on.
    Releasing,
    /// A release was left in its middle, and nobody drives it.
    Interrupted,
    /// The places that should agree do not.
    Drifted,
    /// A freeze stands.
    Held,
    /// Nothing is known to be wrong, and something is unknown: a source does not answer.
    Unknown,
    /// What is live is well.
    Healthy,
    /// Nothing is live there.
    Empty,
    /// The service has no target in that environment, as far as is known.
    Absent,
}

impl CellState {
    /// Whether somebody may have to look at it.
    pub fn is_trouble(self) -> bool {
        self < Self::Healthy
    }
}

/// The state of a target's cell: with the release that this console drives there, or that the journal
/// tells of.
pub fn cell(model: &Model, target: &Target) -> CellState {
    // One that was left is not going on, whatever it said last.
    let release = model.release_of(target).filter(|status| {
        model.elsewhere_in(target).is_some() || !model.left.contains(&status.plan.release)
    });
    let release = release.map(AsRef::as_ref);
    cell_state(model.world.get(target), release, model.now)
}

/// What a cell's state does not say: until when the old version is kept warm. The end is missing
/// where nothing but a person ends it.
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
    // That the public gets nothing is more urgent than any question.
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
        // Nothing is known to be wrong, and not everything is known.
        CellState::Unknown
    } else {
        CellState::Healthy
    }
}

/// Whether the lock is known to be held for nothing but keeping the old version warm.
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
        // It was left with its old version running: what is observed of the live one says more.
        Progress::Interrupted { .. } if status.is_live_with_standby() => None,
        Progress::Interrupted { .. } => Some(CellState::Interrupted),
        // The version is live: what is observed of it says more. What is over is history.
        Progress::Standby { .. } | Progress::Closed(_) => None,
    }
}
