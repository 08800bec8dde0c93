//! How far one step of a release is.

use std::time::Duration;

use jiff::Timestamp;

use crate::history::Direction;

/// The state of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepState {
    Pending,
    /// The step waits for a person.
    Waiting {
        since: Timestamp,
    },
    /// The step is being done or undone.
    Running {
        since: Timestamp,
        /// When the time window of the step ends. For a step without a window: when the step fails unless it makes
        /// progress. None if neither is known.
        deadline: Option<Timestamp>,
        direction: Direction,
        /// A message about the last observation; may be empty.
        note: String,
    },
    /// The step is done: its result was observed.
    Done {
        /// The time from the intent until the result was observed.
        took: Duration,
    },
    Failed {
        why: String,
    },
    /// The step was started and then undone.
    Undone,
    /// A person decided to continue without the step.
    Skipped,
}
