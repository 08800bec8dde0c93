//! What can be said about what was released.

use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;

use super::complete;
use crate::history::Outcomes;
use crate::inventory::{EnvironmentName, ServiceName};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct History {
    #[command(subcommand)]
    pub(crate) verb: Option<HistoryVerb>,
    /// Only this service
    #[arg(add = ArgValueCompleter::new(complete::services))]
    pub(crate) service: Option<ServiceName>,
    /// Only this environment
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    pub(crate) environment: Option<EnvironmentName>,
    /// Only this version: a tag, or how a digest begins
    #[arg(long, value_name = "TAG|DIGEST", add = ArgValueCompleter::new(complete::tags))]
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
    /// Seals what is over, as a user of etcd that drives nothing: later changes to it are detected
    Seal(SealHistory),
    /// Forgets what is older, more or larger than the configuration keeps; never a target's last release or its last good one
    Prune(PruneHistory),
}

#[derive(Debug, Args)]
pub(crate) struct SealHistory {
    /// Only this service
    #[arg(add = ArgValueCompleter::new(complete::services))]
    pub(crate) service: Option<ServiceName>,
    /// Only this environment
    #[arg(add = ArgValueCompleter::new(complete::environments))]
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
    /// One release: its id, the beginning of its id, or its last eight characters
    #[arg(value_name = "RELEASE", add = ArgValueCompleter::new(complete::releases))]
    pub(crate) one: String,
    /// The other
    #[arg(value_name = "RELEASE", add = ArgValueCompleter::new(complete::releases))]
    pub(crate) other: String,
    /// Only what is kept on this machine; no store is asked
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Timeline {
    /// The environment, e.g. production
    #[arg(add = ArgValueCompleter::new(complete::environments))]
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
    #[arg(add = ArgValueCompleter::new(complete::services))]
    pub(crate) service: Option<ServiceName>,
    /// Only this environment
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    pub(crate) environment: Option<EnvironmentName>,
    /// Only what is kept on this machine; no store is asked
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its id, the beginning of its id, its last eight characters, or `last` for the newest release
    #[arg(add = ArgValueCompleter::new(complete::releases))]
    pub(crate) release: String,
    /// With `last`: of this service
    #[arg(add = ArgValueCompleter::new(complete::services))]
    pub(crate) service: Option<ServiceName>,
    /// With `last`: in this environment
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    pub(crate) environment: Option<EnvironmentName>,
    /// Also what its candidate wrote, from start to end
    #[arg(long)]
    pub(crate) logs: bool,
    /// Only what is kept on this machine; no store is asked
    #[arg(long)]
    pub(crate) offline: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("none at all shows nothing: 1 or more".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("a number, 1 or more".into()),
    }
}
