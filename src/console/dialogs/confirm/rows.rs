//! The rows of a confirmation: what changes, what undoing the change costs, and which calls are made.

use super::sides::{Moves, Parts, Rows, sides};
use crate::checks::{Verdict, counted};
use crate::console::action::Action;
use crate::console::model::Model;
use crate::console::theme::{Meaning, Theme};
use crate::console::view::text;
use crate::history::{PlannedCalls, Step};
use crate::release::describe::{LEAVES_A_HOLD, duration};
use crate::release::{Approvable, Limit, Plan, Status, approvals_ahead, standby_words};

pub(super) fn begin(
    model: &Model,
    theme: &Theme,
    plan: &Plan,
    room: usize,
    (pinned, scrolled): Parts<'_, '_>,
) {
    sides(theme, plan, Moves::planned(plan), room, pinned);
    if plan.hold_left().is_some() {
        pinned.push(("leaves", LEAVES_A_HOLD.to_owned(), Meaning::Warn));
    }
    if let Some(message) = approvals_ahead(plan) {
        let meaning = match Approvable::planned(plan).approvers_needed() {
            0 => Meaning::Muted,
            _ => Meaning::Warn,
        };
        pinned.push(("others", crate::sanitize::sanitize(&message), meaning));
    }
    if let Some(planned) = plan.step(Step::Switch) {
        let tasks = plan
            .calls
            .iter()
            .filter(|planned| planned.step.runs_tasks());
        let undone = tasks.map(|planned| planned.undo.as_str());
        let undone: Vec<&str> = std::iter::once(planned.undo.as_str())
            .chain(undone)
            .collect();
        pinned.push(("undo", undone.join("; "), Meaning::Muted));
    }
    for warning in &plan.warnings {
        scrolled.push(("note", warning.clone(), Meaning::Warn));
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
    scrolled.push(("checks", message, Meaning::Text));
    if let Some(until) = warm_until(model, plan) {
        scrolled.push(("then", until, Meaning::Muted));
    }
    why(plan, scrolled);
    for planned in &plan.calls {
        if planned.step.runs_tasks() {
            let task = |call: &String| format!("{}: {call}", planned.step);
            let tasks: Vec<String> = planned.calls.iter().map(task).collect();
            push_calls(tasks.iter(), "tasks", scrolled);
        } else {
            calls(Some(planned), planned.step.as_str(), scrolled);
        }
    }
}

/// The holds that the release overrides.
pub(super) fn decisions(plan: &Plan, rows: &mut Rows<'_>) {
    for decision in plan.decisions() {
        rows.push((
            "despite",
            crate::sanitize::sanitize(&decision),
            Meaning::Warn,
        ));
    }
}

pub(super) fn why(plan: &Plan, rows: &mut Rows<'_>) {
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
    (pinned, scrolled): Parts<'_, '_>,
) {
    let moves = match (status.switched, step) {
        (true, _) => Moves::Over,
        (false, Step::Switch) => Moves::Now,
        (false, Step::StopOld) => Moves::StopsFirst,
        (false, _) => Moves::Later,
    };
    sides(theme, &status.plan, moves, room, pinned);
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
    if step != Step::StopOld {
        pinned.push(("checks", message, meaning));
    }
    if step == Step::Switch {
        calls(status.plan.step(Step::Watch), "watch", scrolled);
    }
    let planned = status.plan.step(step);
    match step {
        Step::Quiet | Step::Stop => stop_calls(&status.plan, "does", scrolled),
        Step::Register | Step::Switch => calls(planned, "writes", scrolled),
        _ => calls(planned, "does", scrolled),
    }
    if let Some(planned) = planned {
        pinned.push(("undo", planned.undo.clone(), Meaning::Muted));
    }
    if step == Step::Switch
        && let Some(until) = warm_until(model, &status.plan)
    {
        scrolled.push(("then", until, Meaning::Muted));
    }
}

/// The digest that was checked, and whether another digest is in the slot now.
fn checked_digest(model: &Model, plan: &Plan) -> (String, bool) {
    let checked = &plan.version.digest;
    let snapshot = model.world.get(plan.target());
    let now = snapshot.map(|it| &it.slots.get(plan.slot).members);
    match now.filter(|members| !members.is_empty()) {
        Some(members) if members.digest() == Some(checked) => {
            (format!("{}, now in {}", checked.short(), plan.slot), false)
        }
        Some(members) => {
            let slot = plan.slot;
            let now = match members.difference() {
                Some(difference) => format!("{slot} {difference}"),
                None => format!("{} is now in {slot}", members.short_digests()),
            };
            (format!("{}, but {now}", checked.short()), true)
        }
        None => (checked.short().to_owned(), false),
    }
}

/// The text that says how long the old version is kept warm. During this time, one key rolls back.
fn warm_until(model: &Model, plan: &Plan) -> Option<String> {
    if plan.definition.is_exclusive() {
        return None;
    }
    let old = plan.from.as_ref()?.slot;
    let back = model.keymap.shown(Action::RollBack);
    Some(match plan.definition.timing.standby {
        Limit::After(time) => format!(
            "{back} rolls back in one step while {old} is kept warm, for {} after the {}",
            duration(time),
            if plan.definition.is_background() {
                "watch"
            } else {
                "drain"
            }
        ),
        Limit::Never => {
            format!("{back} rolls back in one step: {old} is kept warm until an operator stops it")
        }
    })
}

pub(super) fn end_standby(
    theme: &Theme,
    plan: &Plan,
    room: usize,
    (pinned, scrolled): Parts<'_, '_>,
) {
    let from = plan
        .from
        .as_ref()
        .map_or("the old version", |from| from.version.name());
    let message = format!("{from} is stopped, so a rollback to it becomes a cold start");
    sides(theme, plan, Moves::Over, room, pinned);
    pinned.push(("stops", message, Meaning::Warn));
    stop_calls(plan, "stop", scrolled);
}

pub(super) fn back_out(theme: &Theme, status: &Status, room: usize, rows: &mut Rows<'_>) {
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
    let standby = standby_words(plan);
    let planned = [Step::Quiet, Step::Stop].map(|step| plan.step(step));
    let planned = planned.into_iter().flatten();
    let calls = planned.flat_map(|planned| &planned.calls);
    push_calls(calls.filter(|call| **call != standby), label, rows);
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
