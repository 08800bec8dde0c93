//! Decides whether a release is in its standby: its version is live, and only the old version is still to be stopped.
//! Then the next release of the target may end this release. Only the journal is needed, so this also works for a
//! release that another console drives.

use super::replay::{Last, Replay};
use super::resume_plan::refuse_by_journal;
use super::{Definition, Plan};
use crate::history::Recorded;

/// The console that drives a standby.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandbyOf {
    ThisConsole,
    AnotherConsole,
}

/// The number of the last entry of a release that is in its standby; none for any other release.
pub fn standby_entry(recorded: &Recorded, definition: &Definition) -> Option<u32> {
    let mut against = Vec::new();
    refuse_by_journal(recorded, &mut against);
    if !against.is_empty() {
        return None;
    }
    let plan = Plan::recorded(&recorded.head, definition, None);
    let replay = Replay::of(recorded, &plan);
    let is_in_standby = replay.track.is_before_standby() && replay.last == Last::Between;
    is_in_standby.then_some(replay.sequence)
}
