//! The inputs and outputs of the machine of a repair.

use std::time::Duration;

use crate::history::RepairRecord;
use crate::inventory::{Slot, Snapshot};
use crate::release::action::{Action, ActionError};

/// An input of the machine.
#[derive(Debug, Clone)]
pub(in crate::release) enum RepairEvent {
    /// The repair starts.
    Started,
    Recorded,
    Unrecorded(String),
    Seen(Box<Snapshot>),
    /// The number of connections of the slot; none if they cannot be counted.
    Counted(Option<u64>),
    /// The action returned. Only an observation shows whether the action had its effect.
    Acted(Result<(), ActionError>),
    /// The pause is over.
    Fired,
    /// The pause is over, and the lock was lost.
    LockLost(String),
    /// An operator requests that the repair stops after its current action.
    StopAsked,
}

/// An output of the machine. After each event, at most one effect other than `Announce` is returned, and its answer is
/// the next event. If there is no such effect, the repair has ended.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::release) enum RepairEffect {
    /// Write the record of the repair. The answer is `Recorded` or `Unrecorded`.
    Record(Box<RepairRecord>),
    /// Observe everything about the target. The answer is `Seen`.
    Observe,
    /// Count the connections of a slot. The answer is `Counted`.
    Count(Slot),
    /// Perform an action. The answer is `Acted`.
    Act(Action),
    /// Wait this long. The answer is `Fired` or `LockLost`.
    Wait(Duration),
    /// Send a message to the operator.
    Announce(String),
}
