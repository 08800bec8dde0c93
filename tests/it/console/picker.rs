//! The version picker: what the list shows, what it requests from the registry, and which versions
//! cannot be chosen.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use greenroom::console::dialogs::{
    Knowledge, ListVersions, LookUpTag, MakePlan, Picker, ReadTerms, Reason, VersionRow,
};
use greenroom::console::effect::{Effect, QuestionGroup};
use greenroom::console::event::{Event, Input};
use greenroom::console::theme::Meaning;
use greenroom::console::update::update;
use greenroom::console::{Charset, Model};
use greenroom::history::{FORMAT, Outcome, ReleaseKind, ReleaseRecord, Step, WasLive, once_live};
use greenroom::inventory::freeze::{Freeze, Window};
use greenroom::inventory::{
    Hold, ImageLabels, PerSlot, Slot, SlotSnapshot, Snapshot, SourceState, Sources, Target, Tier,
    Version, VersionRef,
};
use greenroom::release::{Progress, Refusal, Resolved, Rules, Terms, Wanted};
use jiff::tz::TimeZone;
use ratatui::style::Modifier;

use super::dialogs::dialog;
use super::world::{
    PRODUCTION, ago, answered, clock_ahead_by, digest, drawn, later, model, now, operator, press,
    press_key, question_of, release_id, screen, settled, status, target, tell, text, theme,
    version, web_production, with_candidate, with_standby, world,
};
use crate::support::edge;

const SIZE: (u16, u16) = (118, 34);
const DAY: u64 = 86_400;

fn here() -> Target {
    target("web", PRODUCTION)
}

fn built(tag: &str, fill: &str, days: u64) -> Version {
    Version {
        labels: ImageLabels {
            created: Some(ago(days * DAY).to_string()),
            ..ImageLabels::default()
        },
        ..version(tag, fill)
    }
}

fn record(number: u8, to: Version, days: u64, outcome: Outcome) -> ReleaseRecord {
    ReleaseRecord {
        overridden: Vec::new(),
        format: FORMAT,
        id: release_id(number),
        target: here(),
        kind: ReleaseKind::Promote,
        from: Some((Slot::Green, version("1.8.1", "aa"))),
        to: (Slot::Blue, to),
        operator: operator(),
        reason: None,
        opened_at: ago(days * DAY),
        plan: Vec::new(),
        baseline: None,
        live: None,
        chain: None,
        closed: Some((ago(days * DAY), outcome)),
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
    }
}

fn terms() -> Terms {
    let reason = "verify failed: orders".to_owned();
    let past = vec![
        record(4, version("1.9.2", "cc"), 1, Outcome::BackedOut { reason }),
        record(3, version("1.8.2", "4f2a9c01e7"), 3, Outcome::Done),
    ];
    Terms {
        rules: Rules {
            only_from: Some("qa".parse().expect("a name")),
            ..Rules::default()
        },
        may_write: true,
        has_health_check: true,
        was_live: Box::new(WasLive {
            versions: once_live(&past).into_iter().cloned().collect(),
            ..WasLive::default()
        }),
        past: Ok(past),
    }
}

fn asked(size: (u16, u16)) -> (Model, Vec<Effect>) {
    let mut model = model(size, web_production());
    press(&mut model, "W");
    let effects = press(&mut model, "P");
    model.notice = None;
    (model, effects)
}

fn list(model: &mut Model, tags: &[&str]) -> Vec<Effect> {
    let versions = Ok(tags.iter().map(|tag| (*tag).to_owned()).collect());
    let target = here();
    tell(model, answered(ListVersions { target }, versions))
}

fn tell_terms(model: &mut Model, terms: Terms) {
    let target = here();
    let terms = Ok(terms);
    tell(model, answered(ReadTerms { target }, terms));
}

fn answer(model: &mut Model, name: &str, resolved: Resolved) -> Vec<Effect> {
    let look_up = LookUpTag {
        target: here(),
        name: name.into(),
        reference: name.parse().expect("a tag"),
    };
    tell(model, answered(look_up, resolved))
}

fn found(model: &mut Model, version: Version) -> Vec<Effect> {
    let name = version.tag.clone().expect("a tag");
    answer(model, &name, Resolved::Version(Box::new(version)))
}

