//! The texts of the machine for its stages and its end.

use crate::history::{Decision, Direction, Outcome, Takeover};
use crate::release::ladder::in_direction;
use crate::release::observation::Stage;

pub(in crate::release) fn started_words(stage: Stage) -> String {
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

pub(in crate::release) fn resumed_words(
    how: Takeover,
    from: &crate::inventory::Operator,
    decision: &Decision,
) -> String {
    let by = &decision.by;
    let note = match &decision.note {
        Some(note) => format!(": {note}"),
        None => String::new(),
    };
    match how {
        Takeover::Resumed if by == from => format!("resumed by {by}{note}"),
        Takeover::Resumed => format!("resumed by {by}, after {from}{note}"),
        Takeover::Forced => format!("taken over by {by}, from {from}{note}"),
    }
}
