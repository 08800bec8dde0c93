//! The scopes of two slots: who wants what, and what may fail.

use greenroom::inventory::{ServiceKind, Tier};
use greenroom::release::OnFailure;

use super::super::check;
use super::super::never::Reach;
use super::super::others::SOMEBODY;
use super::super::scope::{Budget, Want};
use super::Slots;
use super::bounds::{Bounds, ByHand};
use super::tasks::{TaskBounds, TaskBudget};

type Scope = super::super::scope::Scope<Slots>;

/// The other slot has an older version without traffic.
const LEFTOVER: Bounds = Bounds {
    kind: ServiceKind::Http,
    quiet: false,
    leftover: true,
    by_hand: ByHand::Never,
    edits: &[],
    edit_count: 0,
    tasks: TaskBounds::None,
    task_budget: TaskBudget {
        failures: 0,
        prunes: 0,
    },
};

/// Limits of faults, ills, requests and losses.
fn up_to(faults: u8, ills: u8, requests: u8, losses: u8) -> Budget {
    Budget {
        faults,
        ills,
        requests,
        losses,
        unheard: 0,
        holds: 0,
        others: 0,
    }
}

fn alone(budget: Budget) -> Scope {
    Scope {
        budget,
        reaches: vec![Reach::Done, Reach::BackedOut],
        ..Scope::one(Tier::Development)
    }
}

#[test]
fn the_interlocks_hold_for_one_operator() {
    let protected = |budget| Scope {
        tier: Tier::Protected,
        ..alone(budget)
    };
    let ends = || vec![Reach::Done, Reach::BackedOut, Reach::Left, Reach::Parked];
    let leftover = Scope {
        side: LEFTOVER,
        reaches: ends(),
        ..alone(up_to(1, 1, 1, 1))
    };
    check("alone", leftover, 130_000);
    check("alone, two faults", alone(up_to(2, 0, 1, 0)), 17_000);
    let strays = Scope {
        strays: true,
        ..protected(up_to(1, 1, 1, 0))
    };
    check("alone, protected", strays, 65_000);
    let asks_nobody = Scope {
        on_failure: OnFailure::BackOut,
        ..alone(up_to(1, 1, 1, 0))
    };
    check("alone, asking nobody", asks_nobody, 35_000);
}

/// In every state the release can still be ended forward and backwards, if nothing more fails.
#[test]
fn every_state_has_a_way_to_end_the_release() {
    let ways = |scope| Scope {
        ways: true,
        ..scope
    };
    check("ways", ways(alone(up_to(2, 0, 0, 0))), 2_300);
    let protected = Scope {
        tier: Tier::Protected,
        ..alone(up_to(1, 0, 0, 0))
    };
    check("ways, protected", ways(protected), 380);
    let resumed = resumed(Tier::Development, up_to(0, 0, 0, 1));
    check("ways, taken up", ways(resumed), 3_400);
}

#[test]
fn the_interlocks_hold_for_two_operators_with_a_release_each() {
    let second = |want, budget, end| Scope {
        wants: vec![Want::Version('b'), want],
        budget,
        reaches: vec![Reach::Done, end, Reach::SecondRefused],
        ..Scope::one(Tier::Development)
    };
    let other = Want::Version('c');
    let faulty = second(other, up_to(1, 0, 0, 1), Reach::SecondDone);
    check("two", faulty, 140_000);
    let ill = second(other, up_to(0, 1, 0, 1), Reach::SecondBackedOut);
    check("two, ill", ill, 250_000);
    let back = Scope {
        side: LEFTOVER,
        ..second(Want::Standby, up_to(0, 0, 1, 1), Reach::SecondDone)
    };
    check("two, the second back", back, 55_000);
}

