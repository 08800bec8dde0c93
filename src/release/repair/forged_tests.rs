//! Tests of routes and registrations that another program wrote. A repair does not start a version that no release
//! proves. If no switch can have made the generation of the route, the repair lowers the generation of the route to the
//! generation of the proxy, and never gives the proxy the generation of the route.

use super::guard::Verdict;
use super::guard_tests::{guard_verdict, operator, point, well};
use super::sample::sample_definition as definition;
use super::tests::{TestProxy, planned, planned_where};
use super::{Item, Planned, Remedy, RepairPlan, plan};
use crate::inventory::drift::world_tests::{
    agreed, digest, edge, entry, instance, live, pointer, proxy, public, release, route, side,
};
use crate::inventory::{
    HIGHEST_GENERATION, InstanceState, PointerState, Slot, SlotMembers, Snapshot, Tier,
};
use crate::release::action::{Action, Purpose, Rewrite, RouteBefore};
use crate::release::{Need, RepairApproval, need_to_repair};

/// The generation of the proxy in a snapshot without differences.
const PROXY_GENERATION: u64 = 41;

/// A snapshot in which another program wrote the highest generation and this slot into the route.
fn forged(live: Slot) -> Snapshot {
    let mut snapshot = agreed();
    route(&mut snapshot).generation = HIGHEST_GENERATION;
    route(&mut snapshot).live = live;
    snapshot
}

/// The generations that the planned repair writes, in the order of the actions.
fn generations(snapshot: &Snapshot) -> Vec<u64> {
    let (_, repair_actions) = planned(snapshot, None);
    let generations = repair_actions
        .iter()
        .filter_map(|planned| match &planned.repair_action {
            Action::Route(rewrite) => Some(rewrite.generation),
            Action::Switch(movement) => Some(movement.generation),
            Action::Rebase { generation, .. } => Some(*generation),
            _ => None,
        });
    generations.collect()
}

#[test]
fn a_forged_generation_is_lowered_to_that_of_the_proxy() {
    assert_eq!(generations(&forged(Slot::Blue)), [PROXY_GENERATION]);
    // The slot of a forged route is not trusted either: the traffic stays in blue.
    let elsewhere = forged(Slot::Green);
    assert_eq!(
        generations(&elsewhere),
        [PROXY_GENERATION + 1, PROXY_GENERATION + 1]
    );
    let (_, repair_actions) = planned(&elsewhere, None);
    let is_to_blue = |repair_action: &Action| match repair_action {
        Action::Route(rewrite) => rewrite.live == Slot::Blue,
        Action::Switch(movement) => movement.to == Slot::Blue,
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
    edge(&mut snapshot).pointer = Some(pointer(8123, 8000));
    let generations = generations(&snapshot);
    assert!(!generations.is_empty());
    assert!(generations.iter().all(|it| *it < 10_000), "{generations:?}");
}

#[test]
fn lowering_a_generation_needs_the_typed_name() {
    let snapshot = forged(Slot::Blue);
    let definition = definition(Tier::Development);
    let (items, repair_actions) = plan((&snapshot, &Ok(())), &definition, None, &TestProxy);
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
        Action::Route(Box::new(Rewrite {
            from: RouteBefore::Contains(from, Slot::Blue),
            live: Slot::Blue,
            generation,
            addresses: side(Slot::Blue).addresses,
            digest: digest('a'),
            release: release(7),
            purpose: Purpose::Repair,
        }))
    };
    let mut snapshot = well();
    route(&mut snapshot).generation = PROXY_GENERATION + 1;
    let verdict = guard_verdict(&lower(PROXY_GENERATION + 1, PROXY_GENERATION), &snapshot);
    assert!(matches!(verdict, Verdict::Refuse(_)), "{verdict:?}");
    route(&mut snapshot).generation = HIGHEST_GENERATION;
    let verdict = guard_verdict(&lower(HIGHEST_GENERATION, PROXY_GENERATION - 1), &snapshot);
    assert!(matches!(verdict, Verdict::Refuse(_)), "{verdict:?}");
    let verdict = guard_verdict(&lower(HIGHEST_GENERATION, PROXY_GENERATION), &snapshot);
    assert_eq!(verdict, Verdict::Act);
    let raised = point(Slot::Blue, HIGHEST_GENERATION);
    let verdict = guard_verdict(&raised, &snapshot);
    assert!(matches!(verdict, Verdict::Refuse(_)), "{verdict:?}");
}

