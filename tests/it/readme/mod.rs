//! The README says what is true: its configuration loads, its keys and its help are the program's,
//! its pictures are of the screen as it is, and what it points to is there. `tests/readme` runs these
//! tests with `GREENROOM_README=write`, and then they write what they would have asked for.

mod pictures;

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Mutex;

use greenroom::console::action::BINDINGS;

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
pub(super) fn keep_fresh(name: &str, expected: &str, is_fresh: impl Fn(&str) -> bool) {
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
        let place = binding.scope.place();
        let place = place.map_or(String::new(), |place| format!("{place}: "));
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
    let toml = ["configuration", "console"].map(|name| {
        let block = block(&text, name);
        let toml = block
            .strip_prefix("```toml\n")
            .and_then(|rest| rest.strip_suffix("```"));
        toml.expect("a block of TOML").to_owned()
    });
    let toml = toml.join("\n");
    let room = tempfile::tempdir().expect("a directory");
    let file = room.path().join("greenroom.toml");
    std::fs::write(&file, &toml).expect("written");
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
