//! Whether a release can still end well, forward and backwards, if nothing more fails. A failed
//! step is retried. A release that cannot end that way is stuck. Repairs can always end, and after a few repairs no
//! difference is left that an action removes.

use greenroom::release::{Choice, Progress};

use super::driver::{Driver, Owed};
use super::look::Blind;
use super::never::Violation;
use super::repairer;
use super::repairs::RepairTurn;
use super::scope::{Budget, Scope, Want};
use super::side::Side;
use super::state::{End, Seat, State};
use super::turns::Turn;

/// More turns than any release needs.
const LONG: usize = 300;

/// How an operator's release ends when nothing more fails and failures are retried for as long as
/// that helps; backwards, if requested and possible.
fn end<S: Side>(scope: &Scope<S>, state: &State<S>, by: usize, is_back: bool) -> Option<End> {
    let mut state = state.clone();
    let retries = 4;
    state.left = Budget {
        requests: retries + u8::from(is_back),
        ..Budget::default()
    };
    if is_back {
        state = scope.follow(&state, Turn::BacksOut(by))?;
    }
    for _ in 0..LONG {
        state.world.side.finish_tasks();
        let turn = match &state.seats[by] {
            Seat::Driving(driver) => {
                let may_leave = state.world.side.needs_a_person(is_back);
                next(driver, is_back, state.left.requests, may_leave)?
            }
            Seat::Over(end) => return Some(*end),
            _ => return None,
        };
        state = scope.follow(&state, turn)?;
    }
    None
}

fn next<S: Side>(
    driver: &Driver<S>,
    is_back: bool,
    retries: u8,
    may_leave: bool,
) -> Option<Turn<S::Event>> {
    let by = driver.by;
    match &driver.owed {
        Some(Owed::Look(_)) => return Some(Turn::Sees(by, Blind::Nothing)),
        Some(_) => return Some(Turn::Goes(by)),
        None => {}
    }
    match driver.machine.status().progress {
        Progress::Asking { .. } => Some(Turn::Yes(by)),
        Progress::Choosing { choices, .. } => {
            let goes_back = is_back && choices.contains(&Choice::BackOut);
            if goes_back {
                Some(Turn::Chooses(by, Choice::BackOut))
            } else if retries > 0 {
                Some(Turn::Chooses(by, Choice::Retry))
            } else {
                may_leave.then_some(Turn::Chooses(by, Choice::Leave))
            }
        }
        _ => driver.timer.map(|_| Turn::Fires(by)),
    }
}

/// Checks every driven release for that, unless its lock is lost, or an instance was changed in a
/// way that the model cannot repair.
pub(crate) fn hold<S: Side>(scope: &Scope<S>, state: &mut State<S>) {
    if let Some(by) = scope.wants.iter().position(|want| *want == Want::Repair) {
        hold_repairs(scope, state, by);
        return;
    }
    if state.world.violations.any() || state.world.side.is_hurt() {
        return;
    }
    for by in 0..state.seats.len() {
        let is_driving = matches!(state.seats[by], Seat::Driving(_));
        if !is_driving || !state.world.store.is_held_by(by) {
            continue;
        }
        for (is_back, violation) in [(false, Violation::NoWayOn), (true, Violation::NoWayBack)] {
            // An operator chose to leave it before.
            let ends = end(scope, state, by, is_back);
            if !matches!(
                ends,
                Some(End::Done | End::BackedOut | End::Left | End::Parked)
            ) {
                state.world.violations.add(violation);
            }
        }
    }
}

/// More repairs than any world needs, if nothing more fails.
const MOST_REPAIRS: usize = 3;

/// How one more repair ends.
enum OneMore {
    Ended,
    /// No action is left, or a person has to act first.
    NotNeeded,
    Stuck,
}

/// Repairs until no action is left. An operator who drives the target would be in the way.
fn hold_repairs<S: Side>(scope: &Scope<S>, state: &mut State<S>, by: usize) {
    let mut others = (0..state.seats.len()).filter(|other| *other != by);
    let is_driven = others.any(|other| state.is_busy(other));
    let world = &state.world;
    let is_quiet = world.late.is_empty() && !world.violations.any();
    if is_driven || !is_quiet || !world.side.can_be_repaired() {
        return;
    }
    let mut next = state.clone();
    next.left = Budget::default();
    for _ in 0..=MOST_REPAIRS {
        match repair(scope, &mut next, by) {
            OneMore::Ended => {}
            OneMore::NotNeeded => return,
            OneMore::Stuck => break,
        }
    }
    state.world.violations.add(Violation::NeverRepaired);
}

/// Ends the repair of an operator, or makes one more.
fn repair<S: Side>(scope: &Scope<S>, state: &mut State<S>, by: usize) -> OneMore {
    if matches!(state.seats[by], Seat::Over(_)) {
        // The lock of a repair that crashed ends with its lease.
        state.world.store.lock = None;
        state.seats[by] = Seat::Waiting;
    }
    for _ in 0..LONG {
        let turn = match &state.seats[by] {
            Seat::Waiting => RepairTurn::Plans,
            Seat::ToRepair(plan) if plan.for_a_person().next().is_some() => {
                return OneMore::NotNeeded;
            }
            Seat::ToRepair(_) => RepairTurn::Opens,
            Seat::Repairing(repairer) => match &repairer.owed {
                Some(repairer::Owed::Look) => RepairTurn::Sees(Blind::Nothing),
                Some(repairer::Owed::Pause) if !state.world.store.is_held_by(by) => {
                    RepairTurn::IsCutOff
                }
                Some(repairer::Owed::Pause) => RepairTurn::PauseEnds,
                _ => RepairTurn::Goes,
            },
            _ => return OneMore::Ended,
        };
        match scope.follow(state, Turn::Repairs(by, turn)) {
            Some(next) => *state = next,
            None => return OneMore::NotNeeded,
        }
    }
    OneMore::Stuck
}
