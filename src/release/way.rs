//! The ways of a release. A way is a list of stages: forward through the steps of the plan, or back over the started
//! steps. The machine and the replay of a journal follow a way.

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

/// The stages that undo the started steps: first the old version is started again if it was stopped, then the traffic
/// moves back, then the candidate's connections end, then the candidate is deregistered and removed.
pub(super) fn back(started: &[Step]) -> Vec<Stage> {
    let undone_before_drain = [Step::Stop, Step::Switch];
    let undone_after_drain = [Step::Register, Step::Start];
    let mut steps: Vec<Step> = undone_before_drain
        .into_iter()
        .filter(|step| started.contains(step))
        .collect();
    if started.contains(&Step::Switch) {
        steps.push(Step::Drain);
    }
    steps.extend(
        undone_after_drain
            .into_iter()
            .filter(|step| started.contains(step)),
    );
    steps
        .into_iter()
        .map(|step| Stage {
            step,
            direction: Direction::Back,
        })
        .collect()
}

/// Whether the started steps can be undone. After the start of the switch, this needs a version that was live before.
pub(super) fn can_go_back(plan: &Plan, started: &[Step]) -> bool {
    plan.from.is_some() || !started.contains(&Step::Switch)
}

/// Describes what a stage will do; empty without a stage.
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

/// Describes what backing out would do now: the undo of each started step, the last step first. Steps that need no undo
/// are left out.
pub(super) fn undo_words(plan: &Plan, started: &[Step]) -> String {
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
pub(super) fn in_direction(stage: Stage) -> String {
    match (stage.direction, stage.step) {
        (Direction::Forward, step) => step.to_string(),
        (Direction::Back, Step::Drain) => "draining the candidate".into(),
        (Direction::Back, step) => format!("undoing {step}"),
    }
}
