//! Repairs of a scheduler, of which only one may run.

use super::plan::plan;
use super::sample::sample_definition;
use super::tests::{EXITED, TestProxy, titles};
use super::{Item, Remedy};
use crate::inventory::drift::Name;
use crate::inventory::drift::world_tests::{agreed, live, release, started_again};
use crate::inventory::{ServiceKind, Snapshot, Tier};

/// The differences, and the actions that repair them.
fn planned(change: fn(&mut Snapshot)) -> (Vec<Item>, Vec<String>) {
    let mut snapshot = agreed();
    snapshot.kind = ServiceKind::Scheduler;
    change(&mut snapshot);
    let mut definition = sample_definition(Tier::Staging);
    definition.kind = ServiceKind::Scheduler;
    let (items, actions) = plan((&snapshot, &Ok(())), &definition, None, &TestProxy);
    (items, titles(&actions))
}

#[test]
fn the_second_of_two_schedulers_is_stopped() {
    let (items, actions) = planned(started_again);
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].drift.name, Name::InstanceStarted);
    let message = &items[0].drift.message;
    assert!(
        message.contains("only one of a scheduler may run"),
        "{message}"
    );
    assert_eq!(actions, ["stop green"]);
}

/// The candidate of a release whose driver has ended is the only one that runs.
#[test]
fn a_candidate_that_runs_alone_is_not_stopped() {
    let (items, actions) = planned(|snapshot| {
        started_again(snapshot);
        for member in &mut snapshot.slots.green.members {
            member.release = Some(release(8));
        }
        live(snapshot).state = EXITED;
    });
    assert_eq!(actions, [""; 0], "{items:?}");
}

#[test]
fn a_scheduler_is_not_started_again_while_another_one_runs() {
    let (items, actions) = planned(|snapshot| {
        started_again(snapshot);
        live(snapshot).state = EXITED;
    });
    assert_eq!(actions, ["stop green"]);
    let task = items.into_iter().find_map(|item| match item.remedy {
        Remedy::Person(task) => Some(task),
        _ => None,
    });
    let task = task.expect("a task for a person");
    assert!(
        task.starts_with("blue is not started while green"),
        "{task}"
    );
    let (_, actions) = planned(|snapshot| live(snapshot).state = EXITED);
    assert_eq!(actions, ["start blue again"]);
}
