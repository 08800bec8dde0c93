//! The result of a check run. A report belongs to the digest that was checked.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::inventory::{Digest, InstanceRun, Operator};

/// The most cases whose request and response are kept in the record. A case that passed keeps neither.
const MOST_TRANSCRIPTS: usize = 16;
/// The most tests of a case in the record, and the most characters of the message of one.
const MOST_TESTS: usize = 50;
const LONGEST_MESSAGE: usize = 200;
/// The most characters of a case's detail in the record.
const LONGEST_DETAIL: usize = 300;
/// The most characters of a case's request in the record.
const LONGEST_REQUEST: usize = 200;
/// The most characters of a case's response in the record.
const LONGEST_RESPONSE: usize = 300;
/// The most characters of what an earlier attempt said, in the detail of the last attempt.
const LONGEST_ATTEMPT: usize = 200;

/// The outcome of a case. `Errored` and `NoData` do not count as passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The answer was as expected.
    Passed,
    /// There was an answer, and it was not as expected.
    Failed,
    /// The request could not be sent, or no answer arrived, so there was nothing to judge.
    Errored,
    /// The case was not run.
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

/// The decision of an operator that a release continues although a required case has not passed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CheckOverride {
    pub by: Operator,
    pub why: String,
}

/// The decisions of operators about required checks, by the name of the check.
pub type CheckOverrides = BTreeMap<String, CheckOverride>;

/// Shows the decision as `overridden by ana@ops-1: the check is broken`.
impl fmt::Display for CheckOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "overridden by {}: {}", self.by, self.why)
    }
}

/// One test in the report of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestReport {
    /// The suites in which the test is, separated by ` > `.
    pub suite: String,
    pub name: String,
    /// A skipped test has no data.
    pub verdict: Verdict,
    pub took: Duration,
    /// Why the test did not pass; empty if it passed.
    pub message: String,
}

/// The outcome of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseReport {
    pub name: String,
    /// Whether the release stops if this case does not pass.
    pub required: bool,
    pub verdict: Verdict,
    /// How the answer differs from the expected one, or why there is no answer; empty if the case passed at the
    /// first attempt. After several attempts, begins with the one at which the case ended, and ends with what the
    /// earlier ones said, each cut to 200 characters.
    pub detail: String,
    pub took: Duration,
    /// The request as text. It may be empty in a record.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub request: String,
    /// The start of the answer, made safe and cut; empty if there was no answer. It may be empty in a record.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub response: String,
    /// The tests in the report of a command. The record keeps only those that did not pass, and not all of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<TestReport>,
    /// Why the release continues although this required case has not passed; none if no operator decided so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden: Option<CheckOverride>,
}

impl CaseReport {
    /// Whether the case is required and has not passed.
    pub fn has_failed(&self) -> bool {
        self.required && self.verdict != Verdict::Passed
    }

    /// The report of the last of several attempts. `earlier` are the reports of the attempts before it, which have not
    /// passed, and `most` is the number of attempts that the case may have.
    #[must_use]
    pub fn after(mut self, earlier: &[Self], most: usize) -> Self {
        if earlier.is_empty() {
            return self;
        }
        let attempt = format!("attempt {} of {most}", earlier.len() + 1);
        let own = match self.verdict {
            Verdict::Passed => format!("passed at {attempt}"),
            _ => format!("{attempt}: {}", self.detail),
        };
        let earlier = earlier.iter().enumerate().map(|(index, report)| {
            let mut detail = report.detail.clone();
            shorten(&mut detail, LONGEST_ATTEMPT);
            format!("attempt {} {}: {detail}", index + 1, report.verdict)
        });
        let parts: Vec<String> = std::iter::once(own).chain(earlier).collect();
        self.detail = parts.join("; ");
        self
    }
}

/// The outcome of a run of a suite against one digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The digest that was running when the checks started **and** when they ended.
    pub digest: Digest,
    /// The runs of the members, the same from the first case to the last; empty if unknown.
    #[serde(default)]
    pub runs: Vec<InstanceRun>,
    /// The time at which the checks ended.
    pub at: Timestamp,
    /// One report per case, in the order of the suite.
    pub cases: Vec<CaseReport>,
}

impl Report {
    /// Whether every required case passed or is overridden. This is also true for an empty suite.
    pub fn allows(&self) -> bool {
        self.failed().all(|case| case.overridden.is_some())
    }

    /// The required cases that have not passed, overridden or not.
    pub fn failed(&self) -> impl Iterator<Item = &CaseReport> {
        self.cases.iter().filter(|case| case.has_failed())
    }

