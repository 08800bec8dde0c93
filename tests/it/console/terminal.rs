//! The real binary in a pseudo-terminal: the terminal is given back however the console ends, and
//! nothing is coloured where no colour is wanted.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::pty::Pty;

const SOON: Duration = Duration::from_secs(20);

/// What the terminal is told when the alternate screen is left, and about the cursor.
const LEFT: &str = "\u{1b}[?1049l";
const SHOWN: &str = "\u{1b}[?25h";
const HIDDEN: &str = "\u{1b}[?25l";

/// Opens the console on one target that runs nothing.
fn open(variables: &[(&str, &str)]) -> (Pty, tempfile::TempDir) {
    let home = tempfile::tempdir().expect("a directory");
    let settings = include_str!("../../../fixtures/settings/valid/sandbox.toml");
    let file = home.path().join("greenroom.toml");
    let state = home.path().join("state");
    std::fs::create_dir(&state).expect("a directory");
    std::fs::write(state.join("catalogue.json"), "[]").expect("a catalogue");
    std::fs::write(&file, settings).expect("settings");
    let file = file.to_str().expect("a path").to_owned();
    let house = home.path().to_str().expect("a path").to_owned();
    let mut all = vec![("HOME", house.as_str()), ("LC_ALL", "C.UTF-8")];
    all.extend(variables);
    let pty = Pty::greenroom(&["--config", &file], &all, (118, 34));
    pty.wait_for_text("web/dev: empty", SOON);
    (pty, home)
}

fn signal(pty: &Pty, signal: Signal) {
    let id = i32::try_from(pty.process_id()).expect("small");
    let pid = Pid::from_raw(id).expect("not zero");
    kill_process(pid, signal).expect("it is ours");
}

fn said(pty: &Pty) -> String {
    String::from_utf8_lossy(&pty.raw()).into_owned()
}

fn is_given_back(pty: &Pty) -> bool {
    let said = said(pty);
    said.contains(LEFT) && said.rfind(SHOWN) > said.rfind(HIDDEN)
}

#[test]
fn the_terminal_is_given_back_on_q() {
    let (mut pty, _home) = open(&[]);
    pty.keys("q");
    assert_eq!(pty.exit_status(SOON).exit_code(), 0, "{}", pty.screen());
    assert!(is_given_back(&pty), "{:?}", said(&pty));
}

#[test]
fn the_terminal_is_given_back_on_signals() {
    for which in [Signal::TERM, Signal::INT, Signal::HUP] {
        let (mut pty, _home) = open(&[]);
        signal(&pty, which);
        assert_eq!(pty.exit_status(SOON).exit_code(), 130, "{which:?}");
        assert!(is_given_back(&pty), "{which:?}: {:?}", said(&pty));
    }
}

#[test]
fn another_size_is_drawn_at_once_and_the_smallest_still_quits() {
    let (mut pty, _home) = open(&[]);
    pty.resize((80, 24));
    pty.wait_for_text("3 Checks  4 Registrations", SOON);
    pty.resize((20, 5));
    pty.wait_for_text("needs 60x16", SOON);
    pty.keys("q");
    assert_eq!(pty.exit_status(SOON).exit_code(), 0);
}

#[test]
fn without_colour_there_is_weight_and_no_colour() {
    let (mut pty, _home) = open(&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")]);
    let screen_is_plain = |screen: &vt100::Screen| {
        (0..34).all(|row| {
            (0..118).all(|column| {
                let cell = screen.cell(row, column);
                cell.is_none_or(|cell| {
                    cell.fgcolor() == vt100::Color::Default
                        && cell.bgcolor() == vt100::Color::Default
                })
            })
        })
    };
    pty.wait_for("no colour", SOON, screen_is_plain);
    pty.wait_for("a selection", SOON, |screen| {
        (0..34).any(|row| (0..118).any(|c| screen.cell(row, c).is_some_and(vt100::Cell::inverse)))
    });
    pty.wait_for("something bold", SOON, |screen| {
        (0..34).any(|row| (0..118).any(|c| screen.cell(row, c).is_some_and(vt100::Cell::bold)))
    });
    signal(&pty, Signal::TERM);
    pty.exit_status(SOON);
}
