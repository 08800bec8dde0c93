//! Dialogs over the screen, at the sizes that matter.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use greenroom::checks::Verdict;
use greenroom::console::dialogs::Confirm;
use greenroom::console::effect::Effect;
use greenroom::console::event::{Event, Input};
use greenroom::console::theme::Meaning;
use greenroom::console::update::update;
use greenroom::console::{Charset, ExitReason, Model};
use greenroom::history::{Direction, Step};
use greenroom::inventory::Tier;
use greenroom::release::{Choice, Command, Progress, Refusal, Refused, Status};
use ratatui::buffer::Buffer;
use ratatui::style::{Modifier, Style};

use super::world::{
    PRODUCTION, asking, drawn, later, model, plan, planned, press, press_key, screen, status,
    target, tell, text, theme, verifying, version, web_production, with_candidate, with_standby,
    world,
};

const SIZES: [(u16, u16); 2] = [(118, 34), (80, 24)];

fn flying(size: (u16, u16), status: Status) -> Model {
    let mut model = model(size, with_candidate(web_production()));
    press(&mut model, "W");
    tell(&mut model, Event::ReleaseMoved(Arc::new(status)));
    model.notice = None;
    model
}

fn failed(at: Step, choices: &[Choice]) -> Status {
    let progress = Progress::Choosing {
        step: at,
        direction: Direction::Forward,
        why: "orders: status 500 instead of 2xx".into(),
        choices: choices.to_vec(),
    };
    status(&target("web", PRODUCTION), Tier::Protected, at, progress)
}

const CHOICES: [Choice; 4] = [Choice::Retry, Choice::BackOut, Choice::Leave, Choice::Skip];

fn notice(model: &Model) -> &str {
    model.notice.as_ref().map_or("", |notice| &notice.text)
}

fn style_of(buffer: &Buffer, words: &str) -> Style {
    let first = words.chars().next().expect("a word").to_string();
    for y in 0..buffer.area.height {
        let row: Vec<&str> = (0..buffer.area.width)
            .map(|x| buffer[(x, y)].symbol())
            .collect();
        for x in 0..row.len() {
            if row[x] == first && row[x..].concat().starts_with(words) {
                return buffer[(u16::try_from(x).expect("small"), y)].style();
            }
        }
    }
    panic!("no {words:?} in\n{}", text(buffer));
}

/// The dialog without the panes behind it: the content of the widest double frame.
pub(super) fn dialog(model: &Model) -> String {
    let seen = screen(model);
    let rows: Vec<Vec<char>> = seen.lines().map(|line| line.chars().collect()).collect();
    let frames = rows.iter().enumerate().flat_map(|(y, row)| {
        let opens = row.iter().enumerate().filter(|(_, c)| **c == '╔');
        opens.filter_map(move |(x, _)| {
            let wide = row[x..].iter().position(|c| *c == '╗')?;
            Some((wide, x, y))
        })
    });
    let (wide, x, y) = frames.max().expect("a dialog");
    let mut text = String::new();
    for row in &rows[y..] {
        let inside: String = row.iter().skip(x).take(wide + 1).collect();
        text.push_str(&inside);
        text.push('\n');
        if inside.starts_with('╚') {
            break;
        }
    }
    text
}

fn named(name: &str, size: (u16, u16)) -> String {
    format!("{name}_at_{}_by_{}", size.0, size.1)
}

#[test]
fn the_switch_dialog_says_from_to_how_and_the_way_back() {
    for size in SIZES {
        let mut model = flying(size, asking(Step::Switch));
        press(&mut model, "A");
        insta::assert_snapshot!(named("switch", size), dialog(&model));
    }
    // On a low screen it is complete, without a blank line. `decisive` tests scrolled dialogs.
    let mut model = flying((80, 16), asking(Step::Switch));
    press(&mut model, "A");
    let seen = screen(&model);
    for words in [
        "4f2a9c01e7  100% ──►   0%",
        "b81d77aa30    0% ──► 100%",
        "3 passed, 1 failed for b81d77aa30, now in green; 9s ago",
        "compare both slots for 1 min",
        "generation 41 to 42",
        "switch back to blue while it is warm",
        "while blue is kept warm, for 10m after",
        "PRODUCTION (protected)",
        "expires in 5:00",
    ] {
        assert!(seen.contains(words), "{words}: {seen}");
    }
}

