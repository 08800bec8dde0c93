//! The content of a confirmation: the old and the new version with their digests, the age of the checks, the calls to
//! make, the cost of undoing the change, and the name to type if one is required.

use ratatui::text::{Line, Span};

use super::rows;
use super::sides::Rows;
use super::{Button, Confirm, Question, peer_approval, repair};
use crate::console::action::Action;
use crate::console::model::Model;
use crate::console::sheet::{Sheet, keys, wrapped};
use crate::console::theme::{Meaning, Theme};
use crate::console::view::{header, text, together};
use crate::history::{ReleaseKind, Step};
use crate::release::{Need, OnFailure, ResumeAction};

const LABEL_COLUMNS: usize = 9;

pub(super) fn sheet(model: &Model, theme: &Theme, confirm: &Confirm, columns: usize) -> Sheet {
    let definition = confirm.question.definition();
    let (target, tier) = (&definition.target, definition.tier);
    let environment = target.environment.as_str();
    let environment = if tier.is_protected() {
        environment.to_uppercase()
    } else {
        environment.to_owned()
    };
    let verb = verb(&confirm.question);
    let mut sheet = Sheet::new(format!(
        "{verb} · {} · {environment} ({})",
        target.service, tier
    ));
    sheet.grows = true;
    sheet.frame = if tier.is_protected() {
        Meaning::Danger
    } else {
        header::tier_meaning(tier)
    };
    let room = columns.saturating_sub(LABEL_COLUMNS);
    // The rows that decide the answer are always in view. The other rows are scrolled.
    let mut pinned: Rows<'_> = Vec::new();
    let mut scrolled: Rows<'_> = Vec::new();
    match &confirm.question {
        Question::Begin(plan) => {
            rows::begin(model, theme, plan, room, (&mut pinned, &mut scrolled));
        }
        Question::Step(status, step) => {
            if status.progress.may_need_approvers() {
                rows::decisions(&status.plan, &mut scrolled);
                if let Some(message) = model.peer_approved_words(status) {
                    scrolled.push(("others", crate::sanitize::sanitize(&message), Meaning::Text));
                }
            }
            let parts = (&mut pinned, &mut scrolled);
            rows::step(model, theme, (status, *step), room, parts);
        }
        Question::PeerApprove(status) => {
            let parts = (&mut pinned, &mut scrolled);
            peer_approval::rows(model, theme, status, room, parts);
        }
        Question::BackOut(status) => {
            rows::back_out(theme, status, room, &mut pinned);
            if let Some(note) = &confirm.note {
                scrolled.push(("note", note.clone(), Meaning::Muted));
            }
        }
        Question::EndStandby(status) => {
            rows::end_standby(theme, &status.plan, room, (&mut pinned, &mut scrolled));
        }
        Question::Resume(found, resume_action) => {
            let sanitize = crate::sanitize::sanitize;
            scrolled.push(("intended", sanitize(found.journal_end()), Meaning::Warn));
            let would = found.would(*resume_action, OnFailure::Ask);
            pinned.push((resume_action.as_str(), sanitize(&would), Meaning::Text));
            if let Some(holder) = &found.holder {
                let holds = sanitize(&together::lock_held_by(found, holder));
                pinned.push(("lock", holds, Meaning::Warn));
                scrolled.push((
                    "means",
                    together::TAKEOVER_CONSEQUENCE.to_owned(),
                    Meaning::Bad,
                ));
            }
            if let Some(note) = &confirm.note {
                scrolled.push(("because", note.clone(), Meaning::Muted));
            }
        }
        Question::RequestHandover(found) => {
            let sanitize = crate::sanitize::sanitize;
            if let Some(holder) = found.driver() {
                let drives = sanitize(&together::lock_held_by(found, holder));
                scrolled.push(("driver", drives, Meaning::Text));
            }
            let would = found.would(ResumeAction::Continue, OnFailure::Ask);
            let message = format!("after the handover, without another question: {would}");
            pinned.push(("then", sanitize(&message), Meaning::Warn));
            if let Some(note) = &confirm.note {
                scrolled.push(("says", note.clone(), Meaning::Muted));
            }
        }
        Question::Repair(plan) => repair::rows(plan, &mut pinned, &mut scrolled),
    }
    if !matches!(confirm.question, Question::Begin(_))
        && let Some(plan) = confirm.question.plan()
    {
        rows::why(plan, &mut scrolled);
    }
    let lines = |(label, text, meaning): (&str, String, Meaning)| {
        labelled(theme, label, &text, columns, meaning)
    };
    sheet.head = pinned.into_iter().flat_map(lines).collect();
    sheet.body = scrolled.into_iter().flat_map(lines).collect();
    sheet.foot = foot(model, theme, confirm, (verb, columns));
    sheet
}

