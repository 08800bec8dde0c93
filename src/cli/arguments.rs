//! The arguments of the program. Help, completions and manual pages are made from them.

mod history;

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand};
use clap_complete::engine::ArgValueCompleter;

use super::complete;
use super::exit::MEANINGS;
use super::help::topics;
use super::man;
use crate::inventory::drift::Name;
use crate::inventory::{EnvironmentName, ServiceName, VersionRef};
use crate::settings::nearest;

pub(crate) use history::{
    Compare, History, HistoryVerb, PruneHistory, SealHistory, Show, Timeline, Verify,
};

/// The text after the program's help.
fn after_help() -> String {
    let mut text = "Exit codes:\n".to_owned();
    for (exit, meaning) in MEANINGS {
        let _ = writeln!(text, "  {:<3}  {meaning}", exit.code());
    }
    let _ = write!(text, "\n{}", topics::list());
    text.push_str("\nMore help: greenroom help VERB, greenroom help TOPIC");
    text
}

/// The line after the help of a verb: the topics that explain the verb.
fn see_also(verb: &str) -> String {
    format!(
        "See also: greenroom help {}",
        man::topics_of(verb).join(", ")
    )
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
    /// Whether standard output carries lines of JSON. `--csv` overrides `--json`, and the sample application prints
    /// its own lines.
    pub(crate) fn prints_json(&self) -> bool {
        let has_own_format = match &self.verb {
            Some(Verb::History(history)) => history.csv,
            Some(Verb::SampleApp { .. }) => true,
            _ => false,
        };
        self.common.json && !has_own_format
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
        // Unlike clap's parser for paths, this parser accepts an empty text, because an empty variable names no file.
        value_parser = OsStringValueParser::new().map(PathBuf::from),
        value_name = "FILE"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Sets one value of the configuration, e.g. --set defaults.timing.watch=2m
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Shows everything and changes nothing
    #[arg(long, global = true)]
    pub(crate) read_only: bool,
    /// Prints lines of JSON for programs; greenroom help json describes them
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Makes a version live
    #[command(after_help = see_also("promote"))]
    Promote(Promote),
    /// Goes back to a version that was live
    #[command(after_help = see_also("rollback"))]
    Rollback(Rollback),
    /// Resumes a release that lost its driver, backs it out, or leaves it as it is
    #[command(after_help = see_also("resume"))]
    Resume(Resume),
    /// Repairs differences: containers, registrations, the route, the proxy
    #[command(after_help = see_also("repair"))]
    Repair(Repair),
    /// Approves a release that another operator drives, if its environment requires that
    ///
    /// Every operator may approve, except those who opened or drive the release. If the store is an etcd with users,
    /// set `from = "etcd"` in [operator]: the operator's name is then the name of the etcd user. No other store can
    /// authenticate the name.
    #[command(after_help = see_also("approve"))]
    Approve(Approve),
    /// Stops promotes of a target, or allows them again; without a target, lists all holds and freezes
    #[command(after_help = see_also("hold"))]
    Hold(Hold),
    /// Removes images that no target needs; first shows which, and why the others stay
    #[command(after_help = see_also("prune"))]
    Prune(Prune),
    /// Shows what runs where, as observed now
    ///
    /// Answers within three seconds. A value that is unknown because a server does not answer is `null` in JSON. The
    /// exit code is 3 when a person has to look: something is unknown or differs, the live version is unhealthy, the
    /// public address answers with errors, or a release was interrupted.
    #[command(after_help = see_also("status"))]
    Status(Status),
    /// Lists releases, compares two, verifies the records
    #[command(after_help = see_also("history"))]
    History(History),
    /// Shows one release: plan, steps, checks, decisions
    #[command(after_help = see_also("show"))]
    Show(Show),
    /// Checks every path, server and permission that Greenroom relies on
    ///
    /// Tests all of them within five seconds, and then says what to do next. Removes the files that it writes for a
    /// test.
    #[command(after_help = see_also("doctor"))]
    Doctor,
    /// Checks, shows or creates the configuration
    #[command(subcommand, after_help = see_also("config"))]
    Config(Config),
    /// Runs Greenroom with sample services on this machine: nothing to install, no network
    #[command(after_help = see_also("sandbox"))]
    Sandbox(Sandbox),
    /// Prints the completion script of a shell
    ///
    /// Completes verbs, options, services, environments, versions and release ids. For bash, add
    /// this line to ~/.bashrc:
    ///
    ///   source <(greenroom completions bash)
    ///
    /// For zsh, add the line to ~/.zshrc, with zsh instead of bash. For fish, add this line to
    /// ~/.config/fish/config.fish:
    ///
    ///   greenroom completions fish | source
    ///
    /// Versions come from the image registry and the history, within one second. If a server does not answer,
    /// nothing is completed.
    #[command(verbatim_doc_comment)]
    Completions {
        /// The shell
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(complete::SHELLS))]
        shell: String,
    },
    /// Prints the manual page, or writes one for every verb and topic
    Man {
        /// Writes greenroom.1, greenroom-promote.1, greenroom-ladder.7 and so on into this directory; if the directory
        /// is called man1, the pages of topics go into man7 next to it
        #[arg(long, value_name = "DIRECTORY", value_hint = clap::ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
    /// Prints help about a verb or a topic
    #[command(after_help = see_also("help"))]
    Help(Help),
    /// Runs the sample application of the sandbox
    #[command(hide = true, disable_help_flag = true)]
    SampleApp {
        /// The arguments of the sample application
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
    /// The version: a digest, or a tag, which is resolved once
    #[arg(
        long,
        value_name = "TAG|DIGEST",
        required_unless_present = "from",
        conflicts_with = "from",
        add = ArgValueCompleter::new(complete::tags)
    )]
    pub(crate) version: Option<VersionRef>,
    /// Promotes the version that is live in this environment now
    #[arg(long, value_name = "ENVIRONMENT", add = ArgValueCompleter::new(complete::environments))]
    pub(crate) from: Option<EnvironmentName>,
    /// The reason; it is kept with the release
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Why the release overrides a hold or a freeze; in a protected environment another person must
    /// approve it
    #[arg(long, value_name = "WHY", value_parser = nonblank_text)]
    pub(crate) override_hold: Option<String>,
    /// Ends after the watch and leaves the old version running, for a quick rollback
    ///
    /// The old version then runs until the next release of the target, or until it is stopped by
    /// `greenroom resume SERVICE ENVIRONMENT`, which first waits for the rest of the standby time.
    #[arg(long)]
    pub(crate) no_standby_wait: bool,
    /// Answers yes to every question; a protected environment needs `rules.allow_yes = true`
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
    /// The release: its id, the start of its id, or the last eight characters, as screens show them [default: the open
    /// release]
    #[arg(value_name = "RELEASE", add = ArgValueCompleter::new(complete::releases))]
    pub(crate) release: Option<String>,
    /// A note; it is kept with the release
    #[arg(long, value_name = "TEXT", conflicts_with = "take_back")]
    pub(crate) note: Option<String>,
    /// Takes back your approval
    #[arg(long)]
    pub(crate) take_back: bool,
    /// Answers yes in advance; a protected environment needs `rules.allow_yes = true`
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
    /// Why promotes are stopped; with --clear, why they are allowed again
    #[arg(long, value_name = "TEXT", requires = "service", value_parser = nonblank_text)]
    pub(crate) reason: Option<String>,
    /// When the hold ends: 2h, 3d, 18:00, monday, 2026-12-01, 2026-12-01T14:00, in this machine's time zone [default:
    /// until it is cleared]
    #[arg(
        long,
        value_name = "TIME",
        requires = "reason",
        conflicts_with = "clear"
    )]
    pub(crate) until: Option<String>,
    /// Clears the hold
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
    /// A version that was live before [default: the previous version, if it is still running]
    #[arg(long, value_name = "TAG|DIGEST", add = ArgValueCompleter::new(complete::rollback_versions))]
    pub(crate) to: Option<VersionRef>,
    /// Lists the versions to go back to, and why others cannot be chosen; changes nothing
    #[arg(long, conflicts_with_all = ["to", "reason", "yes", "no_standby_wait"])]
    pub(crate) list: bool,
    /// The reason; it is kept with the release
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Ends after the watch and leaves the previous version running, as `promote --no-standby-wait` does
    #[arg(long)]
    pub(crate) no_standby_wait: bool,
    /// Answers yes to every question; a protected environment needs `rules.allow_yes = true`
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
    /// The release: its id, the start of its id, or the last eight characters, as screens show them [default: the open
    /// release]
    #[arg(value_name = "RELEASE", add = ArgValueCompleter::new(complete::releases))]
    pub(crate) release: Option<String>,
    /// Backs the release out instead of resuming it: undoes every step that was started
    #[arg(long, conflicts_with = "leave")]
    pub(crate) back_out: bool,
    /// Closes the release and changes nothing else: everything stays as it is
    #[arg(long)]
    pub(crate) leave: bool,
    /// Takes the release over from the operator who drives it now; the old driver's next write is refused
    #[arg(long, requires = "reason")]
    pub(crate) take_over: bool,
    /// The reason; it is kept with the release
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Answers yes to every question; a protected environment needs `rules.allow_yes = true`
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
    /// Repairs only the difference with this name, as `greenroom status` shows it, e.g. proxy-edited
    #[arg(long, value_name = "NAME", value_parser = drift_name, add = ArgValueCompleter::new(complete::differences))]
    pub(crate) only: Option<Name>,
    /// Shows what the repair would do, and changes nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Answers yes in advance; a protected environment needs `rules.allow_yes = true`
    #[arg(long, short)]
    pub(crate) yes: bool,
}

