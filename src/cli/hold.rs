//! `greenroom hold`: stops promotes of a target, lets them be again, and lists what stops which.

use jiff::Timestamp;

use super::arguments::{Common, Hold as Verb};
use super::out::say_json;
use super::promote::refuse;
use super::{Exit, open};
use crate::history::until;
use crate::inventory::local_time;
use crate::inventory::{Hold, Target, freeze};
use crate::release::Site;
use crate::wire::App;

/// How many of those that ended are told.
const PAST: usize = 20;

pub(super) async fn run(common: &Common, verb: Verb) -> Exit {
    let app = match open::app(common).await {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let (Some(service), Some(environment)) = (verb.service, verb.environment) else {
        return list(common, &app, None).await;
    };
    let target = Target::new(service, environment);
    let now = app.engine.clock().now();
    let done = match (verb.clear, verb.reason) {
        (true, why) => app.engine.clear_hold(&target, why).await,
        (false, None) => return list(common, &app, Some(&target)).await,
        (false, Some(reason)) => {
            let end = match verb.until.map(|text| until(&text, now)).transpose() {
                Ok(end) => end,
                Err(said) => {
                    warn_line!("greenroom: --until: {said}");
                    return Exit::Usage;
                }
            };
            app.engine.hold(&target, reason, end).await
        }
    };
    match done {
        Ok(hold) if common.json => {
            say_json(&serde_json::json!({ "target": target, "hold": hold }));
            Exit::Done
        }
        Ok(hold) => {
            say_line!("{target}: {}", hold.words(app.engine.clock().now()));
            Exit::Done
        }
        Err(refused) => refuse(common, &refused),
    }
}

/// What stops promotes of every target, or of one.
async fn list(common: &Common, app: &App, only: Option<&Target>) -> Exit {
    let mut exit = Exit::Done;
    let mut nothing = true;
    if let Some(target) = only.filter(|target| app.engine.site(target).is_none()) {
        let unknown = crate::release::Refusal::UnknownTarget(target.clone());
        return refuse(common, &unknown.into());
    }
    let now = app.engine.clock().now();
    for target in app
        .targets()
        .filter(|it| only.is_none_or(|only| only == *it))
    {
        let Some(site) = app.engine.site(target) else {
            continue;
        };
        match told(common, target, site, now, only.is_some()).await {
            Ok(said) => nothing &= !said,
            Err(said) => {
                warn_line!("{target}: {said}");
                exit = Exit::NeedsPerson;
            }
        }
    }
    if nothing && exit == Exit::Done && !common.json {
        say_line!("nothing is held");
    }
    exit
}

/// Says what stands on one target, and what comes next; whether there was anything to say.
async fn told(
    common: &Common,
    target: &Target,
    site: &Site,
    now: Timestamp,
    is_one: bool,
) -> Result<bool, String> {
    let record = site.read.registry.read(target).await;
    let record = record.map_err(|failure| failure.to_string())?;
    if let Some((key, problem)) = record
        .problems
        .iter()
        .find(|(key, _)| key.ends_with("/hold"))
    {
        return Err(format!(
            "{key}: {problem}; nothing is promoted until that is mended"
        ));
    }
    let holds = site.definition.holds(record.hold.as_ref(), now);
    let past = past(site, target, now).await?;
    let next = freeze::next(&site.definition.rules.freezes, &target.service, now);
    let last = record.hold.as_ref().and_then(|hold| hold.cleared.as_ref());
    if common.json {
        say_json(&serde_json::json!({
            "target": target,
            "holds": holds,
            "next_freeze": next,
            "last_cleared": last,
            "past": past,
        }));
        return Ok(true);
    }
    for hold in &holds {
        say_line!("{target}: {hold}");
    }
    if let Some(next) = next {
        say_line!(
            "{target}: the next freeze begins at {}",
            local_time::moment(next)
        );
    }
    if let Some(cleared) = last.filter(|_| holds.is_empty()) {
        let why = cleared.why.as_deref().unwrap_or("no reason given");
        say_line!(
            "{target}: not held; cleared by {} at {}: {why}",
            cleared.by,
            local_time::moment(cleared.at)
        );
    }
    for hold in past.iter().filter(|_| is_one) {
        say_line!("{target}: before: {}", told_of(hold));
    }
    Ok(!holds.is_empty() || next.is_some() || last.is_some())
}

/// One that ended: from when until when, why, by whom, and how it ended.
fn told_of(hold: &Hold) -> String {
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
            format!("cleared by {} at {:.0}: {why}", cleared.by, cleared.at)
        }
        None => "ended by itself".to_owned(),
    };
    let since = local_time::moment(*since);
    format!("{since}{until}, by {author}: {reason}; {ended}")
}

/// Those that do not stand any more, newest first.
async fn past(site: &Site, target: &Target, now: Timestamp) -> Result<Vec<Hold>, String> {
    let records = site.read.journal.holds(target, PAST).await;
    let records = records.map_err(|failure| failure.to_string())?;
    let holds = records.into_iter().map(|record| record.hold);
    Ok(holds.filter(|hold| !hold.stands(now)).collect())
}
