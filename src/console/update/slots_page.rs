//! The page that opens on the slots: every difference between the live version and the other slot, each comparison of
//! runtime, store, proxy and public address, and the details of both slots.

use crate::console::action::Action;
use crate::console::model::Model;
use crate::inventory::drift::{Agreement, compare};
use crate::inventory::local_time;
use crate::inventory::{Instance, Rates, Role, Slot, SlotSnapshot, Snapshot, changes};
use crate::release::Plan;

pub(super) fn page(model: &Model) -> (String, Vec<String>) {
    let Some(snapshot) = model.snapshot() else {
        return ("Slots".into(), Vec::new());
    };
    // The parts for which the pane has no room come first.
    let mut lines = of_changes(snapshot);
    let repair = model.keymap.shown(Action::Repair);
    lines.extend(of_truth(snapshot, &repair));
    lines.extend(of_sources(snapshot));
    for slot in Slot::BOTH {
        lines.push(String::new());
        lines.extend(of_slot(snapshot, slot, snapshot.slots.get(slot)));
    }
    if let Some(status) = model.release() {
        lines.push(String::new());
        lines.extend(of_plan(&status.plan));
    }
    for (key, problem) in &snapshot.problems {
        lines.push(format!("{key}: {problem}"));
    }
    (format!("Slots of {}", snapshot.target), lines)
}

fn of_slot(snapshot: &Snapshot, slot: Slot, side: &SlotSnapshot) -> Vec<String> {
    let role = snapshot.role(slot);
    let mut lines = vec![format!("{slot}: {role}, at {}", side.used_addresses())];
    if side.members.is_empty() && !snapshot.sources.runtime.has_answered() {
        lines.push("  version   unknown: the runtime has not answered".into());
    }
    if let Some(difference) = side.members.difference() {
        lines.push(format!("  ! {slot} {difference}"));
    }
    for member in &side.members {
        lines.extend(of_instance(member, snapshot.runtime_kind.one()));
        if side.members.len() > 1 {
            lines.push(format!("  state     {}", member.state));
        }
    }
    if let Some(probe) = &side.probe {
        lines.push(format!("  health    {}", probe.detail));
    }
    if let Some(entry) = &side.registration {
        let (value, revision) = (&entry.value, entry.revision);
        lines.push(format!(
            "  entry     {} {}, revision {revision}",
            value.addresses(),
            value.digest
        ));
    }
    if !side.members.is_empty() && !snapshot.edges.is_empty() {
        lines.push(format!("  traffic   {}", traffic(snapshot, side, role)));
    }
    lines
}

fn of_instance(instance: &Instance, noun: &str) -> Vec<String> {
    let mut lines = vec![
        format!("  version   {}", instance.version_name()),
        format!("  digest    {}", instance.digest),
        format!("  {noun:<9} {} {}", instance.name, instance.id),
    ];
    if let Some(release) = instance.release {
        lines.push(format!("  release   {release}"));
    }
    let labels = &instance.labels;
    let label_lines = [
        ("commit", &labels.revision),
        ("built", &labels.created),
        ("called", &labels.version),
    ];
    for (name, text) in label_lines {
        if let Some(text) = text {
            lines.push(format!("  {name:<9} {text}"));
        }
    }
    if let Some(started) = instance.started_at {
        lines.push(format!("  started   {}", local_time::moment(started)));
    }
    lines.push(format!("  restarts  {}", instance.restarts));
    lines
}

fn traffic(snapshot: &Snapshot, side: &SlotSnapshot, role: Role) -> String {
    match (&side.rates, &snapshot.rates_unknown) {
        (Some(rates), _) if rates.requests > 0 && matches!(role, Role::Live | Role::Unknown) => {
            rates_text(rates)
        }
        (Some(rates), _) if rates.requests > 0 => format!(
            "not live; {} requests ({} errors) in the last {:?}",
            rates.requests, rates.errors, rates.window
        ),
        (_, _) if role == Role::Candidate => "no traffic yet, so there is no data".into(),
        (Some(rates), _) => format!(
            "no requests in the last {:?}, so there is no data",
            rates.window
        ),
        (None, Some(why)) => format!("rates unknown: {why}"),
        (None, None) => "rates unknown: the proxy reports none".into(),
    }
}

