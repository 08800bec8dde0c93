//! The matrix with many services: filter, order, and a cursor that stays on its target.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossterm::event::KeyCode;
use greenroom::console::event::Event;
use greenroom::console::model::{CellState, cell};
use greenroom::console::theme::Meaning;
use greenroom::console::{Charset, Mode, Model};
use greenroom::history::Step;
use greenroom::inventory::{
    EdgeAnswer, EdgeName, Hold, ServiceName, Slot, SlotMembers, Snapshot, SourceState, Target,
    Tier, World,
};
use greenroom::release::Progress;
use ratatui::style::Modifier;

use super::queue;
use super::world::{
    PRODUCTION, ago, drawn, later, model, now, operator, press, press_key, screen, settled, status,
    target, tell, text, theme, web_production, world,
};

/// 200 services in eight environments. Every fortieth has a problem in one of them.
fn many() -> World {
    let environments = [
        ("dev", Tier::Development),
        ("team", Tier::Development),
        ("qa", Tier::Staging),
        ("load", Tier::Staging),
        ("stage", Tier::Staging),
        ("preprod", Tier::Protected),
        ("eu", Tier::Protected),
        ("us", Tier::Protected),
    ];
    let mut world = World {
        environments: environments
            .map(|(name, tier)| (name.parse().expect("a name"), tier))
            .to_vec(),
        ..World::default()
    };
    for number in 0..200 {
        // Not sorted by name.
        let name = format!("s{:03}", (number * 7) % 200);
        world.services.push(name.parse().expect("a name"));
        for (environment, tier) in environments {
            let target = target(&name, environment);
            let mut snapshot = settled(&target, tier, "1.2.3");
            if number % 40 == 39 && environment == "eu" {
                snapshot.slots.blue.probe.as_mut().expect("probed").healthy = false;
            }
            world.snapshots.insert(target, Arc::new(snapshot));
        }
    }
    world
}

fn open(size: (u16, u16), world: World) -> Model {
    let mode = Mode::Armable(Duration::from_mins(5));
    let mut model = Model::new(operator(), mode, now(), size);
    tell(&mut model, Event::WorldObserved(Arc::new(world)));
    model
}

fn shown(model: &Model) -> Vec<&str> {
    model
        .services
        .shown
        .iter()
        .map(ServiceName::as_str)
        .collect()
}

fn under(model: &Model) -> Target {
    model.cursor.clone().expect("a cursor")
}

#[test]
fn the_filter_applies_while_it_is_typed_and_esc_removes_it() {
    let mut model = open((118, 34), many());
    let started = under(&model);
    press(&mut model, "jjj");
    let before = under(&model);
    press(&mut model, "/19");
    assert_eq!(shown(&model).len(), 12, "{:?}", shown(&model));
    let seen = screen(&model);
    assert!(seen.contains("12 of 200"), "{seen}");
    assert!(seen.contains("show only services with: 19"), "{seen}");
    assert_eq!(under(&model).environment, before.environment);
    assert!(shown(&model).contains(&under(&model).service.as_str()));
    press_key(&mut model, KeyCode::Esc);
    assert_eq!((shown(&model).len(), under(&model)), (200, before));
    assert!(!screen(&model).contains("of 200"));
    assert_ne!(under(&model), started);
}

#[test]
fn a_kept_filter_is_cleared_by_esc_and_its_match_opens() {
    let mut model = open((118, 34), many());
    press(&mut model, "/s013");
    press_key(&mut model, KeyCode::Enter);
    press_key(&mut model, KeyCode::Enter);
    assert_eq!(model.open, Some(target("s013", "dev")));
    press_key(&mut model, KeyCode::Esc);
    assert_eq!(shown(&model).len(), 200);
}

#[test]
fn the_filter_marks_its_matches_in_the_names() {
    let mut model = model((118, 34), web_production());
    press(&mut model, "/lle");
    let theme = theme("dark", Charset::Unicode);
    let buffer = drawn(&model, &theme);
    let (row, line) = text(&buffer)
        .lines()
        .enumerate()
        .find_map(|(row, line)| line.contains("wallets").then(|| (row, line.to_owned())))
        .expect("the service");
    let column = line.chars().take_while(|c| *c != 'w').count() + 2;
    let is_marked = |x: usize| {
        let at = (
            u16::try_from(x).expect("small"),
            u16::try_from(row).expect("small"),
        );
        let wanted = theme.style(Meaning::Match).add_modifier;
        buffer[at].style().add_modifier.contains(wanted)
    };
    assert!(is_marked(column) && !is_marked(column - 1), "{line}");
}

#[test]
fn a_filter_without_matches_says_so_and_enter_opens_nothing() {
    let mut model = open((118, 34), many());
    press(&mut model, "/nowhere");
    assert!(screen(&model).contains("no service matches \"nowhere\""));
    press_key(&mut model, KeyCode::Enter);
    let before = model.open.clone();
    press_key(&mut model, KeyCode::Enter);
    assert_eq!(model.open, before);
    assert!(
        model
            .notice
            .is_some_and(|n| n.text.contains("no target is under the cursor"))
    );
}