#[test]
fn danger_tier_and_focus_are_in_the_style_as_well() {
    for name in ["dark", "mono"] {
        let theme = theme(name, Charset::Unicode);
        let mut model = flying((118, 34), asking(Step::Switch));
        press(&mut model, "A");
        let shown = drawn(&model, &theme);
        let danger = theme.style(Meaning::Danger);
        let title = style_of(&shown, "Switch traffic · web · PRODUCTION");
        assert_eq!(title.add_modifier, danger.add_modifier, "{name}");
        assert_eq!(title.fg.filter(|_| name == "dark"), danger.fg, "{name}");
        press_key(&mut model, KeyCode::Left);
        let shown = drawn(&model, &theme);
        let cancel = style_of(&shown, "[ Cancel ]");
        assert!(cancel.add_modifier.contains(Modifier::REVERSED), "{name}");
        press(&mut model, PRODUCTION);
        let shown = drawn(&model, &theme);
        let go = style_of(&shown, "[ Switch traffic ]");
        assert!(go.add_modifier.contains(Modifier::REVERSED), "{name}");
        let cancel = style_of(&shown, "[ Cancel ]");
        assert!(!cancel.add_modifier.contains(Modifier::REVERSED), "{name}");
    }
    // A yes in development has no danger frame.
    let mut model = model((118, 34), web_production());
    let quiet = Arc::new(plan(&target("web", "dev"), Tier::Development));
    model.open = Some(target("web", "dev"));
    press(&mut model, "WP2.0.0");
    press_key(&mut model, KeyCode::Enter);
    press_key(&mut model, KeyCode::Enter);
    let plan = Ok(quiet);
    let planned = planned(&model, plan);
    tell(&mut model, planned);
    let theme = theme("dark", Charset::Unicode);
    let title = style_of(&drawn(&model, &theme), "Begin the release · web · dev (dev");
    assert_ne!(title.fg, theme.style(Meaning::Danger).fg);
}

#[test]
fn a_question_says_when_its_target_is_no_longer_armed() {
    let mut model = flying((118, 34), asking(Step::Register));
    press(&mut model, "A");
    assert!(!screen(&model).contains("not armed"));
    model.armed = None;
    let shown = screen(&model);
    assert!(
        shown.contains("not armed: W arms web/production"),
        "{shown}"
    );
}

#[test]
fn the_dialog_warns_of_checks_of_another_digest() {
    let mut model = flying((118, 34), asking(Step::Switch));
    let mut other = with_candidate(web_production());
    let running = other
        .slots
        .green
        .members
        .iter_mut()
        .next()
        .expect("a candidate");
    running.digest = version("1.9.0", "dead").digest;
    tell(&mut model, Event::WorldObserved(Arc::new(world(other))));
    press(&mut model, "A");
    let theme = theme("dark", Charset::Unicode);
    let shown = drawn(&model, &theme);
    let style = style_of(
        &shown,
        "3 passed, 1 failed for b81d77aa30, but deaddeadde is now in green",
    );
    assert_eq!(style.fg, theme.style(Meaning::Bad).fg);
}

