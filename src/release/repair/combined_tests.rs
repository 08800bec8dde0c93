//! Tests of plans after two manual changes: the plan of the repair keeps the interlocks for each pair of changes.

use super::tests::{BY_HAND, planned};
use crate::inventory::drift::world_tests::agreed;
use crate::inventory::{Snapshot, is_beyond_any_switch};
use crate::release::action::Action;

/// Whether the snapshot has everything that the manual changes of [`BY_HAND`] change.
pub(super) fn is_whole(snapshot: &Snapshot) -> bool {
    let blue = &snapshot.slots.blue;
    blue.instance.is_some()
        && blue.registration.is_some()
        && snapshot.route.is_some()
        && snapshot.proxy.is_some()
        && snapshot.public.is_some()
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
            let proxy_generation = snapshot.proxy.as_ref().map_or(0, |proxy| proxy.generation);
            let route_generation = snapshot.route.as_ref().map_or(0, |r| r.value.generation);
            let pointed = repair_actions
                .iter()
                .find_map(|planned| match &planned.repair_action {
                    Action::Switch(movement) => Some(movement.to),
                    _ => None,
                });
            let answered = snapshot.proxy.as_ref().and_then(|proxy| proxy.slot);
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
