//! The slots and the truth row, at the sizes that matter and as full pages.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::KeyCode;
use greenroom::console::dialogs::Page;
use greenroom::console::event::Event;
use greenroom::console::theme::Meaning;
use greenroom::console::{Charset, Model};
use greenroom::inventory::{
    Digest, ImageLabels, Instance, InstanceId, InstanceState, PublicAddress, Rates,
    RegisteredMember, Slot, SlotMembers, Snapshot, SourceState, instance_name,
};
use ratatui::buffer::Buffer;
use ratatui::style::{Modifier, Style};

use super::world::{
    self, ago, drawn, later, model, press, press_key, screen, tell, text, verifying,
    web_production, with_candidate, with_standby,
};
use crate::support::edge;

fn rates(requests: u64, errors: u64) -> Rates {
    Rates {
        requests,
        errors,
        p50: Duration::from_millis(if requests == 0 { 0 } else { 8 }),
        p99: Duration::from_millis(if requests == 0 { 0 } else { 41 }),
        window: Duration::from_secs(10),
        began: None,
    }
}

fn made(instance: &mut Instance, labels: [&str; 3], configuration: &[(&str, &str)]) {
    let [revision, created, version] = labels.map(|text| Some(text.to_owned()));
    instance.labels = ImageLabels {
        revision,
        created,
        version,
    };
    instance.configuration = configuration
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
}

/// A candidate next to a live version with traffic, with everything known about both.
fn rich() -> Snapshot {
    let mut snapshot = with_candidate(web_production());
    let blue = snapshot.slots.blue.members.iter_mut().next().expect("live");
    made(
        blue,
        ["abc1234def5678901", "2026-11-18T10:00:00Z", "1.8.2"],
        &[
            ("env PRICES", "#111111"),
            ("memory", "128 MiB"),
            ("network", "bridge"),
        ],
    );
    let green = snapshot
        .slots
        .green
        .members
        .iter_mut()
        .next()
        .expect("a candidate");
    made(
        green,
        ["def5678abc1234901", "2026-11-20T14:00:00Z", "1.9.0"],
        &[
            ("env PRICES", "#222222"),
            ("memory", "256 MiB"),
            ("network", "bridge"),
        ],
    );
    snapshot.slots.blue.rates = Some(rates(3120, 1));
    snapshot.slots.green.rates = Some(rates(0, 0));
    snapshot.preview = Some(PublicAddress {
        endpoint: "127.0.0.1:80".parse().expect("an address"),
        host: "green.web.example".into(),
        path: "/health".into(),
    });
    snapshot
}

fn looking(size: (u16, u16), snapshot: Snapshot) -> Model {
    let mut model = model(size, snapshot);
    press(&mut model, "2");
    tell(&mut model, Event::ReleaseMoved(Arc::new(verifying())));
    model.notice = None;
    model
}

/// Only the pane of the slots, so other panes do not matter.
fn pane(model: &Model) -> String {
    super::checks::cropped(&screen(model), "▸2 Slots")
}

fn style_of(buffer: &Buffer, words: &str) -> Style {
    let shown = text(buffer);
    let (row, line) = shown
        .lines()
        .enumerate()
        .find(|(_, line)| line.contains(words))
        .unwrap_or_else(|| panic!("{words:?} is not on\n{shown}"));
    let column = line[..line.find(words).expect("found above")]
        .chars()
        .count();
    let at = |n: usize| u16::try_from(n).expect("small");
    buffer.cell((at(column), at(row))).expect("a cell").style()
}

/// The slots of a target without an open release.
fn unlocked(snapshot: Snapshot) -> Model {
    let mut model = model((118, 34), snapshot);
    press(&mut model, "2");
    model
}

fn page(model: &mut Model) -> String {
    press_key(model, KeyCode::Enter);
    match model.shown::<Page>() {
        Some(page) => page.lines.join("\n") + "\n",
        other => panic!("a page, not {other:?}"),
    }
}

#[test]
fn slots_are_side_by_side_where_there_is_room() {
    insta::assert_snapshot!(pane(&looking((118, 34), rich())));
    insta::assert_snapshot!(
        "side_by_side_with_every_line",
        pane(&looking((160, 50), rich()))
    );
}

#[test]
fn stacked_slots_keep_the_important_lines() {
    insta::assert_snapshot!(pane(&looking((100, 30), rich())));
    insta::assert_snapshot!(
        "stacked_on_a_small_screen",
        pane(&looking((60, 16), rich()))
    );
}

