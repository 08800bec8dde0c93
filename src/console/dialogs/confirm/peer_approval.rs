//! The rows that an approver sees before approving another operator's release.

use super::rows::{decisions, step};
use super::sides::Parts;
use crate::checks::Verdict;
use crate::console::model::Model;
use crate::console::theme::{Meaning, Theme};
use crate::console::view::progress;
use crate::release::{Status, review, step_with_approvers};
use crate::sanitize::sanitize;

/// Adds the rows of the approver's question.
pub(super) fn rows(
    model: &Model,
    theme: &Theme,
    status: &Status,
    room: usize,
    (pinned, scrolled): Parts<'_, '_>,
) {
    let plan = &status.plan;
    decisions(plan, scrolled);
    let slots = model.in_slots(plan.target());
    let configuration = review::configuration(plan, slots.as_ref());
    for (index, line) in configuration.into_iter().enumerate() {
        scrolled.push((if index == 0 { "config" } else { "" }, line, Meaning::Text));
    }
    for (index, case) in status.cases.iter().enumerate() {
        let label = if index == 0 { "results" } else { "" };
        let meaning = match case.verdict {
            Verdict::Passed => Meaning::Text,
            _ => Meaning::Warn,
        };
        scrolled.push((label, review::check(case), meaning));
    }
    for approval in model
        .peer_approved(status)
        .into_iter()
        .flat_map(|(_, given)| given)
    {
        if let Some(note) = &approval.note {
            let note = sanitize(&format!("{}: \"{note}\"", approval.by));
            scrolled.push(("note", note, Meaning::Muted));
        }
    }
    for why in model.not_peer_approved(status) {
        scrolled.push(("", sanitize(&why), Meaning::Warn));
    }
    step(
        model,
        theme,
        (status, step_with_approvers(plan)),
        room,
        (pinned, scrolled),
    );
    pinned.push(("commits", review::commits(plan), Meaning::Text));
    if let Some(message) = model.peer_approved_words(status) {
        pinned.push(("others", sanitize(&message), Meaning::Text));
    }
    let driver = model.elsewhere().map(progress::driver);
    let driver = driver.unwrap_or(&plan.operator);
    let what = if plan.stops_first() {
        "stop the live version and make this one live"
    } else {
        "move the traffic"
    };
    let message =
        format!("with all approvals, {driver} can {what}; your approval changes nothing else");
    pinned.push(("means", sanitize(&message), Meaning::Warn));
}
