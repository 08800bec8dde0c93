//! The scopes of two slots in which an operator repairs.

use greenroom::inventory::{Slot, Tier};

use super::super::check;
use super::super::never::Reach;
use super::super::scope::{Budget, Want};
use super::Slots;
use super::bounds::Bounds;
use super::edits::Edit::{
    self, DeletesRoute, Lingers, LosesPointer, PointsElsewhere, RoutesElsewhere, StartsAgain,
    Unregisters, Vanishes,
};

type Scope = super::super::scope::Scope<Slots>;

/// Everything that can be edited.
const ANYTHING: &[Edit] = &[
    Vanishes(Slot::Blue),
    Vanishes(Slot::Green),
    StartsAgain(Slot::Blue),
    StartsAgain(Slot::Green),
    Unregisters(Slot::Blue),
    Unregisters(Slot::Green),
    RoutesElsewhere,
    DeletesRoute,
    PointsElsewhere,
    LosesPointer,
    Lingers(Slot::Blue),
    Lingers(Slot::Green),
];

fn edited(edits: &'static [Edit], edit_count: u8) -> Bounds {
    Bounds {
        leftover: true,
        edits,
        edit_count,
        ..Bounds::default()
    }
}

/// Limits of faults, ills, requests and losses.
fn up_to(faults: u8, ills: u8, requests: u8, losses: u8) -> Budget {
    Budget {
        faults,
        ills,
        requests,
        losses,
        ..Budget::default()
    }
}

/// One operator repairs what was edited.
fn alone(edit_count: u8, budget: Budget) -> Scope {
    Scope {
        wants: vec![Want::Repair],
        side: edited(ANYTHING, edit_count),
        budget,
        reaches: vec![Reach::Repaired],
        ..Scope::one(Tier::Development)
    }
}

/// One operator promotes, and another one repairs before, meanwhile or after it.
fn with_release(edit_count: u8, budget: Budget) -> Scope {
    Scope {
        wants: vec![Want::Version('b'), Want::Repair],
        side: Bounds {
            leftover: false,
            ..edited(ANYTHING, edit_count)
        },
        reaches: vec![Reach::RepairedAndDone],
        ..alone(edit_count, budget)
    }
}

#[test]
fn a_repair_breaks_no_interlock() {
    check("repair", alone(3, up_to(0, 0, 0, 0)), 10_000);
    let stopped = Scope {
        reaches: vec![Reach::Repaired, Reach::RepairFailed, Reach::RepairStopped],
        ..alone(1, up_to(1, 0, 1, 0))
    };
    check("repair, a stop", stopped, 800);
    check("repair, a fault", alone(2, up_to(1, 0, 0, 0)), 6_500);
    check("repair, an ill", alone(1, up_to(0, 1, 0, 0)), 1_800);
    let late = |budget| Budget {
        unheard: 1,
        ..budget
    };
    let loss = alone(2, late(up_to(0, 0, 0, 1)));
    check("repair, a loss", loss, 23_000);
    let all = alone(1, late(up_to(1, 1, 0, 0)));
    check("repair, all", all, 48_000);
}

/// Two operators repair the same differences.
#[test]
fn two_repairs_break_no_interlock() {
    let two = |budget| Scope {
        wants: vec![Want::Repair, Want::Repair],
        reaches: vec![Reach::Repaired, Reach::SecondRefused],
        ..alone(1, budget)
    };
    check("two repairs", two(up_to(0, 0, 0, 1)), 4_500);
}

/// After some repairs, nothing is left that a repair can do.
#[test]
fn repairs_come_to_an_end() {
    let ways = |scope| Scope {
        ways: true,
        ..scope
    };
    let edits = ways(alone(2, up_to(0, 0, 0, 0)));
    check("ways, repair", edits, 1_300);
    let ill = ways(alone(1, up_to(0, 1, 0, 0)));
    check("ways, repair, an ill", ill, 1_800);
    let fault = ways(alone(1, up_to(1, 0, 0, 0)));
    check("ways, repair, a fault", fault, 400);
    let release = ways(with_release(1, up_to(0, 0, 0, 0)));
    check("ways, repair and release", release, 500);
}

#[test]
fn a_repair_keeps_off_a_release() {
    let fault = with_release(1, up_to(1, 0, 0, 0));
    check("repair and release", fault, 30_000);
    let loss = with_release(1, up_to(0, 0, 0, 1));
    check("repair and release, a loss", loss, 14_000);
    let wish = with_release(1, up_to(0, 0, 1, 0));
    check("repair and release, a wish", wish, 16_000);
}

/// The first operator's driver, or only its lease, is lost at any point. One operator resumes, and another one repairs.
#[test]
fn a_repair_keeps_off_an_interrupted_release() {
    const EDITS: &[Edit] = &[
        Vanishes(Slot::Blue),
        Unregisters(Slot::Green),
        PointsElsewhere,
        DeletesRoute,
    ];
    let interrupted = Scope {
        wants: vec![Want::Version('b'), Want::Resume, Want::Repair],
        side: Bounds {
            leftover: false,
            ..edited(EDITS, 1)
        },
        reaches: vec![Reach::SecondDone, Reach::Repaired],
        ..with_release(1, up_to(0, 0, 0, 1))
    };
    check("repair, taken up", interrupted, 100_000);
}
