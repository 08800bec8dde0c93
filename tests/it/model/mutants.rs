//! Proves that the checker notices violations: a [`Flaw`] of the surrounding world disables one
//! guard, and the property that it protects must break. Without the flaw nothing breaks within the
//! same bounds. Where a second guard covers the first, both are disabled.

use greenroom::inventory::Tier;
use stateright::{Checker, HasDiscoveries, Model};

use super::flaws::Flaw;
use super::never::{
    A_WAY_BACK, BLINDLY, HELD, NO_PEER_APPROVAL, OVERLAPPED, OVERTAKEN, ROUTED_TO_NOTHING, STUCK,
    TOGGLED, TOUCHED_LIVE, UNASKED, UNCHECKED, WRONG_APPROVAL,
};
use super::others::SOMEBODY;
use super::scope::{Budget, ByHand, Scope, Want};

const FAULT: Budget = Budget {
    faults: 1,
    ..NOTHING
};
const FAULTS: Budget = Budget {
    faults: 2,
    ..NOTHING
};
const ILL: Budget = Budget { ills: 1, ..NOTHING };
const ILLS: Budget = Budget { ills: 2, ..NOTHING };
const REQUEST: Budget = Budget {
    requests: 1,
    ..NOTHING
};
const LOSS: Budget = Budget {
    losses: 1,
    ..NOTHING
};
const NOTHING: Budget = Budget {
    faults: 0,
    ills: 0,
    requests: 0,
    losses: 0,
    unheard: 0,
    holds: 0,
    others: 0,
};

fn one(budget: Budget) -> Scope {
    Scope {
        budget,
        ..Scope::one(Tier::Development)
    }
}

fn two(second: Want, budget: Budget) -> Scope {
    Scope {
        wants: [Want::Version('b'), second],
        ..one(budget)
    }
}

fn protected(budget: Budget) -> Scope {
    Scope {
        tier: Tier::Protected,
        ..one(budget)
    }
}

/// The live slot is taken for the old one, and is deregistered.
const DEREGISTERS: &[Flaw] = &[Flaw::RouteSeenAsSwitched, Flaw::StoreDeregistersLive];

/// A scope, its flaws, and the property that must break.
type Mutant = (Scope, &'static [Flaw], &'static str);

fn mutants() -> Vec<Mutant> {
    use Flaw::{
        ActAnswersEarly, ApprovedTomorrow, ChecksSeenOfPlan, ChecksSeenPassed, DigestSeenAsPlanned,
        EngineAsksNobody, HolderSeenAsNobody, JournalForgets, LockIsGivenTwice, OldObservation,
        PlanForgetsTier, PlansAreAlike, ProbeSeenGood, ProxyRefusesToStay, ProxySeenAsRouted,
        ProxyTakesAnyToken, RegistrationSeenAsPlanned, RouteSeenAsBefore, RouteSeenAsSwitched,
        StartedOverAStop, StoreRoutesToUnregistered, StoreTakesAnyFrom, StoreTakesAnyNeeds,
        StoreTakesAnyToken, TimersAreLost,
    };
    let meddled = Scope {
        by_hand: ByHand::InTheSwitch,
        ..one(NOTHING)
    };
    let moved_back = Scope {
        by_hand: ByHand::BeforeTheStop,
        ..one(NOTHING)
    };
    let ways = Scope {
        ways: true,
        ..one(FAULT)
    };
    let strays = Scope {
        strays: true,
        ..protected(NOTHING)
    };
    let held = one(Budget {
        holds: 1,
        ..NOTHING
    });
    let others = Scope {
        others: &[SOMEBODY],
        ..one(Budget {
            others: 1,
            ..NOTHING
        })
    };
    let resumed = Scope {
        others: &[1],
        ..two(
            Want::Resume,
            Budget {
                requests: 1,
                ..LOSS
            },
        )
    };
    let unheard = Budget {
        unheard: 1,
        ..REQUEST
    };
    vec![
        (one(FAULT), &[ProxySeenAsRouted], ROUTED_TO_NOTHING),
        (
            one(FAULTS),
            &[RouteSeenAsBefore, Flaw::StoreDeregistersLive],
            ROUTED_TO_NOTHING,
        ),
        (
            one(FAULT),
            &[RegistrationSeenAsPlanned, StoreRoutesToUnregistered],
            ROUTED_TO_NOTHING,
        ),
        (one(ILL), &[ProbeSeenGood], UNCHECKED),
        (one(ILL), &[DigestSeenAsPlanned], UNCHECKED),
        (one(ILL), &[ChecksSeenPassed], UNCHECKED),
        (one(ILLS), &[ChecksSeenOfPlan], UNCHECKED),
        (one(NOTHING), &[OldObservation], UNCHECKED),
        (
            two(Want::Version('c'), LOSS),
            &[StoreTakesAnyToken],
            OVERTAKEN,
        ),
        (two(Want::Resume, LOSS), &[StoreTakesAnyToken], OVERTAKEN),
        (two(Want::Resume, LOSS), &[ProxyTakesAnyToken], OVERTAKEN),
        (
            two(Want::Version('c'), NOTHING),
            &[LockIsGivenTwice],
            OVERTAKEN,
        ),
        (two(Want::Resume, NOTHING), &[LockIsGivenTwice], OVERTAKEN),
        (two(Want::Resume, LOSS), &[EngineAsksNobody], TOUCHED_LIVE),
        (two(Want::Resume, LOSS), &[StartedOverAStop], TOUCHED_LIVE),
        (one(unheard), &[StartedOverAStop], TOUCHED_LIVE),
        (meddled, &[StoreTakesAnyFrom], TOGGLED),
        (moved_back.clone(), &[ProxySeenAsRouted], ROUTED_TO_NOTHING),
        (moved_back.clone(), &[RouteSeenAsSwitched], TOUCHED_LIVE),
        (moved_back, DEREGISTERS, ROUTED_TO_NOTHING),
        (one(NOTHING), &[JournalForgets], BLINDLY),
        (one(REQUEST), &[ActAnswersEarly], OVERLAPPED),
        (strays, &[PlansAreAlike], WRONG_APPROVAL),
        (protected(ILL), &[ApprovedTomorrow], WRONG_APPROVAL),
        (protected(NOTHING), &[PlanForgetsTier], UNASKED),
        (one(FAULT), &[TimersAreLost], STUCK),
        (ways, &[ProxyRefusesToStay], A_WAY_BACK),
        (held, &[StoreTakesAnyNeeds], HELD),
        (others.clone(), &[StoreTakesAnyNeeds], NO_PEER_APPROVAL),
        (resumed, &[HolderSeenAsNobody], NO_PEER_APPROVAL),
    ]
}

/// The properties that break, until `wanted` does.
fn broken(scope: Scope, wanted: &'static str) -> Vec<&'static str> {
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

#[test]
fn every_disabled_guard_is_noticed() {
    for (scope, flaws, property) in mutants() {
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
}