fn rates_text(rates: &Rates) -> String {
    format!(
        "{}, errors {}, p50 {:?}, p99 {:?} ({} errors of {} requests in the last {:?})",
        rates.per_second(),
        rates.error_share(),
        rates.p50,
        rates.p99,
        rates.errors,
        rates.requests,
        rates.window
    )
}

/// Everything that differs between the live instance and the instance in the other slot.
fn of_changes(snapshot: &Snapshot) -> Vec<String> {
    let Some(live) = snapshot.live_instance() else {
        return Vec::new();
    };
    let other = live.slot.other();
    let Some(instance) = snapshot.slots.get(other).members.representative() else {
        return Vec::new();
    };
    let changes = changes(live, instance);
    let mut lines = vec![format!(
        "differences of {other} ({}) from {} ({})",
        instance.version_name(),
        live.slot,
        live.version_name()
    )];
    lines.extend(
        changes
            .image
            .iter()
            .map(|difference| format!("  {difference}")),
    );
    lines.extend(changes.built().map(|built| format!("  {built}")));
    if live.configuration.is_empty() || instance.configuration.is_empty() {
        lines.push(
            "  the configurations cannot be compared: at least one of them is not known".into(),
        );
    } else if changes.configuration.is_empty() {
        lines.push("  both have the same configuration".into());
    }
    let configuration = changes.configuration.iter();
    lines.extend(configuration.map(|difference| format!("  {difference}")));
    if lines.iter().any(|line| line.starts_with("  env ")) {
        lines.push(
            "  values of variables may be secret, so # and six digits are shown instead".into(),
        );
    }
    lines.push(String::new());
    lines
}

/// Each comparison, with its meaning and its repair.
fn of_truth(snapshot: &Snapshot, repair: &str) -> Vec<String> {
    let mut lines = vec!["do runtime, store, proxy and public address agree?".to_owned()];
    for (pair, agreement) in compare(snapshot).pairs() {
        let (left, right) = pair.sides(snapshot);
        match agreement {
            Agreement::Same => {
                lines.push(format!("  {left} = {right}: they agree"));
                lines.push(format!("      {}", pair.means(snapshot)));
            }
            Agreement::Differs(drifts) => {
                for drift in drifts {
                    let name = drift.name;
                    lines.push(format!("  {left} ≠ {right}: {}", drift.message));
                    lines.push(format!("      {name}: {}", name.means()));
                    if snapshot.lock.is_none() {
                        lines.push(format!("      repair: {}", name.mend()));
                    }
                }
            }
            Agreement::Unknown(why) => {
                lines.push(format!("  {left} ? {right}: unknown, {why}"));
                lines.push("      the console tries again by itself".to_owned());
            }
        }
    }
    if !compare(snapshot).agrees() {
        let target = &snapshot.target;
        lines.push(match &snapshot.lock {
            Some(holder) => format!("  {}", holder.why_no_repair()),
            None => format!(
                "  press {repair} to plan and confirm the repair, or run: greenroom repair {} {}",
                target.service, target.environment
            ),
        });
    }
    lines
}

/// The sources that do not answer, each with the reason.
fn of_sources(snapshot: &Snapshot) -> Vec<String> {
    let silent = snapshot.sources.named().into_iter();
    let silent = silent.filter_map(|(name, state)| Some((name, state.silence()?)));
    silent
        .map(|(name, silence)| format!("the {name} {silence}"))
        .collect()
}

/// All calls of a plan, by step.
fn of_plan(plan: &Plan) -> Vec<String> {
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
