//! The text of the screens at the sizes that matter, and some of their styles.

use std::sync::Arc;

use crossterm::event::KeyCode;
use greenroom::console::event::{Event, Input};
use greenroom::console::theme::Meaning;
use greenroom::console::{Charset, Model};
use greenroom::history::Step;
use greenroom::inventory::{InstanceState, Slot, Snapshot, SourceState};
use greenroom::logs::{NewLine, Origin};
use greenroom::release::StepState;
use ratatui::buffer::Buffer;
use ratatui::style::{Modifier, Style};

use super::world::{
    self, ago, asking, drawn, model, press, press_key, screen, tell, text, verifying,
    web_production, with_candidate, with_standby,
};
use crate::support::edge;

/// A release that verifies its candidate while its log arrives.
fn busy(size: (u16, u16)) -> Model {
    let mut model = model(size, with_candidate(web_production()));
    press(&mut model, "W");
    tell(&mut model, Event::ReleaseMoved(Arc::new(verifying())));
    let source = model.log.source().cloned().expect("a log");
    assert_eq!(model.log.slot(), Some(Slot::Green));
    let lines = [
        (Origin::Out, "INFO  listening on 0.0.0.0:8080 version=1.9.0"),
        (Origin::Out, "INFO  GET /health 200 1ms"),
        (
            Origin::Err,
            "WARN  basket: price cache cold, falling back to store",
        ),
        (Origin::Out, "INFO  GET /basket/77 200 4ms"),
    ];
    let batch = lines
        .map(|(origin, text)| NewLine {
            at: Some(ago(2)),
            origin,
            text: text.into(),
        })
        .to_vec();
    tell(&mut model, Event::LogArrived { source, batch });
    model.notice = None;
    model
}

#[test]
fn all_panes_fit_at_118_by_34() {
    insta::assert_snapshot!(screen(&busy((118, 34))));
}

#[test]
fn slots_stack_at_100_by_30() {
    insta::assert_snapshot!(screen(&busy((100, 30))));
}

