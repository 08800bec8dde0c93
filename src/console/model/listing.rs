//! What the list of the checks holds: the cases of the open target's suite with what came of them.
//! And which step of a ladder matters.

use std::time::Duration;

use jiff::Timestamp;

use super::Model;
use crate::checks::{CaseReport, Verdict};
use crate::history::{Outcome, Step};
use crate::inventory::{Digest, ReleaseId, Slot, Snapshot, Version};
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

/// The version whose checks are listed.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    /// The version.
    pub version: &'a Version,
    /// The slot that it was checked in.
    pub slot: Slot,
    /// What came out of each case, as far as they were run.
    pub cases: &'a [CaseReport],
    /// When they were over.
    pub at: Option<Timestamp>,
    /// The release that made it live, where nothing is being released.
    pub made_live_by: Option<ReleaseId>,
}

/// The version whose checks matter now: the candidate of a release that goes on, else what is live. None
/// where nothing is known of either.
pub fn checked(model: &Model) -> Option<Checked<'_>> {
    let release = model.release();
    if !model.is_at_rest() {
        return release.map(|status| of_release(status, None));
    }
    let told = model.told.get(model.open.as_ref()?);
    let live = told.and_then(|told| told.live_checks.as_deref());
    // What is live is what is observed: these have to be the checks of that.
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
    // The journal of a release that has just ended here may not have been read yet.
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

/// The cases of [`checked`], those of a release that goes on in the suite's order.
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
        // Cases are run one after the other: the first without a verdict is the one that runs.
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

/// The step a reader looks for first: what goes on, waits or failed; else the last that is true.
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
