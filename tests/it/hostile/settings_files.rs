//! Badly edited configurations: every valid one with lines lost, doubled, moved and rewritten. Each
//! loads, or each error names the file and the position in it.

use std::path::{Path, PathBuf};

use greenroom::settings::{Origin, Problem, Request, Settings};
use proptest::prelude::*;

use super::{is_sanitized, runner, values};

const VALID: &str = "fixtures/settings/valid";

fn texts() -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(VALID).expect("the fixtures");
    let mut texts: Vec<(PathBuf, String)> = entries
        .map(|entry| entry.expect("a file").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .map(|path| (path.clone(), std::fs::read_to_string(path).expect("text")))
        .collect();
    texts.sort();
    assert!(texts.len() >= 6, "{}", texts.len());
    texts
}

/// An edit of a line.
#[derive(Debug, Clone)]
enum Edit {
    Lose,
    Double,
    Move(prop::sample::Index),
    /// Replaces everything after the first `=`.
    Value(String),
    /// Replaces everything before it.
    Key(String),
    Insert(String),
    Bytes(Vec<u8>),
}

fn value() -> impl Strategy<Value = String> {
    let quoted = values::words().prop_map(|words| toml::Value::from(words).to_string());
    prop_oneof![
        3 => quoted,
        3 => prop::sample::select(vec![
            "0", "-1", "99999999999999999999", "1e999", "nan", "-inf", "true", "[]", "{}", "[[]]", "\"\"", "'''", "\"\"\"",
            "1979-05-27T07:32:00Z", "00:00:00", "\"0\"", "\"0s\"", "\"-1s\"", "\"99999999999999999999d\"", "\"never\"", "\"1s 1s\"",
            "\"18446744073709551615ms\"", "{ env = 1 }", "{ env = \"A\", file = \"b\" }", "{ command = [] }", "[1, \"a\"]",
            "\"unix:\"", "\"unix:/a/../b\"", "\"127.0.0.1:99999\"", "\"http://[\"", "\"https://u:p@h/%zz?#\"", "\"9999999999999999999GiB\"",
            "\"\\u0000\"", "\"\\uD800\"", "# nothing", "",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,20}",
        1 => (1_usize..3_000).prop_map(|depth| "[".repeat(depth) + &"]".repeat(depth)),
        1 => (1_usize..2_000).prop_map(|depth| "{a=".repeat(depth) + "1" + &"}".repeat(depth)),
        1 => (1_usize..3_000).prop_map(|depth| format!("{{ a{} = 1 }}", ".a".repeat(depth))),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let key = prop_oneof![
        2 => "[a-z_]{1,12}",
        1 => values::words().prop_map(|words| toml::Value::from(words).to_string()),
        1 => (1_usize..3_000).prop_map(|depth| format!("a{}", ".a".repeat(depth))),
        1 => prop::sample::select(vec!["services", "[services.web]", "[[services]]", "[environments]", "image", "__proto__", "=", "."])
            .prop_map(str::to_owned),
    ];
    prop_oneof![
        2 => Just(Edit::Lose),
        1 => Just(Edit::Double),
        2 => any::<prop::sample::Index>().prop_map(Edit::Move),
        4 => value().prop_map(Edit::Value),
        2 => key.clone().prop_map(Edit::Key),
        1 => (key, value()).prop_map(|(key, value)| Edit::Insert(format!("{key} = {value}"))),
        1 => (1_usize..3_000).prop_map(|depth| Edit::Insert(format!("[a{}]", ".a".repeat(depth)))),
        1 => prop::collection::vec(any::<u8>(), 1..8).prop_map(Edit::Bytes),
    ]
}

fn edited(text: &str, edits: &[(prop::sample::Index, Edit)]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = text.lines().map(|line| line.as_bytes().to_vec()).collect();
    for (at, edit) in edits {
        if lines.is_empty() {
            break;
        }
        let at = at.index(lines.len());
        let split = lines[at].iter().position(|byte| *byte == b'=');
        match (edit, split) {
            (Edit::Lose, _) => drop(lines.remove(at)),
            (Edit::Double, _) => lines.insert(at, lines[at].clone()),
            (Edit::Move(to), _) => {
                let to = to.index(lines.len());
                lines.swap(at, to);
            }
            (Edit::Value(value), Some(split)) => {
                lines[at].truncate(split + 1);
                lines[at].extend(value.as_bytes());
            }
            (Edit::Key(key), Some(split)) => drop(lines[at].splice(..split, key.bytes())),
            (Edit::Key(line) | Edit::Value(line) | Edit::Insert(line), _) => {
                lines.insert(at, line.clone().into_bytes());
            }
            (Edit::Bytes(bytes), _) => lines[at].extend(bytes),
        }
    }
    lines.join(&b'\n')
}

/// Asserts that an error names a position, and that the position exists.
fn judge(problem: &Problem, file: &str, lines: usize) {
    let said = problem.to_string();
    assert!(is_sanitized(&said), "{said:?}");
    assert!(
        said.chars().count() < 2_000,
        "{} characters: {said}",
        said.len()
    );
    let Origin::File {
        file: named,
        line,
        column,
    } = &problem.origin
    else {
        assert!(
            problem.key.is_empty() && said.contains("more errors"),
            "not of the file: {said}"
        );
        return;
    };
    assert_eq!(&**named, file, "{said}");
    assert!(
        (1..=lines + 1).contains(line) && *column >= 1,
        "line {line} of {lines}: {said}"
    );
    assert!(!problem.says.is_empty(), "{said}");
}

#[test]
fn a_badly_edited_configuration_loads_or_names_the_position() {
    let texts = texts();
    let edits = prop::collection::vec((any::<prop::sample::Index>(), edit()), 1..4);
    let which = 0..texts.len();
    // Next to the fixtures, where the files are that they name.
    let directory = tempfile::Builder::new()
        .prefix("edited")
        .tempdir_in(VALID)
        .expect("a directory");
    std::os::unix::fs::symlink(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(VALID)
            .join("files"),
        directory.path().join("files"),
    )
    .expect("linked");
    let path = directory.path().join("greenroom.toml");
    let request = Request {
        path: Some(path.clone()),
        ..Request::default()
    };
    let run = runner(900).run(&(which, edits), |(which, edits)| {
        let bytes = edited(&texts[which].1, &edits);
        std::fs::write(&path, &bytes).expect("written");
        let file = path.display().to_string();
        let lines = bytes.split(|byte| *byte == b'\n').count();
        match Settings::load(&request) {
            Ok(loaded) => {
                greenroom::settings::show(&loaded);
                loaded
                    .warnings
                    .iter()
                    .for_each(|problem| judge(problem, &file, lines));
            }
            Err(problems) if std::str::from_utf8(&bytes).is_err() => {
                let said = problems.to_string();
                prop_assert!(
                    said.starts_with(&file)
                        && said.ends_with("is not UTF-8: save the file as UTF-8"),
                    "{}",
                    said
                );
            }
            Err(problems) => {
                prop_assert!(!problems.errors.is_empty());
                let all = problems.errors.iter().chain(&problems.warnings);
                all.for_each(|problem| judge(problem, &file, lines));
            }
        }
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
}
