//! The real binary under a real shell: it hands the terminal back and takes it again, it asks for
//! the mouse and gives it back, it writes nothing while nothing happens, and it uses the operator's
//! own keys and themes or says what is wrong with them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::pty::Pty;

const SOON: Duration = Duration::from_secs(30);

const LEFT: &str = "\u{1b}[?1049l";
const MOUSE_ON: &str = "\u{1b}[?1000h";
const MOUSE_OFF: &str = "\u{1b}[?1000l";

/// A configuration of one target that runs nothing.
const QUIET: &str = include_str!("../../../fixtures/settings/valid/sandbox.toml");

/// A configuration without a target: nothing in it becomes stale, so no age counts on screen.
const SILENT: &str = r#"
[environments.dev]
tier = "development"
runtime = "process"
store = "sqlite"
process = { state = "state/processes", catalogue = "state/catalogue.json" }
sqlite = { path = "state/greenroom.db" }
"#;

/// A home directory with a configuration.
struct Home {
    directory: tempfile::TempDir,
}

impl Home {
    /// The quiet configuration, followed by `more`.
    fn new(more: &str) -> Self {
        Self::with(&format!("{QUIET}\n{more}"))
    }

    fn with(settings: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let home = Self { directory };
        home.write("greenroom.toml", settings);
        home.write("state/catalogue.json", "[]");
        home
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.directory.path().join(name);
        let above = file.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(above).expect("a directory");
        std::fs::write(&file, text).expect("written");
        file
    }

    fn file(&self) -> String {
        let file = self.directory.path().join("greenroom.toml");
        file.to_str().expect("a path").to_owned()
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let home = self.directory.path().to_str().expect("a path").to_owned();
        vec![
            ("XDG_CONFIG_HOME", format!("{home}/.config")),
            ("XDG_STATE_HOME", format!("{home}/.state")),
            ("HOME", home),
            ("LC_ALL", "C.UTF-8".to_owned()),
            ("PS1", "shell> ".to_owned()),
        ]
    }

    fn start(&self, program: &str, arguments: &[&str]) -> Pty {
        let variables = self.variables();
        let variables: Vec<(&str, &str)> = variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        Pty::start(program, arguments, &variables, (118, 34))
    }

    fn console(&self) -> Pty {
        self.start(env!("CARGO_BIN_EXE_greenroom"), &["--config", &self.file()])
    }

    fn shell(&self) -> Pty {
        let arguments = ["--norc", "--noprofile", "-i"];
        let shell = self.start("/bin/bash", &arguments);
        shell.wait_for_text("shell>", SOON);
        shell
    }

    fn command(&self) -> String {
        format!(
            "{} --config {}",
            env!("CARGO_BIN_EXE_greenroom"),
            self.file()
        )
    }
}

fn said(pty: &Pty) -> String {
    String::from_utf8_lossy(&pty.raw()).into_owned()
}

fn count(pty: &Pty, words: &str) -> usize {
    said(pty).matches(words).count()
}

/// The console process that the shell has started.
fn child_of(shell: &Pty) -> Pid {
    let id = shell.process_id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    let first = children.expect("its children");
    let first = first.split_whitespace().next().expect("a child");
    Pid::from_raw(first.parse().expect("a number")).expect("not zero")
}

