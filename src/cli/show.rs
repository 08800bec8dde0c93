//! `greenroom show`: one release, all of it.

use super::arguments::{Common, Show};
use super::out::say_json;
use super::{Exit, history, open};
use crate::history::prove;
use crate::release::account::account;

pub(super) async fn run(common: &Common, verb: &Show) -> Exit {
    let app = match open::app(common).await {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    let Some(archive) = history::archive(&app).await else {
        return Exit::Failed;
    };
    let kept = match history::find(&app, &archive, &verb.release, verb.offline).await {
        Ok(kept) => kept,
        Err(exit) => return exit,
    };
    if common.json {
        say_json(&serde_json::json!({
            "release": kept.recorded.head,
            "entries": kept.recorded.entries,
            "differences": kept.differences,
            "chain": prove(&kept.recorded).to_string(),
        }));
        return Exit::Done;
    }
    for line in account(&kept) {
        say_line!("{}", line.text);
    }
    Exit::Done
}