#[test]
fn a_version_without_proof_is_not_started() {
    let mut snapshot = agreed();
    snapshot.slots.blue.members = SlotMembers::default();
    let why = "no entry says that its checks passed";
    let (items, repair_actions) = planned_where(&snapshot, &Err(why.into()), None);
    assert!(repair_actions.is_empty(), "{repair_actions:?}");
    let Remedy::Person(words) = &items[0].remedy else {
        panic!("{items:?}");
    };
    assert!(words.contains(why), "{words}");
    assert!(words.contains("Promote the version"), "{words}");
    let command = format!("greenroom promote web qa --version {}", digest('a'));
    assert!(words.contains(&command), "{words}");
    let named = route(&mut snapshot).release.to_string();
    assert!(words.contains(&named), "{words}");
}

/// A snapshot in which a candidate whose checks failed still runs in green. Another program has registered it and has
/// written a route to it.
fn to_a_failed_candidate() -> Snapshot {
    let mut snapshot = well();
    let candidate = instance(Slot::Green, 'c', 8);
    let green = &mut snapshot.slots.green;
    green.registration = Some(entry(green, &candidate));
    green.members = SlotMembers::new([candidate]);
    green.probe = snapshot.slots.blue.probe.clone();
    let addresses = snapshot.slots.green.addresses.clone();
    let route = route(&mut snapshot);
    (route.live, route.generation) = (Slot::Green, PROXY_GENERATION + 1);
    (route.digest, route.addresses) = (digest('c'), addresses);
    snapshot
}

fn not_proven() -> Result<(), String> {
    Err("no entry says that its checks passed".into())
}

fn titles(planned: &[Planned]) -> Vec<String> {
    let titles = planned.iter().map(|planned| planned.repair_action.title());
    titles.collect()
}

#[test]
fn an_unproven_route_is_changed_to_the_slot_of_the_proxy() {
    let mut snapshot = to_a_failed_candidate();
    for blue in ["well", "not healthy", "stopped"] {
        match blue {
            "well" => {}
            "not healthy" => {
                let probe = snapshot.slots.blue.probe.as_mut().expect("probed");
                probe.healthy = false;
            }
            _ => live(&mut snapshot).state = InstanceState::Exited { code: Some(137) },
        }
        let (_, repair_actions) = planned_where(&snapshot, &not_proven(), None);
        let mut expected = vec!["set the route to blue", "point the proxy at blue"];
        if blue == "stopped" {
            expected.insert(0, "start blue again");
        }
        assert_eq!(titles(&repair_actions), expected, "{blue}");
    }
}

#[test]
fn the_proxy_is_pointed_at_the_slot_of_a_proven_route() {
    let (_, repair_actions) = planned(&to_a_failed_candidate(), None);
    assert_eq!(titles(&repair_actions), ["point the proxy at green"]);
}

#[test]
fn without_a_live_slot_an_unproven_version_gets_no_traffic_and_is_not_started() {
    let mut snapshot = to_a_failed_candidate();
    proxy(&mut snapshot).slot = None;
    proxy(&mut snapshot).generation = 0;
    public(&mut snapshot).slot = None;
    let mut stopped = snapshot.clone();
    let candidate = stopped
        .slots
        .green
        .members
        .iter_mut()
        .next()
        .expect("it is there");
    candidate.state = InstanceState::Exited { code: Some(1) };
    for snapshot in [snapshot, stopped] {
        let (items, repair_actions) = planned_where(&snapshot, &not_proven(), None);
        let touches_green = |planned: &Planned| match &planned.repair_action {
            Action::Switch(movement) => movement.to == Slot::Green,
            Action::Start { slot, .. } => *slot == Slot::Green,
            _ => false,
        };
        assert!(!repair_actions.iter().any(touches_green), "{items:#?}");
        let says = |item: &Item| match &item.remedy {
            Remedy::Person(words) => words.contains("checks passed") && words.contains("pointer"),
            _ => false,
        };
        assert!(items.iter().any(says), "{items:#?}");
    }
}

/// The pointer's token prevents every switch. So the repair replaces the token, and changes nothing else.
#[test]
fn after_a_store_restore_an_unproven_version_gets_no_traffic() {
    let mut snapshot = to_a_failed_candidate();
    edge(&mut snapshot).pointer = Some(PointerState {
        live: None,
        ..pointer(8123, 8000)
    });
    proxy(&mut snapshot).slot = None;
    public(&mut snapshot).slot = None;
    let (_, repair_actions) = planned_where(&snapshot, &not_proven(), None);
    assert_eq!(
        titles(&repair_actions),
        ["give the live pointer a token of this store"]
    );
}

