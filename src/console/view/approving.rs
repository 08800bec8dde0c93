//! What an approver sees before approving another operator's release, and what the driver of a release sees while
//! approvals are missing.

use ratatui::text::Line;

use super::confirm::{Parts, overridden, step};
use super::dialog::{Sheet, keys, wrapped};
use super::{progress, text};
use crate::checks::Verdict;
use crate::console::action::Action;
use crate::console::model::{Button, Confirm, Model};
use crate::console::theme::{Meaning, Theme};
use crate::history::Step;
use crate::inventory::Target;
use crate::release::{Status, approve_command, approvers_words, review};
use crate::sanitize::sanitize;

/// The rows of the approver's question.
pub(super) fn rows(
    model: &Model,
    theme: &Theme,
    status: &Status,
    room: usize,
    (first, rows): Parts<'_, '_>,
) {
    let plan = &status.plan;
    overridden(plan, rows);
    let slots = model.in_slots(plan.target());
    let configuration = review::configuration(plan, slots.as_ref());
    for (index, line) in configuration.into_iter().enumerate() {
        rows.push((if index == 0 { "config" } else { "" }, line, Meaning::Text));
    }
    for (index, case) in status.cases.iter().enumerate() {
        let label = if index == 0 { "results" } else { "" };
        let meaning = match case.verdict {
            Verdict::Passed => Meaning::Text,
            _ => Meaning::Warn,
        };
        rows.push((label, review::check(case), meaning));
    }
    for approval in model
        .peer_approved(status)
        .into_iter()
        .flat_map(|(_, given)| given)
    {
        if let Some(note) = &approval.note {
            let note = sanitize(&format!("{}: \"{note}\"", approval.by));
            rows.push(("note", note, Meaning::Muted));
        }
    }
    for why in model.not_peer_approved(status) {
        rows.push(("", sanitize(&why), Meaning::Warn));
    }
    step(model, theme, (status, Step::Switch), room, (first, rows));
    first.push(("commits", review::commits(plan), Meaning::Text));
    if let Some(message) = model.peer_approved_words(status) {
        first.push(("others", sanitize(&message), Meaning::Text));
    }
    let driver = model.elsewhere().map(progress::driver);
    let driver = driver.unwrap_or(&plan.operator);
    let message = format!(
        "with all approvals, {driver} can move the traffic; your approval changes nothing else"
    );
    first.push(("means", sanitize(&message), Meaning::Warn));
}

/// The line for the approver's note. None if the question takes no note.
pub(super) fn note<'a>(theme: &Theme, confirm: &Confirm, columns: usize) -> Option<Line<'a>> {
    if !confirm.takes_note() {
        return None;
    }
    let is_typed = confirm.button == Button::Note;
    let sign = "Note (optional):  ";
    let note = confirm.note.as_deref().unwrap_or_default();
    let room = columns.saturating_sub(text::width(sign) + 1);
    // The end of the text stays in view, because it is being typed.
    let skipped = note.chars().count().saturating_sub(room);
    let visible: String = note.chars().skip(skipped).collect();
    let typed = match (is_typed, visible.is_empty()) {
        (true, _) => theme.span(format!("{visible}_"), Meaning::Key),
        (false, true) => theme.span("none (Tab to type one)", Meaning::Muted),
        (false, false) => theme.span(visible, Meaning::Text),
    };
    Some(Line::from(vec![theme.span(sign, Meaning::Text), typed]))
}

/// Tells the driver which approvals are missing, who can give them, and how; or that no approval is missing any more.
pub(super) fn lacking<'a>(
    model: &Model,
    theme: &Theme,
    target: &Target,
    columns: usize,
) -> Sheet<'a> {
    let mut sheet = Sheet::new(format!("Waiting for approval · {target}"));
    sheet.frame = Meaning::Warn;
    sheet.foot = vec![keys(theme, &[("Esc", "close")])];
    let mut say = |message: &str, meaning| {
        let message = sanitize(message);
        sheet
            .body
            .extend(wrapped(theme, &message, columns, meaning));
    };
    let approve = model.keymap.shown(Action::Approve);
    let Some(status) = model.releases.get(target) else {
        return sheet;
    };
    let Some((needed, given)) = model.peer_approved(status) else {
        say("The release no longer waits for approvals.", Meaning::Text);
        return sheet;
    };
    let message = model.peer_approved_words(status).unwrap_or_default();
    say(&format!("The switch {message}."), Meaning::Warn);
    for approval in &given {
        if let Some(note) = &approval.note {
            say(&format!("  {}: \"{note}\"", approval.by), Meaning::Muted);
        }
    }
    for why in model.not_peer_approved(status) {
        say(&format!("  {why}"), Meaning::Warn);
    }
    if given.len() >= needed {
        let message = format!(
            "The release has all approvals. Close this with Esc, then press {approve} to switch."
        );
        say(&message, Meaning::Ok);
        return sheet;
    }
    let snapshot = model.world.get(target);
    let driver = snapshot.and_then(|snapshot| snapshot.lock.as_ref());
    let driver = driver.map(|holder| &holder.record.operator);
    let by = approvers_words(&status.plan, driver);
    say(&format!("Approvals can be given by {by}:"), Meaning::Text);
    let arm = model.keymap.shown(Action::Arm);
    let list = model.keymap.shown(Action::Waiting);
    let console =
        format!("  in a console: {list} lists the release, Enter opens it, {arm} arms {target}");
    say(&console, Meaning::Text);
    let command = format!("  in a shell:   {}", approve_command(target));
    say(&command, Meaning::Text);
    let back = model.keymap.shown(Action::BackOut);
    say(
        &format!(
            "The traffic does not move before all approvals are given. {back} backs the release out."
        ),
        Meaning::Muted,
    );
    sheet
}
