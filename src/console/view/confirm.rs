//! The question before a change: the old and the new version with their digests, the age of the checks, what is
//! written where, what undoing costs, and the name to type if one is required.

use ratatui::text::{Line, Span};

use super::dialog::{Sheet, keys, wrapped};
use super::sides::{Moves, sides};
use super::{approving, header, repair, resuming, text};
use crate::checks::{Verdict, counted};
use crate::console::action::Action;
use crate::console::model::{Button, Confirm, Model, Question};
use crate::console::theme::{Meaning, Theme};
use crate::history::{PlannedCalls, ReleaseKind, Step};
use crate::release::describe::{LEAVES_A_HOLD, duration, keeps_warm};
use crate::release::{
    Limit, Need, OnFailure, Plan, ResumeAction, Status, approvals_ahead, approvers_needed,
};

const LABEL_COLUMNS: usize = 9;

pub(super) fn sheet<'a>(
    model: &Model,
    theme: &Theme,
    confirm: &Confirm,
    columns: usize,
) -> Sheet<'a> {
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
    sheet.top = confirm.top;
    sheet.frame = if tier.is_protected() {
        Meaning::Danger
    } else {
        header::tier_meaning(tier)
    };
    let room = columns.saturating_sub(LABEL_COLUMNS);
    // The rows that decide the answer are always in view. The others are scrolled.
    let mut first: Rows<'_> = Vec::new();
    let mut rows: Rows<'_> = Vec::new();
    match &confirm.question {
        Question::Begin(plan) => begin(model, theme, plan, room, (&mut first, &mut rows)),
        Question::Step(status, step) => {
            if *step == Step::Switch {
                overridden(&status.plan, &mut rows);
                if let Some(message) = model.peer_approved_words(status) {
                    rows.push(("others", crate::sanitize::sanitize(&message), Meaning::Text));
                }
            }
            self::step(model, theme, (status, *step), room, (&mut first, &mut rows));
        }
        Question::PeerApprove(status) => {
            let parts = (&mut first, &mut rows);
            approving::rows(model, theme, status, room, parts);
        }
        Question::BackOut(status) => {
            back_out(theme, status, room, &mut first);
            if let Some(note) = &confirm.note {
                rows.push(("note", note.clone(), Meaning::Muted));
            }
        }
        Question::EndStandby(status) => {
            end_standby(theme, &status.plan, room, (&mut first, &mut rows));
        }
        Question::Resume(found, resume_action) => {
            let sanitize = crate::sanitize::sanitize;
            rows.push(("intended", sanitize(found.intended()), Meaning::Warn));
            let would = found.would(*resume_action, OnFailure::Ask);
            first.push((resume_action.as_str(), sanitize(&would), Meaning::Text));
            if let Some(holder) = &found.holder {
                let holds = sanitize(&resuming::holds(found, holder));
                first.push(("lock", holds, Meaning::Warn));
                rows.push(("means", resuming::MEANS.to_owned(), Meaning::Bad));
            }
            if let Some(note) = &confirm.note {
                rows.push(("because", note.clone(), Meaning::Muted));
            }
        }
        Question::Ask(found) => {
            let sanitize = crate::sanitize::sanitize;
            if let Some(holder) = found.driver() {
                let drives = sanitize(&resuming::holds(found, holder));
                rows.push(("driver", drives, Meaning::Text));
            }
            let would = found.would(ResumeAction::Continue, OnFailure::Ask);
            let message = format!("after the handover, without another question: {would}");
            first.push(("then", sanitize(&message), Meaning::Warn));
            if let Some(note) = &confirm.note {
                rows.push(("says", note.clone(), Meaning::Muted));
            }
        }
        Question::Repair(plan) => repair::rows(plan, &mut first, &mut rows),
    }
    if !matches!(confirm.question, Question::Begin(_))
        && let Some(plan) = confirm.question.plan()
    {
        why(plan, &mut rows);
    }
    let lines = |(label, text, meaning): (&str, String, Meaning)| {
        labelled(theme, label, &text, columns, meaning)
    };
    sheet.head = first.into_iter().flat_map(lines).collect();
    sheet.body = rows.into_iter().flat_map(lines).collect();
    sheet.foot = foot(model, theme, confirm, (verb, columns));
    sheet
}

