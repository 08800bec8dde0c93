//! What is written down about a release: a head when it opens and when it closes, and entries
//! in between, numbered without gaps. The format carries a version, because a release may be
//! read by another Greenroom than the one that wrote it.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Direction, Step};
use crate::checks::Report;
use crate::inventory::{Operator, ReleaseId, Slot, Target, Version};

/// The format of records written by this Greenroom.
pub const FORMAT: u32 = 1;

/// What a release is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseKind {
    /// A version that is to become live.
    Promote,
    /// Back to a version that was live and whose instance is still warm.
    WarmRollback,
    /// Back to a version that was live and has to be started again.
    ColdRollback,
}

impl fmt::Display for ReleaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Promote => "promote",
            Self::WarmRollback => "warm rollback",
            Self::ColdRollback => "cold rollback",
        })
    }
}

/// How a release ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// The version is live.
    Done,
    /// The version is live, and another release took over from the standby on.
    Superseded,
    /// Everything that was done was undone; the old version is live.
    BackedOut {
        /// Why.
        reason: String,
    },
    /// It was left where it stood, on purpose.
    Left {
        /// Where and why.
        reason: String,
    },
    /// It cannot go on by itself in either direction.
    NeedsPerson {
        /// What stands where and what to do.
        reason: String,
    },
}

impl Outcome {
    /// One word for tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Superseded => "superseded",
            Self::BackedOut { .. } => "backed out",
            Self::Left { .. } => "left",
            Self::NeedsPerson { .. } => "needs a person",
        }
    }

    /// Why, where there is a why.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Done | Self::Superseded => None,
            Self::BackedOut { reason } | Self::Left { reason } | Self::NeedsPerson { reason } => {
                Some(reason)
            }
        }
    }

    /// Whether the version became live and stayed.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Done | Self::Superseded)
    }
}

/// What was shown to the operator for one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCalls {
    /// The step.
    pub step: Step,
    /// What it will do, a call a line, in words an operator can check.
    pub calls: Vec<String>,
    /// What undoing it costs.
    pub undo: String,
}

/// The head of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRecord {
    /// The format of this record and its entries.
    pub format: u32,
    /// Its id.
    pub id: ReleaseId,
    /// Whose it is.
    pub target: Target,
    /// What it is for.
    pub kind: ReleaseKind,
    /// What was live before, and where; none for the first release of a target.
    pub from: Option<(Slot, Version)>,
    /// What is to be live, and where.
    pub to: (Slot, Version),
    /// Who.
    pub operator: Operator,
    /// Why.
    pub reason: Option<String>,
    /// When it was begun.
    pub opened_at: Timestamp,
    /// What was shown.
    pub plan: Vec<PlannedCalls>,
    /// When and how it ended; none while it goes on, and when it was interrupted.
    pub closed: Option<(Timestamp, Outcome)>,
}

/// A person's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Who.
    pub by: Operator,
    /// When it was asked; the time between is not Greenroom's.
    pub asked_at: Option<Timestamp>,
    /// What for, or why, in their words.
    pub note: Option<String>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "entry")]
pub enum Happening {
    /// A step is about to act.
    Intent {
        /// Which.
        step: Step,
        /// Which way.
        direction: Direction,
    },
    /// A step was observed to be true, or given up.
    Outcome {
        /// Which.
        step: Step,
        /// Which way.
        direction: Direction,
        /// What went wrong; none when it is true.
        failure: Option<String>,
        /// From intent to here.
        took: Duration,
    },
    /// The checks were run.
    Checked {
        /// What came out.
        report: Report,
    },
    /// A person approved a step.
    Approved {
        /// Which.
        step: Step,
        /// Who and when.
        decision: Decision,
    },
    /// A person, or a crossed threshold, asked for the way back.
    BackOutAsked {
        /// Who and why; nobody when it was a rule.
        decision: Option<Decision>,
        /// The reason.
        reason: String,
    },
    /// A person chose what to do about a failed step, or while one waited.
    Chosen {
        /// Which step had failed, or waited.
        step: Step,
        /// `retry`, `back out`, `leave` or `skip`; `check again` of one that waited.
        choice: String,
        /// Who and why.
        decision: Decision,
    },
}

/// One entry of a release's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts up from 1 without gaps; writing the same entry twice changes nothing.
    pub sequence: u32,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// A release as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Its head.
    pub head: ReleaseRecord,
    /// Its entries, in order.
    pub entries: Vec<Entry>,
}
