//! When a release may be ended by the next one: its version is live, nothing is under way, and all that remains
//! is to stop the old version. Told from its journal, so that it holds for a release that another console
//! drives. Pure.

use super::replay::{Last, Replay};
use super::resume_plan::refuse_by_journal;
use super::{Definition, Plan};
use crate::history::{Direction, Recorded, Step};

/// Whose standby the lock of a target is held for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandbyOf {
    /// A release that this console drives.
    ThisConsole,
    /// A release that another console drives.
    AnotherConsole,
}

/// The number of the last entry of a release that only has its old version to stop; none of any other release.
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
        && !replay.begun.contains(&Step::Stop);
    rests.then_some(replay.sequence)
}
