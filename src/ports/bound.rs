//! Limits on how many bytes Greenroom reads from an outside system, and for how long. `greenroom help limits` lists
//! them.

use std::time::Duration;

/// The limits for one kind of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The server that answers, e.g. `Docker engine`.
    pub server: &'static str,
    /// The answer, or the part of an answer, to which the limits apply: `a line of events`.
    pub answer: &'static str,
    /// The maximum number of bytes that are read.
    pub bytes: u64,
    /// The time limit for reading.
    pub time: TimeLimit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLimit {
    /// The whole answer must arrive within this time.
    Within(Duration),
    /// The longest pause without new data. The whole answer may take longer.
    Idle(Duration),
    /// The limit is set by this key of the configuration.
    Configured(&'static str),
    /// No limit, because the stream is followed for as long as it is needed.
    Endless,
}
