//! Shows that the checker notices violations of these properties: a [`Flaw`] disables one guard of an agent, the engine or the store, and
//! the property that it protects must break. Without the flaw nothing breaks within the same bounds. Where a second
//! guard covers the first, both are disabled.

use greenroom::inventory::Tier;
use stateright::{Checker, HasDiscoveries, Model};

use super::agent_scopes::{scope, up_to};
use super::never::{DISMISSED, FAILED, OLDER, PROTECTED, ROLLED_BACK, TAKEN_OVER, TWICE};
use super::scope::Flaw::{
    EngineComparesIds, EngineIgnoresQueue, EngineResumesAnything, ForgetsFailures,
    ForgetsRollbackInStandby, IgnoresTier, OpensBeforeNaming, PlansForAgentInProtected,
    ResumesAnything, StoreTakesAnyEntry, TakesFromTheLiving, TakesOldest,
};
use super::scope::{Budget, Deed, Flaw, Scope};

/// A scope, its flaws, and the property that must break.
type Mutant = (Scope, &'static [Flaw], &'static str);

fn allowing(allowed: &'static [Deed], scope: Scope) -> Scope {
    Scope { allowed, ..scope }
}

fn mutants() -> Vec<Mutant> {
    let retried = |agents, crashes| allowing(&[Deed::Retry], scope("c", agents, up_to(1, crashes)));
    let unheard = Budget {
        unheard: 1,
        ..up_to(1, 0)
    };
    let protected = Scope {
        tier: Tier::Protected,
        ..scope("b", 1, up_to(0, 0))
    };
    let taken_over = allowing(&[Deed::TakeOver], scope("b", 1, up_to(1, 0)));
    vec![
        (
            retried(1, 1),
            &[OpensBeforeNaming, EngineIgnoresQueue],
            TWICE,
        ),
        (
            retried(2, 0),
            &[TakesFromTheLiving, EngineIgnoresQueue],
            TWICE,
        ),
        (
            allowing(&[Deed::Retry], scope("c", 2, unheard)),
            &[EngineIgnoresQueue],
            TWICE,
        ),
        (scope("cc", 1, up_to(0, 0)), &[ForgetsFailures], FAILED),
        (
            allowing(&[Deed::Promote], scope("c", 1, up_to(1, 0))),
            &[EngineComparesIds],
            FAILED,
        ),
        (
            scope("bd", 1, up_to(0, 0)),
            &[TakesOldest, EngineIgnoresQueue],
            OLDER,
        ),
        (scope("bd", 2, up_to(0, 0)), &[EngineIgnoresQueue], OLDER),
        (
            protected,
            &[IgnoresTier, PlansForAgentInProtected],
            PROTECTED,
        ),
        (
            taken_over.clone(),
            &[ResumesAnything, EngineResumesAnything],
            TAKEN_OVER,
        ),
        (
            allowing(&[Deed::TakeOver], scope("b", 1, up_to(1, 1))),
            &[EngineResumesAnything],
            TAKEN_OVER,
        ),
        (
            allowing(&[Deed::RollBack, Deed::Hold], scope("bb", 1, up_to(2, 0))),
            &[ForgetsRollbackInStandby],
            ROLLED_BACK,
        ),
        (
            allowing(&[Deed::Dismiss], scope("b", 1, up_to(1, 0))),
            &[StoreTakesAnyEntry],
            DISMISSED,
        ),
    ]
}

/// The properties that break, until `wanted` does.
fn broken(scope: Scope, wanted: &'static str) -> Vec<&'static str> {
    let checker = scope.checker();
    let checker = checker.finish_when(HasDiscoveries::AnyOf([wanted].into()));
    let checker = checker.spawn_bfs().join();
    println!("{} states", checker.unique_state_count());
    checker.discoveries().into_keys().collect()
}

#[test]
fn every_disabled_guard_is_noticed() {
    for (scope, flaws, property) in mutants() {
        println!("{flaws:?}:");
        let flawed = Scope {
            flaws: flaws.to_vec(),
            ways: false,
            ..scope.clone()
        };
        let found = broken(flawed, property);
        assert!(
            found.contains(&property),
            "{flaws:?} is not noticed: {found:?}"
        );
        let whole = Scope {
            ways: false,
            ..scope
        };
        assert_eq!(broken(whole, property), [""; 0], "the bounds of {flaws:?}");
    }
}
