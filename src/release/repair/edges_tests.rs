//! Tests of repairs of a target with two edges.

use super::Remedy;
use super::guard::Verdict;
use super::guard_tests::{guard_verdict, point_from, well};
use super::tests::{planned, titles};
use crate::inventory::drift::Name;
use crate::inventory::drift::world_tests::{
    edge_at, instance, pointer, proxy, release, started_again, with_two,
};
use crate::inventory::{Edge, EdgeAnswer, Installation, LiveSlot, Slot, Snapshot, SourceState};
use crate::release::action::Action;
use crate::release::all_answered;

fn blue() -> Edge {
    edge_at(Slot::Blue, 41)
}

fn green() -> Edge {
    edge_at(Slot::Green, 40)
}

fn silent() -> Edge {
    Edge {
        state: SourceState::Unreachable {
            why: "refused".into(),
            retry_at: None,
        },
        ..Edge::default()
    }
}

/// Blue is live, registered and healthy. An old version is running in green, without a registration.
fn with(east: Edge, west: Edge) -> Snapshot {
    let mut snapshot = well();
    started_again(&mut snapshot);
    with_two(&mut snapshot, east, west);
    snapshot
}

#[test]
fn a_slot_is_cleared_only_if_no_edge_may_send_traffic_there() {
    let kinds = || {
        [
            blue(),
            green(),
            edge_at(Slot::Blue, 44),
            edge_at(Slot::Green, 44),
            Edge {
                answer: EdgeAnswer::NotInstalled,
                ..Edge::default()
            },
            silent(),
        ]
    };
    let there = instance(Slot::Green, 'b', 6).id;
    let clearing = [
        Action::Stop {
            slot: Slot::Green,
            instance: there.clone(),
        },
        Action::Remove {
            slot: Slot::Green,
            instance: there,
        },
    ];
    let mut cleared = 0;
    for east in kinds() {
        for west in kinds() {
            let snapshot = with(east.clone(), west);
            // The route names blue, so each edge must, too.
            let is_safe =
                snapshot.edges.live().unanimous() == Some(Some(LiveSlot::Slot(Slot::Blue)));
            for action in &clearing {
                let is_allowed = guard_verdict(action, &snapshot) == Verdict::Act;
                assert_eq!(is_allowed, is_safe, "{action:?}: {:?}", snapshot.edges);
                cleared += usize::from(is_allowed);
            }
        }
    }
    assert_eq!(
        cleared, 8,
        "two actions, and four pairs of edges that name blue"
    );
}

#[test]
fn a_slot_that_one_edge_names_stays_registered() {
    for west in [green(), silent()] {
        let mut snapshot = with(blue(), west);
        let registration = snapshot.slots.blue.registration.clone();
        snapshot.slots.green.registration = registration;
        let verdict = guard_verdict(&Action::Deregister(Slot::Green), &snapshot);
        assert!(!matches!(verdict, Verdict::Act), "{verdict:?}");
    }
}

#[test]
fn an_edge_that_differs_is_pointed_at_the_slot_of_the_route() {
    for (east, west) in [(blue(), green()), (green(), blue()), (green(), green())] {
        let snapshot = with(east, west);
        let (_, repair_actions) = planned(&snapshot, Some(Name::ProxyElsewhere));
        assert_eq!(titles(&repair_actions), ["point the proxy at blue"]);
        let action = &repair_actions[0].repair_action;
        let Action::Switch(movement) = action else {
            panic!("{action:?}");
        };
        assert_eq!(movement.generation, 41, "the route's generation");
        assert_eq!(guard_verdict(action, &snapshot), Verdict::Act);
        // It is done only when both edges have it.
        let done = with(blue(), blue());
        assert_eq!(guard_verdict(action, &done), Verdict::Already);
    }
}

