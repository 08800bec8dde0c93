//! The history screen: what it shows at the sizes that matter, what its keys request from the
//! archive, and how it applies the answers.

use crossterm::event::KeyCode;
use greenroom::console::dialogs::Help;
use greenroom::console::effect::Effect;
use greenroom::console::event::Event;
use greenroom::console::model::{HistoryAnswer, HistoryQuestion, IN_TIMELINE, LISTED, Waiting};
use greenroom::console::theme::Meaning;
use greenroom::console::update::ReadHistory;
use greenroom::console::{Charset, Model};
use greenroom::history::{Difference, Filter, Item, Kept, KeptAudit, Listed, Outcome, Recorded};

use jiff::Timestamp;

use super::world::{
    self, answered, drawn, model, press, press_key, question_of, screen, tell, web_production,
};
use crate::archive::audit_records::{cleared, held, repaired};
use crate::archive::samples::{START, backed_out, by, done, open, target, version};

const WIDE: (u16, u16) = (118, 34);

/// Five releases, newest first.
fn five() -> Vec<Recorded> {
    let mut failed = backed_out(3, "verify failed: checkout said 500");
    failed.head.operator = by("ben");
    failed.head.to.1 = version("2.0.0");
    let mut other = done(2);
    other.head.target = target("wallets", "qa");
    other.head.reason = None;
    vec![open(9), done(7), failed, other, done(0)]
}

/// An answer with this many releases. A full page means that there may be more.
fn list_of(rows: Vec<Listed>) -> HistoryAnswer {
    HistoryAnswer::Listed {
        is_whole: rows.len() < LISTED,
        items: rows.into_iter().map(Item::from).collect(),
    }
}

fn listed() -> Vec<Listed> {
    let list = five().into_iter().enumerate();
    list.map(|(index, recorded)| Listed {
        head: recorded.head,
        // Another program has changed the last one's store.
        differences: u32::from(index == 4),
    })
    .collect()
}

fn question(effects: &[Effect]) -> (u64, &HistoryQuestion) {
    let read: &ReadHistory = question_of(effects);
    (read.request_id, &read.question)
}

/// The answer of the archive to the request of this number.
fn read(request_id: u64, answer: Result<HistoryAnswer, String>) -> Event {
    // The question counts only for the archive.
    let question = HistoryQuestion::Releases(Vec::new());
    let question = ReadHistory {
        request_id,
        question,
    };
    answered(question, answer)
}

fn answer(model: &mut Model, request_id: u64, answer: HistoryAnswer) {
    tell(model, read(request_id, Ok(answer)));
}

/// A console with the history open and its list loaded.
fn opened(size: (u16, u16)) -> Model {
    let mut model = model(size, web_production());
    let effects = press(&mut model, "H");
    let (request_id, _) = question(&effects);
    answer(&mut model, request_id, list_of(listed()));
    model
}

fn kept(index: usize) -> Kept {
    Kept {
        recorded: five().remove(index),
        differences: Vec::new(),
        logs: Vec::new(),
    }
}

fn notice(model: &Model) -> &str {
    model.notice.as_ref().map_or("", |notice| &notice.text)
}

#[test]
fn the_table_at_118_by_34() {
    let mut model = opened(WIDE);
    press(&mut model, "j ");
    insta::assert_snapshot!(screen(&model));
}

#[test]
fn the_table_at_80_by_24_and_at_60_by_16() {
    let both = [(80, 24), (60, 16)].map(|size| screen(&opened(size)));
    insta::assert_snapshot!(both.concat());
}

#[test]
fn one_release_and_two_of_them_at_80_by_24() {
    let mut model = opened((80, 24));
    press(&mut model, "jj");
    let effects = press_key(&mut model, KeyCode::Enter);
    let (request_id, question_asked) = question(&effects);
    assert_eq!(
        *question_asked,
        HistoryQuestion::Releases(vec![five()[2].head.id])
    );
    answer(
        &mut model,
        request_id,
        HistoryAnswer::Releases(vec![kept(2)]),
    );
    let details = screen(&model);
    press_key(&mut model, KeyCode::Esc);
    assert!(model.history.is_open && model.history.page.is_none());

    // The newer one was marked first; the older one is the left side.
    press(&mut model, "k j ");
    let effects = press(&mut model, "c");
    let (request_id, question_asked) = question(&effects);
    let ids = vec![five()[2].head.id, five()[1].head.id];
    assert_eq!(*question_asked, HistoryQuestion::Releases(ids));
    answer(
        &mut model,
        request_id,
        HistoryAnswer::Releases(vec![kept(2), kept(1)]),
    );
    model.notice = None;
    insta::assert_snapshot!(details + &screen(&model));
}

