//! The queue of pushes: its dialog, the marks in the matrix and the header, what comes next, and the versions that are
//! pushed.

use std::sync::Arc;

use crossterm::event::KeyCode;
use greenroom::console::action::Action;
use greenroom::console::dialogs::{
    DismissPush, ListVersions, OpenRelease, Picker, QueueDialog, QueueQuestion, ReadTerms, Refusal,
    ResumeChoice, ResumeDialog, RetryPush,
};
use greenroom::console::event::Event;
use greenroom::console::model::{
    CellState, Dialog, HistoryAnswer, HistoryQuestion, Mode, TextLine, cell, is_available,
};
use greenroom::console::update::ReadHistory;
use greenroom::console::{Charset, Model};
use greenroom::history::Step;
use greenroom::inventory::{
    EntryId, EntryState, Hold, Operator, Push, PushSource, QueueEntry, Retry, Snapshot,
    SourceState, Target, Tier, Watcher,
};
use greenroom::release::{self, Terms};

use super::dialogs::dialog;
use super::elsewhere::{ben, done_up_to, lock, told, watching};
use super::presence::interrupted;
use super::world::{
    PRODUCTION, ago, answered, drawn, later, model, operator, press, press_key, question_of, read,
    release_id, screen, target, tell, text, theme, verifying, version, web_production,
    with_candidate, world,
};

const SIZES: [(u16, u16); 3] = [(118, 34), (80, 24), (60, 16)];

fn here() -> Target {
    target("web", PRODUCTION)
}

/// A push of a tag by `ci`, so many seconds ago.
pub(super) fn entry(tag: &str, seconds: u64, state: EntryState) -> QueueEntry {
    let source = PushSource::Inbox("hub".into());
    let push = Push::new(
        "team/web",
        tag,
        source,
        &format!("d{seconds}"),
        ago(seconds),
    );
    let push = push.expect("a push").by(Some("ci"));
    QueueEntry::new(&here(), push).becomes(state, ago(seconds / 2))
}

pub(super) fn waiting(why: &str) -> EntryState {
    EntryState::Waiting {
        why: Some(why.into()),
    }
}

fn failed(release: u8) -> EntryState {
    EntryState::Failed {
        release: release_id(release),
        why: "1 of 4 checks failed: orders: status 500".into(),
    }
}

/// One entry of each state, the oldest first.
fn of_each_state() -> Vec<QueueEntry> {
    let mut rolling = entry(
        "develop",
        240,
        EntryState::RollingOut {
            release: release_id(2),
            agent: "agent@ci-1 17 01JD5".into(),
        },
    );
    rolling.version = Some(version("develop", "b81d77aa30"));
    let dismissed = EntryState::Dismissed {
        by: ben(),
        reason: Some("an experiment".into()),
    };
    let mut retried = entry("v1.9.1", 600, failed(3));
    retried.retried = Some(Retry {
        by: ben(),
        at: ago(500),
    });
    let newest = entry("develop", 60, waiting("held until 18:00 by ana@ops-1"));
    let skipped = EntryState::Skipped {
        for_entry: newest.id.clone(),
    };
    let refused = EntryState::Refused {
        why: "the image registry has no tag v1.9.0".into(),
    };
    let done = EntryState::Done {
        release: Some(release_id(1)),
    };
    vec![
        entry("v1.8.0", 90_000, dismissed),
        entry("v1.8.2", 7200, done),
        entry("v1.9.0", 1200, refused),
        retried,
        rolling,
        entry("develop", 200, skipped),
        entry("v2.0.0", 180, EntryState::Offered),
        newest,
    ]
}

fn agent() -> Watcher {
    Watcher {
        operator: Operator {
            name: "agent".into(),
            host: "ci-1".into(),
        },
        console: "agent@ci-1 17 01JD5".into(),
        since: ago(4 * 3600),
        is_agent: true,
    }
}

fn queued(entries: Vec<QueueEntry>) -> Snapshot {
    Snapshot {
        queue: entries,
        ..web_production()
    }
}

fn followed(entries: Vec<QueueEntry>) -> Snapshot {
    Snapshot {
        watching: vec![agent()],
        ..queued(entries)
    }
}

