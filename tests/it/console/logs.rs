//! The log pane: which log it shows, what it keeps when instances come and go, and how lines are
//! found.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::KeyCode;
use greenroom::checks::{Case, CaseKind, CommandCase};
use greenroom::console::Model;
use greenroom::console::effect::Effect;
use greenroom::console::event::Event;
use greenroom::console::model::{LogKind, LogSource, SavedLog};
use greenroom::history::{Outcome, Step};
use greenroom::inventory::{InstanceId, Slot, Snapshot};
use greenroom::logs::{NewLine, Origin};
use greenroom::release::{Plan, Progress, Status, StepState};
use jiff::Timestamp;

use super::world::{
    ago, answered, asking, model, now, press, press_key, question_of, screen, tell, verifying,
    web_production, with_candidate, with_standby, world,
};

const SIZE: (u16, u16) = (118, 50);

fn line(at: Timestamp, text: &str) -> NewLine {
    NewLine {
        at: Some(at),
        origin: Origin::Out,
        text: text.into(),
    }
}

/// The log source that is followed in a slot.
fn source(model: &Model, slot: Slot) -> LogSource {
    let mut followed = model.log.followed.values();
    let found =
        followed.find(|source| matches!(source, LogSource::Members { slot: s, .. } if *s == slot));
    found.cloned().expect("it is followed")
}

fn arrive(model: &mut Model, source: &LogSource, batch: Vec<NewLine>) {
    let source = source.clone();
    tell(model, Event::LogArrived { source, batch });
}

fn observed(model: &mut Model, snapshot: Snapshot) -> Vec<Effect> {
    tell(model, Event::WorldObserved(Arc::new(world(snapshot))))
}

fn followed(effects: &[Effect]) -> Vec<LogSource> {
    let followed = |effect: &Effect| match effect {
        Effect::FollowLog(source) => Some(source.clone()),
        _ => None,
    };
    effects.iter().filter_map(followed).collect()
}

/// Both slots are running, and the log pane has the keys.
fn both() -> Model {
    let mut model = model(SIZE, with_candidate(web_production()));
    press(&mut model, "5");
    model
}

/// The lines inside the pane.
fn pane(model: &Model) -> Vec<String> {
    let screen = screen(model);
    let lines: Vec<&str> = screen.lines().collect();
    let top = lines
        .iter()
        .position(|line| line.contains("5 Logs"))
        .expect("the pane");
    let inside = lines[top + 1..]
        .iter()
        .take_while(|line| line.starts_with('│'));
    inside
        .map(|line| line.trim_matches('│').trim_end().to_owned())
        .collect()
}

fn title(model: &Model) -> String {
    let screen = screen(model);
    let title = screen.lines().find(|line| line.contains("5 Logs"));
    title.expect("the pane").to_owned()
}

#[test]
fn the_log_of_the_candidate_is_shown_until_a_key_chooses_another() {
    let mut model = model(SIZE, web_production());
    assert_eq!(model.log.slot(), Some(Slot::Blue));
    let effects = observed(&mut model, with_candidate(web_production()));
    assert!(matches!(
        followed(&effects).as_slice(),
        [LogSource::Members {
            slot: Slot::Green,
            ..
        }]
    ));
    press(&mut model, "5");
    for (kind, words) in [
        (LogKind::Both, "blue web:1.8.2 and green web:1.9.0"),
        (LogKind::Proxy, "proxy of web/production"),
        (LogKind::Steps, "release steps of web/production"),
        (LogKind::Slot(Slot::Blue), "blue web:1.8.2"),
        (LogKind::Slot(Slot::Green), "green web:1.9.0"),
    ] {
        press(&mut model, "o");
        assert_eq!(model.log.kind, kind);
        assert!(title(&model).contains(words), "{}", title(&model));
    }
    // A source that was followed once stays open; nothing is opened twice.
    assert_eq!(model.log.followed.len(), 3);
    assert!(followed(&press(&mut model, "ooooo")).is_empty());
}

#[test]
fn an_empty_slot_is_skipped() {
    let mut model = model(SIZE, web_production());
    press(&mut model, "5o");
    assert_eq!(model.log.kind, LogKind::Both);
    press(&mut model, "ooo");
    assert_eq!(model.log.kind, LogKind::Slot(Slot::Blue));
}

/// A release whose ladder has a step that runs tasks, in this progress.
fn with_tasks(progress: Progress) -> Event {
    let mut status = asking(Step::Switch);
    status.progress = progress;
    let mut task = status.steps[0].clone();
    task.step = Step::BeforeSwitch;
    task.state = StepState::Pending;
    let at = status
        .steps
        .iter()
        .position(|status| status.step == Step::Switch);
    status.steps.insert(at.expect("the switch"), task);
    Event::ReleaseMoved(Arc::new(status))
}

