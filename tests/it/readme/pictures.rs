//! The pictures in `fixtures/pictures` come from the sandbox of the real binary, in one promote:
//! the screen where the switch waits, its question, the log, and the same in a narrow terminal.

use std::collections::BTreeSet;

use super::{may_write, root, svg};
use crate::stories::stage::{ESC, SOON, Stage};
use crate::support::pty::Pty;

#[test]
fn the_pictures_match_the_current_screens() {
    // A short descriptive name, because the dialogs show the names of written files.
    let kept = tempfile::Builder::new()
        .prefix("sandbox-")
        .rand_bytes(3)
        .tempdir()
        .expect("a directory");
    let place = kept.path().display().to_string();
    let set = |value| ["--set", value];
    let more = [
        ["--directory", &place],
        set("operator.name=ana"),
        set("operator.host=ops-1"),
    ];
    let mut stage = Stage::with(more.as_flattened(), (118, 34));
    stage.arm_production();
    stage.begin_what_qa_runs();
    stage.register();
    stage.pty.wait_for(
        "a candidate that is registered and healthy",
        SOON,
        |screen| {
            let text = screen.contents();
            let registered = text.matches("registered").count() >= 2;
            let healthy = text.matches("● healthy").count() >= 2;
            let known = ["A approve", "lock: you", "req/s"];
            registered && healthy && known.iter().all(|word| text.contains(word))
        },
    );
    keep_picture("console", &stage.pty);

    stage.press("A", "Type production");
    stage.press("prod", "prod");
    keep_picture("confirm", &stage.pty);
    stage.pty.keys(ESC);
    stage.press("", "cancelled");
    // The notice of the answer disappears by itself.
    stage.until("the keys again", |text| text.contains("A approve"));

    // Both slots by time, on the whole screen, with the requests for orders among the lines.
    stage.press("5+o", "blue web:1.8.2 and green web:1.9.0");
    stage.pty.keys("/orders\r");
    stage.until("the hits of the search", |text| {
        text.contains("· /orders ") && text.contains("A approve")
    });
    keep_picture("logs", &stage.pty);
    stage.pty.keys(ESC);
    stage.until("the search is left", |text| !text.contains("· /orders "));
    stage.press("_1", "1 Environments");

    stage.pty.resize((80, 24));
    stage.pty.keys("2");
    stage.until("the slots alone", |text| {
        text.contains("▸2 Slots") && text.contains("switch waits") && !text.contains("┐┌▸")
    });
    keep_picture("narrow", &stage.pty);

    stage.pty.keys("q");
    stage.shows("quit after this step");
    stage.pty.keys("\x1b[B\r");
    assert!(
        stage.pty.exit_status(SOON).success(),
        "{}",
        stage.pty.screen()
    );
}

/// Writes a picture if writing is enabled; otherwise fails unless the one in the file shows the
/// same screen. The moment may differ.
fn keep_picture(name: &str, pty: &Pty) {
    let expected = pty.read_screen(svg::draw);
    let directory = root().join("fixtures/pictures");
    let file = directory.join(format!("{name}.svg"));
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    let (then, now) = (svg::text(&found), svg::text(&expected));
    if landmarks(&then) == landmarks(&now) {
        return;
    }
    assert!(
        may_write(),
        "{} is stale: `tests/readme` writes a picture of\n{now}",
        file.display()
    );
    std::fs::create_dir_all(directory).expect("a directory");
    std::fs::write(&file, expected).expect("written");
}

/// The words of a screen that stay the same: without numbers, names of instances and release ids,
/// and of the log only its title.
fn landmarks(screen: &str) -> BTreeSet<&str> {
    let (still, log) = screen.split_once("5 Logs").unwrap_or((screen, ""));
    let title = log.lines().next().unwrap_or_default();
    let footer = screen.lines().next_back().unwrap_or_default();
    let words = [still, title, footer]
        .into_iter()
        .flat_map(str::split_whitespace);
    let mut before = "";
    words
        .filter(|word| {
            // A random id may consist of letters only.
            let is_id = std::mem::replace(&mut before, word) == "Release";
            !is_id && word.len() > 3 && word.chars().all(char::is_alphabetic)
        })
        .collect()
}

#[test]
fn a_picture_of_another_screen_differs_and_one_of_another_moment_does_not() {
    let old = "┌ 2 Slots ┐\n│ healthy 2s instance 01m7yg67w7z4 │\n┌ 5 Logs ┐\nGET /\n A approve";
    let later = "┌ 2 Slots ┐\n│ healthy 9s instance 01m7yg81cv7d │\n┌ 5 Logs ┐\nPOST /\n A approve";
    assert_eq!(landmarks(old), landmarks(later));
    assert_ne!(landmarks(old), landmarks(&old.replace("healthy", "well")));
    assert_ne!(landmarks(old), landmarks(&old.replace("approve", "answer")));
    let release = |id: &str| format!("┌ Release {id} · web ┐");
    assert_eq!(
        landmarks(&release("EJADDVCA")),
        landmarks(&release("F51PWDJP"))
    );
}
