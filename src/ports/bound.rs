//! How much is read of one outside system, and for how long: rows of `greenroom help limits`.

use std::time::Duration;

/// The bound on one kind of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Who answers: `Docker engine`.
    pub server: &'static str,
    /// What is read: `an answer`.
    pub answer: &'static str,
    /// The most bytes of it that are read.
    pub bytes: u64,
    /// How long reading it may take.
    pub time: TimeLimit,
}

/// How long reading may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLimit {
    /// In all.
    Within(Duration),
    /// Without anything new. The whole may take longer.
    Idle(Duration),
    /// As the configuration says, by this key.
    Configured(&'static str),
    /// As long as it is followed.
    Endless,
}
