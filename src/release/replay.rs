//! Replays the journal of a release. The result is the state of the release after its last entry. Another driver
//! resumes from this state, and the user interfaces show it.

use jiff::Timestamp;

use super::describe::CHECK_AGAIN;
use super::ladder::{Property, has};
use super::observation::Stage;
use super::track::Track;
use super::{Plan, StepState};
use crate::history::{Direction, Entry, JournalEvent, Recorded, Step};

/// The state of the current stage after the last entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Last {
    /// No act of the stage is running: the stage was not started, an operator chose to try it again, or another driver
    /// has resumed the release since it was started.
    Between,
    /// The stage was approved or started, and has no outcome yet.
    UnderWay,
    /// The stage failed, and no operator has chosen what to do. The text is the reason.
    Failed(String),
}

/// The state of a release after its last entry.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) track: Track,
    pub(super) last: Last,
    /// The step that was approved but not started.
    pub(super) approved: Option<Step>,
    /// When the last entry was written.
    pub(super) since: Timestamp,
    /// When the last entry was written, apart from entries about a stop of the driver, a handover or a resumption, and
    /// unknown events.
    pub(super) moved_at: Timestamp,
    /// When the standby of the old version started.
    pub(super) standby_began: Option<Timestamp>,
    /// The step that was last done, or that was last undone while backing out. None directly after the release turned
    /// back.
    pub(super) settled: Option<Step>,
    /// The number of the last entry.
    pub(super) sequence: u32,
}

impl Replay {
    pub(super) fn of(recorded: &Recorded, plan: &Plan) -> Self {
        let mut replay = Self::new(plan);
        for entry in &recorded.entries {
            replay.apply(entry);
        }
        replay
    }

    fn new(plan: &Plan) -> Self {
        Self {
            track: Track::new(plan),
            last: Last::Between,
            approved: None,
            since: plan.made_at,
            moved_at: plan.made_at,
            standby_began: None,
            settled: None,
            sequence: 0,
        }
    }

    fn apply(&mut self, entry: &Entry) {
        self.since = entry.at;
        self.sequence = entry.sequence;
        if !matches!(
            entry.event,
            JournalEvent::DriverStopped { .. }
                | JournalEvent::Resumed { .. }
                | JournalEvent::Unknown(_)
        ) {
            self.moved_at = entry.at;
        }
        match &entry.event {
            JournalEvent::Intent {
                step,
                direction,
                task,
                ..
            } => {
                let stage = Stage::new(*step, *direction);
                self.track.go_to(|known| known == stage);
                self.last = Last::UnderWay;
                self.approved = None;
                self.track.start(stage);
                self.track.begun.extend(task.clone());
                if has(*step, Property::RunsChecks) {
                    self.track.cases.clear();
                    self.track.report = None;
                }
            }
            JournalEvent::Outcome {
                step,
                direction,
                failure,
                took,
            } => {
                let stage = Stage::new(*step, *direction);
                self.track.go_to(|known| known == stage);
                if let Some(why) = failure {
                    self.track
                        .set(*step, StepState::Failed { why: why.clone() });
                    self.last = Last::Failed(why.clone());
                    return;
                }
                self.track.succeed(stage, *took);
                self.settled = Some(stage.step);
                self.approved = None;
                self.advanced();
            }
            JournalEvent::Checked { report } => {
                self.track.checked(report);
            }
            JournalEvent::Approved { step, .. } => {
                self.approved = Some(*step);
                self.last = Last::UnderWay;
            }
            JournalEvent::BackOutAsked { reason, .. } => self.turn_back(reason.clone()),
            JournalEvent::Chosen { step, choice, .. } => self.chosen(*step, choice),
            JournalEvent::Resumed { .. } => {
                self.approved = None;
                if self.last == Last::UnderWay {
                    self.last = Last::Between;
                }
            }
            JournalEvent::DriverStopped { .. } | JournalEvent::Unknown(_) => {}
        }
    }

    fn advanced(&mut self) {
        self.last = Last::Between;
        if self.track.is_before_standby() {
            self.standby_began = Some(self.since);
        }
    }

    fn chosen(&mut self, step: Step, choice: &str) {
        match choice {
            "retry" => {
                self.track.set(step, StepState::Pending);
                self.last = Last::Between;
            }
            "skip" => {
                self.track.skip();
                self.advanced();
            }
            "back out" => {
                let reason = match &self.last {
                    Last::Failed(why) => format!("{step} failed: {why}"),
                    _ => format!("{step} failed"),
                };
                self.turn_back(reason);
            }
            CHECK_AGAIN => {
                // The step that waits for an approval may be marked as done: it was done before the checks were run
                // again. It must be done again, so it becomes pending.
                self.track.set(step, StepState::Pending);
                self.track.go_to(|stage| stage.has(Property::RunsChecks));
                self.last = Last::Between;
                self.track.report = None;
            }
            // After *leave*, the record of the release gets its end. A choice that this version does not know changes
            // nothing.
            _ => {}
        }
    }

    fn turn_back(&mut self, reason: String) {
        self.track.back_reason = Some(reason);
        self.track.turn_back();
        self.settled = None;
        self.approved = None;
        self.last = Last::Between;
    }

    /// The current stage; none if all stages are done.
    pub(super) fn stage(&self) -> Option<Stage> {
        self.track.stage()
    }

    pub(super) fn direction(&self) -> Direction {
        if self.track.is_going_back() {
            Direction::Back
        } else {
            Direction::Forward
        }
    }
}
