//! The steps of a release. Records, plans and screens use the same names.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sanitize::sanitize;

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

/// A step in the record of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RecordedStep {
    Known(Step),
    /// The name of a step that only a newer Greenroom knows, as it is stored.
    Unknown(String),
}

impl RecordedStep {
    pub fn known(&self) -> Option<Step> {
        match self {
            Self::Known(step) => Some(*step),
            Self::Unknown(_) => None,
        }
    }
}

impl From<Step> for RecordedStep {
    fn from(step: Step) -> Self {
        Self::Known(step)
    }
}

impl fmt::Display for RecordedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(step) => step.fmt(f),
            Self::Unknown(name) => f.pad(&sanitize(name)),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_of_a_newer_greenroom_keeps_its_name() {
        let text = r#"["pull","share\u001b[2J"]"#;
        let steps: Vec<RecordedStep> = serde_json::from_str(text).expect("steps");
        assert_eq!(steps[0].known(), Some(Step::Pull));
        assert_eq!(steps[1].known(), None);
        assert!(steps[1].to_string().starts_with("share"));
        assert!(!steps[1].to_string().contains('\u{1b}'));
        assert_eq!(serde_json::to_string(&steps).expect("a text"), text);
    }
}
