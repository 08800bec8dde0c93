//! Health probes: requests that Greenroom sends to an instance to find out whether it is healthy.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The result of one health probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Whether the instance answered with a status from 200 to 299. False if there was no answer.
    pub healthy: bool,
    /// The answer, or the reason why there was none, as a message.
    pub detail: String,
    pub took: Duration,
}
