//! The scopes: which pushes arrive, and what else may happen.

use std::time::Instant;

use greenroom::inventory::{StateKind, Tier};
use stateright::{Checker, HasDiscoveries, Model};

use super::can_finish::Rests;
use super::never::Reach;
use super::scope::{Budget, Deed, Scope};
use crate::support::is_fast;

/// The largest number of states of a scope that `tests/run --fast` checks. The whole run checks all scopes.
const MOST_IN_FAST: usize = 2_500;

pub(crate) fn scope(pushes: &str, agents: usize, budget: Budget) -> Scope {
    Scope {
        tier: Tier::Development,
        pushes: pushes.chars().collect(),
        agents,
        budget,
        allowed: &[],
        ways: true,
        rests: Rests::default(),
        reaches: Vec::new(),
        flaws: Vec::new(),
    }
}

/// Tries everything within the bounds, prints the number of states, and requires at least `least` of them.
fn check(name: &str, scope: Scope, least: usize) {
    if is_fast() && least > MOST_IN_FAST {
        println!("{name}: more than {least} states, left to the whole run");
        return;
    }
    let started = Instant::now();
    let checker = scope.checker().threads(2);
    let checker = checker.finish_when(HasDiscoveries::AnyFailures);
    let checker = checker.spawn_bfs().join();
    let states = checker.unique_state_count();
    println!(
        "{name}: {states} states, {} turns, {} deep, in {:.1?}",
        checker.state_count(),
        checker.max_depth(),
        started.elapsed()
    );
    for property in checker.model().properties() {
        let path = checker.discovery(property.name);
        match (property.expectation.discovery_is_failure(), path) {
            (true, Some(path)) => {
                let last = format!("{:#?}", path.last_state());
                panic!(
                    "{name}: not so: {}: {:?}\n{last}",
                    property.name,
                    path.into_actions()
                );
            }
            (false, None) => panic!("{name}: it is never {}", property.name),
            _ => {}
        }
    }
    assert!(states >= least, "{name}: only {states} states");
}

/// Limits of requests and crashes.
pub(crate) fn up_to(requests: u8, crashes: u8) -> Budget {
    Budget {
        requests,
        crashes,
        ..Budget::default()
    }
}

#[test]
fn an_agent_that_crashes_releases_each_push_once() {
    let ends = || {
        vec![
            Reach::Entry(StateKind::Done),
            Reach::Entry(StateKind::Failed),
            Reach::Entry(StateKind::Skipped),
            Reach::Resumed,
        ]
    };
    let one = Scope {
        reaches: ends(),
        ..scope("bc", 1, up_to(0, 2))
    };
    check("agent", one, 3_000);
    let ill = Scope {
        reaches: ends(),
        ..scope(
            "bd",
            1,
            Budget {
                ills: 1,
                ..up_to(0, 1)
            },
        )
    };
    check("agent, ill", ill, 1_400);
    let same = Scope {
        reaches: vec![Reach::Entry(StateKind::Failed)],
        ..scope("ccb", 1, up_to(0, 1))
    };
    check("agent, a failing version twice", same, 4_500);
}

#[test]
fn two_agents_release_each_push_once() {
    let two = Scope {
        reaches: vec![
            Reach::Entry(StateKind::Done),
            Reach::Entry(StateKind::Skipped),
        ],
        ..scope("bd", 2, up_to(0, 0))
    };
    check("two agents", two, 9_000);
    let crash = Scope {
        reaches: vec![Reach::Entry(StateKind::Done), Reach::Resumed],
        ..scope("b", 2, up_to(0, 1))
    };
    check("two agents, a crash", crash, 3_000);
    let unheard = Budget {
        unheard: 1,
        ..Budget::default()
    };
    check("two agents, unheard", scope("c", 2, unheard), 1_000);
}

#[test]
fn an_operator_decides_against_an_agent() {
    let with = |pushes, budget, allowed, reach| Scope {
        allowed,
        reaches: vec![reach],
        ..scope(pushes, 1, budget)
    };
    let back = with(
        "bb",
        up_to(3, 0),
        &[Deed::RollBack, Deed::Hold],
        Reach::RolledBack,
    );
    check("agent, rolled back", back, 10_000);
    let held = with(
        "b",
        up_to(2, 1),
        &[Deed::Hold, Deed::Dismiss, Deed::Retry],
        Reach::Entry(StateKind::Done),
    );
    check("agent, held", held, 400);
    let taken_over = with("b", up_to(1, 1), &[Deed::TakeOver], Reach::TakenOver);
    check("agent, taken over", taken_over, 100);
    let promoted = with(
        "bc",
        up_to(2, 0),
        &[Deed::Promote, Deed::Retry],
        Reach::Retried,
    );
    check("agent, an operator promotes", promoted, 7_000);
}

#[test]
fn in_a_protected_environment_an_agent_offers() {
    let protected = Scope {
        tier: Tier::Protected,
        allowed: &[Deed::Promote, Deed::Dismiss],
        reaches: vec![Reach::Entry(StateKind::Offered)],
        ..scope("bc", 2, up_to(1, 0))
    };
    check("agent, protected", protected, 900);
}
