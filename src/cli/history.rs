//! `greenroom history`: what was released, newest first, from the journal.

use super::arguments::{Common, History};
use super::{Exit, open};
use crate::history::ReleaseRecord;
use crate::release::words::duration;

pub(super) async fn run(common: &Common, verb: &History) -> Exit {
    let app = match open::app(common).await {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let mut records: Vec<ReleaseRecord> = Vec::new();
    let mut exit = Exit::Done;
    let mut is_known = false;
    for site in app.engine.sites() {
        let target = &site.definition.target;
        let is_wanted = verb.service.as_ref().is_none_or(|s| *s == target.service)
            && verb
                .environment
                .as_ref()
                .is_none_or(|e| *e == target.environment);
        if !is_wanted {
            continue;
        }
        is_known = true;
        match site.read.journal.releases(target, verb.limit).await {
            Ok(releases) => records.extend(releases),
            Err(failure) => {
                warn_line!("greenroom: {target}: {failure}");
                exit = Exit::Failed;
            }
        }
    }
    if !is_known {
        warn_line!("greenroom: no such target is configured");
        return Exit::Usage;
    }
    records.sort_by_key(|record| std::cmp::Reverse(record.id));
    for record in &records {
        if common.json {
            match serde_json::to_string(record) {
                Ok(line) => say_line!("{line}"),
                Err(error) => warn_line!("greenroom: {}: {error}", record.id),
            }
        } else {
            // Anybody who can write to the journal's store could have written this.
            say_line!("{}", crate::harmless::harmless(&line(record)));
        }
    }
    // Not having been able to read is not the same as nothing being there.
    if records.is_empty() && exit == Exit::Done && !common.json {
        say_line!("nothing was released yet");
    }
    exit
}

fn line(record: &ReleaseRecord) -> String {
    let (outcome, took) = match &record.closed {
        None => ("open", String::new()),
        Some((at, outcome)) => {
            let took = std::time::Duration::try_from(at.duration_since(record.opened_at));
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
