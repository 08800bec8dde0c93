//! Tests of the guards and judges of a release with two edges: no stage is reached while an edge differs or cannot be
//! asked, and no slot is stopped that any edge may send traffic to.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::guard_tests::{
    INSTALL, STOP, SWITCH, SWITCH_BACK, WATCH, after_the_switch, before_the_switch, observed, plan,
    refusal, switch, verdict,
};
use super::public::{self, Public};
use super::{Course, Judgement, Situation, Verdict};
use crate::history::{Direction, Step};
use crate::inventory::drift::world_tests::{edge_at, two, with_two};
use crate::inventory::{
    Edge, EdgeAnswer, EdgeName, Edges, Installation, PublicAddress, PublicAnswer, Slot, Snapshot,
};
use crate::release::action::ActionErrorKind;
use crate::release::observation::Stage;
use crate::release::{Observation, Plan};

fn blue() -> Edge {
    edge_at(Slot::Blue, 41)
}

fn green() -> Edge {
    edge_at(Slot::Green, 42)
}

fn silent() -> Edge {
    Edge::default()
}

fn not_installed() -> Edge {
    Edge {
        answer: EdgeAnswer::NotInstalled,
        ..Edge::default()
    }
}

fn with(mut snapshot: Snapshot, east: Edge, west: Edge) -> Snapshot {
    with_two(&mut snapshot, east, west);
    snapshot
}

pub(super) fn judged(
    (direction, step): (Direction, Step),
    plan: &Plan,
    observation: &Observation,
) -> (Judgement, Course) {
    judged_after((direction, step), plan, observation, (Duration::ZERO, None))
}

/// The judgement after this time, and after the last try of the act failed in this way; none if it succeeded.
pub(super) fn judged_after(
    step: (Direction, Step),
    plan: &Plan,
    observation: &Observation,
    (time, last_failure): (Duration, Option<ActionErrorKind>),
) -> (Judgement, Course) {
    let mut course = Course::new(Timestamp::UNIX_EPOCH - time);
    course.last_failure = last_failure;
    let judgement = judged_in(&mut course, step, plan, observation);
    (judgement, course)
}

/// The judgement in the course of a stage.
pub(super) fn judged_in(
    course: &mut Course,
    (direction, step): (Direction, Step),
    plan: &Plan,
    observation: &Observation,
) -> Judgement {
    let situation = Situation {
        plan,
        report: None,
        overrides: &std::collections::BTreeMap::new(),
        observation,
        now: Timestamp::UNIX_EPOCH,
        begun: &BTreeSet::new(),
        passed: &[],
    };
    let definition = Stage { step, direction }.definition();
    definition.judge(&situation, course)
}

fn is_true((judgement, _): (Judgement, Course)) -> bool {
    matches!(judgement, Judgement::True(_))
}

/// A plan of a target with a public address.
fn with_public() -> Plan {
    let mut plan = plan();
    plan.definition.public = Some(PublicAddress {
        endpoint: "127.0.0.1:80".parse().expect("an address"),
        host: "web.example".into(),
        path: "/".into(),
    });
    plan
}

/// An edge whose public address answers with this status; none if it does not answer.
fn answering(slot: Slot, status: Option<u16>) -> Edge {
    let answer = PublicAnswer {
        slot: status.map(|_| slot),
        status,
        body: None,
        detail: "detail".into(),
    };
    Edge {
        public: Some(answer.clone()),
        public_kept: Some(answer),
        ..edge_at(slot, 42)
    }
}

#[test]
fn the_old_slot_is_stopped_only_if_no_edge_may_send_traffic_there() {
    let stopping = |west: Edge| verdict(STOP, &plan(), with(after_the_switch(), green(), west));
    assert!(matches!(stopping(green()), Verdict::Act(_)));
    assert_eq!(
        refusal(stopping(blue())),
        "blue has the traffic: the proxy west names it"
    );
    for west in [silent(), not_installed()] {
        let Verdict::Wait(why) = stopping(west) else {
            panic!("it may have traffic");
        };
        assert!(why.contains("the proxy west does not answer"), "{why}");
    }
}

