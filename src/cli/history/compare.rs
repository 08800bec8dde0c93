//! `greenroom history compare`: two releases beside each other: outcome, versions, commits and images
//! first, then what else differs, then what is the same.

use super::find::release;
use super::{Exit, archive, say_json};
use crate::cli::arguments::{Common, Compare};
use crate::release::account::{COMPARED_FIRST, Compared, compare};
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
    let (headlines, rest): (Vec<&Compared>, Vec<&Compared>) =
        rows.iter().partition(|row| row.is_headline);
    let (same, differing): (Vec<&Compared>, Vec<&Compared>) =
        rest.into_iter().partition(|row| row.is_same());
    for (name, rows) in [
        (COMPARED_FIRST, headlines),
        ("different", differing),
        ("the same", same),
    ] {
        say_line!("{name}");
        rows.into_iter().for_each(say);
    }
    Exit::Done
}

/// One thing, with both values where they differ.
fn say(row: &Compared) {
    say_line!("  {:<WHAT$}  {}", row.what, row.one);
    if !row.is_same() {
        say_line!("  {:<WHAT$}  {}", "", row.other);
    }
}