/// A snapshot with a route to green, with a generation that no switch can have made. Green is healthy. The proxy names
/// blue, and blue is not healthy.
fn to_green_beyond_any_switch() -> Snapshot {
    let mut snapshot = to_a_failed_candidate();
    route(&mut snapshot).generation = HIGHEST_GENERATION;
    let probe = snapshot.slots.blue.probe.as_mut().expect("probed");
    probe.healthy = false;
    snapshot
}

#[test]
fn an_unproven_route_with_an_impossible_generation_moves_no_traffic() {
    let snapshot = to_green_beyond_any_switch();
    let (_, repair_actions) = planned_where(&snapshot, &not_proven(), None);
    assert_eq!(
        titles(&repair_actions),
        ["set the route to blue", "point the proxy at blue"]
    );
}

#[test]
fn a_proven_healthy_version_gets_the_traffic_of_an_unhealthy_one() {
    let mut snapshot = to_green_beyond_any_switch();
    let (_, repair_actions) = planned(&snapshot, None);
    assert_eq!(
        titles(&repair_actions),
        ["set the route to green", "point the proxy at green"]
    );
    let route_action = &repair_actions[0].repair_action;
    assert!(route_action.lowers_generation(), "{route_action:?}");
    assert_eq!(guard_verdict(route_action, &snapshot), Verdict::Act);
    // While blue answers, it keeps its traffic.
    let probe = snapshot.slots.blue.probe.as_mut().expect("probed");
    probe.healthy = true;
    let (_, repair_actions) = planned(&snapshot, None);
    assert_eq!(
        titles(&repair_actions),
        ["set the route to blue", "point the proxy at blue"]
    );
}

#[test]
fn an_unproven_route_with_an_empty_old_slot_needs_a_person_to_delete_it() {
    let mut snapshot = to_a_failed_candidate();
    let blue = &mut snapshot.slots.blue;
    (blue.members, blue.registration) = (SlotMembers::default(), None);
    let (items, repair_actions) = planned_where(&snapshot, &not_proven(), None);
    let moves_traffic =
        |planned: &Planned| matches!(planned.repair_action, Action::Switch(_) | Action::Route(_));
    assert!(
        !repair_actions.iter().any(moves_traffic),
        "{repair_actions:?}"
    );
    let says = |item: &Item| match &item.remedy {
        Remedy::Person(words) => words.contains("delete the key `route` of web/qa"),
        _ => false,
    };
    assert!(items.iter().any(says), "{items:#?}");
}

/// If an unhealthy live version prevented the lowering, no release could replace that version.
#[test]
fn the_generation_is_lowered_for_an_unhealthy_live_version_if_nothing_else_changes() {
    let lower = Action::Route(Box::new(Rewrite {
        from: RouteBefore::Contains(HIGHEST_GENERATION, Slot::Blue),
        live: Slot::Blue,
        generation: PROXY_GENERATION,
        addresses: side(Slot::Blue).addresses,
        digest: digest('a'),
        release: release(7),
        purpose: Purpose::Repair,
    }));
    let mut sick = well();
    route(&mut sick).generation = HIGHEST_GENERATION;
    sick.slots.blue.probe.as_mut().expect("probed").healthy = false;
    assert_eq!(guard_verdict(&lower, &sick), Verdict::Act);
    let mut gone = sick.clone();
    gone.slots.blue.members = SlotMembers::default();
    assert_eq!(guard_verdict(&lower, &gone), Verdict::Act);
    let (_, planned) = planned(&sick, None);
    let does: Vec<_> = planned.iter().map(|it| it.repair_action.clone()).collect();
    assert_eq!(does, std::slice::from_ref(&lower));
    // Every other change would be a route to a slot that cannot answer.
    let moved: [fn(&mut Snapshot); 3] = [
        |s| route(s).digest = digest('e'),
        |s| route(s).addresses = "10.0.0.9:80".parse().expect("an address"),
        |s| route(s).live = Slot::Green,
    ];
    for how in moved {
        let mut moved = sick.clone();
        how(&mut moved);
        let verdict = guard_verdict(&lower, &moved);
        assert!(
            matches!(verdict, Verdict::Wait(_) | Verdict::Refuse(_)),
            "{verdict:?}"
        );
    }
    let raise = Action::Route(Box::new(Rewrite {
        from: RouteBefore::Contains(PROXY_GENERATION, Slot::Blue),
        live: Slot::Blue,
        generation: PROXY_GENERATION + 1,
        addresses: side(Slot::Blue).addresses,
        digest: digest('a'),
        release: release(7),
        purpose: Purpose::Repair,
    }));
    route(&mut sick).generation = PROXY_GENERATION;
    let verdict = guard_verdict(&raise, &sick);
    assert!(matches!(verdict, Verdict::Wait(_)), "{verdict:?}");
}
