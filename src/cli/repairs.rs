//! Repairs among what was released: a line each, as `greenroom history` shows them.

use std::time::Duration;

use crate::history::RepairRecord;
use crate::release::Site;
use crate::release::words::duration;

/// The newest repairs of a target.
pub(super) async fn of(
    site: &Site,
    limit: usize,
    patience: Duration,
) -> Result<Vec<RepairRecord>, String> {
    let reading = site.read.journal.repairs(&site.definition.target, limit);
    tokio::time::timeout(patience, reading)
        .await
        .map_err(|_| format!("the journal did not answer within {patience:?}"))?
        .map_err(|failure| failure.to_string())
}

/// One as a line, in the columns of a release.
pub(super) fn line(record: &RepairRecord) -> String {
    let (outcome, took) = match &record.closed {
        None => ("open", String::new()),
        Some((at, outcome)) => {
            let took = Duration::try_from(at.duration_since(record.begun_at));
            (outcome.word(), duration(took.unwrap_or_default()))
        }
    };
    let done = record.deeds.iter().filter(|deed| deed.done_at.is_some());
    let deeds: Vec<&str> = done.map(|deed| deed.does.as_str()).collect();
    let reason = record
        .closed
        .as_ref()
        .and_then(|(_, outcome)| outcome.reason());
    let mut words = vec![deeds.join(", ")];
    words.extend(reason.map(str::to_owned));
    words.retain(|word| !word.is_empty());
    format!(
        "{}  {:<20}  {:<13}  {}  {outcome:<14} {took:>7}  {}  {}",
        record.begun_at.strftime("%Y-%m-%d %H:%M:%SZ"),
        record.target.to_string(),
        "repair",
        record.names(),
        record.operator,
        words.join("; "),
    )
}

/// One as JSON: a release has a `kind`, and so has this.
pub(super) fn json(record: &RepairRecord) -> serde_json::Value {
    let mut value = serde_json::json!({ "kind": "repair" });
    if let (Some(all), Ok(serde_json::Value::Object(fields))) =
        (value.as_object_mut(), serde_json::to_value(record))
    {
        all.extend(fields);
    }
    value
}