fn verb(question: &Question) -> &'static str {
    match question {
        Question::Begin(plan) => match plan.kind {
            ReleaseKind::Promote => "Begin the release",
            ReleaseKind::WarmRollback => "Move all traffic back",
            ReleaseKind::ColdRollback => "Begin the rollback",
        },
        Question::Step(_, Step::Switch) => "Switch traffic",
        Question::Step(_, Step::Register) => "Register the candidate",
        Question::Step(_, Step::Stop) => "Stop the old version",
        Question::Step(..) => "Run the step",
        Question::BackOut(_) | Question::Resume(_, ResumeAction::BackOut) => "Back out",
        Question::EndStandby(_) => "End the standby",
        Question::Ask(_) => "Ask to take over",
        Question::PeerApprove(_) => "Approve the release",
        Question::Resume(found, ResumeAction::Continue) if found.holder.is_some() => {
            "Take over and continue"
        }
        Question::Resume(_, ResumeAction::Continue) => "Continue the release",
        Question::Resume(_, ResumeAction::Leave) => "End the release",
        Question::Repair(_) => "Repair",
    }
}

pub(super) type Rows<'r> = Vec<(&'r str, String, Meaning)>;

/// The rows that are always in view, and the rows that are scrolled.
pub(super) type Parts<'p, 'r> = (&'p mut Rows<'r>, &'p mut Rows<'r>);

fn begin(model: &Model, theme: &Theme, plan: &Plan, room: usize, (first, rows): Parts<'_, '_>) {
    sides(theme, plan, Moves::planned(plan), room, first);
    if plan.hold_left().is_some() {
        first.push(("leaves", LEAVES_A_HOLD.to_owned(), Meaning::Warn));
    }
    if let Some(message) = approvals_ahead(plan) {
        let meaning = match approvers_needed(plan) {
            0 => Meaning::Muted,
            _ => Meaning::Warn,
        };
        first.push(("others", crate::sanitize::sanitize(&message), meaning));
    }
    if let Some(planned) = plan.step(Step::Switch) {
        first.push(("undo", planned.undo.clone(), Meaning::Muted));
    }
    for warning in &plan.warnings {
        rows.push(("note", warning.clone(), Meaning::Warn));
    }
    let cases = plan.definition.suite.cases.len();
    let required = plan
        .definition
        .suite
        .cases
        .iter()
        .filter(|case| case.required)
        .count();
    let message = format!("{cases} will be run against the candidate, {required} of them required");
    rows.push(("checks", message, Meaning::Text));
    if let Some(until) = warm_until(model, plan) {
        rows.push(("then", until, Meaning::Muted));
    }
    why(plan, rows);
    for planned in &plan.calls {
        calls(Some(planned), planned.step.as_str(), rows);
    }
}

/// The holds that the release overrides.
pub(super) fn overridden(plan: &Plan, rows: &mut Rows<'_>) {
    for overridden in &plan.overridden {
        let message = format!("{}, because: {}", overridden.hold, overridden.why);
        rows.push((
            "despite",
            crate::sanitize::sanitize(&message),
            Meaning::Warn,
        ));
    }
}

fn why(plan: &Plan, rows: &mut Rows<'_>) {
    if let Some(reason) = &plan.reason {
        let message = format!("\"{reason}\", {}", plan.operator);
        rows.push(("why", message, Meaning::Muted));
    } else {
        rows.push(("who", plan.operator.to_string(), Meaning::Muted));
    }
}

pub(super) fn step(
    model: &Model,
    theme: &Theme,
    (status, step): (&Status, Step),
    room: usize,
    (first, rows): Parts<'_, '_>,
) {
    let moves = match (status.switched, step) {
        (true, _) => Moves::Over,
        (false, Step::Switch) => Moves::Now,
        (false, _) => Moves::Later,
    };
    sides(theme, &status.plan, moves, room, first);
    let counts = counted(&status.cases, &[Verdict::Passed, Verdict::Failed]);
    let bad = status
        .cases
        .iter()
        .any(|case| case.verdict != Verdict::Passed);
    let age = status.checked_at.map_or("not run yet".to_owned(), |at| {
        format!("{} ago", text::age(text::seconds(at, model.now)))
    });
    let (digest, is_other) = checked_digest(model, &status.plan);
    let message = format!("{counts} for {digest}; {age}");
    let meaning = match (bad, is_other) {
        (_, true) => Meaning::Bad,
        (true, false) => Meaning::Warn,
        (false, false) => Meaning::Ok,
    };
    first.push(("checks", message, meaning));
    if step == Step::Switch {
        calls(status.plan.step(Step::Watch), "watch", rows);
    }
    let planned = status.plan.step(step);
    match step {
        Step::Stop => stop_calls(&status.plan, "does", rows),
        Step::Register | Step::Switch => calls(planned, "writes", rows),
        _ => calls(planned, "does", rows),
    }
    if let Some(planned) = planned {
        first.push(("undo", planned.undo.clone(), Meaning::Muted));
    }
    if step == Step::Switch
        && let Some(until) = warm_until(model, &status.plan)
    {
        rows.push(("then", until, Meaning::Muted));
    }
}

