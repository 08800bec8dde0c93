//! The possible turns within the bounds, and their effects.

use stateright::{Model, Property};

use super::can_finish;
use super::never;
use super::scope::Scope;
use super::state::{Agent, Doing, Phase, State};
use greenroom::inventory::EntryState;

/// What an operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    Promotes(char),
    RollsBack,
    Opens,
    Holds,
    Dismisses(usize),
    Retries(usize),
    TakesOver,
    Leaves,
}

/// One event. The number is that of the push, the agent or the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Arrives(usize),
    Looks(usize),
    Acts(usize),
    Crashes(usize),
    /// The presence of a process ends. Its process may be alive.
    PresenceEnds(u8),
    LeaseEnds,
    /// The driver of the open release makes its version live or backs out.
    Proceeds,
    BacksOut,
    StandbyEnds,
    Requests(Request),
}

impl Model for Scope {
    type State = State;
    type Action = Turn;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(self)]
    }

    fn actions(&self, state: &State, turns: &mut Vec<Turn>) {
        if state.violations.any() {
            return;
        }
        let missing = (0..self.pushes.len()).filter(|push| !state.arrived.contains(push));
        turns.extend(missing.map(Turn::Arrives));
        for (at, agent) in state.agents.iter().enumerate() {
            turns.push(match agent.doing {
                Doing::Nothing => Turn::Looks(at),
                _ => Turn::Acts(at),
            });
            let drives = state.lock.is_some_and(|it| it.process == agent.process);
            let is_busy = drives || !matches!(agent.doing, Doing::Nothing);
            if state.left.crashes > 0 && is_busy {
                turns.push(Turn::Crashes(at));
            }
        }
        for process in &state.present {
            let is_free = !state.is_alive(*process);
            if (is_free || state.left.unheard > 0) && is_named(state, *process) {
                turns.push(Turn::PresenceEnds(*process));
            }
        }
        if state.lock.is_some_and(|lock| !state.is_alive(lock.process)) {
            turns.push(Turn::LeaseEnds);
        }
        match state.driven().map(|release| release.phase) {
            Some(Phase::Open) => {
                turns.push(Turn::Proceeds);
                if state.left.ills > 0 {
                    turns.push(Turn::BacksOut);
                }
            }
            Some(Phase::Standby) => turns.push(Turn::StandbyEnds),
            _ => {}
        }
        let mut requests = Vec::new();
        state.requests(self, &mut requests);
        turns.extend(requests.into_iter().map(Turn::Requests));
    }

    fn next_state(&self, last: &State, turn: Turn) -> Option<State> {
        let mut state = self.follow(last, turn)?;
        if self.ways {
            can_finish::hold(self, &mut state);
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all = never::each();
        all.extend(self.reaches.iter().map(|reach| reach.property()));
        all
    }
}

/// Whether an entry says that this process opens its release.
fn is_named(state: &State, process: u8) -> bool {
    let name = super::state::process_name(process);
    state
        .queue
        .iter()
        .any(|entry| matches!(&entry.state, EntryState::RollingOut { agent, .. } if *agent == name))
}

impl Scope {
    /// The state after a turn; none if the turn changes nothing.
    pub(crate) fn follow(&self, last: &State, turn: Turn) -> Option<State> {
        let mut state = last.clone();
        match turn {
            Turn::Arrives(push) => {
                state.arrived.insert(push);
                state.queue.push(State::push(self, push));
                state.queue.sort_by_key(|entry| entry.push.received_at);
            }
            Turn::Looks(at) => {
                if !state.looks(self, at) {
                    return None;
                }
            }
            Turn::Acts(at) => state.acts(self, at),
            Turn::Crashes(at) => {
                state.left.crashes -= 1;
                let newest = state.agents.iter().map(|agent| agent.process).max();
                let process = newest.unwrap_or_default().max(last_process(&state)) + 1;
                state.present.insert(process);
                state.agents[at] = Agent {
                    process,
                    doing: Doing::Nothing,
                };
            }
            Turn::PresenceEnds(process) => {
                state.left.unheard -= u8::from(state.is_alive(process));
                state.present.remove(&process);
            }
            Turn::LeaseEnds => state.lock = None,
            Turn::Proceeds => state.proceed(false),
            Turn::BacksOut => {
                state.left.ills -= 1;
                state.proceed(true);
            }
            Turn::StandbyEnds => state.end(Phase::Done),
            Turn::Requests(request) => {
                if !state.requested(self, request) {
                    return None;
                }
            }
        }
        state.judge_entries();
        Some(state)
    }
}

fn last_process(state: &State) -> u8 {
    state.present.last().copied().unwrap_or_default()
}
