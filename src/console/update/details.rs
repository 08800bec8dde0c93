//! What Enter shows and `y` copies: the same things as on the panes, uncut.

use crate::console::layout;
use crate::console::model::{Model, Page, Pane, checks};
use crate::inventory::{Slot, SlotSnapshot, Snapshot};
use crate::logs::Line;
use crate::release::Plan;

/// How many rows a list has.
pub(super) fn row_count(model: &Model, pane: Pane) -> usize {
    match pane {
        Pane::Checks => checks(model).len(),
        Pane::Registrations => model.snapshot().map_or(0, |snapshot| snapshot.keys.len()),
        Pane::Environments | Pane::Slots | Pane::Logs => 0,
    }
}

/// What is under the cursor, in full.
pub(super) fn page(model: &Model) -> Page {
    let (title, lines) = match model.focus {
        Pane::Environments | Pane::Slots => slots(model),
        Pane::Checks => check(model),
        Pane::Registrations => key(model),
        Pane::Logs => (
            "Log lines in view".into(),
            visible_lines(model).map(|line| line.text.clone()).collect(),
        ),
    };
    Page {
        title,
        lines: if lines.is_empty() {
            vec!["there is nothing here yet".into()]
        } else {
            lines
                .iter()
                .map(|line| crate::harmless::harmless(line))
                .collect()
        },
        top: 0,
    }
}

fn visible_lines(model: &Model) -> impl Iterator<Item = &Line> {
    let rows = layout::rows(model.size, model.focus, Pane::Logs);
    let log = &model.log;
    log.ring.window(log.view.top(&log.ring, rows), rows)
}

fn slots(model: &Model) -> (String, Vec<String>) {
    let Some(snapshot) = model.snapshot() else {
        return ("Slots".into(), Vec::new());
    };
    let mut lines = Vec::new();
    for slot in Slot::BOTH {
        lines.extend(slot_lines(snapshot, slot, snapshot.slots.get(slot)));
        lines.push(String::new());
    }
    if let Some(status) = model.release() {
        lines.extend(plan_lines(&status.plan));
    }
    for (key, problem) in &snapshot.problems {
        lines.push(format!("{key}: {problem}"));
    }
    (format!("Slots of {}", snapshot.target), lines)
}

fn slot_lines(snapshot: &Snapshot, slot: Slot, side: &SlotSnapshot) -> Vec<String> {
    let mut lines = vec![format!(
        "{slot}: {}, at {}",
        snapshot.role(slot),
        side.endpoint
    )];
    if let Some(instance) = &side.instance {
        lines.push(format!("  version   {}", instance.version_name()));
        lines.push(format!("  digest    {}", instance.digest));
        lines.push(format!("  instance  {} {}", instance.name, instance.id));
        if let Some(release) = instance.release {
            lines.push(format!("  release   {release}"));
        }
        if let Some(started) = instance.started_at {
            lines.push(format!("  started   {started:.0}"));
        }
        lines.push(format!("  restarts  {}", instance.restarts));
    }
    if let Some(probe) = &side.probe {
        lines.push(format!("  health    {}", probe.detail));
    }
    if let Some(entry) = &side.registration {
        let (value, revision) = (&entry.value, entry.revision);
        lines.push(format!(
            "  entry     {} {}, revision {revision}",
            value.endpoint, value.digest
        ));
    }
    lines
}

/// Every call of a plan, step by step.
fn plan_lines(plan: &Plan) -> Vec<String> {
    let mut lines = vec![format!(
        "release {}: {} {}",
        plan.release, plan.kind, plan.version
    )];
    for planned in &plan.calls {
        for call in &planned.calls {
            lines.push(format!("  {:<9} {call}", planned.step));
        }
        lines.push(format!("  {:<9} undo: {}", "", planned.undo));
    }
    lines
}

fn check(model: &Model) -> (String, Vec<String>) {
    let rows = checks(model);
    let Some(row) = rows.get(model.row(Pane::Checks)) else {
        return ("Checks".into(), Vec::new());
    };
    let mut lines = vec![if row.required {
        "required: the release does not go on without it".into()
    } else {
        "not required".into()
    }];
    if let Some(took) = row.took {
        lines.push(format!("took {took:.1?}"));
    }
    lines.push(row.detail.clone());
    (format!("Check {}", row.name), lines)
}

fn key(model: &Model) -> (String, Vec<String>) {
    let keys = model.snapshot().map(|snapshot| snapshot.keys.as_slice());
    let Some(line) = keys.unwrap_or_default().get(model.row(Pane::Registrations)) else {
        return ("Registrations".into(), Vec::new());
    };
    let mut lines = vec![line.value.clone(), format!("revision {}", line.revision)];
    if let Some(ttl) = line.ttl_seconds {
        lines.push(format!("on a lease, {ttl} s left"));
    }
    (crate::harmless::harmless(&line.key), lines)
}

/// What `y` copies: what to call it, and the text.
pub(super) fn copied(model: &Model) -> Option<(&'static str, String)> {
    match model.focus {
        Pane::Environments => {
            let target = super::world::under_cursor(model)?;
            let instance = model.world.get(&target)?.live_instance()?;
            Some(("the digest that is live there", instance.digest.to_string()))
        }
        Pane::Slots => {
            let source = model.log.source.as_ref()?;
            let side = model.snapshot()?.slots.get(source.slot);
            let digest = side.instance.as_ref()?.digest.to_string();
            Some(("the digest of the slot whose log is shown", digest))
        }
        Pane::Checks => {
            let rows = checks(model);
            let row = rows.get(model.row(Pane::Checks))?;
            Some(("the check", format!("{}: {}", row.name, row.detail)))
        }
        Pane::Registrations => {
            let line = model.snapshot()?.keys.get(model.row(Pane::Registrations))?;
            Some((
                "the key and its value",
                format!("{} {}", line.key, line.value),
            ))
        }
        Pane::Logs => {
            let lines: Vec<&str> = visible_lines(model)
                .map(|line| line.text.as_str())
                .collect();
            (!lines.is_empty()).then(|| ("the lines in view", lines.join("\n")))
        }
    }
}
