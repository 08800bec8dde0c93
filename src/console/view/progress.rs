//! What a release is doing: the lines below the steps of the release.

use super::{at_rest, text, together};
use crate::console::action::Action;
use crate::console::model::{Model, WaitingFor};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::history::{Direction, Step};
use crate::inventory::{LiveSlot, Operator};
use crate::release::{Observed, Progress, Status, StepState, interrupted_at};
use jiff::Timestamp;

/// One or two lines: what the release does, and then the request for its handover or [`second_line`]. If this console
/// no longer drives the release and the journal does not show the release yet, only one line says so.
pub(super) fn lines(model: &Model, theme: &Theme, status: &Status) -> Vec<(String, Meaning)> {
    let is_left = model.left.contains(&status.plan.release) && model.elsewhere().is_none();
    if is_left && !status.is_over() {
        let resume_key = model.keymap.shown(Action::Resume);
        let message = format!(
            "This console no longer drives this release. {resume_key} resumes the release, or shows what to wait for."
        );
        return vec![(message, Meaning::Warn)];
    }
    let mut lines = vec![first_line(model, theme, status)];
    lines.extend(
        together::handover_request(model, theme).or_else(|| second_line(model, theme, status)),
    );
    lines
}

/// The second line: what backing out would do, what comes next, why the release is being backed out, or how to resume
/// the release.
fn second_line(model: &Model, theme: &Theme, status: &Status) -> Option<(String, Meaning)> {
    match &status.progress {
        Progress::Forward(_) | Progress::Asking { .. } | Progress::Choosing { .. }
            if !status.undo.is_empty() =>
        {
            Some((format!("back out now: {}", status.undo), Meaning::Muted))
        }
        Progress::Standby { .. } if !status.next.is_empty() => {
            Some((format!("next: {}", status.next), Meaning::Muted))
        }
        Progress::Back(_) => status
            .steps
            .iter()
            .find_map(|step_status| match &step_status.state {
                StepState::Failed { why } => {
                    let cross = theme.glyph(Glyph::Cross);
                    let message = format!("{cross} because {} failed: {why}", step_status.step);
                    Some((message, Meaning::Bad))
                }
                _ => None,
            }),
        Progress::Interrupted { .. } if status.is_live_with_standby() => {
            let [resume, back] =
                [Action::Resume, Action::RollBack].map(|it| model.keymap.shown(it));
            let old = old_version(status);
            let message =
                format!("{resume} resumes the release and can stop {old}; {back} rolls back");
            Some((message, Meaning::Muted))
        }
        // Shows which slot is observed to be live, not what the journal says.
        Progress::Interrupted { .. } => {
            let snapshot = model.snapshot()?;
            let is_live = snapshot.edges.live_phrase();
            let live = match snapshot.live_slot() {
                LiveSlot::Slot(slot) => format!("observed: {slot} {is_live} now"),
                LiveSlot::NoSlot => format!("observed: no slot {is_live}"),
                LiveSlot::Unknown => format!("it is not known which slot {is_live}"),
            };
            let resume_key = model.keymap.shown(Action::Resume);
            let message = format!("{live}; {resume_key} resumes the release or backs it out");
            Some((message, Meaning::Text))
        }
        Progress::Closed(_) => Some(at_rest::next(model, theme)),
        _ => None,
    }
}

