//! The page that opens on a check: its state, the expected and the received answer, the request and the response.

use std::time::Duration;

use crate::checks::{Case, CaseReport, TestReport, Verdict, may_be_secret};
use crate::console::model::{CheckState, Model, Pane, checked, checks};
use crate::inventory::HIDDEN;
use crate::release::describe::duration;

pub(super) fn page(model: &Model) -> (String, Vec<String>) {
    let rows = checks(model);
    let (Some(row), Some(checked)) = (rows.get(model.row(Pane::Checks)), checked(model)) else {
        return ("Checks".into(), Vec::new());
    };
    let suite = model.release().map(|status| &status.plan.definition.suite);
    let mut cases = suite.into_iter().flat_map(|suite| &suite.cases);
    let case = cases.find(|case| has_row_name(&case.name, &row.name));
    let mut reports = checked.cases.iter();
    let report = reports.find(|report| has_row_name(&report.name, &row.name));
    let state = match row.state {
        CheckState::Pending => "not started yet".to_owned(),
        CheckState::Running => "running".to_owned(),
        CheckState::Settled(verdict) => match row.took {
            Some(took) => format!("{verdict} after {}", time(took)),
            None => verdict.to_string(),
        },
    };
    let required = if row.required {
        "required: the release continues only if this check passes"
    } else {
        "not required: the release continues even if this check does not pass"
    };
    let mut lines = vec![
        format!("{state}, {required}"),
        format!("version {} in {}", checked.version, checked.slot),
    ];
    lines.extend(row.overridden.clone());
    lines.extend(of_detail(&row.detail, row.state));
    lines.extend(case.map(of_expectation).unwrap_or_default());
    if let Some(report) = report {
        lines.extend(of_tests(&report.tests));
        lines.extend(of_transcript(report));
    } else if let Some(case) = case {
        lines.push(format!("request  {}", case.shown()));
    }
    (format!("Check {}", row.name), lines)
}

/// Compares the name of a case with the name in a row, which is sanitized.
fn has_row_name(name: &str, row: &str) -> bool {
    crate::sanitize::sanitize(name) == row
}

/// The differences of a failed check and its earlier attempts, one per line. The detail joins them with semicolons. A
/// semicolon between backquotes belongs to a quoted value.
fn of_detail(detail: &str, state: CheckState) -> Vec<String> {
    let mut is_quoted = false;
    let mut lines: Vec<String> = Vec::new();
    let mut difference = String::new();
    for part in detail.split("; ") {
        if is_quoted {
            difference.push_str("; ");
        }
        difference.push_str(part);
        is_quoted ^= part.matches('`').count() % 2 == 1;
        if !is_quoted && !difference.is_empty() {
            lines.push(format!("  {}", std::mem::take(&mut difference)));
        }
    }
    if !difference.is_empty() {
        lines.push(format!("  {difference}"));
    }
    if !lines.is_empty() {
        let title = match state {
            CheckState::Settled(Verdict::Passed) => "attempts",
            _ => "received",
        };
        lines.insert(0, title.to_owned());
    }
    lines
}

fn of_expectation(case: &Case) -> Vec<String> {
    let Some(request) = case.request() else {
        let timeout = duration(case.timeout);
        return vec![
            "expected".to_owned(),
            format!("  exit code 0 within {timeout}"),
        ];
    };
    let expect = &request.expect;
    let mut lines = vec!["expected".to_owned()];
    lines.push(match expect.status {
        Some(status) => format!("  status {status}"),
        None => "  status 2xx".to_owned(),
    });
    for (name, value) in &expect.headers {
        let value = if may_be_secret(name) { HIDDEN } else { value };
        lines.push(format!("  header {name}: {value}"));
    }
    if let Some(text) = &expect.body_contains {
        lines.push(format!("  the body contains {text:?}"));
    }
    for (pointer, value) in &expect.json {
        lines.push(format!("  {pointer} in the body is {value}"));
    }
    match expect.within {
        Some(within) => lines.push(format!("  the complete response within {}", time(within))),
        None => lines.push(format!("  a response within {}", time(case.timeout))),
    }
    lines
}

/// The tests in the report of a command, those that did not pass first, and the others by their suites.
fn of_tests(tests: &[TestReport]) -> Vec<String> {
    let line = |test: &TestReport| {
        let message = if test.message.is_empty() {
            String::new()
        } else {
            format!(": {}", test.message)
        };
        format!(
            "{:<8} {:>6}  {}{message}",
            test.verdict,
            time(test.took),
            test.name
        )
    };
    let mut lines = Vec::new();
    let is_passed = |test: &&TestReport| test.verdict == Verdict::Passed;
    for test in tests.iter().filter(|test| !is_passed(test)) {
        lines.push(format!("  {}  ({})", line(test), test.suite));
    }
    if !lines.is_empty() {
        lines.insert(0, "tests that did not pass".to_owned());
    }
    let mut suite = None;
    for test in tests.iter().filter(is_passed) {
        if suite.replace(&test.suite) != Some(&test.suite) {
            lines.push(format!("suite {}", test.suite));
        }
        lines.push(format!("  {}", line(test)));
    }
    lines
}

fn of_transcript(report: &CaseReport) -> Vec<String> {
    let mut lines = Vec::new();
    let parts = [("request", &report.request), ("response", &report.response)];
    for (title, text) in parts {
        if !text.is_empty() {
            lines.push(title.to_owned());
            lines.extend(text.lines().map(|line| format!("  {line}")));
        }
    }
    if report.response.is_empty() && report.verdict == Verdict::Errored {
        lines.push("no response".to_owned());
    }
    lines
}

fn time(time: Duration) -> String {
    match (time.as_millis(), time.subsec_millis()) {
        (millis @ 0..1000, _) => format!("{millis}ms"),
        (_, 0) => format!("{}s", time.as_secs()),
        _ => format!("{:.1}s", time.as_secs_f64()),
    }
}
