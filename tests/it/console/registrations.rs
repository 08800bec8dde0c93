//! Pane 4: the tree of stored keys, a mark on each value that differs from the observation, and
//! leases that count down between readings.

use std::time::{Duration, Instant};

use crossterm::event::KeyCode;
use greenroom::console::Charset;
use greenroom::console::dialogs::Page;
use greenroom::console::event::Event;
use greenroom::console::model::{Mark, Model, lease_left, registrations};
use greenroom::console::theme::Meaning;
use greenroom::console::update::update;
use greenroom::inventory::{
    EntryState, InstanceId, InstanceState, KeyLine, Slot, SlotMembers, Snapshot, SourceState,
    local_time,
};

use super::queue::{entry, waiting};
use super::world::{
    ago, digest, drawn, later, model, now, operator, press, press_key, screen, text, theme,
    web_production, with_candidate, with_standby,
};
use crate::support::edge;

fn put(snapshot: &mut Snapshot, name: &str, value: &str, ttl_seconds: Option<i64>) {
    let line = KeyLine {
        key: format!("/greenroom/v1/targets/{}/{name}", snapshot.target),
        value: value.into(),
        revision: 9001,
        ttl_seconds,
    };
    snapshot.keys.push(line);
}

/// The row of a name, and its mark.
fn mark(snapshot: &Snapshot, name: &str) -> Mark {
    let rows = registrations(snapshot);
    let row = rows.iter().find(|row| row.name == name);
    row.unwrap_or_else(|| panic!("no {name}: {rows:?}"))
        .mark
        .clone()
}

#[test]
fn each_difference_from_the_observation_is_named() {
    let blue = |change: fn(&mut Snapshot)| {
        let mut snapshot = with_standby(web_production());
        change(&mut snapshot);
        Box::new(snapshot)
    };
    for (name, expected, snapshot) in [
        (
            "blue",
            "of this target is in blue",
            blue(|s| s.slots.blue.members = SlotMembers::default()),
        ),
        (
            "blue",
            "but anotherone00 is in blue",
            blue(|s| {
                let instance = s.slots.blue.members.iter_mut().next();
                instance.expect("one").id = InstanceId("anotherone00000".into());
            }),
        ),
        (
            "blue",
            "but ababababab is in blue",
            blue(|s| {
                let instance = s.slots.blue.members.iter_mut().next();
                instance.expect("one").digest = digest("ab");
            }),
        ),
        (
            "blue",
            "blue is registered, but its container is not running",
            blue(|s| {
                let instance = s.slots.blue.members.iter_mut().next();
                instance.expect("one").state = InstanceState::Exited { code: Some(1) };
            }),
        ),
        (
            "blue",
            "address 127.0.0.1:32771 is registered, but the address of blue is 127.0.0.1:9",
            blue(|s| s.slots.blue.addresses = "127.0.0.1:9".parse().expect("an address")),
        ),
        (
            "route",
            "store: green generation 42; proxy: blue generation 41",
            blue(|s| {
                let proxy = edge(&mut s.edges).answer.proxy_mut();
                let proxy = proxy.expect("a proxy");
                proxy.slot = Some(Slot::Blue);
                proxy.generation = 41;
            }),
        ),
        (
            "route",
            "the route names green, which is not registered",
            blue(|s| s.slots.green.registration = None),
        ),
    ] {
        let Mark::Differs(words) = mark(&snapshot, name) else {
            panic!("{name}: {expected}: {:?}", mark(&snapshot, name));
        };
        assert!(words.join("; ").contains(expected), "{expected}: {words:?}");
        let shown = screen(&model((118, 34), *snapshot));
        assert!(shown.contains("differs: "), "{shown}");
    }
}

#[test]
fn matching_keys_are_ticked_and_unknown_ones_have_no_mark() {
    let mut snapshot = with_standby(web_production());
    for name in ["blue", "green", "route"] {
        assert_eq!(mark(&snapshot, name), Mark::Agrees, "{name}");
    }
    assert_eq!(mark(&snapshot, "lock"), Mark::NotCompared);
    for source in [&mut snapshot.sources.runtime, &mut snapshot.sources.router] {
        *source = SourceState::Stale {
            since: ago(9),
            why: "connection refused".into(),
            retry_at: None,
        };
    }
    for name in ["blue", "green", "route"] {
        assert_eq!(mark(&snapshot, name), Mark::NotCompared, "{name}");
    }
}

#[test]
fn the_live_slot_without_its_key_is_missing_and_a_candidate_is_not() {
    let mut snapshot = with_candidate(web_production());
    assert_eq!(mark(&snapshot, "green"), Mark::NotCompared);
    snapshot.keys.retain(|line| !line.key.ends_with("/blue"));
    snapshot.slots.blue.registration = None;
    let words = "blue has the traffic and is not registered".to_owned();
    assert_eq!(mark(&snapshot, "blue"), Mark::Missing(words));
}

