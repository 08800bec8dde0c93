//! The record of a repair of drift: who, when, what differed, what was done, and how it ended. It is separate from the
//! records of releases, so an older Greenroom ignores it. It is written before the first action and again with each
//! action, so the record of an interrupted repair shows which actions were done.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Link;
use crate::inventory::{Operator, ReleaseId, Target};

/// One difference, as text, because a newer Greenroom may add names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repaired {
    /// Its name.
    pub name: String,
    /// What differed.
    pub says: String,
}

/// One action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedAction {
    /// What it does.
    pub does: String,
    /// Its calls, as the operator saw them.
    pub calls: Vec<String>,
    /// When it was started; none if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_at: Option<Timestamp>,
    /// When its result was observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
}

/// How a repair ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum RepairOutcome {
    /// Every difference is repaired.
    Done,
    /// Every action was done, but something still differs.
    Remains {
        /// What still differs.
        what: String,
    },
    /// An action failed, or its result was not observed. No later action was done.
    Failed {
        /// Which action, and why.
        reason: String,
    },
    /// An operator stopped it after the current action.
    Stopped {
        /// After which action.
        reason: String,
    },
}

impl RepairOutcome {
    /// A word or two for tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Remains { .. } => "partly repaired",
            Self::Failed { .. } => "failed",
            Self::Stopped { .. } => "stopped",
        }
    }

    /// The reason, if there is one.
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

/// The record of a repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairRecord {
    /// The format of this record, the same as of a release's.
    pub format: u32,
    /// Its id, of the same kind as a release's.
    pub id: ReleaseId,
    /// Its target.
    pub target: Target,
    /// The operator who confirmed it.
    pub operator: Operator,
    /// When it was started.
    pub begun_at: Timestamp,
    /// The differences that it repairs.
    pub differences: Vec<Repaired>,
    /// Its actions, in order.
    #[serde(rename = "deeds")]
    pub repair_actions: Vec<RecordedAction>,
    /// When and how it ended; none while it is running or interrupted.
    pub closed: Option<(Timestamp, RepairOutcome)>,
    /// The hash over the record as it was last written; none if an older Greenroom wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Link>,
}

impl RepairRecord {
    /// The names of the differences, for one line.
    pub fn names(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for difference in &self.differences {
            if !names.contains(&difference.name.as_str()) {
                names.push(&difference.name);
            }
        }
        names.join(", ")
    }

    /// The same record with its hash, ready to be written.
    #[must_use]
    pub fn linked(self) -> Self {
        Self {
            chain: Some(self.link()),
            ..self
        }
    }
}