/// A list with every kind of remark.
fn full(size: (u16, u16)) -> Model {
    let (mut model, _) = asked(size);
    tell_terms(&mut model, terms());
    let tags = [
        "1.8.1", "1.8.2", "1.9.0", "1.9.1", "1.9.2", "latest", "nightly",
    ];
    list(&mut model, &tags);
    found(&mut model, built("1.9.0", "b81d77aa30", 4));
    found(&mut model, built("latest", "b81d77aa30", 4));
    found(&mut model, built("1.9.2", "cc", 2));
    found(&mut model, built("1.8.1", "aa", 90));
    found(&mut model, built("1.8.2", "4f2a9c01e7", 46));
    let why = "image registry registry.example: no answer within 10s".to_owned();
    answer(&mut model, "1.9.1", Resolved::Unknown(why));
    model
}

fn picker(model: &Model) -> &Picker {
    match model.shown::<Picker>() {
        Some(picker) => picker,
        other => panic!("no picker, but {other:?}"),
    }
}

fn names(model: &Model) -> Vec<&str> {
    picker(model)
        .version_rows
        .iter()
        .map(|version_row| version_row.name.as_str())
        .collect()
}

fn version_row<'a>(model: &'a Model, name: &str) -> &'a VersionRow {
    let mut version_rows = picker(model).version_rows.iter();
    version_rows
        .find(|version_row| version_row.name == name)
        .expect("a row")
}

fn notice(model: &Model) -> &str {
    model.notice.as_ref().map_or("", |notice| &notice.text)
}

fn looked_up(effects: &[Effect]) -> Vec<&str> {
    let look_ups = effects.iter().filter_map(Effect::question::<LookUpTag>);
    look_ups.map(|look_up| look_up.name.as_str()).collect()
}

/// Puts the cursor on a row.
fn go_to(model: &mut Model, name: &str) {
    let row = names(model).iter().position(|known| *known == name);
    let row = row.expect("a row");
    // Down into the list first, where the cursor is on no row yet.
    press_key(model, KeyCode::Up);
    while picker(model).row > 0 {
        press_key(model, KeyCode::Up);
    }
    for _ in 0..row {
        press_key(model, KeyCode::Down);
    }
}

#[test]
fn every_row_shows_what_is_known_about_its_version() {
    insta::assert_snapshot!(dialog(&full(SIZE)));
}

#[test]
fn the_list_fits_at_80_by_24() {
    let mut model = full((80, 24));
    go_to(&mut model, "1.9.2");
    insta::assert_snapshot!(dialog(&model));
}

#[test]
fn the_version_of_the_nearest_environment_comes_first_then_the_newest() {
    let model = full(SIZE);
    assert_eq!(
        names(&model),
        ["1.9.0", "1.9.2", "1.9.1", "1.8.2", "1.8.1", "nightly"]
    );
    assert_eq!(version_row(&model, "1.9.0").also, ["latest"]);
    assert_eq!(version_row(&model, "1.9.0").live_in.len(), 2);
}

#[test]
fn versions_are_sorted_by_build_time_before_name() {
    let (mut model, _) = asked(SIZE);
    list(&mut model, &["3.0.0", "2.0.0", "1.0.0", "0.9.0"]);
    found(&mut model, built("1.0.0", "11", 1));
    found(&mut model, built("3.0.0", "33", 9));
    // A version without a known build time stays where its name puts it.
    assert_eq!(names(&model), ["1.9.0", "1.0.0", "2.0.0", "3.0.0", "0.9.0"]);
}

#[test]
fn an_unavailable_version_is_dim_and_says_why_and_what_to_do() {
    for (name, word, why) in [
        ("1.8.2", "● already live", "is already live in blue"),
        ("1.9.2", "✗ not live in qa", "promote it there first"),
    ] {
        let mut model = full(SIZE);
        let shown = screen(&model);
        let row = |line: &str| line.contains(&format!(" {name} ")) && line.contains(word);
        assert!(shown.lines().any(row), "{shown}");
        go_to(&mut model, name);
        assert!(press_key(&mut model, KeyCode::Enter).is_empty());
        assert_eq!(
            picker(&model)
                .version_row()
                .map(|version_row| version_row.name.as_str()),
            Some(name)
        );
        assert!(
            notice(&model).contains("cannot be chosen: "),
            "{}",
            notice(&model)
        );
        assert!(notice(&model).contains(why), "{}", notice(&model));
    }
    let model = full(SIZE);
    let theme = theme("dark", Charset::Unicode);
    let style = style_of(&model, "1.9.2 ", &theme);
    assert_eq!(style.fg, theme.style(Meaning::Muted).fg);
    let nightly = style_of(&model, "nightly", &theme);
    assert_ne!(nightly.fg, theme.style(Meaning::Muted).fg);
}

