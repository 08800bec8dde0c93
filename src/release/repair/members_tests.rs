//! A slot with two containers: a repair says which one a person should remove.

use super::Remedy;
use super::tests::planned;
use crate::inventory::drift::world_tests::{agreed, registered, with_copy};
use crate::inventory::{InstanceId, Slot, Snapshot};

#[test]
fn a_person_is_told_which_of_two_containers_to_remove() {
    let task = |change: fn(&mut Snapshot)| {
        let mut snapshot = agreed();
        change(&mut snapshot);
        let (items, _) = planned(&snapshot, None);
        match items.into_iter().next().expect("a difference").remedy {
            Remedy::Person(task) => task,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        task(|s| with_copy(s, Slot::Blue, 'c')),
        "blue has 2 containers or processes instead of 1: greenroom-web.qa.blue, debugging. Remove the one that does not belong to blue, probably debugging. Until then, no release goes back to blue; a promote starts its version in green"
    );
    // The registered one belongs to the slot, whatever its name.
    let registered = task(|s| {
        with_copy(s, Slot::Blue, 'c');
        registered(s).members[0].instance = InstanceId("copy".into());
    });
    assert!(
        registered.contains("probably greenroom-web.qa.blue."),
        "{registered}"
    );
}
