//! `greenroom history compare`: compares two releases. Shows outcome, versions, commits and images first, then the
//! other differences, then the values that are the same.

use jiff::Timestamp;

use super::arguments::Compare;
use super::find::release;
use super::{Exit, archive, json as lines};
use crate::cli::arguments::Common;
use crate::release::report::{COMPARED_FIRST, Compared, NOT_COMPARED, compare};
use crate::wire::App;

/// The width of the first column.
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
        let rows: Vec<_> = rows.iter().map(json).collect();
        lines::answer(serde_json::json!({ "rows": rows }));
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

/// One row as JSON. If the row has durations, they are removed from the texts and added as numbers of milliseconds.
fn json(row: &Compared) -> serde_json::Value {
    let mut json = serde_json::json!({
        "what": row.what,
        "one": value(&row.one),
        "other": value(&row.other),
        "same": row.is_same(),
    });
    if let Some([one, other]) = row.took {
        let without_time = |text: &str| text.rsplit_once(", ").map(|(rest, _)| rest.to_owned());
        json["one"] = without_time(&row.one).into();
        json["other"] = without_time(&row.other).into();
        json["one_ms"] = one.map(lines::milliseconds).into();
        json["other_ms"] = other.map(lines::milliseconds).into();
    }
    json
}

/// A value of a row. A time gets the format that times have in all JSON. A value that was not compared becomes `null`.
fn value(text: &str) -> Option<String> {
    if text == NOT_COMPARED {
        return None;
    }
    let time = text.parse::<Timestamp>();
    Some(time.map_or_else(|_| text.to_owned(), |time| time.to_string()))
}

/// Prints one row. The second value is printed only if it differs from the first.
fn say(row: &Compared) {
    say_line!("  {:<WHAT$}  {}", row.what, row.one);
    if !row.is_same() {
        say_line!("  {:<WHAT$}  {}", "", row.other);
    }
}
