//! The part of a report that lists the decisions. For each decision it says who made it and why, when the question was
//! asked and answered, and which results of checks were known.

use jiff::Timestamp;

use super::{Lines, Tone, clock, evidence, moment};
use crate::checks::{Verdict, counted};
use crate::history::{Decision, Entry, JournalEvent, Recorded, Takeover};
use crate::inventory::{PeerApproval, TaskName};
use crate::release::describe::duration;
use crate::release::time::elapsed;

pub(super) fn add(lines: &mut Lines, recorded: &Recorded) {
    lines.heading("decisions");
    let head = &recorded.head;
    let (at, operator) = (moment(head.opened_at), &head.operator);
    lines.plain(match &head.trigger {
        // No operator has seen the plan of an agent.
        Some(trigger) => format!("  {at}  opened by {operator} {trigger}"),
        None => format!("  {at}  {operator} opened the release; the plan above was shown"),
    });
    reason(lines, head.reason.as_deref());
    if !head.skipped_tasks.is_empty() {
        let names: Vec<&str> = head.skipped_tasks.iter().map(TaskName::as_str).collect();
        let names = names.join(", ");
        lines.plain(format!("  {at}  {operator} skipped the tasks: {names}"));
    }
    if !head.overridden_checks.is_empty() {
        let names = head.overridden_checks.join(", ");
        let decision = "decided that the release continues if these checks do not pass";
        lines.plain(format!("  {at}  {operator} {decision}: {names}"));
    }
    for overridden in &head.overridden {
        let (at, hold) = (moment(head.opened_at), &overridden.hold);
        lines.plain(format!("  {at}  {} overrode a hold: {hold}", head.operator));
        reason(lines, Some(&overridden.why));
    }
    for entry in &recorded.entries {
        decision(lines, recorded, entry);
    }
}

fn decision(lines: &mut Lines, recorded: &Recorded, entry: &Entry) {
    let (decision, action) = match &entry.event {
        JournalEvent::Approved { step, decision } => (decision, format!("approved {step}")),
        JournalEvent::Chosen {
            step,
            choice,
            decision,
        } => (decision, format!("chose {choice} for {step}")),
        JournalEvent::BackOutAsked {
            decision: Some(decision),
            reason,
        } => (decision, format!("asked to back out: {reason}")),
        JournalEvent::BackOutAsked {
            decision: None,
            reason,
        } => {
            let at = moment(entry.at);
            lines.plain(format!("  {at}  automatic back-out: {reason}"));
            return;
        }
        JournalEvent::Resumed {
            how,
            from,
            decision,
        } => {
            let action = match how {
                Takeover::Resumed => format!("resumed the release after {from}"),
                Takeover::Forced => format!("took over the release from {from}"),
            };
            (decision, action)
        }
        JournalEvent::DriverStopped {
            reason,
            to: Some(successor),
        } => {
            let (at, successor) = (moment(entry.at), &successor.operator);
            lines.plain(format!(
                "  {at}  the release was handed over to {successor}: {reason}"
            ));
            return;
        }
        JournalEvent::Intent { peer_approvals, .. } => {
            for approval in peer_approvals {
                peer_approval(lines, approval);
            }
            return;
        }
        JournalEvent::DriverStopped { to: None, .. }
        | JournalEvent::Outcome { .. }
        | JournalEvent::Checked { .. }
        | JournalEvent::Unknown(_) => return,
    };
    lines.plain(format!("  {}  {} {action}", moment(entry.at), decision.by));
    question(lines, decision, entry.at);
    evidence_line(lines, recorded, entry);
    reason(lines, decision.note.as_deref());
}

/// Adds an approval by another operator. Approvals are recorded with the step that needed them.
fn peer_approval(lines: &mut Lines, approval: &PeerApproval) {
    lines.plain(format!(
        "  {}  {} approved the release, from {}",
        moment(approval.given_at),
        approval.by,
        approval.console
    ));
    lines.add(Tone::Quiet, format!("    evidence: {}", approval.evidence));
    reason(lines, approval.note.as_deref());
}

fn question(lines: &mut Lines, decision: &Decision, answered: Timestamp) {
    if let Some(asked_at) = decision.asked_at {
        let waited = duration(elapsed(asked_at, answered));
        lines.add(
            Tone::Quiet,
            format!("    asked at {}, answered after {waited}", clock(asked_at)),
        );
    }
}

fn evidence_line(lines: &mut Lines, recorded: &Recorded, entry: &Entry) {
    let text = match evidence(recorded, entry.sequence) {
        None => "evidence: none, because no checks had been run".to_owned(),
        Some(report) => format!(
            "evidence: checks of {}, {} old at that time: {}",
            report.digest.short(),
            duration(elapsed(report.at, entry.at)),
            counted(&report.cases, &[Verdict::Passed])
        ),
    };
    lines.add(Tone::Quiet, format!("    {text}"));
}

fn reason(lines: &mut Lines, note: Option<&str>) {
    if let Some(note) = note {
        lines.add(Tone::Quiet, format!("    because: {note}"));
    }
}
