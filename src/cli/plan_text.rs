//! A plan as text for a person who is asked to approve it, and as JSON for a program.

use crate::release::describe::LEAVES_A_HOLD;
use crate::release::{Approvable, Plan, approvals_ahead};
use crate::sanitize::sanitize;

/// The plan as text, with one call on each line.
pub(super) fn text(plan: &Plan) -> String {
    let mut lines = Vec::new();
    lines.push(format!("{} {} in {}", plan.kind, plan.target(), plan.slot));
    match &plan.from {
        Some(from) => lines.push(format!(
            "  from  {} {}{}",
            from.slot,
            from.version,
            from.addresses.at()
        )),
        None => lines.push("  from  nothing: no version is live".to_owned()),
    }
    lines.push(format!(
        "  to    {} {}{}",
        plan.slot,
        plan.version,
        plan.addresses().at()
    ));
    lines.push(format!("  who   {}", plan.operator));
    if let Some(reason) = &plan.reason {
        lines.push(format!("  why   {}", sanitize(reason)));
    }
    let names = plan.steps().map(|step| step.as_str().len());
    let wide = names.fold("approvals".len(), usize::max);
    for planned in &plan.calls {
        for (index, call) in planned.calls.iter().enumerate() {
            let step = if index == 0 {
                planned.step.as_str()
            } else {
                ""
            };
            lines.push(format!("  {step:<wide$} {call}"));
        }
        lines.push(format!("  {:<wide$} undo: {}", "", planned.undo));
    }
    if let Some(approvals) = approvals_ahead(plan) {
        lines.push(format!("  {:<wide$} {}", "approvals", sanitize(&approvals)));
    }
    if plan.hold_left().is_some() {
        lines.push(format!("  {:<wide$} {LEAVES_A_HOLD}", "leaves"));
    }
    for warning in &plan.warnings {
        lines.push(format!("  ! {warning}"));
    }
    lines.join("\n")
}

pub(super) fn json(plan: &Plan) -> serde_json::Value {
    serde_json::json!({
        "release": plan.record(),
        "warnings": plan.warnings,
        "approvals_needed": Approvable::planned(plan).approvers_needed(),
    })
}
