//! Manual pages: one for every verb, made from its [`VerbDefinition`], and one for every topic.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use roff::{Roff, bold, roman};

use super::arguments::{Arguments, Common, Verb, VerbDefinition};
use super::exit::MEANINGS;
use super::out::say_bytes;
use super::{Exit, json};
use crate::diagnostics::LogFile;
use crate::private_files;

/// Prints the manual page, or writes one for every verb and topic
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Writes greenroom.1, greenroom-promote.1, greenroom-ladder.7 and so on into this directory; if the directory
    /// is called man1, the pages of topics go into man7 next to it
    #[arg(long, value_name = "DIRECTORY", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

impl VerbDefinition for Man {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("man", &[("greenroom man --dir ~/.local/share/man/man1", "Writes the pages of all verbs into man1, and the pages of all topics into man7 next to man1.")], &["help"], &[]),
    ];
    const LOG_FILE: LogFile = LogFile::OnRequest;

    async fn run(self, _: &Common) -> Exit {
        run(self.dir.as_deref())
    }
}

mod topics;

/// A verb, example commands with their descriptions, related verbs, and topics that explain the verb.
pub(super) type Manual = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [&'static str],
    &'static [&'static str],
);

/// The page of the program.
#[rustfmt::skip]
const PROGRAM: Manual =
    ("", &[("greenroom", "Opens the console."), ("greenroom --read-only", "Opens the console so that nothing can be changed.")], &["status", "promote", "config", "doctor", "sandbox"], &["ladder", "configuration", "keys", "security"]);

#[rustfmt::skip]
const FILES: &[(&str, &str)] = &[
    ("./greenroom.toml, $XDG_CONFIG_HOME/greenroom/greenroom.toml", "The configuration file: the first of these that exists, unless --config or GREENROOM_CONFIG names one."),
    ("$XDG_CONFIG_HOME/greenroom/themes/", "Themes of your own."),
    ("$XDG_DATA_HOME/greenroom/greenroom.db", "The store, if no etcd is configured."),
    ("$XDG_STATE_HOME/greenroom/archive.db", "The archive of releases, holds and repairs."),
    ("$XDG_STATE_HOME/greenroom/log/", "Log files."),
];

#[rustfmt::skip]
const VARIABLES: &[(&str, &str)] = &[
    ("GREENROOM_CONFIG", "The configuration file."),
    ("GREENROOM__SECTION__KEY", "Sets one value of the configuration, e.g. GREENROOM__DEFAULTS__TIMING__WATCH=3m."),
    ("GREENROOM_LOG", "Selects what is logged, e.g. debug, or greenroom::release=trace."),
    ("NO_COLOR", "If set, the console uses no colours."),
    ("HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY", "The outbound proxy for the image registry and notices."),
];

struct Page {
    file: String,
    text: Vec<u8>,
}

/// Prints the page of the program, or writes the pages of all verbs and topics into a directory.
fn run(directory: Option<&Path>) -> Exit {
    let pages = match pages() {
        Ok(pages) => pages,
        Err(error) => {
            warn_line!("greenroom: the manual pages cannot be made: {error}");
            return Exit::Failed;
        }
    };
    let Some(directory) = directory else {
        if let Some(page) = pages.first() {
            say_bytes(&page.text);
        }
        return Exit::Done;
    };
    let mut files = Vec::new();
    let mut counts = BTreeMap::new();
    for page in pages {
        let directory = directory_of(&page, directory);
        let path = directory.join(&page.file);
        let written = std::fs::create_dir_all(&directory)
            .and_then(|()| private_files::write_for_all(&path, &page.text));
        if let Err(error) = written {
            warn_line!("greenroom: cannot write {}: {error}", path.display());
            return Exit::Failed;
        }
        files.push(path);
        *counts.entry(directory).or_insert(0) += 1;
    }
    for (directory, count) in counts {
        say_line!("wrote {count} pages into {}", directory.display());
    }
    json::answer(serde_json::json!({ "files": files }));
    Exit::Done
}

/// The directory of a page. If `directory` is named `man1`, pages of section 7 go into `man7` next to it, where `man`
/// searches for them.
fn directory_of(page: &Page, directory: &Path) -> PathBuf {
    if page.file.ends_with(".7") && directory.ends_with("man1") {
        return directory.with_file_name("man7");
    }
    directory.to_owned()
}

/// The page of the program, then one for every verb and one for every topic.
fn pages() -> io::Result<Vec<Page>> {
    let mut root = Arguments::command();
    // Sets the full name of every verb.
    root.build();
    let mut pages = Vec::new();
    collect_pages(&root, "", &mut pages)?;
    pages.extend(topics::pages()?);
    Ok(pages)
}

fn collect_pages(command: &Command, verb: &str, pages: &mut Vec<Page>) -> io::Result<()> {
    pages.push(page(command, verb)?);
    for inner in command.get_subcommands().filter(|it| !it.is_hide_set()) {
        let verb = format!("{verb} {}", inner.get_name());
        collect_pages(inner, verb.trim_start(), pages)?;
    }
    Ok(())
}

