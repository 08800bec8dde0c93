//! The scopes of tasks: commands that run at most once per release, whoever drives it.

use greenroom::inventory::{TaskPoint, Tier};

use super::super::check;
use super::super::never::Reach;
use super::super::scope::{Budget, Want};
use super::Slots;
use super::bounds::Bounds;
use super::tasks::{TaskBounds, TaskBudget};

type Scope = super::super::scope::Scope<Slots>;

pub(super) const NOTHING: TaskBudget = TaskBudget {
    failures: 0,
    prunes: 0,
};
pub(super) const FAILURE: TaskBudget = TaskBudget {
    failures: 1,
    ..NOTHING
};
pub(super) const PRUNE: TaskBudget = TaskBudget {
    prunes: 1,
    ..NOTHING
};

pub(super) fn one(tasks: TaskBounds, task_budget: TaskBudget, budget: Budget) -> Scope {
    Scope {
        side: Bounds {
            tasks,
            task_budget,
            ..Bounds::default()
        },
        budget,
        reaches: vec![Reach::Done, Reach::BackedOut],
        ..Scope::one(Tier::Development)
    }
}

/// The first operator's driver, or its lease, is lost at any point, and another operator resumes.
pub(super) fn resumed(tasks: TaskBounds, task_budget: TaskBudget, budget: Budget) -> Scope {
    Scope {
        wants: vec![Want::Version('b'), Want::Resume],
        reaches: vec![Reach::Done, Reach::SecondDone, Reach::SecondBackedOut],
        ..one(tasks, task_budget, budget)
    }
}

/// Limits of faults, requests, losses and unheard acts.
pub(super) fn up_to(faults: u8, requests: u8, losses: u8, unheard: u8) -> Budget {
    Budget {
        faults,
        requests,
        losses,
        unheard,
        ..Budget::default()
    }
}

const BOTH: TaskBounds = TaskBounds::MigrateAndNote(TaskPoint::AfterSwitch);
const BEFORE: TaskBounds = TaskBounds::MigrateAndNote(TaskPoint::BeforeSwitch);

#[test]
fn a_task_runs_at_most_once_for_one_operator() {
    check(
        "tasks, a fault",
        one(BOTH, NOTHING, up_to(1, 0, 0, 0)),
        7_000,
    );
    check(
        "tasks, a wish",
        one(BEFORE, NOTHING, up_to(0, 1, 0, 0)),
        5_000,
    );
    let unheard = one(TaskBounds::Migrate, NOTHING, up_to(0, 1, 0, 1));
    check("tasks, unheard", unheard, 45_000);
    let crash = Scope {
        reaches: vec![Reach::Done],
        ..one(BOTH, NOTHING, up_to(0, 0, 1, 0))
    };
    check("tasks, a crash", crash, 1_800);
}

/// A command fails, and the release goes back. Or a person removes its container.
#[test]
fn a_failed_or_lost_task_is_undone_at_most_once() {
    check(
        "tasks, failed",
        one(BOTH, FAILURE, up_to(0, 1, 0, 0)),
        9_500,
    );
    let lost = Scope {
        reaches: vec![Reach::Done, Reach::BackedOut, Reach::Left],
        ..one(TaskBounds::Migrate, PRUNE, up_to(0, 1, 0, 0))
    };
    check("tasks, lost", lost, 7_000);
}

/// The requests of the first operator's driver may arrive at any later time. Between the two drivers a person may remove
/// the container.
#[test]
fn a_task_runs_at_most_once_whoever_resumes_the_release() {
    let taken_up = resumed(TaskBounds::Migrate, PRUNE, up_to(0, 0, 1, 0));
    check("tasks, taken up", taken_up, 75_000);
}

#[test]
fn every_state_of_a_task_has_a_way_to_end_the_release() {
    let ways = |scope| Scope {
        ways: true,
        ..scope
    };
    let migrate = |task_budget, budget| ways(one(TaskBounds::Migrate, task_budget, budget));
    let fault = migrate(NOTHING, up_to(1, 0, 0, 0));
    check("ways, tasks, a fault", fault, 2_300);
    let failed = migrate(FAILURE, up_to(0, 0, 0, 0));
    check("ways, tasks, failed", failed, 300);
    let lost = Scope {
        reaches: vec![Reach::Done],
        ..migrate(PRUNE, up_to(0, 0, 0, 0))
    };
    check("ways, tasks, lost", lost, 150);
}
