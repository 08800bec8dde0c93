//! `greenroom help TOPIC`, as a person and a program get it.

use std::collections::BTreeSet;
use std::time::Duration;

use unicode_width::UnicodeWidthStr as _;

use super::{documents, greenroom, printed, topics};
use crate::support::pty::Pty;

const SOON: Duration = Duration::from_secs(10);

/// The names in the list of topics.
fn listed() -> BTreeSet<String> {
    let help = printed(&["help"]);
    let (_, list) = help.split_once("Topics:\n").expect("a list of topics");
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

#[test]
fn the_list_has_every_topic() {
    let files: BTreeSet<String> = topics().into_keys().collect();
    assert_eq!(listed(), files);
}

#[test]
fn every_topic_is_plain_text_in_a_pipe() {
    for (name, markdown) in topics() {
        let text = printed(&["help", &name]);
        assert!(!text.contains('\u{1b}'), "{name}: {text}");
        for mark in ["<!--", "```", "**", "\n#"] {
            assert!(!text.contains(mark), "{name} has {mark}: {text}");
        }
        let title = markdown.lines().next().expect("a title");
        assert!(
            text.contains(title.trim_start_matches("# ")),
            "{title}: {text}"
        );
        // The help of a verb of the same name precedes it and has another wrapping rule.
        let (_, text) = text
            .split_once(title.trim_start_matches("# "))
            .expect("its text");
        for line in text.lines() {
            assert!(
                line.width() <= 80,
                "{name} has a line of {}: {line}",
                line.width()
            );
        }
    }
}

/// The output on a terminal with this many columns.
fn on_a_terminal(name: &str, columns: u16, environment: &[(&str, &str)]) -> String {
    let mut pty = Pty::greenroom(&["help", name], environment, (columns, 40));
    assert!(pty.exit_status(SOON).success(), "{}", pty.screen());
    String::from_utf8(pty.raw()).expect("text")
}

/// Removes escape sequences of colours.
fn unstyled(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| part.split_once('m').expect("a style").1);
    rest.fold(first, |text, part| text + part)
}

#[test]
fn a_terminal_gets_styles_and_no_line_that_is_too_wide() {
    for name in topics().into_keys().filter(|name| name != "history") {
        let text = on_a_terminal(&name, 80, &[]);
        assert!(
            text.contains("\u{1b}[1m"),
            "{name} has nothing bold: {text}"
        );
        for line in unstyled(&text).lines() {
            let line = line.trim_end_matches('\r');
            assert!(
                line.width() <= 80,
                "{name} has a line of {}: {line}",
                line.width()
            );
        }
    }
}

#[test]
fn a_page_uses_the_terminal_width_up_to_a_hundred_columns() {
    let widest = |columns| {
        let text = unstyled(&on_a_terminal("drift", columns, &[]));
        let widths = text.lines().map(|line| line.trim_end_matches('\r').width());
        widths.max().unwrap_or_default()
    };
    assert!((50..=60).contains(&widest(60)));
    assert!((90..=100).contains(&widest(200)));
}

#[test]
fn a_terminal_without_colours_gets_plain_text() {
    for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let text = on_a_terminal("ladder", 80, &[environment]);
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn an_unknown_topic_suggests_the_nearest_one() {
    let output = greenroom(&["help", "lader"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("did you mean ladder?"), "{said}");
}

#[test]
fn the_help_of_a_verb_includes_its_topic() {
    let text = printed(&["help", "history"]);
    for part in [
        "Usage: greenroom history",
        "--outcome",
        "Seals",
        "keep_days",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn every_named_help_page_exists() {
    let mut named = BTreeSet::new();
    for (_, text) in documents() {
        for rest in text.split("greenroom help ").skip(1) {
            let end = |c: char| !(c.is_alphanumeric() || c == '-');
            let name = rest.split(end).next().unwrap_or_default();
            named.insert(name.to_owned());
        }
    }
    // Placeholders for a name, and an option.
    named.retain(|name| !matches!(name.as_str(), "VERB" | "TOPIC" | ""));
    assert!(named.len() > 8, "{named:?}");
    for name in named {
        printed(&["help", &name]);
    }
}
