//! What a release is doing, in words: the shortest form, and the lines under the ladder.

use super::{at_rest, text, together};
use crate::console::action::Action;
use crate::console::model::{Model, WaitingFor};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::history::{Direction, Outcome};
use crate::inventory::{LiveSlot, Operator};
use crate::release::{Observed, Progress, Status, StepState, interrupted_at};

/// A release in as few words as possible: `▲ switch waits`.
pub(super) fn in_a_word(theme: &Theme, status: &Status) -> String {
    let (glyph, words) = glyph_and_words(status);
    format!("{} {words}", theme.glyph(glyph))
}

/// The same without the glyph, for places that have one already.
pub(super) fn in_words(status: &Status) -> String {
    glyph_and_words(status).1
}

fn glyph_and_words(status: &Status) -> (Glyph, String) {
    match &status.progress {
        Progress::Forward(step) => (Glyph::Half, format!("{step} runs")),
        Progress::Asking { step, .. } => (Glyph::Hand, format!("{step} waits")),
        Progress::Standby { .. } => (Glyph::Full, "live, old one warm".into()),
        Progress::Back(step) => (Glyph::Back, format!("{step} is undone")),
        Progress::Choosing { step, .. } => (Glyph::Cross, format!("{step} failed")),
        Progress::Unrecorded { .. } => (Glyph::Cross, "cannot be recorded".into()),
        Progress::Parked { .. } => (Glyph::Cross, "parked".into()),
        Progress::Interrupted { .. } if status.is_live_with_standby() => {
            (Glyph::Full, "live, old one kept".into())
        }
        Progress::Interrupted { .. } => (Glyph::Hand, "interrupted".into()),
        Progress::Closed(outcome) => (outcome_glyph(outcome), outcome.word().into()),
    }
}

fn outcome_glyph(outcome: &Outcome) -> Glyph {
    match outcome {
        Outcome::Done | Outcome::Superseded { .. } => Glyph::Tick,
        Outcome::BackedOut { .. } => Glyph::Back,
        Outcome::Left { .. } | Outcome::NeedsPerson { .. } => Glyph::Hand,
    }
}

/// What the release does and what can be done, one line each, the most urgent first.
pub(super) fn lines(model: &Model, theme: &Theme, status: &Status) -> Vec<(String, Meaning)> {
    let is_left = model.left.contains(&status.plan.release) && model.elsewhere().is_none();
    if is_left && !status.is_over() {
        let words = "this console no longer drives it; it stays as it is and can be resumed";
        return vec![(words.to_owned(), Meaning::Warn)];
    }
    let mut lines = vec![now(model, theme, status)];
    lines.extend(together::asks(model, theme).or_else(|| second_line(model, theme, status)));
    lines
}

/// The second line: what backing out would do, what comes after the standby, or why the release is being
/// backed out.
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
                    let words = format!("{cross} because {} failed: {why}", step_status.step);
                    Some((words, Meaning::Bad))
                }
                _ => None,
            }),
        Progress::Interrupted { .. } if status.is_live_with_standby() => {
            let [resume, back] =
                [Action::Resume, Action::RollBack].map(|it| model.keymap.shown(it));
            let old = old_version(status);
            let words =
                format!("{resume} resumes the release and can stop {old}; {back} rolls back");
            Some((words, Meaning::Muted))
        }
        // Shows what is observed to run, not what the journal says was done.
        Progress::Interrupted { .. } => {
            let live = match model.snapshot()?.live_slot() {
                LiveSlot::Slot(slot) => format!("{slot} has the traffic now, as observed"),
                LiveSlot::NoSlot => "nothing has the traffic now, as observed".to_owned(),
                LiveSlot::Unknown => "which slot has the traffic is unknown".to_owned(),
            };
            let resume_key = model.keymap.shown(Action::Resume);
            let words = format!("{live}; {resume_key} resumes it or backs it out");
            Some((words, Meaning::Text))
        }
        Progress::Closed(_) => Some(at_rest::next(model, theme)),
        _ => None,
    }
}