#[test]
fn the_timeline_of_the_environment_under_the_cursor() {
    let mut model = opened(WIDE);
    press(&mut model, "j");
    let effects = press(&mut model, "t");
    let (request_id, question_asked) = question(&effects);
    let filter = Filter {
        environment: Some("production".into()),
        ..Filter::default()
    };
    let wanted = HistoryQuestion::List {
        filter,
        before: None,
        limit: IN_TIMELINE,
    };
    assert_eq!(*question_asked, wanted);
    answer(&mut model, request_id, list_of(listed()));
    insta::assert_snapshot!(screen(&model));
}

#[test]
fn past_failures_are_named_without_an_alarm_colour() {
    let model = opened(WIDE);
    let theme = world::theme("dark", Charset::Unicode);
    let buffer = drawn(&model, &theme);
    let shown = world::text(&buffer);
    let row = shown
        .lines()
        .position(|line| line.contains("2.0.0"))
        .expect("a row");
    let (width, row) = (usize::from(buffer.area.width), row);
    let bad = theme.style(Meaning::Bad).fg;
    let muted = theme.style(Meaning::Muted).fg;
    let styles = buffer.content()[row * width..(row + 1) * width].iter();
    let colours: Vec<_> = styles
        .filter(|cell| cell.symbol() != " ")
        .map(|cell| cell.fg)
        .collect();
    assert!(colours.iter().all(|fg| Some(*fg) != bad), "{colours:?}");
    assert!(colours.iter().any(|fg| Some(*fg) == muted), "{colours:?}");
    assert!(shown.contains("\u{2717} backed out"), "{shown}");
}

#[test]
fn every_typed_letter_filters_and_only_the_last_answer_counts() {
    let mut model = opened(WIDE);
    press(&mut model, "/");
    let first = press(&mut model, "outcome:faile");
    assert!(
        model
            .history
            .filter_error
            .as_ref()
            .is_some_and(|said| said.contains("is not an outcome"))
    );
    let early = first.iter().find_map(Effect::question::<ReadHistory>);
    let early = early.expect("a question").request_id;
    let effects = press(&mut model, "d");
    let (request_id, question_asked) = question(&effects);
    let wanted = HistoryQuestion::List {
        filter: Filter::parse("outcome:failed", world::now()).expect("a filter"),
        before: None,
        limit: LISTED,
    };
    assert_eq!(*question_asked, wanted);
    assert_eq!(model.history.filter_error, None);
    // The previous list stays until the answer arrives.
    assert_eq!(model.history.rows.len(), 5);
    answer(&mut model, early, list_of(Vec::new()));
    assert_eq!(model.history.rows.len(), 5);
    answer(&mut model, request_id, list_of(vec![listed().remove(2)]));
    assert_eq!(model.history.rows.len(), 1);
    press_key(&mut model, KeyCode::Enter);
    assert!(screen(&model).contains("outcome:failed"));
    // The filter is kept when the history is closed and opened again.
    press_key(&mut model, KeyCode::Esc);
    assert!(!model.history.is_open);
    let effects = press(&mut model, "H");
    assert_eq!(*question(&effects).1, wanted);
    press(&mut model, "/");
    let effects = press_key(&mut model, KeyCode::Esc);
    let (_, question_asked) = question(&effects);
    assert!(
        matches!(question_asked, HistoryQuestion::List { filter, .. } if *filter == Filter::default())
    );
}

#[test]
fn the_next_page_is_requested_near_the_end_of_the_list() {
    let mut model = model(WIDE, web_production());
    let effects = press(&mut model, "H");
    let (request_id, _) = question(&effects);
    let row = listed().remove(1);
    let full = vec![row; LISTED];
    answer(&mut model, request_id, list_of(full.clone()));
    assert_eq!(press(&mut model, "j").len(), 0);
    let effects = press(&mut model, "G");
    let (request_id, question_asked) = question(&effects);
    let before = full.last().map(|last| last.head.id);
    assert!(
        matches!(question_asked, HistoryQuestion::List { before: from, .. } if *from == before)
    );
    // It is not requested twice while it is loading.
    assert_eq!(press(&mut model, "k").len(), 0);
    answer(&mut model, request_id, list_of(listed()));
    assert_eq!(model.history.rows.len(), LISTED + 5);
    assert!(model.history.is_whole);
    assert_eq!(press(&mut model, "G").len(), 0);
}

