//! Every decision: who made it, from where, when it was asked and answered, on what evidence, and
//! why.

use jiff::Timestamp;

use super::{Lines, Tone, clock, evidence, moment, tally};
use crate::history::{Decision, Entry, Happening, Recorded, Takeover};
use crate::inventory::PeerApproval;
use crate::release::describe::duration;
use crate::release::time::elapsed;

pub(super) fn tell(lines: &mut Lines, recorded: &Recorded) {
    lines.heading("decisions");
    let head = &recorded.head;
    lines.plain(format!(
        "  {}  {} opened it; the plan above was shown",
        moment(head.opened_at),
        head.operator
    ));
    why(lines, head.reason.as_deref());
    for overridden in &head.overridden {
        let (at, hold) = (moment(head.opened_at), &overridden.hold);
        lines.plain(format!(
            "  {at}  {} overrode what was {hold}",
            head.operator
        ));
        why(lines, Some(&overridden.why));
    }
    for entry in &recorded.entries {
        decision(lines, recorded, entry);
    }
}

fn decision(lines: &mut Lines, recorded: &Recorded, entry: &Entry) {
    let (decision, what) = match &entry.what {
        Happening::Approved { step, decision } => (decision, format!("approved {step}")),
        Happening::Chosen {
            step,
            choice,
            decision,
        } => (decision, format!("chose {choice} for {step}")),
        Happening::BackOutAsked {
            decision: Some(decision),
            reason,
        } => (decision, format!("asked to back out: {reason}")),
        Happening::BackOutAsked {
            decision: None,
            reason,
        } => {
            let at = moment(entry.at);
            lines.plain(format!("  {at}  a rule required backing out: {reason}"));
            return;
        }
        Happening::Resumed {
            how,
            from,
            decision,
        } => {
            let words = match how {
                Takeover::Resumed => format!("resumed it after {from}"),
                Takeover::Forced => format!("took it over from {from}"),
            };
            (decision, words)
        }
        Happening::LetGo {
            reason,
            to: Some(successor),
        } => {
            let (at, successor) = (moment(entry.at), &successor.operator);
            lines.plain(format!("  {at}  it was handed to {successor}: {reason}"));
            return;
        }
        Happening::Intent { peer_approvals, .. } => {
            for one in peer_approvals {
                peer_approval(lines, one);
            }
            return;
        }
        Happening::LetGo { to: None, .. }
        | Happening::Outcome { .. }
        | Happening::Checked { .. }
        | Happening::Unknown => return,
    };
    lines.plain(format!("  {}  {} {what}", moment(entry.at), decision.by));
    asked(lines, decision, entry.at);
    on(lines, recorded, entry);
    why(lines, decision.note.as_deref());
}

/// An approval by another operator, recorded when the step was started.
fn peer_approval(lines: &mut Lines, one: &PeerApproval) {
    lines.plain(format!(
        "  {}  {} approved it, from {}",
        moment(one.given_at),
        one.by,
        one.console
    ));
    lines.add(Tone::Quiet, format!("    on {}", one.evidence));
    why(lines, one.note.as_deref());
}

fn asked(lines: &mut Lines, decision: &Decision, answered: Timestamp) {
    if let Some(asked) = decision.asked_at {
        let waited = duration(elapsed(asked, answered));
        lines.add(
            Tone::Quiet,
            format!("    asked at {}, answered after {waited}", clock(asked)),
        );
    }
}

fn on(lines: &mut Lines, recorded: &Recorded, entry: &Entry) {
    let words = match evidence(recorded, entry.sequence) {
        None => "on no checks: none had been run".to_owned(),
        Some(report) => format!(
            "on checks of {}, {} old then: {}",
            report.digest.short(),
            duration(elapsed(report.at, entry.at)),
            tally(report)
        ),
    };
    lines.add(Tone::Quiet, format!("    {words}"));
}

fn why(lines: &mut Lines, note: Option<&str>) {
    if let Some(note) = note {
        lines.add(Tone::Quiet, format!("    because: {note}"));
    }
}
