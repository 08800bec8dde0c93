//! The configurations in the README and in the topics load. Their commands are tested in
//! `src/cli/help/topics.rs`, where the arguments are known.

use super::{block, documents, greenroom, readme, topics};

/// The blocks of this language.
fn code<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    let blocks = text.split(&begin).skip(1);
    blocks
        .map(|rest| rest.split_once("```").expect("the end of a block").0)
        .collect()
}

/// The only TOML block between two marks.
fn marked(text: &str, name: &str) -> String {
    let block = block(text, name);
    let [toml] = code(&block, "toml")[..] else {
        panic!("{name} is not one block of TOML");
    };
    toml.to_owned()
}

/// The output of `config check` for a file.
fn check(toml: &str) -> std::process::Output {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("greenroom.toml");
    std::fs::write(&file, toml).expect("written");
    greenroom(&["--config", &file.display().to_string(), "config", "check"])
}

#[test]
fn every_configuration_loads() {
    let shortest = marked(&readme(), "shortest configuration");
    let mut count = 0;
    for (name, text) in documents() {
        for toml in code(&text, "toml") {
            count += 1;
            // A block that is not a whole configuration is a part of one.
            let is_part = toml.starts_with("[[services.web.") || !toml.contains("[services.");
            let whole = if is_part {
                format!("{shortest}\n{toml}")
            } else {
                toml.to_owned()
            };
            let checked = check(&whole);
            assert!(checked.status.success(), "{name}: {checked:?}\n{whole}");
            assert!(checked.stderr.is_empty(), "{name}: {checked:?}\n{whole}");
        }
    }
    assert!(count > 7, "only {count} were found");
}

#[test]
fn a_misspelt_key_in_an_example_is_found() {
    let toml = marked(&topics()["configuration"], "configuration");
    let broken = toml.replace("[services.web]", "[services.web]\nhealht = 1");
    assert_ne!(toml, broken);
    let checked = check(&broken);
    assert_eq!(checked.status.code(), Some(2), "{checked:?}");
}