#[test]
fn one_pane_at_a_time_at_80_by_24() {
    let mut model = busy((80, 24));
    let mut all = screen(&model);
    for key in ["1", "3", "4", "5"] {
        press(&mut model, key);
        all.push_str(&screen(&model));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn the_ladder_is_one_line_at_60_by_16() {
    insta::assert_snapshot!(screen(&busy((60, 16))));
}

#[test]
fn a_card_names_the_needed_size_at_20_by_5() {
    let mut model = busy((118, 34));
    model.size = (20, 5);
    insta::assert_snapshot!(screen(&model));
}

#[test]
fn a_screen_too_small_for_a_question_takes_no_answer() {
    let mut model = busy((118, 34));
    tell(
        &mut model,
        Event::ReleaseMoved(Arc::new(asking(Step::Switch))),
    );
    press(&mut model, "A");
    press(&mut model, "prod");
    let before = screen(&model);
    let resize = |model: &mut Model, size: (u16, u16)| {
        tell(model, Event::Input(Input::Resized(size.0, size.1)))
    };
    resize(&mut model, (40, 10));
    for key in "uction\nqWXP".chars() {
        let code = if key == '\n' {
            KeyCode::Enter
        } else {
            KeyCode::Char(key)
        };
        assert!(press_key(&mut model, code).is_empty(), "{key}");
    }
    let pasted = tell(&mut model, Event::Input(Input::Paste("uction\n".into())));
    assert!(pasted.is_empty());
    resize(&mut model, (118, 34));
    assert_eq!(screen(&model), before);
}

#[test]
fn an_ascii_screen_has_nothing_but_ascii() {
    let shown = text(&drawn(
        &busy((118, 34)),
        &world::theme("mono", Charset::Ascii),
    ));
    let foreign: Vec<char> = shown.chars().filter(|c| !c.is_ascii()).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    insta::assert_snapshot!(shown);
}

#[test]
fn switching_production_asks_for_its_name() {
    let mut model = busy((118, 34));
    tell(
        &mut model,
        Event::ReleaseMoved(Arc::new(asking(Step::Switch))),
    );
    press(&mut model, "A");
    press(&mut model, "prod");
    insta::assert_snapshot!(screen(&model));
}

#[test]
fn a_question_fits_on_a_narrow_screen() {
    let mut model = busy((60, 16));
    tell(
        &mut model,
        Event::ReleaseMoved(Arc::new(asking(Step::Switch))),
    );
    press(&mut model, "A");
    let shown = screen(&model);
    assert!(shown.contains("[ Cancel ]"), "{shown}");
    assert!(shown.contains("Type production"), "{shown}");
}

#[test]
fn stored_values_are_described_and_unreadable_ones_say_why() {
    let mut snapshot = with_candidate(web_production());
    for key in &mut snapshot.keys {
        key.value = r#"{"stored":"as json"}"#.into();
    }
    let unread = snapshot.keys[0].key.clone();
    snapshot.problems.insert(unread, "not ours".into());
    let shown = screen(&model((118, 34), snapshot));
    for words in [
        "│   blue   unreadable: not ours",
        "│ route    blue, generation 41",
        "│ lock     ana@ops-1, promote 1.9.0",
        " 27s     8840",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn only_a_slot_that_should_be_running_is_red_when_stopped() {
    let theme = world::theme("dark", Charset::Unicode);
    let exited = |mut snapshot: Snapshot, slot: Slot| {
        let instance = snapshot.slots.get_mut(slot).members.iter_mut().next();
        instance.expect("an instance").state = InstanceState::Exited { code: Some(0) };
        model((118, 34), snapshot)
    };
    let stopped = exited(with_standby(web_production()), Slot::Blue);
    let shown = drawn(&stopped, &theme);
    assert!(!text(&shown).contains("exited"), "{}", text(&shown));
    let calm = style_of(&shown, "· stopped, kept for a cold start");
    assert_eq!(calm.fg, theme.style(Meaning::Muted).fg);
    for dead in [
        exited(with_standby(web_production()), Slot::Green),
        exited(with_candidate(web_production()), Slot::Green),
    ] {
        let red = style_of(&drawn(&dead, &theme), "✗ exited with code 0");
        assert_eq!(red.fg, theme.style(Meaning::Bad).fg);
    }
}

#[test]
fn a_service_without_a_target_in_an_environment_has_an_empty_cell() {
    let mut world = world::world(web_production());
    world.snapshots.remove(&world::target("search", "qa"));
    let mut model = model((118, 34), web_production());
    tell(&mut model, Event::WorldObserved(Arc::new(world)));
    let shown = screen(&model);
    let row = shown.lines().find(|line| line.contains("search"));
    let row: String = row.expect("a row").chars().take(34).collect();
    assert!(row.contains('–') && !row.contains('?'), "{shown}");
}

#[test]
fn columns_of_the_matrix_fit_their_content() {
    let shown = screen(&model((118, 34), web_production()));
    assert!(shown.contains("dev    qa     production"), "{shown}");
}

#[test]
fn next_and_back_out_have_a_line_each_however_long_they_are() {
    let mut model = model((80, 24), with_candidate(web_production()));
    let mut status = verifying();
    status.next = "register: write a key; ".repeat(9);
    status.undo = "stop and remove green; ".repeat(9);
    if let StepState::Running { note, .. } = &mut status.steps[2].state {
        *note = "a note much longer than its rung".into();
    }
    tell(&mut model, Event::ReleaseMoved(Arc::new(status)));
    let shown = screen(&model);
    for begin in ["│ next: register", "│ back out now: stop"] {
        let line = shown.lines().find(|line| line.contains(begin));
        assert!(
            line.is_some_and(|line| line.contains('…')),
            "{begin}: {shown}"
        );
    }
    assert!(
        shown.contains("verify 0:12 of 2:00, 2/4  · register") && shown.contains("· stop"),
        "a note pushed a step off the ladder: {shown}"
    );
}

#[test]
fn a_waiting_step_says_what_it_does_and_what_backing_out_does() {
    for size in [(118, 34), (80, 24)] {
        let mut model = model(size, with_candidate(web_production()));
        let asking = Arc::new(asking(Step::Register));
        tell(&mut model, Event::ReleaseMoved(asking));
        let shown = screen(&model);
        for words in [
            "▲ A answers: register waits for you (for 0:05); register writes",
            "back out now: stop green",
        ] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
    }
}

#[test]
fn a_log_line_with_a_timestamp_gets_no_second_one() {
    let mut model = busy((118, 34));
    let source = model.log.source().cloned().expect("a log");
    let line = NewLine {
        at: Some(ago(1)),
        origin: Origin::Out,
        text: "2026-11-20T14:02:10.123Z listening".into(),
    };
    let batch = vec![line];
    tell(&mut model, Event::LogArrived { source, batch });
    let shown = screen(&model);
    assert!(shown.contains("14:02:09.000   INFO"), "{shown}");
    assert!(shown.contains("│   2026-11-20T14:02:10.123Z"), "{shown}");
    assert!(!shown.contains("14:02:10.000"), "{shown}");
}

#[test]
fn drift_and_unreachable_sources_are_described_in_words() {
    let mut snapshot = with_standby(web_production());
    if let Some(proxy) = edge(&mut snapshot.edges).answer.proxy_mut() {
        proxy.slot = Some(Slot::Blue);
        proxy.generation = 41;
    }
    snapshot.sources.runtime = SourceState::Stale {
        since: ago(30),
        why: "connection refused".into(),
        retry_at: None,
    };
    let shown = screen(&model((118, 34), snapshot));
    assert!(
        shown.contains("store: green generation 42; proxy: blue generation 41"),
        "{shown}"
    );
    assert!(shown.contains("runtime ✗ stale 30s"), "{shown}");
}

#[test]
fn hostile_text_never_reaches_the_screen() {
    let hostile = "a\u{1b}[31m\u{202e}b\u{200b}\u{7}";
    let mut snapshot = with_candidate(web_production());
    for side in [&mut snapshot.slots.blue, &mut snapshot.slots.green] {
        if let Some(instance) = side.members.iter_mut().next() {
            instance.tag = Some(hostile.into());
        }
        if let Some(probe) = &mut side.probe {
            probe.detail = hostile.into();
        }
    }
    snapshot.keys[0].value = hostile.into();
    snapshot.lock.as_mut().expect("a lock").record.operator.name = hostile.into();
    let mut model = model((118, 34), snapshot);
    let mut status = verifying();
    status.undo = hostile.into();
    status.next = hostile.into();
    status.cases[0].detail = hostile.into();
    tell(&mut model, Event::ReleaseMoved(Arc::new(status)));
    for keys in ["", "2", "3"] {
        press(&mut model, keys);
        for enter in [false, true] {
            if enter {
                press_key(&mut model, KeyCode::Enter);
            }
            for c in screen(&model).chars().filter(|c| *c != '\n') {
                let moves = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
                assert!(!c.is_control() && !moves, "{c:?} is on the screen");
            }
        }
        press_key(&mut model, KeyCode::Esc);
    }
}

/// The style of the first cell of a text on the screen.
fn style_of(buffer: &Buffer, words: &str) -> Style {
    let shown = text(buffer);
    let (row, line) = shown
        .lines()
        .enumerate()
        .find(|(_, line)| line.contains(words))
        .unwrap_or_else(|| panic!("{words:?} is not on\n{shown}"));
    let byte = line.find(words).expect("found above");
    let column = line[..byte].chars().count();
    let at = (
        u16::try_from(column).expect("small"),
        u16::try_from(row).expect("small"),
    );
    buffer.cell(at).expect("a cell").style()
}

#[test]
fn production_and_danger_have_their_own_styles() {
    let theme = world::theme("dark", Charset::Unicode);
    let mut model = busy((118, 34));
    let shown = drawn(&model, &theme);
    let tier = style_of(&shown, "PRODUCTION (protected)");
    assert_eq!(tier.bg, theme.style(Meaning::TierProtected).bg);
    assert_eq!(
        style_of(&shown, "1 Environments").fg,
        theme.style(Meaning::Focus).fg
    );
    assert_eq!(style_of(&shown, "✓ pull").fg, theme.style(Meaning::Ok).fg);

    tell(
        &mut model,
        Event::ReleaseMoved(Arc::new(asking(Step::Switch))),
    );
    press(&mut model, "A");
    let shown = drawn(&model, &theme);
    let danger = style_of(&shown, "╔ Switch traffic · web · PRODUCTION");
    assert_eq!(danger.fg, theme.style(Meaning::Danger).fg);
    press_key(&mut model, KeyCode::Left);
    let cancel = style_of(&drawn(&model, &theme), "[ Cancel ]");
    assert!(
        cancel.add_modifier.contains(Modifier::REVERSED),
        "cancel is not focused"
    );
}

#[test]
fn a_stale_pane_is_dimmed_and_not_blanked() {
    let theme = world::theme("dark", Charset::Unicode);
    let mut snapshot = with_candidate(web_production());
    snapshot.sources.registry = SourceState::Stale {
        since: ago(9),
        why: "timed out".into(),
        retry_at: None,
    };
    let shown = drawn(&model((118, 34), snapshot), &theme);
    let key = style_of(&shown, "  blue   127.0.0.1");
    assert!(key.add_modifier.contains(Modifier::DIM));
}

#[test]
fn the_selection_is_visible_without_colour() {
    let theme = world::theme("mono", Charset::Ascii);
    let shown = drawn(&busy((118, 34)), &theme);
    let selected = style_of(&shown, "1.8.2%");
    assert!(selected.add_modifier.contains(Modifier::REVERSED));
}
