//! What a driver learns, and the effects of the calls it waits for.

use std::sync::Arc;

use greenroom::history::Outcome;
use greenroom::release::{
    ActionError, ActionErrorKind, Approval, Effect, Event, NotWritten, Plan, Progress,
    Scope as Covers,
};

use super::calls::{self, Called, Doing, Sent};
use super::driver::{Driver, Knows, Owed};
use super::flaws::Flaw;
use super::journal::{Line, forget_task};
use super::look::{Blind, Look};
use super::names::{release, time};
use super::never;
use super::others::person;
use super::scope::Scope;
use super::side::Side;
use super::state::{End, Late, Seat, State};

impl<S: Side> Scope<S> {
    /// The driver receives an event; if it was waiting for this one, the wait ends.
    pub(super) fn hears(&self, state: &mut State<S>, by: usize, event: Event) {
        let State { world, seats, .. } = state;
        let Seat::Driving(shared) = &mut seats[by] else {
            return;
        };
        let driver = Arc::make_mut(shared);
        driver.hear(world, self, event);
        if driver.owed.is_some() {
            return;
        }
        let progress = driver.machine.status().progress;
        if let Some(end) = End::of(&progress) {
            // An operator may end a release without the undo of its tasks. The reason then says so.
            let outcome = driver.machine.status().outcome().cloned();
            let reason = outcome
                .as_ref()
                .and_then(Outcome::reason)
                .unwrap_or_default();
            let is_skipped = reason.contains("was skipped");
            if !is_skipped && let Some(violation) = world.side.broken_by(&driver.plan, end) {
                world.violations.add(violation);
            }
            // It releases its lock, which has no effect if another driver has it.
            if world
                .store
                .lock
                .is_some_and(|lock| lock.token == driver.token)
            {
                world.store.lock = None;
            }
            seats[by] = Seat::Over(end);
            return;
        }
        let waits = matches!(
            progress,
            Progress::Asking { .. } | Progress::Choosing { .. }
        );
        if driver.timer.is_none() && !waits {
            world.violations.add(never::Violation::Stuck);
        }
    }

    fn owed(state: &mut State<S>, by: usize) -> Option<(Owed, Driver<S>)> {
        let Seat::Driving(shared) = &mut state.seats[by] else {
            return None;
        };
        let driver = Arc::make_mut(shared);
        Some((driver.owed.take()?, driver.clone()))
    }

    /// The open call or record happens; returns whether it could.
    pub(super) fn goes(&self, state: &mut State<S>, by: usize, is_heard: bool) -> bool {
        match Self::owed(state, by) {
            Some((Owed::Write(mut written), driver)) => {
                if let Effect::Record(entry) = &mut written
                    && self.has(Flaw::IntentForgetsTask)
                {
                    forget_task(entry);
                }
                let compared = state.world.store.compare(self, driver.token);
                if compared.is_err() {
                    let why = "fenced".to_owned();
                    self.hears(
                        state,
                        by,
                        Event::Unrecorded {
                            kind: NotWritten::Fenced,
                            why,
                        },
                    );
                    return true;
                }
                if !state.world.store.is_held_by(by) {
                    state.world.violations.add(never::Violation::Overtaken);
                }
                let journal = &mut state.world.store.journals[usize::from(driver.number) - 1];
                if !self.has(Flaw::JournalForgets) {
                    journal.write(&written, self.reads_journals());
                    journal.checked = driver.knows.checked;
                    Self::has_written(state, by, &Line::of(&written));
                }
                let event = if is_heard {
                    Event::Recorded
                } else {
                    let why = "the answer was lost".to_owned();
                    Event::Unrecorded {
                        kind: NotWritten::Unanswered,
                        why,
                    }
                };
                self.hears(state, by, event);
                true
            }
            Some((Owed::Act(doing), driver)) => self.acts(state, &driver, doing, is_heard),
            _ => false,
        }
    }

    fn has_written(state: &mut State<S>, by: usize, line: &Line) {
        let Seat::Driving(shared) = &mut state.seats[by] else {
            return;
        };
        let knows = &mut Arc::make_mut(shared).knows;
        match line {
            Line::Intent(begun, _) => knows.intent = Some(*begun),
            Line::Outcome(..) => knows.intent = None,
            _ => {}
        }
    }