/// A release with a check that runs a command, in this progress.
fn with_command_check(progress: Progress) -> Status {
    let mut status = verifying();
    status.progress = progress;
    let mut plan = Plan::clone(&status.plan);
    plan.definition.suite.cases.push(Case {
        name: "smoke".into(),
        kind: CaseKind::Command(CommandCase {
            hurl: None,
            command: vec!["./smoke.sh".into()],
            environment: BTreeMap::new(),
            junit: false,
        }),
        timeout: Duration::from_secs(5),
        required: true,
        retries: 0,
    });
    status.plan = Arc::new(plan);
    status
}

#[test]
fn the_output_of_checks_is_shown_while_they_run_and_after_one_failed() {
    let mut model = model(SIZE, with_candidate(web_production()));
    let moved = |progress| Event::ReleaseMoved(Arc::new(with_command_check(progress)));
    let effects = tell(&mut model, moved(Progress::Forward(Step::Verify)));
    assert_eq!(model.log.kind, LogKind::Checks);
    let sources = followed(&effects);
    let source = sources.first().expect("the checks are followed");
    let shown = title(&model);
    assert!(shown.contains("checks of web/production"), "{shown}");
    assert!(pane(&model)[0].contains("no check of web/production has written anything yet"));
    arrive(&mut model, source, vec![line(ago(1), "paying")]);
    for progress in [
        Progress::Back(Step::Start),
        Progress::Closed(Outcome::BackedOut {
            reason: "smoke failed".into(),
        }),
    ] {
        tell(&mut model, moved(progress));
        assert_eq!(model.log.kind, LogKind::Checks);
        assert!(pane(&model)[0].contains("paying"));
    }
    tell(&mut model, moved(Progress::Forward(Step::Switch)));
    assert_eq!(model.log.kind, LogKind::Slot(Slot::Green));
}

#[test]
fn a_release_with_only_requests_has_no_log_of_checks() {
    let mut model = model(SIZE, with_candidate(web_production()));
    tell(&mut model, Event::ReleaseMoved(Arc::new(verifying())));
    assert_eq!(model.log.kind, LogKind::Slot(Slot::Green));
    press(&mut model, "5");
    for _ in 0..7 {
        press(&mut model, "o");
        assert_ne!(model.log.kind, LogKind::Checks);
    }
}

fn tasks_source(model: &Model) -> LogSource {
    let mut followed = model.log.followed.values();
    let found = followed.find(|source| matches!(source, LogSource::Tasks { .. }));
    found.cloned().expect("the tasks are followed")
}

#[test]
fn the_output_of_tasks_is_shown_while_they_run() {
    let mut model = model(SIZE, with_candidate(web_production()));
    let effects = tell(
        &mut model,
        with_tasks(Progress::Forward(Step::BeforeSwitch)),
    );
    let source = tasks_source(&model);
    assert_eq!(followed(&effects), std::slice::from_ref(&source));
    assert_eq!(model.log.kind, LogKind::Tasks);
    let title_of_tasks = title(&model);
    assert!(
        title_of_tasks.contains("tasks of web/production"),
        "{title_of_tasks}"
    );
    assert!(pane(&model)[0].contains("no task of web/production has written anything yet"));
    arrive(&mut model, &source, vec![line(ago(1), "adding a column")]);
    assert!(pane(&model)[0].contains("adding a column"));
    // The candidate is more relevant when the tasks have ended.
    tell(&mut model, with_tasks(Progress::Forward(Step::Switch)));
    assert_eq!(model.log.kind, LogKind::Slot(Slot::Green));
    press(&mut model, "5oo");
    assert_eq!(model.log.kind, LogKind::Tasks);
    assert!(pane(&model)[0].contains("adding a column"));
}

#[test]
fn the_output_of_a_failed_task_stays_while_the_release_backs_out() {
    let mut model = model(SIZE, with_candidate(web_production()));
    tell(
        &mut model,
        with_tasks(Progress::Forward(Step::BeforeSwitch)),
    );
    for progress in [
        Progress::Back(Step::BeforeSwitch),
        Progress::Back(Step::Start),
        Progress::Closed(Outcome::BackedOut {
            reason: "migrate failed".into(),
        }),
    ] {
        tell(&mut model, with_tasks(progress));
        assert_eq!(model.log.kind, LogKind::Tasks);
    }
    tell(&mut model, with_tasks(Progress::Closed(Outcome::Done)));
    assert_eq!(model.log.kind, LogKind::Slot(Slot::Green));
}

