//! Proves that the checker notices what a repair must not do: one fact is not seen, or one guard is missing, and the
//! property that it protects breaks.

use greenroom::inventory::{Slot, Tier};

use super::super::never::{BLINDLY, OVERTAKEN, ROUTED_TO_NOTHING, TOUCHED_LIVE, UNCHECKED};
use super::super::require_noticed;
use super::super::scope::{Budget, Want};
use super::Slots;
use super::bounds::Bounds;
use super::edits::Edit::{
    self, DeletesRoute, Lingers, LosesPointer, PointsElsewhere, RoutesElsewhere, Unregisters,
    Vanishes,
};
use super::flaws::SlotsFlaw;

type Scope = super::super::scope::Scope<Slots>;
type Flaw = super::super::flaws::Flaw<SlotsFlaw>;

const NOTHING: Budget = Budget {
    faults: 0,
    ills: 0,
    requests: 0,
    losses: 0,
    unheard: 0,
    holds: 0,
    others: 0,
};
const ILL: Budget = Budget { ills: 1, ..NOTHING };
const LOSS: Budget = Budget {
    losses: 1,
    ..NOTHING
};

fn repair(edits: &'static [Edit], edit_count: u8, budget: Budget) -> Scope {
    Scope {
        wants: vec![Want::Repair],
        side: Bounds {
            leftover: true,
            edits,
            edit_count,
            ..Bounds::default()
        },
        budget,
        reaches: Vec::new(),
        ..Scope::one(Tier::Development)
    }
}

/// Two operators repair, and the first one loses its lock.
fn two(edits: &'static [Edit], budget: Budget) -> Scope {
    Scope {
        wants: vec![Want::Repair, Want::Repair],
        ..repair(edits, 1, budget)
    }
}

#[test]
fn every_fact_that_a_repair_does_not_see_is_noticed() {
    use super::super::flaws::Flaw::{
        JournalForgets, LockIsGivenTwice, RepairSeesOnce, RouteSeenAsProven, Side,
        StoreTakesAnyToken,
    };
    use SlotsFlaw::{
        ExitUnseen, ProbeSeenGood, ProxySeenAsRouted, ProxyTakesAnyToken,
        RegistrationSeenAsRunning, RequestsUnseen, RouteSeenAsPointed,
    };
    const GREEN: Slot = Slot::Green;
    let mutants: [(Scope, &[Flaw], &str); 12] = [
        // What is registered in green is stopped while the proxy points there.
        (
            repair(&[PointsElsewhere], 1, ILL),
            &[Side(ProxySeenAsRouted)],
            TOUCHED_LIVE,
        ),
        (
            repair(&[RoutesElsewhere], 1, ILL),
            &[Side(RouteSeenAsPointed)],
            TOUCHED_LIVE,
        ),
        (
            repair(&[Lingers(GREEN)], 1, ILL),
            &[Side(RequestsUnseen)],
            TOUCHED_LIVE,
        ),
        (
            repair(&[PointsElsewhere], 1, ILL),
            &[Side(ProbeSeenGood)],
            ROUTED_TO_NOTHING,
        ),
        (
            repair(&[PointsElsewhere], 1, ILL),
            &[Side(ExitUnseen)],
            ROUTED_TO_NOTHING,
        ),
        (
            repair(&[LosesPointer, Unregisters(Slot::Blue)], 2, NOTHING),
            &[Side(RegistrationSeenAsRunning)],
            ROUTED_TO_NOTHING,
        ),
        (
            repair(&[RoutesElsewhere, LosesPointer], 2, NOTHING),
            &[RouteSeenAsProven],
            UNCHECKED,
        ),
        (
            repair(&[PointsElsewhere, Vanishes(GREEN)], 2, NOTHING),
            &[RepairSeesOnce],
            TOUCHED_LIVE,
        ),
        (two(&[DeletesRoute], LOSS), &[StoreTakesAnyToken], OVERTAKEN),
        (
            two(&[LosesPointer], LOSS),
            &[Side(ProxyTakesAnyToken)],
            OVERTAKEN,
        ),
        (
            two(&[DeletesRoute], NOTHING),
            &[LockIsGivenTwice],
            OVERTAKEN,
        ),
        (
            repair(&[DeletesRoute], 1, NOTHING),
            &[JournalForgets],
            BLINDLY,
        ),
    ];
    for (scope, flaws, property) in mutants {
        require_noticed(scope, flaws, property);
    }
}