fn style_of(
    model: &Model,
    words: &str,
    theme: &greenroom::console::Theme,
) -> ratatui::style::Style {
    let buffer = drawn(model, theme);
    let first = words.chars().next().expect("a word").to_string();
    for y in 0..buffer.area.height {
        let row: Vec<&str> = (0..buffer.area.width)
            .map(|x| buffer[(x, y)].symbol())
            .collect();
        // Not in the panes behind the dialog.
        let Some(edge) = row.iter().position(|symbol| *symbol == "║") else {
            continue;
        };
        for x in edge..row.len() {
            if row[x] == first && row[x..].concat().starts_with(words) {
                return buffer[(u16::try_from(x).expect("small"), y)].style();
            }
        }
    }
    panic!("no {words:?} in\n{}", text(&buffer));
}

#[test]
fn a_version_that_was_backed_out_says_so_with_the_reason() {
    let mut model = full(SIZE);
    go_to(&mut model, "1.9.2");
    let shown = screen(&model);
    assert!(
        shown.contains("backed out 1d 0h ago: verify failed: orders"),
        "{shown}"
    );
    assert!(shown.contains("live until 3d 0h ago"), "{shown}");
}

#[test]
fn a_hold_applies_to_every_version() {
    let mut model = full(SIZE);
    let mut held = web_production();
    held.hold = Some(Hold {
        cleared: None,
        release: None,
        reason: "payday".into(),
        author: operator(),
        since: ago(60),
        until: Some(later(3600)),
    });
    tell(&mut model, Event::WorldObserved(Arc::new(world(held))));
    let shown = screen(&model);
    assert!(shown.contains("■ held by ana@ops-1: payday"), "{shown}");
    press_key(&mut model, KeyCode::Enter);
    // It can be overridden, with a separate reason.
    let shown = screen(&model);
    assert!(
        shown.contains("web/production is held: override it?"),
        "{shown}"
    );
    assert!(
        shown.contains("held by ana@ops-1: payday (until "),
        "{shown}"
    );
    press_key(&mut model, KeyCode::Enter);
    assert!(notice(&model).contains("type why"), "{}", notice(&model));
    press(&mut model, "the shop is down");
    press_key(&mut model, KeyCode::Enter);
    assert!(
        screen(&model).contains("to web/production: why?"),
        "{}",
        screen(&model)
    );
    press(&mut model, "lamp sale");
    let effects = press_key(&mut model, KeyCode::Enter);
    let MakePlan { request, .. } = question_of(&effects);
    assert_eq!(request.override_holds.as_deref(), Some("the shop is down"));
    assert_eq!(request.reason.as_deref(), Some("lamp sale"));
}

#[test]
fn a_freeze_that_has_started_by_another_clock_is_shown_before_planning() {
    let mut model = full(SIZE);
    let mut frozen = web_production();
    frozen.freezes = vec![Freeze {
        name: "payday".into(),
        zone: TimeZone::UTC,
        window: Window::Once {
            from: TimeZone::UTC.to_datetime(later(3600)),
            until: TimeZone::UTC.to_datetime(later(36_000)),
        },
        services: Vec::new(),
    }];
    tell(
        &mut model,
        Event::WorldObserved(Arc::new(world(frozen.clone()))),
    );
    assert!(picker(&model).against_all.is_empty());
    frozen.clocks = clock_ahead_by(7200);
    tell(&mut model, Event::WorldObserved(Arc::new(world(frozen))));
    let shown = screen(&model);
    assert!(shown.contains("payday"), "{shown}");
    let against = &picker(&model).against_all;
    let [Refusal::HeldByAnotherClock { clock, .. }] = against.as_slice() else {
        panic!("{against:?}");
    };
    assert_eq!(
        clock,
        "this machine's clock is 2h behind the Docker host of production"
    );
    press_key(&mut model, KeyCode::Enter);
    let shown = screen(&model);
    assert!(
        shown.contains("web/production is held: override it?"),
        "{shown}"
    );
}