#[test]
fn a_page_lists_every_difference_and_the_view_of_each_source() {
    insta::assert_snapshot!(page(&mut looking((118, 34), rich())));
}

#[test]
fn no_traffic_is_neutral_and_unknown_rates_are_explained_on_the_page() {
    let theme = world::theme("dark", Charset::Unicode);
    let shown = drawn(&looking((118, 34), rich()), &theme);
    let calm = style_of(&shown, "no traffic yet: no data");
    assert_eq!(calm.fg, theme.style(Meaning::Muted).fg);

    let mut unknown = rich();
    unknown.slots.blue.rates = None;
    unknown.slots.green.rates = None;
    unknown.rates_unknown = Some("the proxy writes no access log".into());
    let mut model = looking((118, 34), unknown);
    assert!(!screen(&model).contains("req/s") && !screen(&model).contains("access log"));
    let page = page(&mut model);
    assert!(
        page.contains("rates unknown: the proxy writes no access log"),
        "{page}"
    );

    let mut quiet = rich();
    quiet.slots.blue.rates = Some(rates(0, 0));
    let shown = drawn(&looking((118, 34), quiet), &theme);
    let calm = style_of(&shown, "no request in the last 10s: no data");
    assert_eq!(calm.fg, theme.style(Meaning::Muted).fg);
}

#[test]
fn only_the_live_slot_shows_a_rate_with_its_window() {
    let mut snapshot = with_standby(web_production());
    // Both rates cover the last ten seconds; the switch was three seconds ago.
    snapshot.slots.green.rates = Some(rates(90, 0));
    snapshot.slots.blue.rates = Some(rates(210, 0));
    let mut model = model((118, 34), snapshot);
    press(&mut model, "2");
    let shown = screen(&model);
    assert_eq!(shown.matches("req/s").count(), 1, "{shown}");
    assert!(shown.contains("9.0 req/s, last 10s"), "{shown}");
    assert!(
        shown.contains("not live; 210 requests, last 10s"),
        "{shown}"
    );
    let page = page(&mut model);
    assert!(page.contains("not live; 210 requests"), "{page}");
}

#[test]
fn errors_are_visible_without_colour() {
    let theme = world::theme("dark", Charset::Unicode);
    for (requests, errors, words, meaning) in [
        (3120, 0, "312 req/s, last 10s  errors 0%", None),
        (
            3120,
            1,
            "312 req/s, last 10s  errors 0.04%",
            Some(Meaning::Warn),
        ),
        (
            1000,
            125,
            "✗ 100 req/s, last 10s  errors 12.5%",
            Some(Meaning::Bad),
        ),
    ] {
        let mut snapshot = rich();
        snapshot.slots.blue.rates = Some(rates(requests, errors));
        let shown = drawn(&looking((118, 34), snapshot), &theme);
        let plain = Some(ratatui::style::Color::Reset);
        let wanted = meaning.map_or(plain, |meaning| theme.style(meaning).fg);
        assert_eq!(style_of(&shown, words).fg, wanted, "{words}");
    }
}

#[test]
fn differences_are_unknown_when_a_side_was_not_observed() {
    let shown = screen(&looking((118, 34), with_candidate(web_production())));
    assert!(!shown.contains("config"), "{shown}");
    let mut same = rich();
    let configuration = same
        .slots
        .blue
        .members
        .representative()
        .expect("live")
        .configuration
        .clone();
    let green = same
        .slots
        .green
        .members
        .iter_mut()
        .next()
        .expect("a candidate");
    green.configuration = configuration;
    let shown = screen(&looking((160, 50), same));
    assert!(shown.contains("configured as live"), "{shown}");
}

#[test]
fn a_slot_is_recognizable_by_side_word_and_border() {
    for name in ["mono", "dark"] {
        let theme = world::theme(name, Charset::Unicode);
        for (snapshot, left, right) in [
            (rich(), "╔ BLUE  ● LIVE ", "┌ GREEN  ○ CANDIDATE "),
            (
                with_standby(web_production()),
                "┌ BLUE  ◐ STANDBY ",
                "╔ GREEN  ● LIVE ",
            ),
        ] {
            let shown = text(&drawn(&looking((118, 34), snapshot), &theme));
            let row = shown.lines().find(|line| line.contains("BLUE"));
            let row = row.unwrap_or_else(|| panic!("{shown}"));
            let both = (row.find(left), row.find(right));
            assert!(
                matches!(both, (Some(left), Some(right)) if left < right),
                "{row}"
            );
        }
    }
}

