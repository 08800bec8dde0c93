//! The log of a release's steps: a line for each change of its status, no matter who drives it, and for each
//! announcement of its driver.

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

/// Logs what is new in the status of a release.
pub(super) fn moved(model: &mut Model, before: Option<&Status>, status: &Status) {
    let before = before.filter(|before| before.plan.release == status.plan.release);
    let lines = news(before, status, model.now);
    if !lines.is_empty() {
        model.log.stepped(status.plan.target(), lines);
    }
}

/// The journals were read. The driver in this console logs its own releases. A release that had already
/// ended when it was first seen is history.
pub(super) fn observed(model: &mut Model, before: &Releases) {
    let told = Arc::clone(&model.told);
    for (target, now) in told.iter() {
        let status = &now.status;
        let is_own = model
            .releases
            .get(target)
            .is_some_and(|own| own.plan.release == status.plan.release)
            && model.elsewhere_in(target).is_none();
        let known = before.get(target).map(|known| &*known.status);
        let is_new = known.is_none_or(|known| known.plan.release != status.plan.release);
        let is_history = is_new && status.outcome().is_some();
        if !is_own && !is_history {
            moved(model, known, status);
        }
    }
}

/// The driver announced something.
pub(super) fn announced(model: &mut Model, target: &Target, said: &Announcement) {
    let line = line(said.step, &said.text, Origin::Out, said.at);
    model.log.stepped(target, vec![line]);
}

/// A repair reported something.
pub(super) fn repaired(model: &mut Model, target: &Target, words: &str) {
    let text = format!("repair: {words}");
    let line = line(None, &text, Origin::Notice, model.now);
    model.log.stepped(target, vec![line]);
}

fn news(before: Option<&Status>, status: &Status, now: Timestamp) -> Vec<NewLine> {
    let mut lines = Vec::new();
    if before.is_none() {
        lines.push(line(None, &start_words(status), Origin::Notice, now));
    }
    for step_status in &status.steps {
        let known = before.and_then(|before| {
            let mut steps = before.steps.iter();
            steps.find(|known| known.step == step_status.step)
        });
        let known = known.map(|known| words(&known.state));
        let (origin, text) = words(&step_status.state);
        let is_new = known.as_ref().is_none_or(|(_, known)| *known != text);
        let said = (is_new && step_status.state != StepState::Pending)
            .then(|| line(Some(step_status.step), &text, origin, now));
        // A verdict comes after the start of its step and before its end.
        let is_start = matches!(step_status.state, StepState::Running { .. });
        let (first, last) = if is_start { (said, None) } else { (None, said) };
        lines.extend(first);
        if step_status.step == Step::Verify {
            lines.extend(verdicts(before, status, now));
        }
        lines.extend(last);
    }
    let known = before.and_then(|before| whole(&before.progress));
    let now_whole = whole(&status.progress).filter(|now| known.as_ref() != Some(now));
    if let Some((origin, text)) = now_whole {
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

fn start_words(status: &Status) -> String {
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
    // Checks that run again start without verdicts.
    let known = before.map_or(0, |before| before.cases.len());
    let known = if known > status.cases.len() { 0 } else { known };
    let new = status.cases.get(known..).unwrap_or_default();
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
            format!("{} did not pass in {took}: {}", case.name, case.detail),
        ),
    }
}

/// The state of a step. Leaves out what changes continuously while it runs.
fn words(state: &StepState) -> (Origin, String) {
    match state {
        StepState::Pending => (Origin::Out, "not started".into()),
        StepState::Waiting { .. } => (Origin::Notice, "waits for a person: A answers".into()),
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
        StepState::Skipped => (Origin::Notice, "skipped by a person".into()),
    }
}

/// The state of the whole release.
fn whole(progress: &Progress) -> Option<(Origin, String)> {
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
            format!("cannot be recorded, so nothing is done: {why}"),
        )),
        Progress::Parked { why } => Some((Origin::Err, format!("parked: {why}"))),
        Progress::Interrupted { .. } => Some((
            Origin::Err,
            "no operator drives it any more: it stays as it is".into(),
        )),
        Progress::Closed(outcome) => Some(over(outcome)),
        Progress::Forward(_)
        | Progress::Back(_)
        | Progress::Asking { .. }
        | Progress::Choosing { .. } => None,
    }
}

fn over(outcome: &Outcome) -> (Origin, String) {
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
