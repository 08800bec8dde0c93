//! Key bindings: rebound keys are named everywhere as they are bound and can be searched in the
//! help; zoom keys change a pane's share of the screen.

use std::sync::Arc;

use crossterm::event::KeyCode;
use greenroom::console::action::{Action, bindings};
use greenroom::console::dialogs::Help;
use greenroom::console::event::Event;
use greenroom::console::keymap::Chord;
use greenroom::console::model::{Mode, Pane, why_not};
use greenroom::console::{Charset, Keymap, Model};
use greenroom::history::Step;
use greenroom::release::Progress;
use proptest::prelude::*;

use super::world::{
    asking, drawn, model, press, press_key, release_id, screen, tell, theme, web_production,
    with_candidate,
};

fn chord(text: &str) -> Chord {
    Chord::parse(text).expect("a key")
}

fn with_keys(key_overrides: &[(Action, &[&str])]) -> Model {
    let key_overrides: Vec<_> = key_overrides
        .iter()
        .map(|(action, keys)| (*action, keys.iter().map(|key| chord(key)).collect()))
        .collect();
    let mut model = model((118, 34), with_candidate(web_production()));
    model.keymap = Arc::new(Keymap::rebound(&key_overrides));
    model
}

#[test]
fn rebound_keys_are_named_in_footer_help_palette_and_header() {
    let mut model = with_keys(&[
        (Action::Zoom, &["z", "F11"]),
        (Action::Arm, &["K"]),
        (Action::Help, &["F1"]),
    ]);
    let main = screen(&model);
    assert!(main.contains("z zoom"), "{main}");
    assert!(main.contains("read-only (K arms)"), "{main}");
    assert!(main.contains("F1 help  q quit"), "{main}");
    press(&mut model, "%");
    assert!(screen(&model).contains("F1 shows all keys"));
    press_key(&mut model, KeyCode::F(1));
    press(&mut model, "zoom");
    assert!(screen(&model).contains("z F11"), "{}", screen(&model));
    press_key(&mut model, KeyCode::Esc);
    press(&mut model, ":zoom");
    assert!(screen(&model).contains("z F11"), "{}", screen(&model));
    press_key(&mut model, KeyCode::Esc);
    press(&mut model, "z");
    assert!(model.looks.zoomed);
}

#[test]
fn a_refusal_names_the_rebound_key() {
    let mut model = with_keys(&[(Action::Arm, &["K"]), (Action::Approve, &["Y"])]);
    press(&mut model, "P");
    assert!(
        screen(&model).contains("K arms web/production"),
        "{}",
        screen(&model)
    );
    press(&mut model, "K");
    tell(
        &mut model,
        Event::ReleaseMoved(Arc::new(asking(Step::Switch))),
    );
    press(&mut model, "P");
    assert!(
        screen(&model).contains("if it waits for you, Y answers; X backs it out"),
        "{}",
        screen(&model)
    );
    press(&mut model, "A");
    assert!(screen(&model).contains("this key does nothing now"));
    press(&mut model, "Y");
    assert!(
        screen(&model).contains("Switch traffic"),
        "{}",
        screen(&model)
    );
}

#[test]
fn no_key_to_back_out_is_named_while_a_release_is_backed_out() {
    let mut model = with_keys(&[]);
    press(&mut model, "W");
    let mut status = asking(Step::Switch);
    status.progress = Progress::Back(Step::Register);
    tell(&mut model, Event::ReleaseMoved(Arc::new(status)));
    press(&mut model, "P");
    let shown = screen(&model);
    assert!(
        shown.contains("is being backed out and has not ended"),
        "{shown}"
    );
    assert!(!shown.contains("backs it out"), "{shown}");
}

#[test]
fn a_command_without_a_driver_names_the_key_that_resumes() {
    let mut model = with_keys(&[(Action::Resume, &["Y"])]);
    let why = "this console does not drive the release".to_owned();
    let release = release_id(1);
    tell(&mut model, Event::CommandLost { release, why });
    let shown = screen(&model);
    let words = "did not get the command: Y resumes it if it has not ended";
    assert!(shown.contains(words), "{shown}");
}

#[test]
fn a_clashing_binding_is_reported_and_listed_in_the_help() {
    let mut model = with_keys(&[(Action::Mouse, &["q"]), (Action::Zoom, &["?"])]);
    let remarks: Vec<String> = model
        .keymap
        .clashes()
        .iter()
        .map(ToString::to_string)
        .collect();
    model.remark(&remarks);
    let notice = "q is already the key of quit and is not bound to mouse: choose another key (and 1 more: ? lists them)";
    assert!(
        screen(&model).contains("is not bound to"),
        "{}",
        screen(&model)
    );
    let shown = model.notice.as_ref().map(|notice| notice.text.clone());
    assert!(
        shown.is_some_and(|shown| shown.contains("and 1 more: ? lists them")),
        "{notice}"
    );
    press(&mut model, "?");
    for _ in 0..8 {
        press_key(&mut model, KeyCode::PageDown);
    }
    let help = screen(&model);
    assert!(help.contains("Problems that this console found"), "{help}");
    assert!(
        help.contains("? is already the key of help and is not bound to zoom"),
        "{help}"
    );
}

