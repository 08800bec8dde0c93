//! A list of releases, holds and repairs: lines for people, or one answer in JSON. In CSV, the list has only the
//! releases.

use std::time::Duration;

use super::{Exit, json, say_bytes};
use crate::history::{AuditRecord, DIFFERS, Item, KeptAudit, Listed, ReleaseRecord, ReleaseState};
use crate::inventory::local_time;
use crate::release::describe::duration;
use crate::sanitize::sanitize;

const COLUMNS: [&str; 21] = [
    "id",
    "service",
    "environment",
    "kind",
    "from_version",
    "from_digest",
    "version",
    "digest",
    "commit",
    "operator",
    "host",
    "reason",
    "opened_at",
    "closed_at",
    "seconds",
    "outcome",
    "outcome_reason",
    "differences",
    "live_since",
    "live_until",
    "push",
];

/// The rows so far, and their format.
pub(super) enum Table {
    People,
    Json(Vec<serde_json::Value>),
    Csv(Box<csv::Writer<Vec<u8>>>),
}

impl Table {
    pub(super) fn new(is_json: bool, is_csv: bool) -> Self {
        if is_csv {
            let mut writer = csv::Writer::from_writer(Vec::new());
            // Writing to memory cannot fail.
            let _ = writer.write_record(COLUMNS);
            return Self::Csv(Box::new(writer));
        }
        if is_json {
            Self::Json(Vec::new())
        } else {
            Self::People
        }
    }

    /// Whether the list can show an item. In CSV only releases are shown: the columns do not fit holds and repairs.
    pub(super) fn can_show(&self, item: &Item) -> bool {
        item.release().is_some() || !matches!(self, Self::Csv(_))
    }

    pub(super) fn row(&mut self, item: &Item) {
        match (self, item) {
            (Self::People, Item::Release(listed)) => say_line!("{}", line(listed)),
            (Self::People, Item::Audit(kept)) => say_line!("{}", audit_line(kept)),
            (Self::Json(items), item) => items.push(item_json(item)),
            (Self::Csv(writer), Item::Release(listed)) => {
                let _ = writer.write_record(cells(listed));
            }
            (Self::Csv(_), Item::Audit(_)) => {}
        }
    }

    pub(super) fn end(self, exit: Exit) -> Exit {
        match self {
            Self::People => {}
            Self::Json(items) => json::answer(serde_json::json!({ "items": items })),
            Self::Csv(writer) => match writer.into_inner() {
                Ok(bytes) => say_bytes(&bytes),
                Err(error) => warn_line!("greenroom: the CSV cannot be written: {error}"),
            },
        }
        exit
    }
}

/// One item as JSON. The field `kind` says what the item is.
pub(super) fn item_json(item: &Item) -> serde_json::Value {
    match item {
        Item::Release(listed) => serde_json::json!(listed.head),
        Item::Audit(kept) => serde_json::json!(kept.record),
    }
}

/// A hold or repair, in the columns of a release.
fn audit_line(kept: &KeptAudit) -> String {
    let record = &kept.record;
    let took = record.ended_at().map(|at| {
        let took = Duration::try_from(at.duration_since(record.at()));
        duration(took.unwrap_or_default())
    });
    let remarks = match record {
        AuditRecord::Hold(_) => [record.purpose(), record.ending()],
        AuditRecord::Repair(_) => [record.ending(), String::new()],
    };
    let mut remarks: Vec<String> = remarks.into_iter().filter(|it| !it.is_empty()).collect();
    if !kept.differences.is_empty() {
        remarks.push(DIFFERS.to_owned());
    }
    let description = match record {
        AuditRecord::Hold(_) => String::new(),
        AuditRecord::Repair(_) => format!("{}  ", record.purpose()),
    };
    sanitize(&format!(
        "{}  {}  {:<20}  {:<13}  {description}{:<14} {:>7}  {}  {}",
        local_time::moment(record.at()),
        record.id(),
        record.target().to_string(),
        record.kind(),
        record.outcome(),
        took.unwrap_or_default(),
        record.operator(),
        remarks.join("; "),
    ))
}

