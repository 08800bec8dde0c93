//! What an instance answered when it was asked whether it is healthy.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The outcome of one health probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Whether it answered as a healthy instance does.
    pub healthy: bool,
    /// What it answered, or why there was no answer, for people.
    pub detail: String,
    /// How long it took.
    pub took: Duration,
}
