//! Compares an answer with what a case expects, and reports all differences together.

use std::time::Duration;

use super::{Case, CaseReport, Expectation, RequestCase, Verdict, may_be_secret};
use crate::inventory::Mask;
use crate::sanitize::sanitize;

/// The parts of an HTTP answer that a case can check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    pub status: u16,
    /// Names are in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, cut at the adapter's limit.
    pub body: Vec<u8>,
    /// The time from the start of the request, including a new connection, to the last byte read.
    pub took: Duration,
}

impl Answer {
    /// The status and the headers of the answer. The header values are masked.
    fn masked(&self, mask: &Mask) -> Self {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (name.clone(), mask.hide(value)));
        Self {
            status: self.status,
            headers: headers.collect(),
            ..Self::default()
        }
    }

    /// The target of a redirect without its query and fragment, because these may contain a secret. Long targets are
    /// cut. None if the answer is no redirect or names no target.
    pub fn redirect(&self) -> Option<String> {
        if !(300..400).contains(&self.status) {
            return None;
        }
        let (_, target) = self.headers.iter().find(|(name, _)| name == "location")?;
        let target = target.split(['?', '#']).next().unwrap_or_default();
        Some(sanitize(target).chars().take(LONGEST_QUOTE).collect())
    }
}

/// The most characters that a message quotes from one value of an answer.
const LONGEST_QUOTE: usize = 80;

/// Judges the answer to one case. The unmasked answer is compared, but the report quotes nothing that the mask hides:
/// each quoted value is masked before it is cut.
pub fn judge((case, request): (&Case, &RequestCase), answer: &Answer, mask: &Mask) -> CaseReport {
    let quote = |text: &str| quote(&mask.hide(text));
    let mut differences = Vec::new();
    let expect = &request.expect;
    match expect.status {
        Some(status) if status != answer.status => {
            differences.push(describe_status(answer, &status.to_string(), mask));
        }
        None if !(200..300).contains(&answer.status) => {
            differences.push(describe_status(answer, "2xx", mask));
        }
        _ => {}
    }
    for (name, wanted) in &expect.headers {
        let got = answer.headers.iter().find(|(n, _)| n == name);
        match got {
            None => differences.push(format!("no header {name}")),
            Some((_, value)) if value != wanted && may_be_secret(name) => {
                differences.push(format!("header {name} differs"));
            }
            Some((_, value)) if value != wanted => {
                differences.push(format!(
                    "header {name} is {} instead of {}",
                    quote(value),
                    quote(wanted)
                ));
            }
            Some(_) => {}
        }
    }
    if let Some(text) = &expect.body_contains
        && !String::from_utf8_lossy(&answer.body).contains(text.as_str())
    {
        differences.push(format!("the body does not contain {}", quote(text)));
    }
    differences.extend(json_differences(expect, answer, mask));
    if let Some(within) = expect.within
        && answer.took > within
    {
        differences.push(format!(
            "the answer took {:?}, more than {within:?}",
            answer.took
        ));
    }
    CaseReport {
        overridden: None,
        tests: Vec::new(),
        name: case.name.clone(),
        required: case.required,
        verdict: if differences.is_empty() {
            Verdict::Passed
        } else {
            Verdict::Failed
        },
        detail: differences.join("; "),
        took: answer.took,
        request: String::new(),
        response: String::new(),
    }
}

fn describe_status(answer: &Answer, wanted: &str, mask: &Mask) -> String {
    let difference = format!("status {} instead of {wanted}", answer.status);
    match answer.masked(mask).redirect() {
        Some(target) => format!("{difference}, with a redirect to {target}"),
        None => difference,
    }
}

fn json_differences(expect: &Expectation, answer: &Answer, mask: &Mask) -> Vec<String> {
    if expect.json.is_empty() {
        return Vec::new();
    }
    let body: serde_json::Value = match serde_json::from_slice(&answer.body) {
        Ok(body) => body,
        Err(error) => return vec![format!("the body is not JSON: {error}")],
    };
    expect
        .json
        .iter()
        .filter_map(|(pointer, wanted)| match body.pointer(pointer) {
            None => Some(format!("nothing at {pointer}")),
            Some(got) if got != wanted => Some(format!(
                "{pointer} is {} instead of {}",
                quote(&mask.hide(&got.to_string())),
                quote(&mask.hide(&wanted.to_string()))
            )),
            Some(_) => None,
        })
        .collect()
}

