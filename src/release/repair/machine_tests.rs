//! Tests of the machine of a repair, without servers: how often an action is tried, what is recorded, and when the
//! repair stops.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::guard_tests::{operator, probe, repair, well};
use super::interlock_tests::{apply, broken};
use super::{RepairEffect, RepairEvent, RepairMachine, RepairPlan};
use crate::history::{RepairOutcome, RepairRecord};
use crate::inventory::drift::world_tests::{live, requests, started_again};
use crate::inventory::{InstanceState, Slot, Snapshot, Tier};
use crate::release::action::{Action, ActionError, ActionErrorKind};

const STOPPED: fn(&mut Snapshot) = |s| live(s).state = InstanceState::Exited { code: Some(137) };
const UNREGISTERED: fn(&mut Snapshot) = |s| s.slots.blue.registration = None;

/// How the servers answer one action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    /// The action was done, and its answer was lost.
    Lost,
    /// The action was done, but it did not reach the second edge.
    ReachesOne,
    Fails(ActionErrorKind),
}

use Answer::{Done, Fails, Lost, ReachesOne};

const TEMPORARY: Answer = Fails(ActionErrorKind::Temporary);

/// Servers with one target, and the machine that repairs it.
pub(super) struct World {
    machine: RepairMachine,
    pub(super) snapshot: Snapshot,
    now: Timestamp,
    /// The answers to the next actions. Without one, an action is done.
    pub(super) answers: Vec<Answer>,
    /// The number of connections of every slot.
    connections: u64,
    /// The numbers of the records that are not written, counted from one.
    unwritten: Vec<usize>,
    /// After this message the operator requests a stop.
    stop_after: Option<&'static str>,
    is_lock_lost: bool,
    /// Pauses take at least this long.
    pub(super) shortest_pause: Duration,
    /// Changes what the machine observes.
    pub(super) deceive: fn(&mut Snapshot),
    /// What another program changes after the first action.
    pub(super) then: Option<fn(&mut Snapshot)>,
    /// The interlocks that the actions broke.
    pub(super) broken: Vec<String>,
    records: usize,
    pub(super) done: Vec<Action>,
    said: Vec<String>,
}

impl World {
    /// The healthy target of [`well`], changed by `how`.
    pub(super) fn new(how: impl Fn(&mut Snapshot)) -> Self {
        let plan: RepairPlan = repair(Tier::Staging, &how);
        let mut snapshot = well();
        how(&mut snapshot);
        let record = plan.record(&operator(), plan.made_at);
        Self {
            now: plan.made_at,
            machine: RepairMachine::new(Arc::new(plan), record),
            snapshot,
            answers: Vec::new(),
            connections: 0,
            unwritten: Vec::new(),
            stop_after: None,
            is_lock_lost: false,
            shortest_pause: Duration::ZERO,
            deceive: |_| {},
            then: None,
            broken: Vec::new(),
            records: 0,
            done: Vec::new(),
            said: Vec::new(),
        }
    }

    /// Runs the repair to its end.
    pub(super) fn run(&mut self) -> RepairOutcome {
        let mut answer = Some(RepairEvent::Started);
        while let Some(event) = answer.take() {
            for effect in self.machine.handle(self.now, event) {
                assert!(answer.is_none(), "one thing at a time: {effect:?}");
                answer = self.answer(effect);
            }
        }
        let (_, outcome) = self.record().closed.clone().expect("an end");
        outcome
    }

    fn record(&self) -> &RepairRecord {
        self.machine.record()
    }

    fn answer(&mut self, effect: RepairEffect) -> Option<RepairEvent> {
        Some(match effect {
            RepairEffect::Announce(message) => {
                let must_stop = self.stop_after.is_some_and(|end| message.ends_with(end));
                self.said.push(message);
                if must_stop {
                    let none = self.machine.handle(self.now, RepairEvent::StopAsked);
                    assert_eq!(none, []);
                }
                return None;
            }
            RepairEffect::Record(record) => {
                assert_eq!(&*record, self.record());
                self.records += 1;
                if self.unwritten.contains(&self.records) {
                    RepairEvent::Unrecorded("the store is full".into())
                } else {
                    RepairEvent::Recorded
                }
            }
            RepairEffect::Observe => RepairEvent::Seen(Box::new(self.observed())),
            RepairEffect::Count(_) => RepairEvent::Counted(Some(self.connections)),
            RepairEffect::Act(action) => RepairEvent::Acted(self.act(action)),
            RepairEffect::Wait(time) => {
                self.now += time.max(self.shortest_pause);
                if self.is_lock_lost {
                    RepairEvent::LockLost("the lease ended".into())
                } else {
                    RepairEvent::Fired
                }
            }
        })
    }

    fn act(&mut self, action: Action) -> Result<(), ActionError> {
        let answer = if self.answers.is_empty() {
            Done
        } else {
            self.answers.remove(0)
        };
        self.broken.extend(broken(&action, &self.snapshot));
        let before = self.snapshot.edges.clone();
        if !matches!(answer, Fails(_)) {
            apply(&action, &mut self.snapshot);
        }
        if answer == ReachesOne {
            let edges = self.snapshot.edges.edges_mut().zip(before.each());
            edges
                .skip(1)
                .for_each(|(now, (.., before))| *now = before.clone());
        }
        if let Some(then) = self.then.take() {
            then(&mut self.snapshot);
        }
        self.done.push(action);
        let kind = match answer {
            Done => return Ok(()),
            Lost | ReachesOne => ActionErrorKind::Temporary,
            Fails(kind) => kind,
        };
        Err(ActionError {
            kind,
            text: "Docker did not answer".into(),
        })
    }

