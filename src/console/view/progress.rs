//! What a release is doing, in words: the shortest, and the lines under the ladder.

use super::text;
use crate::console::model::Model;
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::history::{Direction, Outcome};
use crate::release::{Progress, Status};

/// A release in the fewest words: `▲ switch waits`.
pub(super) fn in_a_word(theme: &Theme, status: &Status) -> String {
    let (glyph, words) = match &status.progress {
        Progress::Forward(step) => (Glyph::Half, format!("{step} runs")),
        Progress::Asking { step, .. } => (Glyph::Hand, format!("{step} waits")),
        Progress::Standby { .. } => (Glyph::Full, "live, old one warm".into()),
        Progress::Back(step) => (Glyph::Back, format!("{step} is undone")),
        Progress::Choosing { step, .. } => (Glyph::Cross, format!("{step} failed")),
        Progress::Unrecorded { .. } => (Glyph::Cross, "cannot be recorded".into()),
        Progress::Parked { .. } => (Glyph::Cross, "parked".into()),
        Progress::Closed(outcome) => (outcome_glyph(outcome), outcome.word().into()),
    };
    format!("{} {words}", theme.glyph(glyph))
}

fn outcome_glyph(outcome: &Outcome) -> Glyph {
    match outcome {
        Outcome::Done | Outcome::Superseded => Glyph::Tick,
        Outcome::BackedOut { .. } => Glyph::Back,
        Outcome::Left { .. } | Outcome::NeedsPerson { .. } => Glyph::Hand,
    }
}

/// What goes on, and what could: a line each, the most urgent first.
pub(super) fn lines(model: &Model, theme: &Theme, status: &Status) -> Vec<(String, Meaning)> {
    if model.left.contains(&status.plan.release) && !status.is_over() {
        let words = "not driven any more: all stays as it stands, the next release clears up";
        return vec![(words.to_owned(), Meaning::Warn)];
    }
    let mut lines = vec![now(model, theme, status)];
    let undoes = matches!(
        status.progress,
        Progress::Forward(_) | Progress::Asking { .. } | Progress::Choosing { .. }
    );
    if undoes && !status.undo.is_empty() {
        lines.push((format!("back out now: {}", status.undo), Meaning::Muted));
    }
    lines
}

fn now(model: &Model, theme: &Theme, status: &Status) -> (String, Meaning) {
    match &status.progress {
        Progress::Forward(step) if status.next.is_empty() => {
            (format!("{step} goes on"), Meaning::Muted)
        }
        Progress::Forward(_) => (format!("next: {}", status.next), Meaning::Muted),
        Progress::Asking { step, since, .. } => {
            let age = text::clock(text::seconds(*since, model.now));
            let hand = theme.glyph(Glyph::Hand);
            let mut words = format!("{hand} A answers: {step} waits for you since {age}");
            if !status.next.is_empty() {
                words = format!("{words}; {}", status.next);
            }
            (words, Meaning::Warn)
        }
        Progress::Standby { until } => (standby(model, status, *until), Meaning::Ok),
        Progress::Back(step) => {
            let words = format!("backing out, {step} is undone: {}", status.undo);
            (words, Meaning::Warn)
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
            let words = format!("{cross} {what}, A asks what to do: {why}");
            (words, Meaning::Bad)
        }
        Progress::Unrecorded { why } => {
            let words = format!("nothing is done until it can be written down: {why}");
            (words, Meaning::Bad)
        }
        Progress::Parked { why } => (format!("parked: {why}"), Meaning::Bad),
        Progress::Closed(outcome) => closed(theme, status, outcome),
    }
}

fn standby(model: &Model, status: &Status, until: Option<jiff::Timestamp>) -> String {
    let left = until.map_or("until somebody ends it".to_owned(), |until| {
        format!("for {}", text::clock(text::seconds(model.now, until)))
    });
    let from = status.plan.from.as_ref();
    let from = from.map_or("the old version", |from| from.version.name());
    let new = status.plan.version.name();
    format!("{new} is live. {from} is kept warm {left}: R rolls back, S stops it now")
}

/// Over is over: only what still needs a person is red.
fn closed(theme: &Theme, status: &Status, outcome: &Outcome) -> (String, Meaning) {
    let reason = outcome.reason();
    let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
    let words = format!("{}{reason}", in_a_word(theme, status));
    match outcome {
        Outcome::NeedsPerson { .. } => (words, Meaning::Bad),
        _ => (words, Meaning::Muted),
    }
}
