//! What a release that lost its driver stands before, in words: what was intended and is not confirmed,
//! and what each way to go on would do. Pure.

use super::act::Stage;
use super::replay::{Last, Replay};
use super::way::{self, in_direction};
use super::{GoOn, OnFailure, Plan};
use crate::history::{Direction, Recorded, Step};
use crate::inventory::local_time;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct ResumePreview {
    /// Which way it was going.
    pub(super) direction: Direction,
    /// Where its journal ends.
    pub(super) intended: String,
    /// The stage that is next; none when only its end is missing.
    stage: Option<Stage>,
    last: Last,
    can_go_back: bool,
    /// What the stage that is next does.
    next: String,
    /// What backing out does.
    undo: String,
}

impl ResumePreview {
    pub(super) fn of(recorded: &Recorded, plan: &Plan) -> Self {
        let replay = Replay::of(recorded, plan);
        let stage = replay.stage();
        let undo = match replay.direction() {
            Direction::Forward => way::undo_words(plan, &replay.begun),
            Direction::Back => "it goes on backing out".into(),
        };
        Self {
            direction: replay.direction(),
            intended: intended(&replay),
            can_go_back: way::can_go_back(plan, &replay.begun),
            next: way::next_words(plan, stage.as_ref()),
            undo,
            stage,
            last: replay.last,
        }
    }

    pub(super) fn would(&self, go_on: GoOn, on_failure: OnFailure) -> String {
        match (go_on, self.stage) {
            (GoOn::BackOut, _) => self.undo.clone(),
            (GoOn::Leave, Some(stage)) => format!(
                "ends it at {}: nothing is touched, and the next release finds what stands",
                in_direction(stage)
            ),
            (_, None) => "writes its end down: everything was seen true".into(),
            (GoOn::Continue, Some(stage)) => self.would_continue(stage, on_failure),
        }
    }

    fn would_continue(&self, stage: Stage, on_failure: OnFailure) -> String {
        match &self.last {
            Last::Failed(_) if on_failure == OnFailure::Ask => {
                format!("asks what to do about {}", in_direction(stage))
            }
            Last::Failed(_) if self.would_turn_back(stage) => {
                format!("backs out, for {} failed: {}", stage.step, self.undo)
            }
            Last::Failed(_) => format!("looks, and tries {} again", in_direction(stage)),
            Last::UnderWay | Last::Between => format!("looks, and goes on with {}", self.next),
        }
    }

    fn would_turn_back(&self, stage: Stage) -> bool {
        stage.direction == Direction::Forward && stage.step != Step::Stop && self.can_go_back
    }
}

fn intended(replay: &Replay) -> String {
    let at = local_time::clock(replay.moved_at);
    let Some(stage) = replay.stage() else {
        return format!("everything was seen true at {at}; only its end was not written down");
    };
    let what = in_direction(stage);
    match &replay.last {
        Last::UnderWay if replay.approved == Some(stage.step) => {
            format!("{what} was approved at {at}, and not begun")
        }
        Last::UnderWay => format!("{what} was begun at {at}; what came of it is not written down"),
        Last::Failed(why) => {
            format!("{what} failed at {at}, and nobody has chosen what to do: {why}")
        }
        Last::Between => match replay.settled {
            Some(settled) => {
                let settled = Stage {
                    step: settled,
                    direction: replay.direction(),
                };
                format!(
                    "{} was over at {at}, and {what} not begun",
                    in_direction(settled)
                )
            }
            None => format!("{what} was not begun at {at}"),
        },
    }
}