/// The digest that was checked, and whether another digest is in the slot now.
fn checked_digest(model: &Model, plan: &Plan) -> (String, bool) {
    let checked = &plan.version.digest;
    let snapshot = model.world.get(plan.target());
    let now = snapshot.and_then(|s| s.slots.get(plan.slot).instance.as_ref());
    match now {
        Some(instance) if instance.digest == *checked => {
            (format!("{}, now in {}", checked.short(), plan.slot), false)
        }
        Some(instance) => {
            let other = instance.digest.short();
            let digest = format!("{}, but {other} is now in {}", checked.short(), plan.slot);
            (digest, true)
        }
        None => (checked.short().to_owned(), false),
    }
}

/// The text that says how long the old version is kept warm. During this time, one key rolls back.
fn warm_until(model: &Model, plan: &Plan) -> Option<String> {
    let old = plan.from.as_ref()?.slot;
    let back = model.keymap.shown(Action::RollBack);
    Some(match plan.definition.timing.standby {
        Limit::After(time) => format!(
            "{back} rolls back in one step while {old} is kept warm, for {} after the drain",
            duration(time)
        ),
        Limit::Never => {
            format!("{back} rolls back in one step: {old} is kept warm until an operator stops it")
        }
    })
}

fn end_standby(theme: &Theme, plan: &Plan, room: usize, (first, rows): Parts<'_, '_>) {
    let from = plan
        .from
        .as_ref()
        .map_or("the old version", |from| from.version.name());
    let message = format!("{from} is stopped, so a rollback to it becomes a cold start");
    sides(theme, plan, Moves::Over, room, first);
    first.push(("stops", message, Meaning::Warn));
    stop_calls(plan, "stop", rows);
}

fn back_out(theme: &Theme, status: &Status, room: usize, rows: &mut Rows<'_>) {
    let moves = if status.switched {
        Moves::Back
    } else {
        Moves::Never
    };
    sides(theme, &status.plan, moves, room, rows);
    rows.push(("does", status.undo.clone(), Meaning::Text));
}

/// Adds the calls that stop the old version. The calls that keep the old version warm are left out, because the old
/// version is now stopped.
fn stop_calls<'r>(plan: &Plan, label: &'r str, rows: &mut Rows<'r>) {
    let Some(planned) = plan.step(Step::Stop) else {
        return;
    };
    let warm = keeps_warm(plan.slot.other());
    let calls = planned.calls.iter().filter(|call| !call.starts_with(&warm));
    push_calls(calls, label, rows);
}

fn calls<'r>(planned: Option<&PlannedCalls>, label: &'r str, rows: &mut Rows<'r>) {
    if let Some(planned) = planned {
        push_calls(planned.calls.iter(), label, rows);
    }
}

fn push_calls<'r, 'c>(
    calls: impl Iterator<Item = &'c String>,
    label: &'r str,
    rows: &mut Rows<'r>,
) {
    for (index, call) in calls.enumerate() {
        let label = if index == 0 { label } else { "" };
        rows.push((label, call.clone(), Meaning::Text));
    }
}

fn labelled<'a>(
    theme: &Theme,
    label: &str,
    text: &str,
    columns: usize,
    meaning: Meaning,
) -> Vec<Line<'a>> {
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

fn foot<'a>(
    model: &Model,
    theme: &Theme,
    confirm: &Confirm,
    (verb, columns): (&'static str, usize),
) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = approving::note(theme, confirm, columns)
        .into_iter()
        .collect();
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
