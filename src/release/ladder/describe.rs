//! Describes the stages of a release.

use super::{can_go_back, definition};
use crate::history::{Direction, Step};
use crate::release::Plan;
use crate::release::act::Stage;

/// Describes what a stage will do; empty without a stage.
pub(in crate::release) fn next_words(plan: &Plan, stage: Option<&Stage>) -> String {
    let Some(stage) = stage else {
        return String::new();
    };
    match (stage.direction, plan.step(stage.step)) {
        (Direction::Forward, Some(planned)) => {
            format!("{}: {}", stage.step, planned.calls.join("; "))
        }
        _ => in_direction(*stage),
    }
}

/// Describes what backing out would do now: the undo of each started step, the last step first. Steps that need no undo
/// are left out.
pub(in crate::release) fn undo_words(plan: &Plan, started: &[Step]) -> String {
    if !can_go_back(plan, started) {
        return "no version was live before: there is nothing to go back to".into();
    }
    let mut undos: Vec<&str> = Vec::new();
    for step in started.iter().rev() {
        let undo = plan.step(*step).map_or("", |planned| planned.undo.as_str());
        if !undo.starts_with("nothing") && !undos.contains(&undo) {
            undos.push(undo);
        }
    }
    if undos.is_empty() {
        "nothing to undo yet".into()
    } else {
        undos.join("; ")
    }
}

/// The name of a stage: `switch`, or `undoing switch`.
pub(in crate::release) fn in_direction(stage: Stage) -> String {
    let step = stage.step;
    match (stage.direction, definition(step).instead_of_undo()) {
        (Direction::Forward, _) => step.to_string(),
        (Direction::Back, Some(name)) => name.to_owned(),
        (Direction::Back, None) => format!("undoing {step}"),
    }
}
