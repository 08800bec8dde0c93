//! The machine decides what a release does. It turns events into effects, without I/O, without async and without a
//! clock: each event comes with its time.
//!
//! A release goes through a *way*, which is a list of stages. For each stage, the guard checks that the state is as the
//! act needs it. Then the intent is recorded and the act is performed. The machine observes until it sees the result
//! of the act, or until the deadline has passed. Then the outcome is recorded and the next stage starts. Backing out is
//! another way. At most one record, act or observation is running at any time. The request of an operator takes effect
//! only when none of these is running (interlock 8). There is one exception: while a record cannot be written, an
//! interruption stops the driver immediately.

mod acting;
mod back;
mod compare;
pub(super) mod describe;
mod finish_step;
mod requests;
mod resuming;
mod show;
mod start_step;
mod stop_driving;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::action::Action;
use super::event::{Effect, Event, TimerId};
use super::observation::{Course, Observation, Stage};
use super::retry::Tries;
use super::track::Track;
use super::{Announcement, AnnouncementKind, Approval, Plan, StepState};
use crate::checks::CheckOverride;
use crate::history::{Direction, LivePeriod, Outcome, ReleaseRecord, Successor};
use crate::inventory::{Connections, Operator, PeerApproval, TaskCall};
use resuming::ResumedState;
pub use resuming::{ResumeAction, Resumption};
use writing::Unrecorded;

/// What the driver does about a failed step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnFailure {
    Ask,
    BackOut,
}

/// What a release is doing or waiting for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Phase {
    /// A new release, or a resumed release whose resumption is not recorded yet.
    New(Option<ResumedState>),
    /// The record of the release is being written.
    Opening,
    /// The resumption is being recorded.
    Resuming(ResumedState),
    /// The stage waits for a person.
    Asking {
        since: Timestamp,
    },
    /// The old slot is kept warm.
    Standby {
        until: Option<Timestamp>,
    },
    /// The guard's observation is running.
    Guarding,
    /// The guard waits before it observes again.
    GuardPause,
    /// The intent is being written.
    Intending,
    Acting,
    /// The act has returned, and its effect is observed.
    Observing,
    /// The stage waits before it observes or acts again.
    Pausing {
        act_again: bool,
    },
    /// The outcome is being written.
    Settling {
        failure: Option<String>,
    },
    /// An entry is being recorded. `then` says what the machine does after that.
    Noting {
        then: Then,
    },
    /// A person must choose what to do about a failed stage.
    Choosing {
        why: String,
    },
    /// The end is being recorded.
    Closing(Outcome),
    Closed(Outcome),
    /// The driver has stopped and may no longer act. After a recorded handover, the successor may resume the release.
    Parked {
        why: String,
        successor: Option<Successor>,
    },
}

/// What the machine does after an entry was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Then {
    /// The stage was approved, and its guard observes.
    Guard,
    /// The stage is tried again.
    Again,
    /// The current stage of the way starts.
    Stage,
    /// The failed checks are overridden, and *verify* ends.
    Override(CheckOverride),
    Back,
    /// The stage ends, successfully or not.
    Settle {
        failure: Option<String>,
    },
    /// The release is closed as *left*: everything stays as it is.
    Leave,
    /// The checks are run again.
    Verify,
    /// The driver stops driving. The successor in `to` may resume.
    Park {
        why: String,
        to: Option<Successor>,
    },
}

/// A request of an operator to a running release.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Request {
    BackOut {
        by: Option<Operator>,
        reason: String,
    },
    Interrupt {
        reason: String,
    },
    /// Stop driving, so that the console of the successor can resume.
    HandOver {
        to: Successor,
    },
}

/// The data of the current stage. The next stage starts with new data.
#[derive(Debug, Clone)]
struct Attempt {
    course: Course,
    tries: Tries,
    /// Whether the act is done again because its effect was lost. Its intent is recorded, and its time goes on.
    is_again: bool,
    /// The actions that the guard allowed; empty if the stage only observes.
    pending: Vec<Action>,
    /// The approvals by other operators that counted at the last observation of the guard.
    peer_approvals: Vec<PeerApproval>,
    /// The command of a task that the pending actions start.
    task: Option<TaskCall>,
    /// A message about the last observation.
    note: String,
    /// The connections that the draining slot still has.
    draining: Option<u64>,
}

impl Attempt {
    fn new(course: Course) -> Self {
        Self {
            course,
            tries: Tries::default(),
            is_again: false,
            pending: Vec::new(),
            peer_approvals: Vec::new(),
            task: None,
            note: String::new(),
            draining: None,
        }
    }
}

/// The state of a running release.
#[derive(Debug, Clone)]
pub struct Machine {
    plan: Arc<Plan>,
    /// The record of the release at its start. It is shared, because the model checker copies millions of machines.
    head: Arc<ReleaseRecord>,
    on_failure: OnFailure,
    phase: Phase,
    track: Track,
    attempt: Attempt,
    /// Whether the live version's public and direct answers agreed before the switch.
    compares: bool,
    pulled: Option<(u64, u64)>,
    approval: Option<Approval>,
    request: Option<Request>,
    /// When the new version had the traffic, according to the journal.
    live: Option<LivePeriod>,
    /// When the standby of the old version started, if an earlier driver started it.
    standby_began: Option<Timestamp>,
    sequence: u32,
    timer: u64,
    unrecorded: Option<Unrecorded>,
    began_at: Option<Timestamp>,
    effects: Vec<Effect>,
}

