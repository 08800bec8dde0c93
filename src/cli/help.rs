//! `greenroom help`, and the messages about wrong arguments in JSON.

use std::io::{self, IsTerminal as _};

mod keys;
mod limits;
pub(in crate::cli) mod markdown;
mod table;
mod text;
pub(in crate::cli) mod topics;

use clap::{ArgMatches, Args, Command, CommandFactory};
use clap_complete::engine::ArgValueCompleter;

use super::arguments::{Arguments, Common, VerbDefinition};
use super::complete;
use super::json::{NO_VERB, SCHEMA};
use super::man::Manual;
use super::out::say_bytes;
use super::{Exit, json, names};
use crate::diagnostics::LogFile;
use text::Page;
use topics::{JSON, TOPICS, Topic};

/// Prints help about a verb or a topic
#[derive(Debug, Args)]
pub(crate) struct Help {
    /// A verb, e.g. `history compare`, or a topic, e.g. `ladder` [default: lists verbs and topics]
    #[arg(add = ArgValueCompleter::new(complete::topics))]
    topic: Vec<String>,
    /// With `json`: prints the JSON schema of every line
    #[arg(long)]
    schema: bool,
}

impl VerbDefinition for Help {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("help", &[("greenroom help history compare", "Prints the help of a verb."), ("greenroom help ladder", "Explains the steps of a release."), ("greenroom help json", "Describes what --json prints."), ("greenroom help json --schema", "Prints the JSON schema of that output."), ("greenroom help limits", "Shows how much Greenroom reads from each server.")], &["man"], &["json", "limits"]),
    ];
    const LOG_FILE: LogFile = LogFile::OnRequest;

    async fn run(self, _: &Common) -> Exit {
        run(&self)
    }
}

/// The width of a page that is not written to a terminal.
const WIDTH: usize = 80;
/// The width of the widest page on a terminal. Longer lines are hard to read.
const WIDEST: usize = 100;
const NARROWEST: usize = 30;

fn run(verb: &Help) -> Exit {
    let path: Vec<&str> = verb.topic.iter().map(String::as_str).collect();
    if verb.schema {
        return schema(&path);
    }
    let topic = match path.as_slice() {
        [name] => topics::find(name),
        _ => None,
    };
    match topic {
        // A verb and a topic can have the same name. Then the help of the verb is printed first, and the topic after
        // it.
        Some(topic) => {
            if is_verb(topic.name) {
                print_verb_help(&path);
                say_line!("");
            }
            print_topic(topic);
            Exit::Done
        }
        None => print_verb_help(&path),
    }
}

fn schema(path: &[&str]) -> Exit {
    if path != [JSON] {
        return names::refuse(
            "--schema can only be used with the topic json",
            "greenroom help json --schema",
        );
    }
    if let Ok(schema) = serde_json::from_str::<serde_json::Value>(SCHEMA) {
        json::answer(serde_json::json!({ "schema": schema }));
    }
    say_line!("{}", SCHEMA.trim_end());
    Exit::Done
}

fn print_topic(topic: &Topic) {
    let page = page();
    let text = text::render(&topic.blocks(), page);
    if page.styled {
        // The topics are part of the program, so all escape sequences are those that `text` writes.
        say_bytes(text.as_bytes());
    } else {
        say_line!("{}", text.trim_end());
    }
}

/// The width and style of a page on standard output.
fn page() -> Page {
    if json::is_on() || !io::stdout().is_terminal() {
        return Page {
            width: WIDTH,
            styled: false,
        };
    }
    let size = rustix::termios::tcgetwinsize(io::stdout());
    let columns = size.map_or(0, |size| usize::from(size.ws_col));
    // A terminal that does not know its size reports 0.
    let columns = if columns == 0 { WIDTH } else { columns };
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    Page {
        width: columns.clamp(NARROWEST, WIDEST),
        styled: !is_set("NO_COLOR") && !is_dumb,
    }
}

fn is_verb(name: &str) -> bool {
    let root = Arguments::command();
    visible(&root).any(|verb| verb.get_name() == name)
}

fn print_verb_help(path: &[&str]) -> Exit {
    let mut root = Arguments::command();
    // Sets the full name of every verb.
    root.build();
    let mut command = &mut root;
    for name in path {
        let known = visible(command).map(Command::get_name).map(str::to_owned);
        let mut known: Vec<String> = known.collect();
        if command.get_name() == NO_VERB {
            known.extend(TOPICS.iter().map(|topic| topic.name.to_owned()));
        }
        if !known.iter().any(|known| known == name) {
            let known = known.iter().map(String::as_str).collect();
            let message = format!("there is no verb or topic {name}");
            let hint = if command.has_subcommands() {
                names::suggestion(name, &known)
            } else {
                format!("{} has no verbs of its own", command.get_name())
            };
            return names::refuse(&message, &hint);
        }
        let Some(found) = command.find_subcommand_mut(name) else {
            return Exit::Usage;
        };
        command = found;
    }
    say_line!("{}", command.render_long_help().to_string().trim_end());
    Exit::Done
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    let verbs = command.get_subcommands();
    verbs.filter(|command| !command.is_hide_set())
}