#[test]
fn disagreement_on_the_live_slot_or_another_driver_blocks_every_version() {
    let mut drifted = web_production();
    let proxy = edge(&mut drifted.edges).answer.proxy_mut();
    proxy.expect("an answer").generation = 40;
    for (seen, word, why) in [
        (
            drifted,
            "≠ store and proxy disagree",
            "run greenroom repair first",
        ),
        (
            with_candidate(web_production()),
            "◐ web/production is locked by ana@ops-1",
            "greenroom resume web production --take-over",
        ),
    ] {
        let mut model = full(SIZE);
        tell(&mut model, Event::WorldObserved(Arc::new(world(seen))));
        let shown = screen(&model);
        assert!(shown.contains(word), "{shown}");
        press_key(&mut model, KeyCode::Enter);
        picker(&model);
        assert!(notice(&model).contains(why), "{}", notice(&model));
    }
}

#[test]
fn the_lock_of_an_own_standby_blocks_no_version() {
    let mut model = model(SIZE, with_standby(web_production()));
    let standby = status(
        &here(),
        Tier::Protected,
        Step::Stop,
        Progress::Standby { until: None },
    );
    tell(&mut model, Event::ReleaseMoved(Arc::new(standby)));
    press(&mut model, "WP");
    list(&mut model, &["1.9.0", "1.8.2", "2.0.0"]);
    found(&mut model, built("1.8.2", "4f2a9c01e7", 40));
    assert!(picker(&model).against_all.is_empty());
    let shown = screen(&model);
    assert!(shown.contains("warm in blue"), "{shown}");
    go_to(&mut model, "2.0.0");
    press_key(&mut model, KeyCode::Enter);
    assert!(model.shown::<Reason>().is_some());
}

#[test]
fn a_moved_tag_is_distinguished_from_the_version_that_qa_runs() {
    let (mut model, _) = asked(SIZE);
    list(&mut model, &["1.9.0"]);
    assert_eq!(names(&model), ["1.9.0"]);
    found(&mut model, built("1.9.0", "dd", 1));
    assert_eq!(names(&model), ["1.9.0", "1.9.0"]);
    let shown = screen(&model);
    assert!(
        shown.contains("qa runs another image under this tag"),
        "{shown}"
    );
}

#[test]
fn at_most_four_lookups_run_at_a_time_and_visible_rows_come_first() {
    let (mut model, effects) = asked(SIZE);
    let lists = |effect: &Effect| effect.question::<ListVersions>().is_some();
    assert!(effects.iter().any(lists), "{effects:?}");
    let tags: Vec<String> = (0..5000).map(|n| format!("2.0.{n}")).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    let effects = list(&mut model, &tags);
    let first = ["2.0.4999", "2.0.4998", "2.0.4997", "2.0.4996"];
    assert_eq!(looked_up(&effects), first);
    assert!(looked_up(&press_key(&mut model, KeyCode::Down)).is_empty());
    assert_eq!(version_row(&model, "2.0.4999").knowledge, Knowledge::Asked);
    // After scrolling down, the rows visible there are looked up next.
    for _ in 0..20 {
        assert!(looked_up(&press_key(&mut model, KeyCode::PageDown)).is_empty());
    }
    let effects = found(&mut model, built("2.0.4999", "ee", 1));
    let next: u32 = looked_up(&effects)[0]["2.0.".len()..]
        .parse()
        .expect("a number");
    assert!(next < 4800, "{next}");
    // In the end only the visible rows and the forty newest were looked up.
    let mut open: Vec<String> = first[1..].iter().map(|n| (*n).to_owned()).collect();
    open.extend(looked_up(&effects).into_iter().map(str::to_owned));
    let mut count = 5;
    while let Some(name) = open.pop() {
        let missing = Resolved::Missing {
            wanted: name.clone(),
        };
        let effects = answer(&mut model, &name, missing);
        count += looked_up(&effects).len();
        open.extend(looked_up(&effects).into_iter().map(str::to_owned));
        assert!(open.len() <= 4);
    }
    assert!((41..80).contains(&count), "{count}");
}