/// A worker, which has no proxy, in the same situations.
#[test]
fn the_interlocks_hold_for_a_worker() {
    let worker = |scope: Scope| Scope {
        side: Bounds {
            kind: ServiceKind::Worker,
            ..scope.side
        },
        ..scope
    };
    let leftover = Scope {
        side: LEFTOVER,
        ..alone(up_to(1, 1, 1, 0))
    };
    check("worker", worker(leftover), 76_000);
    let ways = Scope {
        ways: true,
        ..alone(up_to(2, 0, 0, 0))
    };
    check("worker, ways", worker(ways), 2_500);
    let second = Scope {
        wants: vec![Want::Version('b'), Want::Version('c')],
        budget: up_to(1, 0, 0, 0),
        reaches: vec![Reach::Done, Reach::SecondDone, Reach::SecondRefused],
        ..Scope::one(Tier::Development)
    };
    check("worker, two", worker(second), 3_800);
    let moved = Scope {
        side: Bounds {
            by_hand: ByHand::BeforeTheStop,
            ..Bounds::default()
        },
        reaches: vec![Reach::Done, Reach::Left],
        ..alone(up_to(1, 0, 0, 0))
    };
    check("worker, moved by hand", worker(moved), 1_600);
    let taken_back = resumed(Tier::Development, up_to(1, 0, 0, 1));
    check("worker, resumed", worker(taken_back), 91_000);
}

/// A worker that is told to take no more jobs before it is stopped. The live version takes jobs.
#[test]
fn a_live_worker_is_never_quiet() {
    let quieted = |scope: Scope| Scope {
        side: Bounds {
            kind: ServiceKind::Worker,
            quiet: true,
            ..scope.side
        },
        ..scope
    };
    check("quiet", quieted(alone(up_to(1, 0, 1, 0))), 4_400);
    let resumed_after = |budget| resumed(Tier::Development, budget);
    let open = quieted(resumed_after(up_to(0, 0, 0, 1)));
    check("quiet, resumed", open, 5_000);
    let unheard = Budget {
        unheard: 1,
        ..up_to(0, 0, 1, 0)
    };
    check("quiet, unheard", quieted(alone(unheard)), 5_500);
    let back = Scope {
        side: LEFTOVER,
        wants: vec![Want::Version('b'), Want::Standby],
        budget: up_to(0, 0, 0, 1),
        reaches: vec![Reach::Done, Reach::SecondDone],
        ..Scope::one(Tier::Development)
    };
    check("quiet, the second back", quieted(back), 6_500);
}

/// A scheduler, of which two never run at once: the live version is stopped before the new one starts.
#[test]
fn the_interlocks_hold_for_a_scheduler() {
    let scheduler = |scope: Scope| Scope {
        side: Bounds {
            kind: ServiceKind::Scheduler,
            ..scope.side
        },
        ..scope
    };
    let leftover = Scope {
        side: LEFTOVER,
        ..alone(up_to(1, 1, 1, 0))
    };
    check("scheduler", scheduler(leftover), 69_000);
    let ways = Scope {
        ways: true,
        ..alone(up_to(2, 0, 0, 0))
    };
    check("scheduler, ways", scheduler(ways), 3_100);
    let second = Scope {
        wants: vec![Want::Version('b'), Want::Version('c')],
        budget: up_to(1, 0, 0, 0),
        reaches: vec![Reach::Done, Reach::SecondDone, Reach::SecondRefused],
        ..Scope::one(Tier::Development)
    };
    check("scheduler, two", scheduler(second), 4_600);
    let resumed_after = |budget| resumed(Tier::Development, budget);
    let taken_up = resumed_after(up_to(1, 0, 0, 1));
    check("scheduler, resumed", scheduler(taken_up), 140_000);
    let unheard = |budget| Budget {
        unheard: 1,
        ..budget
    };
    let late = alone(unheard(up_to(0, 0, 1, 0)));
    check("scheduler, unheard", scheduler(late), 5_400);
    let late = resumed_after(unheard(up_to(0, 0, 0, 1)));
    check("scheduler, unheard, resumed", scheduler(late), 109_000);
}

/// The second operator's release ends the standby of the first, at any moment of it.
#[test]
fn another_operator_can_end_a_standby_at_any_moment() {
    let ended = |want, budget| Scope {
        wants: vec![Want::Version('b'), want],
        ends_standby: true,
        budget,
        reaches: vec![Reach::Done, Reach::EndedBySecond],
        ..Scope::one(Tier::Development)
    };
    let back = ended(Want::Standby, up_to(1, 0, 0, 0));
    check("standby ended, back, a fault", back, 5_000);
    let lost = ended(Want::Standby, up_to(0, 0, 0, 1));
    check("standby ended, back, a loss", lost, 2_000);
    let other = ended(Want::Version('c'), up_to(0, 0, 1, 0));
    check("standby ended, a wish", other, 9_000);
}

