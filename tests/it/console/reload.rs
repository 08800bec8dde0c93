//! A configuration that changed on disk: what the console reports, what it asks, and when it does
//! not reload.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use greenroom::console::dialogs::ReloadDialog;
use greenroom::console::effect::Effect;
use greenroom::console::event::{Event, Input};
use greenroom::console::model::{
    ConfigurationChange, FoundConfiguration, NewConfiguration, Pane, ViewState,
};
use greenroom::console::{ExitReason, Mode, Model};
use greenroom::history::Step;

use super::dialogs::dialog;
use super::world::{
    PRODUCTION, asking, model, now, operator, press, press_key, screen, target, tell,
    web_production, with_candidate, world,
};

const SIZES: [(u16, u16); 2] = [(118, 34), (80, 24)];

fn notice(model: &Model) -> &str {
    model.notice.as_ref().map_or("", |notice| &notice.text)
}

fn change(key: &str, before: Option<&str>, after: Option<&str>) -> ConfigurationChange {
    ConfigurationChange {
        key: key.into(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
        place: after.map_or(String::new(), |_| "greenroom.toml:12:9".into()),
    }
}

fn changed(found: FoundConfiguration) -> Event {
    Event::ConfigurationObserved(Some(Arc::new(NewConfiguration {
        file: "greenroom.toml".into(),
        changed_at: now(),
        found,
    })))
}

fn differs() -> Event {
    changed(FoundConfiguration::Differs {
        changes: vec![
            change(
                "services.web.health.path",
                Some("\"/health\""),
                Some("\"/ready\""),
            ),
            change("services.web.memory", None, Some("\"64MiB\"")),
            change("services.web.network", Some("\"edge\""), None),
        ],
        targets: vec![target("web", "qa"), target("web", PRODUCTION)],
    })
}

fn reload_key(model: &mut Model) -> Vec<Effect> {
    let key = KeyEvent::new(KeyCode::Char('r'), KeyModifiers::CONTROL);
    tell(model, Event::Input(Input::Key(key)))
}

#[test]
fn a_changed_configuration_is_announced_with_its_key_in_the_footer() {
    let mut model = model((118, 34), web_production());
    assert!(!screen(&model).contains("Ctrl-R reload"));
    tell(&mut model, differs());
    let said = notice(&model).to_owned();
    assert!(
        said.starts_with("greenroom.toml changed on disk at 14:02"),
        "{said}"
    );
    assert!(
        said.ends_with("Ctrl-R shows the differences and reloads"),
        "{said}"
    );
    model.notice = None;
    assert!(
        screen(&model).contains("Ctrl-R reload"),
        "{}",
        screen(&model)
    );
    // The same change again is not announced.
    tell(&mut model, differs());
    assert_eq!(notice(&model), "");
    // Saved as it was before: there is nothing to reload.
    tell(&mut model, Event::ConfigurationObserved(None));
    assert!(!screen(&model).contains("Ctrl-R reload"));
    reload_key(&mut model);
    assert!(model.dialog.is_none());
    assert!(
        notice(&model).contains("nothing to reload"),
        "{}",
        notice(&model)
    );
}

#[test]
fn the_dialog_lists_the_differences_and_starts_on_keeping() {
    for size in SIZES {
        let mut model = model(size, web_production());
        tell(&mut model, differs());
        reload_key(&mut model);
        let name = format!("reload_at_{}_by_{}", size.0, size.1);
        insta::assert_snapshot!(name, dialog(&model));
        let effects = press_key(&mut model, KeyCode::Enter);
        assert!(effects.is_empty(), "{effects:?}");
        assert!(model.dialog.is_none());
    }
}

#[test]
fn a_reload_remembers_the_place_on_screen() {
    let mut model = model((118, 34), web_production());
    tell(&mut model, differs());
    press(&mut model, "3");
    reload_key(&mut model);
    press(&mut model, "j");
    let effects = press_key(&mut model, KeyCode::Enter);
    let [Effect::Leave(ExitReason::Reload(view))] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let web = target("web", PRODUCTION);
    assert_eq!(view.open, Some(web.clone()));
    assert_eq!(view.focus, Pane::Checks);

    let mode = Mode::Armable(std::time::Duration::from_mins(5));
    let mut again = Model::new(operator(), mode, now(), (118, 34));
    again.come_back_to = Some(ViewState::clone(view));
    let effects = tell(
        &mut again,
        Event::WorldObserved(Arc::new(world(web_production()))),
    );
    assert_eq!(again.open, Some(web.clone()));
    assert_eq!(again.cursor, Some(web.clone()));
    assert_eq!(again.focus, Pane::Checks);
    let looks = |effect: &Effect| matches!(effect, Effect::LookAt(at) if *at == web);
    assert!(effects.iter().any(looks), "{effects:?}");
    assert!(again.armed.is_none());
}

#[test]
fn a_target_missing_in_the_new_configuration_is_announced() {
    let mode = Mode::Armable(std::time::Duration::from_mins(5));
    let mut model = Model::new(operator(), mode, now(), (118, 34));
    model.come_back_to = Some(ViewState {
        open: Some(target("web", "gone")),
        cursor: Some(target("web", "gone")),
        focus: Pane::Checks,
    });
    tell(
        &mut model,
        Event::WorldObserved(Arc::new(world(web_production()))),
    );
    assert_eq!(
        notice(&model),
        "web/gone is not in the new configuration: open another target"
    );
    assert_eq!(model.focus, Pane::Environments);
    assert_ne!(model.cursor, Some(target("web", "gone")));
}

#[test]
fn errors_are_listed_with_file_and_line_and_cannot_be_reloaded() {
    for size in SIZES {
        let mut model = model(size, web_production());
        let error =
            "greenroom.toml:12:5: services.web.prot: unknown key `prot`; did you mean `port`?";
        tell(
            &mut model,
            changed(FoundConfiguration::Broken(vec![error.into()])),
        );
        assert!(notice(&model).contains("has errors"), "{}", notice(&model));
        reload_key(&mut model);
        let name = format!("broken_configuration_at_{}_by_{}", size.0, size.1);
        insta::assert_snapshot!(name, dialog(&model));
        press(&mut model, "j");
        let effects = press_key(&mut model, KeyCode::Enter);
        assert!(effects.is_empty(), "{effects:?}");
    }
}

#[test]
fn a_reload_is_refused_during_a_release_or_a_repair() {
    let mut releasing = model((118, 34), with_candidate(web_production()));
    tell(
        &mut releasing,
        Event::ReleaseMoved(Arc::new(asking(Step::Switch))),
    );
    let mut repairing = model((118, 34), web_production());
    repairing.repairing.insert(target("web", PRODUCTION));
    for (model, why) in [
        (
            &mut releasing,
            "This console drives a release of web/production",
        ),
        (&mut repairing, "This console is repairing web/production"),
    ] {
        tell(model, differs());
        reload_key(model);
        assert!(dialog(model).contains(why), "{}", dialog(model));
        press(model, "j");
        let effects = press_key(model, KeyCode::Enter);
        assert!(effects.is_empty(), "{effects:?}");
        assert!(notice(model).starts_with(why), "{}", notice(model));
    }
}

#[test]
fn another_change_under_the_dialog_resets_the_answer() {
    let mut model = model((118, 34), web_production());
    tell(&mut model, differs());
    reload_key(&mut model);
    press(&mut model, "j");
    let one = change("services.web.memory", None, Some("\"1GiB\""));
    tell(
        &mut model,
        changed(FoundConfiguration::Differs {
            changes: vec![one],
            targets: Vec::new(),
        }),
    );
    assert!(dialog(&model).contains("1GiB"), "{}", dialog(&model));
    let effects = press_key(&mut model, KeyCode::Enter);
    assert!(effects.is_empty(), "{effects:?}");

    reload_key(&mut model);
    tell(&mut model, Event::ConfigurationObserved(None));
    assert!(model.shown::<ReloadDialog>().is_none());
}

#[test]
fn a_configuration_that_was_read_from_a_pipe_is_not_reloaded() {
    let mut model = model(SIZES[0], web_production());
    model.read_once = Some("/dev/stdin".into());
    assert!(reload_key(&mut model).is_empty());
    assert!(model.dialog.is_none());
    assert_eq!(
        notice(&model),
        "the configuration was read from /dev/stdin, which cannot be read again: restart Greenroom to change it"
    );
}