#[test]
fn the_cursor_stays_on_its_version_when_rows_are_sorted() {
    let (mut model, _) = asked(SIZE);
    list(&mut model, &["3.0.0", "2.0.0", "1.0.0"]);
    go_to(&mut model, "2.0.0");
    found(&mut model, built("1.0.0", "11", 1));
    found(&mut model, built("2.0.0", "22", 5));
    found(&mut model, built("3.0.0", "33", 9));
    assert_eq!(names(&model)[1], "1.0.0");
    assert_eq!(
        picker(&model)
            .version_row()
            .map(|version_row| version_row.name.as_str()),
        Some("2.0.0")
    );
    // It turns out that qa runs it: its row moves, the version stays selected.
    let (mut model, _) = asked(SIZE);
    list(&mut model, &["3.0.0", "2.0.0"]);
    go_to(&mut model, "2.0.0");
    found(&mut model, built("2.0.0", "b81d77aa30", 5));
    assert_eq!(
        picker(&model)
            .version_row()
            .map(|version_row| version_row.name.as_str()),
        Some("1.9.0")
    );
}

#[test]
fn enter_chooses_no_version_while_the_list_is_loading() {
    let (mut model, _) = asked(SIZE);
    assert_eq!(names(&model), ["1.9.0"]);
    assert!(!screen(&model).contains("▸ 1.9.0"), "{}", screen(&model));
    for event in [0, 1] {
        assert!(press_key(&mut model, KeyCode::Enter).is_empty());
        picker(&model);
        let said = notice(&model);
        assert!(said.contains("versions are still being loaded"), "{said}");
        // Also while only the rules are missing: they decide where the cursor starts.
        if event == 0 {
            list(&mut model, &["1.8.2", "1.9.0", "2.0.0"]);
        }
    }
    tell_terms(&mut model, terms());
    assert!(screen(&model).contains("▸ 1.9.0"), "{}", screen(&model));
    press_key(&mut model, KeyCode::Enter);
    assert!(model.shown::<Reason>().is_some());
}

/// A world in which the target before production looks like this.
fn with_qa(change: impl FnOnce(&mut Snapshot)) -> Event {
    let mut world = world(web_production());
    let snapshot = world.snapshots.get_mut(&target("web", "qa"));
    change(Arc::make_mut(snapshot.expect("qa")));
    Event::WorldObserved(Arc::new(world))
}

#[test]
fn the_cursor_waits_for_the_versions_of_earlier_environments() {
    let mut model = model(SIZE, web_production());
    let not_observed = |snapshot: &mut Snapshot| {
        *snapshot = Snapshot {
            sources: Sources::default(),
            slots: PerSlot {
                blue: SlotSnapshot {
                    members: greenroom::inventory::SlotMembers::default(),
                    ..snapshot.slots.blue.clone()
                },
                green: snapshot.slots.green.clone(),
            },
            ..snapshot.clone()
        };
    };
    let mut all = world(web_production());
    for environment in ["dev", "qa"] {
        let snapshot = all.snapshots.get_mut(&target("web", environment));
        not_observed(Arc::make_mut(snapshot.expect("a target")));
    }
    tell(&mut model, Event::WorldObserved(Arc::new(all)));
    press(&mut model, "W");
    press(&mut model, "P");
    list(&mut model, &["1.8.2", "1.9.0", "2.0.0"]);
    tell_terms(&mut model, terms());
    // Otherwise the newest name would stay selected although qa runs another version.
    assert!(!picker(&model).has_cursor, "{}", screen(&model));
    let said = screen(&model);
    assert!(
        said.contains("asking what runs in the environments"),
        "{said}"
    );
    tell(&mut model, with_qa(not_observed));
    assert!(!picker(&model).has_cursor, "{}", screen(&model));
    tell(&mut model, with_qa(|_| {}));
    assert!(screen(&model).contains("▸ 1.9.0"), "{}", screen(&model));
}