#[test]
fn the_help_groups_keys_by_purpose() {
    let mut model = with_keys(&[]);
    press(&mut model, "?");
    let screen = screen(&model);
    // How many lines are left depends on the number of actions.
    let lines = screen
        .lines()
        .filter(|line| !line.contains(" more lines below"));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_help_is_searched_by_key_name_and_words() {
    for (typed, found, lost) in [
        ("roll", "switch back to the version", "quit the console"),
        (
            "clipboard",
            "copy the text under the cursor",
            "quit the console",
        ),
        ("hide-log", "hide the log", "quit the console"),
        ("xyzzy", "no key matches", "hide the log"),
    ] {
        let mut model = with_keys(&[]);
        press(&mut model, "?");
        press(&mut model, typed);
        let help = screen(&model);
        assert!(help.contains(found), "{typed}: {help}");
        assert!(!help.contains(lost), "{typed}: {help}");
    }
}

#[test]
fn the_footer_shows_answers_first_and_always_help_and_quit() {
    let mut waiting = with_keys(&[]);
    tell(
        &mut waiting,
        Event::ReleaseMoved(Arc::new(asking(Step::Switch))),
    );
    waiting.notice = None;
    for width in 60..=140 {
        for focus in Pane::ALL {
            waiting.size = (width, 34);
            waiting.focus = focus;
            let screen = screen(&waiting);
            let footer = screen.lines().last().expect("a footer");
            assert!(footer.starts_with(" A approve  X back out"), "{footer}");
            assert!(footer.ends_with("? help  q quit"), "{footer}");
            let labels: Vec<&str> = bindings().map(|binding| binding.label).collect();
            for part in footer.trim().split("  ") {
                let (_, label) = part.split_once(' ').expect("a key and a label");
                assert!(labels.contains(&label), "{label:?} is cut in {footer:?}");
            }
        }
    }
}

#[test]
fn zoom_leaves_header_ladder_and_footer() {
    let mut model = with_keys(&[]);
    press(&mut model, "5+");
    let zoomed = screen(&model);
    assert!(
        zoomed.contains("5 Logs") && !zoomed.contains("2 Slots"),
        "{zoomed}"
    );
    assert!(zoomed.contains("Release"), "{zoomed}");
    press(&mut model, "2");
    assert!(screen(&model).contains("2 Slots") && !screen(&model).contains("5 Logs"));
    press(&mut model, "+");
    assert!(screen(&model).contains("fills the screen already"));
    press(&mut model, "_");
    assert!(screen(&model).contains("5 Logs"));
    press(&mut model, "+");
    press_key(&mut model, KeyCode::Esc);
    assert!(!model.looks.zoomed);
    assert_eq!(model.focus, Pane::Slots);
}

#[test]
fn a_hidden_log_frees_its_space_and_can_be_shown_again() {
    let mut model = with_keys(&[]);
    press(&mut model, "5\\");
    assert_eq!(model.focus, Pane::Environments);
    assert!(!screen(&model).contains("5 Logs"), "{}", screen(&model));
    assert!(screen(&model).contains("\\ shows it again"));
    for _ in 0..5 {
        press_key(&mut model, KeyCode::Tab);
        assert_ne!(model.focus, Pane::Logs);
        press_key(&mut model, KeyCode::BackTab);
        assert_ne!(model.focus, Pane::Logs);
    }
    press(&mut model, "5");
    assert!(screen(&model).contains("5 Logs"));
    press(&mut model, "1");
    assert!(screen(&model).contains("5 Logs"));
}

#[test]
fn a_push_to_the_sandbox_is_refused_outside_a_sandbox() {
    let mut model = model((118, 34), with_candidate(web_production()));
    assert!(why_not(&model, Action::PushSample).is_some());
    press(&mut model, ":in a sandbox");
    let palette = screen(&model);
    assert!(
        palette.contains("not now: this console does not show a sandbox"),
        "{palette}"
    );
}

#[test]
fn a_console_of_a_sandbox_can_push_a_version() {
    let mut model = model((118, 34), with_candidate(web_production()));
    model.is_sandbox = true;
    assert_eq!(why_not(&model, Action::PushSample), None);
    model.mode = Mode::ReadOnly;
    assert!(why_not(&model, Action::PushSample).is_some());
}

#[test]
fn suspending_is_refused_while_a_release_is_running() {
    let mut model = with_keys(&[]);
    let ctrl_z = || {
        use crossterm::event::{KeyEvent, KeyModifiers};
        let key = KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL);
        Event::Input(greenroom::console::event::Input::Key(key))
    };
    assert!(tell(&mut model, ctrl_z()).is_empty());
    assert!(screen(&model).contains("was not started from a shell"));
    model.has_shell = true;
    let effects = tell(&mut model, ctrl_z());
    assert!(matches!(
        effects.as_slice(),
        [greenroom::console::effect::Effect::Suspend]
    ));
    tell(
        &mut model,
        Event::ReleaseMoved(Arc::new(asking(Step::Register))),
    );
    assert!(tell(&mut model, ctrl_z()).is_empty());
    assert!(screen(&model).contains("suspending would stop the release"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_dialog_is_drawn_at_every_size(
        width in 1_u16..400,
        height in 1_u16..120,
        keys in prop::sample::select(vec!["", "?", ":", "T", "WP", "X", "A", "q", "2\n", "3\n", "4\n", "5+", "\\", "/", "H"]),
        waits in any::<bool>(),
    ) {
        let mut model = with_keys(&[]);
        model.looks.themes = vec!["dark".into(), "light".into()];
        model.looks.theme = "dark".into();
        if waits {
            tell(&mut model, Event::ReleaseMoved(Arc::new(asking(Step::Switch))));
        }
        for c in keys.chars() {
            let code = if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) };
            press_key(&mut model, code);
        }
        model.size = (width, height);
        let theme = theme("dark", Charset::Unicode);
        let buffer = drawn(&model, &theme);
        let is_card = width < 60 || height < 16;
        if is_card && width >= 12 && height >= 4 {
            let text = super::world::text(&buffer);
            prop_assert!(text.contains("quits") || text.contains("enlarge"), "{}", text);
        }
        if model.shown::<Help>().is_some() && !is_card {
            prop_assert!(super::world::text(&buffer).contains("Esc close"));
        }
    }
}
