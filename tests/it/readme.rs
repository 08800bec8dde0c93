//! The README says what is true: its configuration loads, its keys and its help are the program's,
//! its picture is of the screen as it is, and what it points to is there. `tests/readme` runs these
//! tests with `GREENROOM_README=write`, and then they write what they would have asked for.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::Duration;

use greenroom::console::action::{BINDINGS, Scope};

use crate::support::pty::Pty;

const UP: Duration = Duration::from_mins(1);
const SOON: Duration = Duration::from_secs(20);

/// One writer at a time.
static WRITING: Mutex<()> = Mutex::new(());

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

fn readme() -> String {
    std::fs::read_to_string(path()).expect("the README")
}

/// What stands between two marks.
fn block(text: &str, name: &str) -> String {
    let (begin, end) = marks(name);
    let inner = text
        .split_once(&begin)
        .and_then(|(_, rest)| rest.split_once(&end));
    let (inner, _) = inner.unwrap_or_else(|| panic!("the README has no {begin}"));
    inner.trim().to_owned()
}

fn marks(name: &str) -> (String, String) {
    (
        format!("<!-- {name} -->"),
        format!("<!-- end of {name} -->"),
    )
}

/// Writes a block where that is asked for, or fails unless `is_fresh` is content with it.
fn keep_fresh(name: &str, expected: &str, is_fresh: impl Fn(&str) -> bool) {
    let _alone = WRITING.lock().expect("no writer failed");
    let text = readme();
    let found = block(&text, name);
    if is_fresh(&found) {
        return;
    }
    assert!(
        std::env::var("GREENROOM_README").is_ok_and(|wish| wish == "write"),
        "`{name}` in the README is stale: `tests/readme` writes\n{expected}"
    );
    let (begin, end) = marks(name);
    let fresh = text.replace(
        &format!("{begin}\n{found}\n{end}"),
        &format!("{begin}\n{expected}\n{end}"),
    );
    assert_ne!(text, fresh, "`{name}` was not found again");
    std::fs::write(path(), fresh).expect("written");
}

fn greenroom(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_greenroom"))
        .args(arguments)
        .env_remove("COLUMNS")
        .output()
        .expect("greenroom")
}

#[test]
fn the_table_of_keys_is_that_of_the_console() {
    let mut lines = vec!["| key | what it does |".to_owned(), "|---|---|".to_owned()];
    for binding in BINDINGS {
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
        let place = match binding.scope {
            Scope::Everywhere => "",
            Scope::Logs => "in the log: ",
        };
        lines.push(format!("| {} | {place}{} |", keys.join(" "), binding.help));
    }
    let table = lines.join("\n");
    keep_fresh("keys", &table, |found| found == table);
}

#[test]
fn the_help_with_its_exit_codes_is_that_of_the_program() {
    let help = greenroom(&["--help"]);
    let help = String::from_utf8(help.stdout).expect("text");
    let expected = format!("```text\n{}\n```", help.trim_end());
    keep_fresh("help", &expected, |found| found == expected);
}

#[test]
fn the_configuration_in_it_is_right() {
    let text = readme();
    let toml = block(&text, "configuration");
    let toml = toml
        .strip_prefix("```toml\n")
        .and_then(|rest| rest.strip_suffix("```"))
        .expect("a block of TOML");
    let room = tempfile::tempdir().expect("a directory");
    let file = room.path().join("greenroom.toml");
    std::fs::write(&file, toml).expect("written");
    let file = file.display().to_string();
    let checked = greenroom(&["--config", &file, "config", "check"]);
    assert!(checked.status.success(), "{checked:?}");
    assert!(checked.stderr.is_empty(), "{checked:?}");
    let broken = toml.replace("[services.web]", "[services.web]\nhealht = 1");
    std::fs::write(room.path().join("greenroom.toml"), broken).expect("written");
    let checked = greenroom(&["--config", &file, "config", "check"]);
    assert_eq!(checked.status.code(), Some(2), "{checked:?}");
}

#[test]
fn what_it_points_to_is_there() {
    let root = path();
    let root = root.parent().expect("the package");
    let text = readme();
    let mut count = 0;
    for piece in text.split('`').skip(1).step_by(2) {
        let first = piece.split_whitespace().next().unwrap_or_default();
        let is_ours = ["src/", "tests/", "fixtures/", "themes/"]
            .iter()
            .any(|below| first.starts_with(below));
        if is_ours {
            count += 1;
            assert!(root.join(first).exists(), "there is no {first}");
        }
    }
    assert!(count > 5, "only {count} were found");
}

/// The sandbox at the moment where the switch to a new version in production waits for its name.
#[test]
fn the_picture_is_of_the_screen_as_it_is() {
    let room = tempfile::tempdir().expect("a directory");
    let below = |name: &str| room.path().join(name).display().to_string();
    let (temporary, state) = (below("tmp"), below("state"));
    std::fs::create_dir(&temporary).expect("a directory");
    let environment = [
        ("TMPDIR", temporary.as_str()),
        ("XDG_STATE_HOME", state.as_str()),
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C.UTF-8"),
    ];
    let arguments = [
        "sandbox",
        "--set",
        "operator.name=ana",
        "--set",
        "operator.host=ops-1",
    ];
    let mut pty = Pty::greenroom(&arguments, &environment, (120, 34));
    let yes = "\x1b[C\r";
    for (awaited, keys) in [
        ("web/dev: healthy", "1\x1b[C\x1b[C\r"),
        ("PRODUCTION (protected)", ""),
        ("web:1.8.2", "W"),
        ("armed", "P"),
        ("live in qa", "1.9.0"),
        ("1.9.0_", "\r"),
        ("1.9.0 to web/production: why?", "lamp sale\r"),
        ("[ Begin the release ]", yes),
        ("register waits", "A"),
        ("[ Register the candidate ]", yes),
        ("switch waits", ""),
    ] {
        pty.wait_for_text(awaited, UP);
        pty.keys(keys);
    }
    pty.wait_for(
        "a candidate that is registered and healthy",
        SOON,
        |screen| {
            let text = screen.contents();
            let registered = text.matches("✓ registered").count() == 2;
            let healthy = text.matches("health HTTP 200").count() == 2;
            registered && healthy && text.contains("A approve") && text.contains("lock: you")
        },
    );
    let screen = pty.screen();
    let lines: Vec<&str> = screen.lines().map(str::trim_end).collect();
    let expected = format!("```text\n{}\n```", lines.join("\n").trim_end());
    keep_fresh("picture", &expected, |found| {
        landmarks(found) == landmarks(&expected)
    });
    pty.keys("q");
    pty.wait_for_text("leave after the current step", SOON);
    pty.keys("\x1b[B\r");
    assert!(pty.exit_status(UP).success(), "{}", pty.screen());
}

/// The words of a screen that do not change from one moment to the next: no numbers, no names of
/// instances, nothing of the log.
fn landmarks(screen: &str) -> BTreeSet<&str> {
    let still = screen.split("5 Logs").next().unwrap_or(screen);
    let footer = screen.lines().rev().nth(1).unwrap_or_default();
    still
        .split_whitespace()
        .chain(footer.split_whitespace())
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