#[test]
fn the_cursor_does_not_wait_for_an_unreachable_environment() {
    let (mut model, _) = asked(SIZE);
    let unreachable = SourceState::Unreachable {
        why: "connection refused".into(),
        retry_at: None,
    };
    tell(
        &mut model,
        with_qa(|snapshot| {
            snapshot.sources = Sources {
                runtime: unreachable.clone(),
                registry: unreachable.clone(),
                router: unreachable,
            };
        }),
    );
    list(&mut model, &["1.8.2", "1.9.0"]);
    tell_terms(&mut model, terms());
    assert!(picker(&model).has_cursor, "{}", screen(&model));
}

#[test]
fn after_a_failed_listing_the_cursor_waits_for_the_versions() {
    let (mut model, _) = asked(SIZE);
    // Nothing is running elsewhere, so after the failed listing there is no row.
    let mut alone = world(web_production());
    alone.snapshots.retain(|target, _| *target == here());
    tell(&mut model, Event::WorldObserved(Arc::new(alone)));
    tell_terms(&mut model, terms());
    let (target, versions) = (here(), Err("connection refused".to_owned()));
    tell(&mut model, answered(ListVersions { target }, versions));
    assert!(
        picker(&model).version_rows.is_empty(),
        "{:?}",
        names(&model)
    );
    assert!(!picker(&model).is_settled);
    // The registry answers again, and the cursor goes where it would have started.
    list(&mut model, &["1.8.2", "1.9.0"]);
    assert!(screen(&model).contains("▸ 1.9.0"), "{}", screen(&model));
    press_key(&mut model, KeyCode::Enter);
    assert!(model.shown::<Reason>().is_some());
}