fn cells(listed: &Listed) -> [String; 21] {
    let head = &listed.head;
    let (slot_before, (_, to)) = (&head.from, &head.to);
    let from = slot_before.as_ref().map(|(_, version)| version);
    let (closed, live) = (head.closed.as_ref(), head.live);
    let cells = [
        head.id.to_string(),
        head.target.service.to_string(),
        head.target.environment.to_string(),
        head.kind.to_string(),
        from.map(|from| from.name().to_owned()).unwrap_or_default(),
        from.map(|from| from.digest.to_string()).unwrap_or_default(),
        to.name().to_owned(),
        to.digest.to_string(),
        to.labels.revision.clone().unwrap_or_default(),
        head.operator.name.clone(),
        head.operator.host.clone(),
        head.reason.clone().unwrap_or_default(),
        head.opened_at.to_string(),
        closed.map(|(at, _)| at.to_string()).unwrap_or_default(),
        took(head)
            .map(|took| took.as_secs().to_string())
            .unwrap_or_default(),
        ReleaseState::of(head).as_str().to_owned(),
        closed
            .and_then(|(_, outcome)| outcome.reason())
            .unwrap_or_default()
            .to_owned(),
        listed.differences.to_string(),
        live.map(|live| live.since.to_string()).unwrap_or_default(),
        live.and_then(|live| live.until)
            .map(|until| until.to_string())
            .unwrap_or_default(),
        head.trigger
            .as_ref()
            .map(|trigger| trigger.push.clone())
            .unwrap_or_default(),
    ];
    cells.map(|cell| no_formula(sanitize(&cell)))
}

/// Puts an apostrophe before a cell that starts like a formula. Without the apostrophe, a spreadsheet would evaluate
/// text that another user wrote (OWASP, CSV injection).
fn no_formula(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@']) {
        format!("'{cell}")
    } else {
        cell
    }
}

fn took(record: &ReleaseRecord) -> Option<Duration> {
    let (at, _) = record.closed.as_ref()?;
    let took = Duration::try_from(at.duration_since(record.opened_at));
    Some(took.unwrap_or_default())
}

/// How long the version was live, if this release switched back. The outcome `backed out` does not say whether the
/// version was live.
fn was_live(record: &ReleaseRecord) -> Option<String> {
    let length = record.live.as_ref()?.length()?;
    Some(format!("was live for {}", duration(length)))
}

fn line(listed: &Listed) -> String {
    let record = &listed.head;
    let from = record
        .from
        .as_ref()
        .map_or("-", |(_, version)| version.name());
    let failure = record
        .closed
        .as_ref()
        .and_then(|(_, outcome)| outcome.reason());
    let differs = (listed.differences > 0).then_some(DIFFERS);
    let live = was_live(record);
    let trigger = record.trigger.as_ref().map(ToString::to_string);
    let trigger = trigger.as_deref();
    let remarks = [
        trigger,
        record.why_beside_push(),
        live.as_deref(),
        failure,
        differs,
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join("; ");
    // Any user who can write to the store could have written parts of this text, so the text is sanitized.
    sanitize(&format!(
        "{}  {}  {:<20}  {:<13}  {from} -> {}  {:<14} {:>7}  {}  {remarks}",
        local_time::moment(record.opened_at),
        record.id,
        record.target.to_string(),
        record.kind.to_string(),
        record.to.1.name(),
        ReleaseState::of(record).to_string(),
        took(record).map(duration).unwrap_or_default(),
        record.operator,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::samples_for_tests::planned;
    use crate::inventory::Trigger;

    fn caused_by(push: &str) -> Listed {
        let trigger = Trigger {
            entry: "1a2b3c4d".repeat(4).parse().expect("an id"),
            push: push.into(),
        };
        Listed {
            head: ReleaseRecord {
                trigger: Some(trigger),
                ..planned(1, None, false)
            },
            differences: 0,
        }
    }

    #[test]
    fn the_csv_ends_with_the_push_that_caused_the_release() {
        assert_eq!(COLUMNS.last(), Some(&"push"));
        let push = "develop of team/web, from hub, by cleo";
        for (push, cell) in [
            (push, push),
            ("=HYPERLINK(A1)", "'=HYPERLINK(A1)"),
            ("\u{1b}[2J=1+1", "'=1+1"),
        ] {
            assert_eq!(
                cells(&caused_by(push)).last().map(String::as_str),
                Some(cell)
            );
        }
        let by_operator = Listed {
            head: planned(1, None, false),
            differences: 0,
        };
        assert_eq!(cells(&by_operator).last().map(String::as_str), Some(""));
    }

    #[test]
    fn a_release_of_an_agent_names_its_push() {
        let line = line(&caused_by("develop of team/web, from hub, by cleo"));
        let push = "for a push of develop of team/web, from hub, by cleo (entry 1a2b3c4d)";
        assert!(line.contains(push), "{line}");
    }

    #[test]
    fn a_cell_that_begins_like_a_formula_is_text() {
        for bad in ["=1+1", "+1", "-1", "@SUM(A1)"] {
            assert_eq!(no_formula(bad.into()), format!("'{bad}"));
        }
        assert_eq!(no_formula("lamp sale = cheap".into()), "lamp sale = cheap");
    }
}
