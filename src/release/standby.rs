//! Decides when the next release may end a release: its version is live, nothing is running, and only the old version
//! is still to be stopped. The journal alone decides that, so it also works for a release of another console.

use super::replay::{Last, Replay};
use super::resume_plan::refuse_by_journal;
use super::{Definition, Plan};
use crate::history::{Direction, Recorded, Step};

/// The console that drives the standby that holds the lock of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandbyOf {
    ThisConsole,
    AnotherConsole,
}

/// The number of the last entry of a release that only has to stop its old version; none for any other release.
pub fn standby_entry(recorded: &Recorded, definition: &Definition) -> Option<u32> {
    let mut against = Vec::new();
    refuse_by_journal(recorded, &mut against);
    if !against.is_empty() {
        return None;
    }
    let plan = Plan::recorded(&recorded.head, definition, None);
    let replay = Replay::of(recorded, &plan);
    let stage = replay.stage()?;
    let rests = stage.step == Step::Stop
        && stage.direction == Direction::Forward
        && replay.last == Last::Between
        && !replay.started.contains(&Step::Stop);
    rests.then_some(replay.sequence)
}