#[test]
fn a_queued_push_is_shown_in_words() {
    let hidden = "a\u{1b}[2J";
    let queued = [
        entry("1.9.3", 120, waiting("held until 18:00 by ana@ops-1")),
        entry("1.9.2", 300, EntryState::Refused { why: "no".into() }),
    ];
    let mut snapshot = web_production();
    for entry in &queued {
        let name = format!("queue/{}", entry.id);
        put(&mut snapshot, &name, &"x".repeat(682), None);
    }
    put(&mut snapshot, "queue/unread", "{}", None);
    snapshot.queue = queued.to_vec();
    snapshot.queue[1].push.tag = hidden.into();
    let value = |name: &str| {
        let rows = registrations(&snapshot);
        let row = rows.iter().find(|row| row.name == name);
        row.unwrap_or_else(|| panic!("no {name}: {rows:?}"))
            .value
            .clone()
    };
    let since = local_time::moment(ago(60));
    let words = format!("push of 1.9.3 from hub: waiting, since {since}");
    assert_eq!(value(queued[0].id.as_str()), words);
    let sanitized = value(queued[1].id.as_str());
    assert!(
        sanitized.ends_with(&format!(
            ": refused, since {}",
            local_time::moment(ago(150))
        )),
        "{sanitized}"
    );
    assert!(!sanitized.contains('\u{1b}'), "{sanitized:?}");
    assert_eq!(value("unread"), "2 bytes");
}

/// A tree with a bit of everything.
fn motley() -> Snapshot {
    let mut snapshot = with_standby(web_production());
    if let Some(instance) = snapshot.slots.blue.members.iter_mut().next() {
        instance.digest = digest("ab");
    }
    put(&mut snapshot, "hold", "{\"reason\":", None);
    let unreadable = snapshot.keys.last().expect("one").key.clone();
    let words = "it cannot be read: EOF while parsing".to_owned();
    snapshot.problems.insert(unreadable, words);
    put(
        &mut snapshot,
        "notes/2026/payday",
        "日本語 of the month",
        None,
    );
    put(
        &mut snapshot,
        "notes/agent",
        "{\"alive\":true,\"host\":\"ops-1\"}",
        Some(9),
    );
    snapshot
}