    /// What the machine observes. Running instances without a probe are healthy.
    fn observed(&self) -> Snapshot {
        let mut seen = self.snapshot.clone();
        (self.deceive)(&mut seen);
        for slot in Slot::BOTH {
            let content = seen.slots.get_mut(slot);
            if content.members.is_any_running() {
                content.probe.get_or_insert_with(|| probe(true));
            }
        }
        seen
    }

    fn waited(&self) -> Duration {
        let started = self.record().started_at;
        self.now.duration_since(started).unsigned_abs()
    }
}

fn failed(outcome: RepairOutcome) -> String {
    match outcome {
        RepairOutcome::Failed { reason } => reason,
        other => panic!("it did not fail: {other:?}"),
    }
}

#[test]
fn an_action_is_started_done_and_recorded() {
    let mut world = World::new(STOPPED);
    assert_eq!(world.run(), RepairOutcome::Done);
    assert_eq!(
        world.said,
        [
            "1 of 1: start blue again: started",
            "1 of 1: start blue again: done"
        ]
    );
    let action = &world.record().repair_actions[0];
    assert!(action.started_at.is_some() && action.done_at.is_some());
    assert_eq!(world.records, 3, "the start, the result and the end");
}

#[test]
fn an_action_that_fails_temporarily_is_tried_again() {
    let mut world = World::new(STOPPED);
    world.answers = vec![TEMPORARY; 5];
    assert_eq!(world.run(), RepairOutcome::Done);
    assert_eq!(world.done.len(), 6);
    assert_eq!(world.said.len(), 2, "{:?}", world.said);
}

#[test]
fn an_action_that_fails_for_too_long_fails_the_repair() {
    let mut world = World::new(STOPPED);
    world.answers = vec![TEMPORARY; 1_000];
    let reason = failed(world.run());
    assert_eq!(reason, "start blue again: Docker did not answer");
    let waited = world.waited();
    assert!((15..17).contains(&waited.as_secs()), "{waited:?}");
}

#[test]
fn an_action_whose_answer_was_lost_is_not_repeated() {
    let mut world = World::new(STOPPED);
    world.answers = vec![Lost];
    assert_eq!(world.run(), RepairOutcome::Done);
    assert_eq!(world.done.len(), 1);
}

#[test]
fn a_refused_action_fails_the_repair_at_once() {
    let mut world = World::new(STOPPED);
    world.answers = vec![Fails(ActionErrorKind::Final)];
    failed(world.run());
    assert_eq!((world.done.len(), world.waited()), (1, Duration::ZERO));
    assert!(world.record().repair_actions[0].done_at.is_none());
}

#[test]
fn nothing_more_is_done_without_the_lock() {
    let mut world = World::new(STOPPED);
    world.answers = vec![Fails(ActionErrorKind::Fenced)];
    failed(world.run());
    assert_eq!(world.done.len(), 1);

    let mut world = World::new(STOPPED);
    world.answers = vec![TEMPORARY];
    world.is_lock_lost = true;
    let reason = failed(world.run());
    assert!(reason.contains("the lock was lost"), "{reason}");
    assert_eq!(world.done.len(), 1);
}

#[test]
fn an_action_whose_start_is_not_recorded_is_not_performed() {
    let mut world = World::new(STOPPED);
    world.unwritten = vec![1];
    let reason = failed(world.run());
    assert!(reason.contains("The action was not performed"), "{reason}");
    assert_eq!(world.done, []);
    assert!(world.record().repair_actions[0].started_at.is_none());
}

#[test]
fn an_end_that_is_not_recorded_is_reported() {
    let mut world = World::new(STOPPED);
    world.unwritten = vec![3];
    assert_eq!(world.run(), RepairOutcome::Done);
    let last = world.said.last().expect("a message");
    assert!(
        last.contains("the end of the repair was not recorded"),
        "{last}"
    );
}

#[test]
fn a_repair_stops_after_its_current_action() {
    let mut world = World::new(|s| {
        STOPPED(s);
        UNREGISTERED(s);
    });
    world.stop_after = Some("started");
    let outcome = world.run();
    let reason = outcome.reason().expect("a reason");
    assert!(
        matches!(outcome, RepairOutcome::Stopped { .. }),
        "{outcome}"
    );
    assert_eq!(reason, "the next action was not started: register blue");
    assert_eq!(world.done.len(), 1);
}

#[test]
fn an_action_that_is_already_done_is_not_performed() {
    let mut world = World::new(STOPPED);
    live(&mut world.snapshot).state = InstanceState::Running;
    assert_eq!(world.run(), RepairOutcome::Done);
    assert_eq!(world.done, []);
    assert!(world.said[0].ends_with("the result was already observed"));
}

#[test]
fn a_result_that_is_not_observed_fails_the_repair() {
    let mut world = World::new(STOPPED);
    world.snapshot.slots.blue.probe = Some(probe(false));
    let reason = failed(world.run());
    assert!(
        reason.contains("the result was not observed within 30s"),
        "{reason}"
    );
}

#[test]
fn a_slot_is_drained_before_it_is_stopped() {
    let mut world = World::new(started_again);
    world.connections = 3;
    assert_eq!(world.run(), RepairOutcome::Done);
    assert!(
        world.waited() >= Duration::from_secs(30),
        "{:?}",
        world.waited()
    );
    assert!(
        world.said[1].contains("green still has 3 connections"),
        "{:?}",
        world.said
    );
}

#[test]
fn a_slot_that_gets_requests_while_it_drains_is_not_stopped() {
    let mut world = World::new(started_again);
    requests(&mut world.snapshot, Slot::Green);
    failed(world.run());
    assert_eq!(world.done, []);
}
