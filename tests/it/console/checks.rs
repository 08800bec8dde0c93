//! The checks pane: the list and the full page of one check.

use std::sync::Arc;
use std::time::Duration;

use crossterm::event::KeyCode;
use greenroom::checks::{CaseReport, CheckOverride, Verdict};
use greenroom::console::dialogs::Page;
use greenroom::console::event::Event;
use greenroom::console::theme::Meaning;
use greenroom::console::{Charset, Model};
use greenroom::history::Step;
use greenroom::release::{Progress, Status};

use super::world::{
    self, asking, drawn, model, operator, press, press_key, screen, tell, text, verifying,
    web_production, with_candidate,
};

fn report(name: &str, verdict: Verdict, detail: &str) -> CaseReport {
    CaseReport {
        overridden: None,
        tests: Vec::new(),
        name: name.into(),
        required: true,
        verdict,
        detail: detail.into(),
        took: Duration::from_millis(96),
        request: "GET http://127.0.0.1:32780/orders\naccept: application/json\nauthorization: \
                  (hidden)"
            .into(),
        response: if verdict == Verdict::Errored {
            String::new()
        } else {
            "HTTP 503\ncontent-type: text/plain\n\nthe price service is down".into()
        },
    }
}

/// The release whose checks ended with one failed and one without an answer.
fn failed() -> Status {
    let mut status = asking(Step::Register);
    let failed = report(
        "orders",
        Verdict::Failed,
        "status 503 instead of 200; the body does not contain `orders`",
    );
    let errored = report(
        "recommendations",
        Verdict::Errored,
        "no connection: Connection refused",
    );
    status.cases = vec![
        report("home page", Verdict::Passed, ""),
        report("login", Verdict::Passed, ""),
        failed,
        errored,
    ];
    status.progress = Progress::Choosing {
        step: Step::Verify,
        direction: greenroom::history::Direction::Forward,
        why: "1 of 4 failed".into(),
        choices: Vec::new(),
    };
    status
}

fn looking(size: (u16, u16), status: Status) -> Model {
    let mut model = model(size, with_candidate(web_production()));
    tell(&mut model, Event::ReleaseMoved(Arc::new(status)));
    model.dialog = None;
    press(&mut model, "3");
    model.notice = None;
    model
}

/// One pane of a screen, from its upper left corner to its lower right corner.
pub(super) fn cropped(shown: &str, title: &str) -> String {
    let rows: Vec<Vec<char>> = shown.lines().map(|line| line.chars().collect()).collect();
    let wanted: Vec<char> = title.chars().collect();
    let found = rows.iter().enumerate().find_map(|(row, line)| {
        let column = line.windows(wanted.len()).position(|part| part == wanted)?;
        Some((row, column.checked_sub(1)?))
    });
    let (top, left) = found.unwrap_or_else(|| panic!("no {title} on\n{shown}"));
    let right = rows[top].iter().skip(left).position(|c| *c == '┐');
    let right = left + right.expect("a corner");
    let mut kept = String::new();
    for line in &rows[top..] {
        let part: String = line.iter().take(right + 1).skip(left).collect();
        kept.push_str(part.trim_end());
        kept.push('\n');
        if line.get(left) == Some(&'└') {
            break;
        }
    }
    kept
}

fn pane(model: &Model) -> String {
    cropped(&screen(model), "▸3 Checks")
}

fn page(model: &mut Model) -> String {
    press_key(model, KeyCode::Enter);
    match model.shown::<Page>() {
        Some(page) => format!("{}\n{}\n", page.title, page.lines.join("\n")),
        other => panic!("a page, not {other:?}"),
    }
}

#[test]
fn every_check_has_a_mark_a_word_and_a_time_at_every_size() {
    let mut all = String::new();
    for size in [(118, 34), (100, 30), (80, 24)] {
        for status in [verifying(), failed()] {
            all.push_str(&pane(&looking(size, status)));
            all.push_str("\n\n");
        }
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_failed_check_opens_with_expectation_request_and_answer() {
    let mut model = looking((118, 34), failed());
    press(&mut model, "jj");
    insta::assert_snapshot!(page(&mut model));
}

#[test]
fn a_check_says_that_it_has_no_answer_or_what_it_will_request() {
    let mut model = looking((118, 34), failed());
    press(&mut model, "jjj");
    let errored = page(&mut model);
    assert!(errored.contains("no response"), "{errored}");
    assert!(
        errored.contains("no connection: Connection refused"),
        "{errored}"
    );

    let mut model = looking((118, 34), verifying());
    press(&mut model, "jjj");
    let waits = page(&mut model);
    assert!(waits.contains("not started yet"), "{waits}");
    assert!(waits.contains("request  GET /"), "{waits}");
}

#[test]
fn the_marks_of_the_verdicts_differ_without_any_colour() {
    let mono = world::theme("mono", Charset::Ascii);
    let shown = text(&drawn(&looking((118, 34), failed()), &mono));
    for words in ["+ home page", "x orders", "? recommendations"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let dark = world::theme("dark", Charset::Unicode);
    let buffer = drawn(&looking((118, 34), failed()), &dark);
    let shown = text(&buffer);
    for (words, meaning) in [("✓ home page", Meaning::Ok), ("✗ orders", Meaning::Bad)] {
        let (row, line) = shown
            .lines()
            .enumerate()
            .find(|(_, line)| line.contains(words))
            .unwrap_or_else(|| panic!("{words}: {shown}"));
        let column = line[..line.find(words).expect("found")].chars().count();
        let at = |n: usize| u16::try_from(n).expect("small");
        let cell = buffer.cell((at(column), at(row))).expect("a cell");
        assert_eq!(cell.style().fg, dark.style(meaning).fg, "{words}");
    }
}

#[test]
fn an_overridden_check_says_who_overrode_it_and_why() {
    let mut status = failed();
    status.cases[2].overridden = Some(CheckOverride {
        by: operator(),
        why: "it counts\u{1b} wrongly".into(),
    });
    let mut model = looking((118, 34), status);
    let words = format!("overridden by {}: it counts", operator());
    let shown = screen(&model);
    assert!(shown.contains("overridden…"), "{shown}");
    press(&mut model, "jj");
    let page = page(&mut model);
    assert!(page.contains(&words), "{page}");
    assert!(
        page.contains("the body does not contain `orders`"),
        "{page}"
    );
}

#[test]
fn a_hostile_answer_is_sanitized_on_its_page() {
    let hostile = "HTTP 200\nx: \u{1b}]52;c;aGk=\u{7}\n\na\u{202e}b\u{200b}";
    let mut status = failed();
    status.cases[0].response = hostile.into();
    status.cases[0].request = hostile.into();
    let mut model = looking((118, 34), status);
    let mut shown = page(&mut model);
    shown.push_str(&screen(&model));
    for c in shown.chars().filter(|c| *c != '\n') {
        let moves = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
        assert!(!c.is_control() && !moves, "{c:?} is on the screen");
    }
}

#[test]
fn a_record_of_an_older_greenroom_still_parses() {
    let old = r#"{"name":"home","required":true,"verdict":"passed","detail":"","took":{"secs":0,"nanos":1}}"#;
    let report: CaseReport = serde_json::from_str(old).expect("parses");
    assert_eq!(
        (report.request.as_str(), report.response.as_str()),
        ("", "")
    );
    assert!(
        !serde_json::to_string(&report)
            .expect("text")
            .contains("request")
    );
}