#[test]
fn an_unreadable_archive_is_reported_and_esc_returns_to_the_panes() {
    let mut model = model(WIDE, web_production());
    let panes = screen(&model);
    let effects = press(&mut model, "H");
    let (request_id, _) = question(&effects);
    let answer = Err("the archive at x: the disk \u{1b}[2Jis gone".to_owned());
    tell(&mut model, read(request_id, answer));
    let shown = screen(&model);
    assert!(
        shown.contains("the history cannot be read: the archive at x: the disk is gone"),
        "{shown}"
    );
    press_key(&mut model, KeyCode::Esc);
    assert_eq!(screen(&model), panes);
}

#[test]
fn nothing_is_changed_from_the_history() {
    let mut model = opened(WIDE);
    let before = model.armed.clone();
    for key in ["P", "A", "X", "R", "S", "U", "C", "W", "1", "+", "f"] {
        assert_eq!(press(&mut model, key).len(), 0, "{key}");
        assert!(model.dialog.is_none(), "{key}");
        assert_eq!(model.armed, before, "{key}");
        assert!(!notice(&model).is_empty(), "{key}");
    }
    assert!(model.history.is_open);
    press(&mut model, "?");
    assert!(model.shown::<Help>().is_some());
}

#[test]
fn marking_a_third_release_unmarks_the_first() {
    let mut model = opened(WIDE);
    assert_eq!(press(&mut model, "c").len(), 0);
    assert!(notice(&model).contains("with Space"), "{}", notice(&model));
    press(&mut model, " j j ");
    let ids: Vec<_> = five().iter().map(|one| one.head.id).collect();
    assert_eq!(model.history.marked, ids[1..3]);
    press(&mut model, " ");
    assert_eq!(model.history.marked, ids[1..2]);
}

#[test]
fn keys_of_the_history_say_on_other_screens_where_they_work() {
    let mut model = model(WIDE, web_production());
    // Its keys do nothing on the panes.
    press(&mut model, "c");
    assert!(
        notice(&model).contains("does nothing now"),
        "{}",
        notice(&model)
    );
    // In the palette they say where they work.
    press(&mut model, ":timeline");
    press_key(&mut model, KeyCode::Enter);
    assert!(
        notice(&model).contains("H opens the history"),
        "{}",
        notice(&model)
    );
    press(&mut model, ":history");
    let effects = press_key(&mut model, KeyCode::Enter);
    question(&effects);
    assert_eq!(model.history.waiting, Some(Waiting::List));
    assert!(screen(&model).contains("reading"));
}

#[test]
fn hostile_records_are_sanitized_on_every_page() {
    let mut model = opened(WIDE);
    let mut bad = kept(1);
    bad.recorded.head.reason = Some("a\u{1b}[2J\u{202e}b\nc".into());
    bad.recorded.head.operator = by("\u{9b}31mana");
    bad.recorded.head.closed = Some((
        bad.recorded.head.opened_at,
        Outcome::Left {
            reason: "\u{7}x\u{200b}".into(),
        },
    ));
    let row = Listed {
        head: bad.recorded.head.clone(),
        differences: 0,
    };
    model.history.rows = vec![row.into()];
    model.history.row = 0;
    let table = screen(&model);
    let effects = press_key(&mut model, KeyCode::Enter);
    let (request_id, _) = question(&effects);
    answer(&mut model, request_id, HistoryAnswer::Releases(vec![bad]));
    for shown in [table, screen(&model)] {
        let is_bad = |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{200b}".contains(c));
        assert!(!shown.contains(is_bad), "{shown:?}");
    }
}

/// Records of other programs may contain nothing but blanks, more than fit on any screen.
#[test]
fn a_line_of_blanks_is_drawn() {
    let mut model = opened(WIDE);
    let effects = press_key(&mut model, KeyCode::Enter);
    let (request_id, _) = question(&effects);
    let mut bad = kept(1);
    bad.recorded.head.reason = Some(" ".repeat(70_000));
    answer(&mut model, request_id, HistoryAnswer::Releases(vec![bad]));
    let sheet = model.history.page.as_mut().expect("a sheet");
    sheet.lines[0].text = " ".repeat(70_000) + "x";
    assert!(screen(&model).contains('x'));
}

