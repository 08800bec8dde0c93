//! The mouse belongs to the terminal unless the operator enables it. Then it does what keys do.

use std::sync::Arc;

use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use greenroom::console::Model;
use greenroom::console::dialogs::{Help, Page, StartRelease};
use greenroom::console::effect::Effect;
use greenroom::console::event::{Event, Input};
use greenroom::console::model::Pane;
use greenroom::history::Step;
use proptest::prelude::*;

use super::world::{asking, model, press, screen, target, tell, web_production, with_candidate};

fn mouse(model: &mut Model, kind: MouseEventKind, words: &str) -> Vec<Effect> {
    let (column, row) = place(model, words);
    let event = MouseEvent {
        kind,
        column,
        row,
        modifiers: KeyModifiers::NONE,
    };
    tell(model, Event::Input(Input::Mouse(event)))
}

/// The position of these words on the screen.
fn place(model: &Model, words: &str) -> (u16, u16) {
    let screen = screen(model);
    let found = screen.lines().enumerate().find_map(|(row, line)| {
        let at = line.find(words)?;
        Some((line[..at].chars().count(), row))
    });
    let (column, row) = found.unwrap_or_else(|| panic!("{words:?} is not on\n{screen}"));
    let small = |number: usize| u16::try_from(number).expect("small");
    (small(column), small(row))
}

fn click(model: &mut Model, words: &str) -> Vec<Effect> {
    mouse(model, MouseEventKind::Down(MouseButton::Left), words)
}

fn with_mouse() -> Model {
    let mut model = model((118, 34), with_candidate(web_production()));
    let effects = press(&mut model, "m");
    assert!(matches!(effects.as_slice(), [Effect::Mouse(true)]));
    model
}

#[test]
fn the_mouse_belongs_to_the_terminal_until_it_is_enabled() {
    let mut model = model((118, 34), with_candidate(web_production()));
    assert!(!model.looks.mouse);
    click(&mut model, "5 Logs");
    assert_eq!(model.focus, Pane::Environments);
    press(&mut model, "m");
    click(&mut model, "5 Logs");
    assert_eq!(model.focus, Pane::Logs);
    let effects = press(&mut model, "m");
    assert!(matches!(effects.as_slice(), [Effect::Mouse(false)]));
}

#[test]
fn a_click_focuses_a_pane_and_moves_its_cursor_and_a_second_opens() {
    let mut model = with_mouse();
    let open = model.open.clone();
    click(&mut model, "wallets");
    assert!(screen(&model).contains("▸wallets"), "{}", screen(&model));
    assert_eq!(model.open, open);
    let effects = click(&mut model, "wallets");
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::LookAt(_)))
    );
    assert_ne!(model.open, open);
}

#[test]
fn a_click_on_a_cell_of_the_matrix_chooses_its_environment_too() {
    let mut model = with_mouse();
    click(&mut model, "0.8.0");
    assert_eq!(model.cursor, Some(target("wallets", "qa")));
    click(&mut model, "0.8.0");
    assert_eq!(model.open, Some(target("wallets", "qa")));
}

#[test]
fn a_click_on_a_key_of_the_registry_selects_it() {
    let mut model = with_mouse();
    click(&mut model, "8813");
    assert_eq!(model.focus, Pane::Registrations);
    let there = model.row(Pane::Registrations);
    press(&mut model, "G");
    assert_ne!(model.row(Pane::Registrations), there);
    click(&mut model, "8813");
    assert_eq!(model.row(Pane::Registrations), there);
    click(&mut model, "8813");
    assert!(model.shown::<Page>().is_some());
}

#[test]
fn the_wheel_scrolls_the_pane_under_it_and_keeps_the_focus() {
    let mut model = with_mouse();
    mouse(&mut model, MouseEventKind::ScrollDown, "8840");
    assert_ne!(model.row(Pane::Registrations), 0);
    assert_eq!(model.focus, Pane::Environments);
    press(&mut model, "?");
    mouse(&mut model, MouseEventKind::ScrollDown, "Keys");
    assert!(model.shown::<Help>().is_some());
    assert_eq!(model.scroll.top(), 1);
}

#[test]
fn a_question_is_never_answered_by_a_click() {
    let mut model = with_mouse();
    press(&mut model, "?");
    click(&mut model, "Esc");
    assert!(model.shown::<Help>().is_some());
    assert!(
        model
            .notice
            .is_some_and(|notice| notice.text.contains("with keys"))
    );
}

#[test]
fn a_click_on_the_name_of_a_pane_shows_it() {
    let mut model = model((80, 24), with_candidate(web_production()));
    press(&mut model, "m");
    for pane in [Pane::Logs, Pane::Slots, Pane::Checks] {
        click(&mut model, &format!("{} {}", pane.number(), pane.name()));
        assert_eq!(model.focus, pane);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_click_anywhere_at_any_size_neither_panics_nor_changes_anything(
        size in (1_u16..200, 1_u16..70),
        at in prop::collection::vec((0_u16..210, 0_u16..80, 0_u8..3), 1..12),
        keys in prop::sample::select(vec!["", "3", "4", "5+", "\\", "?", ":", "WP", "WX", "WA"]),
    ) {
        let mut model = with_mouse();
        tell(&mut model, Event::ReleaseMoved(Arc::new(asking(Step::Register))));
        press(&mut model, keys);
        model.size = size;
        for (column, row, kind) in at {
            let kind = match kind {
                0 => MouseEventKind::Down(MouseButton::Left),
                1 => MouseEventKind::ScrollUp,
                _ => MouseEventKind::ScrollDown,
            };
            let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
            for effect in tell(&mut model, Event::Input(Input::Mouse(event))) {
                let starts = effect.question::<StartRelease>().is_some();
                let changes = starts || matches!(effect, Effect::Send { .. });
                prop_assert!(!changes, "{effect:?}");
            }
        }
    }
}
