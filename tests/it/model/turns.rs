//! The possible next events within the bounds. Their effects are in `happens`.

use greenroom::inventory::Slot;
use greenroom::release::{Choice, Progress, ResumeAction};
use stateright::{Model, Property};

use super::can_finish;
use super::driver::{Driver, Owed};
use super::engine::index;
use super::flaws::Flaw;
use super::look::Blind;
use super::never::{self, Reach};
use super::scope::{ByHand, Scope, Want};
use super::state::{Seat, State};

/// One event. The number is the operator's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Turn {
    Plans(usize),
    Opens(usize),
    /// An operator resumes what the first operator left.
    TakesUp(usize, ResumeAction),
    /// The open call succeeds and is answered: one call of an act.
    Goes(usize),
    /// It happens, and the answer says that it did not.
    AnswerIsLost(usize),
    /// It does not happen, and may the next time.
    Fails(usize),
    /// It is refused permanently.
    IsRefused(usize),
    /// The driver stops waiting for an act that continues.
    IsUnheard(usize),
    Sees(usize, Blind),
    ChecksFail(usize),
    Fires(usize),
    Yes(usize),
    /// An approval that was meant for another plan.
    StrayYes(usize),
    BacksOut(usize),
    Interrupts(usize),
    ChecksAgain(usize),
    Chooses(usize, Choice),
    Crashes(usize),
    /// The driver learns that its lock is lost.
    IsCutOff(usize),
    LeaseEnds,
    /// An act without a driver continues by one call.
    LateGoes(usize),
    Sickens(Slot),
    Heals(Slot),
    Exits(Slot),
    /// A person runs another version in the slot, or restores the former one.
    IsReplaced(Slot),
    Meddles,
    /// A person writes the route back, or points the proxy back, to the version that was live
    /// before.
    RoutesBack,
    PointsBack,
    /// A person deletes the route's key.
    DeletesRoute,
    /// A person places a hold, or clears it.
    Holds,
    /// A person approves the first release, or withdraws that.
    GivesPeerApproval(usize),
}

impl Model for Scope {
    type State = State;
    type Action = Turn;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(self)]
    }

    fn actions(&self, state: &State, turns: &mut Vec<Turn>) {
        if state.world.violations.any() {
            return;
        }
        for by in 0..2 {
            match &state.seats[by] {
                Seat::Waiting => self.begins(state, by, turns),
                Seat::Planned(_) => turns.push(Turn::Opens(by)),
                Seat::Driving(driver) => self.driven(state, driver, turns),
                Seat::Over(_) => {}
            }
        }
        turns.extend((0..state.world.late.len()).map(Turn::LateGoes));
        if state.left.holds > 0 {
            turns.push(Turn::Holds);
        }
        let people = self.others.iter().copied();
        let people = people.filter(|it| Self::may_peer_approve(state, *it));
        turns.extend(people.map(Turn::GivesPeerApproval));
        Self::of_nature(state, turns);
        self.by_hand(state, turns);
    }

    fn next_state(&self, last: &State, turn: Turn) -> Option<State> {
        let mut state = self.follow(last, turn)?;
        if self.ways {
            can_finish::hold(self, &mut state);
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        // Only a flawed world is asked which interlock was broken.
        let mut all = if self.flaws.is_empty() {
            vec![never::any()]
        } else {
            never::each()
        };
        all.extend(self.reaches.iter().copied().map(Reach::property));
        all
    }
}

impl Scope {
    /// The state after a turn; `None` when the turn was not possible.
    pub(crate) fn follow(&self, last: &State, turn: Turn) -> Option<State> {
        let mut state = last.clone();
        if !self.take(&mut state, turn) {
            return None;
        }
        state.world.hold();
        Some(state)
    }

    fn begins(&self, state: &State, by: usize, turns: &mut Vec<Turn>) {
        match self.wants[by] {
            Want::Nothing => {}
            Want::Resume => {
                let store = &state.world.store;
                let is_free = store.lock.is_none() || self.has(Flaw::LockIsGivenTwice);
                if is_free && store.journals[0].is_open() {
                    let ways = [
                        ResumeAction::Continue,
                        ResumeAction::BackOut,
                        ResumeAction::Leave,
                    ];
                    turns.extend(ways.map(|resume_action| Turn::TakesUp(by, resume_action)));
                }
            }
            Want::Version(_) | Want::Standby => turns.push(Turn::Plans(by)),
        }
    }