#[test]
fn a_page_no_longer_wanted_does_not_open_and_a_failed_one_keeps_the_list() {
    let mut model = opened(WIDE);
    let effects = press_key(&mut model, KeyCode::Enter);
    let (request_id, _) = question(&effects);
    press(&mut model, "H");
    answer(
        &mut model,
        request_id,
        HistoryAnswer::Releases(vec![kept(1)]),
    );
    assert!(model.history.page.is_none());

    let effects = press(&mut model, "H");
    let (request_id, _) = question(&effects);
    // The previous rows stay until the answer arrives.
    assert!(press(&mut model, "t").is_empty());
    assert!(notice(&model).contains("being read"), "{}", notice(&model));
    answer(&mut model, request_id, list_of(listed()));

    let effects = press_key(&mut model, KeyCode::Enter);
    let (request_id, _) = question(&effects);
    let garbled = Err("it is garbled\u{1b}[2J".to_owned());
    tell(&mut model, read(request_id, garbled));
    assert!(
        notice(&model).contains("it is garbled"),
        "{}",
        notice(&model)
    );
    assert!(!screen(&model).contains("cannot be read"));
}

#[test]
fn enter_while_the_list_loads_opens_its_first_row() {
    let arrive = |model: &mut Model, request_id: u64, rows: Vec<Listed>| {
        tell(model, read(request_id, Ok(list_of(rows))))
    };
    let mut model = opened((118, 34));
    press(&mut model, "/");
    let (request_id, _) = question(&press(&mut model, "b"));
    press_key(&mut model, KeyCode::Enter);
    assert!(press_key(&mut model, KeyCode::Enter).is_empty());
    let effects = arrive(&mut model, request_id, listed());
    let (_, asks) = question(&effects);
    assert!(matches!(asks, HistoryQuestion::Releases(ids) if ids.len() == 1));

    // Nothing opens when the list is empty or when the operator has left the history meanwhile.
    for (rows, moves) in [(Vec::new(), false), (listed(), true)] {
        let mut model = opened((118, 34));
        press(&mut model, "/");
        let (request_id, _) = question(&press(&mut model, "b"));
        press_key(&mut model, KeyCode::Enter);
        press_key(&mut model, KeyCode::Enter);
        if moves {
            press_key(&mut model, KeyCode::Down);
        }
        assert!(arrive(&mut model, request_id, rows).is_empty(), "{moves}");
    }
}

/// The same list with a hold that was cleared (and that another program has changed in its store
/// since), a hold in force, and a repair.
fn with_audit_records() -> Vec<Item> {
    let newest = listed().remove(0).head.opened_at;
    let start = Timestamp::from_second(START).expect("a time");
    let minute = |before: i64| {
        let second = newest.as_second() - before - start.as_second();
        u32::try_from(second / 60).expect("after the start")
    };
    let over = held(minute(180), "payday");
    let audit_records = vec![
        held(minute(-60), "the shop is being moved"),
        repaired(minute(60)),
        cleared(&over, minute(120)),
    ];
    let mut audit_records: Vec<KeptAudit> = audit_records
        .into_iter()
        .map(|record| KeptAudit {
            record,
            differences: Vec::new(),
        })
        .collect();
    audit_records[2].differences.push(Difference {
        noticed_at: newest,
        what: "the hold".into(),
        kept: "{\"why\":\"paid out\"}".into(),
        found: "{\"why\":\"\u{1b}[2Jnever mind\"}".into(),
    });
    greenroom::history::merged(listed(), audit_records)
}

