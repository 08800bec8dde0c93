//! The topics of `greenroom help`. Each topic is a Markdown file in `topics/`. Marks in the file are replaced by tables
//! and lists that the program generates.

use std::fmt::Write as _;

use super::markdown::{self, Block};
use super::{keys, limits};
use crate::inventory::STORED_KEYS;
use crate::inventory::drift::Name;
use crate::release::TIMING;
use crate::wire;

/// The only topic that has a JSON schema.
pub(super) const JSON: &str = "json";

// Each of these marks in a topic is replaced by a generated table or list.
const TABLE_OF_KEYS: &str = "<!-- table of keys -->";
const TABLE_OF_LIMITS: &str = "<!-- table of limits -->";
const TABLE_OF_STORED_KEYS: &str = "<!-- table of stored keys -->";
const TABLE_OF_TIMES: &str = "<!-- table of times -->";
const LIST_OF_DIFFERENCES: &str = "<!-- list of differences -->";

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
pub(in crate::cli) const TOPICS: [Topic; 15] = [
    topic!("ladder", "The steps of a release, the switch, and what happens when one fails"),
    topic!("configuration", "The file, its layers, and every part of it"),
    topic!("etcd", "Which keys Greenroom stores in etcd, and users and roles there"),
    topic!("nginx", "The first installation, the switch, the preview and access logs"),
    topic!("docker", "Containers, names, the image registry and its passwords"),
    topic!("drift", "Differences between servers, and how they are repaired"),
    topic!("holds", "Holds and freezes: when nothing is promoted"),
    topic!("approvals", "Releases that another person has to approve"),
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
        let text = self.text.replace(TABLE_OF_KEYS, &keys::table());
        let text = text.replace(TABLE_OF_LIMITS, &limits::table(&wire::bounds()));
        let text = text.replace(TABLE_OF_TIMES, &times());
        let text = text.replace(TABLE_OF_STORED_KEYS, &stored_keys());
        text.replace(LIST_OF_DIFFERENCES, &differences())
    }
}

/// All keys of `timing`, with their built-in values.
fn times() -> String {
    let mut text = "| key | built in | meaning |\n|---|---|---|".to_owned();
    for row in TIMING {
        let (key, built_in, meaning) = (row.key, row.built_in(), row.meaning());
        let _ = write!(text, "\n| `{key}` | {built_in} | {meaning} |");
    }
    text
}

/// All keys below a target in the store.
fn stored_keys() -> String {
    let mut text = "| key | what it contains |\n|---|---|".to_owned();
    for row in STORED_KEYS {
        let _ = write!(text, "\n| `{}` | {} |", row.name, row.contents);
    }
    text
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
