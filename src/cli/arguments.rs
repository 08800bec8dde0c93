//! What can be said to the program. Help, completions and the man page are made from this.

mod history;

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};
use clap_complete::engine::ArgValueCompleter;

use super::complete;
use super::exit::MEANINGS;
use super::help::topics;
use crate::inventory::drift::Name;
use crate::inventory::{EnvironmentName, ServiceName, VersionRef};
use crate::settings::nearest;

pub(crate) use history::{
    Compare, History, HistoryVerb, PruneHistory, SealHistory, Show, Timeline, Verify,
};

/// What is said after the help of the program.
fn after_help() -> String {
    let mut text = "Exit codes:\n".to_owned();
    for (exit, meaning) in MEANINGS {
        let _ = writeln!(text, "  {:<3}  {meaning}", exit.code());
    }
    let _ = write!(text, "\n{}", topics::list());
    text.push_str("\nMore help: greenroom help VERB, greenroom help TOPIC");
    text
}

/// A release console for the terminal: blue-green releases on your own hosts, step by step.
#[derive(Debug, Parser)]
#[command(name = "greenroom", version, about, after_help = after_help(), arg_required_else_help = false, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

impl Arguments {
    /// Whether standard output carries lines of JSON. Comma-separated values win over them, and the sample
    /// application prints its own lines.
    pub(crate) fn prints_json(&self) -> bool {
        let is_other = match &self.verb {
            Some(Verb::History(history)) => history.csv,
            Some(Verb::SampleApp { .. }) => true,
            _ => false,
        };
        self.common.json && !is_other
    }
}

