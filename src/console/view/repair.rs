//! The question before a repair: what differs, the repair and its calls, its cost, and what is left for an
//! operator.

use super::confirm::Rows;
use crate::console::theme::Meaning;
use crate::release::{Remedy, RepairPlan};
use crate::sanitize::sanitize;

pub(super) fn rows(plan: &RepairPlan, first: &mut Rows<'_>, rows: &mut Rows<'_>) {
    for item in &plan.items {
        let words = format!("{}: {}", item.drift.name, item.drift.says);
        rows.push(("differs", sanitize(&words), Meaning::Warn));
        if let Remedy::Follows(words) = &item.remedy {
            rows.push(("", sanitize(words), Meaning::Muted));
        }
    }
    for words in plan.held() {
        first.push(("held", sanitize(&words), Meaning::Warn));
    }
    for cost in plan.costs() {
        first.push(("costs", sanitize(&cost), Meaning::Warn));
    }
    for (drift, words) in plan.for_a_person() {
        let words = format!("{}: {words}", drift.name);
        rows.push(("by hand", sanitize(&words), Meaning::Warn));
    }
    for planned in &plan.repair_actions {
        rows.push(("does", planned.repair_action.title(), Meaning::Title));
        for call in &planned.calls {
            rows.push(("", sanitize(call), Meaning::Text));
        }
    }
}
