//! The real binary in a pseudo-terminal: it restores the terminal however it ends, and writes no
//! colour where none is wanted.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::pty::Pty;

const SOON: Duration = Duration::from_secs(20);

/// Control sequences that leave the alternate screen and show the cursor.
const LEFT: &str = "\u{1b}[?1049l";
const SHOWN: &str = "\u{1b}[?25h";
const HIDDEN: &str = "\u{1b}[?25l";

/// A configuration of one target that runs nothing, in a directory of its own.
fn configuration(before: &str) -> (String, tempfile::TempDir) {
    let home = tempfile::tempdir().expect("a directory");
    let settings = include_str!("../../../fixtures/settings/valid/sandbox.toml");
    let file = home.path().join("greenroom.toml");
    let state = home.path().join("state");
    std::fs::create_dir(&state).expect("a directory");
    std::fs::write(state.join("catalogue.json"), "[]").expect("a catalogue");
    std::fs::write(&file, format!("{before}{settings}")).expect("settings");
    (file.to_str().expect("a path").to_owned(), home)
}

/// Opens the console with one target that runs nothing.
fn open(variables: &[(&str, &str)]) -> (Pty, tempfile::TempDir) {
    let (file, home) = configuration("");
    let house = home.path().to_str().expect("a path").to_owned();
    let mut all = vec![("HOME", house.as_str()), ("LC_ALL", "C.UTF-8")];
    all.extend(variables);
    let pty = Pty::greenroom(&["--config", &file], &all, (118, 34));
    pty.wait_for_text("web/dev: empty", SOON);
    (pty, home)
}

/// Runs a shell script on a terminal. In it `$0` is the program and `$1` the configuration.
fn script(script: &str, file: &str, home: &tempfile::TempDir, variables: &[(&str, &str)]) -> Pty {
    let house = home.path().to_str().expect("a path").to_owned();
    let mut all = vec![("HOME", house.as_str()), ("LC_ALL", "C.UTF-8")];
    all.extend(variables);
    let program = env!("CARGO_BIN_EXE_greenroom");
    Pty::start("/bin/sh", &["-c", script, program, file], &all, (118, 34))
}

#[test]
fn an_unusable_terminal_is_refused_with_an_explanation() {
    let (file, home) = configuration("");
    for (term, said_of_it) in [("dumb", "TERM is dumb"), ("", "TERM is empty")] {
        let variables = [("TERM", term)];
        let mut pty = script("exec \"$0\" --config \"$1\"", &file, &home, &variables);
        assert_eq!(pty.exit_status(SOON).exit_code(), 2, "{}", pty.screen());
        assert!(said(&pty).contains(said_of_it), "{:?}", said(&pty));
        assert!(!said(&pty).contains('\u{1b}'), "{:?}", said(&pty));
    }
}

#[test]
fn without_a_controlling_terminal_the_console_is_refused() {
    let (file, home) = configuration("");
    // In a session of its own, this terminal is not the controlling one.
    let detached = "exec setsid --wait \"$0\" --config \"$1\" </dev/null";
    let mut pty = script(detached, &file, &home, &[]);
    assert_eq!(pty.exit_status(SOON).exit_code(), 2, "{}", pty.screen());
    let said = said(&pty);
    assert!(said.contains("no controlling"), "{said:?}");
    assert!(
        !said.contains('\u{1b}') && !said.contains("panic"),
        "{said:?}"
    );
}

#[test]
fn a_full_non_blocking_terminal_is_waited_for() {
    let (file, home) = configuration("");
    // The flag that dd sets stays with the terminal: a full one then returns "try again".
    let hurried = "dd if=/dev/null oflag=nonblock status=none; exec \"$0\" --config \"$1\"";
    let mut pty = script(hurried, &file, &home, &[("COLORTERM", "truecolor")]);
    pty.wait_for_text("web/dev: empty", SOON);
    for size in [(500, 200), (118, 34), (500, 200), (118, 34)] {
        pty.resize(size);
        pty.keys("\u{c}");
        pty.wait_for_text("web/dev: empty", SOON);
    }
    pty.keys("q");
    assert_eq!(pty.exit_status(SOON).exit_code(), 0, "{}", pty.screen());
    assert!(is_given_back(&pty), "{:?}", said(&pty));
}

#[test]
fn an_unwritable_archive_is_reported_on_the_screen() {
    let (file, home) = configuration("[history]\narchive = \"/proc/greenroom/archive.db\"\n");
    let mut pty = script("exec \"$0\" --config \"$1\"", &file, &home, &[]);
    pty.wait_for_text("the history on this machine cannot be updated", SOON);
    pty.keys("q");
    assert_eq!(pty.exit_status(SOON).exit_code(), 0);
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
fn q_restores_the_terminal() {
    let (mut pty, _home) = open(&[]);
    pty.keys("q");
    assert_eq!(pty.exit_status(SOON).exit_code(), 0, "{}", pty.screen());
    assert!(is_given_back(&pty), "{:?}", said(&pty));
}

#[test]
fn signals_restore_the_terminal() {
    for which in [Signal::TERM, Signal::INT, Signal::HUP] {
        let (mut pty, _home) = open(&[]);
        signal(&pty, which);
        assert_eq!(pty.exit_status(SOON).exit_code(), 130, "{which:?}");
        assert!(is_given_back(&pty), "{which:?}: {:?}", said(&pty));
    }
}

#[test]
fn a_resize_is_drawn_at_once_and_the_smallest_size_still_quits() {
    let (mut pty, _home) = open(&[]);
    pty.resize((80, 24));
    pty.wait_for_text("3 Checks  4 Registrations", SOON);
    pty.resize((20, 5));
    pty.wait_for_text("needs 60x16", SOON);
    pty.keys("q");
    assert_eq!(pty.exit_status(SOON).exit_code(), 0);
}

#[test]
fn without_colour_bold_remains() {
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
