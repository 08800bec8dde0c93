//! The effects of a turn on the world and its operators. The waits of a driver are in `answers`.

use std::sync::Arc;

use greenroom::release::{ActionErrorKind, Choice, Event, Machine, ResumeAction};

use super::calls::{self, Called, Sent};
use super::driver::Driver;
use super::look::Blind;
use super::others::person;
use super::planning;
use super::scope::Scope;
use super::side::Side;
use super::state::{End, Seat, State};
use super::turns::Turn;

impl<S: Side> Scope<S> {
    fn chooses(&self, state: &mut State<S>, by: usize, choice: Choice) {
        let is_free = !matches!(choice, Choice::Retry | Choice::Override);
        state.left.requests -= u8::from(!is_free);
        if choice == Choice::Override
            && let Seat::Driving(driver) = &mut state.seats[by]
            && let Some((_, passed)) = &mut Arc::make_mut(driver).knows.checked
        {
            *passed = true;
        }
        let event = Event::Chosen {
            choice,
            by: person(by),
            note: Some("the check is broken".to_owned()),
        };
        self.hears(state, by, event);
    }

    /// Applies a turn; returns whether it was possible.
    pub(super) fn take(&self, state: &mut State<S>, turn: Turn<S::Event>) -> bool {
        match turn {
            Turn::Plans(by) => {
                let plan = planning::plan(&state.world, self, by);
                let is_possible = plan.is_some();
                if let Some(plan) = plan {
                    state.seats[by] = Seat::Planned(plan);
                }
                return is_possible;
            }
            Turn::Opens(by) => self.open(state, by),
            Turn::TakesUp(by, resume_action) => return self.resume(state, by, resume_action),
            Turn::Goes(by) => return self.goes(state, by, true),
            Turn::AnswerIsLost(by) => {
                state.left.faults -= 1;
                return self.goes(state, by, false);
            }
            Turn::Fails(by) => {
                state.left.faults -= 1;
                self.fails(state, by, ActionErrorKind::Temporary);
            }
            Turn::IsRefused(by) => {
                state.left.faults -= 1;
                self.fails(state, by, ActionErrorKind::Final);
            }
            Turn::IsUnheard(by) => {
                state.left.unheard -= 1;
                Self::leave_late(state, by, false);
                self.fails(state, by, ActionErrorKind::Temporary);
            }
            Turn::Sees(by, blind) => {
                state.left.faults -= u8::from(blind != Blind::Nothing);
                self.sees(state, by, blind, true);
            }
            Turn::ChecksFail(by) => {
                state.left.ills -= 1;
                self.sees(state, by, Blind::Nothing, false);
            }
            Turn::Fires(by) => {
                self.fires(state, by);
            }
            Turn::Yes(by) => {
                let is_vain = !self.others.is_empty() && !state.world.is_peer_approved();
                state.left.requests -= u8::from(is_vain);
                self.approves(state, by, true);
            }
            Turn::StrayYes(by) => self.approves(state, by, false),
            Turn::BacksOut(by) => {
                state.left.requests -= 1;
                let asked = Event::BackOutAsked {
                    by: person(by),
                    reason: "asked".to_owned(),
                };
                self.hears(state, by, asked);
            }
            Turn::Interrupts(by) => {
                state.left.requests -= 1;
                let reason = "asked".to_owned();
                self.hears(state, by, Event::Interrupted { reason });
            }
            Turn::ChecksAgain(by) => {
                state.left.requests -= 1;
                self.hears(state, by, Event::CheckAgainAsked(person(by)));
            }
            Turn::Chooses(by, choice) => self.chooses(state, by, choice),
            Turn::Crashes(by) => {
                state.left.losses -= 1;
                Self::leave_late(state, by, false);
                state.seats[by] = Seat::Over(End::Crashed);
            }
            Turn::IsCutOff(by) => {
                state.left.losses -= u8::from(state.world.store.is_held_by(by));
                Self::leave_late(state, by, true);
                let lock = state.world.store.lock;
                self.hears(state, by, Event::LockLost("its lease ran out".into()));
                // A lost lock is not released.
                state.world.store.lock = lock;
            }
            Turn::LeaseEnds => {
                let holder = state.world.store.lock.take();
                let is_driven = holder.is_some_and(|it| state.is_busy(it.by));
                state.left.losses -= u8::from(is_driven);
            }
            Turn::LateGoes(at) => self.late_goes(state, at),
            Turn::Holds => Self::holds(state),
            Turn::GivesPeerApproval(person) => Self::gives_peer_approval(state, person),
            Turn::Repairs(by, turn) => return self.take_repair(state, by, turn),
            Turn::Befalls(event) => S::befalls(state, &event),
        }
        true
    }

    fn open(&self, state: &mut State<S>, by: usize) {
        let Seat::Planned(plan) = std::mem::replace(&mut state.seats[by], Seat::Waiting) else {
            return;
        };
        state.seats[by] = Seat::Over(End::Refused);
        let is_ended = planning::standby(&state.world, self).is_some()
            && S::is_as_planned(&state.world, &plan);
        let store = &mut state.world.store;
        let token = if is_ended {
            Some(store.take_over(by))
        } else {
            store.acquire(self, by)
        };
        let Some(token) = token else {
            return;
        };
        if !S::is_as_planned(&state.world, &plan) {
            state.world.store.lock = None;
            return;
        }
        let machine = Machine::new(Arc::clone(&plan), self.on_failure);
        let driver = Driver::new(machine, plan, by, planning::number(self, by), token);
        state.seats[by] = Seat::Driving(Arc::new(driver));
        self.hears(state, by, Event::Started);
    }

    fn resume(&self, state: &mut State<S>, by: usize, resume_action: ResumeAction) -> bool {
        let Some(token) = state.world.store.acquire(self, by) else {
            return false;
        };
        let Some((plan, machine)) =
            planning::resumed_machine(&state.world, self, by, resume_action)
        else {
            return false;
        };
        let mut driver = Driver::new(machine, plan, by, planning::number(self, 0), token);
        driver.knows.checked = state.world.store.journals[0].checked;
        state.seats[by] = Seat::Driving(Arc::new(driver));
        self.hears(state, by, Event::Started);
        true
    }

    fn late_goes(&self, state: &mut State<S>, at: usize) {
        let mut late = state.world.late.remove(at);
        let mut doing = late.doing.clone();
        let called = calls::call(&mut state.world, self, late.who(), &mut doing, late.sent);
        if called == Called::Going && late.continues {
            late.doing = doing;
            late.sent = Sent::Now;
            state.world.late.push(late);
        }
    }
}
