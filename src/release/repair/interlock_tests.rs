//! Repairs of drifted targets in which more goes wrong: an answer is lost, an action fails, or another program changes
//! something else between two actions. No action breaks an interlock. The last test hides a fact from the machine. Then
//! an action breaks an interlock, which shows that these tests notice a missing guard.

use std::time::Duration;

use super::combined_tests::is_whole;
use super::guard_tests::probe;
use super::machine_tests::{Answer, World};
use super::tests::BY_HAND;
use crate::inventory::drift::world_tests::{edge, edge_at, entry, instance, started_again};
use crate::inventory::{
    EdgeAnswer, FencingToken, Installation, InstanceState, ProxyAnswer, Registration, Revisioned,
    Route, Slot, SlotMembers, Snapshot,
};
use crate::release::action::{Action, ActionErrorKind, Rewrite};

type Change = fn(&mut Snapshot);

/// What another program does between two actions, in addition to [`BY_HAND`].
const MEANWHILE: &[Change] = &[
    |_| {},
    |s| s.slots.blue.probe = Some(probe(false)),
    |s| s.slots.blue.registration = None,
    |s| s.slots.blue.members = SlotMembers::default(),
    |s| point_proxy(s, Slot::Blue),
    |s| point_proxy(s, Slot::Green),
    |s| {
        started_again(s);
        point_proxy(s, Slot::Green);
    },
    |s| {
        if let Some(route) = &mut s.route {
            route.value.live = Slot::Green;
        }
    },
];

/// Sets the proxy to a slot.
fn point_proxy(snapshot: &mut Snapshot, slot: Slot) {
    if let Some(proxy) = edge(snapshot).answer.proxy_mut() {
        proxy.slot = Some(slot);
    }
}

fn has_traffic(snapshot: &Snapshot, slot: Slot) -> bool {
    let routed = snapshot.route.as_ref().map(|route| route.value.live);
    let pointed = snapshot.edges.slots();
    routed == Some(slot) || pointed.is_none_or(|slots| slots.contains(slot))
}

fn can_answer(snapshot: &Snapshot, slot: Slot) -> bool {
    let content = snapshot.slots.get(slot);
    let runs = content.members.are_running();
    runs && content.probe.as_ref().is_none_or(|probe| probe.healthy)
}

/// Whether the rewrite keeps the slot and the digest, so that it moves no traffic.
fn moves_nothing(snapshot: &Snapshot, rewrite: &Rewrite) -> bool {
    let route = snapshot.route.as_ref().map(|route| &route.value);
    route.is_some_and(|it| it.live == rewrite.live && it.digest == rewrite.digest)
}

/// The interlock that an action breaks.
pub(super) fn broken(action: &Action, snapshot: &Snapshot) -> Option<String> {
    let is_fit =
        |slot| can_answer(snapshot, slot) && snapshot.slots.get(slot).registration.is_some();
    let broken = match action {
        Action::Stop { slot, .. } | Action::Deregister(slot) if has_traffic(snapshot, *slot) => 1,
        Action::Route(rewrite) if !moves_nothing(snapshot, rewrite) && !is_fit(rewrite.live) => 2,
        Action::Switch(movement) if !is_fit(movement.to) => 2,
        Action::Switch(movement)
            if !snapshot.edges.answer_for_target()
                || snapshot.edges.slots().as_ref() != Some(&movement.from) =>
        {
            5
        }
        Action::Register { slot, .. } if !can_answer(snapshot, *slot) => 2,
        _ => return None,
    };
    Some(format!("{broken}: {action:?}"))
}

fn registration(snapshot: &Snapshot, slot: Slot) -> Option<Revisioned<Registration>> {
    let content = snapshot.slots.get(slot);
    let member = content.members.representative();
    member.map(|member| entry(content, member))
}

/// Performs an action as the servers do. They refuse what their own comparisons do not allow.
pub(super) fn apply(action: &Action, snapshot: &mut Snapshot) {
    match action {
        Action::Start { slot, instance } => {
            let mut members = snapshot.slots.get_mut(*slot).members.iter_mut();
            if let Some(there) = members.find(|it| it.id == *instance) {
                there.state = InstanceState::Running;
            }
        }
        Action::Create {
            slot,
            version,
            release,
            ..
        } => {
            let mut created = instance(*slot, 'a', 50);
            created.digest = version.digest.clone();
            created.tag.clone_from(&version.tag);
            created.release = Some(*release);
            snapshot.slots.get_mut(*slot).members = SlotMembers::new([created]);
        }
        Action::Register { slot, release, .. } => {
            let mut entry = registration(snapshot, *slot);
            if let Some(entry) = &mut entry {
                entry.value.release = *release;
            }
            snapshot.slots.get_mut(*slot).registration = entry;
            snapshot.problems.clear();
        }
        Action::Stop { slot, instance } => {
            let mut members = snapshot.slots.get_mut(*slot).members.iter_mut();
            if let Some(there) = members.find(|it| it.id == *instance) {
                there.state = InstanceState::Exited { code: Some(0) };
            }
        }
        Action::Deregister(slot) => {
            snapshot.slots.get_mut(*slot).registration = None;
            snapshot.problems.clear();
        }
        Action::Quiet { .. }
        | Action::CreateTask(_)
        | Action::StartTask(_)
        | Action::StopTask(_) => {
            unreachable!("no repair has these")
        }
        Action::Install => {
            let live = snapshot.route.as_ref().map(|route| &route.value);
            let answer = ProxyAnswer {
                slot: live.map(|route| route.live),
                generation: live.map_or(0, |route| route.generation),
                token: FencingToken(1),
                configuration: "c0ffee".into(),
            };
            for edge in snapshot.edges.edges_mut() {
                edge.installation = Some(Installation::Current);
                if edge.answer.proxy().is_none() {
                    edge.answer = EdgeAnswer::Routes(answer.clone());
                }
            }
        }
        Action::Route(rewrite) => {
            let value = Route {
                generation: rewrite.generation,
                live: rewrite.live,
                addresses: snapshot.slots.get(rewrite.live).addresses.clone(),
                digest: rewrite.digest.clone(),
                release: rewrite.release,
                token: FencingToken(2),
            };
            snapshot.route = Some(Revisioned { value, revision: 7 });
            snapshot.problems.clear();
        }
        Action::Switch(movement) => {
            let edges = snapshot.edges.edges_mut();
            for proxy in edges.filter_map(|edge| edge.answer.proxy_mut()) {
                proxy.slot = Some(movement.to);
                proxy.generation = movement.generation;
            }
        }
        Action::Rebase { generation, .. } => {
            for edge in snapshot.edges.edges_mut() {
                edge.pointer = None;
                if let Some(proxy) = edge.answer.proxy_mut() {
                    proxy.generation = *generation;
                }
            }
        }
        Action::Pull(_) | Action::Remove { .. } => panic!("no repair does that: {action:?}"),
    }
}

