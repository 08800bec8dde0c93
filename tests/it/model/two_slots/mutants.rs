//! Proves that the checker notices violations: a [`Flaw`] of the surrounding world disables one
//! guard, and the property that it protects must break. Without the flaw nothing breaks within the
//! same bounds. Where a second guard covers the first, both are disabled.

use greenroom::inventory::{ServiceKind, Tier};

use super::super::never::{
    A_WAY_BACK, BLINDLY, HELD, NO_PEER_APPROVAL, OVERLAPPED, OVERTAKEN, ROUTED_TO_NOTHING, STUCK,
    TOGGLED, TOUCHED_LIVE, TWO_AT_ONCE, UNASKED, UNCHECKED, WRONG_APPROVAL,
};
use super::super::others::SOMEBODY;
use super::super::require_noticed;
use super::super::scope::{Budget, Want};
use super::Slots;
use super::bounds::{Bounds, ByHand};
use super::flaws::SlotsFlaw;

type Scope = super::super::scope::Scope<Slots>;
type Flaw = super::super::flaws::Flaw<SlotsFlaw>;

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
        wants: vec![Want::Version('b'), second],
        ..one(budget)
    }
}

fn protected(budget: Budget) -> Scope {
    Scope {
        tier: Tier::Protected,
        ..one(budget)
    }
}

fn by_hand(by_hand: ByHand) -> Bounds {
    Bounds {
        by_hand,
        ..Bounds::default()
    }
}

/// The live slot is taken for the old one, and is deregistered.
const DEREGISTERS: &[Flaw] = &[
    Flaw::Side(SlotsFlaw::RouteSeenAsSwitched),
    Flaw::Side(SlotsFlaw::StoreDeregistersLive),
];

/// A scope, its flaws, and the property that must break.
type Mutant = (Scope, &'static [Flaw], &'static str);

#[expect(clippy::too_many_lines, reason = "one table over all mutants")]
fn mutants() -> Vec<Mutant> {
    use super::super::flaws::Flaw::{
        ActAnswersEarly, ApprovedTomorrow, ChecksSeenOfPlan, ChecksSeenPassed, EngineAsksNobody,
        HolderSeenAsNobody, JournalForgets, LockIsGivenTwice, PlanForgetsTier, PlansAreAlike, Side,
        StoreTakesAnyToken, TimersAreLost,
    };
    use SlotsFlaw::{
        DigestSeenAsPlanned, OldObservation, ProbeSeenGood, ProxyRefusesToStay, ProxySeenAsRouted,
        ProxyTakesAnyToken, QuietStaysRegistered, RegistrationSeenAsPlanned, RouteSeenAsBefore,
        RouteSeenAsSwitched, SlotSeenStopped, StartedOverAStop, StoreDeregistersLive,
        StoreRoutesToUnregistered, StoreTakesAnyFrom, StoreTakesAnyNeeds,
    };
    let meddled = Scope {
        side: by_hand(ByHand::InTheSwitch),
        ..one(NOTHING)
    };
    let moved_back = Scope {
        side: by_hand(ByHand::BeforeTheStop),
        ..one(NOTHING)
    };
    let worker_moved_back = Scope {
        side: Bounds {
            kind: ServiceKind::Worker,
            ..by_hand(ByHand::BeforeTheStop)
        },
        ..one(NOTHING)
    };
    let quieted = |scope: Scope| Scope {
        side: Bounds {
            kind: ServiceKind::Worker,
            quiet: true,
            ..scope.side
        },
        ..scope
    };
    let scheduler = |scope: Scope| Scope {
        side: Bounds {
            kind: ServiceKind::Scheduler,
            ..scope.side
        },
        ..scope
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
        (one(FAULT), &[Side(ProxySeenAsRouted)], ROUTED_TO_NOTHING),
        (
            one(FAULTS),
            &[Side(RouteSeenAsBefore), Side(StoreDeregistersLive)],
            ROUTED_TO_NOTHING,
        ),
        (
            one(FAULT),
            &[
                Side(RegistrationSeenAsPlanned),
                Side(StoreRoutesToUnregistered),
            ],
            ROUTED_TO_NOTHING,
        ),
        (one(ILL), &[Side(ProbeSeenGood)], UNCHECKED),
        (one(ILL), &[Side(DigestSeenAsPlanned)], UNCHECKED),
        (one(ILL), &[ChecksSeenPassed], UNCHECKED),
        (one(ILLS), &[ChecksSeenOfPlan], UNCHECKED),
        (one(NOTHING), &[Side(OldObservation)], UNCHECKED),
        (
            two(Want::Version('c'), LOSS),
            &[StoreTakesAnyToken],
            OVERTAKEN,
        ),
        (two(Want::Resume, LOSS), &[StoreTakesAnyToken], OVERTAKEN),
        (
            two(Want::Resume, LOSS),
            &[Side(ProxyTakesAnyToken)],
            OVERTAKEN,
        ),
        (
            two(Want::Version('c'), NOTHING),
            &[LockIsGivenTwice],
            OVERTAKEN,
        ),
        (two(Want::Resume, NOTHING), &[LockIsGivenTwice], OVERTAKEN),
        (two(Want::Resume, LOSS), &[EngineAsksNobody], TOUCHED_LIVE),
        (
            two(Want::Resume, LOSS),
            &[Side(StartedOverAStop)],
            TOUCHED_LIVE,
        ),
        (one(unheard), &[Side(StartedOverAStop)], TOUCHED_LIVE),
        (meddled, &[Side(StoreTakesAnyFrom)], TOGGLED),
        (
            moved_back.clone(),
            &[Side(ProxySeenAsRouted)],
            ROUTED_TO_NOTHING,
        ),
        (
            moved_back.clone(),
            &[Side(RouteSeenAsSwitched)],
            TOUCHED_LIVE,
        ),
        (
            worker_moved_back,
            &[Side(RouteSeenAsSwitched)],
            TOUCHED_LIVE,
        ),
        (moved_back, DEREGISTERS, ROUTED_TO_NOTHING),
        (
            quieted(two(Want::Standby, LOSS)),
            &[Side(QuietStaysRegistered)],
            ROUTED_TO_NOTHING,
        ),
        (scheduler(one(FAULT)), &[Side(SlotSeenStopped)], TWO_AT_ONCE),
        (
            scheduler(two(Want::Resume, LOSS)),
            &[EngineAsksNobody],
            TWO_AT_ONCE,
        ),
        (one(NOTHING), &[JournalForgets], BLINDLY),
        (one(REQUEST), &[ActAnswersEarly], OVERLAPPED),
        (strays, &[PlansAreAlike], WRONG_APPROVAL),
        (protected(ILL), &[ApprovedTomorrow], WRONG_APPROVAL),
        (protected(NOTHING), &[PlanForgetsTier], UNASKED),
        (one(FAULT), &[TimersAreLost], STUCK),
        (ways, &[Side(ProxyRefusesToStay)], A_WAY_BACK),
        (held, &[Side(StoreTakesAnyNeeds)], HELD),
        (
            others.clone(),
            &[Side(StoreTakesAnyNeeds)],
            NO_PEER_APPROVAL,
        ),
        (resumed, &[HolderSeenAsNobody], NO_PEER_APPROVAL),
    ]
}

#[test]
fn every_disabled_guard_is_noticed() {
    for (scope, flaws, property) in mutants() {
        require_noticed(scope, flaws, property);
    }
}