fn page(command: &Command, verb: &str) -> io::Result<Page> {
    let name = page_name(verb);
    let man = clap_mangen::Man::new(command.clone()).title(&name);
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.get_subcommands().any(|it| !it.is_hide_set()) {
        man.render_subcommands_section(&mut text)?;
    }
    let codes = MEANINGS
        .iter()
        .map(|(exit, meaning)| (exit.code().to_string(), *meaning));
    section("EXIT STATUS", codes).to_writer(&mut text)?;
    section("FILES", FILES.iter().copied()).to_writer(&mut text)?;
    section("ENVIRONMENT", VARIABLES.iter().copied()).to_writer(&mut text)?;
    if let Some((_, examples, related, topics)) = manual(verb) {
        section("EXAMPLES", examples.iter().copied()).to_writer(&mut text)?;
        let program = (!verb.is_empty()).then(|| page_name(""));
        let related = program
            .into_iter()
            .chain(related.iter().map(|verb| page_name(verb)));
        let related = related.map(|name| format!("{name}(1)"));
        let topics = topics
            .iter()
            .map(|topic| format!("{}(7)", page_name(topic)));
        see_also(&related.chain(topics).collect::<Vec<_>>()).to_writer(&mut text)?;
    }
    Ok(Page {
        file: format!("{name}.1"),
        text,
    })
}

fn page_name(verb: &str) -> String {
    let parts = std::iter::once("greenroom").chain(verb.split_whitespace());
    parts.collect::<Vec<_>>().join("-")
}

/// What the pages say in addition to the arguments.
fn manuals() -> impl Iterator<Item = &'static Manual> {
    std::iter::once(&PROGRAM).chain(Verb::manuals())
}

fn manual(verb: &str) -> Option<&'static Manual> {
    manuals().find(|(of, ..)| *of == verb)
}

/// The topics that explain a verb.
pub(super) fn topics_of(verb: &str) -> &'static [&'static str] {
    match manual(verb) {
        Some((_, _, _, topics)) => topics,
        None => &[],
    }
}

fn see_also(pages: &[String]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"])
        .text([roman(pages.join(", "))]);
    roff
}

/// A section of terms with their meanings.
fn section<'a>(title: &str, rows: impl Iterator<Item = (impl Into<String>, &'a str)>) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (term, meaning) in rows {
        roff.control("TP", []);
        roff.text([bold(term.into())]);
        roff.text([roman(meaning)]);
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::help::topics::TOPICS;

    fn verb_pages() -> Vec<Page> {
        let mut pages = pages().expect("pages");
        pages.retain(|page| page.file.ends_with(".1"));
        pages
    }

    /// The verb of every page.
    fn verbs() -> Vec<String> {
        let name = |page: &Page| {
            let name = page
                .file
                .trim_start_matches("greenroom")
                .trim_end_matches(".1");
            name.trim_start_matches('-').replace('-', " ")
        };
        verb_pages().iter().map(name).collect()
    }

    #[test]
    fn every_verb_has_a_page_with_all_its_sections() {
        for page in verb_pages() {
            let text = String::from_utf8(page.text).expect("text");
            for title in [
                "NAME",
                "SYNOPSIS",
                "EXIT STATUS",
                "FILES",
                "ENVIRONMENT",
                "EXAMPLES",
                "SEE ALSO",
            ] {
                let is_there = text.lines().any(|line| {
                    line.strip_prefix(".SH ")
                        .is_some_and(|it| it.trim_matches('"') == title)
                });
                assert!(is_there, "{}: {title} in {text}", page.file);
            }
        }
    }

    #[test]
    fn topics_are_written_into_the_directory_of_their_section() {
        let page = |file: &str| Page {
            file: file.to_owned(),
            text: Vec::new(),
        };
        let (verb, topic) = (page("greenroom-help.1"), page("greenroom-json.7"));
        let (usual, own) = (Path::new("/a/man/man1"), Path::new("/a/pages"));
        assert_eq!(directory_of(&verb, usual), usual);
        assert_eq!(directory_of(&topic, usual), Path::new("/a/man/man7"));
        assert_eq!(directory_of(&topic, own), own);
    }

    #[test]
    fn examples_can_be_parsed_and_name_existing_pages() {
        let verbs = verbs();
        for (verb, examples, related, topics) in manuals() {
            assert!(verbs.iter().any(|known| known == verb), "{verb}");
            for verb in *related {
                assert!(verbs.iter().any(|known| known == verb), "{verb}");
            }
            for topic in *topics {
                let is_known = TOPICS.iter().any(|known| known.name == *topic);
                assert!(is_known, "{topic}");
            }
            for (example, _) in *examples {
                let command = example.split(['>', '|']).next().unwrap_or_default();
                let command = command
                    .trim()
                    .trim_start_matches("source <(")
                    .trim_end_matches(')');
                let command = command
                    .replace('"', "")
                    .replace("fix basket", "fix")
                    .replace("checked the basket", "checked");
                let parsed = Arguments::command().try_get_matches_from(command.split_whitespace());
                assert!(parsed.is_ok(), "{example}: {}", parsed.expect_err("wrong"));
            }
        }
    }
}
