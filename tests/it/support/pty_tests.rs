//! Tests of the pseudo-terminal itself: a wait that cannot fail would prove nothing.

use std::time::Duration;

use super::pty::Pty;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_program_on_the_terminal_gets_keys_and_sizes_and_its_screen_is_read() {
    let script = "trap 'stty size' WINCH; stty size; while :; do read -r word || continue; \
                  [ \"$word\" = end ] && exit 7; printf '\\033[1mheard %s\\033[m\\n' \"$word\"; done";
    let mut pty = Pty::start("/bin/bash", &["-c", script], &[("A", "b")], (40, 10));
    pty.wait_for_text("10 40", SOON);
    pty.resize((60, 20));
    pty.keys("lamp\r");
    pty.wait_for("the answer in bold", SOON, |screen| {
        let bold = |row| screen.cell(row, 0).is_some_and(vt100::Cell::bold);
        screen.contents().contains("heard lamp") && (0..20).any(bold)
    });
    pty.wait_for_text("20 60", SOON);
    assert!(pty.screen().lines().any(|line| line == "heard lamp"));
    assert!(pty.raw().windows(4).any(|bytes| bytes == b"\x1b[1m"));
    assert!(pty.process_id() > 1);
    pty.keys("end\r");
    assert_eq!(pty.exit_status(SOON).exit_code(), 7);
}

#[test]
fn the_binary_under_test_runs_on_a_terminal() {
    let arguments = ["sample-app", "--colour", "red"];
    let mut pty = Pty::greenroom(&arguments, &[], (80, 24));
    assert!(!pty.exit_status(SOON).success());
    assert!(pty.screen().contains("--colour"), "{}", pty.screen());
}

#[test]
#[should_panic(expected = "a text that never comes: not before the program ended")]
fn a_wait_fails_when_the_program_ends() {
    let pty = Pty::start("/bin/true", &[], &[], (80, 24));
    pty.wait_for_text("a text that never comes", SOON);
}
