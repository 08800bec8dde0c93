//! `greenroom doctor`: tests every server, path and permission that Greenroom relies on, and says what works, what
//! does not, and what to do. All tests run at the same time, and a failed test does not stop the others. Files that
//! were written for a test are removed again.

mod doctor_tests;

use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use tokio::time::timeout;

use super::arguments::{Common, VerbDefinition};
use super::man::Manual;
use super::{Exit, json as lines, open};
use crate::diagnostics::LogFile;
use crate::ports::{DoctorResult, Failure, FailureKind};
use crate::sanitize::sanitize;
use crate::wire::App;
use doctor_tests::PlacedTest;

/// Checks every path, server and permission that Greenroom relies on
///
/// Tests all of them within five seconds, and then says what to do next. Removes the files that it writes for a
/// test.
#[derive(Debug, Args)]
pub(crate) struct Doctor {}

impl VerbDefinition for Doctor {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("doctor", &[("greenroom doctor", "Tests every server, path and permission.")], &["config check", "status"], &["nginx", "docker", "etcd"]),
    ];
    const LOG_FILE: LogFile = LogFile::OnRequest;

    async fn run(self, common: &Common) -> Exit {
        run(common).await
    }
}

/// The time limit of each test and of each command that prints a password. All tests and commands run at the same time,
/// so the doctor ends within five seconds, however many servers hang.
const TIMEOUT: Duration = Duration::from_millis(4300);

/// The result of one test: `what` was tested in `place`.
struct Finding {
    place: String,
    what: &'static str,
    result: DoctorResult,
}

