//! Releases of a target with two edges.

use greenroom::history::{Outcome, Step};
use greenroom::inventory::{Slot, Tier};
use greenroom::release::{Action, OnFailure};

use super::public::kept_because;
use super::world::{ByEdges, Fate, World, plan};
use super::{TURNS, is_backed_out, until_act_of, until_standby};

/// Without a public address, only the answers of the edges say where the traffic goes.
fn promote(on_failure: OnFailure) -> World {
    let plan = plan(Tier::Staging, false);
    World::with_edges(plan, on_failure, ByEdges::TwoWithoutPublicAddress)
}

fn switches(world: &World) -> usize {
    let acts = world.acts.iter().flat_map(|(_, actions)| actions);
    acts.filter(|action| matches!(action, Action::Switch(_)))
        .count()
}

#[test]
fn a_switch_that_reached_one_edge_is_made_again() {
    let mut world = promote(OnFailure::Ask);
    until_act_of(&mut world, Step::Switch);
    world.answer(Fate::HalfDone);
    assert!(world.has_traffic(Slot::Blue) && world.has_traffic(Slot::Green));
    world.go_well(TURNS);
    assert_eq!(world.outcome(), Some(Outcome::Done));
    assert!(world.is_pointed_at(Some(Slot::Green)));
    assert_eq!(switches(&world), 2);
}

#[test]
fn both_edges_go_back_after_a_switch_that_reached_one() {
    let mut world = promote(OnFailure::Ask);
    until_act_of(&mut world, Step::Switch);
    world.answer(Fate::HalfDone);
    world.back_out();
    world.go_well(TURNS);
    is_backed_out(&world);
    assert!(world.is_pointed_at(Some(Slot::Blue)));
}

#[test]
fn the_old_version_is_kept_if_one_edge_was_pointed_back_by_hand() {
    let mut world = promote(OnFailure::BackOut);
    until_standby(&mut world);
    world.point_by_hand(Slot::Blue);
    world.go_well(TURNS);
    kept_because(&world, "the proxy second names it");
}

#[test]
fn the_old_version_is_kept_while_an_edge_is_silent() {
    let mut world = promote(OnFailure::BackOut);
    until_standby(&mut world);
    world.second.as_mut().expect("two edges").is_silent = true;
    world.go_well(50_000);
    kept_because(&world, "the proxy second does not answer");
}