/// The verb on the command line with its subcommand, e.g. `history compare`.
pub(super) fn verb_name(matches: &ArgMatches) -> String {
    let mut names = Vec::new();
    let mut matches = matches;
    while let Some((name, inner)) = matches.subcommand() {
        names.push(name);
        matches = inner;
    }
    if names.is_empty() {
        return NO_VERB.to_owned();
    }
    names.join(" ")
}

/// If the command line contains `--json`, returns its verb. For command lines that clap does not parse: with a mistake,
/// `--help` or `--version`.
pub(super) fn json_was_asked_for() -> Option<String> {
    let arguments = std::env::args_os().skip(1);
    let arguments = arguments.map(|word| word.to_string_lossy().into_owned());
    verb_if_json(arguments.collect())
}

fn verb_if_json(mut arguments: Vec<String>) -> Option<String> {
    let end = arguments.iter().position(|word| word == "--");
    arguments.truncate(end.unwrap_or(arguments.len()));
    if !arguments.iter().any(|word| word == "--json") {
        return None;
    }
    let root = Arguments::command();
    let mut command = &root;
    let mut names = Vec::new();
    for word in &arguments {
        if let Some(found) = command.find_subcommand(word).filter(|it| !it.is_hide_set()) {
            names.push(found.get_name().to_owned());
            command = found;
        }
    }
    if names.is_empty() || command.get_name() == "config" {
        return Some(NO_VERB.to_owned());
    }
    Some(names.join(" "))
}

/// Puts the text that clap would print (help, version or an error) into the last line of JSON. An error is printed on
/// standard error too.
pub(super) fn in_json(error: &clap::Error) -> Exit {
    let text = error.render().to_string();
    if !error.use_stderr() {
        json::answer(serde_json::json!({ "text": text.trim_end() }));
        return Exit::Done;
    }
    let _ = error.print();
    let (message, hint) = mistake(&text);
    json::fail(json::Kind::Usage, &message, hint.as_deref());
    Exit::Usage
}

/// Splits clap's message into what is wrong and what to do: the tip, otherwise the usage.
fn mistake(text: &str) -> (String, Option<String>) {
    let message: Vec<&str> = text
        .lines()
        .take_while(|line| !line.trim().is_empty())
        .map(str::trim)
        .collect();
    let message = message.join(" ");
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    let lines = || text.lines().map(str::trim);
    let tip = lines().find_map(|line| line.strip_prefix("tip: "));
    let usage = lines().find(|line| line.starts_with("Usage: "));
    (message.to_owned(), tip.or(usage).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    fn wrong(arguments: &[&str]) -> (String, Option<String>) {
        let error = Arguments::command().try_get_matches_from(arguments);
        let error = error.expect_err("wrong arguments");
        assert_ne!(error.kind(), ErrorKind::DisplayHelp);
        mistake(&error.render().to_string())
    }

    #[test]
    fn a_mistyped_verb_gets_a_suggestion() {
        let (message, hint) = wrong(&["greenroom", "stauts"]);
        assert_eq!(message, "unrecognized subcommand 'stauts'");
        let hint = hint.expect("a hint");
        assert!(hint.contains("'status'"), "{hint}");
        let (message, hint) = wrong(&["greenroom", "promote", "web", "qa"]);
        assert!(message.contains("--version"), "{message}");
        assert!(hint.is_some_and(|hint| hint.starts_with("Usage: greenroom promote")));
    }

    #[test]
    fn the_verb_of_wrong_arguments_is_found_for_json() {
        let found = |arguments: &[&str]| {
            verb_if_json(arguments.iter().map(|&word| word.to_owned()).collect())
        };
        assert_eq!(found(&["promote", "web"]), None);
        assert_eq!(found(&["promote", "--", "--json"]), None);
        assert_eq!(found(&["--json", "stauts"]).as_deref(), Some("greenroom"));
        assert_eq!(
            found(&["--json", "promote", "web"]).as_deref(),
            Some("promote")
        );
        let compare = ["history", "compare", "--json"];
        assert_eq!(found(&compare).as_deref(), Some("history compare"));
        assert_eq!(found(&["--json", "config"]).as_deref(), Some("greenroom"));
    }
}
