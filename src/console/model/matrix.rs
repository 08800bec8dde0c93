//! The state of a target in a cell of the matrix. The state depends on the observations, on the current release
//! and on the newest push, and never on past releases.

use jiff::Timestamp;

use super::Model;
use crate::inventory::{EdgeTraffic, LiveSlot, Slot, Snapshot, Target, drift};
use crate::release::{Progress, Status};

/// The state of a cell, ordered by urgency. If several states apply, `cell_state` decides which one is shown; the order
/// is for sorting and summaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CellState {
    /// The public address or the live version fails. Or a step of the release has failed, the driver has stopped
    /// (`Parked`), or the release cannot be recorded.
    Failed,
    /// A release waits for an operator's approval.
    Waiting,
    /// A release is running, or the target is locked for another reason, for example a repair.
    Releasing,
    /// A release has not ended and has no driver. Not used for a release whose version is live, with a standby.
    Interrupted,
    /// Runtime, store, proxy and public address do not agree.
    Drifted,
    /// The version of the newest push was refused or did not become live. The target has no other trouble.
    PushFailed,
    Held,
    /// A push waits for an agent or an operator. The target has no trouble.
    Queued,
    /// The runtime does not answer. Or another source does not answer, and no problem was observed. Or it is not known
    /// which slot is live.
    Unknown,
    Healthy,
    Empty,
    /// The service has no target in this environment, or the target was not observed yet.
    Absent,
}

impl CellState {
    /// Whether the state comes before [`Self::Healthy`]: a problem, a hold, an unknown state, or a release that is
    /// running or waits.
    pub fn is_trouble(self) -> bool {
        self < Self::Healthy
    }
}

/// The state of a target, computed from its snapshot and its newest release. The release comes from this console or
/// from the journal.
pub fn cell(model: &Model, target: &Target) -> CellState {
    // If this console no longer drives a release, the last status that its driver published is out of date. Then only
    // the status from the journal is used, if there is one.
    let release = model.release_of(target).filter(|status| {
        model.elsewhere_in(target).is_some() || !model.left.contains(&status.plan.release)
    });
    let release = release.map(AsRef::as_ref);
    cell_state(model.world.get(target), release, model.now)
}

/// When the standby of a target ends, according to its newest release. The outer `None` means that no driver keeps a
/// version warm. The inner `None` means that only an operator ends the standby.
pub fn standby(model: &Model, target: &Target) -> Option<Option<Timestamp>> {
    match model.release_of(target)?.progress {
        Progress::Standby { until } => Some(until),
        _ => None,
    }
}

/// The state of a target that has this snapshot and this release. Without a snapshot, the state is that of the release,
/// or `Absent` if the release gives none.
pub fn cell_state(
    snapshot: Option<&Snapshot>,
    release: Option<&Status>,
    now: Timestamp,
) -> CellState {
    let state = without_queue(snapshot, release, now);
    if !matches!(state, CellState::Healthy | CellState::Empty) {
        return state;
    }
    let push = snapshot.and_then(Snapshot::notable_push);
    push.map_or(state, |entry| {
        if entry.state.is_pending() {
            CellState::Queued
        } else {
            CellState::PushFailed
        }
    })
}

/// The state of a target for which no push is queued.
fn without_queue(
    snapshot: Option<&Snapshot>,
    release: Option<&Status>,
    now: Timestamp,
) -> CellState {
    // An outage comes first, whatever the release does.
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
    let is_gone = |slot: Slot| snapshot.slots.get(slot).members.is_empty();
    let is_named = |slot| matches!(snapshot.edges.traffic(slot), EdgeTraffic::With(_));
    match live {
        LiveSlot::Slot(slot) if snapshot.is_live_broken(slot) => return CellState::Failed,
        LiveSlot::NoSlot if sources.are_live() => return CellState::Empty,
        // Nothing runs and there is no route, so nothing is live, although the proxy does not answer.
        LiveSlot::Unknown
            if sources.registry.is_live()
                && snapshot.route.is_none()
                && Slot::BOTH
                    .into_iter()
                    .all(|slot| is_gone(slot) && !is_named(slot)) =>
        {
            return CellState::Empty;
        }
        _ => {}
    }
    let is_locked = sources.registry.is_live() && snapshot.lock.is_some();
    if is_locked && !release.is_some_and(is_in_standby) {
        CellState::Releasing
    } else if !drift::compare(snapshot).agrees() {
        CellState::Drifted
    } else if !snapshot.holds(now).is_empty() {
        CellState::Held
    } else if !sources.are_live() || live == LiveSlot::Unknown {
        // No problem was observed, but some sources do not answer.
        CellState::Unknown
    } else {
        CellState::Healthy
    }
}

/// Whether the release only keeps its old version warm.
fn is_in_standby(status: &Status) -> bool {
    matches!(status.progress, Progress::Standby { .. })
}

fn of_release(status: &Status) -> Option<CellState> {
    match &status.progress {
        Progress::Forward(_) | Progress::Back(_) => Some(CellState::Releasing),
        Progress::Asking { .. } => Some(CellState::Waiting),
        Progress::Choosing { .. } | Progress::Unrecorded { .. } | Progress::Parked { .. } => {
            Some(CellState::Failed)
        }
        // The new version is live and the old version still runs: the observation of the live version says more.
        Progress::Interrupted { .. } if status.is_live_with_standby() => None,
        Progress::Interrupted { .. } => Some(CellState::Interrupted),
        // The release has ended, or only keeps its old version warm. The observation of the target says more.
        Progress::Standby { .. } | Progress::Closed(_) => None,
    }
}
