//! Judges a command that checks a candidate.

use std::time::Duration;

use super::{Case, CaseReport, TestReport, Verdict};
use crate::inventory::Mask;
use crate::sanitize::sanitize_line;

/// How a command ended. All texts are sanitized, and secrets in them are hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutcome {
    pub end: CommandEnd,
    pub took: Duration,
    /// The last lines of the output.
    pub output: String,
    /// The tests in the report of the command, or why it cannot be read; none if the check has no report.
    pub report: Option<Result<Vec<TestReport>, String>>,
}

impl CommandOutcome {
    /// A command that could not be started. The reason is not sanitized yet.
    pub fn not_started(why: &str, took: Duration, mask: &Mask) -> Self {
        Self {
            end: CommandEnd::NotStarted(mask.hide(&sanitize_line(why.as_bytes()))),
            took,
            output: String::new(),
            report: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandEnd {
    /// It could not be started, with the reason.
    NotStarted(String),
    /// It was killed after the timeout of the check.
    TimedOut,
    /// It exited with this code.
    Exited(i32),
    /// It was ended by a signal.
    Killed(i32),
    /// It was killed because its container used too much memory.
    OutOfMemory,
}

/// How many failed tests a message names.
const NAMED_TESTS: usize = 3;

/// Judges a command: it must exit with 0, and every test in its report must pass or be skipped.
pub fn judge_command(case: &Case, outcome: CommandOutcome) -> CaseReport {
    let CommandOutcome {
        end,
        took,
        output,
        report,
    } = outcome;
    let (tests, unreadable) = match report {
        None => (Vec::new(), None),
        Some(Ok(tests)) => (tests, None),
        Some(Err(why)) => (Vec::new(), Some(why)),
    };
    let failed = failed_tests(&tests);
    let last_line = || match output.lines().rfind(|line| !line.trim().is_empty()) {
        Some(line) => format!(": {}", line.trim()),
        None => String::new(),
    };
    let (verdict, detail) = match end {
        CommandEnd::NotStarted(why) => (Verdict::Errored, why),
        CommandEnd::TimedOut => {
            let after = case.timeout.as_secs_f64();
            let detail = format!("it was still running after {after}s{}", last_line());
            (Verdict::Failed, detail)
        }
        CommandEnd::Killed(signal) => {
            let detail = format!("signal {signal} ended it{}", last_line());
            (Verdict::Errored, detail)
        }
        CommandEnd::OutOfMemory => {
            let detail = format!(
                "it was killed because it used too much memory{}",
                last_line()
            );
            (Verdict::Errored, detail)
        }
        CommandEnd::Exited(0) => match (unreadable, failed) {
            (Some(why), _) => (Verdict::Errored, why),
            (None, Some(failed)) => (Verdict::Failed, failed),
            (None, None) => (Verdict::Passed, String::new()),
        },
        // The codes with which a shell says that it cannot start a program.
        CommandEnd::Exited(code @ (126 | 127)) => {
            (Verdict::Errored, format!("exit {code}{}", last_line()))
        }
        CommandEnd::Exited(code) => {
            let detail = failed.unwrap_or_else(|| format!("exit {code}{}", last_line()));
            (Verdict::Failed, detail)
        }
    };
    CaseReport {
        overridden: None,
        tests,
        name: case.name.clone(),
        required: case.required,
        verdict,
        detail,
        took,
        request: case.shown(),
        response: output,
    }
}

/// Names the tests that did not pass; none if all passed or were skipped.
fn failed_tests(tests: &[TestReport]) -> Option<String> {
    let has_failed =
        |test: &&TestReport| matches!(test.verdict, Verdict::Failed | Verdict::Errored);
    let failed: Vec<&TestReport> = tests.iter().filter(has_failed).collect();
    if failed.is_empty() {
        return None;
    }
    let named = failed.iter().take(NAMED_TESTS);
    let named: Vec<&str> = named.map(|test| test.name.as_str()).collect();
    let more = match failed.len().saturating_sub(NAMED_TESTS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "{} of {} tests failed: {}{more}",
        failed.len(),
        tests.len(),
        named.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::{CaseKind, CommandCase};

    fn case() -> Case {
        Case {
            name: "smoke".into(),
            kind: CaseKind::Command(CommandCase {
                hurl: None,
                command: vec!["./smoke".into()],
                environment: std::collections::BTreeMap::new(),
                junit: true,
            }),
            timeout: Duration::from_mins(5),
            required: true,
            retries: 0,
        }
    }

    fn judged(end: CommandEnd, report: Option<Result<Vec<TestReport>, String>>) -> CaseReport {
        let outcome = CommandOutcome {
            end,
            took: Duration::from_secs(1),
            output: "starting\nno disk\n\n".into(),
            report,
        };
        judge_command(&case(), outcome)
    }

    fn test(name: &str, verdict: Verdict) -> TestReport {
        TestReport {
            suite: "orders".into(),
            name: name.into(),
            verdict,
            took: Duration::ZERO,
            message: String::new(),
        }
    }

    #[test]
    fn only_exit_code_0_passes_and_the_last_line_explains() {
        for (end, verdict, detail) in [
            (CommandEnd::Exited(0), Verdict::Passed, ""),
            (CommandEnd::Exited(3), Verdict::Failed, "exit 3: no disk"),
            (
                CommandEnd::Exited(127),
                Verdict::Errored,
                "exit 127: no disk",
            ),
            (
                CommandEnd::Killed(9),
                Verdict::Errored,
                "signal 9 ended it: no disk",
            ),
            (
                CommandEnd::TimedOut,
                Verdict::Failed,
                "it was still running after 300s: no disk",
            ),
            (
                CommandEnd::NotStarted("no such file".into()),
                Verdict::Errored,
                "no such file",
            ),
        ] {
            let report = judged(end, None);
            assert_eq!((report.verdict, report.detail.as_str()), (verdict, detail));
        }
    }

    #[test]
    fn a_failed_test_fails_the_check_also_with_exit_code_0() {
        use Verdict::{Errored, Failed, NoData, Passed};
        let tests = vec![
            test("a", Passed),
            test("b", Failed),
            test("c", Errored),
            test("d", NoData),
            test("e", Failed),
            test("f", Failed),
        ];
        let detail = "4 of 6 tests failed: b, c, e and 1 more";
        for code in [0, 1] {
            let report = judged(CommandEnd::Exited(code), Some(Ok(tests.clone())));
            assert_eq!((report.verdict, report.detail.as_str()), (Failed, detail));
        }
        let skipped = vec![test("a", Passed), test("d", NoData)];
        let report = judged(CommandEnd::Exited(0), Some(Ok(skipped)));
        assert_eq!(report.verdict, Passed);
    }

    #[test]
    fn a_missing_report_is_no_success() {
        let report = judged(CommandEnd::Exited(0), Some(Err("no report".into())));
        assert_eq!(report.verdict, Verdict::Errored);
        assert_eq!(report.detail, "no report");
    }
}
