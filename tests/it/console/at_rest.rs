//! What the screen shows of a target without a running release. No pane is empty only because
//! nothing has happened since the console was opened.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::KeyCode;
use greenroom::checks::{CaseReport, Verdict};
use greenroom::console::Model;
use greenroom::console::dialogs::Page;
use greenroom::console::event::{Event, Input};
use greenroom::console::model::{HistoryAnswer, HistoryQuestion, Mode, Pane};
use greenroom::console::update::ReadTimeline;
use greenroom::history::{Filter, Item, Listed, Outcome, Step};
use greenroom::inventory::{Hold, Slot, Snapshot};
use greenroom::release::{LiveChecks, Observed};

use super::checks::cropped;
use super::elsewhere::{closed, done_up_to, tell_of, told_up_to};
use super::world::{
    self, ago, answered, later, model, operator, press_key, question_of, release_id, screen, tell,
    verifying, web_production, with_candidate,
};
use crate::archive::samples::{done, target};
use crate::support::edge;

const WIDE: (u16, u16) = (118, 34);
const NARROW: (u16, u16) = (80, 24);

fn case(name: &str) -> CaseReport {
    CaseReport {
        overridden: None,
        tests: Vec::new(),
        name: name.into(),
        required: true,
        verdict: Verdict::Passed,
        detail: String::new(),
        took: Duration::from_millis(31),
        request: String::new(),
        response: String::new(),
    }
}

/// The last release was backed out. The one before, eight minutes ago, made the live version live.
fn backed_out(live: &str, fill: &str) -> Observed {
    let reason = "1 of 2 checks failed".to_owned();
    let mut told = closed(done_up_to(Step::Register), Outcome::BackedOut { reason });
    told.live_checks = Some(Arc::new(LiveChecks {
        generation: 41,
        release: release_id(1),
        version: world::version(live, fill),
        slot: Slot::Blue,
        at: Some(ago(8 * 60)),
        cases: vec![case("health"), case("basket"), case("search")],
    }));
    told
}

fn at_rest(size: (u16, u16), snapshot: Snapshot, told: Observed) -> Model {
    let mut model = model(size, snapshot);
    tell_of(&mut model, told);
    model.notice = None;
    model
}

/// Another console has released; this one was opened later.
fn after_a_failed_promote(size: (u16, u16)) -> Model {
    at_rest(size, web_production(), backed_out("1.8.2", "4f2a9c01e7"))
}

#[test]
fn checks_show_the_live_version_with_their_age_and_release() {
    let mut model = after_a_failed_promote(WIDE);
    let pane = cropped(&screen(&model), "3 Checks");
    for words in [
        "live 1.8.2 · 3 passed 8m ago",
        "health",
        "basket",
        "search",
        "by release 00000001",
    ] {
        assert!(pane.contains(words), "{words}:\n{pane}");
    }
    // The failed candidate had other checks.
    assert!(!pane.contains("home page"), "{pane}");
    model.focus = Pane::Checks;
    press_key(&mut model, KeyCode::Enter);
    let Some(details) = model.shown::<Page>() else {
        panic!("a page, not {:?}", model.dialog);
    };
    let lines = details.lines.join("\n");
    assert!(lines.contains("1.8.2"), "{lines}");
    assert!(lines.contains("in blue"), "{lines}");
}

#[test]
fn checks_of_another_version_are_not_shown_for_the_live_one() {
    let told = backed_out("1.8.1", "0000000000");
    let pane = cropped(&screen(&at_rest(WIDE, web_production(), told)), "3 Checks");
    let words = "no checks of 1.8.2 were found";
    assert!(pane.contains(words), "{pane}");
}

#[test]
fn the_checks_of_a_candidate_come_before_those_of_the_live_version() {
    let mut model = after_a_failed_promote(WIDE);
    let mut status = verifying();
    let plan = Arc::make_mut(&mut status.plan);
    plan.release = release_id(3);
    tell(&mut model, Event::ReleaseMoved(Arc::new(status)));
    let pane = cropped(&screen(&model), "3 Checks");
    assert!(pane.contains("b81d77aa30"), "{pane}");
    assert!(!pane.contains("live 1.8.2"), "{pane}");
}

#[test]
fn the_last_release_says_how_it_ended_by_whom_why_and_when() {
    let shown = screen(&after_a_failed_promote(WIDE));
    for words in [
        "web 1.8.2 → 1.9.0",
        "\"fix basket rounding\"",
        "ben@ops-2",
        "backed out just now: 1 of 2 checks failed",
        "✓ verify 2.0s",
    ] {
        assert!(shown.contains(words), "{words}:\n{shown}");
    }
}

fn next(snapshot: Snapshot) -> String {
    let told = backed_out("1.8.2", "4f2a9c01e7");
    next_on(&at_rest(WIDE, snapshot, told))
}

