//! What is written down about a release: a head when it opens and when it closes, and [entries](Entry)
//! in between, numbered without gaps. The format carries a version, because a release may be
//! read by another Greenroom than the one that wrote it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Entry, Happening, Link, LivePeriod, Step, Successor};
use crate::checks::Report;
use crate::inventory::{
    Endpoint, Hold, InstanceId, Operator, PerSlot, ReleaseId, Slot, Target, Version,
};
use crate::sanitize::sanitize;

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
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// The version is live.
    Done,
    /// The version became live, and its standby was ended with the old version still warm.
    Superseded {
        /// The release that ended it, in words; none where an operator did without another release.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
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
            Self::Superseded { .. } => "superseded",
            Self::BackedOut { .. } => "backed out",
            Self::Left { .. } => "left",
            Self::NeedsPerson { .. } => "needs a person",
        }
    }

    /// Why, where there is a why.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Done => None,
            Self::Superseded { by } => by.as_deref(),
            Self::BackedOut { reason } | Self::Left { reason } | Self::NeedsPerson { reason } => {
                Some(reason)
            }
        }
    }

    /// Whether the version became live and stayed.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Done | Self::Superseded { .. })
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

/// What the plan of a release stood on, for whoever goes on with it: what acting needs and neither the
/// configuration nor the world says any more once it has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// The generation its switch makes.
    pub generation: u64,
    /// The generation of the route before it; none for the first release of a target.
    pub before: Option<u64>,
    /// Where each slot answered.
    pub endpoints: PerSlot<Endpoint>,
    /// How an instance was to be made, as a mark to compare.
    pub shape: String,
    /// What stood in the slot and is removed when the candidate is started.
    pub leftover: Option<InstanceId>,
    /// The tier and the rules that held when it was begun, each with where it was written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleInEffect>,
}

/// A rule as it held when a release was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleInEffect {
    /// Its key in the table of the environment: `rules.approvals`.
    pub key: String,
    /// What it said.
    pub value: String,
    /// Where it was written: a place in the file, a variable, `--set`, or `built-in`.
    pub from: String,
}

impl RuleInEffect {
    /// The same, safe to show.
    #[must_use]
    pub fn sanitize(&self) -> Self {
        Self {
            key: sanitize(&self.key),
            value: sanitize(&self.value),
            from: sanitize(&self.from),
        }
    }
}

/// `approvals      2  (greenroom.toml:12:13)`.
impl fmt::Display for RuleInEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, from } = self;
        let key = key.strip_prefix("rules.").unwrap_or(key);
        write!(f, "{key:<14} {value}  ({from})")
    }
}

/// A hold or a freeze that stood, and that somebody released in spite of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Overridden {
    /// Which.
    pub hold: Hold,
    /// Why.
    pub why: String,
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
    /// What stood against it, and why it was begun in spite of that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overridden: Vec<Overridden>,
    /// When it was begun.
    pub opened_at: Timestamp,
    /// What was shown.
    pub plan: Vec<PlannedCalls>,
    /// What the plan stood on; none of a release that an older Greenroom began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "footing")]
    pub baseline: Option<Baseline>,
    /// When its new version had the traffic, by its switch steps. Written with the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LivePeriod>,
    /// When and how it ended; none while it goes on, and when it was interrupted.
    pub closed: Option<(Timestamp, Outcome)>,
    /// What ties its end to the last entry; none before, and none of what an older Greenroom closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Link>,
}

/// What is said of a rollback that was made without a reason.
pub const NO_REASON_YET: &str = "no reason given yet";

impl ReleaseRecord {
    /// Why it was made, for lists. A rollback that has no reason says so; a promote without one says nothing.
    pub fn why(&self) -> Option<&str> {
        let missing = (self.kind != ReleaseKind::Promote).then_some(NO_REASON_YET);
        self.reason.as_deref().or(missing)
    }

    /// The head as it was written first.
    #[must_use]
    pub fn opening(&self) -> Self {
        Self {
            live: None,
            closed: None,
            chain: None,
            ..self.clone()
        }
    }
}

/// A release as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Its head.
    pub head: ReleaseRecord,
    /// Its entries, in order.
    pub entries: Vec<Entry>,
}

impl Recorded {
    /// To whom it was handed over, while nobody has gone on with it since.
    pub fn successor(&self) -> Option<&Successor> {
        match &self.entries.last()?.what {
            Happening::LetGo { to, .. } => to.as_ref(),
            _ => None,
        }
    }

    /// What came out of the checks the last time they were run.
    pub fn last_report(&self) -> Option<&Report> {
        let mut entries = self.entries.iter().rev();
        entries.find_map(|entry| match &entry.what {
            Happening::Checked { report } => Some(report),
            _ => None,
        })
    }

    /// Who drove it last, as far as is written.
    pub fn last_driver(&self) -> &Operator {
        let resumed = self
            .entries
            .iter()
            .rev()
            .find_map(|entry| match &entry.what {
                Happening::Resumed { decision, .. } => Some(&decision.by),
                _ => None,
            });
        resumed.unwrap_or(&self.head.operator)
    }
}