fn resumed(tier: Tier, budget: Budget) -> Scope {
    Scope {
        tier,
        wants: vec![Want::Version('b'), Want::Resume],
        budget,
        reaches: vec![Reach::Done, Reach::SecondDone, Reach::SecondBackedOut],
        ..Scope::one(Tier::Development)
    }
}

/// The first operator's driver, or only its lease, is lost at any point, and another operator
/// resumes.
#[test]
fn another_operator_can_resume_at_any_point() {
    let open = |budget| resumed(Tier::Development, budget);
    check("taken up, a fault", open(up_to(1, 0, 0, 1)), 65_000);
    check("taken up, an ill", open(up_to(0, 1, 0, 1)), 95_000);
    check("taken up, lost twice", open(up_to(0, 0, 0, 2)), 15_000);
    let leftover = Scope {
        side: LEFTOVER,
        ..open(up_to(0, 0, 1, 1))
    };
    check("taken up, a wish", leftover, 80_000);
    let protected = resumed(Tier::Protected, up_to(0, 0, 1, 1));
    check("taken up, protected", protected, 65_000);
}

/// A person moves traffic back to the old version, or deletes the route, without Greenroom, between
/// the switch and the stop. A slot that has or may have traffic again is not stopped (interlock 1).
#[test]
fn traffic_moved_back_by_hand_keeps_the_old_version() {
    let moved = |budget| Scope {
        side: Bounds {
            by_hand: ByHand::BeforeTheStop,
            ..Bounds::default()
        },
        reaches: vec![Reach::Done, Reach::Left],
        ..alone(budget)
    };
    check("moved by hand", moved(up_to(0, 0, 1, 0)), 400);
    check("moved by hand, a fault", moved(up_to(1, 0, 0, 0)), 800);
}

/// A target is held during its release: a switch that had not happened does not happen then.
#[test]
fn a_held_release_does_not_switch() {
    let held = |budget: Budget| Scope {
        reaches: vec![Reach::Done, Reach::BackedOut, Reach::Left],
        ..alone(Budget { holds: 2, ..budget })
    };
    check("held", held(up_to(0, 0, 1, 0)), 1_800);
    check("held, a fault", held(up_to(1, 0, 0, 0)), 2_800);
    let resumed = Scope {
        budget: Budget {
            holds: 1,
            ..up_to(0, 0, 0, 1)
        },
        ..resumed(Tier::Development, up_to(0, 0, 0, 1))
    };
    check("held, taken up", resumed, 18_000);
}

/// Another operator must approve the release: the approval is given, withdrawn and expires at any
/// moment, also by the operator who then takes the release over.
#[test]
fn a_release_switches_only_while_others_approve_it() {
    let others = |scope: Scope| Scope {
        others: &[1, SOMEBODY],
        budget: Budget {
            others: 1,
            ..scope.budget
        },
        ..scope
    };
    let one = Scope {
        reaches: vec![Reach::Done],
        ..alone(up_to(0, 0, 1, 0))
    };
    check("others", others(one), 6_000);
    let faulty = Scope {
        reaches: vec![Reach::Done],
        ..alone(up_to(1, 0, 0, 0))
    };
    check("others, a fault", others(faulty), 10_000);
    let resumed = resumed(Tier::Development, up_to(0, 0, 0, 1));
    check("others, taken up", others(resumed), 130_000);
}

/// A call that was reported as failed, or that was under way when its driver died, happens later
/// than expected. The engine has started what it was asked: a stop of the same instance is answered
/// after it. A switch is made by a link that the next switch removes.
#[test]
fn late_calls_break_no_interlock() {
    let unheard = |budget| Budget {
        unheard: 1,
        ..budget
    };
    check("unheard", alone(unheard(up_to(0, 0, 1, 0))), 4_500);
    let faulty = alone(unheard(up_to(1, 0, 1, 0)));
    check("unheard, a fault", faulty, 40_000);
    let open = resumed(Tier::Development, unheard(up_to(0, 0, 0, 1)));
    check("unheard, taken up", open, 130_000);
}