#[test]
fn a_switch_is_not_made_without_the_answer_of_every_edge() {
    let switching = |west: Edge| verdict(SWITCH, &plan(), with(before_the_switch(), blue(), west));
    assert!(matches!(switching(silent()), Verdict::Wait(_)));
    let why = refusal(switching(not_installed()));
    assert!(why.starts_with("the proxy west names no slot"), "{why}");
}

#[test]
fn a_switch_is_refused_if_an_edge_names_an_unplanned_slot() {
    let mut elsewhere = plan();
    let from = elsewhere.from.as_mut().expect("a live version");
    from.slot = Slot::Green;
    let east = edge_at(Slot::Green, 41);
    let planned = Plan {
        slot: Slot::Green,
        ..elsewhere
    };
    let mut snapshot = before_the_switch();
    let route = snapshot.route.as_mut().expect("a route");
    route.value.live = Slot::Green;
    let why = refusal(verdict(SWITCH, &planned, with(snapshot, east, blue())));
    assert!(why.starts_with("the proxy west names blue"), "{why}");
}

#[test]
fn a_switch_that_reached_one_edge_is_made_again_for_the_other() {
    for (snapshot, what) in [
        (before_the_switch(), "before the route"),
        (after_the_switch(), "after the route"),
    ] {
        let movement = switch(verdict(SWITCH, &plan(), with(snapshot, green(), blue())));
        let at = |name: &str| movement.from.at(&name.parse::<EdgeName>().expect("a name"));
        let from = (at("east"), at("west"));
        assert_eq!(from, (Some(Slot::Green), Some(Slot::Blue)), "{what}");
        assert_eq!((movement.to, movement.generation), (Slot::Green, 42));
    }
    let both = with(after_the_switch(), green(), green());
    assert_eq!(verdict(SWITCH, &plan(), both), Verdict::Nothing);
}

#[test]
fn a_switch_is_reached_only_if_every_edge_has_it() {
    let judge = |west: Edge| {
        let snapshot = with(after_the_switch(), green(), west);
        judged(SWITCH, &plan(), &observed(snapshot))
    };
    assert!(is_true(judge(green())));
    for west in [blue(), silent(), not_installed(), edge_at(Slot::Green, 41)] {
        let (judgement, _) = judge(west.clone());
        assert!(
            matches!(judgement, Judgement::NotYet(_)),
            "{west:?}: {judgement:?}"
        );
    }
    let (Judgement::NotYet(why), _) = judge(blue()) else {
        panic!("an edge differs");
    };
    assert_eq!(why, "the proxy west names blue at generation 41");
}

#[test]
fn the_traffic_of_every_edge_goes_back() {
    let back = |east: Edge, west: Edge| {
        let snapshot = with(after_the_switch(), east, west);
        verdict(SWITCH_BACK, &plan(), snapshot)
    };
    for (east, west) in [(green(), green()), (green(), blue()), (blue(), green())] {
        let movement = switch(back(east, west));
        assert_eq!((movement.to, movement.generation), (Slot::Blue, 43));
    }
    assert!(matches!(back(green(), silent()), Verdict::Wait(_)));
    let back = |west: Edge| {
        let snapshot = with(before_the_switch(), blue(), west);
        judged(SWITCH_BACK, &plan(), &observed(snapshot))
    };
    assert!(is_true(back(blue())));
    for west in [green(), silent()] {
        assert!(!is_true(back(west)));
    }
}