impl Machine {
    /// A machine for a release that has not started yet.
    pub fn new(plan: Arc<Plan>, on_failure: OnFailure) -> Self {
        let (track, made_at) = (Track::new(&plan), plan.made_at);
        Self {
            head: Arc::new(plan.record()),
            plan,
            on_failure,
            phase: Phase::New(None),
            track,
            attempt: Attempt::new(Course::new(made_at)),
            compares: false,
            pulled: None,
            approval: None,
            request: None,
            live: None,
            standby_began: None,
            sequence: 0,
            timer: 0,
            unrecorded: None,
            began_at: None,
            effects: Vec::new(),
        }
    }

    /// Handles one event and returns the effects. An event that does not fit the phase changes nothing.
    pub fn handle(&mut self, now: Timestamp, event: Event) -> Vec<Effect> {
        self.began_at.get_or_insert(now);
        if !matches!(self.phase, Phase::Closed(_) | Phase::Parked { .. }) {
            self.handle_open(now, event);
        }
        std::mem::take(&mut self.effects)
    }

    /// Handles an event of a release that has not ended and still has its driver.
    fn handle_open(&mut self, now: Timestamp, event: Event) {
        match event {
            Event::Started => self.begin(now),
            Event::Recorded => self.recorded(now),
            Event::Unrecorded { kind, why } => self.not_recorded(now, kind, &why),
            Event::Acted(outcome) => self.acted(now, outcome),
            Event::Pulled { done, total } => self.pulled_so_far(now, done, total),
            Event::CaseSettled(case) => self.track.cases.push(case),
            Event::Seen(observation) => self.handle_observation(now, &observation),
            Event::Fired(id) => {
                if id == TimerId(self.timer) {
                    self.fired(now);
                }
            }
            Event::Approved(approval) => self.approved(now, approval),
            Event::BackOutAsked { by, reason } => self.back_out_asked(now, by, reason),
            Event::Chosen { choice, by, note } => self.chosen(now, choice, by, note),
            Event::NotChosen { why } => self.announce(now, AnnouncementKind::Noted, why),
            Event::CheckAgainAsked(by) => self.check_again_asked(now, by),
            Event::StandbyEnded => self.standby_over(now),
            Event::Superseded { by } => self.superseded(now, by),
            Event::EndedElsewhere(outcome) => self.ended_elsewhere(now, outcome),
            Event::Interrupted { reason } => self.requested(now, Request::Interrupt { reason }),
            Event::HandOverAsked { to, by } => self.hand_over_asked(now, to, &by),
            Event::LockLost(why) => self.park(now, why),
        }
    }

    fn begin(&mut self, now: Timestamp) {
        match self.phase.clone() {
            Phase::New(Some(resumed)) => self.start_resumption(now, resumed),
            Phase::New(None) => {
                self.phase = Phase::Opening;
                self.write(Effect::Head(Box::new(ReleaseRecord::clone(&self.head))));
            }
            _ => {}
        }
    }

    fn stage(&self) -> Option<Stage> {
        self.track.stage()
    }

    /// Starts a timer. Earlier timers have no effect when they fire.
    fn schedule(&mut self, after: Duration) {
        self.timer += 1;
        self.effects.push(Effect::Schedule {
            id: TimerId(self.timer),
            after,
        });
    }

    fn park(&mut self, now: Timestamp, why: String) {
        self.park_as(now, AnnouncementKind::Failed, why, None);
    }

    fn park_as(
        &mut self,
        now: Timestamp,
        kind: AnnouncementKind,
        why: String,
        successor: Option<Successor>,
    ) {
        self.announce(now, kind, format!("the driver has stopped: {why}"));
        self.end_waiting();
        self.phase = Phase::Parked { why, successor };
    }

    fn announce(&mut self, now: Timestamp, kind: AnnouncementKind, text: impl Into<String>) {
        let stage = self.stage();
        self.effects.push(Effect::Announce(Announcement {
            at: now,
            step: stage.map(|stage| stage.step),
            direction: stage.map_or(Direction::Forward, |stage| stage.direction),
            kind,
            text: text.into(),
        }));
    }

    /// Marks the steps that waited for a person as pending.
    fn end_waiting(&mut self) {
        for step_status in &mut self.track.steps {
            if matches!(step_status.state, StepState::Waiting { .. }) {
                step_status.state = StepState::Pending;
            }
        }
    }

    fn pulled_so_far(&mut self, now: Timestamp, done: u64, total: u64) {
        let before = self.pulled.map_or(0, |(done, _)| done);
        self.pulled = Some((done, total));
        if done > before {
            self.extend(now);
        }
    }

    fn remember(&mut self, observation: &Observation) {
        if let Some(report) = &observation.report {
            self.track.checked(report);
        }
        if let Some(Connections::Open(open)) = observation.connections {
            self.attempt.draining = Some(open);
        }
    }
}