fn next_on(model: &Model) -> String {
    let shown = screen(model);
    let next = shown.lines().find(|line| line.contains("│ next: "));
    let next = next.unwrap_or_else(|| panic!("nothing comes next:\n{shown}"));
    next.trim_matches(['│', ' ']).to_owned()
}

#[test]
fn next_is_a_hold_or_a_version_of_the_previous_environment() {
    assert_eq!(
        next(web_production()),
        "next: 1.9.0 is live in qa, P promotes it"
    );
    let mut held = web_production();
    held.hold = Some(Hold {
        reason: "payday".into(),
        author: operator(),
        since: ago(60),
        until: Some(later(3600)),
        release: None,
        cleared: None,
    });
    let held = next(held);
    assert!(
        held.contains("no promote without an override: held by ana@ops-1: payday"),
        "{held}"
    );
}

#[test]
fn a_read_only_console_names_no_key_that_changes_the_target() {
    let next_read_only = |snapshot| {
        let told = backed_out("1.8.2", "4f2a9c01e7");
        let mut model = at_rest(WIDE, snapshot, told);
        model.mode = Mode::ReadOnly;
        next_on(&model)
    };
    assert_eq!(
        next_read_only(web_production()),
        "next: 1.9.0 is live in qa"
    );

    let mut down = web_production();
    let public = edge(&mut down.edges)
        .public
        .as_mut()
        .expect("a public answer");
    public.status = Some(502);
    assert!(down.outage().is_some(), "{down:?}");
    assert!(next(down.clone()).contains("plans a repair"));
    let said = next_read_only(down);
    assert!(!said.contains("plans a repair"), "{said}");
    assert!(!said.contains("rolls back"), "{said}");
}

#[test]
fn a_narrow_screen_at_rest_shows_the_environments_and_the_last_release() {
    let model = after_a_failed_promote(NARROW);
    assert_eq!(model.focus, Pane::Environments);
    let shown = screen(&model);
    let rows: Vec<&str> = shown.lines().collect();
    let line = rows[rows.len() - 2];
    let words = " ↶ backed out 1.9.0 just now by ben@ops-2 · next: 1.9.0 is live in qa";
    assert!(line.starts_with(words), "{shown}");
    assert!(rows[rows.len() - 3].starts_with('└'), "{shown}");
}

#[test]
fn a_narrow_screen_turns_to_the_slots_during_a_release() {
    // The release is already running when the console opens.
    let mut opened = model(NARROW, with_candidate(web_production()));
    tell_of(&mut opened, told_up_to(Step::Register));
    assert_eq!(opened.focus, Pane::Slots);
    // The release starts while the console is open.
    let mut started = after_a_failed_promote(NARROW);
    let mut status = verifying();
    Arc::make_mut(&mut status.plan).release = release_id(3);
    tell(&mut started, Event::ReleaseMoved(Arc::new(status)));
    assert_eq!(started.focus, Pane::Slots);
    // A larger screen shows both.
    let mut wide = model(WIDE, with_candidate(web_production()));
    tell_of(&mut wide, told_up_to(Step::Register));
    assert_eq!(wide.focus, Pane::Environments);
}

#[test]
fn a_large_screen_shows_the_timeline_of_the_target_in_its_spare_rows() {
    let mut model = after_a_failed_promote(WIDE);
    let effects = tell(&mut model, Event::Input(Input::Resized(118, 64)));
    let ReadTimeline {
        target: of,
        question,
    } = question_of(&effects);
    assert_eq!(*of, target("web", "production"));
    let filter = Filter {
        service: Some("web".into()),
        environment: Some("production".into()),
        ..Filter::default()
    };
    let is_asked =
        matches!(question, HistoryQuestion::List { filter: asked, .. } if *asked == filter);
    assert!(is_asked, "{question:?}");
    let items = [done(7), done(0)].map(|recorded| {
        Item::from(Listed {
            head: recorded.head,
            differences: 0,
        })
    });
    let answer = Ok(HistoryAnswer::Listed {
        items: items.into(),
        is_whole: true,
    });
    let asked = ReadTimeline {
        target: of.clone(),
        question: question.clone(),
    };
    let read = answered(asked, answer);
    // The console asks once, and again when a release was archived.
    assert!(tell(&mut model, read).is_empty());
    let again = tell(&mut model, Event::HistoryKept);
    question_of::<ReadTimeline>(&again);
    let shown = screen(&model);
    for words in [
        "became live last, at 00:08:00 UTC",
        "was live for 7m, from 00:01:00 UTC to 00:08:00 UTC",
    ] {
        assert!(shown.contains(words), "{words}:\n{shown}");
    }
}
