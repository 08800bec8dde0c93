//! Resumes a release from the end of its journal. A step is done only if its outcome was recorded. The stage that was
//! running starts again with its guard, so the state is observed before the act is performed (interlock 6). Earlier
//! approvals of steps no longer count.

use std::sync::Arc;

use jiff::Timestamp;

use super::describe::resumed_words;
use super::{Machine, OnFailure, Phase};
use crate::history::{Decision, Direction, JournalEvent, LivePeriod, Recorded, Takeover};
use crate::inventory::Operator;
use crate::release::ladder::AfterFailure;
use crate::release::replay::{Last, Replay};
use crate::release::{AnnouncementKind, Choice, Plan};

/// What to do with a release that is resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResumeAction {
    /// Continue where the release stopped, in the same direction.
    Continue,
    /// Undo everything that was started.
    BackOut,
    /// End the release, and leave everything as it is.
    Leave,
}

impl ResumeAction {
    pub const ALL: [Self; 3] = [Self::Continue, Self::BackOut, Self::Leave];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::BackOut => "back out",
            Self::Leave => "leave",
        }
    }
}

/// How and why an operator resumes a release.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resumption {
    pub resume_action: ResumeAction,
    /// How the driver got the lock.
    pub how: Takeover,
    /// The operator who resumes and drives the release.
    pub by: Operator,
    /// The operator who drove the release before, as the lock or the journal names this operator.
    pub from: Operator,
    /// The reason, which a forced takeover always has.
    pub note: Option<String>,
}

/// A resumption that is not yet recorded and acted on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ResumedState {
    resumption: Resumption,
    /// The state of the current stage after the last entry of the journal.
    last: Last,
}

impl Machine {
    /// A machine that continues a release from the state in its journal. `plan` must be made with [`Plan::resumed`].
    /// The machine first records the resumption.
    pub fn resume(
        plan: Arc<Plan>,
        recorded: &Recorded,
        resumption: Resumption,
        on_failure: OnFailure,
    ) -> Self {
        let replay = Replay::of(recorded, &plan);
        Self {
            head: Arc::new(recorded.head.clone()),
            track: replay.track,
            live: LivePeriod::of(&recorded.entries),
            standby_began: replay.standby_began,
            sequence: replay.sequence,
            began_at: Some(plan.made_at),
            phase: Phase::New(Some(ResumedState {
                last: replay.last,
                resumption,
            })),
            ..Self::new(plan, on_failure)
        }
    }

    pub(super) fn start_resumption(&mut self, now: Timestamp, resumed: ResumedState) {
        let Resumption { how, from, .. } = resumed.resumption.clone();
        let decision = resumed.resumption.decision();
        let message = resumed_words(how, &from, &decision);
        self.announce(now, AnnouncementKind::Decided, message);
        self.phase = Phase::Resuming(resumed);
        self.record(
            now,
            JournalEvent::Resumed {
                how,
                from,
                decision,
            },
        );
    }

    /// Acts on the choice of the new driver, once the resumption is recorded.
    pub(super) fn resumed(&mut self, now: Timestamp) {
        let Phase::Resuming(ResumedState { resumption, last }) = self.phase.clone() else {
            return;
        };
        let backs_out =
            resumption.resume_action == ResumeAction::BackOut && !self.track.is_going_back();
        match self.stage() {
            _ if backs_out && self.can_go_back() => {
                let reason = resumption
                    .note
                    .unwrap_or_else(|| "the release had no driver".to_owned());
                self.note_back_out(now, Some(resumption.by), reason);
            }
            _ if backs_out => {
                let why = "the release cannot be backed out: its switch was started, and no version was live before it";
                self.park(now, why.to_owned());
            }
            // All steps are done. Only the end of the release is missing.
            None => self.finish_way(now),
            Some(_) if resumption.resume_action == ResumeAction::Leave => {
                self.choose(now, Choice::Leave, String::new(), resumption);
            }
            Some(_) => match last {
                Last::Failed(why) => self.resume_failed(now, why, resumption),
                Last::Between | Last::UnderWay => self.enter(now),
            },
        }
    }

    /// Handles a stage that had failed under the previous driver, before an operator chose what to do. The failure is
    /// handled like a new failure, with one exception: if the failure would end the release as needing a person, the
    /// stage is tried again, because the operator who resumes is present.
    fn resume_failed(&mut self, now: Timestamp, why: String, resumption: Resumption) {
        let Some(stage) = self.stage() else { return };
        let needs_person = stage.direction == Direction::Back
            || stage.after_failure(0) == AfterFailure::StaysLive
            || !self.can_go_back();
        if needs_person && self.on_failure == OnFailure::BackOut {
            self.choose(now, Choice::Retry, why, resumption);
        } else {
            self.failed(now, stage, why);
        }
    }

    fn choose(&mut self, now: Timestamp, choice: Choice, why: String, resumption: Resumption) {
        self.phase = Phase::Choosing { why };
        self.chosen(now, choice, resumption.by, resumption.note);
    }
}

impl Resumption {
    fn decision(&self) -> Decision {
        Decision {
            by: self.by.clone(),
            asked_at: None,
            note: self.note.clone(),
        }
    }
}
