//! What the lists of the panes hold: the cases of the open target's checks with what came of them,
//! and what is stored about it in few words.

use std::time::Duration;

use super::Model;
use crate::checks::{CaseReport, Verdict};
use crate::history::Step;
use crate::inventory::{KeyLine, Slot, Snapshot};
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

/// What a stored value says, for the keys that are ours and were understood; else the value as it
/// is stored. Never more than was read: a key that could not be read is shown raw.
pub fn stored(snapshot: &Snapshot, line: &KeyLine) -> String {
    let raw = || line.value.clone();
    let prefix = format!("/{}/", snapshot.target);
    let Some((_, name)) = line.key.split_once(&prefix) else {
        return raw();
    };
    if snapshot.problems.contains_key(&line.key) {
        return raw();
    }
    match (name.split_once('/'), name) {
        (_, "route") => snapshot.route.as_ref().map_or_else(raw, |route| {
            format!(
                "{}, generation {}",
                route.value.live, route.value.generation
            )
        }),
        (_, "lock") => snapshot.lock.as_ref().map_or_else(raw, |holder| {
            format!("{}, {}", holder.record.operator, holder.record.message)
        }),
        (_, "hold") => snapshot
            .hold
            .as_ref()
            .map_or_else(raw, |hold| format!("{}, {}", hold.author, hold.reason)),
        (Some(("slots", slot)), _) => {
            let slot: Option<Slot> = slot.parse().ok();
            let entry = slot.and_then(|slot| snapshot.slots.get(slot).registration.as_ref());
            entry.map_or_else(raw, |entry| {
                let value = &entry.value;
                let tag = value.tag.as_deref().unwrap_or_else(|| value.digest.short());
                format!("{} {tag}", value.endpoint)
            })
        }
        _ => raw(),
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
