//! Makes the report of a hold or a repair from its record.

use super::{Line, Lines, Tone, moment, verification};
use crate::history::{AuditRecord, HoldRecord, KeptAudit, Provable, RepairRecord};
use crate::release::describe::duration;
use crate::release::time::elapsed;

/// The whole report, with the values in the store that differed from the archived record.
pub fn audit(kept: &KeptAudit) -> Vec<Line> {
    let mut lines = Lines::default();
    match &kept.record {
        AuditRecord::Hold(record) => hold(&mut lines, record),
        AuditRecord::Repair(record) => repair(&mut lines, record),
    }
    verification(&mut lines, &kept.record.prove(), &kept.differences);
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
        lines.plain(format!("  from     the rollback {release}"));
    }
    match (&hold.cleared, hold.until) {
        (Some(cleared), _) => {
            let active_for = duration(elapsed(hold.since, cleared.at));
            lines.plain(format!(
                "  cleared  {}, after {active_for}, by {}",
                moment(cleared.at),
                cleared.by
            ));
            let why = cleared.why.as_deref().unwrap_or("no reason given");
            lines.add(Tone::Quiet, format!("           because: {why}"));
        }
        (None, Some(until)) => lines.plain(format!("  until    {}", moment(until))),
        (None, None) => lines.plain("  until    an operator clears it"),
    }
}

fn repair(lines: &mut Lines, record: &RepairRecord) {
    lines.heading(format!("{}  repair", record.target));
    lines.plain(format!("  repair   {}", record.id));
    lines.plain(format!("  by       {}", record.operator));
    lines.plain(format!("  started  {}", moment(record.started_at)));
    match &record.closed {
        None => lines.plain("  ended    not yet, according to this record"),
        Some((at, outcome)) => {
            let took = duration(elapsed(record.started_at, *at));
            let tone = match outcome.reason() {
                None => Tone::Plain,
                Some(_) => Tone::Bad,
            };
            let text = format!("  ended    {}, after {took}: {outcome}", moment(*at));
            lines.add(tone, text);
        }
    }
    lines.heading("differences");
    for difference in &record.differences {
        lines.plain(format!("  {}: {}", difference.name, difference.message));
    }
    lines.heading("actions");
    for repair_action in &record.repair_actions {
        let state = match (repair_action.started_at, repair_action.done_at) {
            (_, Some(at)) => format!("done at {}", moment(at)),
            (Some(at), None) => {
                format!("started at {}, but the result was not observed", moment(at))
            }
            (None, None) => "not started".to_owned(),
        };
        lines.plain(format!("  {}: {state}", repair_action.does));
        for call in &repair_action.calls {
            lines.add(Tone::Quiet, format!("    {call}"));
        }
    }
}
