//! The part of a report that lists the start and the outcome of each step and of each undo, with the times.

use super::{Lines, Tone, clock};
use crate::history::{Direction, JournalEvent, Recorded};
use crate::release::describe::{duration, unknown_event};

/// For each entry, the number that the entry has if no earlier entry is missing.
fn expected(recorded: &Recorded) -> impl Iterator<Item = u32> {
    let entries = recorded.entries.iter();
    std::iter::once(1).chain(entries.map(|entry| entry.sequence.saturating_add(1)))
}

/// The line about missing entries: the entries from the number `from` up to the number before `before`.
fn missing(from: u32, before: u32) -> String {
    let last = before.saturating_sub(1);
    let which = if from == last {
        format!("entry {from} is")
    } else {
        format!("entries {from} to {last} are")
    };
    format!("{which} missing. Another program must have removed entries or written entry {before}")
}

pub(super) fn add(lines: &mut Lines, recorded: &Recorded) {
    lines.heading("steps");
    let mut shown = 0;
    for (entry, next) in recorded.entries.iter().zip(expected(recorded)) {
        if entry.sequence > next {
            let gap = missing(next, entry.sequence);
            lines.add(Tone::Bad, format!("  {gap}"));
        }
        let at = clock(entry.at);
        let undo = |direction: &Direction| match direction {
            Direction::Forward => "",
            Direction::Back => "undo ",
        };
        match &entry.event {
            JournalEvent::Intent {
                step,
                direction,
                task,
                ..
            } => {
                let task = task
                    .as_ref()
                    .map_or(String::new(), |call| format!("{call} "));
                lines.add(
                    Tone::Quiet,
                    format!("  {at}  {}{step}: {task}started", undo(direction)),
                );
            }
            JournalEvent::Outcome {
                step,
                direction,
                failure,
                took,
            } => {
                let (tone, result) = match failure {
                    None => (Tone::Plain, "done".to_owned()),
                    Some(why) => (Tone::Bad, format!("failed: {why}")),
                };
                let took = duration(*took);
                lines.add(
                    tone,
                    format!("  {at}  {}{step}: {result}, after {took}", undo(direction)),
                );
            }
            JournalEvent::BackOutAsked { reason, .. } => {
                lines.add(Tone::Bad, format!("  {at}  backing out: {reason}"));
            }
            JournalEvent::DriverStopped { reason, .. } => {
                lines.add(Tone::Quiet, format!("  {at}  the driver stopped: {reason}"));
            }
            JournalEvent::Unknown(event) => {
                let text = unknown_event(event);
                lines.add(Tone::Quiet, format!("  {at}  {text}"));
            }
            JournalEvent::Checked { .. }
            | JournalEvent::Approved { .. }
            | JournalEvent::Chosen { .. }
            | JournalEvent::Resumed { .. } => continue,
        }
        shown += 1;
    }
    if shown == 0 {
        lines.plain("  no step was started");
    }
}
