//! The palette lists every action by name with its key, or with the reason why it is not available.

use crossterm::event::KeyCode;
use greenroom::console::Model;
use greenroom::console::action::Action;
use greenroom::console::dialogs::{Palette, PaletteChoice, palette_entries};
use greenroom::console::effect::Effect;
use greenroom::console::model::{Pane, is_available, why_not};

use super::world::{model, press, press_key, screen, target, web_production, with_candidate};

fn opened() -> Model {
    let mut model = model((118, 34), with_candidate(web_production()));
    model.looks.themes = vec!["dark".into(), "light".into()];
    model.looks.theme = "dark".into();
    press(&mut model, ":");
    model
}

fn best(model: &Model) -> PaletteChoice {
    let Some(palette) = model.shown::<Palette>() else {
        panic!("the palette is open");
    };
    palette_entries(model, palette).remove(0).choice
}

#[test]
fn it_lists_actions_with_their_keys_and_why_some_are_unavailable() {
    let model = opened();
    insta::assert_snapshot!(screen(&model));
}

#[test]
fn a_few_letters_find_an_action() {
    for (typed, meant) in [
        ("rollb", PaletteChoice::Act(Action::RollBack)),
        ("nxtlog", PaletteChoice::Act(Action::NextLog)),
        ("wallqa", PaletteChoice::Open(target("wallets", "qa"))),
        ("light", PaletteChoice::UseTheme("light".into())),
        ("quit", PaletteChoice::Act(Action::Quit)),
    ] {
        let mut model = opened();
        press(&mut model, typed);
        assert_eq!(best(&model), meant, "{typed}");
    }
}

#[test]
fn enter_runs_the_action() {
    let mut model = opened();
    press(&mut model, "open wallets/qa");
    let effects = press_key(&mut model, KeyCode::Enter);
    assert_eq!(model.open, Some(target("wallets", "qa")));
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::LookAt(_)))
    );
    press(&mut model, ":theme light");
    press_key(&mut model, KeyCode::Enter);
    assert_eq!(model.theme(), "light");
    press(&mut model, ":quit");
    let effects = press_key(&mut model, KeyCode::Enter);
    assert!(matches!(effects.as_slice(), [Effect::Leave(_)]));
}

#[test]
fn an_action_of_a_pane_focuses_the_pane_first() {
    let mut model = opened();
    press(&mut model, "follow");
    press_key(&mut model, KeyCode::Enter);
    assert_eq!(model.focus, Pane::Logs);
}

#[test]
fn an_unavailable_action_gives_its_reason_and_changes_nothing() {
    let mut model = opened();
    press(&mut model, "stop standby");
    assert!(
        screen(&model).contains("not now: this console drives no release that keeps"),
        "{}",
        screen(&model)
    );
    let effects = press_key(&mut model, KeyCode::Enter);
    assert!(effects.is_empty());
    assert!(model.notice.is_some());
    press(&mut model, ":zzzzz");
    let effects = press_key(&mut model, KeyCode::Enter);
    assert!(effects.is_empty());
    assert!(screen(&model).contains("no entry matches"));
}

#[test]
fn only_unavailable_actions_have_a_reason() {
    let model = opened();
    for action in Action::ALL.iter().copied() {
        assert_eq!(
            is_available(&model, action),
            why_not(&model, action).is_none(),
            "{action:?}"
        );
    }
}