#[test]
fn the_order_cycles_and_can_put_problems_first() {
    let mut model = open((118, 34), many());
    press(&mut model, "j");
    let at = under(&model);
    assert_eq!(&shown(&model)[..3], ["s000", "s007", "s014"]);
    press(&mut model, "s");
    assert_eq!(&shown(&model)[..3], ["s000", "s001", "s002"]);
    model.notice = None;
    assert!(screen(&model).contains("by name"), "{}", screen(&model));
    press(&mut model, "s");
    // 39, 79, … times 7, modulo 200. Among themselves they keep the order of the configuration.
    assert_eq!(
        &shown(&model)[..6],
        ["s073", "s153", "s033", "s113", "s193", "s000"]
    );
    assert!(
        screen(&model).contains("trouble first"),
        "{}",
        screen(&model)
    );
    press(&mut model, "s");
    assert_eq!(shown(&model)[0], "s000");
    assert_eq!(under(&model), at, "the cursor left its target");
}

#[test]
fn problems_are_ordered_by_urgency_as_they_occur() {
    let mut model = model((118, 34), web_production());
    press(&mut model, "1ss");
    assert_eq!(shown(&model), ["wallets", "search", "web", "api"]);
    let at = under(&model);
    let releasing = status(
        &target("web", PRODUCTION),
        Tier::Protected,
        Step::Verify,
        Progress::Forward(Step::Verify),
    );
    tell(&mut model, Event::ReleaseMoved(Arc::new(releasing)));
    assert_eq!(shown(&model), ["wallets", "web", "search", "api"]);
    assert_eq!(under(&model), at);
}

#[test]
fn the_cursor_stays_on_its_target_when_services_come_and_go() {
    let mut model = model((118, 34), web_production());
    press(&mut model, "1jj");
    let at = under(&model);
    assert_eq!(at.service.as_str(), "wallets");
    let mut seen = world(web_production());
    seen.services.insert(0, "account".parse().expect("a name"));
    seen.environments.swap(0, 2);
    tell(&mut model, Event::WorldObserved(Arc::new(seen.clone())));
    assert_eq!(under(&model), at);
    seen.services.retain(|name| name.as_str() != "wallets");
    tell(&mut model, Event::WorldObserved(Arc::new(seen.clone())));
    assert_eq!(under(&model), target("account", PRODUCTION));
    // Its environment was removed. The cursor does not move by itself to an environment with
    // customers.
    seen.environments
        .retain(|(name, _)| name.as_str() != PRODUCTION);
    seen.environments
        .insert(0, ("live".parse().expect("a name"), Tier::Protected));
    tell(&mut model, Event::WorldObserved(Arc::new(seen)));
    assert_eq!(under(&model), target("account", "qa"));
}

#[test]
fn keys_jump_to_the_ends_and_by_half_a_pane() {
    let mut model = open((118, 34), many());
    press(&mut model, "G");
    assert_eq!(under(&model).service.as_str(), "s193");
    assert!(screen(&model).contains("s193"));
    press(&mut model, "g");
    press_key(&mut model, KeyCode::PageDown);
    assert_eq!(under(&model).service.as_str(), "s035");
    press_key(&mut model, KeyCode::Home);
    assert_eq!(under(&model).service.as_str(), "s000");
}

#[test]
fn a_held_cell_says_why_and_until_when() {
    let mut seen = world(web_production());
    let held = target("search", "dev");
    let mut snapshot = seen.get(&held).expect("a snapshot").clone();
    snapshot.hold = Some(Hold {
        cleared: None,
        release: None,
        reason: "load test".into(),
        author: operator(),
        since: ago(60),
        until: Some(later(3600)),
    });
    seen.snapshots
        .insert(held.clone(), Arc::new(snapshot.clone()));
    // Other drift of it is hidden until the hold ends.
    snapshot.slots.blue.registration = None;
    let mut drifted = seen.clone();
    drifted.snapshots.insert(held.clone(), Arc::new(snapshot));
    let mut model = open((118, 34), drifted);
    press(&mut model, "G");
    let shown = screen(&model);
    assert!(shown.contains("search/dev: drifted, held until"), "{shown}");

    let mut model = open((118, 34), seen);
    press(&mut model, "G");
    assert_eq!(under(&model), held);
    let seen = screen(&model);
    assert!(seen.contains("search/dev: held until"), "{seen}");
    assert!(seen.contains("held until 15:02:11"), "{seen}");
    assert!(seen.contains("\"load test\""), "{seen}");
    // The legend explains only the marks on screen.
    assert!(seen.contains("✗ failed  ■ held  ● healthy"), "{seen}");
    assert!(!seen.contains("◐ releasing"), "{seen}");
}

/// What an unreachable source makes unknown.
type Change = fn(&mut Snapshot, SourceState);

