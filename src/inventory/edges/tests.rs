use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::inventory::drift::world_tests::{agreed, edge_at, pointer, two, with_two};
use crate::inventory::{PerSlot, Role, Snapshot};

fn blue() -> Edge {
    edge_at(Slot::Blue, 41)
}

fn green() -> Edge {
    edge_at(Slot::Green, 42)
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

fn not_installed() -> Edge {
    Edge {
        state: SourceState::Live,
        answer: EdgeAnswer::NotInstalled,
        installation: Some(Installation::Missing),
        ..Edge::default()
    }
}

fn with_installation(installation: Installation) -> Edge {
    Edge {
        installation: Some(installation),
        ..blue()
    }
}

/// The slot of an answer, for shorter tables.
fn named(slot: Slot) -> Consensus<Option<LiveSlot>> {
    Consensus::Unanimous(Some(LiveSlot::Slot(slot)))
}

#[test]
fn edges_name_a_slot_together_only_if_all_name_it() {
    let table = [
        (Edges::from(blue()), named(Slot::Blue)),
        (two(blue(), blue()), named(Slot::Blue)),
        (two(blue(), green()), Consensus::Split),
        (two(blue(), not_installed()), Consensus::Split),
        (two(blue(), silent()), Consensus::Unknown),
        (Edges::default(), Consensus::Unknown),
        (Edges::from(not_installed()), Consensus::Unanimous(None)),
    ];
    for (edges, expected) in table {
        assert_eq!(edges.live(), expected, "{edges:?}");
        let is_blue = expected == named(Slot::Blue);
        assert_eq!(edges.all_name(Slot::Blue), is_blue, "{edges:?}");
    }
}

#[test]
fn edges_that_are_known_to_differ_are_split_even_if_another_edge_is_silent() {
    let names = ["east", "north", "west"].map(|name| name.parse().expect("a name"));
    let edges: Edges = names.into_iter().zip([blue(), silent(), green()]).collect();
    assert_eq!(edges.live(), Consensus::Split);
}

#[test]
fn a_slot_may_have_traffic_if_any_edge_may_send_it_there() {
    let with = |edge: &str| EdgeTraffic::With(edge.into());
    let unknown =
        |edge: &str| EdgeTraffic::Unknown(format!("{edge} does not answer for this target"));
    let table = [
        (Edges::from(blue()), EdgeTraffic::Without, with("the proxy")),
        (Edges::default(), unknown("the proxy"), unknown("the proxy")),
        (
            two(blue(), blue()),
            EdgeTraffic::Without,
            with("the proxy east"),
        ),
        (
            two(blue(), green()),
            with("the proxy west"),
            with("the proxy east"),
        ),
        (
            two(silent(), blue()),
            unknown("the proxy east"),
            with("the proxy west"),
        ),
        (
            two(blue(), not_installed()),
            unknown("the proxy west"),
            with("the proxy east"),
        ),
    ];
    for (edges, in_green, in_blue) in table {
        assert_eq!(edges.traffic(Slot::Green), in_green, "{edges:?}");
        assert_eq!(edges.traffic(Slot::Blue), in_blue, "{edges:?}");
    }
}

#[test]
fn edges_are_at_a_switch_only_if_it_has_reached_each_of_them() {
    assert!(two(green(), green()).are_at(Slot::Green, 42));
    let table = [
        (two(green(), blue()), "the proxy west"),
        (two(edge_at(Slot::Green, 41), green()), "the proxy east"),
        (two(green(), silent()), "the proxy west"),
        (two(not_installed(), green()), "the proxy east"),
        (Edges::from(blue()), "the proxy"),
    ];
    for (edges, lagging) in table {
        let report = edges.not_at(Slot::Green, 42).expect("an edge");
        assert_eq!(report.subject, lagging, "{edges:?}");
    }
}

#[test]
fn an_edge_refuses_a_generation_that_it_has_except_from_the_switch_that_reached_it() {
    let refusing = |edges: &Edges| edges.refusing(Slot::Green, 42).map(|it| it.subject);
    assert_eq!(refusing(&two(green(), blue())), None);
    assert_eq!(refusing(&two(silent(), blue())), None);
    let table = [
        (two(edge_at(Slot::Blue, 42), green()), "the proxy east"),
        (two(blue(), edge_at(Slot::Green, 43)), "the proxy west"),
    ];
    for (edges, refused_by) in table {
        assert_eq!(refusing(&edges).as_deref(), Some(refused_by), "{edges:?}");
    }
}

#[test]
fn a_switch_that_reached_one_of_two_edges_starts_from_both_slots() {
    let edges = two(green(), blue());
    let slots = edges.slots().expect("known");
    let names = ["east", "west"].map(|name| name.parse().expect("a name"));
    assert_eq!(
        names.each_ref().map(|name| slots.at(name)),
        [Some(Slot::Green), Some(Slot::Blue)]
    );
    assert!(slots.contains(Slot::Blue) && slots.contains(Slot::Green));
    assert_eq!(edges.moved_from(&slots), None);
    let moved = two(green(), green());
    let (edge, before) = moved.moved_from(&slots).expect("it moved");
    assert_eq!(
        (edge.subject.as_str(), edge.slot(), before),
        ("the proxy west", Some(Slot::Green), Some(Slot::Blue))
    );
    assert_eq!(two(green(), silent()).slots(), None);
}

#[test]
fn the_configuration_is_current_only_if_it_is_current_at_each_edge() {
    let outdated = || with_installation(Installation::Outdated("edited".into()));
    let foreign = || with_installation(Installation::Foreign("another target's".into()));
    let table = [
        (two(blue(), blue()), Some(Installation::Current)),
        (two(blue(), silent()), None),
        (two(outdated(), silent()), None),
        (two(blue(), not_installed()), Some(Installation::Missing)),
        (
            two(not_installed(), outdated()),
            Some(Installation::Outdated("west: edited".into())),
        ),
        // A configuration that must not be replaced is known, whatever the silent edge has.
        (
            two(foreign(), silent()),
            Some(Installation::Foreign("east: another target's".into())),
        ),
        (
            Edges::from(outdated()),
            Some(Installation::Outdated("edited".into())),
        ),
    ];
    for (edges, expected) in table {
        assert_eq!(edges.installation(), expected, "{edges:?}");
    }
}

#[test]
fn the_highest_generation_and_token_of_any_edge_count() {
    let ahead = Edge {
        pointer: Some(pointer(8123, 9)),
        ..blue()
    };
    let edges = two(ahead, edge_at(Slot::Blue, 44));
    assert_eq!(edges.answered_generation(), 44);
    assert_eq!(edges.known_generation(), Some(44));
    let (name, subject, token) = edges.highest_token().expect("a token");
    assert_eq!(name.map(EdgeName::as_str), Some("east"));
    assert_eq!(
        (subject.as_str(), token),
        ("the proxy east", FencingToken(8123))
    );
    assert_eq!(two(blue(), silent()).known_generation(), None);
}

#[test]
fn tokens_are_of_a_store_only_if_the_pointer_of_each_edge_was_read() {
    let with = |live| Edge {
        pointer: Some(pointer(live, 8)),
        ..blue()
    };
    assert!(two(with(9), with(10)).have_tokens_up_to(10));
    assert!(!two(with(9), with(11)).have_tokens_up_to(10));
    assert!(!two(with(9), blue()).have_tokens_up_to(10));
    assert_eq!(two(with(9), with(10)).pointer(), Consensus::Split);
    assert_eq!(two(with(9), blue()).pointer(), Consensus::Unknown);
}

#[test]
fn the_proxy_is_live_only_if_each_edge_is() {
    let at = |second| Timestamp::from_second(second).expect("a time");
    let stale = |why: &str, since| SourceState::Stale {
        since: at(since),
        why: why.into(),
        retry_at: Some(at(since + 2)),
    };
    let of = |east: SourceState, west: SourceState| {
        let edge = |state| Edge { state, ..blue() };
        two(edge(east), edge(west)).state()
    };
    assert_eq!(of(SourceState::Live, SourceState::Live), SourceState::Live);
    assert_eq!(
        of(SourceState::Live, stale("refused", 9)),
        stale("west: refused", 9)
    );
    assert_eq!(
        of(stale("refused", 5), stale("timed out", 9)),
        stale("east: refused; west: timed out", 5)
    );
    let never = of(stale("refused", 5), silent().state);
    assert!(!never.has_answered(), "{never:?}");
    assert!(matches!(never, SourceState::Unreachable { .. }));
    let connecting = of(SourceState::Connecting, silent().state);
    assert_eq!(connecting, SourceState::Connecting);
    assert_eq!(
        two(blue(), silent()).unanswered().as_deref(),
        Some("west: refused")
    );
}

#[test]
fn the_traffic_of_a_slot_is_the_sum_over_the_edges() {
    let rates = |requests, first, last| Rates {
        requests,
        errors: 1,
        p50: std::time::Duration::ZERO,
        p99: std::time::Duration::from_millis(requests),
        window: std::time::Duration::from_secs(10),
        began: Some(crate::inventory::Began { first, last }),
    };
    let edge = |rates| Edge {
        rates: PerSlot {
            blue: rates,
            green: None,
        },
        ..blue()
    };
    let edges = two(edge(Some(rates(5, 9, 2))), edge(Some(rates(7, 8, 1))));
    let sum = Rates {
        errors: 2,
        p99: std::time::Duration::from_millis(7),
        ..rates(12, 9, 1)
    };
    assert_eq!(edges.rates(Slot::Blue), Some(sum));
    assert_eq!(edges.rates(Slot::Green), None);
    let mut unknown = two(edge(None), edge(Some(rates(7, 8, 1))));
    let east = unknown.edge_mut(&"east".parse().expect("a name"));
    east.take_rates(Err("no log".into()));
    assert_eq!(unknown.rates_unknown().as_deref(), Some("east: no log"));
}

#[test]
fn no_slot_is_live_in_a_snapshot_while_its_edges_differ() {
    let differing = |east: Edge, west: Edge| -> Snapshot {
        let mut snapshot = agreed();
        with_two(&mut snapshot, east, west);
        snapshot
    };
    let agreeing = differing(blue(), blue());
    assert_eq!(agreeing.live(), Some(Slot::Blue));
    for west in [green(), silent(), not_installed()] {
        let snapshot = differing(blue(), west);
        assert_eq!(snapshot.live_slot(), LiveSlot::Unknown);
        assert_eq!(snapshot.role(Slot::Blue), Role::Unknown);
    }
}

#[test]
fn a_bad_public_answer_at_one_edge_is_an_outage() {
    let mut snapshot = agreed();
    with_two(&mut snapshot, blue(), blue());
    assert_eq!(snapshot.outage(), None);
    let west = snapshot.edges.edge_mut(&"west".parse().expect("a name"));
    west.public.as_mut().expect("it answers").status = Some(502);
    let outage = snapshot.outage();
    assert_eq!(outage.as_deref(), Some("west: the public gets HTTP 502"));
}

#[test]
fn one_edge_is_written_as_its_fields_and_several_as_a_map() {
    let written = json!(agreed());
    assert_eq!(written["proxy"]["generation"], 41);
    assert_eq!(written["installation"], "current");
    assert_eq!(written["public"]["status"], 200);
    assert!(written.get("edges").is_none(), "{written}");
    let mut snapshot = agreed();
    with_two(&mut snapshot, blue(), silent());
    let written = json!(snapshot);
    assert!(written.get("proxy").is_none(), "{written}");
    assert_eq!(written["edges"]["east"]["proxy"]["slot"], "blue");
    assert_eq!(written["edges"]["west"]["proxy"], json!(null));
    assert_eq!(written["edges"]["west"]["source"]["state"], "unreachable");
    assert_eq!(written["sources"]["router"]["state"], "unreachable");
}
