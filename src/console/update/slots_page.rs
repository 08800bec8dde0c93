//! The page that Enter opens on the slots: both slots uncut, everything that the candidate would change,
//! and each comparison of the truth row, with its meaning and its repair.

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
    // First come the parts for which the pane has no room.
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
    let mut lines = vec![format!("{slot}: {role}, at {}", side.endpoint)];
    match &side.instance {
        Some(instance) => lines.extend(of_instance(instance, snapshot.runtime_kind.one())),
        None if snapshot.sources.runtime.has_answered() => {}
        None => lines.push("  version   unknown: the runtime has not answered".into()),
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
    if side.instance.is_some() {
        lines.push(format!("  traffic   {}", traffic(snapshot, side, role)));
    }
    lines
}

fn of_instance(instance: &Instance, one: &str) -> Vec<String> {
    let mut lines = vec![
        format!("  version   {}", instance.version_name()),
        format!("  digest    {}", instance.digest),
        format!("  {one:<9} {} {}", instance.name, instance.id),
    ];
    if let Some(release) = instance.release {
        lines.push(format!("  release   {release}"));
    }
    let labels = &instance.labels;
    let said = [
        ("commit", &labels.revision),
        ("built", &labels.created),
        ("called", &labels.version),
    ];
    for (name, text) in said {
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
            seen(rates)
        }
        (Some(rates), _) if rates.requests > 0 => format!(
            "not live; {} requests ({} errors) in the last {:?}",
            rates.requests, rates.errors, rates.window
        ),
        (_, _) if role == Role::Candidate => "no traffic yet: no data, neither good nor bad".into(),
        (Some(rates), _) => format!("none in the last {:?}: no data", rates.window),
        (None, Some(why)) => format!("rates unknown: {why}"),
        (None, None) => "rates unknown: the proxy reports none".into(),
    }
}

fn seen(rates: &Rates) -> String {
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

/// Everything that the other version changes, compared with what is live.
fn of_changes(snapshot: &Snapshot) -> Vec<String> {
    let Some(live) = snapshot.live_instance() else {
        return Vec::new();
    };
    let other = live.slot.other();
    let Some(instance) = &snapshot.slots.get(other).instance else {
        return Vec::new();
    };
    let all = changes(live, instance);
    let mut lines = vec![format!(
        "what is different in {other} ({}), compared with {} ({})",
        instance.version_name(),
        live.slot,
        live.version_name()
    )];
    lines.extend(all.image.iter().map(|difference| format!("  {difference}")));
    lines.extend(all.built().map(|built| format!("  {built}")));
    if live.configuration.is_empty() || instance.configuration.is_empty() {
        lines.push("  it is unknown how one of them was created: nothing to compare".into());
    } else if all.configuration.is_empty() {
        lines.push("  both have the same configuration".into());
    }
    let configuration = all.configuration.iter();
    lines.extend(configuration.map(|difference| format!("  {difference}")));
    if lines.iter().any(|line| line.starts_with("  env ")) {
        lines.push("  values of variables may be secret: # and six digits stand for them".into());
    }
    lines.push(String::new());
    lines
}

/// Each comparison, its meaning, and its repair.
fn of_truth(snapshot: &Snapshot, repair: &str) -> Vec<String> {
    let mut lines = vec!["do the four places agree?".to_owned()];
    for (pair, agreement) in compare(snapshot).pairs() {
        let (left, right) = pair.sides(snapshot.runtime_kind);
        match agreement {
            Agreement::Same => {
                lines.push(format!("  {left} = {right}: they agree"));
                lines.push(format!("      {}", pair.means()));
            }
            Agreement::Differs(drifts) => {
                for drift in drifts {
                    let name = drift.name;
                    lines.push(format!("  {left} ≠ {right}: {}", drift.says));
                    lines.push(format!("      {name}: {}", name.means()));
                    if snapshot.lock.is_none() {
                        lines.push(format!("      repair: {}", name.mend()));
                    }
                }
            }
            Agreement::Unknown(why) => {
                lines.push(format!("  {left} ? {right}: unknown, {why}"));
                lines.push("      the console asks again by itself".to_owned());
            }
        }
    }
    if !compare(snapshot).holds() {
        let target = &snapshot.target;
        lines.push(match &snapshot.lock {
            Some(holder) => format!("  {}", holder.why_no_repair()),
            None => format!(
                "  {repair} plans the repair, then asks; or run: greenroom repair {} {}",
                target.service, target.environment
            ),
        });
    }
    lines
}

/// The sources that do not answer, and why.
fn of_sources(snapshot: &Snapshot) -> Vec<String> {
    let silent = snapshot.sources.named().into_iter();
    let silent = silent.filter_map(|(name, state)| Some((name, state.silence()?)));
    silent
        .map(|(name, silence)| format!("the {name} {silence}"))
        .collect()
}

/// Every call of a plan, step by step.
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
