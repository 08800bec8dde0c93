//! The pictures in the README are taken from the sandbox of the real binary, in one promotion: the
//! screen where the switch waits, its question, the log, and the same in a narrow terminal.

use std::collections::BTreeSet;

use super::keep_fresh;
use crate::stories::stage::{ESC, SOON, Stage};

#[test]
fn the_pictures_are_of_the_screens_as_they_are() {
    // A name that is short and says what it is: the questions name the files that are written.
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
    keep_picture("main", &stage.pty.screen());

    stage.press("A", "Type production");
    stage.press("prod", "prod");
    keep_picture("confirm", &stage.pty.screen());
    stage.pty.keys(ESC);
    stage.press("", "cancelled");
    // What was answered goes away by itself.
    stage.until("the keys again", |text| text.contains("A approve"));

    // Both slots by time, the whole screen, and the orders among the lines.
    stage.press("5+o", "blue web:1.8.2 and green web:1.9.0");
    stage.pty.keys("/orders\r");
    stage.until("what was found", |text| {
        text.contains("· /orders ") && text.contains("A approve")
    });
    keep_picture("logs", &stage.pty.screen());
    stage.pty.keys(ESC);
    stage.until("the search is left", |text| !text.contains("· /orders "));
    stage.press("_1", "1 Environments");

    stage.pty.resize((80, 24));
    stage.pty.keys("2");
    stage.until("the slots alone", |text| {
        text.contains("▸2 Slots") && text.contains("switch waits") && !text.contains("┐┌▸")
    });
    keep_picture("narrow", &stage.pty.screen());

    stage.pty.keys("q");
    stage.shows("leave after the current step");
    stage.pty.keys("\x1b[B\r");
    assert!(
        stage.pty.exit_status(SOON).success(),
        "{}",
        stage.pty.screen()
    );
}

/// Keeps a picture, unless only the moment is another.
fn keep_picture(name: &str, screen: &str) {
    let lines: Vec<&str> = screen.lines().map(str::trim_end).collect();
    let expected = format!("```text\n{}\n```", lines.join("\n").trim_end());
    keep_fresh(&format!("picture: {name}"), &expected, |found| {
        landmarks(found) == landmarks(&expected)
    });
}

/// The words of a screen that do not change from one moment to the next: no numbers, no names of
/// instances, nothing of the log but its title.
fn landmarks(screen: &str) -> BTreeSet<&str> {
    let (still, log) = screen.split_once("5 Logs").unwrap_or((screen, ""));
    let title = log.lines().next().unwrap_or_default();
    let footer = screen.lines().rev().nth(1).unwrap_or_default();
    [still, title, footer]
        .into_iter()
        .flat_map(str::split_whitespace)
        .filter(|word| word.len() > 3 && word.chars().all(char::is_alphabetic))
        .collect()
}

#[test]
fn a_picture_of_another_screen_is_told_from_one_of_another_moment() {
    let old =
        "┌ 2 Slots ┐\n│ healthy 2s instance 01m7yg67w7z4 │\n┌ 5 Logs ┐\nGET /\n A approve\n```";
    let later =
        "┌ 2 Slots ┐\n│ healthy 9s instance 01m7yg81cv7d │\n┌ 5 Logs ┐\nPOST /\n A approve\n```";
    assert_eq!(landmarks(old), landmarks(later));
    assert_ne!(landmarks(old), landmarks(&old.replace("healthy", "well")));
    assert_ne!(landmarks(old), landmarks(&old.replace("approve", "answer")));
}
