//! The palette: everything by its name, with its key, and why it cannot be done now.

use crossterm::event::KeyCode;
use greenroom::console::Model;
use greenroom::console::action::Action;
use greenroom::console::effect::Effect;
use greenroom::console::model::{
    Dialog, PaletteChoice, Pane, is_available, palette_entries, why_not,
};

use super::world::{model, press, press_key, screen, target, web_production, with_candidate};

fn opened() -> Model {
    let mut model = model((118, 34), with_candidate(web_production()));
    model.looks.themes = vec!["dark".into(), "light".into()];
    model.looks.theme = "dark".into();
    press(&mut model, ":");
    model
}

fn best(model: &Model) -> PaletteChoice {
    let Some(Dialog::Palette(palette)) = &model.dialog else {
        panic!("the palette is open");
    };
    palette_entries(model, palette).remove(0).choice
}

#[test]
fn it_lists_what_can_be_done_with_its_keys_and_why_not() {
    let model = opened();
    insta::assert_snapshot!(screen(&model));
}

#[test]
fn a_few_letters_find_what_is_meant() {
    for (typed, meant) in [
        ("rollb", PaletteChoice::Act(Action::RollBack)),
        ("nxtlog", PaletteChoice::Act(Action::NextLog)),
        ("wallqa", PaletteChoice::Open(target("wallets", "qa"))),
        ("light", PaletteChoice::Wear("light".into())),
        ("quit", PaletteChoice::Act(Action::Quit)),
    ] {
        let mut model = opened();
        press(&mut model, typed);
        assert_eq!(best(&model), meant, "{typed}");
    }
}

#[test]
fn enter_does_it() {
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
fn what_belongs_to_a_pane_goes_there_first() {
    let mut model = opened();
    press(&mut model, "follow");
    press_key(&mut model, KeyCode::Enter);
    assert_eq!(model.focus, Pane::Logs);
}

#[test]
fn what_cannot_be_done_now_answers_with_the_reason_and_changes_nothing() {
    let mut model = opened();
    press(&mut model, "stop standby");
    assert!(
        screen(&model).contains("not now: no version is kept warm"),
        "{}",
        screen(&model)
    );
    let effects = press_key(&mut model, KeyCode::Enter);
    assert!(effects.is_empty());
    assert!(model.notice.is_some());
    press(&mut model, ":zzzzz");
    let effects = press_key(&mut model, KeyCode::Enter);
    assert!(effects.is_empty());
    assert!(screen(&model).contains("nothing has that name"));
}

#[test]
fn there_is_a_reason_exactly_where_an_action_is_not_offered() {
    let model = opened();
    for action in Action::all() {
        assert_eq!(
            is_available(&model, action),
            why_not(&model, action).is_none(),
            "{action:?}"
        );
    }
}