    fn driven(&self, state: &State, driver: &Driver, turns: &mut Vec<Turn>) {
        let by = driver.by;
        let left = state.left;
        match &driver.owed {
            Some(Owed::Write(_)) => {
                turns.push(Turn::Goes(by));
                if left.faults > 0 {
                    turns.extend([Turn::AnswerIsLost(by), Turn::Fails(by)]);
                }
            }
            Some(Owed::Act(doing)) => {
                turns.push(Turn::Goes(by));
                if left.faults > 0 {
                    turns.push(Turn::AnswerIsLost(by));
                    if doing.is_new() {
                        turns.extend([Turn::Fails(by), Turn::IsRefused(by)]);
                    }
                }
                if left.unheard > 0 {
                    turns.push(Turn::IsUnheard(by));
                }
            }
            Some(Owed::Look(ask)) => {
                turns.push(Turn::Sees(by, Blind::Nothing));
                if left.faults > 0 {
                    let engine = ask.instances || ask.checks || ask.image;
                    let blind = [
                        (engine, Blind::Engine),
                        (ask.registry, Blind::Registry),
                        (ask.proxy, Blind::Proxy),
                    ];
                    let asked = blind.into_iter().filter(|(asked, _)| *asked);
                    turns.extend(asked.map(|(_, blind)| Turn::Sees(by, blind)));
                }
                if ask.checks && left.ills > 0 {
                    turns.push(Turn::ChecksFail(by));
                }
            }
            None => self.rests(state, driver, turns),
        }
        if left.requests > 0 {
            turns.extend([Turn::BacksOut(by), Turn::Interrupts(by)]);
        }
        if left.losses > 0 {
            turns.push(Turn::Crashes(by));
        }
        if left.losses > 0 || !state.world.store.is_held_by(by) {
            turns.push(Turn::IsCutOff(by));
        }
    }

    fn rests(&self, state: &State, driver: &Driver, turns: &mut Vec<Turn>) {
        let by = driver.by;
        if driver.timer.is_some() {
            turns.push(Turn::Fires(by));
        }
        match driver.machine.status().progress {
            Progress::Asking { .. } => {
                // Without another operator's approval the step asks again, and an operator must
                // repeat the approval deliberately.
                if self.others.is_empty()
                    || state.world.is_peer_approved()
                    || state.left.requests > 0
                {
                    turns.push(Turn::Yes(by));
                }
                if self.strays {
                    turns.push(Turn::StrayYes(by));
                }
                if state.left.requests > 0 {
                    turns.push(Turn::ChecksAgain(by));
                }
            }
            Progress::Choosing { choices, .. } => {
                let may = |choice: &Choice| *choice != Choice::Retry || state.left.requests > 0;
                let choices = choices.into_iter().filter(may);
                turns.extend(choices.map(|choice| Turn::Chooses(by, choice)));
            }
            _ => {}
        }
    }

    fn of_nature(state: &State, turns: &mut Vec<Turn>) {
        let holder = state.world.store.lock.map(|lock| lock.by);
        let is_driven = holder.is_some_and(|by| matches!(state.seats[by], Seat::Driving(_)));
        if holder.is_some() && (!is_driven || state.left.losses > 0) {
            turns.push(Turn::LeaseEnds);
        }
        for slot in Slot::BOTH {
            let Some(running) = state.world.engine[index(slot)].filter(|it| it.up) else {
                continue;
            };
            if !running.well {
                turns.push(Turn::Heals(slot));
            }
            if state.left.ills > 0 {
                turns.extend([Turn::Exits(slot), Turn::IsReplaced(slot)]);
                if running.well {
                    turns.push(Turn::Sickens(slot));
                }
            }
        }
    }

    /// Only between two observations: no guard can notice a change between an observation and its
    /// act.
    fn by_hand(&self, state: &State, turns: &mut Vec<Turn>) {
        match self.by_hand {
            _ if state.meddled => {}
            ByHand::Never => {}
            ByHand::InTheSwitch => {
                if state.seats.iter().any(is_about_to_swap) {
                    turns.push(Turn::Meddles);
                }
            }
            ByHand::BeforeTheStop => {
                let world = &state.world;
                let route = world.store.route.map(|route| route.live);
                let is_switched = route == Some(Slot::Green) && world.proxy.link == route;
                let is_quiet = state.seats.iter().all(looks_or_waits);
                if is_switched && is_quiet && world.can_answer(Slot::Blue) {
                    turns.extend([Turn::RoutesBack, Turn::PointsBack, Turn::DeletesRoute]);
                }
            }
        }
    }
}

fn looks_or_waits(seat: &Seat) -> bool {
    let Seat::Driving(driver) = seat else {
        return true;
    };
    matches!(&driver.owed, None | Some(Owed::Look(_)))
}

fn is_about_to_swap(seat: &Seat) -> bool {
    let Seat::Driving(driver) = seat else {
        return false;
    };
    matches!(
        &driver.owed,
        Some(Owed::Act(doing)) if doing.is_about_to_swap()
    )
}
