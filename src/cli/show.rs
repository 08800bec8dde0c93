//! `greenroom show`: everything about one release, hold or repair.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::arguments::{Common, VerbDefinition};
use super::complete;
use super::history::Found;
use super::man::Manual;
use super::{Exit, history, json, open};
use crate::history::{Filter, KeptAudit, Provable, prove};
use crate::inventory::{EnvironmentName, ServiceName, Target};
use crate::release::report::{audit, report};
use crate::watchers::Archive;
use crate::wire::App;

/// Shows one release: plan, steps, checks, decisions
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The release: its id, the start of its id, its last eight characters, or `last` for the newest release
    #[arg(add = ArgValueCompleter::new(complete::releases))]
    release: String,
    /// With `last`: only releases of this service
    #[arg(add = ArgValueCompleter::new(complete::services))]
    service: Option<ServiceName>,
    /// With `last`: only releases in this environment
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    environment: Option<EnvironmentName>,
    /// Also shows the logs of the candidate and of the tasks
    #[arg(long)]
    logs: bool,
    /// Uses only the archive of this machine; asks no store
    #[arg(long)]
    offline: bool,
}

impl VerbDefinition for Show {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("show", &[("greenroom show last web production", "Shows the newest release of a target."), ("greenroom show 01M8 --logs", "Shows a release with its logs.")], &["history"], &["history"]),
    ];

    async fn run(self, common: &Common) -> Exit {
        run(common, &self).await
    }
}

async fn run(common: &Common, verb: &Show) -> Exit {
    let app = match open::app_for(common, verb.service.as_ref(), verb.environment.as_ref()) {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let Some(archive) = history::archive(&app).await else {
        return Exit::Failed;
    };
    let (named, exit) = match named(&app, &archive, verb).await {
        Ok(named) => named,
        Err(exit) => return exit,
    };
    let mut kept = match history::find(&app, &archive, &named, verb.offline).await {
        Ok(Found::Release(kept)) => kept,
        Ok(Found::Audit(kept)) => {
            show_audit(common, &kept);
            return exit;
        }
        Err(exit) => return exit,
    };
    let mut logs = match archive.read.logs(kept.recorded.head.id).await {
        Ok(logs) => logs,
        Err(failure) => {
            warn_line!("greenroom: {failure}");
            return Exit::Failed;
        }
    };
    let count: u64 = logs.iter().map(|kept| kept.log.count()).sum();
    if !verb.logs {
        logs.clear();
    }
    kept.logs = logs;
    if common.json {
        json::answer(serde_json::json!({
            "release": kept.recorded.head,
            "entries": kept.recorded.entries,
            "differences": kept.differences,
            "chain": prove(&kept.recorded).to_string(),
            "log_lines": count,
            "logs": kept.logs,
        }));
        return exit;
    }
    for line in report(&kept) {
        say_line!("{}", line.text);
    }
    if count == 0 && verb.logs {
        warn_line!("greenroom: the archive has no log of this release");
    } else if count > 0 && !verb.logs {
        let unit = if count == 1 { "line" } else { "lines" };
        say_line!("\nThe logs have {count} {unit}: --logs shows them");
    }
    exit
}

/// The argument for the newest release.
const LAST: &str = "last";

/// The typed id, or for `last` the id of the newest release. With a service or an environment, `last` is the newest
/// release of that service or in that environment. Returns the exit code for a release that is shown: if a store was not
/// read, it may have a newer release.
async fn named(app: &App, archive: &Archive, verb: &Show) -> Result<(String, Exit), Exit> {
    if verb.release != LAST {
        if verb.service.is_none() {
            return Ok((verb.release.clone(), Exit::Done));
        }
        warn_line!(
            "greenroom: a service and an environment are only allowed with `last`: \
             greenroom show last SERVICE ENVIRONMENT"
        );
        return Err(Exit::Usage);
    }
    let (service, environment) = (verb.service.as_ref(), verb.environment.as_ref());
    let is_wanted = |target: &Target| target.is_among(service, environment);
    let exit = if verb.offline {
        Exit::Done
    } else {
        history::catch_up(app, archive, is_wanted).await
    };
    let filter = Filter {
        service: service.map(ToString::to_string),
        environment: environment.map(ToString::to_string),
        ..Filter::default()
    };
    match archive.read.list(&filter, None, 1).await {
        Ok(newest) => newest.first().map_or_else(
            || {
                warn_line!("greenroom: the archive of this machine has no such release; greenroom history lists the releases");
                Err(Exit::Usage)
            },
            |newest| Ok((newest.head.id.to_string(), exit)),
        ),
        Err(failure) => {
            warn_line!("greenroom: {failure}");
            Err(Exit::Failed)
        }
    }
}

fn show_audit(common: &Common, kept: &KeptAudit) {
    if common.json {
        json::answer(serde_json::json!({
            "record": kept.record,
            "differences": kept.differences,
            "chain": kept.record.prove().to_string(),
        }));
        return;
    }
    for line in audit(kept) {
        say_line!("{}", line.text);
    }
}