#[test]
fn the_log_of_both_slots_is_sorted_by_time_and_names_the_slots() {
    let mut model = both();
    let green = source(&model, Slot::Green);
    arrive(
        &mut model,
        &green,
        vec![line(ago(9), "g9"), line(ago(5), "g5")],
    );
    press(&mut model, "o");
    let blue = source(&model, Slot::Blue);
    arrive(
        &mut model,
        &blue,
        vec![line(ago(20), "b20"), line(ago(7), "b7")],
    );
    arrive(&mut model, &green, vec![line(ago(1), "g1")]);
    arrive(&mut model, &blue, vec![line(ago(3), "b3")]);
    let words: Vec<String> = pane(&model)
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| {
            line.split_whitespace()
                .skip(1)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(
        words,
        [
            "blue b20", "green g9", "blue b7", "green g5", "blue b3", "green g1"
        ]
    );
    press(&mut model, "ooo");
    assert_eq!(model.log.kind, LogKind::Slot(Slot::Blue));
    assert_eq!(
        pane(&model)[..3]
            .iter()
            .filter(|l| l.contains(" b"))
            .count(),
        3
    );
}

#[test]
fn a_new_instance_continues_the_log_after_a_line_that_names_it() {
    let mut model = both();
    let green = source(&model, Slot::Green);
    arrive(&mut model, &green, vec![line(ago(9), "last words")]);
    // The old one disappears first, as when it is created again.
    assert!(followed(&observed(&mut model, web_production())).is_empty());
    let mut snapshot = with_candidate(web_production());
    let instance = snapshot
        .slots
        .green
        .members
        .iter_mut()
        .next()
        .expect("a candidate");
    instance.id = InstanceId("fedc".repeat(16));
    let effects = observed(&mut model, snapshot);
    let new = source(&model, Slot::Green);
    assert_eq!(followed(&effects).first(), Some(&new));
    arrive(&mut model, &new, vec![line(ago(1), "first words")]);
    arrive(&mut model, &green, vec![line(ago(1), "too late")]);
    assert_eq!(model.log.kind, LogKind::Slot(Slot::Green));
    let shown = pane(&model).join("\n");
    for words in [
        "last words",
        "the log continues with green web:1.9.0, fedcfedc",
        "first words",
    ] {
        assert!(shown.contains(words), "{words} is in\n{shown}");
    }
    assert!(!shown.contains("too late"), "{shown}");
}

#[test]
fn opening_another_target_closes_the_logs_of_the_old_one() {
    let mut model = both();
    let green = source(&model, Slot::Green);
    arrive(&mut model, &green, vec![line(ago(1), "of production")]);
    press(&mut model, "1h");
    let effects = press_key(&mut model, KeyCode::Enter);
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::LeaveLogs))
    );
    assert_eq!(followed(&effects).len(), 1);
    assert!(model.log.log().ring().is_empty());
    arrive(&mut model, &green, vec![line(ago(1), "of production")]);
    assert!(model.log.log().ring().is_empty());
}

#[test]
fn the_view_does_not_move_while_lines_arrive() {
    let mut model = model(SIZE, web_production());
    let blue = source(&model, Slot::Blue);
    let pour = |model: &mut Model, from: u32| {
        let batch = (from..from + 50).map(|n| line(now(), &format!("line {n}.")));
        arrive(model, &blue, batch.collect());
    };
    pour(&mut model, 0);
    press(&mut model, "5");
    assert!(screen(&model).contains("line 49."));
    press(&mut model, "k");
    pour(&mut model, 50);
    let shown = screen(&model);
    assert!(
        shown.contains("line 48.") && !shown.contains("line 49."),
        "{shown}"
    );
    assert!(shown.contains("paused, 51 below"), "{shown}");
    press(&mut model, "G");
    assert!(screen(&model).contains("line 99."));
    press(&mut model, "f");
    pour(&mut model, 100);
    assert!(screen(&model).contains("line 99."));
    press(&mut model, "f");
    assert!(screen(&model).contains("line 149."));
}

#[test]
fn dropped_lines_are_counted_in_the_title() {
    let mut model = both();
    let green = source(&model, Slot::Green);
    for _ in 0..30 {
        arrive(
            &mut model,
            &green,
            (0..1000).map(|n| line(now(), &n.to_string())).collect(),
        );
    }
    let title = title(&model);
    assert!(
        title.contains("30,000 lines · oldest 10,000 dropped"),
        "{title}"
    );
}