    fn acts(
        &self,
        state: &mut State<S>,
        driver: &Driver<S>,
        mut doing: Doing,
        is_heard: bool,
    ) -> bool {
        let by = driver.by;
        if self.has(Flaw::ActAnswersEarly) && is_heard {
            state.world.late.push(Late {
                sent: Sent::Now,
                continues: true,
                is_feared: false,
                ..Self::late(driver, doing)
            });
            self.hears(state, by, Event::Acted(Ok(())));
            return true;
        }
        let called = calls::call(&mut state.world, self, driver.who(), &mut doing, Sent::Now);
        match called {
            Called::Ended(Err(kind)) => {
                self.hears(state, by, Event::Acted(Err(action_error(kind))));
            }
            Called::Ended(Ok(())) if is_heard => self.hears(state, by, Event::Acted(Ok(()))),
            Called::Going if is_heard => {
                if let Seat::Driving(shared) = &mut state.seats[by] {
                    Arc::make_mut(shared).owed = Some(Owed::Act(doing));
                }
            }
            _ => self.hears(
                state,
                by,
                Event::Acted(Err(action_error(ActionErrorKind::Temporary))),
            ),
        }
        true
    }

    pub(super) fn fails(&self, state: &mut State<S>, by: usize, kind: ActionErrorKind) {
        let event = match Self::owed(state, by) {
            Some((Owed::Write(_), _)) => {
                let why = "not heard".to_owned();
                Event::Unrecorded {
                    kind: NotWritten::Unanswered,
                    why,
                }
            }
            _ => Event::Acted(Err(action_error(kind))),
        };
        self.hears(state, by, event);
    }

    /// The call under way continues without its driver; later calls only while its process lives.
    pub(super) fn leave_late(state: &mut State<S>, by: usize, continues: bool) {
        if let Some((Owed::Act(doing), driver)) = Self::owed(state, by) {
            // A call that was not sent before the lock was lost asks for the lock first.
            let sent = if state.world.store.is_held_by(by) {
                Sent::Before
            } else {
                Sent::Now
            };
            state.world.late.push(Late {
                sent,
                continues,
                ..Self::late(&driver, doing)
            });
        }
    }

    fn late(driver: &Driver<S>, doing: Doing) -> Late {
        Late {
            by: driver.by,
            token: driver.token,
            plan: Some(Arc::clone(&driver.plan)),
            doing,
            sent: Sent::Before,
            continues: false,
            is_feared: true,
        }
    }

    pub(super) fn sees(&self, state: &mut State<S>, by: usize, blind: Blind, pass: bool) {
        let Some((Owed::Look(ask), driver)) = Self::owed(state, by) else {
            return;
        };
        let look = Look {
            ask,
            blind,
            checks_pass: pass,
        };
        let sighting = S::see(&state.world, self, &driver, look);
        let mut knows = Knows {
            unseen: false,
            seen: sighting.seen,
            ..driver.knows
        };
        if ask.checks && blind != Blind::Engine {
            let candidate = state.world.side.candidate(&driver.plan);
            knows.checked = candidate.map(|digest| (digest, pass));
        }
        if let Seat::Driving(shared) = &mut state.seats[by] {
            let driver = Arc::make_mut(shared);
            driver.knows = knows;
            driver.memory = sighting.memory.or_else(|| driver.memory.take());
        }
        let observation = Box::new(sighting.observation);
        self.hears(state, by, Event::Seen(observation));
    }

    pub(super) fn fires(&self, state: &mut State<S>, by: usize) {
        let Seat::Driving(shared) = &mut state.seats[by] else {
            return;
        };
        let Some((id, is_instant)) = Arc::make_mut(shared).timer.take() else {
            return;
        };
        state.world.hour += u8::from(!is_instant);
        self.hears(state, by, Event::Fired(id));
    }

    pub(super) fn approves(&self, state: &mut State<S>, by: usize, is_own: bool) {
        let Seat::Driving(shared) = &mut state.seats[by] else {
            return;
        };
        let driver = Arc::make_mut(shared);
        let Progress::Asking { step, .. } = driver.machine.status().progress else {
            return;
        };
        let hour = state.world.hour;
        let plan = if is_own {
            Arc::clone(&driver.plan)
        } else {
            Arc::new(self.other_plan(&driver.plan))
        };
        let given = if self.has(Flaw::ApprovedTomorrow) {
            hour + 24
        } else {
            hour
        };
        let typed = plan.target().environment.to_string();
        let covers = Covers::Step(step);
        let approval = Approval::give(&plan, covers, person(by), Some(&typed), time(given));
        let approval = approval.expect("the name is typed");
        if approval.check(&driver.plan, time(hour)).is_ok() {
            driver.knows.approved = Some((step, hour, is_own));
        }
        self.hears(state, by, Event::Approved(approval));
    }

    /// The plan of the same version, made at another time.
    fn other_plan(&self, plan: &Plan) -> Plan {
        let mut other = plan.clone();
        if !self.has(Flaw::PlansAreAlike) {
            other.release = release(7);
        }
        other
    }
}

pub(super) fn action_error(kind: ActionErrorKind) -> ActionError {
    ActionError {
        kind,
        text: "it broke off".into(),
    }
}
