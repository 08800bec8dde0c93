//! What became live in an environment one after the other, and what was tried in vain.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Line, Lines, Tone};
use crate::history::{Among, AuditRecord, Item, ReleaseRecord, Standing};
use crate::inventory::ServiceName;
use crate::release::time::elapsed;
use crate::release::words::duration;

/// What was released in an environment and decided beside, newest first, each release with how long it was
/// the last that became live. What is live now is not known here: that is observed.
pub fn timeline(items: &[Item]) -> Vec<Line> {
    let mut replaced: BTreeMap<&ServiceName, Timestamp> = BTreeMap::new();
    let mut lines = Lines::default();
    let mut day = String::new();
    for item in items {
        let of = item.at().strftime("%Y-%m-%d, %A").to_string();
        if day != of {
            lines.heading(&of);
            day = of;
        }
        match item {
            Item::Release(listed) => release(&mut lines, &listed.head, &mut replaced),
            Item::Audit(kept) => decided(&mut lines, &kept.record),
        }
    }
    if items.is_empty() {
        lines.plain("nothing was released there, as far as was seen");
    }
    lines.0
}

fn decided(lines: &mut Lines, record: &AuditRecord) {
    let mut words = format!("{}: {}", record.outcome(), record.what());
    let ending = record.ending();
    if !ending.is_empty() {
        words = format!("{words}; {ending}");
    }
    lines.add(
        Tone::Quiet,
        format!(
            "  {}  {:<14} {:<16} {words}; {}",
            record.at().strftime("%H:%M:%SZ"),
            record.target().service.to_string(),
            record.kind(),
            record.operator()
        ),
    );
}

fn release<'a>(
    lines: &mut Lines,
    head: &'a ReleaseRecord,
    replaced: &mut BTreeMap<&'a ServiceName, Timestamp>,
) {
    let standing = Standing::of(head);
    let (tone, words) = match (&head.closed, standing.among()) {
        (Some(_), Among::Good) => {
            let until = replaced.insert(&head.target.service, head.opened_at);
            let words = until.map_or_else(
                || "became live, the last that did".to_owned(),
                // Its end may be that of its standby, or the moment when it was superseded: what is
                // known of both is when they were begun.
                |until| {
                    let later = duration(elapsed(head.opened_at, until));
                    format!("became live, the next was begun {later} later")
                },
            );
            (Tone::Plain, words)
        }
        (Some((_, outcome)), _) => {
            let why = outcome.reason().unwrap_or_default();
            (Tone::Quiet, format!("{standing}: {why}"))
        }
        (None, _) => (Tone::Quiet, "has no end yet, as far as was seen".to_owned()),
    };
    lines.add(
        tone,
        format!(
            "  {}  {:<14} {:<16} {words}; {}",
            head.opened_at.strftime("%H:%M:%SZ"),
            head.target.service.to_string(),
            head.to.1.name(),
            head.operator
        ),
    );
}
