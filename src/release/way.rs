//! The ways of a release: forward through its plan, and back over the started steps. Pure; used by
//! the machine that follows a way and by the replay of a journal.

use super::Plan;
use super::act::Stage;
use crate::history::{Direction, Step};

/// The stages of a plan, towards the new version.
pub(super) fn forward(plan: &Plan) -> Vec<Stage> {
    plan.steps()
        .map(|step| Stage {
            step,
            direction: Direction::Forward,
        })
        .collect()
}

/// The stages that undo the started steps: first the traffic moves back, then the candidate's
/// connections end, then it is deregistered, then it is removed.
pub(super) fn back(begun: &[Step]) -> Vec<Stage> {
    let undone_before_drain = [Step::Stop, Step::Switch];
    let undone_after_drain = [Step::Register, Step::Start];
    let mut steps: Vec<Step> = undone_before_drain
        .into_iter()
        .filter(|step| begun.contains(step))
        .collect();
    if begun.contains(&Step::Switch) {
        steps.push(Step::Drain);
    }
    steps.extend(
        undone_after_drain
            .into_iter()
            .filter(|step| begun.contains(step)),
    );
    steps
        .into_iter()
        .map(|step| Stage {
            step,
            direction: Direction::Back,
        })
        .collect()
}

/// Whether the started steps can be undone: before the switch always, after it only if something
/// was live before.
pub(super) fn can_go_back(plan: &Plan, begun: &[Step]) -> bool {
    plan.from.is_some() || !begun.contains(&Step::Switch)
}

/// The text of what a stage will do; empty if the way has ended.
pub(super) fn next_words(plan: &Plan, stage: Option<&Stage>) -> String {
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

/// The text of what backing out now would do: the undo of every started step, latest first.
pub(super) fn undo_words(plan: &Plan, begun: &[Step]) -> String {
    if !can_go_back(plan, begun) {
        return "nothing was live before: there is nothing to go back to".into();
    }
    let mut words: Vec<&str> = Vec::new();
    for step in begun.iter().rev() {
        let undo = plan.step(*step).map_or("", |planned| planned.undo.as_str());
        if !undo.starts_with("nothing") && !words.contains(&undo) {
            words.push(undo);
        }
    }
    if words.is_empty() {
        "nothing to undo yet".into()
    } else {
        words.join("; ")
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
