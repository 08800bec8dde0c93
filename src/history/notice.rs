//! A notice about a release for people who are not watching: one fact per notice, in the words of the screen.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::{ReleaseKind, Step};
use crate::inventory::{Operator, ReleaseId, Target, Tier, Version};

/// The event that a notice reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeEvent {
    /// A release was started.
    Started,
    /// It is waiting for a person.
    Waiting,
    /// The traffic has moved to its version.
    Switched,
    /// A step failed, or its driver had to stop.
    Failed,
    /// The traffic has moved back to the version that was live before.
    RolledBack,
    /// Everything that it did was undone, and it has ended.
    BackedOut,
    /// It has ended and its version is live.
    Finished,
}

impl NoticeEvent {
    /// All of them, in the order in which they can happen.
    pub const ALL: [Self; 7] = [
        Self::Started,
        Self::Waiting,
        Self::Switched,
        Self::Failed,
        Self::RolledBack,
        Self::BackedOut,
        Self::Finished,
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
        }
    }
}

impl fmt::Display for NoticeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The results of a version's checks, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ChecksCounted {
    /// How many checks passed.
    pub passed: usize,
    /// How many checks there are.
    pub of: usize,
    /// When the last of them ran.
    pub at: Timestamp,
}

/// One fact about a release. Every text is one sanitized line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The id: the same each time this notice is sent, and different from any other notice's.
    pub id: String,
    /// The event.
    pub event: NoticeEvent,
    /// The time of the event.
    pub at: Timestamp,
    /// The target.
    pub target: Target,
    /// How careful an operator must be there.
    pub tier: Tier,
    /// The release.
    pub release: ReleaseId,
    /// The kind of release.
    pub kind: ReleaseKind,
    /// The version that was live before; none for the first release of a target.
    pub from: Option<Version>,
    /// The version that becomes live.
    pub to: Version,
    /// The operator who opened it.
    pub operator: Operator,
    /// The operator who drives it.
    pub driver: Operator,
    /// The reason that its operator gave.
    pub reason: Option<String>,
    /// The holds that it overrides, and why; one text each.
    pub overridden: Vec<String>,
    /// The step that the notice is about, if any.
    pub step: Option<Step>,
    /// The checks of the version, once they have run.
    pub checks: Option<ChecksCounted>,
    /// What happened, in one sentence.
    pub text: String,
    /// Why it failed or went back.
    pub why: Option<String>,
}
