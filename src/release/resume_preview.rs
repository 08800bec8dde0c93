//! Describes, before a release is resumed, where its journal ends and what each way to resume it would do.

use super::ladder::{AfterFailure, in_direction};
use super::observation::Stage;
use super::replay::{Last, Replay};
use super::{OnFailure, Plan, ResumeAction};
use crate::history::{Direction, Recorded};
use crate::inventory::local_time;

#[derive(Debug, Clone)]
pub(super) struct ResumePreview {
    pub(super) direction: Direction,
    /// Describes where the journal ends.
    pub(super) journal_end: String,
    /// The stage that runs next; none if all stages are done and only the end of the release is missing.
    stage: Option<Stage>,
    last: Last,
    can_go_back: bool,
    /// Describes what the next stage does.
    next: String,
    /// Describes what backing out does.
    undo: String,
}

impl ResumePreview {
    pub(super) fn of(recorded: &Recorded, plan: &Plan) -> Self {
        let replay = Replay::of(recorded, plan);
        let stage = replay.stage();
        let undo = match replay.direction() {
            Direction::Forward => replay.track.undo_words(plan),
            Direction::Back => "continues to back out".into(),
        };
        Self {
            direction: replay.direction(),
            journal_end: journal_end(&replay),
            can_go_back: replay.track.can_go_back(plan),
            next: replay.track.next_words(plan, true),
            undo,
            stage,
            last: replay.last,
        }
    }

    pub(super) fn would(&self, resume_action: ResumeAction, on_failure: OnFailure) -> String {
        match (resume_action, self.stage) {
            (ResumeAction::BackOut, _) => self.undo.clone(),
            (ResumeAction::Leave, Some(stage)) => format!(
                "ends the release at {}: nothing is changed, and the next release starts from that state",
                in_direction(stage)
            ),
            (_, None) => "records the end of the release: every step was completed".into(),
            (ResumeAction::Continue, Some(stage)) => self.would_continue(stage, on_failure),
        }
    }

    fn would_continue(&self, stage: Stage, on_failure: OnFailure) -> String {
        let asks = on_failure == OnFailure::Ask
            && !(stage.after_failure(0) == AfterFailure::BackOut && self.would_turn_back(stage));
        match &self.last {
            Last::Failed(_) if asks => {
                format!("asks what to do about {}", in_direction(stage))
            }
            Last::Failed(_) if self.would_turn_back(stage) => {
                format!("backs out because {} failed: {}", stage.step, self.undo)
            }
            Last::Failed(_) => format!("observes, then tries {} again", in_direction(stage)),
            Last::UnderWay | Last::Between => format!("observes, then runs {}", self.next),
        }
    }

    fn would_turn_back(&self, stage: Stage) -> bool {
        stage.direction == Direction::Forward
            && stage.after_failure(0) != AfterFailure::StaysLive
            && self.can_go_back
    }
}

fn journal_end(replay: &Replay) -> String {
    let at = local_time::clock(replay.moved_at);
    let Some(stage) = replay.stage() else {
        return format!(
            "every step was completed at {at}; only the end of the release was not recorded"
        );
    };
    let label = in_direction(stage);
    match &replay.last {
        Last::UnderWay if replay.approved == Some(stage.step) => {
            format!("{label} was approved at {at}, but not started")
        }
        Last::UnderWay => format!("{label} was started at {at}; its outcome was not recorded"),
        Last::Failed(why) => {
            format!("{label} failed at {at}, and no operator has chosen what to do: {why}")
        }
        Last::Between => match replay.settled {
            Some(settled) => {
                let settled = Stage::new(settled, replay.direction());
                format!(
                    "{} ended at {at}, and {label} was not started",
                    in_direction(settled)
                )
            }
            None => format!("{label} had not started at {at}"),
        },
    }
}
