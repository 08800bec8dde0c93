use super::*;
use crate::inventory::drift::world_tests::{
    agreed, edge, edge_at, entry, instance, live, locked, public, router_is, side, with_two,
};
use crate::inventory::{
    Edge, EdgeAnswer, EntryState, InstanceState, Operator, Push, PushSource, QueueEntry, Role,
    Slot, SlotMembers, SourceState, Watcher,
};

fn unreachable(why: &str) -> SourceState {
    SourceState::Unreachable {
        why: why.into(),
        retry_at: None,
    }
}

/// A snapshot without an answer of the runtime, so that no instance is known.
fn without_runtime() -> Snapshot {
    let mut snapshot = agreed();
    snapshot.sources.runtime = unreachable("connection refused");
    snapshot.slots.blue.members = SlotMembers::default();
    snapshot
}

/// A snapshot without an answer of the store, with a stopped instance in green.
fn without_registry() -> Snapshot {
    let mut snapshot = agreed();
    snapshot.sources.registry = unreachable("no leader");
    snapshot.slots.blue.registration = None;
    snapshot.route = None;
    let mut old = instance(Slot::Green, 'b', 6);
    old.state = InstanceState::Exited { code: Some(0) };
    snapshot.slots.green.members = SlotMembers::new([old]);
    snapshot
}

/// A snapshot without an answer of the proxy.
fn without_proxy() -> Snapshot {
    let mut snapshot = agreed();
    router_is(&mut snapshot, unreachable("connection refused"));
    edge(&mut snapshot).answer = EdgeAnswer::Unknown;
    snapshot
}

fn roles(snapshot: &Snapshot) -> [Role; 2] {
    Slot::BOTH.map(|slot| snapshot.role(slot))
}

#[test]
fn without_an_answer_of_the_runtime_no_slot_is_empty() {
    let snapshot = without_runtime();
    assert_eq!(roles(&snapshot), [Role::Live, Role::Unknown]);
    let output = text(&snapshot, None, &Approvals::NotNeeded);
    assert!(output.contains("not observed"), "{output}");
    assert!(!output.contains("empty"), "{output}");
    let json = json::of(&snapshot, Some(&Undriven::default()), &Approvals::NotNeeded);
    assert_eq!(json["live"], "blue");
    assert_eq!(json["roles"]["green"], serde_json::Value::Null);
    let green = &json["snapshot"]["slots"]["green"];
    assert_eq!(green["members"], serde_json::Value::Null);
    assert_eq!(json["agreed"], serde_json::Value::Null);
    assert_eq!(json["drift"], serde_json::Value::Null);
    assert_eq!(json["unknown"][0]["why"], "the runtime has not answered");
    assert_eq!(json["needs_person"], true);
}

#[test]
fn without_an_answer_of_the_store_no_slot_is_a_candidate() {
    let snapshot = without_registry();
    assert_eq!(roles(&snapshot), [Role::Live, Role::Unknown]);
    let output = text(&snapshot, None, &Approvals::NotNeeded);
    for part in [
        "registration unknown",
        "? containers = store: unknown",
        "registrations, route, lock, holds and interrupted releases: the store has not answered: no leader",
    ] {
        assert!(output.contains(part), "{part}: {output}");
    }
    for part in ["not registered", "candidate"] {
        assert!(!output.contains(part), "{part}: {output}");
    }
    let json = json::of(&snapshot, None, &Approvals::NotNeeded);
    for name in ["agreed", "drift", "holds", "queue", "agents", "interrupted"] {
        assert_eq!(json[name], serde_json::Value::Null, "{name}: {json}");
    }
    for name in [
        "keys",
        "problems",
        "watching",
        "queue",
        "peer_approvals",
        "lock",
    ] {
        assert_eq!(json["snapshot"][name], serde_json::Value::Null, "{name}");
    }
}

#[test]
fn without_an_answer_of_the_proxy_the_live_slot_is_unknown() {
    let mut snapshot = without_proxy();
    snapshot.slots.green.members = SlotMembers::new([instance(Slot::Green, 'b', 6)]);
    assert_eq!(roles(&snapshot), [Role::Unknown, Role::Unknown]);
    let output = text(&snapshot, None, &Approvals::NotNeeded);
    assert!(
        output.contains("the store's route names blue, generation 41"),
        "{output}"
    );
    let json = json::of(&snapshot, Some(&Undriven::default()), &Approvals::NotNeeded);
    assert_eq!(json["live"], serde_json::Value::Null);
    assert_eq!(json["agreed"], serde_json::Value::Null);
}