#[test]
fn holds_and_repairs_are_listed_between_the_releases() {
    for size in [WIDE, (80, 24)] {
        let mut model = model(size, web_production());
        let (request_id, _) = question(&press(&mut model, "H"));
        let items = with_audit_records();
        let is_whole = true;
        let listed = HistoryAnswer::Listed { items, is_whole };
        answer(&mut model, request_id, listed);
        insta::assert_snapshot!(
            format!("audit_records_{}x{}", size.0, size.1),
            screen(&model)
        );
        // Nothing is requested from the archive: the row has everything.
        assert!(press_key(&mut model, KeyCode::Enter).is_empty());
        assert!(
            screen(&model).contains("until    an operator clears it"),
            "{}",
            screen(&model)
        );
        press_key(&mut model, KeyCode::Enter);
        press(&mut model, " ");
        assert!(
            notice(&model).contains("only a release in the list can be marked"),
            "{}",
            notice(&model)
        );
        let effects = press(&mut model, "y");
        assert!(
            matches!(effects.as_slice(), [Effect::Copy(_)]),
            "{effects:?}"
        );
        assert!(notice(&model).contains("the id of the hold"));
    }
}

#[test]
fn a_repair_and_a_cleared_hold_open_with_all_their_details() {
    let mut model = model(WIDE, web_production());
    let (request_id, _) = question(&press(&mut model, "H"));
    let items = with_audit_records();
    let is_audit = |item: &Item| item.release().is_none();
    let rows: Vec<usize> = (0..items.len())
        .filter(|at| is_audit(&items[*at]))
        .collect();
    let listed = HistoryAnswer::Listed {
        items,
        is_whole: true,
    };
    answer(&mut model, request_id, listed);
    for (row, name) in rows[1..].iter().zip(["repair", "cleared"]) {
        model.history.row = *row;
        press_key(&mut model, KeyCode::Enter);
        insta::assert_snapshot!(format!("audit_records_{name}"), screen(&model));
        press_key(&mut model, KeyCode::Enter);
    }
    let (request_id, _) = question(&press(&mut model, "t"));
    let listed = HistoryAnswer::Listed {
        items: with_audit_records(),
        is_whole: false,
    };
    answer(&mut model, request_id, listed);
    let shown = screen(&model);
    assert!(shown.contains("cleared: payday; cleared by ben"), "{shown}");
}

#[test]
fn an_unwritable_archive_is_reported_once() {
    let mut model = opened(WIDE);
    let why = || "the archive at /x: opening it: \u{1b}[2Jread-only".to_owned();
    let not_kept = || Event::HistoryNotKept { why: why() };
    assert!(tell(&mut model, not_kept()).is_empty());
    let notice = model.notice.take().expect("a notice");
    let message =
        "the history on this machine cannot be updated: the archive at /x: opening it: read-only";
    assert_eq!(notice.text, message);
    assert_eq!(model.remarks, [message]);
    tell(&mut model, not_kept());
    assert!(model.notice.is_none() && model.remarks.len() == 1);
}

#[test]
fn new_records_appear_in_the_open_history_and_the_cursor_stays() {
    let mut model = opened(WIDE);
    press(&mut model, "j");
    let under = |model: &Model| model.history.under_cursor().map(Item::id);
    let was = under(&model);
    let effects = tell(&mut model, Event::HistoryKept);
    let (request_id, question_asked) = question(&effects);
    assert!(matches!(
        question_asked,
        HistoryQuestion::List { before: None, .. }
    ));
    // While one request runs, at most one more follows, however often records are archived.
    assert!(tell(&mut model, Event::HistoryKept).is_empty());
    assert!(tell(&mut model, Event::HistoryKept).is_empty());
    let mut more = listed();
    more.insert(
        0,
        Listed {
            head: open(60 * 24 * 30).head,
            differences: 0,
        },
    );
    let newest = more[0].head.id;
    let effects = tell(&mut model, read(request_id, Ok(list_of(more.clone()))));
    assert_eq!(model.history.rows[0].id(), newest);
    assert_eq!(under(&model), was);
    let (request_id, _) = question(&effects);
    answer(&mut model, request_id, list_of(more));
    assert_eq!(model.history.waiting, None);

    // The open page stays, and nothing is requested while the history is closed.
    let (reading, _) = question(&press_key(&mut model, KeyCode::Enter));
    assert!(
        tell(&mut model, Event::HistoryKept).is_empty(),
        "the open request comes first"
    );
    let releases = Ok(HistoryAnswer::Releases(vec![kept(1)]));
    let (request_id, _) = question(&tell(&mut model, read(reading, releases)));
    assert!(model.history.page.is_some());
    answer(&mut model, request_id, list_of(listed()));
    assert!(model.history.page.is_some());
    press(&mut model, "H");
    assert!(tell(&mut model, Event::HistoryKept).is_empty());
}
