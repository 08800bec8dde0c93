//! The arguments of `greenroom history`.

use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;

use crate::cli::arguments::see_also;
use crate::cli::complete;
use crate::history::Outcomes;
use crate::inventory::{EnvironmentName, ServiceName};

/// Lists releases, compares two, verifies the records
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
    /// Only this version: a tag, or the start of a digest
    #[arg(long, value_name = "TAG|DIGEST", add = ArgValueCompleter::new(complete::tags))]
    pub(crate) version: Option<String>,
    /// Only this operator's releases: ana, or ana@ops-1
    #[arg(long, value_name = "NAME")]
    pub(crate) operator: Option<String>,
    /// Only this outcome: ok, failed, open, done, superseded, backed-out, left, needs-person
    #[arg(long, value_name = "OUTCOME")]
    pub(crate) outcome: Option<Outcomes>,
    /// Only releases that started at this time or later: yesterday, monday, 3d, 12h, 2026-11-20, 2026-11-20T14:00, in
    /// this machine's time zone
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only releases that started before this time; if this is a day, before the end of that day
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Only releases that contain all these words, or longer words that start with them
    #[arg(long, value_name = "WORDS")]
    pub(crate) search: Option<String>,
    /// How many releases to list at most, newest first
    #[arg(long, default_value_t = 20, value_name = "NUMBER", value_parser = at_least_one)]
    pub(crate) limit: usize,
    /// Prints comma-separated values, for spreadsheets; overrides --json
    #[arg(long)]
    pub(crate) csv: bool,
    /// Uses only the archive of this machine; asks no store
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HistoryVerb {
    /// Compares two releases: versions, configuration, checks, durations
    #[command(after_help = see_also("history compare"))]
    Compare(Compare),
    /// Lists the versions that became live in an environment, in order
    #[command(after_help = see_also("history timeline"))]
    Timeline(Timeline),
    /// Recomputes the hash of every record and names the records that were altered
    #[command(after_help = see_also("history verify"))]
    Verify(Verify),
    /// Seals finished records, so that later changes to them are detected; run it as an etcd user that drives no
    /// releases
    #[command(after_help = see_also("history seal"))]
    Seal(SealHistory),
    /// Removes records that the configuration no longer keeps; a target's last release and its last successful one
    /// always stay
    #[command(after_help = see_also("history prune"))]
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
    /// Only shows what would be removed
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// One release: its id, the start of its id, or its last eight characters
    #[arg(value_name = "RELEASE", add = ArgValueCompleter::new(complete::releases))]
    pub(crate) one: String,
    /// The other release, named in the same way
    #[arg(value_name = "RELEASE", add = ArgValueCompleter::new(complete::releases))]
    pub(crate) other: String,
    /// Uses only the archive of this machine; asks no store
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Timeline {
    /// The environment, e.g. production
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    pub(crate) environment: EnvironmentName,
    /// The number of releases to search, newest first
    #[arg(long, default_value_t = 200, value_name = "NUMBER", value_parser = at_least_one)]
    pub(crate) limit: usize,
    /// Uses only the archive of this machine; asks no store
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
    /// Uses only the archive of this machine; asks no store
    #[arg(long)]
    pub(crate) offline: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("the minimum is 1".into()),
        Ok(number) => Ok(number),
        Err(_) => Err("write a number, 1 or more".into()),
    }
}
