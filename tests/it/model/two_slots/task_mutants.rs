//! Proves that the checker notices violations of what tasks promise, see [`super::mutants`].

use super::super::never::{
    BLINDLY, OVERLAPPED, OVERTAKEN, RAN_THOUGH_LOST, RAN_TWICE, TASK_NOT_UNDONE, UNDONE_UNRUN,
};
use super::super::scope::Budget;
use super::super::{broken, require_noticed};
use super::Slots;
use super::flaws::SlotsFlaw;
use super::task_scopes::{FAILURE, NOTHING, PRUNE, one, resumed, up_to};
use super::tasks::TaskBounds::Migrate;
use super::tasks::TaskBudget;

type Scope = super::super::scope::Scope<Slots>;
type Flaw = super::super::flaws::Flaw<SlotsFlaw>;

/// A scope, its flaws, and the property that must break.
type Mutant = (Scope, &'static [Flaw], &'static str);

fn alone(task_budget: TaskBudget, budget: Budget) -> Scope {
    Scope {
        reaches: Vec::new(),
        ..one(Migrate, task_budget, budget)
    }
}

fn mutants() -> Vec<Mutant> {
    use super::super::flaws::Flaw::{IntentForgetsTask, Side};
    use SlotsFlaw::{
        EndedTaskIsStarted, RunningTaskSeenEnded, TaskIsNotReplaced, UnstartedTaskSeenEnded,
    };
    let request = up_to(0, 1, 0, 0);
    vec![
        (
            alone(NOTHING, up_to(0, 0, 0, 0)),
            &[IntentForgetsTask],
            BLINDLY,
        ),
        (
            alone(NOTHING, up_to(0, 0, 0, 1)),
            &[Side(EndedTaskIsStarted)],
            RAN_TWICE,
        ),
        (
            alone(NOTHING, up_to(0, 0, 0, 1)),
            &[Side(TaskIsNotReplaced)],
            RAN_TWICE,
        ),
        (
            alone(NOTHING, request),
            &[Side(UnstartedTaskSeenEnded)],
            UNDONE_UNRUN,
        ),
        (
            alone(FAILURE, request),
            &[Side(RunningTaskSeenEnded)],
            OVERLAPPED,
        ),
    ]
}

/// Without flaws, [`super::task_scopes`] checks these bounds.
fn mutants_of_larger_scopes() -> Vec<Mutant> {
    use super::super::flaws::Flaw::Side;
    use SlotsFlaw::{
        BegunForgotten, EndedTaskIsStarted, TaskIsNotWithdrawn, TaskKeptFromAnother,
        TaskStartsForAnyToken, TaskTakenFromNewer,
    };
    let loss = |task_budget| resumed(Migrate, task_budget, up_to(0, 0, 1, 0));
    vec![
        (
            alone(NOTHING, up_to(0, 1, 0, 1)),
            &[Side(TaskIsNotWithdrawn)],
            TASK_NOT_UNDONE,
        ),
        (
            loss(NOTHING),
            &[
                Side(TaskKeptFromAnother),
                Side(TaskStartsForAnyToken),
                Side(EndedTaskIsStarted),
            ],
            RAN_TWICE,
        ),
        (loss(NOTHING), &[Side(TaskTakenFromNewer)], OVERTAKEN),
        (loss(PRUNE), &[Side(BegunForgotten)], RAN_THOUGH_LOST),
    ]
}

#[test]
fn every_disabled_guard_of_tasks_is_noticed() {
    for (scope, flaws, property) in mutants() {
        require_noticed(scope, flaws, property);
    }
    for (scope, flaws, property) in mutants_of_larger_scopes() {
        let flawed = Scope {
            flaws: flaws.to_vec(),
            ..scope
        };
        println!("{flaws:?}:");
        assert!(
            broken(flawed, property).contains(&property),
            "{flaws:?} is not noticed"
        );
    }
}
