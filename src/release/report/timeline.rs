//! Makes the timeline of an environment: which versions became live at which time, and which releases failed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{Line, Lines, Tone, clock, moment};
use crate::history::{AuditRecord, Item, LivePeriod, ReleaseRecord, ReleaseState, StateGroup};
use crate::inventory::ServiceName;
use crate::inventory::local_time;
use crate::release::describe::duration;
use crate::release::time::elapsed;

/// The releases, holds and repairs of an environment, newest first. Each release says how long its version was live:
/// from its switch to the next switch to a version that stayed live. The times of versions that were backed out in
/// between are subtracted. The timeline does not say which version is live now; only an observation shows that.
pub fn timeline(items: &[Item]) -> Vec<Line> {
    let mut later: BTreeMap<&ServiceName, Later> = BTreeMap::new();
    let mut lines = Lines::default();
    let mut day = String::new();
    for item in items {
        let item_day = local_time::local(item.at())
            .strftime("%Y-%m-%d, %A")
            .to_string();
        if day != item_day {
            lines.heading(&item_day);
            day = item_day;
        }
        match item {
            Item::Release(listed) => release(&mut lines, &listed.head, &mut later),
            Item::Audit(kept) => hold_or_repair(&mut lines, &kept.record),
        }
    }
    if items.is_empty() {
        lines.plain("no release, hold or repair of this environment is recorded");
    }
    lines.0
}

fn hold_or_repair(lines: &mut Lines, record: &AuditRecord) {
    let mut text = format!("{}: {}", record.outcome(), record.purpose());
    let ending = record.ending();
    if !ending.is_empty() {
        text = format!("{text}; {ending}");
    }
    lines.add(
        Tone::Quiet,
        format!(
            "  {}  {:<14} {:<16} {text}; {}",
            clock(record.at()),
            record.target().service.to_string(),
            record.kind(),
            record.operator()
        ),
    );
}

/// What happened after a release. The list is read newest first, so the later releases have been read already.
struct Later {
    /// When the next version that stayed live got the traffic.
    until: Timestamp,
    /// How long other versions, which were backed out, were live before that time.
    away: Duration,
}

fn release<'a>(
    lines: &mut Lines,
    head: &'a ReleaseRecord,
    later: &mut BTreeMap<&'a ServiceName, Later>,
) {
    let state = ReleaseState::of(head);
    let service = &head.target.service;
    let mut parts = match head.live {
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
                None => format!("became live last, at {}", clock(since)),
                Some(Later { until, away }) => {
                    was_live(elapsed(since, until).saturating_sub(away), since, until)
                }
            }]
        }
        None if state.group() == StateGroup::Good => {
            vec!["became live, but the journal does not say when".to_owned()]
        }
        None => Vec::new(),
    };
    match &head.closed {
        None => parts.push("not ended, according to its record".to_owned()),
        Some((_, outcome)) if !outcome.is_success() => {
            let why = outcome.reason().unwrap_or_default();
            parts.push(format!("{state}: {why}"));
        }
        Some(_) => {}
    }
    let tone = match state.group() {
        StateGroup::Good => Tone::Plain,
        StateGroup::Failed | StateGroup::Open => Tone::Quiet,
    };
    lines.add(
        tone,
        format!(
            "  {}  {:<14} {:<16} {}; {}",
            clock(head.opened_at),
            service.to_string(),
            head.to.1.name(),
            parts.join("; "),
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
