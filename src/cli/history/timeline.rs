//! `greenroom history timeline`: the versions that became live in an environment, and the failed attempts.

use super::arguments::Timeline;
use super::{Exit, archive, catch_up, json, list, names, table::item_json};
use crate::cli::arguments::Common;
use crate::history::{Filter, Item};
use crate::release::report::timeline;
use crate::wire::App;

pub(super) async fn run(common: &Common, app: &App, verb: &Timeline) -> Exit {
    let Some(archive) = archive(app).await else {
        return Exit::Failed;
    };
    let mut exit = Exit::Done;
    let is_wanted = |target: &crate::inventory::Target| target.environment == verb.environment;
    if !verb.offline {
        exit = catch_up(app, &archive, is_wanted).await;
    }
    let filter = Filter {
        environment: Some(verb.environment.to_string()),
        ..Filter::default()
    };
    let mut items: Vec<Item> = Vec::new();
    let listing = list(&archive, &filter, verb.limit, |item| items.push(item));
    if let Err(failure) = listing.await {
        warn_line!("greenroom: {failure}");
        return Exit::Failed;
    }
    if items.is_empty()
        && let Err(exit) = names::check(app, None, Some(&verb.environment))
    {
        return exit;
    }
    if common.json {
        let items: Vec<_> = items.iter().map(item_json).collect();
        json::answer(serde_json::json!({ "items": items }));
        return exit;
    }
    for line in timeline(&items) {
        say_line!("{}", line.text);
    }
    exit
}
