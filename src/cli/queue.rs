//! `greenroom queue`: lists the pending pushes, dismisses one, or retries one.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use futures_util::future::join_all;
use jiff::Timestamp;

use super::arguments::{Common, VerbDefinition, see_also};
use super::complete;
use super::man::Manual;
use super::names::nonblank_text;
use super::promote::refuse;
use super::{Exit, json, open};
use crate::inventory::{EnvironmentName, QueueEntry, ServiceName, StoredKey, Target, newest_first};
use crate::release::Site;
use crate::release::describe::{NO_AGENT, duration};
use crate::sanitize::sanitize;
use crate::wire::App;

/// Lists the pending pushes, dismisses one, or retries one
///
/// An agent releases the newest push of each target. The first column is the beginning of the entry's id, which
/// `queue dismiss` and `queue retry` accept.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Queue {
    #[command(subcommand)]
    verb: Option<QueueVerb>,
    /// Only this service
    #[arg(add = ArgValueCompleter::new(complete::services))]
    service: Option<ServiceName>,
    /// Only this environment
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    environment: Option<EnvironmentName>,
    /// Also lists the pushes that have ended: done, failed, refused, skipped or dismissed
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Subcommand)]
enum QueueVerb {
    /// Dismisses a waiting or offered push, so that no agent releases it
    #[command(after_help = see_also("queue dismiss"))]
    Dismiss(Dismiss),
    /// Makes a failed, refused, skipped or dismissed push wait again
    #[command(after_help = see_also("queue retry"))]
    Retry(Retry),
}

#[derive(Debug, Args)]
struct Named {
    /// The service, e.g. web
    #[arg(add = ArgValueCompleter::new(complete::services))]
    service: ServiceName,
    /// The environment, e.g. qa
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    environment: EnvironmentName,
    /// The entry: its id, or at least the first four digits of it
    #[arg(add = ArgValueCompleter::new(complete::queue_entries))]
    entry: String,
}

#[derive(Debug, Args)]
struct Dismiss {
    #[command(flatten)]
    named: Named,
    /// The reason (optional). It is kept with the entry
    #[arg(long, value_name = "TEXT", value_parser = nonblank_text)]
    reason: Option<String>,
}

#[derive(Debug, Args)]
struct Retry {
    #[command(flatten)]
    named: Named,
}

impl VerbDefinition for Queue {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("queue", &[("greenroom queue", "Lists the pending pushes."), ("greenroom queue web qa --all", "Lists all pushes for one target, also those that have ended.")], &["notify", "queue dismiss", "queue retry", "status"], &["agent"]),
        ("queue dismiss", &[("greenroom queue dismiss web qa 1a2b3c4d --reason experiment", "Dismisses a push.")], &["queue", "queue retry"], &["agent"]),
        ("queue retry", &[("greenroom queue retry web qa 1a2b3c4d", "Lets an agent release a push that failed before.")], &["queue", "queue dismiss"], &["agent"]),
    ];

    fn changes(&self) -> bool {
        self.verb.is_some()
    }

    async fn run(self, common: &Common) -> Exit {
        match &self.verb {
            None => list(common, &self).await,
            Some(QueueVerb::Dismiss(Dismiss { named, reason })) => {
                change(common, named, Change::Dismiss(reason.clone())).await
            }
            Some(QueueVerb::Retry(Retry { named })) => change(common, named, Change::Retry).await,
        }
    }
}

enum Change {
    Dismiss(Option<String>),
    Retry,
}

