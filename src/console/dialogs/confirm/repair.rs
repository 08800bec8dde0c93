//! The rows of the question before a repair: what differs, what the repair does and costs, and what an operator must do by
//! hand.

use super::sides::Rows;
use crate::console::theme::Meaning;
use crate::release::{Remedy, RepairPlan};
use crate::sanitize::sanitize;

pub(super) fn rows(plan: &RepairPlan, first: &mut Rows<'_>, rows: &mut Rows<'_>) {
    for item in &plan.items {
        let difference = format!("{}: {}", item.drift.name, item.drift.message);
        rows.push(("differs", sanitize(&difference), Meaning::Warn));
        if let Remedy::Follows(reason) = &item.remedy {
            rows.push(("", sanitize(reason), Meaning::Muted));
        }
    }
    for hold in plan.held() {
        first.push(("held", sanitize(&hold), Meaning::Warn));
    }
    for cost in plan.costs() {
        first.push(("costs", sanitize(&cost), Meaning::Warn));
    }
    for (drift, instruction) in plan.for_a_person() {
        let instruction = format!("{}: {instruction}", drift.name);
        rows.push(("by hand", sanitize(&instruction), Meaning::Warn));
    }
    for planned in &plan.repair_actions {
        rows.push(("does", planned.repair_action.title(), Meaning::Title));
        for call in &planned.calls {
            rows.push(("", sanitize(call), Meaning::Text));
        }
    }
}
