//! The answer of an instance to a health probe.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The outcome of one health probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Whether it answered as a healthy instance does.
    pub healthy: bool,
    /// Its answer, or why there was none, for people.
    pub detail: String,
    /// How long it took.
    pub took: Duration,
}