/// Waits until a child of the shell has ended. Earlier input would be read by the child or lost.
fn until_ended(child: Pid) {
    let status = format!("/proc/{}", child.as_raw_nonzero());
    let end = Instant::now() + SOON;
    while Path::new(&status).exists() {
        assert!(Instant::now() < end, "the console has not ended");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn ctrl_z_suspends_the_console_and_fg_redraws_it_at_the_new_size() {
    let home = Home::new("");
    let mut shell = home.shell();
    shell.keys(&format!("{}\r", home.command()));
    shell.wait_for_text("web/dev: empty", SOON);
    for round in 1..3 {
        shell.keys("\x1a");
        shell.wait_for_text("Stopped", SOON);
        assert_eq!(count(&shell, LEFT), round, "{:?}", said(&shell));
        shell.keys("stty -a | grep -o ' icanon'; echo back-$((40 + 2))\r");
        shell.wait_for_text("back-42", SOON);
        assert!(shell.screen().contains("icanon"), "{}", shell.screen());
        shell.resize(if round == 1 { (80, 24) } else { (118, 34) });
        shell.keys("clear; fg\r");
        shell.wait_for_text("web/dev: empty", SOON);
        let wide = if round == 1 {
            "3 Checks  4 Registrations"
        } else {
            "┌ 3 Checks"
        };
        shell.wait_for_text(wide, SOON);
    }
    let console = child_of(&shell);
    shell.keys("q");
    until_ended(console);
    shell.wait_for_text("shell>", SOON);
    shell.keys("exit\r");
    shell.exit_status(SOON);
}

#[test]
fn a_console_stopped_by_a_signal_redraws_itself() {
    let home = Home::new("");
    let mut shell = home.shell();
    shell.keys(&format!("{}\r", home.command()));
    shell.wait_for_text("web/dev: empty", SOON);
    let console = child_of(&shell);
    kill_process(console, Signal::STOP).expect("it is ours");
    shell.wait_for_text("Stopped", SOON);
    shell.keys("echo over-$((40 + 2)); fg\r");
    shell.wait_for("the screen without the shell's words", SOON, |screen| {
        let text = screen.contents();
        text.contains("web/dev: empty") && !text.contains("over-42") && !text.contains("Stopped")
    });
    shell.keys("q");
    until_ended(console);
    shell.wait_for_text("shell>", SOON);
    shell.keys("exit\r");
    shell.exit_status(SOON);
}

#[test]
fn a_console_with_a_broken_pipe_ends_and_restores_the_terminal() {
    let home = Home::new("");
    let mut shell = home.shell();
    shell.keys(&format!(
        "{} | head -c 500 >/dev/null; stty -a | grep -o ' icanon'; echo over-$((40 + 2))\r",
        home.command()
    ));
    shell.wait_for_text("over-42", SOON);
    assert!(shell.screen().contains("icanon"), "{}", shell.screen());
    shell.keys("exit\r");
    shell.exit_status(SOON);
}

#[test]
fn ctrl_z_without_a_shell_is_refused() {
    let home = Home::new("");
    // The test's own process is in another session, so no process could resume the console.
    let mut console = home.console();
    console.wait_for_text("web/dev: empty", SOON);
    console.keys("\x1a");
    console.wait_for_text("this console was not started from a shell", SOON);
    console.keys("q");
    assert_eq!(console.exit_status(SOON).exit_code(), 0);
}

/// As `docker exec` and `kubectl exec` start it: no process in the container knows the session.
#[test]
fn the_console_opens_in_a_container_without_its_session_leader() {
    let home = Home::new("");
    let (greenroom, file) = (env!("CARGO_BIN_EXE_greenroom"), home.file());
    let inside = ["--pid", "--fork"];
    let console = [greenroom, "--config", &file];
    // First its own session is outside the container, then its parent's.
    for between in [&[][..], &["setsid", "--fork", "--wait"]] {
        let arguments = [&inside[..], between, &console].concat();
        let mut console = home.start("unshare", &arguments);
        console.wait_for_text("web/dev: empty", SOON);
        console.keys("q");
        assert_eq!(console.exit_status(SOON).exit_code(), 0);
    }
}

#[test]
fn m_toggles_mouse_capture_and_the_end_releases_it() {
    let home = Home::new("");
    let mut console = home.console();
    console.wait_for_text("web/dev: empty", SOON);
    assert_eq!(count(&console, MOUSE_ON), 0);
    console.keys("m");
    console.wait_for_text("the console now receives clicks and the wheel", SOON);
    assert_eq!(count(&console, MOUSE_ON), 1);
    console.keys("\x1b[<0;10;30M\x1b[<0;10;30m");
    console.wait_for_text("▸5 Logs", SOON);
    console.keys("m");
    console.wait_for_text("the terminal receives clicks and the wheel again", SOON);
    assert!(said(&console).rfind(MOUSE_OFF) > said(&console).rfind(MOUSE_ON));
    console.keys("m");
    console.wait_for_text("the console now receives clicks and the wheel", SOON);
    console.keys("q");
    assert_eq!(console.exit_status(SOON).exit_code(), 0);
    assert!(said(&console).rfind(MOUSE_OFF) > said(&console).rfind(MOUSE_ON));
}

#[test]
fn a_key_pressed_during_a_resize_is_not_lost() {
    let home = Home::new("");
    let mut console = home.console();
    console.wait_for_text("web/dev: empty", SOON);
    for round in 0..40 {
        let (size, key) = [((80, 24), "3"), ((90, 28), "4")][round % 2];
        console.resize(size);
        console.keys(key);
        console.wait_for_text(&format!("▸{key}"), SOON);
    }
    console.keys("q");
    assert_eq!(console.exit_status(SOON).exit_code(), 0);
}

#[test]
fn the_screen_is_redrawn_when_it_shrinks_and_grows() {
    let home = Home::new("");
    let mut console = home.console();
    for (size, words) in [
        ((118, 34), "┌ 3 Checks"),
        ((80, 24), "3 Checks  4 Registrations"),
        ((118, 34), "┌ 3 Checks"),
    ] {
        console.resize(size);
        console.wait_for_text(words, SOON);
        console.wait_for_text("web/dev: empty", SOON);
    }
    console.keys("q");
    assert_eq!(console.exit_status(SOON).exit_code(), 0);
}

#[test]
fn ctrl_l_redraws_everything() {
    let home = Home::new("");
    let mut console = home.console();
    console.wait_for_text("web/dev: empty", SOON);
    let before = count(&console, "Registrations");
    console.keys("\x0c");
    let again = || count(&console, "Registrations") > before;
    console.wait_for("everything once more", SOON, |screen| {
        screen.contents().contains("web/dev: empty")
    });
    let until = Instant::now() + SOON;
    while !again() {
        assert!(Instant::now() < until, "{}", console.screen());
        console.wait_for("anything", SOON, |_| true);
        std::thread::yield_now();
    }
    console.keys("q");
    assert_eq!(console.exit_status(SOON).exit_code(), 0);
}

#[test]
fn nothing_is_written_while_nothing_happens() {
    let home = Home::with(SILENT);
    let mut console = home.console();
    console.wait_for_text("no target is open", SOON);
    let until = Instant::now() + SOON;
    loop {
        let before = console.raw().len();
        // This is the measurement: the bytes written in three seconds.
        std::thread::sleep(Duration::from_secs(3));
        let written = console.raw().len() - before;
        if written == 0 {
            break;
        }
        assert!(Instant::now() < until, "{written} bytes in 3 s");
    }
    console.keys("q");
    assert_eq!(console.exit_status(SOON).exit_code(), 0);
}

#[test]
fn no_color_writes_no_colours_but_keeps_bold_and_reverse() {
    let home = Home::new("");
    let mut variables = home.variables();
    variables.push(("NO_COLOR", "1".to_owned()));
    variables.push(("COLORTERM", "truecolor".to_owned()));
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let file = home.file();
    let mut console = Pty::greenroom(&["--config", &file], &variables, (118, 34));
    console.wait_for_text("web/dev: empty", SOON);
    console.keys("T");
    console.wait_for_text("(in use)", SOON);
    console.keys("\r");
    console.wait_for_text("is used for now", SOON);
    console.keys("q");
    console.exit_status(SOON);
    let said = said(&console);
    let mut weights = 0;
    for sequence in said.split("\u{1b}[").skip(1) {
        let end = sequence.find(|c: char| c.is_ascii_alphabetic());
        let Some((numbers, "m")) = end.map(|end| (&sequence[..end], &sequence[end..=end])) else {
            continue;
        };
        for number in numbers.split(';').filter_map(|n| n.parse::<u8>().ok()) {
            // 39, 49 and 59 select the terminal's default colours.
            let is_colour = matches!(number, 30..=38 | 40..=48 | 58 | 90..=107);
            assert!(!is_colour, "ESC[{numbers}m");
            weights += usize::from(matches!(number, 1 | 7));
        }
    }
    assert!(weights > 0, "neither bold nor reverse");
}

#[test]
fn own_keys_and_themes_are_used_and_a_broken_theme_is_named() {
    let home = Home::new(
        "[console]\ntheme = \"mine\"\nascii = true\n[console.keys]\nquit = [\"Z\"]\nmouse = [\"?\"]\n",
    );
    home.write(
        ".config/greenroom/themes/mine.toml",
        "inherits = \"light\"\n[meanings]\nok = { fg = \"#010203\" }\n",
    );
    home.write(
        ".config/greenroom/themes/broken.toml",
        "[meanings]\n\nbadd = {}\n",
    );
    let mut console = home.console();
    console.wait_for_text("broken.toml:3: unknown variant `badd`", SOON);
    console.keys("\x1b");
    console.wait_for_text("Z quit", SOON);
    assert!(console.screen().is_ascii(), "{}", console.screen());
    console.keys("T");
    console.wait_for_text("mine (in use)", SOON);
    console.keys("\r");
    console.wait_for_text("theme mine is used for now", SOON);
    console.keys("Z");
    assert_eq!(console.exit_status(SOON).exit_code(), 0);
}

#[test]
fn choosing_a_broken_theme_is_an_error_with_file_and_line() {
    let home = Home::new("[console]\ntheme = \"broken\"\n");
    home.write(
        ".config/greenroom/themes/broken.toml",
        "[meanings]\n\nbadd = {}\n",
    );
    let mut console = home.console();
    assert_eq!(console.exit_status(SOON).exit_code(), 1);
    let said = console.screen().replace('\n', "");
    assert!(
        said.contains("themes/broken.toml:3: unknown variant `badd`"),
        "{said}"
    );
    assert_eq!(
        count(&console, LEFT),
        0,
        "the terminal was switched to the screen before the error"
    );
}