#[test]
fn the_truth_row_marks_each_comparison_and_names_the_repair() {
    let theme = world::theme("dark", Charset::Unicode);
    let mut snapshot = rich();
    if let Some(public) = &mut edge(&mut snapshot.edges).public {
        public.slot = Some(Slot::Green);
    }
    let entry = snapshot.slots.blue.registration.as_mut().expect("an entry");
    let other: Digest = format!("sha256:{}", "c".repeat(64))
        .parse()
        .expect("a digest");
    entry.value.digest = other;
    let mut model = looking((118, 34), snapshot.clone());
    let shown = drawn(&model, &theme);
    for (words, meaning) in [
        ("≠ containers ≠ store", Meaning::Bad),
        ("✓ store = proxy gen 41", Meaning::Ok),
        ("≠ proxy ≠ public", Meaning::Bad),
        (
            "≠ blue runs 4f2a9c01e7 but is registered as cccccccccc",
            Meaning::Bad,
        ),
        (
            "≠ the proxy names blue, but green answered the public address",
            Meaning::Bad,
        ),
    ] {
        assert_eq!(
            style_of(&shown, words).fg,
            theme.style(meaning).fg,
            "{words}"
        );
    }
    let while_releasing = page(&mut model);
    assert!(
        while_releasing.contains("Greenroom repairs nothing until the lock is free"),
        "{while_releasing}"
    );
    assert!(!while_releasing.contains("repair: "), "{while_releasing}");
    snapshot.lock = None;
    let page = page(&mut unlocked(snapshot.clone()));
    for words in [
        "containers ≠ store: blue runs 4f2a9c01e7",
        "version-differs: another version was started in the slot by hand",
        "repair: an edited key is corrected to match",
        "store = proxy: they agree",
        "public-elsewhere: another proxy, a cache or a load balancer",
        "repair: an operator must find what listens on the public",
        "press D to plan and confirm the repair, or run: greenroom repair web",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    snapshot.sources.registry = SourceState::Connecting;
    let shown = drawn(&looking((118, 34), snapshot), &theme);
    let unknown = style_of(&shown, "? containers = store");
    assert_eq!(unknown.fg, theme.style(Meaning::Stale).fg);
}

#[test]
fn an_unreachable_source_is_dimmed_with_its_age_and_retry_time() {
    let theme = world::theme("dark", Charset::Unicode);
    let mut snapshot = rich();
    snapshot.sources.runtime = SourceState::Stale {
        since: ago(12),
        why: "docker at unix:///run/docker.sock: connection refused".into(),
        retry_at: Some(later(3)),
    };
    let mut model = looking((118, 34), snapshot);
    let shown = drawn(&model, &theme);
    let note = style_of(&shown, "✗ runtime stale 12s, retry in 3s");
    assert_eq!(note.fg, theme.style(Meaning::Bad).fg);
    let kept = style_of(&shown, "web:1.8.2  4f2a9c01e7");
    assert!(kept.add_modifier.contains(Modifier::DIM), "{kept:?}");
    assert!(model.counts_time(), "the seconds on the screen go on");
    let page = page(&mut model);
    assert!(page.contains("connection refused"), "{page}");
    let settled = world::model((118, 34), web_production());
    assert!(
        !settled.counts_time(),
        "no countdown while every source answers"
    );
}

#[test]
fn a_source_that_never_answered_is_unknown_and_not_empty() {
    let away = || SourceState::Unreachable {
        why: "connection refused".into(),
        retry_at: Some(later(3)),
    };
    let mut snapshot = rich();
    snapshot.sources.runtime = away();
    snapshot.slots.blue.members = SlotMembers::default();
    snapshot.slots.green.members = SlotMembers::default();
    let mut model = looking((118, 34), snapshot);
    let shown = screen(&model);
    for words in [
        "✗ runtime no answer, retry in 3s",
        "the runtime has not answered",
        "GREEN  ? UNKNOWN",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains("EMPTY"), "{shown}");
    assert!(!shown.contains("nothing is running"), "{shown}");
    let page = page(&mut model);
    assert!(page.contains("version   unknown"), "{page}");
    assert!(
        page.contains("the runtime has not answered: connection refused"),
        "{page}"
    );

    let mut snapshot = rich();
    snapshot.sources.registry = away();
    snapshot.route = None;
    snapshot.keys.clear();
    snapshot.slots.blue.registration = None;
    let shown = screen(&looking((118, 34), snapshot));
    for words in [
        "? registration unknown",
        "unknown: the store has not answered",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains("not registered"), "{shown}");
    assert!(!shown.contains("CANDIDATE"), "{shown}");
}

#[test]
fn the_port_of_the_preview_is_never_cut_off() {
    for (host, shown) in [
        ("green.example", "preview http://green.example:18081/"),
        ("green.web.example", "http://green.web.example:18081/"),
        (
            "green.web.staging.example",
            "green.web.staging.example:18081",
        ),
        (
            "green.web.staging.shop.example.com",
            "green.web.staging.shop.example…:18081",
        ),
    ] {
        let mut snapshot = rich();
        snapshot.preview = Some(PublicAddress {
            endpoint: "127.0.0.1:18081".parse().expect("an address"),
            host: host.into(),
            path: "/".into(),
        });
        let pane = pane(&looking((118, 34), snapshot));
        assert!(pane.contains(shown), "{host}: {pane}");
    }
}

#[test]
fn hostile_labels_and_configuration_are_sanitized() {
    let hostile = "a\u{1b}[31m\u{202e}b\u{200b}\u{7}";
    let mut snapshot = rich();
    let green = snapshot
        .slots
        .green
        .members
        .iter_mut()
        .next()
        .expect("a candidate");
    made(green, [hostile; 3], &[(hostile, hostile)]);
    snapshot.rates_unknown = Some(hostile.into());
    snapshot.slots.blue.rates = None;
    if let Some(preview) = &mut snapshot.preview {
        preview.host = hostile.into();
    }
    let mut model = looking((118, 34), snapshot);
    let mut shown = screen(&model);
    shown.push_str(&page(&mut model));
    shown.push_str(&screen(&model));
    for c in shown.chars().filter(|c| *c != '\n') {
        let moves = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
        assert!(!c.is_control() && !moves, "{c:?} is on the screen");
    }
}

/// The live slot with three members, of which the second is in this state.
fn with_members(second: InstanceState) -> Snapshot {
    let mut snapshot = with_candidate(web_production());
    let blue = &mut snapshot.slots.blue;
    blue.addresses = "127.0.0.1:18081-18083".parse().expect("addresses");
    let first = blue.members.representative().cloned().expect("a member");
    blue.members = SlotMembers::new((1..=3).map(|number| Instance {
        id: InstanceId(number.to_string().repeat(64)),
        name: instance_name(&first.target, Slot::Blue, number),
        number,
        of: 3,
        state: if number == 2 { second } else { first.state },
        ..first.clone()
    }));
    let registered = blue.members.iter().map(|member| RegisteredMember {
        endpoint: member.address(&blue.addresses),
        instance: member.id.clone(),
    });
    let entry = blue.registration.as_mut().expect("it is registered");
    entry.value.members = registered.collect();
    let route = snapshot.route.as_mut().expect("a route");
    route.value.addresses = blue.addresses.clone();
    snapshot
}

#[test]
fn the_members_of_a_slot_are_counted_and_the_odd_one_is_named() {
    let whole = with_members(InstanceState::Running);
    insta::assert_snapshot!(pane(&looking((118, 34), whole.clone())));
    let odd = with_members(InstanceState::Exited { code: Some(137) });
    let shown = pane(&looking((118, 34), odd.clone()));
    for row in [
        "2 of 3, member 2 not running",
        "2  127.0.0.1:18082  exited with code",
    ] {
        assert!(shown.contains(row), "{row}\n{shown}");
    }
    let lines = page(&mut looking((118, 34), odd));
    for line in [
        "at 127.0.0.1:18081-18083",
        "greenroom-web.production.blue.2",
    ] {
        assert!(lines.contains(line), "{lines}");
    }
    // A narrow screen shows the count in any case.
    let narrow = pane(&looking((80, 24), whole));
    assert!(narrow.contains("3 of 3"), "{narrow}");
}

#[test]
fn two_containers_in_a_slot_are_shown_by_name() {
    let mut snapshot = with_candidate(web_production());
    let members = &mut snapshot.slots.blue.members;
    let copies: Vec<Instance> = members.iter().cloned().collect();
    let copies = copies.into_iter().map(|member| Instance {
        name: "debugging".into(),
        id: InstanceId("d".repeat(64)),
        ..member
    });
    *members = SlotMembers::new(members.iter().cloned().chain(copies));
    insta::assert_snapshot!(pane(&looking((118, 34), snapshot.clone())));
    let lines = page(&mut looking((118, 34), snapshot));
    assert!(lines.contains("debugging"), "{lines}");
}
