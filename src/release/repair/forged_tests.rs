//! Routes and entries that another program wrote. A version that no release proves is not started.
//! An operator lowers a generation that no switch has made to the proxy's generation; it is never
//! raised into the proxy.

use super::guard_tests::{operator, says, well};
use super::tests::{Says, definition, planned, planned_where};
use super::{Remedy, RepairAction, RepairPlan, Rewrite, Standing, Verdict, plan};
use crate::inventory::drift::world_tests::{agreed, digest, pointer, proxy, release, route};
use crate::inventory::{HIGHEST_GENERATION, Slot, Snapshot, Tier};
use crate::release::{Need, RepairApproval, need_to_repair};

/// The generation of the proxy if everything agrees.
const TOLD: u64 = 41;

/// Another program wrote a generation into the route.
fn forged(live: Slot) -> Snapshot {
    let mut snapshot = agreed();
    route(&mut snapshot).generation = HIGHEST_GENERATION;
    route(&mut snapshot).live = live;
    snapshot
}

fn generations(snapshot: &Snapshot) -> Vec<u64> {
    let (_, repair_actions) = planned(snapshot, None);
    let generations = repair_actions
        .iter()
        .filter_map(|planned| match &planned.repair_action {
            RepairAction::Route(rewrite) => Some(rewrite.generation),
            RepairAction::Point { generation, .. } | RepairAction::Rebase { generation, .. } => {
                Some(*generation)
            }
            _ => None,
        });
    generations.collect()
}

#[test]
fn a_forged_generation_is_lowered_to_that_of_the_proxy() {
    assert_eq!(generations(&forged(Slot::Blue)), [TOLD]);
    // Its slot is not trusted either: the traffic stays.
    let elsewhere = forged(Slot::Green);
    assert_eq!(generations(&elsewhere), [TOLD + 1, TOLD + 1]);
    let (_, repair_actions) = planned(&elsewhere, None);
    let is_to_blue = |repair_action: &RepairAction| match repair_action {
        RepairAction::Route(rewrite) => rewrite.live == Slot::Blue,
        RepairAction::Point { to, .. } => *to == Slot::Blue,
        _ => true,
    };
    assert!(
        repair_actions
            .iter()
            .all(|planned| is_to_blue(&planned.repair_action))
    );
}

#[test]
fn after_a_store_restore_a_forged_route_does_not_raise_the_pointer() {
    let mut snapshot = forged(Slot::Blue);
    snapshot.pointer = Some(pointer(8123, 8000));
    let generations = generations(&snapshot);
    assert!(!generations.is_empty());
    assert!(generations.iter().all(|it| *it < 10_000), "{generations:?}");
}

#[test]
fn lowering_a_generation_needs_the_typed_name() {
    let snapshot = forged(Slot::Blue);
    let definition = definition(Tier::Development);
    let (items, repair_actions) = plan((&snapshot, &Ok(())), &definition, None, &Says);
    let plan = RepairPlan {
        id: release(9),
        definition,
        only: None,
        operator: operator(),
        made_at: snapshot.at,
        items,
        repair_actions,
        touched: Vec::new(),
        holds: Vec::new(),
    };
    assert_eq!(need_to_repair(&plan), Need::TypedName);
    assert!(RepairApproval::in_advance(&plan, operator(), plan.made_at).is_err());
    let costs = plan.costs().join("\n");
    assert!(costs.contains("gets lower"), "{costs}");
}

#[test]
fn a_proxy_at_the_highest_generation_is_left_with_instructions() {
    let mut snapshot = forged(Slot::Blue);
    proxy(&mut snapshot).generation = HIGHEST_GENERATION - 1;
    let (items, repair_actions) = planned(&snapshot, None);
    assert!(repair_actions.is_empty(), "{repair_actions:?}");
    let Remedy::Person(words) = &items[0].remedy else {
        panic!("{items:?}");
    };
    assert!(words.contains("answer.json"), "{words}");
}

#[test]
fn the_guard_lowers_only_impossible_generations() {
    let lower = |from: u64, generation: u64| {
        RepairAction::Route(Rewrite {
            from: Standing::Says(from, Slot::Blue),
            live: Slot::Blue,
            generation,
            digest: digest('a'),
            release: release(7),
        })
    };
    let mut snapshot = well();
    route(&mut snapshot).generation = TOLD + 1;
    let verdict = says(&lower(TOLD + 1, TOLD), &snapshot);
    assert!(matches!(verdict, Verdict::Refuse(_)), "{verdict:?}");
    route(&mut snapshot).generation = HIGHEST_GENERATION;
    let verdict = says(&lower(HIGHEST_GENERATION, TOLD - 1), &snapshot);
    assert!(matches!(verdict, Verdict::Refuse(_)), "{verdict:?}");
    let verdict = says(&lower(HIGHEST_GENERATION, TOLD), &snapshot);
    assert_eq!(verdict, Verdict::Act);
    let raised = RepairAction::Point {
        from: Some(Slot::Blue),
        to: Slot::Blue,
        generation: HIGHEST_GENERATION,
    };
    let verdict = says(&raised, &snapshot);
    assert!(matches!(verdict, Verdict::Refuse(_)), "{verdict:?}");
}

#[test]
fn an_unproven_route_or_entry_starts_nothing() {
    let mut snapshot = agreed();
    snapshot.slots.blue.instance = None;
    let why = "no entry says that its checks passed";
    let (items, repair_actions) = planned_where(&snapshot, &Err(why.into()), None);
    assert!(repair_actions.is_empty(), "{repair_actions:?}");
    let Remedy::Person(words) = &items[0].remedy else {
        panic!("{items:?}");
    };
    assert!(words.contains(why), "{words}");
    assert!(words.contains("promote the version"), "{words}");
    let named = route(&mut snapshot).release.to_string();
    assert!(words.contains(&named), "{words}");
}
