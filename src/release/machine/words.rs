//! The machine's words for its stages and its end.

use crate::history::{Direction, Outcome, Step};
use crate::release::act::Stage;

pub(super) fn begun_words(stage: Stage) -> String {
    match stage.direction {
        Direction::Forward => format!("{} begins", stage.step),
        Direction::Back => format!("{} begins", in_direction(stage)),
    }
}

/// `switch`, or `undoing switch`.
pub(super) fn in_direction(stage: Stage) -> String {
    match (stage.direction, stage.step) {
        (Direction::Forward, step) => step.to_string(),
        (Direction::Back, Step::Drain) => "draining the candidate".into(),
        (Direction::Back, step) => format!("undoing {step}"),
    }
}

pub(super) fn closed_words(outcome: &Outcome) -> String {
    match outcome.reason() {
        Some(reason) => format!("{}: {reason}", outcome.word()),
        None => outcome.word().to_owned(),
    }
}
