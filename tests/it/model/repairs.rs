//! The turns of an operator who repairs: the operator plans, takes the lock if the same actions are still needed, and
//! drives production's machine of a repair.

use std::sync::Arc;

use greenroom::release::{ActionErrorKind, RepairApproval, RepairEvent, RepairMachine};

use super::answers::action_error;
use super::calls::{self, Called, Sent};
use super::flaws::Flaw;
use super::look::Blind;
use super::names::time;
use super::never::Violation;
use super::others::person;
use super::repairer::{Owed, Repairer};
use super::scope::Scope;
use super::side::Side;
use super::state::{End, Late, Seat, State, World};

/// One event of a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RepairTurn {
    Plans,
    Opens,
    /// The open call succeeds and is answered: one call of an action.
    Goes,
    /// It happens, and the answer says that it did not.
    AnswerIsLost,
    /// It does not happen, and may the next time.
    Fails,
    /// It is refused permanently.
    IsRefused,
    /// The repair stops waiting for an action that continues.
    IsUnanswered,
    Sees(Blind),
    PauseEnds,
    /// The repair learns that its lock is lost.
    IsCutOff,
    /// The operator requests that the repair stops after the current action.
    Stops,
    Crashes,
}

impl<S: Side> Scope<S> {
    /// The possible next turns of a running repair.
    pub(super) fn repair_turns(state: &State<S>, repairer: &Repairer) -> Vec<RepairTurn> {
        use RepairTurn::{
            AnswerIsLost, Crashes, Fails, Goes, IsCutOff, IsRefused, IsUnanswered, PauseEnds, Sees,
            Stops,
        };
        let left = state.left;
        let mut turns = Vec::new();
        match &repairer.owed {
            Some(Owed::Record(_)) => {
                turns.push(Goes);
                if left.faults > 0 {
                    turns.extend([AnswerIsLost, Fails]);
                }
            }
            Some(Owed::Look) => {
                turns.push(Sees(Blind::Nothing));
                if left.faults > 0 {
                    turns.extend([Blind::Engine, Blind::Registry, Blind::Proxy].map(Sees));
                }
            }
            Some(Owed::Count(_)) => {
                turns.push(Goes);
                if left.faults > 0 {
                    turns.push(Fails);
                }
            }
            Some(Owed::Act(doing)) => {
                turns.push(Goes);
                if left.faults > 0 {
                    turns.push(AnswerIsLost);
                    if doing.is_new() {
                        turns.extend([Fails, IsRefused]);
                    }
                }
                if left.unheard > 0 {
                    turns.push(IsUnanswered);
                }
            }
            Some(Owed::Pause) => {
                turns.push(PauseEnds);
                if !state.world.store.is_held_by(repairer.by) {
                    turns.push(IsCutOff);
                }
            }
            None => {}
        }
        if left.requests > 0 {
            turns.push(Stops);
        }
        if left.losses > 0 {
            turns.push(Crashes);
        }
        turns
    }

    /// Applies a turn; returns whether it was possible.
    pub(super) fn take_repair(&self, state: &mut State<S>, by: usize, turn: RepairTurn) -> bool {
        match turn {
            RepairTurn::Plans => {
                let plan = self.repair_of(&state.world, by);
                let plan = plan.filter(|plan| !plan.repair_actions.is_empty());
                let Some(plan) = plan else { return false };
                state.seats[by] = Seat::ToRepair(Arc::new(plan));
            }
            RepairTurn::Opens => self.open_repair(state, by),
            RepairTurn::Goes => self.repair_goes(state, by, true),
            RepairTurn::AnswerIsLost => {
                state.left.faults -= 1;
                self.repair_goes(state, by, false);
            }
            RepairTurn::Fails => {
                state.left.faults -= 1;
                Self::repair_fails(state, by, ActionErrorKind::Temporary);
            }
            RepairTurn::IsRefused => {
                state.left.faults -= 1;
                Self::repair_fails(state, by, ActionErrorKind::Final);
            }
            RepairTurn::IsUnanswered => {
                state.left.unheard -= 1;
                leave_late(state, by);
                Self::repair_fails(state, by, ActionErrorKind::Temporary);
            }
            RepairTurn::Sees(blind) => {
                state.left.faults -= u8::from(blind != Blind::Nothing);
                self.repair_sees(state, by, blind);
            }
            RepairTurn::PauseEnds => {
                state.world.hour += 1;
                answer(state, by, |_| RepairEvent::Fired);
            }
            RepairTurn::IsCutOff => {
                state.world.hour += 1;
                answer(state, by, |_| {
                    RepairEvent::LockLost("its lease ended".into())
                });
            }
            RepairTurn::Stops => {
                state.left.requests -= 1;
                if let Some(repairer) = repairing(state, by) {
                    let now = time(repairer.1.hour);
                    repairer.0.machine.handle(now, RepairEvent::StopAsked);
                }
            }
            RepairTurn::Crashes => {
                state.left.losses -= 1;
                leave_late(state, by);
                state.seats[by] = Seat::Over(End::Crashed);
            }
        }
        true
    }

