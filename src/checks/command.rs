//! Judges a command that checks a candidate.

use std::time::Duration;

use super::report::shorten;
use super::{Case, CaseReport, TestReport, Verdict};
use crate::inventory::Mask;
use crate::sanitize::sanitize_line;

/// The pause before a check that has not passed is run again.
pub const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The mask for the texts of a command that has ended.
#[derive(Debug, Clone, Default)]
pub struct OutputMask {
    pub mask: Mask,
    /// Whether the mask hides every secret of the target. If it does not, the output is left out.
    pub is_complete: bool,
}

/// How a command ended. All texts are sanitized, and secrets in them are hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandOutcome {
    pub end: CommandEnd,
    pub took: Duration,
    /// The last lines of the output. None if it is left out, because not every secret of the target is known.
    pub output: Option<String>,
    /// The tests in the report of the command, or why it cannot be read; none if the check has no report.
    pub report: Option<Result<Vec<TestReport>, String>>,
}

impl CommandOutcome {
    /// A command that could not be started. The reason is not sanitized yet.
    pub fn not_started(why: &str, took: Duration, mask: &Mask) -> Self {
        Self {
            end: CommandEnd::NotStarted(mask.hide(&sanitize_line(why.as_bytes()))),
            took,
            output: Some(String::new()),
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
/// The most characters of the last line of the output in a message.
const LONGEST_LINE: usize = 200;
/// Why a report has no output.
const NO_OUTPUT: &str =
    "the output is left out, because Greenroom could not read all secrets that it may contain";

/// Judges a command: it must exit with 0, and every test in its report must pass or be skipped, but not all be
/// skipped. If the output is left out, the texts of the report are left out too.
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
    let is_hidden = output.is_none();
    let failed = failed_tests(&tests, is_hidden);
    let output = output.unwrap_or_default();
    let last_line = || match output.lines().rfind(|line| !line.trim().is_empty()) {
        Some(line) => {
            let mut line = line.trim().to_owned();
            shorten(&mut line, LONGEST_LINE);
            format!(": {line}")
        }
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
            (Some(_), _) if is_hidden => (
                Verdict::Errored,
                "it has no readable JUnit report".to_owned(),
            ),
            (Some(why), _) => (Verdict::Errored, why),
            (None, Some(failed)) => (Verdict::Failed, failed),
            (None, None) => match all_skipped(&tests) {
                Some(skipped) => (Verdict::Errored, skipped),
                None => (Verdict::Passed, String::new()),
            },
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
    let (tests, detail) = match is_hidden {
        false => (tests, detail),
        // A case that passed at the first attempt has no detail.
        true if detail.is_empty() => (Vec::new(), detail),
        true => (Vec::new(), format!("{detail}; {NO_OUTPUT}")),
    };
    let output = if is_hidden {
        NO_OUTPUT.to_owned()
    } else {
        output
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

/// Says that every test was skipped; none if a test was run, or if there is no test.
fn all_skipped(tests: &[TestReport]) -> Option<String> {
    let is_skipped = |test: &TestReport| test.verdict == Verdict::NoData;
    match tests.len() {
        0 => None,
        1 => is_skipped(&tests[0]).then(|| "its only test was skipped".to_owned()),
        count => tests
            .iter()
            .all(is_skipped)
            .then(|| format!("all {count} tests were skipped")),
    }
}

/// Says how many tests did not pass, and names them unless names are hidden; none if all passed or were skipped.
fn failed_tests(tests: &[TestReport], are_hidden: bool) -> Option<String> {
    let has_failed =
        |test: &&TestReport| matches!(test.verdict, Verdict::Failed | Verdict::Errored);
    let failed: Vec<&TestReport> = tests.iter().filter(has_failed).collect();
    if failed.is_empty() {
        return None;
    }
    let count = format!("{} of {} tests failed", failed.len(), tests.len());
    if are_hidden {
        return Some(count);
    }
    let named = failed.iter().take(NAMED_TESTS);
    let named: Vec<&str> = named.map(|test| test.name.as_str()).collect();
    let more = match failed.len().saturating_sub(NAMED_TESTS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("{count}: {}{more}", named.join(", ")))
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
            output: Some("starting\nno disk\n\n".into()),
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
    fn a_report_in_which_every_test_was_skipped_is_an_error() {
        let skipped = |count: usize| vec![test("a", Verdict::NoData); count];
        for (count, detail) in [
            (1, "its only test was skipped"),
            (3, "all 3 tests were skipped"),
        ] {
            let report = judged(CommandEnd::Exited(0), Some(Ok(skipped(count))));
            assert_eq!(
                (report.verdict, report.detail.as_str()),
                (Verdict::Errored, detail)
            );
        }
        let report = judged(CommandEnd::Exited(3), Some(Ok(skipped(3))));
        assert_eq!(report.detail, "exit 3: no disk");
    }

    #[test]
    fn a_long_last_line_is_cut() {
        let outcome = CommandOutcome {
            end: CommandEnd::Exited(3),
            took: Duration::ZERO,
            output: Some("é".repeat(1000)),
            report: None,
        };
        let detail = judge_command(&case(), outcome).detail;
        assert_eq!(detail, format!("exit 3: {}…", "é".repeat(LONGEST_LINE)));
    }

    #[test]
    fn without_the_output_no_text_of_the_command_is_kept() {
        let judged = |end, report| {
            let outcome = CommandOutcome {
                end,
                took: Duration::ZERO,
                output: None,
                report,
            };
            judge_command(&case(), outcome)
        };
        let tests = vec![test("s3cret", Verdict::Failed)];
        let failed = judged(CommandEnd::Exited(3), Some(Ok(tests)));
        assert_eq!(failed.verdict, Verdict::Failed);
        assert_eq!(failed.detail, format!("1 of 1 tests failed; {NO_OUTPUT}"));
        let unreadable = judged(CommandEnd::Exited(0), Some(Err("<s3cret>".into())));
        let passed = judged(CommandEnd::Exited(0), None);
        assert_eq!(passed.verdict, Verdict::Passed);
        for report in [failed, unreadable, passed] {
            assert_eq!(report.response, NO_OUTPUT);
            assert!(!format!("{report:?}").contains("s3cret"), "{report:?}");
        }
    }

    #[test]
    fn a_missing_report_is_no_success() {
        let report = judged(CommandEnd::Exited(0), Some(Err("no report".into())));
        assert_eq!(report.verdict, Verdict::Errored);
        assert_eq!(report.detail, "no report");
    }
}