#[test]
fn a_move_of_the_traffic_names_the_slot_of_each_edge() {
    let split = with(green(), blue());
    let from = split.edges.slots().expect("known");
    let action = point_from(from, 41);
    assert_eq!(guard_verdict(&action, &split), Verdict::Act);
    let swapped = with(blue(), green());
    assert!(matches!(
        guard_verdict(&action, &swapped),
        Verdict::Refuse(why) if why.contains("the proxy east now names blue instead of green")
    ));
    assert!(matches!(
        guard_verdict(&action, &with(green(), silent())),
        Verdict::Wait(why) if why.contains("the proxy west")
    ));
    let ahead = with(green(), edge_at(Slot::Blue, 42));
    assert!(matches!(
        guard_verdict(&action, &ahead),
        Verdict::Refuse(why) if why.contains("the proxy west already has generation 42")
    ));
}

#[test]
fn a_generation_that_one_edge_has_is_not_given_again() {
    let snapshot = with(edge_at(Slot::Blue, 43), green());
    let (_, repair_actions) = planned(&snapshot, None);
    let generations = repair_actions
        .iter()
        .filter_map(|it| match &it.repair_action {
            Action::Switch(movement) => Some(movement.generation),
            Action::Route(rewrite) => Some(rewrite.generation),
            _ => None,
        });
    let generations: Vec<u64> = generations.collect();
    assert_eq!(generations, [44, 44]);
}

#[test]
fn a_target_with_a_silent_edge_is_not_repaired() {
    let refused = all_answered(&with(green(), silent())).expect_err("refused");
    let said = refused.to_string();
    assert!(said.contains("west: refused"), "{said}");
}

#[test]
fn an_installation_is_done_only_if_each_edge_has_it() {
    let outdated = Edge {
        installation: Some(Installation::Outdated("edited".into())),
        ..blue()
    };
    let foreign = Edge {
        installation: Some(Installation::Foreign("another target's".into())),
        ..blue()
    };
    let verdict = |west: Edge| guard_verdict(&Action::Install, &with(blue(), west));
    assert_eq!(verdict(blue()), Verdict::Already);
    assert_eq!(verdict(outdated), Verdict::Act);
    let refused = Verdict::Refuse("west: another target's".into());
    assert_eq!(verdict(foreign), refused);
}

#[test]
fn nothing_is_done_until_each_edge_has_it() {
    let mute = Edge {
        answer: EdgeAnswer::Unknown,
        ..blue()
    };
    let installed = with(blue(), mute);
    assert_eq!(guard_verdict(&Action::Install, &installed), Verdict::Act);

    let rebased = |generation| Edge {
        pointer: Some(pointer(9, 8)),
        ..edge_at(Slot::Blue, generation)
    };
    let rebase = Action::Rebase {
        from: pointer(9, 8),
        generation: 2_000,
    };
    let verdict = |west| guard_verdict(&rebase, &with(rebased(2_000), rebased(west)));
    assert_eq!(verdict(2_000), Verdict::Already);
    assert_ne!(verdict(41), Verdict::Already);
}

#[test]
fn a_token_is_written_only_to_equal_pointers() {
    let with_pointer = |live| Edge {
        pointer: Some(pointer(live, 8000)),
        ..blue()
    };
    let went_back = |east, west| {
        let mut snapshot = with(with_pointer(east), with_pointer(west));
        snapshot.slots.green = well().slots.green;
        snapshot
    };
    let equal = went_back(8123, 8123);
    let (_, repair_actions) = planned(&equal, Some(Name::StoreWentBack));
    let rebase = &repair_actions.last().expect("an action").repair_action;
    assert!(matches!(rebase, Action::Rebase { .. }), "{rebase:?}");
    let (items, repair_actions) = planned(&went_back(8123, 9), Some(Name::StoreWentBack));
    assert!(repair_actions.is_empty(), "{repair_actions:?}");
    assert!(matches!(
        &items[0].remedy,
        Remedy::Person(why) if why.contains("pointers of the proxies differ")
    ));
}

#[test]
fn a_version_is_proven_by_the_traffic_only_if_each_edge_sends_it_there() {
    let mut one = well();
    proxy(&mut one).slot = Some(Slot::Green);
    let releases =
        |snapshot: &Snapshot| super::RouteProof::of(snapshot).map(|proof| proof.releases);
    assert_eq!(releases(&one), Ok(vec![release(7)]));
    assert!(releases(&with(blue(), blue())).is_err());
    assert_eq!(releases(&with(blue(), green())), Ok(vec![release(7)]));
}
