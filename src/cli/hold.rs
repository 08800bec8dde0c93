//! `greenroom hold`: stops promotes of a target, allows them again, and lists holds and freezes.

use std::collections::BTreeMap;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use futures_util::future::join_all;
use jiff::Timestamp;

use super::arguments::{Common, VerbDefinition};
use super::complete;
use super::man::Manual;
use super::names::nonblank_text;
use super::promote::refuse;
use super::{Exit, json, open};
use crate::history::until;
use crate::inventory::local_time;
use crate::inventory::{
    Cleared, Clocks, EnvironmentName, Hold, ServiceName, StoredKey, Target, freeze,
};
use crate::release::{Refused, Site};
use crate::wire::App;

/// Stops or allows promotes of a target; without a target, lists all holds and freezes
#[derive(Debug, Args)]
pub(crate) struct HoldVerb {
    /// The service, e.g. web
    #[arg(requires = "environment", add = ArgValueCompleter::new(complete::services))]
    service: Option<ServiceName>,
    /// The environment, e.g. production
    #[arg(add = ArgValueCompleter::new(complete::environments))]
    environment: Option<EnvironmentName>,
    /// Why promotes are stopped; with --clear, why they are allowed again
    #[arg(long, value_name = "TEXT", requires = "service", value_parser = nonblank_text)]
    reason: Option<String>,
    /// When the hold ends: 2h, 3d, 18:00, monday, 2026-12-01, 2026-12-01T14:00, in this machine's time zone [default:
    /// until it is cleared]
    #[arg(
        long,
        value_name = "TIME",
        requires = "reason",
        conflicts_with = "clear"
    )]
    until: Option<String>,
    /// Clears the hold
    #[arg(long, requires = "service")]
    clear: bool,
}

impl VerbDefinition for HoldVerb {
    #[rustfmt::skip]
    const MANUALS: &'static [Manual] = &[
        ("hold", &[("greenroom hold", "Lists the holds and freezes of every target."), ("greenroom hold web production --reason payday --until 18:00", "Stops promotes until 18:00 in this machine's time zone."), ("greenroom hold web production --clear", "Allows promotes again.")], &["promote", "history"], &["holds"]),
    ];

    fn changes(&self) -> bool {
        self.reason.is_some() || self.clear
    }

    async fn run(self, common: &Common) -> Exit {
        run(common, self).await
    }
}

/// How many ended holds are shown at most.
const PAST: usize = 20;

async fn run(common: &Common, verb: HoldVerb) -> Exit {
    let app = match open::app_for(common, verb.service.as_ref(), verb.environment.as_ref()) {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let (Some(service), Some(environment)) = (verb.service, verb.environment) else {
        return list(common, &app, None).await;
    };
    let target = Target::new(service, environment);
    let now = app.engine.clock().now();
    let done = match (verb.clear, verb.reason) {
        (true, why) => clear(common, &app, &target, why).await,
        (false, None) => return list(common, &app, Some(&target)).await,
        (false, Some(reason)) => {
            let end = match verb.until.map(|text| until(&text, now)).transpose() {
                Ok(end) => end,
                Err(message) => {
                    warn_line!("greenroom: --until: {message}");
                    return Exit::Usage;
                }
            };
            app.engine.hold(&target, reason, end).await
        }
    };
    match done {
        Ok(hold) if common.json => {
            json::answer(serde_json::json!({ "target": target, "hold": hold }));
            Exit::Done
        }
        Ok(hold) => {
            say_line!("{target}: {}", hold.describe(app.engine.clock().now()));
            Exit::Done
        }
        Err(refused) => refuse(&refused),
    }
}

/// Clears the hold. A hold that cannot be read is shown before it is removed.
async fn clear(
    common: &Common,
    app: &App,
    target: &Target,
    why: Option<String>,
) -> Result<Hold, Refused> {
    let Some(hold) = app.engine.unreadable_hold(target).await? else {
        return app.engine.clear_hold(target, why).await;
    };
    let message = format!(
        "{target}: removing the unreadable hold {} of revision {} ({}): {}",
        hold.key, hold.revision, hold.why, hold.value
    );
    if common.json {
        warn_line!("{message}");
    } else {
        say_line!("{message}");
    }
    app.engine.clear_unreadable_hold(target, &hold, why).await
}

/// Lists the holds and freezes of every target, or of `only`.
async fn list(common: &Common, app: &App, only: Option<&Target>) -> Exit {
    let mut exit = Exit::Done;
    let (mut is_nothing_held, mut listed) = (true, Vec::new());
    if let Some(target) = only.filter(|target| app.engine.site(target).is_none()) {
        let unknown = crate::release::Refusal::UnknownTarget(target.clone());
        return refuse(&unknown.into());
    }
    let wanted = app.targets();
    let wanted = wanted.filter(|it| only.is_none_or(|only| only == *it));
    let sites: Vec<&Site> = wanted.filter_map(|it| app.engine.site(it)).collect();
    let clocks = clocks(app, &sites).await;
    let now = app.engine.clock().now();
    let none = Clocks::default();
    for site in sites {
        let target = &site.definition.target;
        let clocks = clocks.get(&target.environment).unwrap_or(&none);
        match Held::read(target, site, (now, clocks)).await {
            Ok(held) if common.json => listed.push(held.json(target)),
            Ok(held) => is_nothing_held &= !held.print(target, only.is_some()),
            Err(message) => {
                warn_line!("{target}: {message}");
                listed.push(unreadable_json(site, now));
                exit = Exit::NeedsPerson;
            }
        }
    }
    if common.json {
        json::answer(serde_json::json!({ "targets": listed }));
    } else if is_nothing_held && exit == Exit::Done {
        say_line!("no hold or freeze is in effect, and no freeze starts within eight days");
    }
    exit
}

/// Reads the clocks that decide about promotes, for all environments at the same time. All targets of an environment
/// have the same servers, so the servers of one target are asked.
async fn clocks<'a>(app: &App, sites: &[&'a Site]) -> BTreeMap<&'a EnvironmentName, Clocks> {
    let mut one_each = BTreeMap::new();
    for site in sites {
        one_each.insert(&site.definition.target.environment, *site);
    }
    let readings = one_each.into_iter();
    let readings = readings.map(async |(name, site)| (name, app.engine.clocks(site).await));
    join_all(readings).await.into_iter().collect()
}

