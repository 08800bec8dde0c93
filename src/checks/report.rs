//! What came out of a check run. A report belongs to the digest it was run against.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::inventory::{Digest, InstanceRun};

/// How many cases that did not pass are written down with their transcripts.
const TOLD: usize = 16;
/// How many characters of what is written down are kept.
const DETAIL: usize = 300;
const REQUEST: usize = 200;
const RESPONSE: usize = 300;

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
    /// What was asked, in words; empty where an older Greenroom ran the case.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request: String,
    /// The beginning of what was answered, harmless and cut; empty when nothing was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub response: String,
}

/// The outcome of a run of a suite against one digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The digest that was running when the checks began **and** when they ended.
    pub digest: Digest,
    /// Which run of which instance it was, from the first case to the last; none where that is not known.
    #[serde(default)]
    pub run: Option<InstanceRun>,
    /// When the checks ended.
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

    /// As it is written down: what went wrong with its transcript, cut, and of what passed that it
    /// did. A record is kept where every byte is kept several times over.
    #[must_use]
    pub fn for_the_record(mut self) -> Self {
        let mut told = 0;
        for case in &mut self.cases {
            let is_told = case.verdict != Verdict::Passed && told < TOLD;
            told += usize::from(is_told);
            shorten(&mut case.detail, DETAIL);
            shorten(&mut case.request, if is_told { REQUEST } else { 0 });
            shorten(&mut case.response, if is_told { RESPONSE } else { 0 });
        }
        self
    }

    /// How many cases have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.cases.iter().filter(|c| c.verdict == verdict).count()
    }
}

fn shorten(text: &mut String, most: usize) {
    let mut ends = text.char_indices().map(|(at, _)| at).skip(most);
    let Some(end) = ends.next() else {
        return;
    };
    drop(ends);
    text.truncate(end);
    if most > 0 {
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_hundred_cases_that_all_went_wrong_stays_small() {
        let case = |n: usize| CaseReport {
            name: format!("case {n}"),
            required: true,
            verdict: if n.is_multiple_of(10) {
                Verdict::Passed
            } else {
                Verdict::Failed
            },
            detail: "é".repeat(1000),
            took: Duration::from_secs(1),
            request: "x".repeat(2000),
            response: "é".repeat(2000),
        };
        let report = Report {
            digest: format!("sha256:{}", "a".repeat(64)).parse().unwrap(),
            run: None,
            at: Timestamp::UNIX_EPOCH,
            cases: (0..50).map(case).collect(),
        };
        let kept = report.clone().for_the_record();
        assert!(kept.cases[0].request.is_empty() && kept.cases[0].response.is_empty());
        assert_eq!(kept.cases[1].response.chars().count(), RESPONSE + 1);
        assert!(kept.cases[1].response.ends_with('…'));
        let bytes = serde_json::to_vec(&kept).unwrap().len();
        assert!(bytes < 48 * 1024, "{bytes}");
        assert_eq!(kept.clone().for_the_record().allows(), report.allows());
    }
}