#[test]
fn a_configuration_is_installed_until_every_edge_has_it() {
    let outdated = || Edge {
        installation: Some(Installation::Outdated("edited".into())),
        ..blue()
    };
    let newer = || Edge {
        installation: Some(Installation::Newer("newer".into())),
        ..blue()
    };
    let install = |west: Edge| {
        let snapshot = with(before_the_switch(), blue(), west);
        let judgement = judged(INSTALL, &plan(), &observed(snapshot.clone()));
        (verdict(INSTALL, &plan(), snapshot), judgement)
    };
    let (guard, judge) = install(blue());
    assert!(matches!(guard, Verdict::Already(_)) && is_true(judge));
    let (guard, (judge, _)) = install(outdated());
    assert!(matches!(guard, Verdict::Act(_)), "{guard:?}");
    assert_eq!(judge, Judgement::NotYet("west: edited".into()));
    let (guard, judge) = install(silent());
    assert!(matches!(guard, Verdict::Wait(_)) && !is_true(judge));
    let (guard, (judge, _)) = install(newer());
    assert!(matches!(guard, Verdict::Refuse(_)), "{guard:?}");
    assert_eq!(judge, Judgement::Never("west: newer".into()));
}

#[test]
fn a_watch_ends_if_any_edge_names_another_slot() {
    let watch = |west: Edge| {
        let snapshot = with(after_the_switch(), green(), west);
        judged(WATCH, &plan(), &observed(snapshot)).0
    };
    let never = Judgement::Never("the proxy west now names blue instead of green".into());
    assert_eq!(watch(blue()), never);
    assert!(!matches!(watch(silent()), Judgement::Never(_)));
}

#[test]
fn the_public_answers_are_good_only_if_they_are_at_every_edge() {
    let judge = |edges: Edges| {
        let observation = Observation {
            edges,
            ..Observation::default()
        };
        public::judge(&with_public(), Slot::Green, &observation, false)
    };
    let good = || answering(Slot::Green, Some(200));
    let is_down = || Edge {
        answer: EdgeAnswer::Unknown,
        ..answering(Slot::Green, None)
    };
    assert_eq!(judge(two(good(), good())), Public::Good);
    assert_eq!(judge(two(good(), silent())), Public::Unknown);
    let bad = "the public address at west over a fresh connection: detail";
    let is_bad = judge(two(good(), answering(Slot::Green, Some(502))));
    assert_eq!(is_bad, Public::Bad(bad.into()));
    let elsewhere = judge(two(good(), answering(Slot::Blue, Some(200))));
    assert!(matches!(elsewhere, Public::Elsewhere(why) if why.contains("answered by blue")));
    let is_silent = judge(two(good(), answering(Slot::Green, None)));
    assert_eq!(is_silent, Public::Silent(bad.into()));
    // A proxy that is down says nothing about the version, but the other edge does.
    assert_eq!(judge(two(good(), is_down())), Public::ProxyDown(bad.into()));
    let bad_and_down = judge(two(answering(Slot::Green, Some(502)), is_down()));
    assert!(matches!(bad_and_down, Public::Bad(why) if why.contains("at east")));
}

#[test]
fn a_bad_answer_at_one_edge_counts_while_another_edge_is_down() {
    let is_down = Edge {
        answer: EdgeAnswer::Unknown,
        ..answering(Slot::Green, None)
    };
    let counted = |east: Edge, is_healthy: bool| {
        let snapshot = with(after_the_switch(), east, is_down.clone());
        let mut observation = observed(snapshot);
        if let Some(probe) = &mut observation.probe {
            probe.healthy = is_healthy;
        }
        let (_, course) = judged(WATCH, &with_public(), &observation);
        course.bad_in_a_row
    };
    let good = || answering(Slot::Green, Some(200));
    assert_eq!(counted(answering(Slot::Green, Some(502)), true), 1);
    assert_eq!(counted(good(), true), 0);
    assert_eq!(counted(good(), false), 1, "the version gets traffic");
    // Nothing is known, and the traffic could not be switched back.
    assert_eq!(counted(is_down.clone(), false), 0);
}