fn now(model: &Model, theme: &Theme, status: &Status) -> (String, Meaning) {
    let elsewhere = model.elsewhere();
    match &status.progress {
        Progress::Forward(step) if status.next.is_empty() => {
            (format!("{step} runs"), Meaning::Muted)
        }
        Progress::Forward(_) => (format!("next: {}", status.next), Meaning::Muted),
        Progress::Asking { step, since, .. } => {
            let age = text::clock(text::seconds(*since, model.now));
            let hand = theme.glyph(Glyph::Hand);
            let lacks = model.lacks_approvals(status);
            let approve = model.keymap.shown(Action::Approve);
            let mut words = match elsewhere {
                None if lacks => {
                    format!("{hand} {step} waits for approvals since {age}")
                }
                None => format!("{hand} {approve} answers: {step} waits for you since {age}"),
                Some(told) if lacks && waits_for_operator(model, told) => format!(
                    "{hand} {step} of {} waits for your approval since {age}",
                    driver(told)
                ),
                Some(told) if lacks => format!(
                    "{hand} {step} of {} waits for approvals since {age}",
                    driver(told)
                ),
                Some(told) => format!(
                    "{hand} waits for {} to approve {step} since {age}",
                    driver(told)
                ),
            };
            match model.peer_approved_words(status) {
                Some(peer_approved) if lacks && elsewhere.is_none() => {
                    words = format!("{words}: {peer_approved}; {approve} says who can give it");
                }
                Some(peer_approved) => words = format!("{words}; {peer_approved}"),
                None if status.next.is_empty() => {}
                None => words = format!("{words}; {}", status.next),
            }
            (crate::sanitize::sanitize(&words), Meaning::Warn)
        }
        Progress::Standby { until } => (standby(model, status, *until), Meaning::Ok),
        Progress::Back(step) => {
            let words = format!("backing out: {step} is undone");
            let next = &status.next;
            let next = (!next.is_empty()).then(|| format!("; next: {next}"));
            (words + &next.unwrap_or_default(), Meaning::Warn)
        }
        Progress::Choosing {
            step,
            why,
            direction,
            ..
        } => {
            let what = match direction {
                Direction::Forward => format!("{step} failed"),
                Direction::Back => format!("undoing {step} failed"),
            };
            let cross = theme.glyph(Glyph::Cross);
            let words = match elsewhere {
                None => {
                    let approve = model.keymap.shown(Action::Approve);
                    format!("{cross} {what}, {approve} asks what to do: {why}")
                }
                Some(told) => format!("{cross} {what}, {} has to choose: {why}", driver(told)),
            };
            (words, Meaning::Bad)
        }
        Progress::Unrecorded { why } => {
            let words = format!("nothing is done until it can be recorded: {why}");
            (words, Meaning::Bad)
        }
        Progress::Parked { why } => (format!("parked: {why}"), Meaning::Bad),
        Progress::Interrupted { .. } if status.is_live_with_standby() => {
            let new = status.plan.version.name();
            let old = old_version(status);
            let words = format!("{new} is live. {old} is kept; no operator drives the release");
            (words, Meaning::Ok)
        }
        Progress::Interrupted {
            after,
            direction,
            at,
        } => {
            // A driver that let go has recorded why; one that was cut off could not.
            let went = match elsewhere.and_then(|told| told.let_go.as_ref()) {
                Some(let_go) => format!("left it ({})", let_go.reason),
                None => "stopped without notice".to_owned(),
            };
            let words = format!(
                "{} interrupted {} at {}: no operator drives it; {} {went}",
                theme.glyph(Glyph::Hand),
                interrupted_at(*after, *direction),
                text::time_of_day(*at),
                elsewhere.map_or(&status.plan.operator, driver)
            );
            (words, Meaning::Warn)
        }
        Progress::Closed(_) => at_rest::ended(model, theme, status),
    }
}

/// Whether the release lacks the approval of this operator.
fn waits_for_operator(model: &Model, told: &Observed) -> bool {
    let release = told.status.plan.release;
    let mut waiting = model.waiting().into_iter();
    waiting
        .any(|item| item.release == release && matches!(item.wanted, WaitingFor::Approval { .. }))
}

/// The driver of another operator's release; its last driver if it has none.
pub(super) fn driver(told: &Observed) -> &Operator {
    let driver = told.driver.as_ref().map(|record| &record.operator);
    driver.unwrap_or(&told.last)
}

fn standby(model: &Model, status: &Status, until: Option<jiff::Timestamp>) -> String {
    let left = until.map_or("until an operator ends it".to_owned(), |until| {
        format!("for {}", text::clock(text::seconds(model.now, until)))
    });
    let from = old_version(status);
    let new = status.plan.version.name();
    let who = match model.elsewhere() {
        None => ": R rolls back, S stops it now".to_owned(),
        Some(told) => format!(" by {}", driver(told)),
    };
    format!("{new} is live. {from} is kept warm {left}{who}")
}

fn old_version(status: &Status) -> &str {
    let from = status.plan.from.as_ref();
    from.map_or("the old version", |from| from.version.name())
}