async fn change(common: &Common, named: &Named, change: Change) -> Exit {
    let (service, environment) = (&named.service, &named.environment);
    let app = match open::app_for(common, Some(service), Some(environment)) {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let engine = &app.engine;
    let target = Target::new(service.clone(), environment.clone());
    let changed = match engine.named_entry(&target, &named.entry).await {
        Err(refused) => Err(refused),
        Ok(id) => match change {
            Change::Dismiss(reason) => engine.dismiss(&target, &id, reason).await,
            Change::Retry => engine.retry(&target, &id).await,
        },
    };
    match changed {
        Ok(entry) => {
            json::answer(serde_json::json!({ "entry": entry }));
            if !common.json {
                let QueueEntry { id, push, .. } = &entry;
                let line = format!(
                    "{target}: entry {} ({}) is now {}",
                    id.short(),
                    push.words(),
                    entry.state.kind()
                );
                say_line!("{}", sanitize(&line));
            }
            Exit::Done
        }
        Err(refused) => refuse(&refused),
    }
}

/// The queue of one target.
struct Read {
    entries: Vec<QueueEntry>,
    /// The keys of entries that cannot be read, each with the problem.
    problems: BTreeMap<String, String>,
    has_agent: bool,
}

async fn list(common: &Common, verb: &Queue) -> Exit {
    let app = match open::app_for(common, verb.service.as_ref(), verb.environment.as_ref()) {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let (mut exit, mut listed, mut shown) = (Exit::Done, Vec::new(), Vec::new());
    let mut without_agent = Vec::new();
    for (target, read) in read(&app, verb).await {
        let read = read.map(|mut read| {
            read.entries
                .retain(|entry| verb.all || entry.state.is_pending());
            read
        });
        match read {
            Ok(Read {
                entries,
                problems,
                has_agent,
            }) => {
                for (key, problem) in &problems {
                    warn_line!("greenroom: {}", StoredKey::line(target, key, problem));
                    exit = Exit::NeedsPerson;
                }
                listed.push(serde_json::json!({
                    "target": target,
                    "entries": entries,
                    "problems": problems,
                }));
                if !has_agent && entries.iter().any(QueueEntry::needs_agent) {
                    without_agent.push(target);
                }
                shown.extend(entries);
            }
            Err(why) => {
                warn_line!("greenroom: {target}: the queue cannot be read: {why}");
                exit = Exit::NeedsPerson;
                listed.push(serde_json::json!({
                    "target": target,
                    "entries": null,
                    "problems": null,
                }));
            }
        }
    }
    json::answer(serde_json::json!({ "targets": listed }));
    if common.json {
        return exit;
    }
    for line in lines(shown, app.engine.clock().now()) {
        say_line!("{line}");
    }
    for target in without_agent {
        say_line!("{target}: {NO_AGENT}");
    }
    if listed
        .iter()
        .all(|it| it["entries"] == serde_json::json!([]))
        && exit == Exit::Done
    {
        say_line!(
            "{}",
            if verb.all {
                "no push has been reported yet"
            } else {
                "no push is pending; --all also lists those that have ended"
            }
        );
    }
    exit
}

/// Reads the queues of all wanted targets at the same time.
async fn read<'a>(app: &'a App, verb: &Queue) -> Vec<(&'a Target, Result<Read, String>)> {
    let (service, environment) = (verb.service.as_ref(), verb.environment.as_ref());
    let wanted = app.targets().filter(|it| it.is_among(service, environment));
    let sites: Vec<&Site> = wanted.filter_map(|it| app.engine.site(it)).collect();
    let reads = sites.into_iter().map(async |site| {
        let target = &site.definition.target;
        let record = site.read.registry.read(target).await;
        let read = record.map(|record| {
            let mut entries = record.queue;
            newest_first(&mut entries);
            let mut problems = record.problems;
            problems.retain(|key, _| StoredKey::of(target, key) == StoredKey::Queue);
            let mut watching = record.watching.iter();
            Read {
                entries,
                problems,
                has_agent: watching.any(|watcher| watcher.is_agent),
            }
        });
        (target, read.map_err(|failure| failure.to_string()))
    });
    join_all(reads).await
}

/// The entries as aligned lines for people: the pending ones first, each part newest first.
fn lines(mut entries: Vec<QueueEntry>, now: Timestamp) -> Vec<String> {
    newest_first(&mut entries);
    entries.sort_by_key(|entry| Reverse(entry.state.is_pending()));
    let rows: Vec<([String; 6], String)> = entries
        .iter()
        .map(|entry| (cells(entry, now), remarks(entry)))
        .collect();
    let width = |column: usize| {
        let widths = rows.iter().map(|(cells, _)| cells[column].chars().count());
        widths.max().unwrap_or_default()
    };
    let widths = [0, 1, 2, 3, 4, 5].map(width);
    let line = |(cells, remarks): &([String; 6], String)| {
        let cells = cells.iter().zip(widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        format!("{}  {remarks}", cells.join("  "))
            .trim_end()
            .to_owned()
    };
    rows.iter().map(line).collect()
}

/// The beginning of the id, the target, the tag, the state, the age, and the sender.
fn cells(entry: &QueueEntry, now: Timestamp) -> [String; 6] {
    let push = &entry.push;
    let age = Duration::try_from(now.duration_since(push.received_at));
    let by = push.by.as_ref();
    let by = by.map_or(String::new(), |by| format!(", by {by}"));
    let cells = [
        entry.id.short().to_owned(),
        entry.target.to_string(),
        push.tag.clone(),
        entry.state.kind().to_string(),
        duration(age.unwrap_or_default()),
        format!("from {}{by}", push.source),
    ];
    cells.map(|cell| sanitize(&cell))
}

/// What the entry waits for, or the reason for its end, and who tried it again.
fn remarks(entry: &QueueEntry) -> String {
    let retried = entry.retried.as_ref();
    let retried = retried.map(|retry| format!("retried by {}", retry.by));
    let remarks: Vec<String> = entry.state.details().into_iter().chain(retried).collect();
    sanitize(&remarks.join("; "))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::inventory::{EntryState, Push, PushSource};

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
    }

    fn entry(second: i64, tag: &str, state: EntryState) -> QueueEntry {
        let target = Target::new("web".parse().expect("a name"), "qa".parse().expect("one"));
        let (source, delivery) = (PushSource::Inbox("hub".into()), format!("d{second}"));
        let push = Push::new("team/web", tag, source, &delivery, at(second)).expect("a push");
        QueueEntry::new(&target, push.by(Some("ana"))).becomes(state, at(second))
    }

    #[test]
    fn pending_entries_come_first_and_hostile_text_is_sanitized() {
        let why = Some("held until 18:00\u{1b}[2J\nby ben".to_owned());
        let old = entry(0, "develop", EntryState::Waiting { why });
        let ended = entry(60, "v1.9.0", EntryState::Done { release: None });
        let ids = [&old, &ended].map(|it| it.id.short().to_owned());
        let lines = lines(vec![ended, old], at(125));
        assert_eq!(lines.len(), 2);
        let expected = "  web/qa  develop  waiting  2m 5s  from hub, by ana  held until 18:00";
        assert!(
            lines[0].starts_with(&format!("{}{expected}", ids[0])),
            "{lines:?}"
        );
        assert!(!lines[0].contains(['\u{1b}', '\n']), "{lines:?}");
        let expected =
            "  web/qa  v1.9.0   done     1m 5s  from hub, by ana  the version was live already";
        assert_eq!(lines[1], format!("{}{expected}", ids[1]));
    }
}
