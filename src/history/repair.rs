//! The record of a repair of drift: who repaired what, when, and how it ended. Records of repairs are separate from
//! records of releases, so an older Greenroom ignores them. The record is written before the first action and again
//! with each action, so the record of an interrupted repair shows which actions were done.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Link;
use crate::inventory::{Operator, ReleaseId, Target};

/// A difference that a repair removes. The name is text, because the record of a newer Greenroom may have a name that
/// this Greenroom does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repaired {
    pub name: String,
    #[serde(rename = "says")]
    pub message: String,
}

/// One action of a repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedAction {
    /// A description of the action.
    pub does: String,
    /// The calls, as they were shown to the operator.
    pub calls: Vec<String>,
    /// None if the action was not started, or if its start could not be recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When the result of the action was observed; none before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum RepairOutcome {
    /// Every difference is repaired.
    Done,
    /// Every action was done, but differences remain.
    Remains {
        /// The remaining differences, as text.
        what: String,
    },
    /// An action failed, or its result was not observed. The actions after it were not done.
    Failed {
        /// The failed action, and why it failed.
        reason: String,
    },
    /// An operator stopped the repair between two actions.
    Stopped {
        /// Which action was not started.
        reason: String,
    },
}

impl RepairOutcome {
    /// One or two words for tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Remains { .. } => "partly repaired",
            Self::Failed { .. } => "failed",
            Self::Stopped { .. } => "stopped",
        }
    }

    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Done => None,
            Self::Remains { what: reason } | Self::Failed { reason } | Self::Stopped { reason } => {
                Some(reason)
            }
        }
    }
}

impl fmt::Display for RepairOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            Some(reason) => write!(f, "{}: {reason}", self.word()),
            None => f.write_str(self.word()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairRecord {
    /// The format of the record. Release records and repair records use the same format number.
    pub format: u32,
    pub id: ReleaseId,
    pub target: Target,
    /// The operator who confirmed the repair.
    pub operator: Operator,
    pub started_at: Timestamp,
    /// The differences that the repair removes.
    pub differences: Vec<Repaired>,
    /// In the order in which they are done.
    #[serde(rename = "actions")]
    pub repair_actions: Vec<RecordedAction>,
    /// When and how the repair ended; none while it is running or interrupted.
    pub closed: Option<(Timestamp, RepairOutcome)>,
    /// The hash over the record, computed each time it is written; none if an older Greenroom wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Link>,
}

impl RepairRecord {
    /// The names of the differences on one line, each once.
    pub fn names(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for difference in &self.differences {
            if !names.contains(&difference.name.as_str()) {
                names.push(&difference.name);
            }
        }
        names.join(", ")
    }

    /// The record with its hash, ready to be written.
    #[must_use]
    pub fn linked(self) -> Self {
        Self {
            chain: Some(self.link()),
            ..self
        }
    }
}
