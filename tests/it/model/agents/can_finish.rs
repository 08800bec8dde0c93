//! Whether the queue comes to rest well from a state if nothing more happens: every crashed process is noticed, every
//! driver ends its release, and the agents look and act until nothing is due. Then no entry is rolling out, every entry
//! that waits says what for, and the newest push is live if its version works and nothing stops it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use greenroom::inventory::{EntryState, newest};

use super::never::Violation;
use super::scope::{Budget, FAILING, Scope};
use super::state::{Doing, Person, Phase, State};
use super::turns::Turn;

/// More rounds than any queue of the model needs.
const LONG: usize = 40;

/// What is wrong when the queue has come to rest, by the hash of each state that was passed on the way. Many states come
/// to rest by the same way.
#[derive(Debug, Default)]
pub(crate) struct Rests(Mutex<HashMap<u64, Result<(), Violation>>>);

impl Clone for Rests {
    /// A copy of a scope may have other bounds or flaws, so nothing is known about it.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Rests {
    fn known(&self, hash: u64) -> Option<Result<(), Violation>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&hash).copied()
    }

    fn learn(&self, passed: Vec<u64>, result: Result<(), Violation>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(passed.into_iter().map(|hash| (hash, result)));
    }
}

/// A turn, if it is possible.
fn take(scope: &Scope, state: &mut State, turn: Turn) {
    if let Some(next) = scope.follow(state, turn) {
        *state = next;
    }
}

/// Every crashed process is noticed, every agent does one thing, and the driver goes on.
fn round(scope: &Scope, state: &mut State) {
    let gone = state.present.iter().copied();
    let gone: Vec<u8> = gone.filter(|it| !state.is_alive(*it)).collect();
    for process in gone {
        take(scope, state, Turn::PresenceEnds(process));
    }
    if state.lock.is_some_and(|lock| !state.is_alive(lock.process)) {
        take(scope, state, Turn::LeaseEnds);
    }
    for at in 0..state.agents.len() {
        if matches!(state.agents[at].doing, Doing::Nothing) {
            take(scope, state, Turn::Looks(at));
        }
        while !matches!(state.agents[at].doing, Doing::Nothing) {
            take(scope, state, Turn::Acts(at));
        }
    }
    match state.driven().map(|release| release.phase) {
        Some(Phase::Open) => take(scope, state, Turn::Proceeds),
        Some(Phase::Standby) => take(scope, state, Turn::StandbyEnds),
        _ => {}
    }
}

/// Lets the queue come to rest, and notes what is then not as it should be.
pub(crate) fn hold(scope: &Scope, state: &mut State) {
    if state.violations.any() {
        return;
    }
    let mut rest = state.clone();
    rest.left = Budget::default();
    rest.operator = None;
    let mut passed = Vec::new();
    let result = settle(scope, rest, &mut passed);
    scope.rests.learn(passed, result);
    if let Err(violation) = result {
        state.violations.add(violation);
    }
}

/// Fails with what is wrong at the end, and notes the states on the way there.
fn settle(scope: &Scope, mut rest: State, passed: &mut Vec<u64>) -> Result<(), Violation> {
    let mut hash = rest.hashed();
    for _ in 0..LONG {
        if let Some(known) = scope.rests.known(hash) {
            return known;
        }
        passed.push(hash);
        round(scope, &mut rest);
        let before = std::mem::replace(&mut hash, rest.hashed());
        if hash == before {
            if rest.violations.any() {
                return Err(Violation::NotSettled);
            }
            return broken(&rest).map_or(Ok(()), Err);
        }
    }
    Err(Violation::NotSettled)
}

fn broken(rest: &State) -> Option<Violation> {
    // An operator took the release over and stopped.
    let is_left = |id: u8| {
        let release = rest.release(id);
        release.is_some_and(|it| it.driven_last_by == Person::Operator && !it.phase.is_over())
    };
    for entry in &rest.queue {
        match &entry.state {
            EntryState::RollingOut { .. } => {
                let is_left = super::state::named(entry).is_some_and(is_left);
                if !is_left {
                    return Some(Violation::NotSettled);
                }
            }
            EntryState::Waiting { why: None } => return Some(Violation::NotExplained),
            _ => {}
        }
    }
    let newest = newest(&rest.queue)?;
    let version = newest.push.tag.chars().next()?;
    let is_busy = rest.releases.iter().any(|it| is_left(it.id));
    let is_stopped = rest.is_held || is_busy || version == FAILING;
    let is_waiting = matches!(newest.state, EntryState::Waiting { .. });
    let is_live = rest.live == version;
    let has_own_live = matches!(newest.state, EntryState::Done { .. });
    if is_waiting && !is_stopped && !is_live {
        return Some(Violation::NotLive);
    }
    // An operator may have released or rolled back another version since.
    let is_others = rest
        .releases
        .iter()
        .any(|it| it.opened_by == Person::Operator && it.id > 1);
    (has_own_live && !is_live && !is_others).then_some(Violation::NotLive)
}
