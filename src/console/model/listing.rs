//! The rows of the list of checks: the cases of the open target's suite with their results. Also which
//! step of a ladder is the most relevant.

use std::time::Duration;

use jiff::Timestamp;

use super::Model;
use crate::checks::{CaseReport, Verdict};
use crate::history::{Outcome, Step};
use crate::inventory::{Digest, ReleaseId, Slot, Snapshot, Version};
use crate::release::{Progress, Status, StepState};

/// The state of one case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    /// Not run yet.
    Pending,
    Running,
    /// Has a verdict.
    Settled(Verdict),
}

/// One row of the checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRow {
    /// The sanitized name.
    pub name: String,
    pub state: CheckState,
    /// Whether the release requires it to pass.
    pub required: bool,
    /// How long the answer took.
    pub took: Option<Duration>,
    /// What was expected and what was answered, sanitized.
    pub detail: String,
}

/// The version whose checks are listed, with their results.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    pub version: &'a Version,
    /// The slot in which it was checked.
    pub slot: Slot,
    /// The reports of the cases that were run.
    pub cases: &'a [CaseReport],
    /// When the checks ended.
    pub at: Option<Timestamp>,
    /// The release that made it live; none while a release is in flight.
    pub made_live_by: Option<ReleaseId>,
}

/// The version whose checks are relevant: the candidate of a release in flight, else the live version.
/// None if neither is known.
pub fn checked(model: &Model) -> Option<Checked<'_>> {
    let release = model.release();
    if !model.is_at_rest() {
        return release.map(|status| of_release(status, None));
    }
    let told = model.told.get(model.open.as_ref()?);
    let live = told.and_then(|told| told.live_checks.as_deref());
    // The live version is the observed one: the checks must be of that digest.
    let observed = model.snapshot().and_then(Snapshot::live_instance);
    let is_live = |digest: &Digest| observed.is_none_or(|live| live.digest == *digest);
    if let Some(live) = live.filter(|live| is_live(&live.version.digest)) {
        return Some(Checked {
            version: &live.version,
            slot: live.slot,
            cases: &live.cases,
            at: live.at,
            made_live_by: Some(live.release),
        });
    }
    // The journal of a release that this console has just ended may not have been read yet.
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

/// The cases of [`checked`]; those of a release in flight in the order of the suite.
pub fn checks(model: &Model) -> Vec<CheckRow> {
    let Some(checked) = checked(model) else {
        return Vec::new();
    };
    let status = match model.release() {
        Some(status) if checked.made_live_by.is_none() => status,
        _ => return checked.cases.iter().map(settled).collect(),
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
        // Cases run one after the other: the first one without a verdict is the running one.
        let state = if std::mem::take(&mut running) {
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
        name: crate::sanitize::sanitize(&report.name),
        state: CheckState::Settled(report.verdict),
        required: report.required,
        took: Some(report.took),
        detail: crate::sanitize::sanitize(&report.detail),
    }
}

/// The most relevant step: the one that is running, waits or failed; else the last one that is done.
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
