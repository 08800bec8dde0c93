//! The plan of a repair: each difference with its remedy, and each action with its calls and its cost.

use jiff::Timestamp;

use super::describe::ProxyCalls;
use super::remedy::{Remedy, remedy};
use super::seen::Seen;
use crate::history::{FORMAT, RecordedAction, RepairRecord, Repaired};
use crate::inventory::drift::{Drift, Name, compare};
use crate::inventory::{Hold, Operator, ReleaseId, Snapshot, Target, Tier};
use crate::release::action::Action;
use crate::release::plan::touches_words;
use crate::release::{Definition, Known};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairRequest {
    pub target: Target,
    /// The name of the differences to repair; none to repair all differences.
    pub only: Option<Name>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub drift: Drift,
    pub remedy: Remedy,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub repair_action: Action,
    /// The calls of the action, one per line.
    pub calls: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct RepairPlan {
    /// The id of the repair. Repairs and releases share one sequence of ids.
    pub id: ReleaseId,
    pub definition: Definition,
    pub only: Option<Name>,
    pub operator: Operator,
    pub made_at: Timestamp,
    /// The differences, in the order in which they are shown.
    pub items: Vec<Item>,
    /// The actions, in the order of execution; empty if only a person can repair the differences.
    pub repair_actions: Vec<Planned>,
    /// Protected targets of other environments whose connections the repair may cut.
    pub touched: Vec<Target>,
    /// The active holds of the target. They do not stop a repair, but the operator sees them before confirming it.
    pub holds: Vec<Hold>,
}

impl RepairPlan {
    pub fn target(&self) -> &Target {
        &self.definition.target
    }

    pub fn tier(&self) -> Tier {
        self.definition.tier
    }

    /// The differences that only a person can repair, each with what that person must do.
    pub fn for_a_person(&self) -> impl Iterator<Item = (&Drift, &str)> {
        self.items.iter().filter_map(|item| match &item.remedy {
            Remedy::Person(task) => Some((&item.drift, task.as_str())),
            Remedy::Actions(_) | Remedy::Follows(_) => None,
        })
    }

    /// The differences that the actions of the plan should remove.
    pub fn mended(&self) -> impl Iterator<Item = &Drift> {
        self.items.iter().filter_map(|item| match &item.remedy {
            Remedy::Actions(_) | Remedy::Follows(_) => Some(&item.drift),
            Remedy::Person(_) => None,
        })
    }

    /// The actions without the descriptions of their calls.
    pub fn only_actions(&self) -> Vec<Action> {
        self.repair_actions
            .iter()
            .map(|planned| planned.repair_action.clone())
            .collect()
    }

    /// What the operator loses or risks with the plan, one per line, without duplicates.
    pub fn costs(&self) -> Vec<String> {
        let mut costs: Vec<String> = Vec::new();
        for cost in self
            .repair_actions
            .iter()
            .filter_map(|planned| planned.repair_action.cost())
        {
            if !costs.contains(&cost) {
                costs.push(cost);
            }
        }
        if self.touches_protected() {
            costs.push(touches_words(&self.touched));
        }
        costs
    }

    /// Whether the repair may cut connections of a protected target, although its own target is not protected.
    pub(in crate::release) fn touches_protected(&self) -> bool {
        !self.tier().is_protected() && !self.touched.is_empty()
    }

    /// Whether an action of the plan lowers the generation of the route.
    pub(in crate::release) fn lowers_generation(&self) -> bool {
        let mut repair_actions = self.repair_actions.iter();
        repair_actions.any(|planned| planned.repair_action.lowers_generation())
    }

    /// A description of each active hold, for the operator who confirms the repair.
    pub fn held(&self) -> impl Iterator<Item = String> {
        let holds = self.holds.iter();
        holds.map(|hold| format!("{hold}; it does not stop a repair"))
    }

    /// The record of the repair at its start, before any action.
    pub fn record(&self, by: &Operator, now: Timestamp) -> RepairRecord {
        RepairRecord {
            format: FORMAT,
            id: self.id,
            target: self.target().clone(),
            operator: by.clone(),
            started_at: now,
            differences: self
                .mended()
                .map(|drift| Repaired {
                    name: drift.name.to_string(),
                    message: drift.message.clone(),
                })
                .collect(),
            repair_actions: self
                .repair_actions
                .iter()
                .map(|planned| RecordedAction {
                    does: planned.repair_action.title(),
                    calls: planned.calls.clone(),
                    started_at: None,
                    done_at: None,
                })
                .collect(),
            closed: None,
            chain: None,
        }
    }
}

/// Plans the repair of all differences, or only of the differences with the name `only`. Returns each difference with
/// its remedy, and each action once, in an order in which the target keeps answering requests. `released` says whether
/// a release proves the version in the slot of the route.
pub(in crate::release) fn plan(
    (snapshot, released): (&Snapshot, &Known<()>),
    definition: &Definition,
    only: Option<Name>,
    proxy: &dyn ProxyCalls,
) -> (Vec<Item>, Vec<Planned>) {
    let drifts: Vec<Drift> = compare(snapshot)
        .drifts()
        .map(|(_, it)| it.clone())
        .collect();
    let seen = Seen {
        snapshot,
        definition,
        drifts: &drifts,
        released,
    };
    let requested = drifts
        .iter()
        .filter(|drift| only.is_none_or(|name| drift.name == name));
    let mut items: Vec<Item> = requested
        .map(|drift| Item {
            drift: drift.clone(),
            remedy: remedy(drift, &seen),
        })
        .collect();
    let mut repair_actions: Vec<Action> = Vec::new();
    for item in &items {
        let Remedy::Actions(wanted) = &item.remedy else {
            continue;
        };
        for repair_action in wanted {
            if !repair_actions.contains(repair_action) {
                repair_actions.push(repair_action.clone());
            }
        }
    }
    // The sort is stable: actions of the same rank keep the order of the differences.
    repair_actions.sort_by_key(Action::rank);
    for item in &mut items {
        if let Some(follows) = follows(item.drift.name, &repair_actions) {
            item.remedy = Remedy::Follows(follows);
        }
    }
    let repair_actions = repair_actions.into_iter().map(|repair_action| Planned {
        calls: repair_action.calls(definition, proxy),
        repair_action,
    });
    (items, repair_actions.collect())
}

/// Names the action after which a difference in the public traffic is checked again. None if the plan has no action
/// that may remove this difference.
fn follows(name: Name, repair_actions: &[Action]) -> Option<String> {
    let ends = |repair_action: &&Action| match name {
        Name::PublicElsewhere | Name::PublicNotOurs | Name::PublicUnwell => matches!(
            repair_action,
            Action::Install | Action::Switch(_) | Action::Start { .. } | Action::Create { .. }
        ),
        Name::TwoLive => matches!(repair_action, Action::Install),
        _ => false,
    };
    let repair_action = repair_actions.iter().find(ends)?;
    Some(format!("checked again after: {}", repair_action.title()))
}
