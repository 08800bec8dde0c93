//! The log of a target's steps. It has one line for each change in the status of a release, also of a release that
//! another operator drives. It also has one line for each note or decision that a driver in this console announces, and
//! for each message of a repair that this console carries out.

use std::sync::Arc;

use jiff::Timestamp;

use crate::checks::{CaseReport, Verdict};
use crate::console::model::Model;
use crate::history::{Direction, Outcome, Step};
use crate::inventory::Target;
use crate::inventory::local_time;
use crate::logs::{NewLine, Origin};
use crate::release::describe::duration;
use crate::release::{Announcement, Progress, Releases, Status, StepState};

/// Adds a line for each change since the last status of a release.
pub(super) fn moved(model: &mut Model, before: Option<&Status>, status: &Status) {
    let before = before.filter(|before| before.plan.release == status.plan.release);
    let lines = changed_lines(before, status, model.now);
    if !lines.is_empty() {
        model.log.add_steps(status.plan.target(), lines);
    }
}

/// Adds the changes of releases in the journals. Leaves out the releases that this console drives, because their status
/// events are logged already (`update/release.rs` calls [`moved`] for them). Also leaves out releases that had already
/// ended when the console read them for the first time.
pub(super) fn observed(model: &mut Model, before: &Releases) {
    let releases = Arc::clone(&model.releases_observed);
    for (target, now) in releases.iter() {
        let status = &now.status;
        let is_own = model
            .releases
            .get(target)
            .is_some_and(|own| own.plan.release == status.plan.release)
            && model.elsewhere_in(target).is_none();
        let old = before.get(target).map(|old| &*old.status);
        let is_new = old.is_none_or(|old| old.plan.release != status.plan.release);
        let is_history = is_new && status.outcome().is_some();
        if !is_own && !is_history {
            moved(model, old, status);
        }
    }
}

pub(super) fn announced(model: &mut Model, target: &Target, announcement: &Announcement) {
    let (step, text) = (announcement.step, &announcement.text);
    let line = line(step, text, Origin::Out, announcement.at);
    model.log.add_steps(target, vec![line]);
}

/// Adds a message of a repair to the log of its target.
pub(super) fn repaired(model: &mut Model, target: &Target, message: &str) {
    let text = format!("repair: {message}");
    let line = line(None, &text, Origin::Notice, model.now);
    model.log.add_steps(target, vec![line]);
}

fn changed_lines(before: Option<&Status>, status: &Status, now: Timestamp) -> Vec<NewLine> {
    let mut lines = Vec::new();
    if before.is_none() {
        lines.push(line(None, &start_text(status), Origin::Notice, now));
    }
    for step_status in &status.steps {
        let old = before.and_then(|before| {
            let mut steps = before.steps.iter();
            steps.find(|old| old.step == step_status.step)
        });
        let old = old.map(|old| step_text(&old.state));
        let (origin, text) = step_text(&step_status.state);
        let is_new = old.as_ref().is_none_or(|(_, old)| *old != text);
        let new_line = (is_new && step_status.state != StepState::Pending)
            .then(|| line(Some(step_status.step), &text, origin, now));
        // The verdicts of the checks come after the line that *verify* starts, and before the line that *verify* ends.
        let is_start = matches!(step_status.state, StepState::Running { .. });
        let (first, last) = if is_start {
            (new_line, None)
        } else {
            (None, new_line)
        };
        lines.extend(first);
        if step_status.step == Step::Verify {
            lines.extend(verdicts(before, status, now));
        }
        lines.extend(last);
    }
    let old = before.and_then(|before| release_text(&before.progress));
    let new = release_text(&status.progress).filter(|new| old.as_ref() != Some(new));
    if let Some((origin, text)) = new {
        lines.push(line(None, &text, origin, now));
    }
    lines
}

fn line(step: Option<Step>, text: &str, origin: Origin, at: Timestamp) -> NewLine {
    let text = match step {
        Some(step) => format!("{step:<9} {text}"),
        None => format!("{:<9} {text}", "release"),
    };
    NewLine {
        origin,
        ..NewLine::notice(text).at(at)
    }
}

fn start_text(status: &Status) -> String {
    let plan = &status.plan;
    let from = plan
        .from
        .as_ref()
        .map_or_else(|| "nothing".to_owned(), |from| from.version.to_string());
    let mut text = format!(
        "{} {}: {from} → {}, by {}",
        plan.kind,
        plan.release.short(),
        plan.version,
        plan.operator
    );
    if let Some(reason) = &plan.reason {
        text = format!("{text}, \"{reason}\"");
    }
    text
}

fn verdicts(before: Option<&Status>, status: &Status, now: Timestamp) -> Vec<NewLine> {
    // If there are fewer verdicts than before, the checks run again and all verdicts are new.
    let old = before.map_or(0, |before| before.cases.len());
    let old = if old > status.cases.len() { 0 } else { old };
    let new = status.cases.get(old..).unwrap_or_default();
    new.iter()
        .map(|case| {
            let (origin, text) = verdict(case);
            line(Some(Step::Verify), &text, origin, now)
        })
        .collect()
}

fn verdict(case: &CaseReport) -> (Origin, String) {
    let took = duration(case.took);
    match case.verdict {
        Verdict::Passed => (Origin::Out, format!("{} passed in {took}", case.name)),
        _ => (
            Origin::Err,
            format!("{} did not pass: {} (took {took})", case.name, case.detail),
        ),
    }
}

/// The state of a step as a text, without the parts that change all the time while the step runs.
fn step_text(state: &StepState) -> (Origin, String) {
    match state {
        StepState::Pending => (Origin::Out, "not started".into()),
        StepState::Waiting { .. } => (Origin::Notice, "waits for approval".into()),
        StepState::Running {
            direction: Direction::Forward,
            ..
        } => (Origin::Out, "starts".into()),
        StepState::Running {
            direction: Direction::Back,
            ..
        } => (Origin::Out, "is being undone".into()),
        StepState::Done { took } => (Origin::Out, format!("done in {}", duration(*took))),
        StepState::Failed { why } => (Origin::Err, format!("failed: {why}")),
        StepState::Undone => (Origin::Out, "undone".into()),
        StepState::Skipped => (Origin::Notice, "skipped by an operator".into()),
    }
}

/// The state of the release as a text. `None` if the lines about its steps already show the state.
fn release_text(progress: &Progress) -> Option<(Origin, String)> {
    match progress {
        Progress::Standby { until: Some(until) } => Some((
            Origin::Out,
            format!(
                "live; the old version is kept warm until {}",
                local_time::moment(*until)
            ),
        )),
        Progress::Standby { until: None } => {
            Some((Origin::Out, "live; the old version is kept warm".into()))
        }
        Progress::Unrecorded { why } => Some((
            Origin::Err,
            format!("cannot be recorded: {why}. The driver does nothing until it can be recorded"),
        )),
        Progress::Parked { why } => Some((Origin::Err, format!("the driver has stopped: {why}"))),
        Progress::Interrupted { .. } => {
            Some((Origin::Err, "interrupted: no operator drives it".into()))
        }
        Progress::Closed(outcome) => Some(outcome_text(outcome)),
        Progress::Forward(_)
        | Progress::Back(_)
        | Progress::Asking { .. }
        | Progress::Choosing { .. } => None,
    }
}

fn outcome_text(outcome: &Outcome) -> (Origin, String) {
    let origin = if outcome.is_success() {
        Origin::Out
    } else {
        Origin::Err
    };
    let text = match outcome.reason() {
        Some(reason) => format!("{}: {reason}", outcome.word()),
        None => outcome.word().to_owned(),
    };
    (origin, text)
}