fn first_line(model: &Model, theme: &Theme, status: &Status) -> (String, Meaning) {
    let elsewhere = model.elsewhere();
    match &status.progress {
        Progress::Forward(step) if status.next.is_empty() => {
            (format!("{step} runs"), Meaning::Muted)
        }
        Progress::Forward(_) => (format!("next: {}", status.next), Meaning::Muted),
        Progress::Asking { step, since, .. } => asking(model, theme, status, (*step, *since)),
        Progress::Standby { until } => (standby(model, status, *until), Meaning::Ok),
        Progress::Back(step) => {
            let message = format!("backing out: undoing {step}");
            let next = &status.next;
            let next = (!next.is_empty()).then(|| format!("; next: {next}"));
            (message + &next.unwrap_or_default(), Meaning::Warn)
        }
        Progress::Choosing {
            step,
            why,
            direction,
            ..
        } => {
            let failure = match direction {
                Direction::Forward => format!("{step} failed"),
                Direction::Back => format!("undoing {step} failed"),
            };
            let cross = theme.glyph(Glyph::Cross);
            let message = match elsewhere {
                None => {
                    let approve = model.keymap.shown(Action::Approve);
                    format!("{cross} {failure} ({approve} asks what to do): {why}")
                }
                Some(observed) => format!(
                    "{cross} {failure} ({} has to choose what to do): {why}",
                    driver(observed)
                ),
            };
            (message, Meaning::Bad)
        }
        Progress::Unrecorded { why } => {
            let message = format!(
                "the journal of the release cannot be written: {why}. The driver does nothing until it can be written"
            );
            (message, Meaning::Bad)
        }
        Progress::Parked { why } => {
            let resume_key = model.keymap.shown(Action::Resume);
            let message = format!(
                "the driver has stopped: {why}; {resume_key} resumes the release, or shows what to wait for"
            );
            (message, Meaning::Bad)
        }
        Progress::Interrupted { .. } if status.is_live_with_standby() => {
            let new = status.plan.version.name();
            let old = old_version(status);
            let message = format!("{new} is live. {old} is kept; no operator drives the release");
            (message, Meaning::Ok)
        }
        Progress::Interrupted {
            after,
            direction,
            at,
        } => {
            // A driver that released its lock has recorded why. A driver that was killed or cut off could not record
            // why.
            let went = match elsewhere.and_then(|observed| observed.driver_stopped.as_ref()) {
                Some(driver_stopped) => format!("left it ({})", driver_stopped.reason),
                None => "stopped without notice".to_owned(),
            };
            let message = format!(
                "{} interrupted {} at {}: no operator drives the release; {} {went}",
                theme.glyph(Glyph::Hand),
                interrupted_at(*after, *direction),
                text::time_of_day(*at),
                elsewhere.map_or(&status.plan.operator, driver)
            );
            (message, Meaning::Warn)
        }
        Progress::Closed(_) => at_rest::ended(model, theme, status),
    }
}

/// The text about a step that waits for peer approvals, or for the approval of its driver.
fn asking(
    model: &Model,
    theme: &Theme,
    status: &Status,
    (step, since): (Step, Timestamp),
) -> (String, Meaning) {
    let elsewhere = model.elsewhere();
    let age = text::clock(text::seconds(since, model.now));
    let hand = theme.glyph(Glyph::Hand);
    let lacks = model.lacks_approvals(status);
    let approve = model.keymap.shown(Action::Approve);
    let mut message = match elsewhere {
        None if lacks => {
            format!("{hand} {step} waits for approvals (for {age})")
        }
        None => format!("{hand} {approve} answers: {step} waits for you (for {age})"),
        Some(observed) if lacks && waits_for_operator(model, observed) => format!(
            "{hand} {step} of {} waits for your approval (for {age})",
            driver(observed)
        ),
        Some(observed) if lacks => format!(
            "{hand} {step} of {} waits for approvals (for {age})",
            driver(observed)
        ),
        Some(observed) => format!(
            "{hand} {step} waits for {} to approve it (for {age})",
            driver(observed)
        ),
    };
    match model.peer_approved_words(status) {
        Some(peer_approved) if lacks && elsewhere.is_none() => {
            message = format!("{message}: {peer_approved}; {approve} shows who can approve");
        }
        Some(peer_approved) => message = format!("{message}; {peer_approved}"),
        None if status.next.is_empty() => {}
        None => message = format!("{message}; {}", status.next),
    }
    (crate::sanitize::sanitize(&message), Meaning::Warn)
}

/// Whether the release waits for the approval of this operator.
fn waits_for_operator(model: &Model, observed: &Observed) -> bool {
    let release = observed.status.plan.release;
    let mut waiting = model.waiting().into_iter();
    waiting
        .any(|item| item.release == release && matches!(item.wanted, WaitingFor::Approval { .. }))
}

/// The driver of a release that another console drives, or the last driver of a release without a driver.
pub(in crate::console) fn driver(observed: &Observed) -> &Operator {
    let driver = observed.driver.as_ref().map(|record| &record.operator);
    driver.unwrap_or(&observed.last)
}

fn standby(model: &Model, status: &Status, until: Option<Timestamp>) -> String {
    let left = until.map_or("until an operator stops it".to_owned(), |until| {
        format!("for {}", text::clock(text::seconds(model.now, until)))
    });
    let from = old_version(status);
    let new = status.plan.version.name();
    let ending = match model.elsewhere() {
        None => {
            let [back, stop] =
                [Action::RollBack, Action::EndStandby].map(|it| model.keymap.shown(it));
            format!(": {back} rolls back, {stop} stops {from} now")
        }
        Some(observed) => format!("; {} drives the release", driver(observed)),
    };
    format!("{new} is live. {from} is kept warm {left}{ending}")
}

fn old_version(status: &Status) -> &str {
    let from = status.plan.from.as_ref();
    from.map_or("the old version", |from| from.version.name())
}
