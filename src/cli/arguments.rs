//! What can be said to the program. Help, completions and the man page are made from this.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::history::Outcomes;
use crate::inventory::drift::Name;
use crate::inventory::{EnvironmentName, ServiceName, VersionRef};

const AFTER_HELP: &str = "\
Exit codes:
  0    done, or nothing to do
  1    failed or refused; what was done is backed out
  2    the arguments or the configuration are wrong; nothing was done
  3    a person has to look; it was said what stands where
  130  cancelled";

/// A release console for the terminal: blue-green releases on your own hosts, step by step.
#[derive(Debug, Parser)]
#[command(name = "greenroom", version, about, after_help = AFTER_HELP, arg_required_else_help = false)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The configuration file [default: ./greenroom.toml, then the user's configuration directory]
    #[arg(
        long,
        short,
        global = true,
        env = "GREENROOM_CONFIG",
        value_name = "FILE"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Lays one value over the configuration, e.g. --set defaults.timing.watch=2m
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Only look: nothing that changes anything is even built
    #[arg(long, global = true)]
    pub(crate) read_only: bool,
    /// A line of JSON for each thing that happens, for programs
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
    /// Prints completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Prints the manual page
    Man,
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
    pub(crate) service: ServiceName,
    /// The environment, e.g. production
    pub(crate) environment: EnvironmentName,
    /// The version: a tag, resolved once, or a digest
    #[arg(
        long,
        value_name = "TAG|DIGEST",
        required_unless_present = "from",
        conflicts_with = "from"
    )]
    pub(crate) version: Option<VersionRef>,
    /// Whatever is live in that environment now
    #[arg(long, value_name = "ENVIRONMENT")]
    pub(crate) from: Option<EnvironmentName>,
    /// Why; it is kept with the release
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Why it is done although a hold or a freeze stands; in a protected environment somebody else has to
    /// approve it
    #[arg(long, value_name = "WHY", value_parser = some_words)]
    pub(crate) override_hold: Option<String>,
    /// Yes to everything in advance; a protected environment's rules have to allow it
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The service, e.g. web
    pub(crate) service: ServiceName,
    /// The environment, e.g. production
    pub(crate) environment: EnvironmentName,
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
    #[arg(requires = "environment")]
    pub(crate) service: Option<ServiceName>,
    /// The environment, e.g. production
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
    pub(crate) service: ServiceName,
    /// The environment, e.g. production
    pub(crate) environment: EnvironmentName,
    /// A version that was live here [default: the one that is still warm]
    #[arg(long, value_name = "TAG|DIGEST")]
    pub(crate) to: Option<VersionRef>,
    /// Lists what can be gone back to, and why the rest cannot; does nothing
    #[arg(long, conflicts_with_all = ["to", "reason", "yes"])]
    pub(crate) list: bool,
    /// Why; it is kept with the release
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
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
    pub(crate) service: ServiceName,
    /// The environment, e.g. production
    pub(crate) environment: EnvironmentName,
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
    pub(crate) service: ServiceName,
    /// The environment, e.g. production
    pub(crate) environment: EnvironmentName,
    /// Only what differs by this name, as `greenroom status` says it, e.g. proxy-edited
    #[arg(long, value_name = "NAME", value_parser = drift_name)]
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
        format!(
            "there is no such difference: it is one of {}",
            all.join(", ")
        )
    })
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Only this service
    pub(crate) service: Option<ServiceName>,
    /// Only this environment
    pub(crate) environment: Option<EnvironmentName>,
}

#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Only this service
    pub(crate) service: Option<ServiceName>,
    /// Only this environment, and whoever shares its engine and image
    pub(crate) environment: Option<EnvironmentName>,
    /// Only says what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Without asking
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct History {
    #[command(subcommand)]
    pub(crate) verb: Option<HistoryVerb>,
    /// Only this service
    pub(crate) service: Option<ServiceName>,
    /// Only this environment
    pub(crate) environment: Option<EnvironmentName>,
    /// Only this version: a tag, or how a digest begins
    #[arg(long, value_name = "TAG|DIGEST")]
    pub(crate) version: Option<String>,
    /// Only what they released: ana, or ana@ops-1
    #[arg(long, value_name = "NAME")]
    pub(crate) operator: Option<String>,
    /// Only what ended so: ok, failed, open, done, superseded, backed-out, left, needs-person
    #[arg(long, value_name = "OUTCOME")]
    pub(crate) outcome: Option<Outcomes>,
    /// Only what was begun then or later: yesterday, monday, 3d, 12h, 2026-11-20, 2026-11-20T14:00, in this machine's time zone
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only what was begun until then, a day with its end
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Only what has all these words, or words that begin so, anywhere in it
    #[arg(long, value_name = "WORDS")]
    pub(crate) search: Option<String>,
    /// How many, newest first
    #[arg(long, default_value_t = 20, value_name = "NUMBER", value_parser = at_least_one)]
    pub(crate) limit: usize,
    /// Comma-separated values, for tables; wins over --json
    #[arg(long)]
    pub(crate) csv: bool,
    /// Only what is kept on this machine; no store is asked
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HistoryVerb {
    /// Compares two releases: versions, configuration, checks, durations
    Compare(Compare),
    /// What became live in an environment, one after the other
    Timeline(Timeline),
    /// Recomputes every record's hash and names the first that does not fit
    Verify(Verify),
    /// Seals what is over, as a user of etcd that drives nothing: whoever writes over it later is found out
    Seal(SealHistory),
    /// Forgets what is older, more or larger than the configuration keeps; never a target's last release or its last good one
    Prune(PruneHistory),
}

#[derive(Debug, Args)]
pub(crate) struct SealHistory {
    /// Only this service
    pub(crate) service: Option<ServiceName>,
    /// Only this environment
    pub(crate) environment: Option<EnvironmentName>,
}

#[derive(Debug, Args)]
pub(crate) struct PruneHistory {
    /// Only says what would be forgotten
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// One release: its id, or how that begins
    #[arg(value_name = "RELEASE")]
    pub(crate) one: String,
    /// The other
    #[arg(value_name = "RELEASE")]
    pub(crate) other: String,
    /// Only what is kept on this machine; no store is asked
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Timeline {
    /// The environment, e.g. production
    pub(crate) environment: EnvironmentName,
    /// How many releases are looked at, newest first
    #[arg(long, default_value_t = 200, value_name = "NUMBER", value_parser = at_least_one)]
    pub(crate) limit: usize,
    /// Only what is kept on this machine; no store is asked
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Only this service
    pub(crate) service: Option<ServiceName>,
    /// Only this environment
    pub(crate) environment: Option<EnvironmentName>,
    /// Only what is kept on this machine; no store is asked
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its id, how that begins, or `last` for the newest release
    pub(crate) release: String,
    /// With `last`: of this service
    pub(crate) service: Option<ServiceName>,
    /// With `last`: in this environment
    pub(crate) environment: Option<EnvironmentName>,
    /// Also what its candidate wrote, from start to end
    #[arg(long)]
    pub(crate) logs: bool,
    /// Only what is kept on this machine; no store is asked
    #[arg(long)]
    pub(crate) offline: bool,
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

fn some_words(text: &str) -> Result<String, String> {
    let words = text.trim();
    if words.is_empty() {
        return Err("it is kept with your name: write a word or two".into());
    }
    Ok(words.to_owned())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("none at all shows nothing: 1 or more".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("a number, 1 or more".into()),
    }
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
