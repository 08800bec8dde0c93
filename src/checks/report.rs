//! What came out of a check run. A report belongs to the digest it was run against.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::inventory::Digest;

/// Four outcomes; the last two are not the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The answer was as expected.
    Passed,
    /// There was an answer, and it was not as expected.
    Failed,
    /// There was no answer to judge.
    Errored,
    /// It was not run.
    NoData,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Errored => "errored",
            Self::NoData => "no data",
        })
    }
}

/// The outcome of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseReport {
    /// The case's name.
    pub name: String,
    /// Whether the release needs it.
    pub required: bool,
    /// What came out.
    pub verdict: Verdict,
    /// What was expected and what came instead, for people; empty when it passed.
    pub detail: String,
    /// How long the answer took.
    pub took: Duration,
}

/// The outcome of a run of a suite against one digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The digest that ran when the run began **and** when it ended.
    pub digest: Digest,
    /// When the run ended.
    pub at: Timestamp,
    /// One for each case, in the suite's order.
    pub cases: Vec<CaseReport>,
}

impl Report {
    /// Whether every required case passed. An empty suite passes nothing and blocks nothing.
    pub fn allows(&self) -> bool {
        self.cases
            .iter()
            .all(|case| !case.required || case.verdict == Verdict::Passed)
    }

    /// How many cases have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.cases.iter().filter(|c| c.verdict == verdict).count()
    }
}
