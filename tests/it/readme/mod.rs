//! The README and the topics of `greenroom help` are correct: their configurations load, keys and
//! help match the program, pictures match the screens, and links and named files exist.
//! `tests/readme` runs these tests with `GREENROOM_README=write`; then they write the expected
//! content instead.

mod examples;
mod pictures;
mod svg;
mod topics;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use greenroom::console::action::Action;

/// One writer at a time.
static WRITING: Mutex<()> = Mutex::new(());

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn path() -> PathBuf {
    root().join("README.md")
}

fn readme() -> String {
    std::fs::read_to_string(path()).expect("the README")
}

/// The topics, by name.
fn topics() -> BTreeMap<String, String> {
    let directory = root().join("src/cli/help/topics");
    let files = std::fs::read_dir(directory).expect("the topics");
    let files = files.map(|file| file.expect("a file").path());
    let topics = files.filter(|path| path.extension().is_some_and(|it| it == "md"));
    let named = |path: PathBuf| {
        let name = path.file_stem().expect("a name").to_string_lossy();
        let text = std::fs::read_to_string(&path).expect("a topic");
        (name.into_owned(), text)
    };
    topics.map(named).collect()
}

/// The README and every topic, by file name.
fn documents() -> Vec<(String, String)> {
    let topics = topics().into_iter();
    let topics = topics.map(|(name, text)| (format!("topics/{name}.md"), text));
    std::iter::once(("README.md".to_owned(), readme()))
        .chain(topics)
        .collect()
}

/// The text between two marks.
fn block(text: &str, name: &str) -> String {
    let (begin, end) = marks(name);
    let inner = text
        .split_once(&begin)
        .and_then(|(_, rest)| rest.split_once(&end));
    let (inner, _) = inner.unwrap_or_else(|| panic!("there is no {begin}"));
    inner.trim().to_owned()
}

fn marks(name: &str) -> (String, String) {
    (
        format!("<!-- {name} -->"),
        format!("<!-- end of {name} -->"),
    )
}

/// Whether stale parts are written instead of refused.
fn may_write() -> bool {
    std::env::var("GREENROOM_README").is_ok_and(|value| value == "write")
}

/// Writes a block of the README if writing is enabled; otherwise fails unless the block is the
/// expected one.
fn keep_fresh(name: &str, expected: &str) {
    let _alone = WRITING.lock().expect("no writer failed");
    let text = readme();
    let found = block(&text, name);
    if found == expected {
        return;
    }
    assert!(
        may_write(),
        "`{name}` in the README is stale: `tests/readme` writes\n{expected}"
    );
    let (begin, end) = marks(name);
    let (before, rest) = text.split_once(&begin).expect("its beginning");
    let (_, after) = rest.split_once(&end).expect("its end");
    let fresh = format!("{before}{begin}\n{expected}\n{end}{after}");
    std::fs::write(path(), fresh).expect("written");
}

fn greenroom(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_greenroom"))
        .args(arguments)
        .env_remove("COLUMNS")
        .output()
        .expect("greenroom")
}

/// The output of a command, which must succeed.
fn printed(arguments: &[&str]) -> String {
    let output = greenroom(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The keys that an operator needs first.
const TEN_KEYS: [Action; 10] = [
    Action::Open,
    Action::Arm,
    Action::Promote,
    Action::Approve,
    Action::BackOut,
    Action::RollBack,
    Action::Resume,
    Action::Waiting,
    Action::Palette,
    Action::Help,
];

#[test]
fn the_table_of_keys_matches_the_console() {
    let mut lines = vec!["| key | what it does |".to_owned(), "|---|---|".to_owned()];
    for action in TEN_KEYS {
        let binding = action.binding();
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
        lines.push(format!("| {} | {} |", keys.join(" "), binding.help));
    }
    keep_fresh("keys", &lines.join("\n"));
}

#[test]
fn the_help_with_its_exit_codes_matches_the_program() {
    let help = printed(&["--help"]);
    keep_fresh("help", &format!("```text\n{}\n```", help.trim_end()));
}

#[test]
fn the_readme_is_short() {
    let lines = readme().lines().count();
    assert!(
        lines <= 220,
        "the README has {lines} lines, and may have 220"
    );
}

#[test]
fn every_named_file_exists() {
    let mut count = 0;
    for (name, text) in documents() {
        for piece in text.split('`').skip(1).step_by(2) {
            let first = piece.split_whitespace().next().unwrap_or_default();
            let is_ours = ["src/", "tests/", "fixtures/"]
                .iter()
                .any(|below| first.starts_with(below));
            if is_ours {
                count += 1;
                assert!(root().join(first).exists(), "{name}: there is no {first}");
            }
        }
    }
    assert!(count > 3, "only {count} were found");
}

#[test]
fn every_link_leads_to_an_existing_file_and_heading() {
    let mut count = 0;
    for (name, text) in documents() {
        let links = text.split("](").skip(1);
        let links = links.filter_map(|rest| rest.split_once(')').map(|(link, _)| link));
        for link in links.filter(|link| !link.starts_with("https://")) {
            count += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = if file.is_empty() {
                path()
            } else {
                root().join(file)
            };
            assert!(path.exists(), "{name}: there is no {link}");
            assert!(
                heading.is_empty() || headings(&path).iter().any(|it| it == heading),
                "{name}: {file} has no heading {heading}"
            );
        }
    }
    assert!(count > 4, "only {count} were found");
}

/// The anchors of a file's headings.
fn headings(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).expect("a file");
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = words
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}