/// The holds and freezes in effect for a target, the next freeze, the hold that was cleared last, and ended holds.
struct Held {
    /// All holds and freezes in effect. Those in effect by this machine's clock come first.
    holds: Vec<Hold>,
    /// The entries of `holds` that are not in effect by this machine's clock, each with a text about the clock because
    /// of which it counts.
    by_another_clock: Vec<(Hold, String)>,
    /// The start of the next freeze, if a freeze starts within eight days.
    next_freeze: Option<Timestamp>,
    last_cleared: Option<Cleared>,
    past: Vec<Hold>,
}

impl Held {
    async fn read(
        target: &Target,
        site: &Site,
        (now, clocks): (Timestamp, &Clocks),
    ) -> Result<Self, String> {
        let record = site.read.registry.read(target).await;
        let record = record.map_err(|failure| failure.to_string())?;
        if let Some((key, problem)) = record
            .problems
            .iter()
            .find(|(key, _)| StoredKey::of(target, key) == StoredKey::Hold)
        {
            return Err(format!(
                "{key}: {problem}. Promotes are stopped until this hold is removed. To see it and remove it: greenroom hold {} {} --clear",
                target.service, target.environment
            ));
        }
        let definition = &site.definition;
        let placed = record.hold.as_ref();
        let holds = definition.holds_by(placed, now, clocks);
        let by_another_clock = holds.iter().filter_map(|hold| {
            let clock = definition.only_by_clock(hold, placed, now, clocks)?;
            Some((hold.clone(), clock.to_string()))
        });
        Ok(Self {
            by_another_clock: by_another_clock.collect(),
            holds,
            next_freeze: next_freeze(site, now),
            past: past(site, target, clocks.earliest(now)).await?,
            last_cleared: record.hold.and_then(|hold| hold.cleared),
        })
    }

    fn json(&self, target: &Target) -> serde_json::Value {
        serde_json::json!({
            "target": target,
            "holds": self.holds,
            "next_freeze": self.next_freeze,
            "last_cleared": self.last_cleared,
            "past": self.past,
        })
    }

    /// Prints the holds for a person; ended holds only with `lists_ended`. Returns whether the target has a hold or
    /// freeze in effect, a freeze that starts within eight days, or a cleared hold.
    fn print(&self, target: &Target, lists_ended: bool) -> bool {
        for hold in &self.holds {
            say_line!("{target}: {hold}");
            let mut by = self.by_another_clock.iter();
            if let Some((_, clock)) = by.find(|(held, _)| held == hold) {
                say_line!(
                    "{target}: this hold or freeze counts because the clocks differ: {clock}"
                );
            }
        }
        if let Some(next) = self.next_freeze {
            say_line!(
                "{target}: the next freeze starts at {}",
                local_time::moment(next)
            );
        }
        let last = self.last_cleared.as_ref();
        if let Some(cleared) = last.filter(|_| self.holds.is_empty()) {
            let why = cleared.why.as_deref().unwrap_or("no reason given");
            say_line!(
                "{target}: not held; cleared by {} at {}: {why}",
                cleared.by,
                local_time::moment(cleared.at)
            );
        }
        for hold in self.past.iter().filter(|_| lists_ended) {
            say_line!("{target}: ended hold: {}", ended_line(hold));
        }
        !self.holds.is_empty() || self.next_freeze.is_some() || last.is_some()
    }
}

/// The entry of a target whose holds cannot be read. What is unknown is null. The freezes are known from the
/// configuration.
fn unreadable_json(site: &Site, now: Timestamp) -> serde_json::Value {
    serde_json::json!({
        "target": site.definition.target,
        "holds": null,
        "next_freeze": next_freeze(site, now),
        "last_cleared": null,
        "past": null,
    })
}

fn next_freeze(site: &Site, now: Timestamp) -> Option<Timestamp> {
    let definition = &site.definition;
    freeze::next_start(&definition.rules.freezes, &definition.target.service, now)
}

/// An ended hold as a line: its start, its planned end, its author, its reason, and how it ended.
fn ended_line(hold: &Hold) -> String {
    let Hold {
        reason,
        author,
        since,
        until,
        ..
    } = hold;
    let until = until.map_or_else(String::new, |until| {
        format!(" to {}", local_time::moment(until))
    });
    let ended = match &hold.cleared {
        Some(cleared) => {
            let why = cleared.why.as_deref().unwrap_or("no reason given");
            format!(
                "cleared by {} at {}: {why}",
                cleared.by,
                local_time::moment(cleared.at)
            )
        }
        None => "expired".to_owned(),
    };
    let since = local_time::moment(*since);
    format!("{since}{until}, by {author}: {reason}; {ended}")
}

/// The holds of a target that have ended by `now`, newest first.
async fn past(site: &Site, target: &Target, now: Timestamp) -> Result<Vec<Hold>, String> {
    let records = site.read.journal.holds(target, PAST).await;
    let records = records.map_err(|failure| failure.to_string())?;
    let holds = records.into_iter().map(|record| record.hold);
    Ok(holds.filter(|hold| !hold.is_active(now)).collect())
}
