//! Reads JUnit reports. There is no one format: this reads what all dialects share. A report comes from a program that
//! may be broken, so its size, its depth and its texts are limited.

use std::time::Duration;

use roxmltree::{Document, Node, ParsingOptions};

use super::{TestReport, Verdict};
use crate::inventory::Mask;
use crate::sanitize::sanitize;

/// The most bytes of a report.
pub const LARGEST_REPORT: u64 = 16 * 1024 * 1024;
/// The most elements and texts of a report.
const MOST_NODES: u32 = 1_000_000;
/// The most tests that are read.
const MOST_TESTS: usize = 20_000;
/// The most characters of a name, and of a message.
const LONGEST_NAME: usize = 200;
const LONGEST_MESSAGE: usize = 500;

/// Why a check has no report.
pub fn no_report(why: impl std::fmt::Display) -> String {
    format!("it wrote no JUnit report to the file in GREENROOM_REPORT: {why}")
}

/// The tests of a report, in its order. Secrets in its texts are hidden. The error says why the report cannot be read.
pub fn read_report(bytes: &[u8], mask: &Mask) -> Result<Vec<TestReport>, String> {
    if bytes.len() as u64 > LARGEST_REPORT {
        let most = LARGEST_REPORT / (1024 * 1024);
        return Err(format!("its JUnit report has more than {most} MiB"));
    }
    read(&String::from_utf8_lossy(bytes), mask)
}

/// The tests of a report, in its order. The error says why the report cannot be read.
fn read(text: &str, mask: &Mask) -> Result<Vec<TestReport>, String> {
    let options = ParsingOptions {
        // Entities could make a small report large.
        allow_dtd: false,
        nodes_limit: MOST_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| format!("its JUnit report is no valid XML: {error}"))?;
    let root = document.root_element();
    if !matches!(root.tag_name().name(), "testsuites" | "testsuite") {
        let name = cut(root.tag_name().name(), LONGEST_NAME, mask);
        return Err(format!(
            "its JUnit report begins with <{name}> instead of <testsuites> or <testsuite>"
        ));
    }
    let is_test = |node: &Node<'_, '_>| node.has_tag_name("testcase");
    let tests: Vec<TestReport> = root
        .descendants()
        .filter(is_test)
        .take(MOST_TESTS + 1)
        .map(|node| test(node, mask))
        .collect();
    if tests.is_empty() {
        return Err("its JUnit report has no test".to_owned());
    }
    if tests.len() > MOST_TESTS {
        return Err(format!("its JUnit report has more than {MOST_TESTS} tests"));
    }
    Ok(tests)
}

fn test(node: Node<'_, '_>, mask: &Mask) -> TestReport {
    let attribute = |name| node.attribute(name).unwrap_or_default();
    let parts = node.children().filter(Node::is_element);
    let mut outcome = match attribute("status") {
        // GoogleTest reports a disabled test without <skipped>.
        "notrun" => (Verdict::NoData, "not run".to_owned()),
        _ => (Verdict::Passed, String::new()),
    };
    for part in parts {
        let verdict = match part.tag_name().name() {
            "failure" => Verdict::Failed,
            "error" => Verdict::Errored,
            "skipped" => Verdict::NoData,
            // The test passed after a retry. That stays visible.
            "flakyFailure" | "flakyError" if outcome.0 == Verdict::Passed => {
                outcome.1 = format!("passed after a retry: {}", message(part, mask));
                continue;
            }
            _ => continue,
        };
        outcome = (verdict, message(part, mask));
        if verdict != Verdict::NoData {
            break;
        }
    }
    let seconds: f64 = attribute("time").replace(',', "").parse().unwrap_or(0.0);
    TestReport {
        suite: suite(node, mask),
        name: cut(attribute("name"), LONGEST_NAME, mask),
        verdict: outcome.0,
        took: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
        message: outcome.1,
    }
}

/// The names of the suites around a test, the outermost first. Without names, the class of the test.
fn suite(node: Node<'_, '_>, mask: &Mask) -> String {
    let suites = node.ancestors().filter(|it| it.has_tag_name("testsuite"));
    let names = suites.filter_map(|suite| suite.attribute("name"));
    let mut names: Vec<&str> = names.filter(|name| !name.is_empty()).take(8).collect();
    names.reverse();
    if names.is_empty() {
        names.extend(node.attribute("classname"));
    }
    cut(&names.join(" > "), LONGEST_NAME, mask)
}

/// The message of a failure, or the first line of its text.
fn message(part: Node<'_, '_>, mask: &Mask) -> String {
    let text = part.text().unwrap_or_default();
    let first = text.lines().find(|line| !line.trim().is_empty());
    let message = part.attribute("message").filter(|it| !it.is_empty());
    let message = message.or(first).unwrap_or("no message");
    cut(message.trim(), LONGEST_MESSAGE, mask)
}

fn cut(text: &str, longest: usize, mask: &Mask) -> String {
    sanitize(&mask.hide(text)).chars().take(longest).collect()
}

#[cfg(test)]
mod tests;
