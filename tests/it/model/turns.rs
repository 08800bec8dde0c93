//! The possible next events within the bounds. Their effects are in `happens`.

use greenroom::release::{Choice, Progress, ResumeAction};
use stateright::{Model, Property};

use super::can_finish;
use super::driver::{Driver, Owed};
use super::flaws::Flaw;
use super::look::Blind;
use super::never::{self, Reach};
use super::repairs::RepairTurn;
use super::scope::{Scope, Want};
use super::side::Side;
use super::state::{Seat, State};

/// One event. The number is the operator's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Turn<E> {
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
    /// An operator repairs.
    Repairs(usize, RepairTurn),
    /// Something happens that no operator of Greenroom does.
    Befalls(E),
    /// A person places a hold, or clears it.
    Holds,
    /// A person approves the first release, or withdraws that.
    GivesPeerApproval(usize),
}

impl<S: Side> Model for Scope<S> {
    type State = State<S>;
    type Action = Turn<S::Event>;

    fn init_states(&self) -> Vec<State<S>> {
        vec![State::first(self)]
    }

    fn actions(&self, state: &State<S>, turns: &mut Vec<Turn<S::Event>>) {
        if state.world.violations.any() {
            return;
        }
        for by in 0..self.wants.len() {
            match &state.seats[by] {
                Seat::Waiting => self.begins(state, by, turns),
                Seat::Planned(_) => turns.push(Turn::Opens(by)),
                Seat::Driving(driver) => self.driven(state, driver, turns),
                Seat::ToRepair(_) => turns.push(Turn::Repairs(by, RepairTurn::Opens)),
                Seat::Repairing(repairer) => {
                    let all = Self::repair_turns(state, repairer);
                    turns.extend(all.into_iter().map(|turn| Turn::Repairs(by, turn)));
                }
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
        Self::lease_ends(state, turns);
        turns.extend(S::events(self, state).into_iter().map(Turn::Befalls));
    }

    fn next_state(&self, last: &State<S>, turn: Turn<S::Event>) -> Option<State<S>> {
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

impl<S: Side> Scope<S> {
    /// The state after a turn; `None` when the turn was not possible.
    pub(crate) fn follow(&self, last: &State<S>, turn: Turn<S::Event>) -> Option<State<S>> {
        let mut state = last.clone();
        if !self.take(&mut state, turn) {
            return None;
        }
        state.world.hold();
        Some(state)
    }

    fn begins(&self, state: &State<S>, by: usize, turns: &mut Vec<Turn<S::Event>>) {
        match self.wants[by] {
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
            Want::Repair => turns.push(Turn::Repairs(by, RepairTurn::Plans)),
        }
    }

    fn driven(&self, state: &State<S>, driver: &Driver<S>, turns: &mut Vec<Turn<S::Event>>) {
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
                    let engine = ask.instances || ask.checks || ask.image || ask.tasks;
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

    fn rests(&self, state: &State<S>, driver: &Driver<S>, turns: &mut Vec<Turn<S::Event>>) {
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
                let is_free = |choice: &Choice| !matches!(choice, Choice::Retry | Choice::Override);
                let may = |choice: &Choice| is_free(choice) || state.left.requests > 0;
                let choices = choices.into_iter().filter(may);
                turns.extend(choices.map(|choice| Turn::Chooses(by, choice)));
            }
            _ => {}
        }
    }

    fn lease_ends(state: &State<S>, turns: &mut Vec<Turn<S::Event>>) {
        let holder = state.world.store.lock.map(|lock| lock.by);
        let is_driven = holder.is_some_and(|by| state.is_busy(by));
        if holder.is_some() && (!is_driven || state.left.losses > 0) {
            turns.push(Turn::LeaseEnds);
        }
    }
}
