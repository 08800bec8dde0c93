//! The topics of `greenroom help`. Each topic is a Markdown file in `topics/`. Marks in the file are replaced by tables
//! and lists that the program generates.

use std::fmt::Write as _;

use super::markdown::{self, Block};
use super::{keys, limits};
use crate::inventory::STORED_KEYS;
use crate::inventory::drift::Name;
use crate::release::{RULE_KEYS, TIMING, step_summaries};
use crate::wire;

/// The only topic that has a JSON schema.
pub(super) const JSON: &str = "json";

/// Makes a table or a list of a topic.
type Generate = fn() -> String;

/// The marks in topics, each with the table or list that replaces it.
const GENERATED: &[(&str, Generate)] = &[
    ("<!-- table of keys -->", keys::table),
    (
        "<!-- table of limits -->",
        || limits::table(&wire::bounds()),
    ),
    ("<!-- table of steps -->", steps),
    ("<!-- table of stored keys -->", stored_keys),
    ("<!-- table of times -->", times),
    ("<!-- table of rules -->", rules),
    ("<!-- list of differences -->", differences),
];

#[derive(Debug)]
pub(in crate::cli) struct Topic {
    /// The name that the operator types.
    pub(in crate::cli) name: &'static str,
    /// A description in one line.
    pub(in crate::cli) about: &'static str,
    text: &'static str,
}

macro_rules! topic {
    ($name:literal, $about:literal) => {
        Topic {
            name: $name,
            about: $about,
            text: include_str!(concat!("topics/", $name, ".md")),
        }
    };
}

/// All topics, in the order in which they are listed.
#[rustfmt::skip]
pub(in crate::cli) const TOPICS: [Topic; 19] = [
    topic!("ladder", "The steps of a release, the switch, and what happens when one fails"),
    topic!("configuration", "The file, its layers, and every part of it"),
    topic!("etcd", "Which keys Greenroom stores in etcd, and users and roles there"),
    topic!("nginx", "The first installation, the switch, the preview and access logs"),
    topic!("docker", "Containers, names, the image registry and its passwords"),
    topic!("containers", "What a service can set for its containers, for users of Compose"),
    topic!("checks", "Requests and commands that a candidate must pass, and overriding one"),
    topic!("tasks", "Commands that run once per release, such as database migrations"),
    topic!("drift", "Differences between servers, and how they are repaired"),
    topic!("holds", "Holds and freezes: when nothing is promoted"),
    topic!("approvals", "Releases that another person has to approve"),
    topic!("agent", "Releases that start by themselves when an image is pushed"),
    topic!("history", "The archive of releases, its hashes and seals"),
    topic!("notices", "Messages to chat channels and to programs"),
    topic!("images", "Which images are kept, and how to remove the others"),
    topic!("json", "What --json prints"),
    topic!("limits", "How much Greenroom reads from each server, and for how long"),
    topic!("keys", "The console: its panes, keys, colours and themes"),
    topic!("security", "Who can do what, secrets, files and permissions"),
];

pub(super) fn find(name: &str) -> Option<&'static Topic> {
    TOPICS.iter().find(|topic| topic.name == name)
}

/// The list of all topics, below the program's help.
pub(in crate::cli) fn list() -> String {
    let mut text = "Topics:\n".to_owned();
    for topic in &TOPICS {
        let _ = writeln!(text, "  {:<13}  {}", topic.name, topic.about);
    }
    text
}

impl Topic {
    pub(in crate::cli) fn blocks(&self) -> Vec<Block> {
        markdown::read(&self.markdown())
    }

    fn markdown(&self) -> String {
        let replaced =
            |text: String, (mark, table): &(&str, fn() -> String)| text.replace(mark, &table());
        GENERATED.iter().fold(self.text.to_owned(), replaced)
    }
}

/// All keys of `timing`, with their built-in values.
fn times() -> String {
    let rows = TIMING.iter();
    settings(rows.map(|row| (row.key, row.built_in(), row.meaning())))
}

/// All keys of `rules`, with their built-in values.
fn rules() -> String {
    let rows = RULE_KEYS.iter();
    settings(rows.map(|row| (row.key, (row.built_in)(), row.meaning())))
}

fn settings(rows: impl Iterator<Item = (&'static str, String, &'static str)>) -> String {
    let rows = rows.map(|(key, built_in, meaning)| format!("`{key}` | {built_in} | {meaning}"));
    markdown::table_text("key | built in | meaning", rows)
}

/// The steps of a release.
fn steps() -> String {
    let rows = step_summaries();
    let rows = rows.map(|(step, of)| format!("{step} | {} | {}", of.does, of.done_when));
    markdown::table_text("step | what is done | the step is done when", rows)
}

/// All keys below a target in the store.
fn stored_keys() -> String {
    let rows = STORED_KEYS.iter();
    let rows = rows.map(|row| format!("`{}` | {}", row.name, row.contents));
    markdown::table_text("key | what it contains", rows)
}

/// All differences between servers, with their meaning and repair.
fn differences() -> String {
    let mut text = String::new();
    for name in Name::ALL {
        let (means, mend) = (name.means(), name.mend());
        let _ = writeln!(text, "- **{name}**: {means}. *Repair:* {mend}.");
    }
    text
}

#[cfg(test)]
mod tests;
