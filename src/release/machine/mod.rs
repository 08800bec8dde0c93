//! The machine decides what a release does. It turns events into effects, without I/O, without async and without a
//! clock: each event comes with its time.
//!
//! A release goes through a *way*, which is a list of stages. For each stage, the guard checks that the state is as the
//! act needs it. Then the intent is recorded and the act is performed. The machine observes until the result of the act
//! is seen, or until the deadline has passed. Then the outcome is recorded and the next stage starts. Backing out is
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

use super::act::{ActionError, Course, Observation, Stage};
use super::event::{Effect, Event, TimerId};
use super::{Announcement, AnnouncementKind, Approval, Plan, StepState, StepStatus, ladder};
use crate::checks::{CaseReport, Report};
use crate::history::{Direction, LivePeriod, Outcome, ReleaseRecord, Step, Successor};
use crate::inventory::{Connections, Operator, PeerApproval};
use resuming::ResumedState;
pub use resuming::{ResumeAction, Resumption};

/// What the driver does about a failed step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnFailure {
    Ask,
    BackOut,
}

/// What a release is doing or waiting for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Phase {
    New,
    /// The record of the release is being written.
    Opening,
    /// The resumption is being recorded.
    Resuming,
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
    /// The driver has stopped and may no longer act.
    Parked {
        why: String,
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

/// The state of a running release.
#[derive(Debug, Clone)]
pub struct Machine {
    plan: Arc<Plan>,
    /// The record of the release at its start. It is shared, because the model checker copies millions of machines.
    head: Arc<ReleaseRecord>,
    on_failure: OnFailure,
    phase: Phase,
    way: Vec<Stage>,
    at: usize,
    steps: Vec<StepStatus>,
    /// The steps whose intent was recorded. Backing out undoes these steps.
    started: Vec<Step>,
    course: Course,
    /// Whether the live version's public and direct answers agreed before the switch.
    compares: bool,
    deadline: Option<Timestamp>,
    action_error: Option<(Timestamp, ActionError)>,
    note: String,
    report: Option<Report>,
    cases: Vec<CaseReport>,
    pulled: Option<(u64, u64)>,
    draining: Option<u64>,
    approval: Option<Approval>,
    /// The approvals by other operators that counted at the last observation of the guard of *switch*.
    peer_approvals: Vec<PeerApproval>,
    request: Option<Request>,
    back_reason: Option<String>,
    switched: bool,
    /// When the new version had the traffic, according to the journal.
    live: Option<LivePeriod>,
    /// When the standby of the old version started, if an earlier driver started it.
    standby_began: Option<Timestamp>,
    /// The resumption that is not yet recorded and acted on, if any.
    resumed: Option<ResumedState>,
    /// The operator and console that may resume the release; none until a handover is recorded.
    successor: Option<Successor>,
    pending: Option<super::act::Act>,
    sequence: u32,
    timer: u64,
    /// The record that is being written, the time of the first failed try, and the reason of the last failure. The time
    /// is `Timestamp::MAX` if no try has failed.
    unrecorded: Option<(Effect, Timestamp, String)>,
    /// The time since which the store has refused to write; none if it did not refuse the last try.
    refused_since: Option<Timestamp>,
    began_at: Option<Timestamp>,
    effects: Vec<Effect>,
}

impl Machine {
    /// A machine for a release that has not started yet.
    pub fn new(plan: Arc<Plan>, on_failure: OnFailure) -> Self {
        let way = ladder::forward(&plan);
        let steps = plan
            .steps()
            .map(|step| StepStatus {
                step,
                state: StepState::Pending,
            })
            .collect();
        let made_at = plan.made_at;
        Self {
            head: Arc::new(plan.record()),
            plan,
            on_failure,
            phase: Phase::New,
            way,
            at: 0,
            steps,
            started: Vec::new(),
            course: Course::new(made_at),
            compares: false,
            deadline: None,
            action_error: None,
            note: String::new(),
            report: None,
            cases: Vec::new(),
            pulled: None,
            draining: None,
            approval: None,
            peer_approvals: Vec::new(),
            request: None,
            back_reason: None,
            switched: false,
            live: None,
            standby_began: None,
            resumed: None,
            successor: None,
            pending: None,
            sequence: 0,
            timer: 0,
            unrecorded: None,
            refused_since: None,
            began_at: None,
            effects: Vec::new(),
        }
    }

    /// Handles one event and returns the effects. An event that does not fit the phase changes nothing.
    pub fn handle(&mut self, now: Timestamp, event: Event) -> Vec<Effect> {
        self.began_at.get_or_insert(now);
        if !matches!(self.phase, Phase::Closed(_) | Phase::Parked { .. }) {
            self.take(now, event);
        }
        std::mem::take(&mut self.effects)
    }

    fn take(&mut self, now: Timestamp, event: Event) {
        match event {
            Event::Begun => self.begin(now),
            Event::Recorded => self.recorded(now),
            Event::Unrecorded { kind, why } => self.not_recorded(now, kind, &why),
            Event::Acted(outcome) => self.acted(now, outcome),
            Event::Pulled { done, total } => self.pulled_so_far(now, done, total),
            Event::CaseSettled(case) => self.cases.push(case),
            Event::Seen(observation) => self.seen(now, &observation),
            Event::Fired(id) => {
                if id == TimerId(self.timer) {
                    self.fired(now);
                }
            }
            Event::Approved(approval) => self.approved(now, approval),
            Event::BackOutAsked { by, reason } => self.back_out_asked(now, by, reason),
            Event::Chosen { choice, by, note } => self.chosen(now, choice, by, note),
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
        if self.phase != Phase::New {
            return;
        }
        if self.resumed.is_some() {
            self.start_resumption(now);
        } else {
            self.phase = Phase::Opening;
            self.write(Effect::Head(Box::new(ReleaseRecord::clone(&self.head))));
        }
    }

    fn stage(&self) -> Option<Stage> {
        self.way.get(self.at).copied()
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
        self.park_as(now, AnnouncementKind::Failed, why);
    }

    fn park_as(&mut self, now: Timestamp, kind: AnnouncementKind, why: String) {
        self.announce(now, kind, format!("the driver has stopped: {why}"));
        self.wait_no_more();
        self.phase = Phase::Parked { why };
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

    fn set_step(&mut self, step: Step, state: StepState) {
        if let Some(step_status) = self
            .steps
            .iter_mut()
            .find(|step_status| step_status.step == step)
        {
            step_status.state = state;
        }
    }

    /// Marks the steps that waited for a person as pending.
    fn wait_no_more(&mut self) {
        for step_status in &mut self.steps {
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
            self.cases.clone_from(&report.cases);
            self.report = Some(report.clone());
        }
        if let Some(Connections::Open(open)) = observation.connections {
            self.draining = Some(open);
        }
    }
}
