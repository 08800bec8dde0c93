//! What is written down about a repair of drift: who, when, what differed, what was done about it, and
//! how it ended. A record of its own beside those of releases: a Greenroom that does not know it passes
//! it by. It is written before the first action and again with each, so that one that was cut off says how
//! far it came.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Link;
use crate::inventory::{Operator, ReleaseId, Target};

/// One difference, in words: names may be added by newer ones.
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
    /// Its calls, as they were shown.
    pub calls: Vec<String>,
    /// When it was begun; none where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_at: Option<Timestamp>,
    /// When it was seen true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
}

/// How a repair ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum RepairOutcome {
    /// Everything it was for is mended.
    Done,
    /// Everything was done, and something differs all the same.
    Remains {
        /// What.
        what: String,
    },
    /// An action could not be done, or did not come true; nothing after it was done.
    Failed {
        /// Which, and why.
        reason: String,
    },
    /// Somebody asked it to stop after the action under way.
    Stopped {
        /// Where.
        reason: String,
    },
}

impl RepairOutcome {
    /// A word or two for tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Remains { .. } => "not all mended",
            Self::Failed { .. } => "failed",
            Self::Stopped { .. } => "stopped",
        }
    }

    /// Why, where there is a why.
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

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairRecord {
    /// The format of this record, as of a release's.
    pub format: u32,
    /// Its id, of the same kind as a release's.
    pub id: ReleaseId,
    /// Whose it is.
    pub target: Target,
    /// Who said yes.
    pub operator: Operator,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// What it is to mend.
    pub differences: Vec<Repaired>,
    /// What is done for it, in order.
    #[serde(rename = "deeds")]
    pub repair_actions: Vec<RecordedAction>,
    /// When and how it ended; none while it goes on, and where it was cut off.
    pub closed: Option<(Timestamp, RepairOutcome)>,
    /// The hash over all of it as it was last written; none of one that an older Greenroom has written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Link>,
}

impl RepairRecord {
    /// The names of what it is to mend, for a line.
    pub fn names(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for difference in &self.differences {
            if !names.contains(&difference.name.as_str()) {
                names.push(&difference.name);
            }
        }
        names.join(", ")
    }

    /// The same with its hash, as it is written.
    #[must_use]
    pub fn linked(self) -> Self {
        Self {
            chain: Some(self.link()),
            ..self
        }
    }
}