fn verb(question: &Question) -> &'static str {
    match question {
        Question::Begin(plan) => match plan.kind {
            ReleaseKind::Promote => "Begin the release",
            ReleaseKind::WarmRollback if plan.definition.is_background() => "Make it live again",
            ReleaseKind::WarmRollback => "Move all traffic back",
            ReleaseKind::ColdRollback => "Begin the rollback",
        },
        Question::Step(_, Step::Switch) => "Switch traffic",
        Question::Step(_, Step::Register) => "Register the candidate",
        Question::Step(_, Step::StopOld) => "Stop the live version",
        Question::Step(_, Step::Quiet) => "Quiet the old version",
        Question::Step(_, Step::Stop) => "Stop the old version",
        Question::Step(..) => "Run the step",
        Question::BackOut(_) | Question::Resume(_, ResumeAction::BackOut) => "Back out",
        Question::EndStandby(_) => "End the standby",
        Question::RequestHandover(_) => "Ask to take over",
        Question::PeerApprove(_) => "Approve the release",
        Question::Resume(found, ResumeAction::Continue) if found.holder.is_some() => {
            "Take over and continue"
        }
        Question::Resume(_, ResumeAction::Continue) => "Continue the release",
        Question::Resume(_, ResumeAction::Leave) => "End the release",
        Question::Repair(_) => "Repair",
    }
}

fn labelled(
    theme: &Theme,
    label: &str,
    text: &str,
    columns: usize,
    meaning: Meaning,
) -> Vec<Line<'static>> {
    let wide = LABEL_COLUMNS;
    let mut lines = wrapped(theme, text, columns.saturating_sub(wide), meaning);
    for (index, line) in lines.iter_mut().enumerate() {
        let label = if index == 0 { label } else { "" };
        line.spans
            .insert(0, theme.span(format!("{label:<wide$}"), Meaning::Muted));
    }
    lines
}

/// The warning that the target is not armed, because the arming may expire while a question is open.
fn not_armed(model: &Model, confirm: &Confirm) -> Option<String> {
    let target = confirm.question.target();
    let armed = model.is_armed() && model.open.as_ref() == Some(target);
    let arm = model.keymap.shown(Action::Arm);
    (!armed).then(|| format!("not armed: {arm} arms {target}; until then this cannot be confirmed"))
}

/// The line for the approver's note. `None` if the question takes no note.
fn note(theme: &Theme, confirm: &Confirm, columns: usize) -> Option<Line<'static>> {
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

fn foot(
    model: &Model,
    theme: &Theme,
    confirm: &Confirm,
    (verb, columns): (&'static str, usize),
) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = note(theme, confirm, columns).into_iter().collect();
    if confirm.need == Need::TypedName {
        let mut line = Line::from(vec![
            theme.span("Type ", Meaning::Text),
            theme.span(confirm.expected().to_owned(), Meaning::Danger),
            theme.span(" to continue:  ", Meaning::Text),
            theme.span(format!("{}_", text::clean(&confirm.typed)), Meaning::Key),
        ]);
        if !confirm.typed.is_empty()
            && let Some(missing) = confirm.missing()
        {
            line.push_span(theme.span(format!("  {missing}"), Meaning::Warn));
        }
        lines.push(line);
        lines.push(Line::default());
    }
    let meaning = |button: Button| {
        if confirm.button == button {
            Meaning::Selection
        } else {
            Meaning::Text
        }
    };
    let (left, between, needs) = if text::width(verb) + 47 > columns {
        ("", "   ", "needs the name")
    } else {
        ("        ", "     ", "needs the full name")
    };
    let go = if confirm.may_go() {
        theme.span(format!("[ {verb} ]"), meaning(Button::Go))
    } else {
        theme.span(format!("  {verb} ({needs})"), Meaning::Muted)
    };
    lines.push(Line::from(vec![
        Span::raw(left),
        theme.span("[ Cancel ]", meaning(Button::Cancel)),
        Span::raw(between),
        go,
    ]));
    lines.push(Line::default());
    if let Some(message) = not_armed(model, confirm) {
        lines.insert(0, Line::from(theme.span(message, Meaning::Warn)));
    }
    let left = text::clock(text::seconds(model.now, confirm.expires_at));
    let mut hint = keys(
        theme,
        &[("Tab", "choose"), ("Enter", "press"), ("Esc", "cancel")],
    );
    hint.push_span(theme.span(format!("expires in {left}"), Meaning::Muted));
    lines.push(hint);
    lines
}
