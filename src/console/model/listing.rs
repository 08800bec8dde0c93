//! What the list of the checks holds: the cases of the open target's suite with what came of them.
//! And which rung of a ladder matters.

use std::time::Duration;

use super::Model;
use crate::checks::{CaseReport, Verdict};
use crate::history::Step;
use crate::release::{Progress, Status, StepState};

/// How far one case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    /// It was not run yet.
    Pending,
    /// It is being run.
    Running,
    /// It has a verdict.
    Settled(Verdict),
}

/// One line of the checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRow {
    /// Its name, harmless.
    pub name: String,
    /// How far it is.
    pub state: CheckState,
    /// Whether the release needs it.
    pub required: bool,
    /// How long the answer took.
    pub took: Option<Duration>,
    /// What was expected and what came instead, harmless.
    pub detail: String,
}

/// The cases of the open target's newest release, in the suite's order.
pub fn checks(model: &Model) -> Vec<CheckRow> {
    let Some(status) = model.release() else {
        return Vec::new();
    };
    let verifies = matches!(status.progress, Progress::Forward(Step::Verify));
    let mut running = verifies;
    let suite = &status.plan.definition.suite;
    let mut rows: Vec<CheckRow> = Vec::with_capacity(suite.cases.len());
    for case in &suite.cases {
        let report = status.cases.iter().find(|report| report.name == case.name);
        if let Some(report) = report {
            rows.push(settled(report));
            continue;
        }
        // Cases are run one after the other: the first without a verdict is the one that runs.
        let state = if std::mem::take(&mut running) {
            CheckState::Running
        } else {
            CheckState::Pending
        };
        rows.push(CheckRow {
            name: crate::harmless::harmless(&case.name),
            state,
            required: case.required,
            took: None,
            detail: String::new(),
        });
    }
    let unknown = status
        .cases
        .iter()
        .filter(|report| !suite.cases.iter().any(|case| case.name == report.name));
    rows.extend(unknown.map(settled));
    rows
}

fn settled(report: &CaseReport) -> CheckRow {
    CheckRow {
        name: crate::harmless::harmless(&report.name),
        state: CheckState::Settled(report.verdict),
        required: report.required,
        took: Some(report.took),
        detail: crate::harmless::harmless(&report.detail),
    }
}

/// The rung a reader looks for first: what goes on, waits or failed; else the last that is true.
pub fn relevant_step(status: &Status) -> Option<usize> {
    let moving = status.steps.iter().position(|rung| {
        matches!(
            rung.state,
            StepState::Running { .. } | StepState::Waiting { .. } | StepState::Failed { .. }
        )
    });
    moving.or_else(|| {
        status
            .steps
            .iter()
            .rposition(|rung| matches!(rung.state, StepState::Done { .. }))
    })
}
