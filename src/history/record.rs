//! The record of a release: one head and its [entries](Entry). The head is written when the release opens and again
//! when it closes. The entries in between are numbered without gaps. The format has a version, because an older or
//! newer Greenroom may read the record.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Entry, JournalEvent, Link, LivePeriod, RecordedStep, Step, Successor};
use crate::checks::Report;
use crate::inventory::{
    Addresses, Hold, InstanceId, Operator, PerSlot, ReleaseId, Slot, Target, TaskName, Trigger,
    Version,
};
use crate::sanitize::sanitize;

/// The format of all records that this Greenroom stores. A change that an older Greenroom would misread raises it.
pub const FORMAT: u32 = 1;

/// What a release is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseKind {
    /// Makes a version live.
    Promote,
    /// Switches back to a version that was live and is still running.
    WarmRollback,
    /// Switches back to a version that was live and must be started again.
    ColdRollback,
}

impl ReleaseKind {
    pub fn is_rollback(self) -> bool {
        self != Self::Promote
    }
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

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// The new version is live, and nothing remains to be done.
    Done,
    /// The version became live. Another release or an operator ended the standby before its time.
    Superseded {
        /// A description of the release that ended the standby; none if an operator ended the standby without another
        /// release.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// Everything that the release did was undone. If there was an old version, it is live.
    BackedOut { reason: String },
    /// An operator left the release unfinished on purpose.
    Left {
        /// The state in which the release was left, and why.
        reason: String,
    },
    /// The release cannot continue in either direction without a person.
    NeedsPerson {
        /// The current state, and what the person must do.
        reason: String,
    },
}

impl Outcome {
    /// One to three words for tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Superseded { .. } => "superseded",
            Self::BackedOut { .. } => "backed out",
            Self::Left { .. } => "left",
            Self::NeedsPerson { .. } => "needs a person",
        }
    }

    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Done => None,
            Self::Superseded { by } => by.as_deref(),
            Self::BackedOut { reason } | Self::Left { reason } | Self::NeedsPerson { reason } => {
                Some(reason)
            }
        }
    }

    /// Whether the release made its version live and did not switch back.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Done | Self::Superseded { .. })
    }
}

/// The calls of one step, as they were shown to the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCalls<S = Step> {
    pub step: S,
    /// One line for each call, worded so that an operator can check the call.
    pub calls: Vec<String>,
    /// How the step is undone, and what the undoing costs.
    pub undo: String,
}

impl PlannedCalls {
    pub fn recorded(&self) -> PlannedCalls<RecordedStep> {
        PlannedCalls {
            step: self.step.into(),
            calls: self.calls.clone(),
            undo: self.undo.clone(),
        }
    }
}

impl PlannedCalls<RecordedStep> {
    /// The calls, if this Greenroom knows the step.
    pub fn known(&self) -> Option<PlannedCalls> {
        Some(PlannedCalls {
            step: self.step.known()?,
            calls: self.calls.clone(),
            undo: self.undo.clone(),
        })
    }
}

/// The state on which the plan of a release was based. A driver that resumes the release needs this state, because
/// neither the configuration nor the servers still show it after the release has started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// The generation that the switch of this release makes.
    pub generation: u64,
    /// The generation of the route before the switch; none for the first release of a target.
    pub before: Option<u64>,
    /// The addresses of each slot.
    pub endpoints: PerSlot<Addresses>,
    /// A hash over the settings with which instances are created. It shows whether these settings changed since.
    pub shape: String,
    /// The members that were in the slot of the candidate before the release. The step `start` removes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftover: Vec<InstanceId>,
    /// The tier and the rules that were in effect when the release started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleInEffect>,
}

/// A rule that was in effect when a release started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleInEffect {
    /// The key in the table of the environment, e.g. `rules.approvals`.
    pub key: String,
    pub value: String,
    /// Where the rule is written: a place in the file, a variable, `--set`, or `built-in`.
    pub from: String,
}

impl RuleInEffect {
    /// A copy with control characters removed, for screens.
    #[must_use]
    pub fn sanitize(&self) -> Self {
        Self {
            key: sanitize(&self.key),
            value: sanitize(&self.value),
            from: sanitize(&self.from),
        }
    }
}

