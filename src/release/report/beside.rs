//! The report of a hold or a repair, from its record.

use super::{Line, Lines, Tone, itself, moment};
use crate::history::{AuditRecord, HoldRecord, KeptAudit, Provable, RepairRecord};
use crate::release::describe::duration;
use crate::release::time::elapsed;

/// The whole report, with the differences that its store had later.
pub fn beside(kept: &KeptAudit) -> Vec<Line> {
    let mut lines = Lines::default();
    match &kept.record {
        AuditRecord::Hold(record) => hold(&mut lines, record),
        AuditRecord::Repair(record) => repair(&mut lines, record),
    }
    itself(&mut lines, &kept.record.prove(), &kept.differences);
    lines.0
}

fn hold(lines: &mut Lines, record: &HoldRecord) {
    let hold = &record.hold;
    lines.heading(format!("{}  hold", record.target));
    lines.plain(format!("  hold     {}", record.id));
    lines.plain(format!("  by       {}", hold.author));
    lines.plain(format!("  why      {}", hold.reason));
    lines.plain(format!("  since    {}", moment(hold.since)));
    if let Some(release) = hold.release {
        lines.plain(format!("  left by  the rollback {release}"));
    }
    match (&hold.cleared, hold.until) {
        (Some(cleared), _) => {
            let stood = duration(elapsed(hold.since, cleared.at));
            lines.plain(format!(
                "  cleared  {}, after {stood}, by {}",
                moment(cleared.at),
                cleared.by
            ));
            let why = cleared.why.as_deref().unwrap_or("no reason given");
            lines.add(Tone::Quiet, format!("           because: {why}"));
        }
        (None, Some(until)) => lines.plain(format!("  until    {}", moment(until))),
        (None, None) => lines.plain("  until    it is cleared, as far as is known"),
    }
}

fn repair(lines: &mut Lines, record: &RepairRecord) {
    lines.heading(format!("{}  repair", record.target));
    lines.plain(format!("  repair   {}", record.id));
    lines.plain(format!("  by       {}", record.operator));
    lines.plain(format!("  started  {}", moment(record.begun_at)));
    match &record.closed {
        None => lines.plain("  ended    not yet, as far as is known"),
        Some((at, outcome)) => {
            let took = duration(elapsed(record.begun_at, *at));
            let tone = match outcome.reason() {
                None => Tone::Plain,
                Some(_) => Tone::Bad,
            };
            let text = format!("  ended    {}, after {took}: {outcome}", moment(*at));
            lines.add(tone, text);
        }
    }
    lines.heading("what differed");
    for difference in &record.differences {
        lines.plain(format!("  {}: {}", difference.name, difference.says));
    }
    lines.heading("what was done about it");
    for repair_action in &record.repair_actions {
        let words = match (repair_action.begun_at, repair_action.done_at) {
            (_, Some(at)) => format!("done at {}", moment(at)),
            (Some(at), None) => format!("started at {}, but not confirmed", moment(at)),
            (None, None) => "not started".to_owned(),
        };
        lines.plain(format!("  {}: {words}", repair_action.does));
        for call in &repair_action.calls {
            lines.add(Tone::Quiet, format!("    {call}"));
        }
    }
}