#[test]
fn stale_data_is_not_compared() {
    let mut snapshot = agreed();
    let since = snapshot.at;
    let stale = SourceState::Stale {
        since,
        why: "refused".into(),
        retry_at: None,
    };
    router_is(&mut snapshot, stale);
    assert_eq!(compare(&snapshot).agreed(), None);
    // A known difference counts, whatever else is unknown.
    live(&mut snapshot).state = InstanceState::Exited { code: None };
    assert_eq!(compare(&snapshot).agreed(), Some(false));
}

#[test]
fn a_target_before_its_first_release_agrees_and_has_no_live_slot() {
    let mut snapshot = agreed();
    snapshot.slots.blue = side(Slot::Blue);
    snapshot.route = None;
    edge(&mut snapshot).answer = EdgeAnswer::NotInstalled;
    edge(&mut snapshot).public = None;
    assert_eq!(roles(&snapshot), [Role::Empty; 2]);
    let json = json::of(&snapshot, Some(&Undriven::default()), &Approvals::NotNeeded);
    assert_eq!(json["live"], "none");
    assert_eq!(json["agreed"], true);
    assert_eq!(json["drift"], serde_json::json!([]));
    assert_eq!(json["needs_person"], false);
}

type Change = (&'static str, fn(&mut Snapshot), bool);

/// Changes of a snapshot in which everything agrees, each with whether the change needs a person.
const CHANGES: &[Change] = &[
    ("nothing", |_| (), false),
    (
        "the public gets 502",
        |s| public(s).detail = "status 502".into(),
        true,
    ),
    (
        "the public gets 502 while a release is driven",
        |s| {
            public(s).detail = "status 502".into();
            locked(s);
        },
        true,
    ),
    ("a difference", |s| s.slots.blue.registration = None, true),
    (
        "a difference while a release is driven",
        |s| {
            s.slots.blue.registration = None;
            locked(s);
        },
        false,
    ),
    (
        "the live version is not running",
        |s| {
            live(s).state = InstanceState::Paused;
            locked(s);
        },
        true,
    ),
    (
        "the runtime reports that the live version is unhealthy",
        |s| live(s).health = crate::inventory::RuntimeHealth::Unhealthy,
        true,
    ),
    (
        "a source does not answer",
        |s| s.sources.runtime = unreachable("refused"),
        true,
    ),
    (
        "a warm standby",
        |s| {
            let old = instance(Slot::Green, 'b', 6);
            s.slots.green.registration = Some(entry(&s.slots.green, &old));
            s.slots.green.members = SlotMembers::new([old]);
        },
        false,
    ),
];

#[test]
fn wrong_or_unknown_facts_need_an_operator() {
    for (description, change, is_needed) in CHANGES {
        let mut snapshot = agreed();
        change(&mut snapshot);
        assert_eq!(
            needs_person(&snapshot, Some(&Undriven::default())),
            *is_needed,
            "{description}"
        );
    }
    assert!(needs_person(&agreed(), None), "the journal is unknown");
}

#[test]
fn a_cleared_hold_is_shown_as_cleared() {
    use crate::inventory::{Cleared, Hold, Operator};
    let by = |name: &str| Operator {
        name: name.into(),
        host: "ops-1".into(),
    };
    let mut snapshot = agreed();
    let placed = Hold {
        reason: "payday".into(),
        author: by("ana"),
        since: snapshot.at,
        until: None,
        release: None,
        cleared: None,
    };
    snapshot.hold = Some(placed.clone());
    let held = text(&snapshot, None, &Approvals::NotNeeded);
    assert!(held.contains("# held by ana@ops-1: payday"), "{held}");
    snapshot.hold = Some(placed.cleared(Cleared {
        by: by("ben"),
        at: snapshot.at,
        why: Some("paid".into()),
    }));
    let output = text(&snapshot, None, &Approvals::NotNeeded);
    assert!(!output.contains("# held"), "{output}");
    assert!(
        output.contains("- hold cleared by ben@ops-1 at "),
        "{output}"
    );
    assert!(output.contains("(paid)"), "{output}");
}

#[test]
fn no_repair_is_offered_while_a_release_is_running() {
    let mut snapshot = agreed();
    live(&mut snapshot).state = InstanceState::Exited { code: None };
    let output = text(&snapshot, None, &Approvals::NotNeeded);
    assert!(
        output.contains("greenroom repair web qa --dry-run"),
        "{output}"
    );
    locked(&mut snapshot);
    let output = text(&snapshot, None, &Approvals::NotNeeded);
    assert!(output.contains("! instance-stopped: "), "{output}");
    assert!(
        output.contains("holds the lock; Greenroom repairs nothing until the lock is free"),
        "{output}"
    );
    assert!(
        !output.contains("repair:") && !output.contains("greenroom repair"),
        "{output}"
    );
}

#[test]
fn two_containers_in_a_slot_are_shown_by_name() {
    let mut snapshot = agreed();
    crate::inventory::drift::world_tests::with_copy(&mut snapshot, Slot::Blue, 'c');
    let shown = text(&snapshot, None, &Approvals::NotNeeded);
    for line in [
        "not healthy: has 2 containers or processes instead of 1: greenroom-web.qa.blue, debugging",
        "      greenroom-web.qa.blue 1.9.0 aaaaaaaaaa, running, restarts 0",
        "      debugging 1.9.0 cccccccccc, running, restarts 0",
        "  ! members-differ: blue has 2 containers",
    ] {
        assert!(shown.contains(line), "{line:?} is not in\n{shown}");
    }
    let json = json::of(&snapshot, None, &Approvals::NotNeeded);
    let blue = &json["snapshot"]["slots"]["blue"];
    assert_eq!(
        (&blue["wanted"], &blue["members"][1]["name"]),
        (&1.into(), &"debugging".into())
    );
    assert!(needs_person(&snapshot, None));
}

#[test]
fn a_difference_of_one_of_two_edges_names_the_edge() {
    let mut snapshot = agreed();
    let (east, west) = (edge_at(Slot::Blue, 41), edge_at(Slot::Green, 40));
    with_two(&mut snapshot, east, west);
    let output = text(&snapshot, None, &Approvals::NotNeeded);
    let difference = "store: blue generation 41; proxy west: green generation 40";
    assert!(output.contains(difference), "{output}");
    let unknown = "which slot has the traffic: the proxies name different slots";
    assert!(output.contains(unknown), "{output}");
    let json = json::of(&snapshot, None, &Approvals::NotNeeded);
    assert_eq!(json["live"], serde_json::Value::Null);
    assert_eq!(json["agreed"], false);
    assert_eq!(json["drift"][0]["edge"], "west");
    assert_eq!(json["snapshot"]["edges"]["west"]["proxy"]["slot"], "green");
}

#[test]
fn a_silent_edge_is_named() {
    let mut snapshot = agreed();
    let west = Edge {
        state: unreachable("connection refused"),
        ..Edge::default()
    };
    with_two(&mut snapshot, edge_at(Slot::Blue, 41), west);
    let output = text(&snapshot, None, &Approvals::NotNeeded);
    let silence = "the proxy has not answered: west: connection refused";
    assert!(output.contains(silence), "{output}");
    let json = json::of(&snapshot, None, &Approvals::NotNeeded);
    assert_eq!(json["agreed"], serde_json::Value::Null);
}

#[test]
fn agents_and_pending_pushes_are_shown() {
    let mut snapshot = agreed();
    let watcher = |name: &str, is_agent| Watcher {
        operator: Operator {
            name: name.into(),
            host: "ops-1".into(),
        },
        console: format!("{name}@ops-1 17 01JD5"),
        since: snapshot.at,
        is_agent,
    };
    let watching = vec![watcher("cleo", false), watcher("greenroom", true)];
    let entry = |second: i64, tag: &str, state: EntryState| {
        let at = jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(second);
        let delivery = format!("d{second}");
        let push = Push::new("team/web", tag, PushSource::Poll, &delivery, at).expect("a push");
        QueueEntry::new(&snapshot.target, push).becomes(state, at)
    };
    let why = Some("held until 18:00\u{1b}[2J".to_owned());
    let queue = vec![
        entry(1, "v1", EntryState::Waiting { why: None }),
        entry(2, "develop", EntryState::Waiting { why }),
        entry(3, "v2", EntryState::Done { release: None }),
    ];
    let calm = text(&snapshot, None, &Approvals::NotNeeded);
    assert!(!calm.contains("queue") && !calm.contains("agent"), "{calm}");
    snapshot.queue = queue;
    let output = text(&snapshot, None, &Approvals::NotNeeded);
    assert!(output.contains("no agent is running"), "{output}");
    snapshot.watching = watching;
    let output = text(&snapshot, None, &Approvals::NotNeeded);
    for part in [
        "  > cleo@ops-1 has watched this target since",
        "  > an agent (greenroom@ops-1) has followed this target since",
        "  > queue: develop waiting: held until 18:00",
        "; 1 more pending",
    ] {
        assert!(output.contains(part), "{part}: {output}");
    }
    for part in ["greenroom@ops-1 has watched", "no agent is running"] {
        assert!(!output.contains(part), "{part}: {output}");
    }
    assert!(!output.contains('\u{1b}'), "{output:?}");
    let json = json::of(&snapshot, None, &Approvals::NotNeeded);
    let tags = json["queue"].as_array().expect("a list").iter();
    let tags: Vec<_> = tags.map(|entry| entry["push"]["tag"].clone()).collect();
    assert_eq!(tags, ["develop", "v1"]);
    assert_eq!(json["agents"][0]["operator"]["name"], "greenroom");
    assert_eq!(json["agents"][1], serde_json::Value::Null);
}