    fn open_repair(&self, state: &mut State<S>, by: usize) {
        let refused = Seat::Over(End::Refused);
        let Seat::ToRepair(plan) = std::mem::replace(&mut state.seats[by], refused) else {
            return;
        };
        let world = &mut state.world;
        let typed = plan.target().environment.to_string();
        let approval = RepairApproval::give(&plan, person(by), Some(&typed), plan.made_at);
        let approval = approval.expect("the name is typed");
        let Ok(approved) = approval.approve(&plan, time(world.hour)) else {
            return;
        };
        let Some(token) = world.store.acquire(self, by) else {
            return;
        };
        let snapshot = S::snapshot(world, self, Some(token), Blind::Nothing);
        let Some(snapshot) = snapshot.filter(|it| self.is_same_repair(world, it, &plan)) else {
            world.store.lock = None;
            return;
        };
        let record = plan.record(&person(by), time(world.hour));
        let machine = RepairMachine::new(Arc::clone(&plan), record);
        let repairer = Repairer::new(machine, plan, approved, by, token, snapshot);
        state.seats[by] = Seat::Repairing(Arc::new(repairer));
        hears(state, by, RepairEvent::Started);
    }

    /// The open call happens.
    fn repair_goes(&self, state: &mut State<S>, by: usize, is_answered: bool) {
        let Some((repairer, world)) = repairing(state, by) else {
            return;
        };
        let event = match repairer.owed.take() {
            Some(Owed::Record(started)) => {
                if world.store.compare(self, repairer.token).is_err() {
                    RepairEvent::Unrecorded("fenced".to_owned())
                } else {
                    if !world.store.is_held_by(by) {
                        world.violations.add(Violation::Overtaken);
                    }
                    if !self.has(Flaw::JournalForgets) {
                        repairer.knows.started = started;
                    }
                    if is_answered {
                        RepairEvent::Recorded
                    } else {
                        RepairEvent::Unrecorded("the answer was lost".to_owned())
                    }
                }
            }
            Some(Owed::Count(slot)) => RepairEvent::Counted(world.side.connections(slot)),
            Some(Owed::Act(mut doing)) => {
                if self.has(Flaw::ActAnswersEarly) && is_answered {
                    repairer.owed = Some(Owed::Act(doing));
                    leave_late(state, by);
                    if let Some(late) = state.world.late.last_mut() {
                        late.sent = Sent::Now;
                        late.is_feared = false;
                    }
                    hears(state, by, RepairEvent::Acted(Ok(())));
                    return;
                }
                match calls::call(world, self, repairer.who(), &mut doing, Sent::Now) {
                    Called::Ended(Err(kind)) => RepairEvent::Acted(Err(action_error(kind))),
                    Called::Ended(Ok(())) if is_answered => RepairEvent::Acted(Ok(())),
                    Called::Going if is_answered => {
                        repairer.owed = Some(Owed::Act(doing));
                        return;
                    }
                    _ => RepairEvent::Acted(Err(action_error(ActionErrorKind::Temporary))),
                }
            }
            _ => return,
        };
        hears(state, by, event);
    }

    fn repair_fails(state: &mut State<S>, by: usize, kind: ActionErrorKind) {
        answer(state, by, |owed| match owed {
            Some(Owed::Record(_)) => RepairEvent::Unrecorded("no answer".to_owned()),
            Some(Owed::Count(_)) => RepairEvent::Counted(None),
            _ => RepairEvent::Acted(Err(action_error(kind))),
        });
    }

    fn repair_sees(&self, state: &mut State<S>, by: usize, blind: Blind) {
        let Some((repairer, world)) = repairing(state, by) else {
            return;
        };
        let seen = S::snapshot(world, self, Some(repairer.token), blind);
        let seen = seen.expect("the side can be repaired");
        let actions = repairer.plan.only_actions();
        let forbidden = actions.iter().map(|it| world.side.forbids_repair(it));
        repairer.knows.forbidden = forbidden.collect();
        repairer.knows.unseen = false;
        let seen = if self.has(Flaw::RepairSeesOnce) {
            repairer.first.as_ref().clone()
        } else {
            seen
        };
        answer(state, by, |_| RepairEvent::Seen(Box::new(seen)));
    }
}

/// The running repair of an operator, and the world.
fn repairing<S: Side>(state: &mut State<S>, by: usize) -> Option<(&mut Repairer, &mut World<S>)> {
    match &mut state.seats[by] {
        Seat::Repairing(shared) => Some((Arc::make_mut(shared), &mut state.world)),
        _ => None,
    }
}

/// The wait of a repair ends with the event that `how` makes of it.
fn answer<S: Side>(state: &mut State<S>, by: usize, how: impl FnOnce(Option<Owed>) -> RepairEvent) {
    if let Some((repairer, _)) = repairing(state, by) {
        let event = how(repairer.owed.take());
        hears(state, by, event);
    }
}

/// The repair receives an event. If it has ended, it releases its lock, which has no effect if another driver has it.
fn hears<S: Side>(state: &mut State<S>, by: usize, event: RepairEvent) {
    let Some((repairer, world)) = repairing(state, by) else {
        return;
    };
    repairer.hear(world, event);
    if repairer.owed.is_some() {
        return;
    }
    let lock = world.store.lock;
    if lock.is_some_and(|lock| lock.token == repairer.token) {
        world.store.lock = None;
    }
    match repairer.end() {
        Some(end) => state.seats[by] = Seat::Over(end),
        None => world.violations.add(Violation::Stuck),
    }
}

/// The call under way continues without its repair.
fn leave_late<S: Side>(state: &mut State<S>, by: usize) {
    let Some((repairer, world)) = repairing(state, by) else {
        return;
    };
    let Some(Owed::Act(doing)) = repairer.owed.take() else {
        return;
    };
    // A call that was not sent before the lock was lost asks for the lock first.
    let sent = if world.store.is_held_by(by) {
        Sent::Before
    } else {
        Sent::Now
    };
    world.late.push(Late {
        by,
        token: repairer.token,
        plan: None,
        doing,
        sent,
        continues: false,
        is_feared: true,
    });
}