async fn run(common: &Common) -> Exit {
    let app = match open::app(common) {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let (mut findings, late) = tokio::join!(
        join_all(doctor_tests::all(&app).into_iter().map(run_test)),
        app.late_passwords(|_| true, TIMEOUT),
    );
    findings.extend(late.into_iter().map(|(name, failure)| Finding {
        place: name.to_string(),
        what: "password",
        result: DoctorResult::Failed(failure),
    }));
    findings.extend(unused_environments(&app));
    for finding in &findings {
        if !common.json {
            say_line!("{}", line(finding));
        }
    }
    if common.json {
        lines::answer(serde_json::json!({
            "findings": findings.iter().map(json).collect::<Vec<_>>(),
            "tried": findings.iter().filter(|finding| finding.was_tried()).count(),
            "failed": findings.iter().filter(|finding| finding.has_failed()).count(),
        }));
    } else {
        say_line!("");
        for line in summary(&app, &findings) {
            say_line!("{line}");
        }
    }
    if findings.iter().any(Finding::has_failed) {
        Exit::Failed
    } else {
        Exit::Done
    }
}

/// One failed finding for each reason why an environment is not used.
fn unused_environments(app: &App) -> impl Iterator<Item = Finding> {
    let each = app.refused.iter();
    let each = each.flat_map(|(name, why)| why.iter().map(move |why| (name, why)));
    each.map(|(name, why)| Finding {
        place: name.to_string(),
        what: "files",
        result: DoctorResult::Failed(Failure::new(
            FailureKind::Denied,
            name.as_str(),
            "using this environment",
            why,
        )),
    })
}

async fn run_test(placed: PlacedTest<'_>) -> Finding {
    let PlacedTest { place, doctor_test } = placed;
    let address = match doctor_test.at.as_str() {
        "" => place.clone(),
        at => sanitize(at),
    };
    let result = timeout(TIMEOUT, doctor_test.result)
        .await
        .unwrap_or_else(|_| {
            let reason = format!("no answer within {TIMEOUT:?}");
            let doing = format!("trying {}", doctor_test.name);
            let kind = FailureKind::Unreachable;
            DoctorResult::Failed(Failure::new(kind, address, doing, reason))
        });
    Finding {
        place,
        what: doctor_test.name,
        result,
    }
}

impl Finding {
    fn has_failed(&self) -> bool {
        matches!(self.result, DoctorResult::Failed(_))
    }

    fn was_tried(&self) -> bool {
        !matches!(self.result, DoctorResult::NotTried(_))
    }

    /// The result as text. The text can repeat stored keys and answers of servers, so it is sanitized.
    fn text(&self) -> String {
        match &self.result {
            DoctorResult::Works(text) | DoctorResult::NotTried(text) => sanitize(text),
            DoctorResult::Failed(failure) => sanitize(&failure.to_string()),
        }
    }
}

fn line(finding: &Finding) -> String {
    let text = match &finding.result {
        DoctorResult::NotTried(_) => format!("not tried: {}", finding.text()),
        DoctorResult::Works(_) | DoctorResult::Failed(_) => finding.text(),
    };
    let sign = match finding.result {
        DoctorResult::Works(_) => "+",
        DoctorResult::Failed(_) => "x",
        DoctorResult::NotTried(_) => "-",
    };
    format!("{sign} {:<22} {:<10} {text}", finding.place, finding.what)
}

fn json(finding: &Finding) -> serde_json::Value {
    let (state, next) = match &finding.result {
        DoctorResult::Works(_) => ("ok", None),
        DoctorResult::NotTried(_) => ("not-tried", None),
        DoctorResult::Failed(failure) => {
            ("wrong", Some(&failure.hint).filter(|hint| !hint.is_empty()))
        }
    };
    serde_json::json!({
        "place": finding.place,
        "what": finding.what,
        "state": state,
        "text": finding.text(),
        "next": next,
    })
}

/// The summary, and what to do next.
fn summary(app: &App, findings: &[Finding]) -> Vec<String> {
    let tried = findings
        .iter()
        .filter(|finding| finding.was_tried())
        .count();
    let failed: Vec<&Finding> = findings
        .iter()
        .filter(|finding| finding.has_failed())
        .collect();
    if failed.is_empty() {
        let next = match app.targets().next() {
            None => "Next: add a service to the configuration".to_owned(),
            Some(target) => format!(
                "Next: greenroom promote {} {} --version TAG, or greenroom for the console",
                target.service, target.environment
            ),
        };
        return vec![format!("All {tried} tests passed. {next}")];
    }
    let mut lines = vec![format!(
        "{} of {tried} tests failed. What to do next:",
        failed.len()
    )];
    let todo = todo(&failed).into_iter();
    lines.extend(todo.map(|(places, what)| sanitize(&format!("  {}: {what}", places.join(", ")))));
    lines.push("Then run greenroom doctor again.".to_owned());
    lines
}

/// The remedies, each with the places that need it. Environments often share a server, so several places can need the
/// same remedy.
fn todo<'a>(failed: &[&'a Finding]) -> Vec<(Vec<String>, &'a str)> {
    let mut todo: Vec<(Vec<String>, &str)> = Vec::new();
    for finding in failed {
        let DoctorResult::Failed(failure) = &finding.result else {
            continue;
        };
        let remedy = match failure.hint.as_str() {
            "" => failure.message.as_str(),
            hint => hint,
        };
        let place = format!("{} {}", finding.place, finding.what);
        match todo.iter_mut().find(|(_, other)| *other == remedy) {
            Some((places, _)) if places.contains(&place) => {}
            Some((places, _)) => places.push(place),
            None => todo.push((vec![place], remedy)),
        }
    }
    todo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_for_two_places_is_shown_once() {
        let failed = |place: &str, reason: &str, hint: &str| Finding {
            place: place.to_owned(),
            what: "nginx",
            result: DoctorResult::Failed(
                Failure::new(FailureKind::Unreachable, place, "asking", reason).hint(hint),
            ),
        };
        let findings = [
            failed("staging", "refused", "start nginx"),
            failed("production", "refused", "start nginx"),
            failed("qa", "no such file", ""),
        ];
        let findings: Vec<&Finding> = findings.iter().collect();
        let todo = todo(&findings);
        assert_eq!(todo.len(), 2, "{todo:?}");
        assert_eq!(todo[0].0, ["staging nginx", "production nginx"]);
        assert_eq!(todo[1], (vec!["qa nginx".to_owned()], "no such file"));
    }
}