/// Quotes untrusted text on one line, escaped and cut.
fn quote(text: &str) -> String {
    let escaped: String = text.escape_debug().take(LONGEST_QUOTE).collect();
    format!("`{escaped}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::CaseKind;

    fn case(expect: Expectation) -> Case {
        Case {
            name: "home".into(),
            timeout: Duration::from_secs(1),
            required: true,
            retries: 0,
            kind: CaseKind::Request(RequestCase {
                method: "GET".into(),
                path: "/".into(),
                headers: std::collections::BTreeMap::default(),
                query: std::collections::BTreeMap::default(),
                body: None,
                through_preview: false,
                expect,
            }),
        }
    }

    fn judged(case: &Case, answer: &Answer, mask: &Mask) -> CaseReport {
        let request = case.request().expect("a request");
        judge((case, request), answer, mask)
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            headers: vec![("content-type".into(), "text/plain".into())],
            body: body.as_bytes().to_vec(),
            took: Duration::from_millis(20),
        }
    }

    #[test]
    fn without_an_expected_status_only_2xx_passes() {
        let case = case(Expectation::default());
        assert_eq!(
            judged(&case, &answer(204, ""), &Mask::default()).verdict,
            Verdict::Passed
        );
        assert_eq!(
            judged(&case, &answer(302, ""), &Mask::default()).verdict,
            Verdict::Failed
        );
        assert_eq!(
            judged(&case, &answer(500, ""), &Mask::default()).verdict,
            Verdict::Failed
        );
    }

    #[test]
    fn all_differences_are_reported_with_the_answer_escaped() {
        let case = case(Expectation {
            status: Some(201),
            headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
            body_contains: Some("hello".into()),
            json: [("/a".to_owned(), serde_json::json!(1))].into(),
            within: Some(Duration::from_millis(10)),
        });
        let report = judged(
            &case,
            &answer(200, "{\"a\":\"\\u001b[2J\"}"),
            &Mask::default(),
        );
        for part in [
            "status 200",
            "header content-type",
            "hello",
            "/a is",
            "took 20ms",
        ] {
            assert!(report.detail.contains(part), "{part} in {}", report.detail);
        }
        assert!(!report.detail.contains('\u{1b}'));
    }

    #[test]
    fn a_body_that_is_not_json_fails_a_json_expectation() {
        let case = case(Expectation {
            json: [("/a".to_owned(), serde_json::json!(1))].into(),
            ..Expectation::default()
        });
        assert!(
            judged(&case, &answer(200, "<html>"), &Mask::default())
                .detail
                .contains("not JSON")
        );
        assert!(
            judged(&case, &answer(200, "{}"), &Mask::default())
                .detail
                .contains("nothing at /a")
        );
        assert_eq!(
            judged(&case, &answer(200, "{\"a\":1}"), &Mask::default()).verdict,
            Verdict::Passed
        );
    }

    #[test]
    fn an_expected_json_value_is_quoted_like_the_received_one() {
        let case = case(Expectation {
            json: [("/a".to_owned(), serde_json::json!("\u{202e}".repeat(500)))].into(),
            ..Expectation::default()
        });
        let detail = judged(&case, &answer(200, "{\"a\":1}"), &Mask::default()).detail;
        assert!(detail.starts_with("/a is `1` instead of `"), "{detail}");
        assert!(!detail.contains('\u{202e}'), "{detail:?}");
        assert!(detail.chars().count() < 2 * LONGEST_QUOTE, "{detail}");
    }

    #[test]
    fn a_value_is_masked_before_it_is_cut() {
        let secret = "hunter2-hunter2-hunter2";
        let long = format!("{}{secret}", "x".repeat(LONGEST_QUOTE - 10));
        let case = case(Expectation {
            json: [("/a".to_owned(), serde_json::json!(1))].into(),
            headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
            ..Expectation::default()
        });
        let mut answer = answer(200, &serde_json::json!({ "a": long }).to_string());
        answer.headers = vec![("content-type".into(), long)];
        let detail = judged(&case, &answer, &Mask::of([secret])).detail;
        assert!(
            detail.contains("(hidden") && detail.contains("/a is"),
            "{detail}"
        );
        assert!(!detail.contains("hunter"), "{detail}");
    }
}