/// A target with so many pushes in all states.
pub(super) fn of_queue(count: usize) -> Snapshot {
    let entries = of_each_state().into_iter().cycle().take(count);
    let entries = (0..).zip(entries).map(|(number, entry)| QueueEntry {
        id: EntryId::of(&Push {
            delivery: format!("d{number}"),
            ..entry.push.clone()
        }),
        ..entry
    });
    queued(entries.collect())
}

fn opened(size: (u16, u16), snapshot: Snapshot) -> Model {
    let mut model = model(size, snapshot);
    press(&mut model, "e");
    model
}

fn under(model: &Model) -> &EntryId {
    let dialog = model.shown::<QueueDialog>().expect("the queue");
    dialog.under.as_ref().expect("an entry")
}

fn notice(model: &Model) -> &str {
    &model.notice.as_ref().expect("a notice").text
}

#[test]
fn the_list_shows_every_state_at_every_size() {
    for size in SIZES {
        let model = opened(size, followed(of_each_state()));
        let name = format!("queue_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, screen(&model));
    }
}

#[test]
fn the_details_show_all_of_a_push() {
    for size in SIZES {
        let mut model = opened(size, followed(of_each_state()));
        press(&mut model, "jjj");
        press_key(&mut model, KeyCode::Enter);
        let name = format!("queue_details_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, screen(&model));
    }
}

#[test]
fn the_question_before_a_change_names_the_push() {
    for size in SIZES {
        let mut model = opened(size, followed(of_each_state()));
        press(&mut model, "WX");
        let name = format!("queue_question_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, screen(&model));
    }
}

#[test]
fn an_ascii_queue_has_nothing_but_ascii() {
    let mut model = opened((118, 34), followed(of_each_state()));
    for _ in 0..of_each_state().len() {
        let shown = text(&drawn(&model, &theme("mono", Charset::Ascii)));
        assert!(shown.is_ascii(), "{shown}");
        press(&mut model, "j");
    }
}

#[test]
fn a_push_with_a_release_opens_the_report_of_the_release() {
    let mut model = opened((118, 34), queued(of_each_state()));
    press(&mut model, "jjjj");
    press_key(&mut model, KeyCode::Enter);
    assert!(screen(&model).contains("v1.9.1"), "{}", screen(&model));
    let effects = press_key(&mut model, KeyCode::Enter);
    let ReadHistory {
        question,
        request_id,
    } = question_of(&effects);
    assert_eq!(*question, HistoryQuestion::Releases(vec![release_id(3)]));
    assert!(model.history.is_open && model.dialog.is_none());
    // The list below the page was never read.
    let asked = ReadHistory {
        question: question.clone(),
        request_id: *request_id,
    };
    let read = answered(asked, Ok(HistoryAnswer::Releases(Vec::new())));
    let effects = tell(&mut model, read);
    let ReadHistory { question, .. } = question_of(&effects);
    assert!(matches!(question, HistoryQuestion::List { .. }));
}

#[test]
fn a_release_that_runs_is_shown_in_the_panes() {
    let mut model = opened((118, 34), queued(of_each_state()));
    let released = verifying();
    assert_eq!(released.plan.release, release_id(2));
    tell(&mut model, Event::ReleaseMoved(Arc::new(released)));
    press(&mut model, "jjj");
    press_key(&mut model, KeyCode::Enter);
    assert!(
        dialog(&model).contains("rolling out since"),
        "{}",
        dialog(&model)
    );
    press_key(&mut model, KeyCode::Enter);
    assert!(model.dialog.is_none() && !model.history.is_open);
    assert_eq!(model.open, Some(here()));
}

#[test]
fn a_push_without_a_release_says_so() {
    let mut model = opened((118, 34), queued(of_each_state()));
    press_key(&mut model, KeyCode::Enter);
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    assert_eq!(notice(&model), "this push has no release");
    press_key(&mut model, KeyCode::Esc);
    assert!(
        screen(&model).contains("pending of 8"),
        "{}",
        screen(&model)
    );
    press_key(&mut model, KeyCode::Esc);
    assert!(model.dialog.is_none());
}

#[test]
fn dismissing_asks_first_and_takes_a_reason() {
    let newest = entry("develop", 60, waiting("held"));
    let mut model = opened((118, 34), queued(vec![newest.clone()]));
    press(&mut model, "X");
    assert!(notice(&model).contains("not armed: W arms web/production"));
    press(&mut model, "WX");
    assert!(
        screen(&model).contains("Dismiss the push of develop"),
        "{}",
        screen(&model)
    );
    // The first answer changes nothing.
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    assert_eq!(notice(&model), "cancelled: nothing was changed");
    press(&mut model, "X");
    press(&mut model, "an experiment");
    press_key(&mut model, KeyCode::Down);
    let effects = press_key(&mut model, KeyCode::Enter);
    let DismissPush { target, id, reason } = question_of(&effects);
    assert_eq!((target, id), (&here(), &newest.id));
    assert_eq!(reason.as_deref(), Some("an experiment"));
    assert!(model.shown::<QueueDialog>().is_some(), "the list is shown");
    let dismissed = EntryState::Dismissed {
        by: operator(),
        reason: None,
    };
    let asked = || DismissPush {
        target: here(),
        id: newest.id.clone(),
        reason: None,
    };
    let done = Ok(newest.becomes(dismissed, ago(0)));
    tell(&mut model, answered(asked(), done));
    let words = "web/production: the push of develop is now dismissed";
    assert_eq!(notice(&model), words);
    let refused =
        release::Refusal::OfQueue(release::QueueRefusal::EntryChanging(newest.id.clone()));
    tell(&mut model, answered(asked(), Err(refused.into())));
    assert!(model.shown::<Refusal>().is_some());
}

#[test]
fn retrying_asks_first() {
    let old = entry("develop", 60, failed(3));
    let mut model = opened((118, 34), queued(vec![old.clone()]));
    press(&mut model, "WR");
    assert!(
        screen(&model).contains("even if it failed before"),
        "{}",
        screen(&model)
    );
    // A retry has no reason, so letters do nothing.
    assert!(press(&mut model, "yes").is_empty());
    press_key(&mut model, KeyCode::Tab);
    let effects = press_key(&mut model, KeyCode::Enter);
    let RetryPush { target, id } = question_of(&effects);
    assert_eq!((target, id), (&here(), &old.id));
}

#[test]
fn a_question_does_nothing_after_the_arming_has_expired() {
    let newest = entry("develop", 60, waiting("held"));
    let mut model = opened((118, 34), queued(vec![newest]));
    press(&mut model, "WX");
    press_key(&mut model, KeyCode::Down);
    model.armed = None;
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    assert!(notice(&model).contains("not armed"));
    press(&mut model, "W");
    let effects = press_key(&mut model, KeyCode::Enter);
    question_of::<DismissPush>(&effects);
}

#[test]
fn a_state_that_cannot_be_changed_says_why() {
    let rows = [
        (0, "R", "still pending: there is nothing to retry"),
        (
            1,
            "R",
            "the environment is protected: P promotes the version",
        ),
        (2, "X", "the push is skipped already"),
        (3, "X", "C takes the release over to back it out"),
        (6, "R", "the push is done: P promotes its version again"),
    ];
    for (row, key, words) in rows {
        let mut model = opened((118, 34), queued(of_each_state()));
        press(&mut model, "W");
        press(&mut model, &"j".repeat(row));
        assert!(press(&mut model, key).is_empty());
        assert!(notice(&model).contains(words), "{}", notice(&model));
        assert!(model.shown::<QueueDialog>().is_some());
    }
}

#[test]
fn a_read_only_console_changes_no_push() {
    let newest = entry("develop", 60, waiting("held"));
    let mut model = opened((118, 34), queued(vec![newest]));
    model.mode = Mode::ReadOnly;
    for keys in ["X", "WX"] {
        press(&mut model, keys);
        let words = "web/production cannot be changed: started with --read-only";
        assert_eq!(notice(&model), words);
    }
}

#[test]
fn the_cursor_stays_on_its_push_when_the_queue_changes() {
    let mut entries = of_each_state();
    let mut model = opened((80, 24), queued(entries.clone()));
    press(&mut model, "j");
    let offered = entries[6].id.clone();
    assert_eq!(*under(&model), offered);
    entries.push(entry("develop", 5, EntryState::Waiting { why: None }));
    let observed =
        |entries: &[QueueEntry]| Event::WorldObserved(Arc::new(world(queued(entries.to_vec()))));
    tell(&mut model, observed(&entries));
    press_key(&mut model, KeyCode::Enter);
    assert!(
        dialog(&model).contains("Push of v2.0.0"),
        "{}",
        dialog(&model)
    );
    // The details change with the entry, and say when the entry has left.
    entries[6].state = EntryState::Done { release: None };
    tell(&mut model, observed(&entries));
    assert!(dialog(&model).contains("done since"), "{}", dialog(&model));
    entries.remove(6);
    tell(&mut model, observed(&entries));
    assert!(dialog(&model).contains("has left the queue"));
    press(&mut model, "X");
    assert!(dialog(&model).contains("Queue of web/production"));
}

#[test]
fn many_hostile_pushes_are_shown_at_any_size() {
    let hostile = "\u{1b}[2J\u{202e}evil\u{200b}\n\t日本語".repeat(30);
    let states = of_each_state();
    let entries = (0..120_u64).map(|number| {
        let mut entry = states[usize::try_from(number).expect("small") % states.len()].clone();
        // Another program may have written the entry into the store.
        entry.push.by = Some(hostile.clone());
        entry.push.delivery.clone_from(&hostile);
        entry.push.source = PushSource::Inbox(hostile.clone());
        entry.push.received_at = ago(number);
        entry.id = EntryId::of(&Push {
            delivery: number.to_string(),
            ..entry.push.clone()
        });
        match &mut entry.state {
            EntryState::Waiting { why } => *why = Some(hostile.clone()),
            EntryState::Failed { why, .. } | EntryState::Refused { why } => {
                why.clone_from(&hostile);
            }
            EntryState::RollingOut { agent, .. } => agent.clone_from(&hostile),
            EntryState::Dismissed { by, reason } => {
                by.name.clone_from(&hostile);
                *reason = Some(hostile.clone());
            }
            _ => {}
        }
        entry
    });
    let mut snapshot = followed(entries.collect());
    snapshot.watching[0].operator.name.clone_from(&hostile);
    snapshot.sources.registry = SourceState::Connecting;
    for size in [(118, 34), (80, 24), (60, 16), (300, 80)] {
        let mut model = model(size, snapshot.clone());
        press(&mut model, "W");
        for keys in ["", "e", "G", "k", "g", "X", "", "jjj"] {
            press(&mut model, keys);
            if keys == "jjj" || keys == "X" {
                press_key(&mut model, KeyCode::Enter);
            }
            let shown = screen(&model);
            let is_hostile =
                |c: char| c != '\n' && c.is_control() || matches!(c, '\u{202e}' | '\u{200b}');
            assert!(!shown.contains(is_hostile), "{size:?}:\n{shown}");
        }
    }
}

fn state_of(snapshot: Snapshot) -> CellState {
    cell(&model((118, 34), snapshot), &here())
}

#[test]
fn a_cell_marks_a_push_that_waits_or_failed() {
    let live = |number| {
        let mut snapshot = queued(vec![entry("develop", 60, failed(3))]);
        let route = snapshot.route.as_mut().expect("a route");
        route.value.release = release_id(number);
        snapshot
    };
    assert_eq!(state_of(live(1)), CellState::PushFailed);
    assert_eq!(state_of(live(4)), CellState::Healthy, "a newer one is live");
    for (state, expected) in [
        (waiting("locked"), CellState::Queued),
        (EntryState::Offered, CellState::Queued),
        (EntryState::Done { release: None }, CellState::Healthy),
    ] {
        let entries = vec![entry("v1.9.1", 600, failed(3)), entry("develop", 60, state)];
        assert_eq!(state_of(queued(entries)), expected);
    }
    let refused = EntryState::Refused { why: "no".into() };
    let mut refused = queued(vec![entry("develop", 60, refused)]);
    let route = refused.route.as_mut().expect("a route");
    let at = |seconds| {
        let millis = ago(seconds).as_millisecond();
        let millis = u64::try_from(millis).expect("a time");
        greenroom::inventory::ReleaseId(ulid::Ulid::from_parts(millis, 0))
    };
    route.value.release = at(120);
    assert_eq!(state_of(refused.clone()), CellState::PushFailed);
    refused.route.as_mut().expect("a route").value.release = at(10);
    assert_eq!(state_of(refused), CellState::Healthy);
    // Trouble of the target itself comes first.
    let mut down = queued(vec![entry("develop", 60, waiting("locked"))]);
    down.slots.blue.probe.as_mut().expect("probed").healthy = false;
    assert_eq!(state_of(down), CellState::Failed);
}

#[test]
fn the_matrix_says_what_a_push_waits_for() {
    let entries = vec![entry("develop", 60, waiting("held until 18:00"))];
    let shown = screen(&model((118, 34), queued(entries)));
    assert!(shown.contains("1.8.2↑"), "{shown}");
    assert!(
        shown.contains("↑ web/production: queued; develop"),
        "{shown}"
    );
    assert!(shown.contains("waits: held until 18:00"), "{shown}");
    let shown = screen(&model(
        (118, 34),
        queued(vec![entry("develop", 60, failed(3))]),
    ));
    assert!(shown.contains("↶ web/production: push failed;"), "{shown}");
    assert!(shown.contains("develop failed: 1 of 4"), "{shown}");
}

fn next(snapshot: Snapshot) -> String {
    let shown = screen(&model((118, 34), snapshot));
    let next = shown.lines().find(|line| line.contains("next: "));
    let next = next.unwrap_or_else(|| panic!("nothing comes next:\n{shown}"));
    next.trim_matches(['│', ' ']).to_owned()
}

#[test]
fn a_push_comes_next() {
    let held = entry("develop", 60, waiting("held until 18:00 by ana"));
    assert_eq!(
        next(followed(vec![held.clone()])),
        "next: develop of team/web waits: held until 18:00 by ana"
    );
    assert_eq!(
        next(queued(vec![held])),
        "next: develop of team/web waits: held until 18:00 by ana; no agent is running"
    );
    let offered = entry("develop", 180, EntryState::Offered);
    let mut snapshot = queued(vec![offered]);
    assert_eq!(
        next(snapshot.clone()),
        "next: develop of team/web is wanted by ci, 3m ago, P promotes it"
    );
    snapshot.hold = Some(Hold {
        reason: "payday".into(),
        author: operator(),
        since: ago(60),
        until: Some(later(3600)),
        release: None,
        cleared: None,
    });
    let next = next(snapshot);
    let words =
        "next: develop is wanted by ci, 3m ago; no promote without an override: held by ana";
    assert!(next.starts_with(words), "{next}");
}

#[test]
fn the_header_shows_the_agents_of_the_target() {
    let header = |size, agents: usize| {
        let snapshot = Snapshot {
            watching: vec![agent(); agents],
            ..web_production()
        };
        let shown = screen(&model(size, snapshot));
        shown.lines().next().expect("a header").to_owned()
    };
    let one = header((150, 34), 1);
    assert!(one.contains("agent ● for 4h 0m"), "{one}");
    let two = header((150, 34), 2);
    assert!(two.contains("2 agents ● for 4h 0m"), "{two}");
    assert!(!header((150, 34), 0).contains("agent ●"));
    for size in [(118, 34), (80, 24), (60, 16)] {
        let narrow = header(size, 1);
        assert!(narrow.contains("PRODUCTION"), "{size:?}: {narrow}");
    }
}

#[test]
fn the_footer_names_the_key_while_a_push_needs_attention() {
    let footer = |snapshot| {
        let shown = screen(&model((118, 34), snapshot));
        shown.lines().last().expect("a footer").to_owned()
    };
    let pending = footer(queued(vec![entry("develop", 60, waiting("held"))]));
    assert!(pending.contains("e queue"), "{pending}");
    let done = EntryState::Done { release: None };
    let done = footer(queued(vec![entry("develop", 60, done)]));
    assert!(!done.contains("e queue"), "{done}");
}

#[test]
fn the_key_says_why_there_is_no_queue() {
    let mut model = model((118, 34), web_production());
    assert!(!is_available(&model, Action::Queue));
    press(&mut model, "e");
    assert_eq!(notice(&model), "no push for this target is known");
    assert!(model.dialog.is_none());
}

#[test]
fn the_key_opens_the_target_under_the_cursor() {
    let mut world = world(web_production());
    let api = target("api", PRODUCTION);
    let snapshot = world.snapshots.get_mut(&api).expect("a target");
    Arc::make_mut(snapshot).queue = vec![entry("develop", 60, waiting("held"))];
    let mut model = model((118, 34), web_production());
    tell(&mut model, Event::WorldObserved(Arc::new(world)));
    press(&mut model, "je");
    assert_eq!(model.open, Some(api));
    assert!(dialog(&model).contains("Queue of api/production"));
}

#[test]
fn the_picker_starts_on_the_pushed_version() {
    let mut offered = entry("v2.0.0", 180, EntryState::Offered);
    offered.version = Some(version("v2.0.0", "aa"));
    let older = entry("v1.9.9", 600, EntryState::Offered);
    let ended = entry("v1.9.8", 900, EntryState::Done { release: None });
    let mut model = model((118, 34), queued(vec![older, ended, offered]));
    press(&mut model, "WP");
    let tags = ["v1.9.8", "v1.9.9", "v2.0.0"].map(str::to_owned).to_vec();
    let target = here();
    tell(&mut model, answered(ListVersions { target }, Ok(tags)));
    let terms = Terms {
        rules: release::Rules::default(),
        may_write: true,
        has_health_check: true,
        past: Ok(Vec::new()),
        was_live: Box::default(),
    };
    let target = here();
    tell(&mut model, answered(ReadTerms { target }, Ok(terms)));
    let picker = model.shown::<Picker>().expect("the picker");
    let names: Vec<&str> = picker
        .version_rows
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    assert_eq!(names[..2], ["v2.0.0", "v1.9.9"], "{names:?}");
    assert_eq!(names.iter().filter(|name| **name == "v2.0.0").count(), 1);
    let chosen = picker.version_row().expect("a cursor");
    assert_eq!(chosen.name, "v2.0.0");
    let shown = screen(&model);
    assert!(shown.contains("wanted by ci, 3m ago"), "{shown}");
}

#[test]
fn the_release_of_an_agent_can_only_be_taken_over() {
    let mut of_agent = lock(2);
    of_agent.record.operator = agent().operator;
    of_agent.record.console = agent().console;
    let observed = told(Tier::Protected, done_up_to(Step::Register), Some(&of_agent));
    let mut snapshot = with_candidate(web_production());
    snapshot.watching = vec![agent()];
    let mut model = watching((118, 34), snapshot, observed);
    press(&mut model, "WX");
    assert!(
        notice(&model).contains("is driven by an agent, agent@ci-1: C takes it over"),
        "{}",
        notice(&model)
    );
    press(&mut model, "C");
    let found = interrupted(Some(of_agent), done_up_to(Step::Register));
    let found = Ok(OpenRelease::One(Arc::new(found)));
    let found = read(&model, found);
    tell(&mut model, found);
    let resume = model.shown::<ResumeDialog>().expect("the question");
    assert!(!resume.choices().contains(&ResumeChoice::Ask));
    let shown = dialog(&model);
    assert!(shown.contains("The driver is an agent"), "{shown}");
    assert!(shown.contains("take it: continue"), "{shown}");
}

/// The dialog as a list, as a page and as a question, each with the words that must be visible.
pub(super) fn cases() -> Vec<(&'static str, Box<dyn Dialog>, Vec<&'static str>)> {
    use greenroom::console::dialogs::{QueueChange, QueuePage};
    let dialog = |page| -> Box<dyn Dialog> {
        Box::new(QueueDialog {
            target: here(),
            under: None,
            row: 0,
            page,
        })
    };
    let mut reason = TextLine::default();
    reason.paste("half a reason");
    let question = QueueQuestion {
        entry: Box::new(entry("develop", 60, waiting(&"held; ".repeat(60)))),
        change: QueueChange::Dismiss,
        row: 1,
        reason,
    };
    vec![
        (
            "the queue",
            dialog(QueuePage::List),
            vec!["the queue is empty now", "Esc close"],
        ),
        (
            "a push",
            dialog(QueuePage::Details),
            vec!["the push has left the queue", "Esc back to the list"],
        ),
        (
            "a push that is dismissed",
            dialog(QueuePage::Ask(question)),
            vec!["half a reason", "dismiss it", "Enter do it", "Esc cancel"],
        ),
    ]
}
