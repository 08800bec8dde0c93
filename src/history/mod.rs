//! What was deployed: the records a release leaves behind. Pure. History never decides what
//! is shown as running; that comes from observing.

mod entry;
mod reading;
mod record;
mod repair;
mod step;
mod timeline;

pub use entry::{Decision, Entry, Happening, Takeover};
pub use reading::{Written, check_whole};
pub use record::{FORMAT, Footing, Outcome, PlannedCalls, Recorded, ReleaseKind, ReleaseRecord};
pub use repair::{RepairDeed, RepairOutcome, RepairRecord, Repaired};
pub use step::{Direction, Step};
pub use timeline::{Fate, fate, once_live};
