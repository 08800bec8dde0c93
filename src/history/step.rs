//! The steps of a release. Records, plans and screens use the same names.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A step of a release, in the order of execution. Planning is not a step: it ends before the release is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// The runtime gets the image, by digest.
    Pull,
    /// The proxy's configuration for the target is installed, if it is missing or no longer matches.
    Install,
    /// The candidate is created and started in the slot that is not live.
    Start,
    /// The checks are run against the candidate.
    Verify,
    /// The candidate is registered.
    Register,
    /// Traffic moves to the candidate.
    Switch,
    /// The driver probes the new version and the public address, and counts failed requests. Too many failures move the
    /// traffic back.
    Watch,
    /// The driver waits for the connections to the old slot to end.
    Drain,
    /// After the standby time, the old slot is deregistered and its instance is stopped. A rollback also removes the
    /// instance.
    Stop,
}

impl Step {
    /// Every step, in the order of execution.
    pub const ALL: [Self; 9] = [
        Self::Pull,
        Self::Install,
        Self::Start,
        Self::Verify,
        Self::Register,
        Self::Switch,
        Self::Watch,
        Self::Drain,
        Self::Stop,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Install => "install",
            Self::Start => "start",
            Self::Verify => "verify",
            Self::Register => "register",
            Self::Switch => "switch",
            Self::Watch => "watch",
            Self::Drain => "drain",
            Self::Stop => "stop",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a step is being done or undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Towards the new version.
    Forward,
    /// Back to the old version.
    Back,
}
