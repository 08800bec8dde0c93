//! `greenroom history verify`: verifies that the records have not been altered, and names the records that were.

use super::arguments::Verify;
use super::{Exit, archive, json, names};
use crate::cli::arguments::Common;
use crate::history::{Filter, Verification};
use crate::inventory::Target;
use crate::wire::App;

pub(super) async fn run(common: &Common, app: &App, verb: &Verify) -> Exit {
    let Some(archive) = archive(app).await else {
        return Exit::Failed;
    };
    let filter = Filter {
        service: verb.service.as_ref().map(ToString::to_string),
        environment: verb.environment.as_ref().map(ToString::to_string),
        ..Filter::default()
    };
    let mut caught_up = Exit::Done;
    if !verb.offline {
        let is_wanted =
            |target: &Target| target.is_among(verb.service.as_ref(), verb.environment.as_ref());
        caught_up = super::catch_up(app, &archive, is_wanted).await;
    }
    let engine = (!verb.offline).then_some(app.engine.as_ref());
    let found = match archive.prove(&filter, engine).await {
        Ok(found) => found,
        Err(failure) => {
            warn_line!("greenroom: {failure}");
            return Exit::Failed;
        }
    };
    if found.releases + found.audits == 0
        && let Err(exit) = names::check(app, verb.service.as_ref(), verb.environment.as_ref())
    {
        return exit;
    }
    print_result(common, &found);
    if !found.wrong.is_empty() {
        return Exit::NeedsPerson;
    }
    if found.silent.is_empty() {
        caught_up
    } else {
        Exit::Failed
    }
}

fn print_result(common: &Common, found: &Verification) {
    for (target, why) in &found.silent {
        warn_line!("{target}: {why}");
    }
    if common.json {
        json::answer(serde_json::json!({
            "releases": found.releases,
            "audit_records": found.audits,
            "intact": found.whole,
            "not_chained": found.not_chained,
            "wrong": found.wrong,
            "not_compared": found.not_compared,
            "sealed": found.sealed,
            "rules": found.rules,
        }));
        return;
    }
    for record in &found.wrong {
        say_line!("{record}");
        for problem in &record.wrong {
            say_line!("  {problem}");
        }
    }
    for set in &found.rules {
        say_line!("{set}");
    }
    say_line!("{}", found.summary());
}