#[test]
fn a_version_that_the_operator_selected_can_be_chosen_while_loading() {
    let (mut model, _) = asked(SIZE);
    press_key(&mut model, KeyCode::Down);
    assert!(screen(&model).contains("▸ 1.9.0"), "{}", screen(&model));
    press_key(&mut model, KeyCode::Enter);
    match model.shown::<Reason>() {
        Some(reason) => assert_eq!(reason.name, "1.9.0"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_tag_that_was_typed_in_full_can_be_chosen_while_loading() {
    let (mut model, _) = asked(SIZE);
    press(&mut model, "1.9");
    press_key(&mut model, KeyCode::Enter);
    match model.shown::<Reason>() {
        Some(reason) => {
            assert_eq!(
                reason.wanted,
                Wanted::Version(VersionRef::Tag("1.9".into()))
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn enter_chooses_no_version_that_was_not_drawn_under_the_cursor() {
    let (mut model, _) = asked(SIZE);
    tell_terms(&mut model, terms());
    let versions = Ok(vec!["1.9.0".to_owned(), "2.0.0".to_owned()]);
    let target = here();
    let enter = Event::Input(Input::Key(KeyEvent::from(KeyCode::Enter)));
    // The list arrives, and the key is pressed before the screen is drawn again.
    update(
        &mut model,
        answered(ListVersions { target }, versions),
        now(),
    );
    assert!(update(&mut model, enter.clone(), now()).is_empty());
    picker(&model);
    let said = notice(&model);
    assert!(said.contains("was loaded just now"), "{said}");
    model.was_drawn();
    update(&mut model, enter, now());
    assert!(model.shown::<Reason>().is_some());
}

#[test]
fn the_cursor_selects_nothing_when_its_version_leaves_the_list() {
    let mut model = full(SIZE);
    assert_eq!(picker(&model).version_row().expect("a row").name, "1.9.0");
    // qa and dev run another version, and the registry no longer has the tag 1.9.0.
    list(&mut model, &["1.8.1", "1.8.2", "2.0.0"]);
    let mut moved = world(web_production());
    for environment in ["qa", "dev"] {
        let there = target("web", environment);
        let snapshot = settled(&there, Tier::Development, "1.8.2");
        moved.snapshots.insert(there, Arc::new(snapshot));
    }
    tell(&mut model, Event::WorldObserved(Arc::new(moved)));
    assert!(!names(&model).contains(&"1.9.0"), "{:?}", names(&model));
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    picker(&model);
    let said = notice(&model);
    assert!(said.contains("is no longer in the list"), "{said}");
    press_key(&mut model, KeyCode::Down);
    assert!(picker(&model).version_row().is_some());
}

#[test]
fn a_row_that_becomes_unavailable_stays_under_the_cursor() {
    let (mut model, _) = asked(SIZE);
    let mut free = terms();
    free.rules.only_from = None;
    tell_terms(&mut model, free);
    list(&mut model, &["1.9.0", "1.8.5"]);
    go_to(&mut model, "1.8.5");
    let wanted = "1.8.5".to_owned();
    answer(&mut model, "1.8.5", Resolved::Missing { wanted });
    assert_eq!(picker(&model).version_row().expect("a row").name, "1.8.5");
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    assert!(
        notice(&model).contains("cannot be chosen: "),
        "{}",
        notice(&model)
    );
}

#[test]
fn the_filter_is_fuzzy_and_marks_its_matches() {
    let mut model = full(SIZE);
    press(&mut model, "192");
    assert_eq!(names(&model)[0], "1.9.2");
    assert_eq!(version_row(&model, "1.9.2").matched, [0, 2, 4]);
    let theme = theme("mono", Charset::Unicode);
    press_key(&mut model, KeyCode::Down);
    let marked = style_of(&model, "1.9.2 ", &theme);
    assert!(marked.add_modifier.contains(Modifier::REVERSED));
    // The filter can be edited in the middle and by words, as in every input line.
    press_key(&mut model, KeyCode::Home);
    press_key(&mut model, KeyCode::Delete);
    assert_eq!(picker(&model).line.text(), "92");
}

#[test]
fn an_environment_or_a_digest_finds_a_version() {
    for typed in ["qa", "b81d77", "latest"] {
        let mut model = full(SIZE);
        press(&mut model, typed);
        assert!(
            names(&model).contains(&"1.9.0"),
            "{typed}: {:?}",
            names(&model)
        );
    }
}

#[test]
fn a_tag_outside_the_list_can_be_requested() {
    let whole = digest("0123").to_string();
    for (typed, wanted) in [
        ("9.9.9-rc1", VersionRef::Tag("9.9.9-rc1".into())),
        (whole.as_str(), VersionRef::Digest(digest("0123"))),
    ] {
        let mut model = full(SIZE);
        let mut without_rule = terms();
        without_rule.rules.only_from = None;
        tell_terms(&mut model, without_rule);
        press(&mut model, typed);
        assert_eq!(names(&model).last(), Some(&typed));
        press_key(&mut model, KeyCode::End);
        go_to(&mut model, typed);
        press_key(&mut model, KeyCode::Enter);
        match model.shown::<Reason>() {
            Some(reason) => assert_eq!(reason.wanted, Wanted::Version(wanted)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_row_says_that_its_version_is_missing_or_did_not_answer() {
    let mut model = full(SIZE);
    let wanted = "nightly".to_owned();
    answer(&mut model, "nightly", Resolved::Missing { wanted });
    let shown = screen(&model);
    assert!(shown.contains("✗ not found"), "{shown}");
    assert!(shown.contains("? unknown"), "{shown}");
    go_to(&mut model, "1.9.1");
    let shown = screen(&model);
    assert!(shown.contains("no answer within 10s"), "{shown}");
    // The registry did not say that it is missing; the plan asks again.
    press_key(&mut model, KeyCode::Enter);
    assert!(model.shown::<Reason>().is_some());
}

#[test]
fn closing_the_picker_cancels_its_lookups() {
    for key in [KeyCode::Esc, KeyCode::Enter] {
        let mut model = full(SIZE);
        let effects = press_key(&mut model, key);
        let ended = effects
            .iter()
            .filter(|e| matches!(e, Effect::Cancel(QuestionGroup::Picker)))
            .count();
        assert_eq!(ended, 1, "{effects:?}");
        let late = found(&mut model, built("1.8.0", "ff", 100));
        assert!(late.is_empty(), "{late:?}");
    }
}

#[test]
fn typed_text_stays_when_observations_arrive() {
    let mut model = full(SIZE);
    press(&mut model, "1.8");
    press_key(&mut model, KeyCode::Left);
    for _ in 0..20 {
        let seen = world(with_standby(web_production()));
        tell(&mut model, Event::WorldObserved(Arc::new(seen)));
        tell(&mut model, Event::Input(Input::Resized(90, 28)));
    }
    press(&mut model, ".");
    assert_eq!(picker(&model).line.text(), "1..8");
}

#[test]
fn a_reason_is_asked_for_before_planning_where_the_rules_require_one() {
    let mut model = full(SIZE);
    let mut strict = terms();
    strict.rules.require_reason = true;
    tell_terms(&mut model, strict);
    press_key(&mut model, KeyCode::Enter);
    let shown = screen(&model);
    assert!(shown.contains("require a reason"), "{shown}");
    press(&mut model, "  ");
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    assert!(
        notice(&model).contains("require a reason"),
        "{}",
        notice(&model)
    );
    tell(
        &mut model,
        Event::Input(Input::Paste("fix\u{1b}[31m\nit".into())),
    );
    let effects = press_key(&mut model, KeyCode::Enter);
    let MakePlan { request, .. } = question_of(&effects);

    assert_eq!(request.reason.as_deref(), Some("fix it"));
}

#[test]
fn pasted_lines_are_joined_by_a_space() {
    for (pasted, line) in [
        ("fix basket\rrounding", "fix basket rounding"),
        ("fix\r\n  basket \n\nrounding\r", "fix basket rounding"),
        ("fix \u{1b}]0;open\rbasket", "fix basket"),
    ] {
        let mut model = full(SIZE);
        press_key(&mut model, KeyCode::Enter);
        tell(&mut model, Event::Input(Input::Paste(pasted.into())));
        match model.shown::<Reason>() {
            Some(reason) => assert_eq!(reason.line.text(), line),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn failed_lookups_are_repeated_when_the_registry_answers_again() {
    let mut model = full(SIZE);
    assert!(matches!(
        version_row(&model, "1.9.1").knowledge,
        Knowledge::Failed(_)
    ));
    let effects = list(&mut model, &["1.9.0", "1.9.1"]);
    assert_eq!(looked_up(&effects), ["1.9.1"]);
}

#[test]
fn the_reason_can_be_edited_by_words_and_has_no_history() {
    let mut model = full(SIZE);
    press_key(&mut model, KeyCode::Enter);
    press(&mut model, "fix basket");
    let key = KeyEvent::new(KeyCode::Char('w'), KeyModifiers::CONTROL);
    tell(&mut model, Event::Input(Input::Key(key)));
    press(&mut model, "rounding");
    assert!(screen(&model).contains("fix rounding"));
    press_key(&mut model, KeyCode::Esc);
    press(&mut model, "P");
    press_key(&mut model, KeyCode::Down);
    press_key(&mut model, KeyCode::Enter);
    match model.shown::<Reason>() {
        Some(reason) => assert_eq!(reason.line.text(), ""),
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_a_standby_a_rollback_offers_formerly_live_versions() {
    let mut model = model(SIZE, web_production());
    press(&mut model, "W");
    let effects = press(&mut model, "R");
    question_of::<ReadTerms>(&effects);
    tell_terms(&mut model, terms());
    assert_eq!(names(&model), ["1.8.1", "1.8.2"]);
    // A rollback needs no other environment to run the version, and cannot go to the live version.
    go_to(&mut model, "1.8.2");
    press_key(&mut model, KeyCode::Enter);
    assert!(
        notice(&model).contains("already live"),
        "{}",
        notice(&model)
    );
    go_to(&mut model, "1.8.1");
    let effects = press_key(&mut model, KeyCode::Enter);
    let MakePlan { request, .. } = question_of(&effects);

    let wanted = VersionRef::Digest(digest("aa"));
    assert_eq!(request.wanted, Wanted::Back(wanted));
}

#[test]
fn a_long_list_of_tags_is_filtered_within_a_frame() {
    let (mut model, _) = asked(SIZE);
    tell_terms(&mut model, terms());
    let tags: Vec<String> = (0..5000)
        .map(|n| format!("2.{}.{}", n / 100, n % 100))
        .collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    list(&mut model, &tags);
    let started = std::time::Instant::now();
    press(&mut model, "2.4");
    screen(&model);
    let took = started.elapsed() / 3;
    // The limit is for a build without optimizations. With them it is within one frame.
    assert!(took < Duration::from_millis(500), "{took:?} a key");
}