    /// Shortens the report for the record. Only the first 16 cases that did not pass keep their request and response,
    /// shortened. Records must stay small, because a store keeps several copies of every record.
    #[must_use]
    pub fn for_the_record(mut self) -> Self {
        let mut transcripts = 0;
        for case in &mut self.cases {
            let has_transcript = case.verdict != Verdict::Passed && transcripts < MOST_TRANSCRIPTS;
            transcripts += usize::from(has_transcript);
            case.tests.retain(|test| test.verdict != Verdict::Passed);
            case.tests.truncate(MOST_TESTS);
            for test in &mut case.tests {
                shorten(&mut test.message, LONGEST_MESSAGE);
            }
            shorten(&mut case.detail, LONGEST_DETAIL);
            shorten(
                &mut case.request,
                if has_transcript { LONGEST_REQUEST } else { 0 },
            );
            shorten(
                &mut case.response,
                if has_transcript { LONGEST_RESPONSE } else { 0 },
            );
        }
        self
    }

    /// How many cases have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        count(&self.cases, verdict)
    }
}

fn count(cases: &[CaseReport], verdict: Verdict) -> usize {
    cases.iter().filter(|case| case.verdict == verdict).count()
}

/// How many cases have each verdict, e.g. `12 passed, 1 failed`. A verdict in `always` is named even if no case has it.
pub fn counted(cases: &[CaseReport], always: &[Verdict]) -> String {
    let verdicts = [
        Verdict::Passed,
        Verdict::Failed,
        Verdict::Errored,
        Verdict::NoData,
    ];
    let counts = verdicts.map(|verdict| (count(cases, verdict), verdict));
    let named = counts
        .into_iter()
        .filter(|(count, verdict)| *count > 0 || always.contains(verdict))
        .map(|(count, verdict)| format!("{count} {verdict}"));
    named.collect::<Vec<_>>().join(", ")
}

/// Cuts a text to so many characters. The end of a cut text is shown as `…`, except with a limit of 0.
pub(super) fn shorten(text: &mut String, limit: usize) {
    let mut ends = text.char_indices().map(|(at, _)| at).skip(limit);
    let Some(end) = ends.next() else {
        return;
    };
    drop(ends);
    text.truncate(end);
    if limit > 0 {
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_attempt_says_what_the_attempts_before_it_said() {
        let attempt = |verdict, detail: &str| CaseReport {
            overridden: None,
            tests: Vec::new(),
            name: "smoke".into(),
            required: true,
            verdict,
            detail: detail.into(),
            took: Duration::ZERO,
            request: String::new(),
            response: String::new(),
        };
        let passed = attempt(Verdict::Passed, "");
        assert_eq!(passed.clone().after(&[], 3), passed);
        let earlier = [
            attempt(Verdict::Failed, "exit 3"),
            attempt(Verdict::Errored, "no answer"),
        ];
        let last = passed.after(&earlier, 3).detail;
        assert_eq!(
            last,
            "passed at attempt 3 of 3; attempt 1 failed: exit 3; attempt 2 errored: no answer"
        );
        let last = attempt(Verdict::Failed, "exit 4").after(&earlier[..1], 2);
        assert_eq!(
            last.detail,
            "attempt 2 of 2: exit 4; attempt 1 failed: exit 3"
        );
        let long = attempt(Verdict::Failed, &"é".repeat(1000));
        let last = attempt(Verdict::Failed, "exit 4").after(&[long], 2).detail;
        assert_eq!(
            last,
            format!(
                "attempt 2 of 2: exit 4; attempt 1 failed: {}…",
                "é".repeat(LONGEST_ATTEMPT)
            )
        );
    }

    #[test]
    fn a_record_of_many_failed_cases_stays_small() {
        let case = |n: usize| CaseReport {
            overridden: None,
            tests: Vec::new(),
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
            runs: Vec::new(),
            at: Timestamp::UNIX_EPOCH,
            cases: (0..50).map(case).collect(),
        };
        let kept = report.clone().for_the_record();
        assert!(kept.cases[0].request.is_empty() && kept.cases[0].response.is_empty());
        assert_eq!(kept.cases[1].response.chars().count(), LONGEST_RESPONSE + 1);
        assert!(kept.cases[1].response.ends_with('…'));
        let bytes = serde_json::to_vec(&kept).unwrap().len();
        assert!(bytes < 48 * 1024, "{bytes}");
        assert_eq!(kept.clone().for_the_record().allows(), report.allows());
    }
}
