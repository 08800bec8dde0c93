//! How much is read from an outside system, and for how long: the rows of `greenroom help limits`.

use std::time::Duration;

/// The bound on one kind of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The server that answers: `Docker engine`.
    pub server: &'static str,
    /// What is read: `an answer`.
    pub answer: &'static str,
    /// The maximum number of bytes that are read.
    pub bytes: u64,
    /// The time limit for reading.
    pub time: TimeLimit,
}

/// A time limit for reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLimit {
    /// For the whole answer.
    Within(Duration),
    /// For the time without new data. The whole answer may take longer.
    Idle(Duration),
    /// Configured by this key.
    Configured(&'static str),
    /// None: it is read as long as it is followed.
    Endless,
}