/// Shows the rule as `approvals      2  (greenroom.toml:12:13)`.
impl fmt::Display for RuleInEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, from } = self;
        let key = key.strip_prefix("rules.").unwrap_or(key);
        write!(f, "{key:<14} {value}  ({from})")
    }
}

/// An active hold or freeze that an operator overrode, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Overridden {
    pub hold: Hold,
    pub why: String,
}

/// The head of a release: what was planned, by whom, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRecord {
    pub format: u32,
    pub id: ReleaseId,
    pub target: Target,
    pub kind: ReleaseKind,
    /// The slot and version that were live before; none for the first release of a target.
    pub from: Option<(Slot, Version)>,
    /// The slot and version that become live.
    pub to: (Slot, Version),
    /// The operator who opened the release.
    pub operator: Operator,
    pub reason: Option<String>,
    /// The active holds and freezes that the operator overrode, each with the reason for the override.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overridden: Vec<Overridden>,
    /// The push for which an agent opened the release; none for a release of an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// The tasks of the target that the release does not run. `reason` says why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped_tasks: Vec<TaskName>,
    /// The required checks that the operator overrode before they were run. `reason` says why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overridden_checks: Vec<String>,
    pub opened_at: Timestamp,
    /// The plan that was shown to the operator.
    pub plan: Vec<PlannedCalls<RecordedStep>>,
    /// The state on which the plan was based; none if an older Greenroom opened the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// When the new version had the traffic, from the switch steps. None until the release ends, and none if the
    /// version never had the traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LivePeriod>,
    /// When and how the release ended; none while it is running or interrupted.
    pub closed: Option<(Timestamp, Outcome)>,
    /// The hash that links the end to the last entry. None until the release ends, and none if an older Greenroom
    /// closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Link>,
}

/// Shown for a rollback that was made without a reason.
pub const NO_REASON_YET: &str = "no reason given yet";

impl ReleaseRecord {
    /// The reason, as lists show it. A rollback without a reason has [`NO_REASON_YET`]; a promote without a reason has
    /// none.
    pub fn why(&self) -> Option<&str> {
        let missing = self.kind.is_rollback().then_some(NO_REASON_YET);
        self.reason.as_deref().or(missing)
    }

    /// The reason like [`ReleaseRecord::why`], unless it only repeats the push that the release was opened for.
    pub fn why_beside_push(&self) -> Option<&str> {
        let of_push = self.trigger.as_ref().map(Trigger::reason);
        self.why().filter(|why| of_push.as_deref() != Some(*why))
    }

    /// Whether the plan has a step that only a newer Greenroom knows.
    pub fn has_unknown_step(&self) -> bool {
        let mut steps = self.plan.iter().map(|planned| &planned.step);
        steps.any(|step| step.known().is_none())
    }

    /// The head as it was before the release ended.
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
    pub head: ReleaseRecord,
    /// In the order of their numbers.
    pub entries: Vec<Entry>,
}

impl Recorded {
    /// The operator to whom the release was handed over. None if the last entry of the journal is not a handover.
    pub fn successor(&self) -> Option<&Successor> {
        match &self.entries.last()?.event {
            JournalEvent::DriverStopped { to, .. } => to.as_ref(),
            _ => None,
        }
    }

    /// The result of the last run of the checks.
    pub fn last_report(&self) -> Option<&Report> {
        let mut entries = self.entries.iter().rev();
        entries.find_map(|entry| match &entry.event {
            JournalEvent::Checked { report } => Some(report),
            _ => None,
        })
    }

    /// The operator who resumed the release last. If no operator has resumed the release, the operator who opened it.
    pub fn last_driver(&self) -> &Operator {
        let resumed = self
            .entries
            .iter()
            .rev()
            .find_map(|entry| match &entry.event {
                JournalEvent::Resumed { decision, .. } => Some(&decision.by),
                _ => None,
            });
        resumed.unwrap_or(&self.head.operator)
    }
}