#[test]
fn a_tree_with_a_bit_of_everything_at_three_widths() {
    let mut all = String::new();
    for size in [(118, 60), (90, 28), (60, 24)] {
        let mut model = model(size, motley());
        press(&mut model, "4");
        let shown = screen(&model);
        let rows: Vec<&str> = shown.lines().collect();
        let top = rows
            .iter()
            .position(|row| row.contains("4 Registrations · "));
        let top = top.unwrap_or_else(|| panic!("no pane: {shown}"));
        let bottom = rows[top..].iter().position(|row| row.contains('└'));
        all.push_str(&rows[top..=top + bottom.expect("an end")].join("\n"));
        all.push('\n');
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_wrong_key_is_red_with_a_mark_and_a_word() {
    let dark = theme("dark", Charset::Unicode);
    let mut model = model((118, 60), motley());
    press(&mut model, "1");
    let buffer = drawn(&model, &dark);
    let shown = text(&buffer);
    for (words, meaning) in [
        ("differs: digest", Meaning::Bad),
        ("unreadable: it cannot", Meaning::Bad),
        ("unknown key: 22 bytes", Meaning::Muted),
    ] {
        let (row, line) = shown
            .lines()
            .enumerate()
            .find(|(_, line)| line.contains(words))
            .unwrap_or_else(|| panic!("{words}: {shown}"));
        let column = line[..line.find(words).expect("found")].chars().count();
        let at = (
            u16::try_from(column).expect("small"),
            u16::try_from(row).expect("small"),
        );
        let style = buffer.cell(at).expect("a cell").style();
        assert_eq!(style.fg, dark.style(meaning).fg, "{words}");
    }
}

#[test]
fn route_and_slots_come_first_and_ended_records_last() {
    let mut snapshot = motley();
    let order = |snapshot: &Snapshot| -> Vec<String> {
        let rows = registrations(snapshot).into_iter();
        let groups = rows.filter(|row| row.depth == 0);
        groups.map(|row| row.name).collect()
    };
    // The hold cannot be read, so it comes before the lock, which is correct.
    assert_eq!(
        order(&snapshot),
        ["route", "slots/", "hold", "lock", "notes/"]
    );
    snapshot.problems.clear();
    snapshot.hold = Some(greenroom::inventory::Hold {
        reason: "payday".into(),
        author: operator(),
        since: ago(300),
        until: None,
        release: None,
        cleared: None,
    });
    assert_eq!(
        order(&snapshot),
        ["route", "slots/", "lock", "hold", "notes/"]
    );
    let hold = snapshot.hold.take().expect("one");
    snapshot.hold = Some(hold.cleared(greenroom::inventory::Cleared {
        by: operator(),
        at: ago(60),
        why: Some("paid".into()),
    }));
    put(&mut snapshot, "approvals/01JD4/ben", "{}", None);
    assert_eq!(
        order(&snapshot),
        ["route", "slots/", "lock", "approvals/", "hold", "notes/"]
    );
    let rows = registrations(&snapshot);
    let hold = rows.iter().find(|row| row.name == "hold").expect("a row");
    assert!(
        hold.value.starts_with("cleared by ana@ops-1 at "),
        "{}",
        hold.value
    );
    assert!(hold.value.contains("(paid)"), "{}", hold.value);
}

#[test]
fn no_row_shows_raw_json() {
    let mut snapshot = motley();
    for name in [
        "handover",
        "approvals/01JD4/ben",
        "watching/x",
        "releases/01JD4",
        "slots/green",
    ] {
        put(&mut snapshot, name, "{\"raw\":\"json\"}", None);
    }
    snapshot.slots.green.registration = None;
    for row in registrations(&snapshot) {
        assert!(!row.value.contains('{'), "{}: {}", row.name, row.value);
    }
}

/// Puts the cursor of pane 4 on a name, and opens it.
fn opened(model: &mut Model, name: &str) -> (String, String) {
    press(model, "4g");
    let rows = registrations(model.snapshot().expect("a snapshot"));
    let row = rows.iter().position(|row| row.name == name);
    for _ in 0..row.expect("the row") {
        press(model, "j");
    }
    press_key(model, KeyCode::Enter);
    let Some(page) = model.shown::<Page>().cloned() else {
        panic!("no page");
    };
    model.dialog = None;
    (page.title, page.lines.join("\n"))
}

#[test]
fn enter_explains_a_key_its_expected_value_and_why() {
    let mut model = model((118, 40), motley());
    let (title, lines) = opened(&mut model, "blue");
    assert_eq!(title, "/greenroom/v1/targets/web/production/slots/blue");
    for words in [
        "the value differs from the observations:",
        "digest 4f2a9c01e7 is registered, but ababababab is in blue",
        "the value should be:",
        "address   127.0.0.1:32771",
        "revision 8812",
    ] {
        assert!(lines.contains(words), "{words}: {lines}");
    }
    let (_, lines) = opened(&mut model, "agent");
    for words in [
        "Greenroom does not use this key",
        "Greenroom only shows the key",
        "the lease expires in 9s",
        "  \"host\": \"ops-1\"",
    ] {
        assert!(lines.contains(words), "{words}: {lines}");
    }
    let (_, lines) = opened(&mut model, "hold");
    assert!(
        lines.contains("cannot be read: it cannot be read: EOF"),
        "{lines}"
    );
    assert!(lines.contains("{\"reason\":"), "{lines}");
    let (_, lines) = opened(&mut model, "route");
    assert!(lines.contains("correct: the value agrees"), "{lines}");
}

#[test]
fn a_lease_counts_down_to_zero() {
    let mut model = model((118, 60), motley());
    assert!(model.counts_time());
    assert!(
        screen(&model).contains("    9s     9001 ?"),
        "{}",
        screen(&model)
    );
    assert!(update(&mut model, Event::Ticked, later(4)).is_empty());
    assert!(
        screen(&model).contains("    5s     9001 ?"),
        "{}",
        screen(&model)
    );
    assert!(update(&mut model, Event::Ticked, later(4000)).is_empty());
    assert!(
        screen(&model).contains("    0s     9001 ?"),
        "{}",
        screen(&model)
    );
    let snapshot = web_production();
    assert_eq!(lease_left(&snapshot, None, now()), None);
}

#[test]
fn a_thousand_keys_are_counted_reachable_and_fast() {
    let mut snapshot = with_candidate(web_production());
    for index in 0..1_000 {
        let name = format!("notes/{:02}/{index:04}", index / 50);
        put(&mut snapshot, &name, "a foreign value", None);
    }
    let mut model = model((118, 34), snapshot);
    press(&mut model, "4");
    let shown = screen(&model);
    assert!(shown.contains("1,003 keys"), "{shown}");
    assert!(shown.contains("(not registered)"), "{shown}");
    press(&mut model, "G");
    assert!(screen(&model).contains("0999"), "{}", screen(&model));
    let dark = theme("dark", Charset::Unicode);
    let started = Instant::now();
    for _ in 0..10 {
        drawn(&model, &dark);
    }
    // The limit is for a build without optimizations on a busy machine. Optimized, a frame takes a
    // few milliseconds.
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
}
