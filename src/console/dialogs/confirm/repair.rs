//! The rows of the question before a repair: the differences, the calls and costs of the repair, and the work that an
//! operator must do by hand.

use super::sides::Rows;
use crate::console::theme::Meaning;
use crate::release::{Remedy, RepairPlan};
use crate::sanitize::sanitize;

pub(super) fn rows(plan: &RepairPlan, pinned: &mut Rows<'_>, scrolled: &mut Rows<'_>) {
    for item in &plan.items {
        let difference = format!("{}: {}", item.drift.name, item.drift.message);
        scrolled.push(("differs", sanitize(&difference), Meaning::Warn));
        if let Remedy::Follows(reason) = &item.remedy {
            scrolled.push(("", sanitize(reason), Meaning::Muted));
        }
    }
    for hold in plan.held() {
        pinned.push(("held", sanitize(&hold), Meaning::Warn));
    }
    for cost in plan.costs() {
        pinned.push(("costs", sanitize(&cost), Meaning::Warn));
    }
    for (drift, instruction) in plan.for_a_person() {
        let instruction = format!("{}: {instruction}", drift.name);
        scrolled.push(("by hand", sanitize(&instruction), Meaning::Warn));
    }
    for planned in &plan.repair_actions {
        scrolled.push(("does", planned.repair_action.title(), Meaning::Title));
        for call in &planned.calls {
            scrolled.push(("", sanitize(call), Meaning::Text));
        }
    }
}
