//! Tests of plans after two manual changes: the plan of the repair keeps the interlocks for each pair of changes.

use super::tests::{BY_HAND, EXITED, planned, titles};
use crate::inventory::drift::world_tests::{agreed, live, proxy, public};
use crate::inventory::{Snapshot, is_beyond_any_switch};
use crate::release::action::Action;

/// Whether the snapshot has everything that the manual changes of [`BY_HAND`] change.
pub(super) fn is_whole(snapshot: &Snapshot) -> bool {
    let blue = &snapshot.slots.blue;
    !blue.members.is_empty()
        && blue.registration.is_some()
        && snapshot.route.is_some()
        && snapshot.edges.answer_for_target()
        && snapshot.edges.is_any_public_known()
}

/// No plan stops or deregisters the slot that has the traffic, and none lowers a generation that a switch can have
/// made.
#[test]
fn after_two_manual_changes_a_plan_keeps_the_interlocks() {
    for (first, one, _) in BY_HAND {
        for (second, other, _) in BY_HAND {
            let mut snapshot = agreed();
            one(&mut snapshot);
            if !is_whole(&snapshot) {
                // The first change may have removed what the second needs.
                continue;
            }
            other(&mut snapshot);
            let (_, repair_actions) = planned(&snapshot, None);
            let proxy_generation = snapshot.edges.answered_generation();
            let route_generation = snapshot.route.as_ref().map_or(0, |r| r.value.generation);
            let pointed = repair_actions
                .iter()
                .find_map(|planned| match &planned.repair_action {
                    Action::Switch(movement) => Some(movement.to),
                    _ => None,
                });
            let answered = snapshot.edges.slot();
            let traffic = pointed.or(answered);
            for planned in &repair_actions {
                let what = format!("{first} and {second}: {planned:?}");
                match &planned.repair_action {
                    Action::Stop { slot, .. } | Action::Deregister(slot) => {
                        assert_ne!(Some(*slot), traffic, "{what}");
                    }
                    Action::Rebase { from, generation } => {
                        assert!(*generation >= from.highest_generation(), "{what}");
                    }
                    Action::Switch(movement) => {
                        assert!(movement.generation > proxy_generation, "{what}");
                    }
                    Action::Route(rewrite) => {
                        let is_forged = is_beyond_any_switch(route_generation, proxy_generation);
                        assert!(
                            rewrite.generation >= route_generation || is_forged,
                            "{what}"
                        );
                        assert!(rewrite.generation < 1_000_000, "{what}");
                        assert!(rewrite.generation >= proxy_generation, "{what}");
                    }
                    _ => {}
                }
            }
        }
    }
}

/// A switch needs a registered slot. Without a live pointer, the comparison does not report the missing registration.
#[test]
fn a_slot_is_registered_before_the_traffic_moves_to_it() {
    let mut snapshot = agreed();
    proxy(&mut snapshot).slot = None;
    proxy(&mut snapshot).generation = 0;
    public(&mut snapshot).slot = None;
    snapshot.slots.blue.registration = None;
    let (_, repair_actions) = planned(&snapshot, None);
    assert_eq!(
        titles(&repair_actions),
        ["register blue", "point the proxy at blue"]
    );
    live(&mut snapshot).state = EXITED;
    let (_, repair_actions) = planned(&snapshot, None);
    assert_eq!(
        titles(&repair_actions),
        [
            "start blue again",
            "register blue",
            "point the proxy at blue"
        ]
    );
}
