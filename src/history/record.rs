//! The record of a release: a head, written when it opens and when it closes, and [entries](Entry) in between, numbered
//! without gaps. The format has a version, because another Greenroom than the writer may read a release.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Entry, Happening, Link, LivePeriod, Step, Successor};
use crate::checks::Report;
use crate::inventory::{
    Endpoint, Hold, InstanceId, Operator, PerSlot, ReleaseId, Slot, Target, Version,
};
use crate::sanitize::sanitize;

/// The format of the records that this Greenroom writes.
pub const FORMAT: u32 = 1;

/// The purpose of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseKind {
    /// To make a version live.
    Promote,
    /// Back to a version that was live and is still running.
    WarmRollback,
    /// Back to a version that was live and must be started again.
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
    /// The version became live, and its standby ended while the old version was still warm.
    Superseded {
        /// The release that ended it, in words; none if an operator ended it without another release.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// Everything that was done was undone. The old version is live.
    BackedOut {
        /// The reason.
        reason: String,
    },
    /// An operator left it as it was, on purpose.
    Left {
        /// The state in which it was left, and why.
        reason: String,
    },
    /// It cannot continue by itself in either direction.
    NeedsPerson {
        /// The current state, and what to do.
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

    /// The reason, if there is one.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Done => None,
            Self::Superseded { by } => by.as_deref(),
            Self::BackedOut { reason } | Self::Left { reason } | Self::NeedsPerson { reason } => {
                Some(reason)
            }
        }
    }

    /// Whether the version became live and stayed live.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Done | Self::Superseded { .. })
    }
}

/// The calls of one step, as the operator saw them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCalls {
    /// The step.
    pub step: Step,
    /// The calls, one per line, in words that an operator can check.
    pub calls: Vec<String>,
    /// How the step is undone, and what that costs.
    pub undo: String,
}

/// The state on which the plan of a release was based, for a driver that resumes it. It contains what acting needs and
/// what neither the configuration nor the servers can tell after the release has started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// The generation that its switch makes.
    pub generation: u64,
    /// The generation of the route before it; none for the first release of a target.
    pub before: Option<u64>,
    /// The address of each slot.
    pub endpoints: PerSlot<Endpoint>,
    /// A mark of the shape of the instances, for comparison.
    pub shape: String,
    /// The instance that was in the slot; it is removed when the candidate is started.
    pub leftover: Option<InstanceId>,
    /// The tier and the rules in effect when the release started, each with where it is written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleInEffect>,
}

/// A rule that was in effect when a release started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleInEffect {
    /// Its key in the table of the environment: `rules.approvals`.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Where it is written: a place in the file, a variable, `--set`, or `built-in`.
    pub from: String,
}

impl RuleInEffect {
    /// The same rule, safe to show.
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

/// An active hold or freeze that an operator overrode.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Overridden {
    /// The hold.
    pub hold: Hold,
    /// The reason for the override.
    pub why: String,
}

/// The head of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRecord {
    /// The format of this record and its entries.
    pub format: u32,
    /// Its id.
    pub id: ReleaseId,
    /// Its target.
    pub target: Target,
    /// The purpose of the release.
    pub kind: ReleaseKind,
    /// The slot and version that were live before; none for the first release of a target.
    pub from: Option<(Slot, Version)>,
    /// The slot and version that become live.
    pub to: (Slot, Version),
    /// The operator who opened it.
    pub operator: Operator,
    /// The operator's reason.
    pub reason: Option<String>,
    /// The holds that were active, and why they were overridden.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overridden: Vec<Overridden>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The plan that the operator saw.
    pub plan: Vec<PlannedCalls>,
    /// The state on which the plan was based; none if an older Greenroom opened the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "footing")]
    pub baseline: Option<Baseline>,
    /// When its new version had the traffic, from its switch steps. Written with the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LivePeriod>,
    /// When and how it ended; none while it is running or interrupted.
    pub closed: Option<(Timestamp, Outcome)>,
    /// The hash that ties its end to the last entry; none before the end, and none if an older Greenroom closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Link>,
}

/// Shown for a rollback that was made without a reason.
pub const NO_REASON_YET: &str = "no reason given yet";

impl ReleaseRecord {
    /// Its reason, for lists. A rollback without a reason says so; a promote without one has none.
    pub fn why(&self) -> Option<&str> {
        let missing = (self.kind != ReleaseKind::Promote).then_some(NO_REASON_YET);
        self.reason.as_deref().or(missing)
    }

    /// The head as it was first written.
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

/// A release as the journal stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Its head.
    pub head: ReleaseRecord,
    /// Its entries, in order.
    pub entries: Vec<Entry>,
}

impl Recorded {
    /// The successor to whom it was handed over, until another driver resumes it.
    pub fn successor(&self) -> Option<&Successor> {
        match &self.entries.last()?.what {
            Happening::LetGo { to, .. } => to.as_ref(),
            _ => None,
        }
    }

    /// The result of the last run of the checks.
    pub fn last_report(&self) -> Option<&Report> {
        let mut entries = self.entries.iter().rev();
        entries.find_map(|entry| match &entry.what {
            Happening::Checked { report } => Some(report),
            _ => None,
        })
    }

    /// The last driver, as far as the journal says.
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