/// Repairs every manual change, with each of these sequences of answers and each other change after the first action.
/// `first` changes every target before that. Returns the broken interlocks and the number of actions that were
/// performed.
fn repair_all(first: Change, deceive: Change, answers: &[Vec<Answer>]) -> (Vec<String>, usize) {
    let mut broken = Vec::new();
    let mut performed = 0;
    let others = BY_HAND.iter().map(|(_, change, _)| *change);
    let meanwhile: Vec<Change> = MEANWHILE.iter().copied().chain(others).collect();
    for (what, change, _) in BY_HAND {
        for (number, then) in meanwhile.iter().enumerate() {
            for answers in answers {
                let mut world = World::new(|snapshot| {
                    first(snapshot);
                    change(snapshot);
                });
                // The changes by hand need a live instance, a registration, a route and an answer of the proxy.
                if number >= MEANWHILE.len() && !is_whole(&world.snapshot) {
                    continue;
                }
                world.answers.clone_from(answers);
                world.then = Some(*then);
                world.deceive = deceive;
                world.shortest_pause = Duration::from_secs(4);
                world.run();
                performed += world.done.len();
                broken.extend(world.broken.into_iter().map(|it| format!("{what}: {it}")));
            }
        }
    }
    (broken, performed)
}

#[test]
fn no_failure_during_a_repair_breaks_an_interlock() {
    let answers = [
        Vec::new(),
        vec![Answer::Lost],
        vec![Answer::Fails(ActionErrorKind::Temporary); 2],
    ];
    let (broken, performed) = repair_all(|_| {}, |_| {}, &answers);
    assert_eq!(broken, [""; 0]);
    assert!(performed > 3_000, "only {performed} actions");
}

/// The changes by hand are made at the edge `proxy`, so it then differs from the edge `west`.
#[test]
fn no_failure_during_a_repair_of_two_edges_breaks_an_interlock() {
    let answers = [
        vec![Answer::ReachesOne],
        vec![Answer::Done, Answer::ReachesOne],
    ];
    let add_west: Change = |s| {
        let west = "west".parse().expect("a name");
        *s.edges.edge_mut(&west) = edge_at(Slot::Blue, 41);
    };
    let (broken, performed) = repair_all(add_west, |_| {}, &answers);
    assert_eq!(broken, [""; 0]);
    assert!(performed > 3_000, "only {performed} actions");

    // The machine sees only the edge `west`, as if its guards asked one edge.
    let deceive: Change = |s| {
        let west = s.edges.each().last().map(|(.., edge)| edge.clone());
        *edge(s) = west.expect("an edge");
    };
    let (broken, _) = repair_all(add_west, deceive, &[Vec::new()]);
    assert!(broken.iter().any(|it| it.contains(": 1: ")), "{broken:?}");
}

/// In each of these cases the machine does not see one fact, as if one guard were missing.
#[test]
fn every_guard_of_a_repair_that_is_missing_is_noticed() {
    let blind: [(&str, Change, char); 5] = [
        ("the proxy", |s| point_proxy(s, Slot::Blue), '1'),
        (
            "the health",
            |s| {
                for slot in Slot::BOTH {
                    s.slots.get_mut(slot).probe = Some(probe(true));
                }
            },
            '2',
        ),
        (
            "the state of the container",
            |s| {
                for slot in Slot::BOTH {
                    if let Some(there) = s.slots.get_mut(slot).members.iter_mut().next() {
                        there.state = InstanceState::Running;
                    }
                }
            },
            '2',
        ),
        (
            "the registrations",
            |s| {
                for slot in Slot::BOTH {
                    let seen = registration(s, slot);
                    s.slots.get_mut(slot).registration = seen;
                }
            },
            '2',
        ),
        (
            "the slot that the proxy names",
            |s| {
                let routed = s.route.as_ref().map(|route| route.value.live);
                if let (Some(proxy), Some(live)) = (edge(s).answer.proxy_mut(), routed) {
                    proxy.slot = Some(live.other());
                    proxy.generation = proxy.generation.min(40);
                }
            },
            '5',
        ),
    ];
    for (fact, deceive, interlock) in blind {
        let (broken, _) = repair_all(|_| {}, deceive, &[Vec::new()]);
        assert!(
            broken
                .iter()
                .any(|it| it.contains(&format!(": {interlock}: "))),
            "nothing noticed that {fact} is not seen"
        );
    }
}
