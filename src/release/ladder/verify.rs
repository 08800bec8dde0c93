//! *verify*: the checks are run against the candidate.
//!
//! - Act: none: the checks query the candidate.
//! - Done when every required check passed for the running digest.
//! - Undone by: nothing.

use std::time::Duration;

use super::{Course, Judgement, Property, Situation, StageDefinition, StepDefinition, StepSummary};
use crate::checks::{CaseKind, RETRY_PAUSE, Verdict};
use crate::release::describe::duration;
use crate::release::{Ask, Draft, Plan, ProxyWords};

pub(super) struct Verify;

impl StageDefinition for Verify {
    fn ask_after(&self, _plan: &Plan, _course: &Course) -> Ask {
        Ask {
            checks: true,
            ..Ask::default()
        }
    }

    fn judge(&self, situation: &Situation<'_>, _course: &mut Course) -> Judgement {
        let (plan, observation) = (situation.plan, situation.observation);
        // The report of the situation also has the overrides.
        let report = situation.report.filter(|_| observation.report.is_some());
        let Some(report) = report else {
            return Judgement::Never(format!(
                "the checks could not be run: {}",
                observation.why_blind()
            ));
        };
        if report.digest != plan.version.digest {
            return Judgement::Never(format!(
                "the checks tested {} instead of {}",
                report.digest.short(),
                plan.version.digest.short()
            ));
        }
        let passed = report.count(Verdict::Passed);
        let total = report.cases.len();
        if report.allows() {
            let overridden: Vec<&str> = report.failed().map(|case| case.name.as_str()).collect();
            // A case that passed has a detail only if an earlier attempt did not.
            let retried = report
                .cases
                .iter()
                .filter(|case| case.verdict == Verdict::Passed && !case.detail.is_empty());
            let retried = retried.map(|case| format!("; {} {}", case.name, case.detail));
            let retried: String = retried.collect();
            return Judgement::True(match (total, overridden.is_empty()) {
                (0, _) => "no checks are configured".into(),
                (_, true) => format!("{passed} of {total} passed{retried}"),
                (_, false) => format!(
                    "{passed} of {total} passed, overridden: {}{retried}",
                    overridden.join(", ")
                ),
            });
        }
        let failed = report
            .failed()
            .find(|case| case.overridden.is_none())
            .map(|case| format!("; {} {}: {}", case.name, case.verdict, case.detail))
            .unwrap_or_default();
        Judgement::Never(format!("{passed} of {total} passed{failed}"))
    }

    fn time_limit(&self, plan: &Plan) -> Duration {
        let cases = plan.definition.suite.cases.iter();
        let limits = cases.map(|case| {
            let pauses = RETRY_PAUSE.saturating_mul(case.retries);
            let attempts = case.retries.saturating_add(1);
            case.timeout.saturating_mul(attempts).saturating_add(pauses)
        });
        let checks = limits.fold(Duration::ZERO, Duration::saturating_add);
        checks.max(plan.definition.timing.progress_deadline)
    }
}

impl StepDefinition for Verify {
    fn summary(&self) -> StepSummary {
        StepSummary {
            does: "run the checks against the candidate",
            done_when: "every required check has passed or is overridden",
        }
    }

    fn calls(&self, draft: &Draft, _proxy: &ProxyWords) -> Vec<String> {
        let cases = &draft.plan.definition.suite.cases;
        if cases.is_empty() {
            let only = if draft.plan.definition.is_background() {
                "whether it runs and is healthy"
            } else {
                "the health endpoint"
            };
            return vec![format!("no checks are configured: only {only} is checked")];
        }
        cases
            .iter()
            .map(|case| {
                let through = if case.request().is_some_and(|it| it.through_preview) {
                    " through the preview"
                } else {
                    ""
                };
                let weight = if case.required { "" } else { ", not required" };
                let again = match case.retries {
                    0 => String::new(),
                    1 => ", run again once if it does not pass".to_owned(),
                    retries => format!(", run again up to {retries} times if it does not pass"),
                };
                let at = match case.kind {
                    CaseKind::Request(_) => String::new(),
                    CaseKind::Command(_) => {
                        format!(
                            " on the machine of the driver, for at most {}",
                            duration(case.timeout)
                        )
                    }
                    CaseKind::Container(_) => {
                        format!(
                            " with the network of the candidate, for at most {}",
                            duration(case.timeout)
                        )
                    }
                };
                format!(
                    "{}: {}{at}{through}{again}{weight}",
                    case.name,
                    case.shown()
                )
            })
            .collect()
    }

    fn properties(&self) -> &'static [Property] {
        &[Property::RunsChecks]
    }
}
