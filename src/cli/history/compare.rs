//! `greenroom history compare`: two releases beside each other, what differs first.

use super::find::release;
use super::{Exit, archive, say_json};
use crate::cli::arguments::{Common, Compare};
use crate::release::account::{Compared, compare};
use crate::wire::App;

/// How wide the first column is.
const WHAT: usize = 20;

pub(super) async fn run(common: &Common, app: &App, verb: &Compare) -> Exit {
    let Some(archive) = archive(app).await else {
        return Exit::Failed;
    };
    let mut both = Vec::new();
    for named in [&verb.one, &verb.other] {
        match release(app, &archive, named, verb.offline).await {
            Ok(kept) => both.push(kept.recorded),
            Err(exit) => return exit,
        }
    }
    let [one, other] = both.as_slice() else {
        return Exit::Failed;
    };
    let rows = compare(one, other);
    if common.json {
        for row in &rows {
            say_json(&serde_json::json!({
                "what": row.what, "one": row.one, "other": row.other, "same": row.is_same(),
            }));
        }
        return Exit::Done;
    }
    let (same, differing): (Vec<&Compared>, Vec<&Compared>) =
        rows.iter().partition(|row| row.is_same());
    say_line!("different");
    for row in differing {
        say_line!("  {:<WHAT$}  {}", row.what, row.one);
        say_line!("  {:<WHAT$}  {}", "", row.other);
    }
    say_line!("the same");
    for row in same {
        say_line!("  {:<WHAT$}  {}", row.what, row.one);
    }
    Exit::Done
}
