//! The machine's words for its stages and its end.

use crate::history::{Direction, Outcome};
use crate::release::act::Stage;
use crate::release::way::in_direction;

pub(in crate::release) fn begun_words(stage: Stage) -> String {
    match stage.direction {
        Direction::Forward => format!("{} begins", stage.step),
        Direction::Back => format!("{} begins", in_direction(stage)),
    }
}

pub(in crate::release) fn closed_words(outcome: &Outcome) -> String {
    match outcome.reason() {
        Some(reason) => format!("{}: {reason}", outcome.word()),
        None => outcome.word().to_owned(),
    }
}