#[test]
fn a_cell_is_unknown_while_a_source_does_not_answer() {
    let away = || SourceState::Unreachable {
        why: "connection refused".into(),
        retry_at: None,
    };
    let state = |change: Change| {
        let mut snapshot = web_production();
        change(&mut snapshot, away());
        let target = snapshot.target.clone();
        cell(&model((118, 34), snapshot), &target)
    };
    let settled = state(|_, _| ());
    assert_eq!(settled, CellState::Healthy);
    let silent: [(&str, Change); 3] = [
        ("the runtime", |s, away| {
            s.sources.runtime = away;
            s.slots.blue.members = SlotMembers::default();
        }),
        ("the registry", |s, away| {
            s.sources.registry = away;
            s.route = None;
            s.slots.blue.registration = None;
        }),
        ("the proxy", |s, away| {
            silence_proxy(s, away);
        }),
    ];
    for (source, change) in silent {
        assert_eq!(state(change), CellState::Unknown, "{source}");
    }
    let empty = state(|s, away| {
        silence_proxy(s, away);
        s.route = None;
        s.slots.blue.registration = None;
        s.slots.blue.members = SlotMembers::default();
    });
    assert_eq!(empty, CellState::Empty, "nothing runs that could be live");
    let unwell = state(|s, away| {
        s.sources.registry = away;
        s.slots.blue.probe.as_mut().expect("probed").healthy = false;
    });
    assert_eq!(unwell, CellState::Failed, "known problems are still shown");
}

#[test]
fn a_wide_matrix_names_the_running_step_in_words() {
    let mut model = open((200, 26), world(web_production()));
    // The width of a pane that is zoomed to the whole screen.
    model.size = (83, 27);
    let releasing = status(
        &target("web", "dev"),
        Tier::Development,
        Step::Verify,
        Progress::Forward(Step::Verify),
    );
    tell(&mut model, Event::ReleaseMoved(Arc::new(releasing)));
    model.notice = None;
    // The screen has turned to the slots of the released target.
    press(&mut model, "1");
    let seen = screen(&model);
    assert!(seen.contains("1.9.0◐ verify runs"), "{seen}");
    assert!(seen.contains("■ held"), "{seen}");
}

#[test]
fn the_cursor_is_visible_without_colour() {
    let model = open((118, 34), many());
    let buffer = drawn(&model, &theme("mono", Charset::Ascii));
    let row = text(&buffer)
        .lines()
        .position(|line| line.contains(">s000"))
        .expect("a row");
    let reversed = (0..buffer.area.width).any(|x| {
        let cell = &buffer[(x, u16::try_from(row).expect("small"))];
        cell.symbol() == "1" && cell.style().add_modifier.contains(Modifier::REVERSED)
    });
    assert!(reversed, "{}", text(&buffer));
}

#[test]
fn many_targets_are_drawn_as_fast_as_few() {
    let took = |model: &Model| {
        let theme = theme("dark", Charset::Unicode);
        let fastest = (0..30).map(|_| {
            let started = Instant::now();
            drawn(model, &theme);
            started.elapsed()
        });
        fastest.min().expect("some")
    };
    let few = took(&model((118, 34), web_production()));
    let many = took(&open((118, 34), many()));
    // Three times as many cells are visible, fifty times as many exist. The drawing time must stay
    // far below fifty times, however busy the machine is.
    let most = few * 10 + Duration::from_millis(2);
    assert!(many < most, "{many:?} for many, {few:?} for few");
    // The same with a queue for each target.
    let mut queued = self::many();
    let queue = queue::of_queue(120).queue;
    for snapshot in queued.snapshots.values_mut() {
        Arc::make_mut(snapshot).queue.clone_from(&queue);
    }
    let queued = took(&open((118, 34), queued));
    assert!(queued < most, "{queued:?} with queues, {few:?} for few");
}

#[test]
fn a_target_whose_edges_differ_is_drifted() {
    let mut snapshot = web_production();
    let west = "west".parse().expect("a name");
    let edge = snapshot.edges.edge_mut(&EdgeName::default()).clone();
    snapshot.change_edge(&west, |west| *west = edge);
    let target = snapshot.target.clone();
    let state = |snapshot: &Snapshot| cell(&model((118, 34), snapshot.clone()), &target);
    assert_eq!(state(&snapshot), CellState::Healthy);

    let mut differs = snapshot.clone();
    differs.change_edge(&west, |west| {
        west.answer.proxy_mut().expect("an answer").slot = Some(Slot::Green);
    });
    assert_eq!(state(&differs), CellState::Drifted);
    let shown = screen(&model((118, 34), differs));
    assert!(shown.contains("proxy west: green generation 41"), "{shown}");

    snapshot.change_edge(&west, |west| west.state = SourceState::Connecting);
    assert_eq!(state(&snapshot), CellState::Unknown);
}

/// The proxy has not answered.
fn silence_proxy(snapshot: &mut Snapshot, state: SourceState) {
    snapshot.change_edge(&EdgeName::default(), |edge| {
        edge.state = state;
        edge.answer = EdgeAnswer::Unknown;
    });
}