#[test]
fn a_failed_step_says_who_has_the_traffic_and_what_each_answer_does() {
    for size in SIZES {
        let mut model = flying(size, verifying());
        tell(
            &mut model,
            Event::ReleaseMoved(Arc::new(failed(Step::Verify, &CHOICES))),
        );
        insta::assert_snapshot!(named("failure", size), dialog(&model));
    }
    let mut model = flying((118, 34), verifying());
    let mut watched = failed(Step::Watch, &CHOICES);
    watched.switched = true;
    tell(&mut model, Event::ReleaseMoved(Arc::new(watched)));
    assert!(screen(&model).contains("green 1.9.0 has the traffic now"));
}

#[test]
fn every_answer_to_a_failure_is_given_with_its_note() {
    for (row, wanted) in CHOICES.into_iter().enumerate() {
        let mut model = flying((118, 34), verifying());
        tell(
            &mut model,
            Event::ReleaseMoved(Arc::new(failed(Step::Verify, &CHOICES))),
        );
        press(&mut model, "n");
        press(&mut model, "known, ticket 12");
        tell(&mut model, Event::Input(Input::Paste("3\n4".into())));
        // The release reports something while the operator types.
        let same = failed(Step::Verify, &CHOICES);
        tell(&mut model, Event::ReleaseMoved(Arc::new(same)));
        assert!(
            screen(&model).contains("known, ticket 123 4"),
            "{}",
            screen(&model)
        );
        press_key(&mut model, KeyCode::Enter);
        press(&mut model, &"j".repeat(row + 1));
        let effects = press_key(&mut model, KeyCode::Enter);
        match effects.as_slice() {
            [
                Effect::Send {
                    command: Command::Choose { choice, note, .. },
                    ..
                },
            ] => {
                assert_eq!(*choice, wanted);
                assert_eq!(note.as_deref(), Some("known, ticket 123 4"));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn only_what_the_release_offers_can_be_answered() {
    let mut model = flying((118, 34), verifying());
    let few = failed(Step::Verify, &[Choice::Retry, Choice::Leave]);
    tell(&mut model, Event::ReleaseMoved(Arc::new(few)));
    let shown = screen(&model);
    assert!(
        !shown.contains("skip ") && !shown.contains("│  back out "),
        "{shown}"
    );
    press(&mut model, "jjjjjjj");
    let effects = press_key(&mut model, KeyCode::Enter);
    let leaves = matches!(
        effects.as_slice(),
        [Effect::Send {
            command: Command::Choose {
                choice: Choice::Leave,
                ..
            },
            ..
        }]
    );
    assert!(leaves, "{effects:?}");
}

#[test]
fn overriding_checks_needs_a_note() {
    let mut model = flying((118, 34), verifying());
    let choices = [
        Choice::Retry,
        Choice::BackOut,
        Choice::Leave,
        Choice::Override,
    ];
    let mut status = failed(Step::Verify, &choices);
    status.cases[0].verdict = Verdict::Failed;
    let name = status.cases[0].name.clone();
    tell(&mut model, Event::ReleaseMoved(Arc::new(status)));
    let shown = screen(&model);
    let consequence = format!("continues although {name} did not pass; needs a note");
    assert!(shown.contains(&consequence), "{shown}");
    assert!(shown.contains("person must approve the switch"), "{shown}");
    press(&mut model, "jjjj");
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    assert!(notice(&model).contains("write why"), "{}", notice(&model));
    // The note has the focus now.
    press(&mut model, "it counts wrongly");
    press_key(&mut model, KeyCode::Enter);
    let effects = press_key(&mut model, KeyCode::Enter);
    match effects.as_slice() {
        [
            Effect::Send {
                command: Command::Choose { choice, note, .. },
                ..
            },
        ] => {
            assert_eq!(*choice, Choice::Override);
            assert_eq!(note.as_deref(), Some("it counts wrongly"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_note_is_kept_when_an_answer_is_refused_or_confirmed() {
    let mut model = flying((118, 34), verifying());
    let mut watched = failed(Step::Watch, &CHOICES);
    watched.may_have_switched = true;
    tell(&mut model, Event::ReleaseMoved(Arc::new(watched)));
    press(&mut model, "nnight shift");
    press_key(&mut model, KeyCode::Enter);
    model.armed = None;
    press(&mut model, "jj");
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    assert!(notice(&model).contains("W arms"), "{}", notice(&model));
    assert!(screen(&model).contains("night shift"));
    assert!(screen(&model).contains("only \"decide later\" can be chosen"));

    press_key(&mut model, KeyCode::Esc);
    press(&mut model, "WA");
    press(&mut model, "nnight shift");
    press_key(&mut model, KeyCode::Enter);
    press(&mut model, "jj");
    press_key(&mut model, KeyCode::Enter);
    assert!(
        screen(&model).contains("Type production"),
        "{}",
        screen(&model)
    );
    press(&mut model, PRODUCTION);
    let effects = press_key(&mut model, KeyCode::Enter);
    match effects.as_slice() {
        [
            Effect::Send {
                command: Command::BackOut { reason, .. },
                ..
            },
        ] => assert_eq!(reason, "night shift"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_quit_dialog_says_what_each_answer_means_for_the_traffic() {
    for size in SIZES {
        let mut model = flying(size, verifying());
        press(&mut model, "qj");
        insta::assert_snapshot!(named("leaving", size), dialog(&model));
    }
    let mut standby = status(
        &target("web", PRODUCTION),
        Tier::Protected,
        Step::Stop,
        Progress::Standby {
            until: Some(later(300)),
        },
    );
    standby.switched = true;
    standby.may_have_switched = true;
    for (at, answer, words) in [
        (verifying(), "", "the release continues"),
        (asking(Step::Switch), "", "the release waits for an answer"),
        (
            verifying(),
            "j",
            "blue 1.8.2 keeps the traffic; green 1.9.0 stays as it is",
        ),
        (
            verifying(),
            "jj",
            "blue 1.8.2 keeps the traffic; stop green",
        ),
        (
            standby.clone(),
            "j",
            "blue 1.8.2 keeps running until the release is resumed",
        ),
        (standby, "jj", "traffic moves: stop green"),
    ] {
        let mut model = flying((118, 34), at);
        press(&mut model, "q");
        press(&mut model, answer);
        let shown = screen(&model);
        assert!(shown.contains(words), "{answer:?} {words}: {shown}");
    }
}

#[test]
fn the_quit_dialog_lists_several_releases_to_back_out_one_by_one() {
    let mut model = flying((118, 34), verifying());
    let other = status(
        &target("web", "qa"),
        Tier::Staging,
        Step::Pull,
        Progress::Forward(Step::Pull),
    );
    tell(&mut model, Event::ReleaseMoved(Arc::new(other)));
    press(&mut model, "qjj");
    let shown = screen(&model);
    for words in ["2 releases are running", "to web/production:", "to web/qa:"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    assert!(
        notice(&model).contains("back out each with X"),
        "{}",
        notice(&model)
    );
    press(&mut model, "qj");
    let effects = press_key(&mut model, KeyCode::Enter);
    assert_eq!(effects.len(), 2, "{effects:?}");
}

#[test]
fn backing_out_one_release_then_quits() {
    let mut model = flying((118, 34), verifying());
    press(&mut model, "qjj");
    press_key(&mut model, KeyCode::Enter);
    assert!(screen(&model).contains("Back out · web · PRODUCTION"));
    press_key(&mut model, KeyCode::Tab);
    assert_eq!(press_key(&mut model, KeyCode::Enter).len(), 1);
    assert!(model.leaving);
    let release = verifying().plan.release;
    let effects = tell(&mut model, Event::DriverGone(release));
    assert!(matches!(
        effects.as_slice(),
        [Effect::Leave(ExitReason::Quit)]
    ));
}

fn refused(size: (u16, u16), reasons: usize) -> Model {
    let mut model = model(size, web_production());
    press(&mut model, "WP");
    press_key(&mut model, KeyCode::Down);
    press_key(&mut model, KeyCode::Enter);
    press_key(&mut model, KeyCode::Enter);
    let reasons = (0..reasons).map(|n| match n % 3 {
        0 => Refusal::NoHealthCheck,
        1 => Refusal::RouteDisagrees {
            difference: format!("etcd says blue generation {n}, nginx says green"),
        },
        _ => Refusal::NothingLiveIn("qa".parse().expect("a name")),
    });
    let plan = Err(Refused(reasons.collect()));
    let planned = planned(&model, plan);
    tell(&mut model, planned);
    model
}

#[test]
fn a_refusal_lists_every_reason_with_its_fix_and_scrolls() {
    for size in SIZES {
        insta::assert_snapshot!(named("refusal", size), dialog(&refused(size, 3)));
    }
    let mut model = refused((80, 24), 30);
    let mut seen = screen(&model);
    assert!(seen.contains("more lines below"), "{seen}");
    for _ in 0..200 {
        press(&mut model, "j");
    }
    seen = screen(&model);
    assert!(
        seen.contains("more lines above") && !seen.contains("below"),
        "{seen}"
    );
    assert!(
        seen.contains("nothing is live in qa: name a version instead"),
        "{seen}"
    );
    press_key(&mut model, KeyCode::Esc);
    assert!(model.dialog.is_none());
}

#[test]
fn every_dialog_survives_any_size() {
    let openings: [&dyn Fn() -> Model; 5] = [
        &|| refused((118, 34), 9),
        &|| {
            let mut model = flying((118, 34), asking(Step::Switch));
            press(&mut model, "A");
            model
        },
        &|| {
            let mut model = flying((118, 34), verifying());
            tell(
                &mut model,
                Event::ReleaseMoved(Arc::new(failed(Step::Verify, &CHOICES))),
            );
            model
        },
        &|| {
            let mut model = flying((118, 34), verifying());
            press(&mut model, "q");
            model
        },
        &|| {
            let mut model = model((118, 34), with_standby(web_production()));
            press(&mut model, "WR");
            model
        },
    ];
    for open in openings {
        let mut model = open();
        let whole = screen(&model);
        for size in [(60, 16), (20, 5), (0, 0), (61, 17), (300, 80), (118, 34)] {
            tell(&mut model, Event::Input(Input::Resized(size.0, size.1)));
            screen(&model);
            assert!(model.dialog.is_some());
        }
        assert_eq!(screen(&model), whole, "the view scrolls back");
    }
}

#[test]
fn a_typed_name_has_no_history_and_no_completion() {
    let mut model = flying((118, 34), asking(Step::Switch));
    press(&mut model, "A");
    press(&mut model, "prod");
    for code in [KeyCode::Up, KeyCode::Right, KeyCode::Tab, KeyCode::End] {
        press_key(&mut model, code);
    }
    let typed = |model: &Model| match model.shown::<Confirm>() {
        Some(confirm) => confirm.typed.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(typed(&model), "prod");
    let clear = KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL);
    tell(&mut model, Event::Input(Input::Key(clear)));
    assert_eq!(typed(&model), "");
    press(&mut model, "prod");
    press_key(&mut model, KeyCode::Esc);
    press(&mut model, "A");
    assert_eq!(typed(&model), "", "asked again, typed again");
}

#[test]
fn the_countdown_of_a_question_is_on_it() {
    let mut model = flying((118, 34), asking(Step::Register));
    press(&mut model, "A");
    assert!(screen(&model).contains("expires in 5:00"));
    update(&mut model, Event::Ticked, later(241));
    assert!(
        screen(&model).contains("expires in 0:59"),
        "{}",
        screen(&model)
    );
    update(&mut model, Event::Ticked, later(300));
    assert!(model.dialog.is_none());
    assert!(notice(&model).contains("expired"), "{}", notice(&model));
}
