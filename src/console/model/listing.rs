//! The rows of the checks pane: the cases of the open target's suite, with their results. Also finds the most relevant
//! step of a release.

use std::time::Duration;

use jiff::Timestamp;

use super::Model;
use crate::checks::{CaseReport, Verdict};
use crate::history::{Outcome, Step};
use crate::inventory::{Digest, ReleaseId, Slot, Snapshot, Version};
use crate::release::{Progress, Status, StepState};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    Pending,
    Running,
    Settled(Verdict),
}

/// One row of the checks pane: one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRow {
    /// Sanitized.
    pub name: String,
    pub state: CheckState,
    /// Whether the release only continues if the case passes.
    pub required: bool,
    /// How long the answer took. `None` without a verdict.
    pub took: Option<Duration>,
    /// How the answer differs from what was expected. Sanitized.
    pub detail: String,
    /// Who has overridden the failed case, and why. Sanitized.
    pub overridden: Option<String>,
}

/// The version whose checks are listed, with their results.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    pub version: &'a Version,
    pub slot: Slot,
    /// The reports of the cases that have run.
    pub cases: &'a [CaseReport],
    /// When the checks ran.
    pub at: Option<Timestamp>,
    /// The release that made the version live. `None` if the version belongs to a release that has not ended.
    pub made_live_by: Option<ReleaseId>,
}

/// The version whose checks are shown: the candidate of a release that has not ended, otherwise the live version.
/// `None` if no checks of the live version are known.
pub fn checked(model: &Model) -> Option<Checked<'_>> {
    let release = model.release();
    if !model.is_at_rest() {
        return release.map(|status| of_release(status, None));
    }
    let observed = model.releases_observed.get(model.open.as_ref()?);
    let live = observed.and_then(|observed| observed.live_checks.as_deref());
    // The checks must be of the version that is observed to be live.
    let instance = model.snapshot().and_then(Snapshot::live_instance);
    let is_live = |digest: &Digest| instance.is_none_or(|live| live.digest == *digest);
    if let Some(live) = live.filter(|live| is_live(&live.version.digest)) {
        return Some(Checked {
            version: &live.version,
            slot: live.slot,
            cases: &live.cases,
            at: live.at,
            made_live_by: Some(live.release),
        });
    }
    // After a release of this console has ended, its journal may not have been read again yet. Until then, the status
    // of the release is used.
    let status = release.filter(|status| status.outcome().is_some_and(Outcome::is_success))?;
    let made_live_by = Some(status.plan.release);
    is_live(&status.plan.version.digest).then(|| of_release(status, made_live_by))
}

fn of_release(status: &Status, made_live_by: Option<ReleaseId>) -> Checked<'_> {
    Checked {
        version: &status.plan.version,
        slot: status.plan.slot,
        cases: &status.cases,
        at: status.checked_at,
        made_live_by,
    }
}

/// The rows for the version of [`checked`]. The cases of a release that has not ended are in the order of the suite,
/// followed by cases that the suite does not have.
pub fn checks(model: &Model) -> Vec<CheckRow> {
    let Some(checked) = checked(model) else {
        return Vec::new();
    };
    let status = match model.release() {
        Some(status) if checked.made_live_by.is_none() => status,
        _ => return checked.cases.iter().map(settled).collect(),
    };
    let verifies = matches!(status.progress, Progress::Forward(Step::Verify));
    let mut next_is_running = verifies;
    let suite = &status.plan.definition.suite;
    let mut rows: Vec<CheckRow> = Vec::with_capacity(suite.cases.len());
    for case in &suite.cases {
        let report = status.cases.iter().find(|report| report.name == case.name);
        if let Some(report) = report {
            rows.push(settled(report));
            continue;
        }
        // Cases run one after the other, so the first case without a verdict is running.
        let state = if std::mem::take(&mut next_is_running) {
            CheckState::Running
        } else {
            CheckState::Pending
        };
        rows.push(CheckRow {
            name: crate::sanitize::sanitize(&case.name),
            state,
            required: case.required,
            took: None,
            detail: String::new(),
            overridden: None,
        });
    }
    let not_in_suite = status
        .cases
        .iter()
        .filter(|report| !suite.cases.iter().any(|case| case.name == report.name));
    rows.extend(not_in_suite.map(settled));
    rows
}

fn settled(report: &CaseReport) -> CheckRow {
    CheckRow {
        name: crate::sanitize::sanitize(&report.name),
        state: CheckState::Settled(report.verdict),
        required: report.required,
        took: Some(report.took),
        detail: crate::sanitize::sanitize(&report.detail),
        overridden: report
            .overridden
            .as_ref()
            .map(|decision| crate::sanitize::sanitize(&decision.to_string())),
    }
}

/// The index of the first step that is running, waits or has failed. If there is no such step, the index of the last
/// finished step.
pub fn relevant_step(status: &Status) -> Option<usize> {
    let moving = status.steps.iter().position(|step_status| {
        matches!(
            step_status.state,
            StepState::Running { .. } | StepState::Waiting { .. } | StepState::Failed { .. }
        )
    });
    moving.or_else(|| {
        status
            .steps
            .iter()
            .rposition(|step_status| matches!(step_status.state, StepState::Done { .. }))
    })
}
