//! The steps of a release. Records, plans and screens use the same names.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sanitize::sanitize;

macro_rules! steps {
    ($($(#[doc = $text:literal])+ $step:ident = $name:literal,)+) => {
        /// A step of a release. Planning is not a step: it ends before the release is opened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Step {
            $($(#[doc = $text])+ #[serde(rename = $name)] $step,)+
        }

        impl Step {
            /// Every step. A ladder puts those that it uses in order.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$step),+];

            /// The name in records and on screens.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$step => $name,)+
                }
            }
        }
    };
}

steps! {
    /// The runtime gets the image, by digest.
    Pull = "pull",
    /// The tasks before the start run: commands in containers of the new version.
    BeforeStart = "before-start",
    /// The proxy's configuration for the target is installed, if it is missing or no longer matches.
    Install = "install",
    /// The live version of a scheduler is stopped, because two never run at once.
    StopOld = "stop-old",
    /// The candidate is created and started in the slot that is not live.
    Start = "start",
    /// The checks are run against the candidate.
    Verify = "verify",
    /// The candidate is registered.
    Register = "register",
    /// The tasks before the switch run.
    BeforeSwitch = "before-switch",
    /// Traffic moves to the candidate.
    Switch = "switch",
    /// The tasks after the switch run.
    AfterSwitch = "after-switch",
    /// The driver probes the new version and the public address, and counts failed requests. Too many failures move the
    /// traffic back.
    Watch = "watch",
    /// The driver waits for the connections to the old slot to end.
    Drain = "drain",
    /// After the standby time, the old version of a worker is told to take no more jobs.
    Quiet = "quiet",
    /// After the standby time, the old slot is deregistered and its instance is stopped. A rollback also removes the
    /// instance.
    Stop = "stop",
    /// The tasks after the stop run.
    AfterStop = "after-stop",
}

impl Step {
    /// Whether the step runs the tasks of a point.
    pub fn runs_tasks(self) -> bool {
        matches!(
            self,
            Self::BeforeStart | Self::BeforeSwitch | Self::AfterSwitch | Self::AfterStop
        )
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
