//! Every step with its times: its start, its outcome, and its undo.

use super::{Lines, Tone, clock};
use crate::history::{Direction, Happening, Recorded};
use crate::release::describe::duration;

/// The number that each entry has if none is missing before it.
fn expected(recorded: &Recorded) -> impl Iterator<Item = u32> {
    let behind = recorded.entries.iter();
    std::iter::once(1).chain(behind.map(|entry| entry.sequence.saturating_add(1)))
}

/// The text for a gap in the numbers.
fn missing(from: u32, before: u32) -> String {
    let last = before.saturating_sub(1);
    let which = if from == last {
        format!("entry {from} is")
    } else {
        format!("entries {from} to {last} are")
    };
    format!("{which} missing: they were removed, or entry {before} was not written by its driver")
}

pub(super) fn tell(lines: &mut Lines, recorded: &Recorded) {
    lines.heading("steps");
    let mut told = 0;
    for (entry, next) in recorded.entries.iter().zip(expected(recorded)) {
        if entry.sequence > next {
            let words = missing(next, entry.sequence);
            lines.add(Tone::Bad, format!("  {words}"));
        }
        let at = clock(entry.at);
        let undo = |direction: &Direction| match direction {
            Direction::Forward => "",
            Direction::Back => "undo ",
        };
        match &entry.what {
            Happening::Intent {
                step, direction, ..
            } => {
                lines.add(
                    Tone::Quiet,
                    format!("  {at}  {}{step}: started", undo(direction)),
                );
            }
            Happening::Outcome {
                step,
                direction,
                failure,
                took,
            } => {
                let (tone, words) = match failure {
                    None => (Tone::Plain, "done".to_owned()),
                    Some(why) => (Tone::Bad, format!("failed: {why}")),
                };
                let took = duration(*took);
                lines.add(
                    tone,
                    format!("  {at}  {}{step}: {words}, after {took}", undo(direction)),
                );
            }
            Happening::BackOutAsked { reason, .. } => {
                lines.add(Tone::Bad, format!("  {at}  backs out: {reason}"));
            }
            Happening::LetGo { reason, .. } => {
                lines.add(Tone::Quiet, format!("  {at}  its driver stopped: {reason}"));
            }
            Happening::Unknown => {
                let words = "an event that only a newer Greenroom knows";
                lines.add(Tone::Quiet, format!("  {at}  {words}"));
            }
            Happening::Checked { .. }
            | Happening::Approved { .. }
            | Happening::Chosen { .. }
            | Happening::Resumed { .. } => continue,
        }
        told += 1;
    }
    if told == 0 {
        lines.plain("  none was started");
    }
}
