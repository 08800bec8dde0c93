//! A repair as it is shown: every difference with what mends it, every action with its calls and its cost.

use jiff::Timestamp;

use super::action::{ProxySays, RepairAction};
use super::remedy::{Remedy, remedy};
use super::seen::Seen;
use crate::history::{FORMAT, RecordedAction, RepairRecord, Repaired};
use crate::inventory::drift::{Drift, Name, compare};
use crate::inventory::{Hold, Operator, ReleaseId, Snapshot, Target, Tier};
use crate::release::plan::touches_words;
use crate::release::{Definition, Known};

/// What is to be repaired, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairRequest {
    /// Where.
    pub target: Target,
    /// Only differences of this name; all of them otherwise.
    pub only: Option<Name>,
}

/// One difference and what mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What differs.
    pub drift: Drift,
    /// What mends it.
    pub remedy: Remedy,
}

/// One action and what it calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// What is done.
    pub repair_action: RepairAction,
    /// Its calls, one a line.
    pub calls: Vec<String>,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct RepairPlan {
    /// Its id, of the same kind as a release's.
    pub id: ReleaseId,
    /// The target as configured.
    pub definition: Definition,
    /// What was asked for by name.
    pub only: Option<Name>,
    /// Who plans it.
    pub operator: Operator,
    /// When.
    pub made_at: Timestamp,
    /// What differs, in the order in which it is shown.
    pub items: Vec<Item>,
    /// What is done, in order; none where only a person can mend it.
    pub repair_actions: Vec<Planned>,
    /// Protected targets of other environments whose connections it may cut.
    pub touched: Vec<Target>,
    /// What stops promotes there. A repair goes on under it, and whoever says yes is told.
    pub holds: Vec<Hold>,
}

impl RepairPlan {
    /// Whose it is.
    pub fn target(&self) -> &Target {
        &self.definition.target
    }

    /// How careful one has to be.
    pub fn tier(&self) -> Tier {
        self.definition.tier
    }

    /// What a person has to do, by difference.
    pub fn for_a_person(&self) -> impl Iterator<Item = (&Drift, &str)> {
        self.items.iter().filter_map(|item| match &item.remedy {
            Remedy::Person(words) => Some((&item.drift, words.as_str())),
            Remedy::Actions(_) | Remedy::Follows(_) => None,
        })
    }

    /// The differences that the actions are to end.
    pub fn mended(&self) -> impl Iterator<Item = &Drift> {
        self.items.iter().filter_map(|item| match &item.remedy {
            Remedy::Actions(_) | Remedy::Follows(_) => Some(&item.drift),
            Remedy::Person(_) => None,
        })
    }

    /// What is done, without the words for it.
    pub fn only_actions(&self) -> Vec<RepairAction> {
        self.repair_actions
            .iter()
            .map(|planned| planned.repair_action.clone())
            .collect()
    }

    /// What it costs, a line each; the same is said once.
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

    /// Whether it asks for as much care as one of a protected environment, though its own is none.
    pub(in crate::release) fn touches_protected(&self) -> bool {
        !self.tier().is_protected() && !self.touched.is_empty()
    }

    /// Whether it lowers the generation of the route.
    pub(in crate::release) fn lowers_generation(&self) -> bool {
        let mut repair_actions = self.repair_actions.iter();
        repair_actions.any(|planned| planned.repair_action.lowers_generation())
    }

    /// What stands that whoever says yes should know of, a line each.
    pub fn held(&self) -> impl Iterator<Item = String> {
        let holds = self.holds.iter();
        holds.map(|hold| format!("{hold}; a repair goes on under it"))
    }

    /// As it is written down when it begins.
    pub fn record(&self, by: &Operator, now: Timestamp) -> RepairRecord {
        RepairRecord {
            format: FORMAT,
            id: self.id,
            target: self.target().clone(),
            operator: by.clone(),
            begun_at: now,
            differences: self
                .mended()
                .map(|drift| Repaired {
                    name: drift.name.to_string(),
                    says: drift.says.clone(),
                })
                .collect(),
            repair_actions: self
                .repair_actions
                .iter()
                .map(|planned| RecordedAction {
                    does: planned.repair_action.title(),
                    calls: planned.calls.clone(),
                    begun_at: None,
                    done_at: None,
                })
                .collect(),
            closed: None,
            chain: None,
        }
    }
}

/// What mends what differs, and what is done for it: each action once, in the order that keeps the
/// traffic answered. `released` is whether the release that the route names proves what the route says.
pub(in crate::release) fn plan(
    (snapshot, released): (&Snapshot, &Known<()>),
    definition: &Definition,
    only: Option<Name>,
    proxy: &dyn ProxySays,
) -> (Vec<Item>, Vec<Planned>) {
    let all: Vec<Drift> = compare(snapshot)
        .drifts()
        .map(|(_, it)| it.clone())
        .collect();
    let seen = Seen {
        snapshot,
        definition,
        drifts: &all,
        released,
    };
    let asked = all
        .iter()
        .filter(|drift| only.is_none_or(|name| drift.name == name));
    let mut items: Vec<Item> = asked
        .map(|drift| Item {
            drift: drift.clone(),
            remedy: remedy(drift, &seen),
        })
        .collect();
    let mut repair_actions: Vec<RepairAction> = Vec::new();
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
    // Stable: what has the same rank stays in the order of the slots.
    repair_actions.sort_by_key(RepairAction::rank);
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

/// Whether what the public gets comes from what is mended: said as the action that ends it.
fn follows(name: Name, repair_actions: &[RepairAction]) -> Option<String> {
    let ends = |repair_action: &&RepairAction| match name {
        Name::PublicElsewhere | Name::PublicNotOurs | Name::PublicUnwell => matches!(
            repair_action,
            RepairAction::Install
                | RepairAction::Point { .. }
                | RepairAction::Start { .. }
                | RepairAction::Create { .. }
        ),
        Name::TwoLive => matches!(repair_action, RepairAction::Install),
        _ => false,
    };
    let repair_action = repair_actions.iter().find(ends)?;
    Some(format!(
        "it is looked at again after: {}",
        repair_action.title()
    ))
}