#[test]
fn a_search_jumps_while_it_is_typed_and_the_title_counts_matches() {
    let mut model = both();
    let green = source(&model, Slot::Green);
    let text = |n: u32| match n % 100 {
        7 => format!("WARN Basket {n} is cold"),
        _ => format!("INFO GET /{n}"),
    };
    arrive(
        &mut model,
        &green,
        (0..1000).map(|n| line(now(), &text(n))).collect(),
    );
    press(&mut model, "/bask");
    assert!(
        title(&model).contains("/bask 10 of 10"),
        "{}",
        title(&model)
    );
    assert!(
        pane(&model)
            .iter()
            .any(|line| line.starts_with('▸') && line.contains("Basket 907"))
    );
    press_key(&mut model, KeyCode::Enter);
    press(&mut model, "NN");
    assert!(title(&model).contains("/bask 8 of 10"), "{}", title(&model));
    assert!(screen(&model).contains("Basket 707 is cold"));
    press(&mut model, "nnn");
    assert!(title(&model).contains("/bask 1 of 10"), "{}", title(&model));
    assert!(screen(&model).contains("no newer match: continued at the oldest line"));
    press(&mut model, "/Q");
    assert!(title(&model).contains("not found"), "{}", title(&model));
    press_key(&mut model, KeyCode::Enter);
    assert!(screen(&model).contains("no shown line contains baskQ"));
}

#[test]
fn cancelling_a_search_restores_the_view() {
    let mut model = both();
    let green = source(&model, Slot::Green);
    arrive(
        &mut model,
        &green,
        (0..1000)
            .map(|n| line(now(), &format!("line {n}.")))
            .collect(),
    );
    let before = pane(&model);
    press(&mut model, "/line 3.");
    assert_ne!(pane(&model), before);
    press_key(&mut model, KeyCode::Esc);
    assert_eq!(pane(&model), before);
    assert!(title(&model).contains("following"), "{}", title(&model));
}

#[test]
fn escape_ends_the_search_then_the_filter_then_leaves_the_log() {
    let mut model = both();
    let green = source(&model, Slot::Green);
    arrive(
        &mut model,
        &green,
        (0..100)
            .map(|n| line(now(), &format!("line {n}.")))
            .collect(),
    );
    press(&mut model, "&7");
    press_key(&mut model, KeyCode::Enter);
    press(&mut model, "/77");
    press_key(&mut model, KeyCode::Enter);
    let shown = title(&model);
    assert!(shown.contains("&7 19 · /77 1 of 1"), "{shown}");
    press_key(&mut model, KeyCode::Esc);
    assert!(title(&model).contains("&7 19") && !title(&model).contains("/77"));
    press_key(&mut model, KeyCode::Esc);
    assert!(!title(&model).contains('&'));
    assert_eq!(model.focus, greenroom::console::model::Pane::Logs);
    press_key(&mut model, KeyCode::Esc);
    assert_eq!(model.focus, greenroom::console::model::Pane::Environments);
}

#[test]
fn the_search_stays_when_the_log_changes() {
    let mut model = both();
    let green = source(&model, Slot::Green);
    arrive(&mut model, &green, vec![line(ago(3), "an error in green")]);
    press(&mut model, "/error");
    press_key(&mut model, KeyCode::Enter);
    press(&mut model, "o");
    let blue = source(&model, Slot::Blue);
    arrive(&mut model, &blue, vec![line(ago(2), "an Error in blue")]);
    assert!(
        title(&model).contains("/error 2 found"),
        "{}",
        title(&model)
    );
    press(&mut model, "n");
    assert!(title(&model).contains("/error 2 of 2"), "{}", title(&model));
}

#[test]
fn a_match_far_to_the_right_is_scrolled_into_view() {
    let mut model = both();
    let green = source(&model, Slot::Green);
    let long = format!("{}needle{}", "hay ".repeat(100), " hay".repeat(100));
    arrive(
        &mut model,
        &green,
        vec![line(now(), &long), line(now(), "short")],
    );
    assert!(!screen(&model).contains("needle"));
    press(&mut model, "/needle");
    assert!(pane(&model)[0].contains("needle"), "{:?}", pane(&model));
    press_key(&mut model, KeyCode::Esc);
    press(&mut model, "w");
    let shown = pane(&model);
    assert!(
        shown
            .iter()
            .any(|line| line.contains("needle") || line.contains("short"))
    );
    assert!(!shown.iter().any(|line| line.contains('…')), "{shown:?}");
}

