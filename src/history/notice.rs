//! A notice tells people who are not watching a release that something happened to it. Each notice reports one fact, in
//! the wording of the console.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ReleaseKind, Step};
use crate::inventory::{Operator, ReleaseId, Target, Tier, Trigger, Version};

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeEvent {
    Started,
    /// The release is waiting for a person.
    Waiting,
    /// The traffic has moved to the new version.
    Switched,
    /// A step failed, or the driver of the release had to stop.
    Failed,
    /// The traffic has moved back to the version that was live before.
    RolledBack,
    /// The release has ended, and everything that it did was undone.
    BackedOut,
    /// The new version became live. The release has ended, or its driver stopped and left the old version running.
    Finished,
    /// The environment is protected, so the agent offers a pushed version to operators.
    Offered,
    /// The agent cannot release a pushed version.
    Refused,
}

impl NoticeEvent {
    /// Every event: those of a release in the order in which they can happen, then those of a push without a release.
    pub const ALL: [Self; 9] = [
        Self::Started,
        Self::Waiting,
        Self::Switched,
        Self::Failed,
        Self::RolledBack,
        Self::BackedOut,
        Self::Finished,
        Self::Offered,
        Self::Refused,
    ];

    /// The name in the configuration and in the sent notice.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Waiting => "waiting",
            Self::Switched => "switched",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
            Self::BackedOut => "backed-out",
            Self::Finished => "finished",
            Self::Offered => "offered",
            Self::Refused => "refused",
        }
    }
}

impl NoticeEvent {
    /// Whether a notice of this event is about a push that no release was started for.
    pub fn is_of_push(self) -> bool {
        matches!(self, Self::Offered | Self::Refused)
    }

    /// Whether a notice of this event has the failed checks and the last lines of the candidate's log.
    pub fn has_details(self) -> bool {
        matches!(self, Self::Failed | Self::BackedOut)
    }
}

impl fmt::Display for NoticeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ChecksCounted {
    /// How many checks have passed.
    pub passed: usize,
    /// How many checks there are in total.
    pub of: usize,
    /// When the last check ran.
    pub at: Timestamp,
}

/// One fact about a release, or about a push that no release was started for. Every text is one sanitized line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Identifies the notice. The id is the same each time the notice is sent, and no other notice has it.
    pub id: String,
    pub event: NoticeEvent,
    pub at: Timestamp,
    pub target: Target,
    /// How careful an operator must be with the target.
    pub tier: Tier,
    /// None if the notice is about a push that no release was started for.
    pub release: Option<ReleaseId>,
    /// None if there is no release.
    pub kind: Option<ReleaseKind>,
    /// The version that was live before; none for the first release of a target.
    pub from: Option<Version>,
    /// The version that becomes live. None if the image registry knows no version for the tag of the push.
    pub to: Option<Version>,
    /// The operator who opened the release; the agent if there is no release.
    pub operator: Operator,
    pub driver: Operator,
    /// The push that caused the release, or that the notice is about.
    pub push: Option<Trigger>,
    /// The reason that the operator gave for the release.
    pub reason: Option<String>,
    /// The holds that the release overrides and why, one text for each.
    pub overridden: Vec<String>,
    /// The step that the notice is about; none if the notice is about the whole release.
    pub step: Option<Step>,
    /// The checks of the new version; none until they have run.
    pub checks: Option<ChecksCounted>,
    /// The checks that have failed, each with the reason.
    pub failed_checks: Vec<String>,
    /// The last lines of the candidate's log, oldest first, with the secrets of the target hidden.
    pub log: Vec<String>,
    /// One sentence that says what happened.
    pub text: String,
    /// Why a step failed, why the release ended without success, or why its driver stopped; none for other notices.
    pub why: Option<String>,
}

impl Notice {
    /// What the notice is about: the release, or the push. Notices with the same subject belong together.
    pub fn subject(&self) -> String {
        match (&self.release, &self.push) {
            (Some(release), _) => release.to_string(),
            // A push for several targets has the same id in each of them.
            (None, Some(push)) => format!("{} {}", self.target, push.entry),
            (None, None) => self.id.clone(),
        }
    }
}