#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The configuration file [default: ./greenroom.toml, then the user's configuration directory]
    #[arg(
        long,
        short,
        global = true,
        env = "GREENROOM_CONFIG",
        // Unlike the parser for paths it takes an empty text: a variable that is set to nothing names no file.
        value_parser = OsStringValueParser::new().map(PathBuf::from),
        value_name = "FILE"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Lays one value over the configuration, e.g. --set defaults.timing.watch=2m
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Only look: nothing that changes anything is even built
    #[arg(long, global = true)]
    pub(crate) read_only: bool,
    /// Lines of JSON for programs; greenroom help json describes them
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Makes a version live
    Promote(Promote),
    /// Goes back to a version that was live
    Rollback(Rollback),
    /// Goes on with a release that lost its driver, backs it out, or leaves it
    Resume(Resume),
    /// Repairs what drifted: containers, registrations, the route, the proxy
    Repair(Repair),
    /// Approves a release that somebody else drives, where its environment asks for others
    ///
    /// Every operator may, except those who opened or drive the release. Where the store is an etcd with users, the name
    /// is the user's: set `from = "etcd"` in [operator]. Elsewhere a name is a claim that the store cannot prove.
    Approve(Approve),
    /// Stops promotes of a target, or lets them be again; alone, lists what stops which
    Hold(Hold),
    /// Removes images that no target of an engine needs any more, after showing which and why the others stay
    Prune(Prune),
    /// Shows what runs where, as observed now
    ///
    /// Answers within three seconds. What a server that does not answer would say is unknown, and `null` in JSON. Ends
    /// with 3 when a person has to look: something is unknown or differs, what is live is unwell, the public is not
    /// served, or a release was interrupted.
    Status(Status),
    /// Lists what was released, compares two releases, verifies the records
    History(History),
    /// Shows one release: plan, steps, checks, decisions
    Show(Show),
    /// Checks every path, server and permission that Greenroom relies on
    ///
    /// Tries them all within five seconds, and ends with what to do next. What it writes to prove that it can, it
    /// removes again.
    Doctor,
    /// Looks at the configuration
    #[command(subcommand)]
    Config(Config),
    /// Tries everything out on this machine alone: nothing to install, no network
    Sandbox(Sandbox),
    /// Prints the script that makes a shell complete
    ///
    /// Verbs and options are completed, and services, environments, versions and release ids as well. For bash, add
    /// this line to ~/.bashrc:
    ///
    ///   source <(greenroom completions bash)
    ///
    /// For zsh the same in ~/.zshrc. For fish: greenroom completions fish | source, in ~/.config/fish/config.fish.
    /// Versions are asked of the image registry and of the history, for one second at most; what cannot be reached
    /// completes nothing.
    #[command(verbatim_doc_comment)]
    Completions {
        /// Which shell
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(complete::SHELLS))]
        shell: String,
    },
    /// Prints the manual page, or writes one for every verb and topic
    Man {
        /// Writes greenroom.1, greenroom-promote.1, greenroom-ladder.7 and so on into this directory; if it is called
        /// man1, the pages of topics into man7 beside it
        #[arg(long, value_name = "DIRECTORY", value_hint = clap::ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// Prints help about a verb or a topic
    Help(Help),
    /// Runs the sample application of the sandbox
    #[command(hide = true, disable_help_flag = true)]
    SampleApp {
        /// Its own arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Promote {
    /// The service, e.g. web
    #[arg(add = ArgValueCompleter::new(complete::services))]
    pub(crate) service: ServiceName,
    /// The environment, e.g. production
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    pub(crate) environment: EnvironmentName,
    /// The version: a tag, resolved once, or a digest
    #[arg(
        long,
        value_name = "TAG|DIGEST",
        required_unless_present = "from",
        conflicts_with = "from",
        add = ArgValueCompleter::new(complete::tags)
    )]
    pub(crate) version: Option<VersionRef>,
    /// Whatever is live in that environment now
    #[arg(long, value_name = "ENVIRONMENT", add = ArgValueCompleter::new(complete::environments))]
    pub(crate) from: Option<EnvironmentName>,
    /// Why; it is kept with the release
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Why it is done although a hold or a freeze stands; in a protected environment somebody else has to
    /// approve it
    #[arg(long, value_name = "WHY", value_parser = some_words)]
    pub(crate) override_hold: Option<String>,
    /// Ends after the watch and leaves the old version running, for a quick rollback
    ///
    /// No operator stops the old version then: it runs until the next release of the target, or until
    /// `greenroom resume SERVICE ENVIRONMENT`, which waits for what is left of the standby time and stops it.
    #[arg(long)]
    pub(crate) no_standby_wait: bool,
    /// Yes to everything in advance; a protected environment's rules have to allow it
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The service, e.g. web
    #[arg(add = ArgValueCompleter::new(complete::services))]
    pub(crate) service: ServiceName,
    /// The environment, e.g. production
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    pub(crate) environment: EnvironmentName,
    /// The release: its id, the beginning of its id, or the last eight characters, as screens show them [default: the open release]
    #[arg(value_name = "RELEASE", add = ArgValueCompleter::new(complete::releases))]
    pub(crate) release: Option<String>,
    /// A word about it; it is kept with the release
    #[arg(long, value_name = "TEXT", conflicts_with = "take_back")]
    pub(crate) note: Option<String>,
    /// Takes back what you have approved
    #[arg(long)]
    pub(crate) take_back: bool,
    /// Yes in advance; a protected environment's rules have to allow it
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Hold {
    /// The service, e.g. web
    #[arg(requires = "environment", add = ArgValueCompleter::new(complete::services))]
    pub(crate) service: Option<ServiceName>,
    /// The environment, e.g. production
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    pub(crate) environment: Option<EnvironmentName>,
    /// Why nothing may be promoted there; with --clear, why it may be again
    #[arg(long, value_name = "TEXT", requires = "service", value_parser = some_words)]
    pub(crate) reason: Option<String>,
    /// Until when: 2h, 3d, 18:00, monday, 2026-12-01, 2026-12-01T14:00, in this machine's time zone [default: until it is cleared]
    #[arg(
        long,
        value_name = "TIME",
        requires = "reason",
        conflicts_with = "clear"
    )]
    pub(crate) until: Option<String>,
    /// Clears the hold that stands
    #[arg(long, requires = "service")]
    pub(crate) clear: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The service, e.g. web
    #[arg(add = ArgValueCompleter::new(complete::services))]
    pub(crate) service: ServiceName,
    /// The environment, e.g. production
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    pub(crate) environment: EnvironmentName,
    /// A version that was live here [default: the one that is still warm]
    #[arg(long, value_name = "TAG|DIGEST", add = ArgValueCompleter::new(complete::rollback_versions))]
    pub(crate) to: Option<VersionRef>,
    /// Lists what can be gone back to, and why the rest cannot; does nothing
    #[arg(long, conflicts_with_all = ["to", "reason", "yes", "no_standby_wait"])]
    pub(crate) list: bool,
    /// Why; it is kept with the release
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Ends after the watch and leaves the version before running, as `promote --no-standby-wait` does
    #[arg(long)]
    pub(crate) no_standby_wait: bool,
    /// Yes to everything in advance; a protected environment's rules have to allow it
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag on the command line"
)]
pub(crate) struct Resume {
    /// The service, e.g. web
    #[arg(add = ArgValueCompleter::new(complete::services))]
    pub(crate) service: ServiceName,
    /// The environment, e.g. production
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    pub(crate) environment: EnvironmentName,
    /// The release: its id, the beginning of its id, or the last eight characters, as screens show them [default: the open release]
    #[arg(value_name = "RELEASE", add = ArgValueCompleter::new(complete::releases))]
    pub(crate) release: Option<String>,
    /// Undoes everything that was begun, instead of going on
    #[arg(long, conflicts_with = "leave")]
    pub(crate) back_out: bool,
    /// Ends it where it stands, and touches nothing
    #[arg(long)]
    pub(crate) leave: bool,
    /// Takes it from whoever drives it now; their next write is refused
    #[arg(long, requires = "reason")]
    pub(crate) take_over: bool,
    /// Why; it is kept with the release
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Yes to everything in advance; a protected environment's rules have to allow it
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Repair {
    /// The service, e.g. web
    #[arg(add = ArgValueCompleter::new(complete::services))]
    pub(crate) service: ServiceName,
    /// The environment, e.g. production
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    pub(crate) environment: EnvironmentName,
    /// Only what differs by this name, as `greenroom status` says it, e.g. proxy-edited
    #[arg(long, value_name = "NAME", value_parser = drift_name, add = ArgValueCompleter::new(complete::differences))]
    pub(crate) only: Option<Name>,
    /// Shows what would be done, and does nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Yes in advance; a protected environment's rules have to allow it
    #[arg(long, short)]
    pub(crate) yes: bool,
}

fn drift_name(text: &str) -> Result<Name, String> {
    let found = Name::ALL.into_iter().find(|name| name.as_str() == text);
    found.ok_or_else(|| {
        let all: Vec<&str> = Name::ALL.into_iter().map(Name::as_str).collect();
        match nearest(text, all.iter().copied()) {
            Some(near) => format!("there is no such difference: did you mean {near}?"),
            None => format!(
                "there is no such difference: it is one of {}",
                all.join(", ")
            ),
        }
    })
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Only this service
    #[arg(add = ArgValueCompleter::new(complete::services))]
    pub(crate) service: Option<ServiceName>,
    /// Only this environment
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    pub(crate) environment: Option<EnvironmentName>,
}

#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Only this service
    #[arg(add = ArgValueCompleter::new(complete::services))]
    pub(crate) service: Option<ServiceName>,
    /// Only this environment, and whoever shares its engine and image
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    pub(crate) environment: Option<EnvironmentName>,
    /// Only says what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Without asking
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Says whether the configuration is right, or everything that is wrong with it
    Check,
    /// Prints the JSON schema of the configuration, for editors
    Schema,
    /// Writes a commented configuration to start from
    Init {
        /// Where to; never over a file that is there
        #[arg(default_value = "greenroom.toml")]
        path: PathBuf,
    },
    /// Prints every value in effect and where it came from
    Show,
}

#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    /// Keeps everything in this directory instead of a temporary one
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) directory: Option<PathBuf>,
    /// Only runs the world, without the console, until it is interrupted
    #[arg(long)]
    pub(crate) headless: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Help {
    /// A verb, e.g. `history compare`, or a topic, e.g. `ladder` [default: lists verbs and topics]
    #[arg(add = ArgValueCompleter::new(complete::topics))]
    pub(crate) topic: Vec<String>,
    /// With `json`: prints the JSON schema of every line
    #[arg(long)]
    pub(crate) schema: bool,
}

fn some_words(text: &str) -> Result<String, String> {
    let words = text.trim();
    if words.is_empty() {
        return Err("it is kept with your name: write a word or two".into());
    }
    Ok(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_make_sense_to_clap() {
        Arguments::command().debug_assert();
    }
}