#[test]
fn since_cycles_and_the_title_names_the_time() {
    let mut model = both();
    let green = source(&model, Slot::Green);
    let lines = [7200, 1800, 600, 120, 30].map(|age| line(ago(age), &format!("{age}s old")));
    arrive(&mut model, &green, lines.to_vec());
    let count = |model: &Model| {
        pane(model)
            .iter()
            .filter(|line| line.contains("s old"))
            .count()
    };
    for (words, lines) in [
        ("since 14:01:11 UTC", 1),
        ("since 13:57:11 UTC", 2),
        ("since 13:47:11 UTC", 3),
        ("since 13:02:11 UTC", 4),
        ("following", 5),
    ] {
        press(&mut model, "i");
        assert!(
            title(&model).contains(words),
            "{words} in {}",
            title(&model)
        );
        assert_eq!(count(&model), lines, "{words}");
    }
}

#[test]
fn a_key_hides_and_shows_times() {
    let mut model = both();
    let green = source(&model, Slot::Green);
    arrive(&mut model, &green, vec![line(ago(1), "one")]);
    assert!(
        pane(&model)[0].starts_with(" 14:02:10.000   one"),
        "{:?}",
        pane(&model)
    );
    press(&mut model, "t");
    assert!(pane(&model)[0].starts_with("   one"), "{:?}", pane(&model));
}

#[test]
fn the_shown_lines_are_saved_and_success_or_failure_is_reported() {
    let mut model = both();
    assert!(press(&mut model, "s").is_empty());
    assert!(screen(&model).contains("nothing to save"));
    let green = source(&model, Slot::Green);
    arrive(
        &mut model,
        &green,
        (0..30)
            .map(|n| line(ago(1), &format!("line {n}.")))
            .collect(),
    );
    press(&mut model, "&3");
    press_key(&mut model, KeyCode::Enter);
    let effects = press(&mut model, "s");
    let saved: &SavedLog = question_of(&effects);
    assert_eq!(saved.name, "web.production-green-20261120T140211Z.log");
    let texts: Vec<&str> = saved.lines.iter().map(|line| &*line.text).collect();
    assert_eq!(texts, ["line 3.", "line 13.", "line 23."]);
    let place = Ok("/state/saved/web.log".into());
    tell(&mut model, answered(saved.clone(), place));
    assert!(screen(&model).contains("3 lines saved to /state/saved/web.log"));
    let place = Err("/state: no space left".into());
    tell(&mut model, answered(saved.clone(), place));
    assert!(screen(&model).contains("the log was not saved: /state: no space left"));
}

#[test]
fn the_steps_of_a_release_have_their_own_log() {
    let mut model = both();
    press(&mut model, "oo");
    press(&mut model, "o");
    assert!(
        screen(&model).contains("no release of web/production ran"),
        "{}",
        screen(&model)
    );
    tell(&mut model, Event::ReleaseMoved(Arc::new(verifying())));
    tell(&mut model, Event::ReleaseMoved(Arc::new(verifying())));
    tell(
        &mut model,
        Event::ReleaseMoved(Arc::new(asking(Step::Switch))),
    );
    insta::assert_snapshot!(pane(&model).join("\n"));
}

#[test]
fn every_mode_of_the_log_pane_is_drawn() {
    let mut model = model(SIZE, with_standby(web_production()));
    press(&mut model, "5o");
    let (blue, green) = (source(&model, Slot::Blue), source(&model, Slot::Green));
    let long = "POST /basket/77/items 500 12ms error=\"price of 日本 could not be read: store answered 503, \
                and again 503 after 2s, giving up\" items=3 customer=4711 trace=01JD4ZZZZZ";
    arrive(
        &mut model,
        &blue,
        vec![
            line(ago(8), "GET /health 200 1ms"),
            line(ago(4), "GET / 200 9ms"),
        ],
    );
    let err = NewLine {
        origin: Origin::Err,
        ..line(ago(3), "WARN basket: price cache cold")
    };
    let said = NewLine::notice("lines may be missing here: the log was re-opened");
    arrive(&mut model, &green, vec![line(ago(6), long), said, err]);
    model.notice = None;
    let mut all = String::new();
    let mut add = |model: &mut Model, keys: &str| {
        for c in keys.chars() {
            match c {
                '⏎' => press_key(model, KeyCode::Enter),
                c => press(model, &c.to_string()),
            };
        }
        let lines = pane(model).join(
            "
",
        );
        let _ = writeln!(
            all,
            "{keys}
{}
{lines}",
            title(model)
        );
    };
    add(&mut model, "");
    add(&mut model, "/ba⏎");
    add(&mut model, "w");
    add(&mut model, "&health⏎");
    add(&mut model, "t");
    insta::assert_snapshot!(all);
}