fn drift_name(text: &str) -> Result<Name, String> {
    let found = Name::ALL.into_iter().find(|name| name.as_str() == text);
    found.ok_or_else(|| {
        let names: Vec<&str> = Name::ALL.into_iter().map(Name::as_str).collect();
        match nearest(text, names.iter().copied()) {
            Some(near) => format!("no difference has this name; did you mean {near}?"),
            None => format!(
                "no difference has this name; use one of {}",
                names.join(", ")
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
    /// Only this environment, and other environments with the same image on the same Docker host
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    pub(crate) environment: Option<EnvironmentName>,
    /// Only shows what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Removes without asking
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Checks the configuration, and lists all its errors
    #[command(after_help = see_also("config check"))]
    Check,
    /// Prints the JSON schema of the configuration, for editors
    #[command(after_help = see_also("config schema"))]
    Schema,
    /// Writes a commented configuration to start from
    #[command(after_help = see_also("config init"))]
    Init {
        /// The new file; an existing one is never overwritten
        #[arg(default_value = "greenroom.toml")]
        path: PathBuf,
    },
    /// Prints every value in effect and where it came from
    #[command(after_help = see_also("config show"))]
    Show,
}

#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    /// Keeps everything in this directory instead of a temporary one
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) directory: Option<PathBuf>,
    /// Runs the sandbox without the console, until it is interrupted
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

fn nonblank_text(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("write at least one word; the text is kept with your name".into());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn clap_accepts_the_arguments() {
        Arguments::command().debug_assert();
    }
}
