//! `greenroom history`: what was released, newest first, from the journal.

use std::time::Duration;

use futures_util::future::join_all;

use super::arguments::{Common, History};
use super::out::say_json;
use super::{Exit, open, repairs};
use crate::history::{ReleaseRecord, RepairRecord};
use crate::inventory::{ReleaseId, Target};
use crate::release::Site;
use crate::release::words::duration;

/// How long a journal may take; all are asked at the same time.
const PATIENCE: Duration = Duration::from_secs(8);

pub(super) async fn run(common: &Common, verb: &History) -> Exit {
    let app = match open::app(common).await {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let is_wanted = |target: &Target| {
        verb.service.as_ref().is_none_or(|s| *s == target.service)
            && verb
                .environment
                .as_ref()
                .is_none_or(|e| *e == target.environment)
    };
    let sites: Vec<&Site> = app
        .engine
        .sites()
        .filter(|site| is_wanted(&site.definition.target))
        .collect();
    if sites.is_empty() {
        warn_line!("greenroom: no such target is configured");
        return Exit::Usage;
    }
    let mut records: Vec<Told> = Vec::new();
    let mut exit = Exit::Done;
    let readings = sites.iter().map(|site| told(site, verb.limit));
    for (site, reading) in sites.iter().zip(join_all(readings).await) {
        match reading {
            Ok(told) => records.extend(told),
            Err(why) => {
                warn_line!("greenroom: {}: {why}", site.definition.target);
                exit = Exit::Failed;
            }
        }
    }
    records.sort_by_key(|record| std::cmp::Reverse(record.id()));
    for record in &records {
        match record {
            Told::Release(record) if common.json => say_json(record),
            Told::Repair(record) if common.json => say_json(&repairs::json(record)),
            // Anybody who can write to the journal's store could have written this.
            Told::Release(record) => say_line!("{}", crate::harmless::harmless(&line(record))),
            Told::Repair(record) => {
                say_line!("{}", crate::harmless::harmless(&repairs::line(record)));
            }
        }
    }
    // Not having been able to read is not the same as nothing being there.
    if records.is_empty() && exit == Exit::Done && !common.json {
        say_line!("nothing was released yet");
    }
    exit
}

/// What a journal tells of: a release, or a repair between two.
enum Told {
    Release(Box<ReleaseRecord>),
    Repair(Box<RepairRecord>),
}

impl Told {
    fn id(&self) -> ReleaseId {
        match self {
            Self::Release(record) => record.id,
            Self::Repair(record) => record.id,
        }
    }
}

/// The newest of both kinds, newest first.
async fn told(site: &Site, limit: usize) -> Result<Vec<Told>, String> {
    let (releases, repairs) =
        tokio::join!(releases(site, limit), repairs::of(site, limit, PATIENCE));
    let releases = releases?.into_iter().map(Box::new).map(Told::Release);
    let repairs = repairs?.into_iter().map(Box::new).map(Told::Repair);
    let mut all: Vec<Told> = releases.chain(repairs).collect();
    all.sort_by_key(|told| std::cmp::Reverse(told.id()));
    all.truncate(limit);
    Ok(all)
}

async fn releases(site: &Site, limit: usize) -> Result<Vec<ReleaseRecord>, String> {
    let reading = site.read.journal.releases(&site.definition.target, limit);
    tokio::time::timeout(PATIENCE, reading)
        .await
        .map_err(|_| format!("the journal did not answer within {PATIENCE:?}"))?
        .map_err(|failure| failure.to_string())
}

fn line(record: &ReleaseRecord) -> String {
    let (outcome, took) = match &record.closed {
        None => ("open", String::new()),
        Some((at, outcome)) => {
            let took = Duration::try_from(at.duration_since(record.opened_at));
            (outcome.word(), duration(took.unwrap_or_default()))
        }
    };
    let from = record
        .from
        .as_ref()
        .map_or("-", |(_, version)| version.name());
    let failure = record
        .closed
        .as_ref()
        .and_then(|(_, outcome)| outcome.reason());
    let words = [record.reason.as_deref(), failure]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ");
    format!(
        "{}  {:<20}  {:<13}  {from} -> {}  {outcome:<14} {took:>7}  {}  {words}",
        record.opened_at.strftime("%Y-%m-%d %H:%M:%SZ"),
        record.target.to_string(),
        record.kind.to_string(),
        record.to.1.name(),
        record.operator,
    )
}
