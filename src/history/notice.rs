//! What is told of a release to people who do not look: one fact a notice, in the words of the screen.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::{ReleaseKind, Step};
use crate::inventory::{Operator, ReleaseId, Target, Tier, Version};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeEvent {
    /// A release was begun.
    Started,
    /// It waits for a person.
    Waiting,
    /// Traffic has moved to its version.
    Switched,
    /// A step failed, or its driver had to stop.
    Failed,
    /// Traffic has moved back to what was live before.
    RolledBack,
    /// All that was done was undone, and it is over.
    BackedOut,
    /// It is over and its version is live.
    Finished,
}

impl NoticeEvent {
    /// All of them, in the order they can happen.
    pub const ALL: [Self; 7] = [
        Self::Started,
        Self::Waiting,
        Self::Switched,
        Self::Failed,
        Self::RolledBack,
        Self::BackedOut,
        Self::Finished,
    ];

    /// The word for it, as it is configured and sent.
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

/// The checks of a version, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ChecksCounted {
    /// How many passed.
    pub passed: usize,
    /// How many there are.
    pub of: usize,
    /// When the last of them was run.
    pub at: Timestamp,
}

/// See the module. All texts are one harmless line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The same however often it is sent, and of no other notice.
    pub id: String,
    /// What happened.
    pub event: NoticeEvent,
    /// When.
    pub at: Timestamp,
    /// Where.
    pub target: Target,
    /// How careful one has to be there.
    pub tier: Tier,
    /// Of which release.
    pub release: ReleaseId,
    /// What it is for.
    pub kind: ReleaseKind,
    /// What was live before; none for the first release of a target.
    pub from: Option<Version>,
    /// What is to be live.
    pub to: Version,
    /// Who began it.
    pub operator: Operator,
    /// Who drives it.
    pub driver: Operator,
    /// Why it is done, in the words of who began it.
    pub reason: Option<String>,
    /// The holds it is done in spite of, and why, one a text.
    pub overridden: Vec<String>,
    /// The step it is about, if it is about one.
    pub step: Option<Step>,
    /// The checks of the version, once they were run.
    pub checks: Option<ChecksCounted>,
    /// What happened, as a sentence.
    pub text: String,
    /// Why it failed or went back.
    pub why: Option<String>,
}
