//! What became live in an environment over time, and which releases failed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{Line, Lines, Tone, clock, moment};
use crate::history::{Among, AuditRecord, Item, LivePeriod, ReleaseRecord, Standing};
use crate::inventory::ServiceName;
use crate::inventory::local_time;
use crate::release::describe::duration;
use crate::release::time::elapsed;

/// The releases, holds and repairs of an environment, newest first. Each release says how long its version was live:
/// from its own switch to the switch of the next version that stayed live, without the time during which versions in
/// between were tried. It does not say what is live now; that is observed.
pub fn timeline(items: &[Item]) -> Vec<Line> {
    let mut later: BTreeMap<&ServiceName, Later> = BTreeMap::new();
    let mut lines = Lines::default();
    let mut day = String::new();
    for item in items {
        let of = local_time::local(item.at())
            .strftime("%Y-%m-%d, %A")
            .to_string();
        if day != of {
            lines.heading(&of);
            day = of;
        }
        match item {
            Item::Release(listed) => release(&mut lines, &listed.head, &mut later),
            Item::Audit(kept) => decided(&mut lines, &kept.record),
        }
    }
    if items.is_empty() {
        lines.plain("nothing was released there, as far as is known");
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
            clock(record.at()),
            record.target().service.to_string(),
            record.kind(),
            record.operator()
        ),
    );
}

/// What came after a release, known because the list is read from its newest end.
struct Later {
    /// When the next version that stayed live was switched to.
    until: Timestamp,
    /// How long versions that were backed out again were live before that.
    away: Duration,
}

fn release<'a>(
    lines: &mut Lines,
    head: &'a ReleaseRecord,
    later: &mut BTreeMap<&'a ServiceName, Later>,
) {
    let standing = Standing::of(head);
    let service = &head.target.service;
    let mut words = match head.live {
        Some(LivePeriod {
            since,
            until: Some(until),
        }) => {
            let length = elapsed(since, until);
            if let Some(later) = later.get_mut(service) {
                later.away += length;
            }
            vec![was_live(length, since, until)]
        }
        Some(LivePeriod { since, until: None }) => {
            let next = Later {
                until: since,
                away: Duration::ZERO,
            };
            vec![match later.insert(service, next) {
                None => format!("became live at {}, the last that did", clock(since)),
                Some(Later { until, away }) => {
                    was_live(elapsed(since, until).saturating_sub(away), since, until)
                }
            }]
        }
        None if standing.among() == Among::Good => {
            vec!["became live, but its journal does not say when".to_owned()]
        }
        None => Vec::new(),
    };
    match &head.closed {
        None => words.push("has no end yet, as far as is known".to_owned()),
        Some((_, outcome)) if !outcome.is_success() => {
            let why = outcome.reason().unwrap_or_default();
            words.push(format!("{standing}: {why}"));
        }
        Some(_) => {}
    }
    let tone = match standing.among() {
        Among::Good => Tone::Plain,
        Among::Failed | Among::Open => Tone::Quiet,
    };
    lines.add(
        tone,
        format!(
            "  {}  {:<14} {:<16} {}; {}",
            clock(head.opened_at),
            service.to_string(),
            head.to.1.name(),
            words.join("; "),
            head.operator
        ),
    );
}

fn was_live(length: Duration, since: Timestamp, until: Timestamp) -> String {
    let is_same_day = moment(since).get(..10) == moment(until).get(..10);
    let until = if is_same_day {
        clock(until)
    } else {
        moment(until)
    };
    format!(
        "was live for {}, from {} to {until}",
        duration(length),
        clock(since)
    )
}
