//! The release machine under a model checker: production's state machine in a small world, with some operators, in every
//! order of events within the bounds of a [`scope`]. [`never`] has the properties, and [`turns`] the possible events.
//!
//! A world has a common part ([`state`]) and a [`side`], which is how a target runs and gets its traffic. A side has a
//! folder of its own, with its scopes and with mutants, which prove that violations are noticed. To add a side, add a
//! folder and name it here.

mod agents;
mod answers;
mod calls;
mod can_finish;
mod driver;
mod flaws;
mod happens;
mod journal;
mod look;
mod names;
mod never;
mod others;
mod planning;
mod repair_planning;
mod repairer;
mod repairs;
mod scope;
mod side;
mod state;
mod store;
mod turns;
mod two_slots;

use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

use flaws::Flaw;
use scope::Scope;
use side::Side;

use crate::support::is_fast;

/// The largest number of states of a scope that `tests/run --fast` checks. The whole run checks all scopes.
const MOST_IN_FAST: usize = 20_000;

/// Tries everything within the bounds, prints the number of states, and requires at least `least`
/// of them.
fn check<S: Side>(name: &str, scope: Scope<S>, least: usize) {
    if is_fast() && least > MOST_IN_FAST {
        println!("{name}: more than {least} states, left to the whole run");
        return;
    }
    let started = Instant::now();
    let checker = scope
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let states = checker.unique_state_count();
    println!(
        "{name}: {states} states, {} turns, {} deep, in {:.1?}",
        checker.state_count(),
        checker.max_depth(),
        started.elapsed()
    );
    let properties = checker.model().properties();
    for property in properties {
        let path = checker.discovery(property.name);
        match (property.expectation.discovery_is_failure(), path) {
            (true, Some(path)) => {
                let broken = never::broken(checker.model(), path.last_state());
                let turns = path.into_actions();
                panic!(
                    "{name}: not so: {}: {broken:?}, by {turns:?}",
                    property.name
                );
            }
            (false, None) => panic!("{name}: it is never {}", property.name),
            _ => {}
        }
    }
    assert!(states >= least, "{name}: only {states} states");
}

/// The properties that break, until `wanted` does.
fn broken<S: Side>(scope: Scope<S>, wanted: &'static str) -> Vec<&'static str> {
    let checker = scope
        .checker()
        .finish_when(HasDiscoveries::AnyOf([wanted].into()))
        .spawn_bfs()
        .join();
    let found = checker.discoveries().into_keys();
    let is_failure = |name: &&str| {
        let property = checker.model().properties();
        let mut property = property.iter().filter(|it| it.name == *name);
        property.any(|it| it.expectation.discovery_is_failure())
    };
    let found: Vec<_> = found.filter(is_failure).collect();
    println!("{found:?} among {} states", checker.unique_state_count());
    found
}

/// Requires that `property` breaks with these flaws, and that nothing breaks without them.
fn require_noticed<S: Side>(scope: Scope<S>, flaws: &[Flaw<S::Flaw>], property: &'static str) {
    let flawed = Scope {
        flaws: flaws.to_vec(),
        ..scope.clone()
    };
    println!("{flaws:?}:");
    assert!(
        broken(flawed, property).contains(&property),
        "{flaws:?} is not noticed"
    );
    assert_eq!(broken(scope, property), [""; 0], "the bounds of {flaws:?}");
}
