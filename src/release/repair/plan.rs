//! A repair as it is shown: every difference with what mends it, every deed with its calls and its cost.

use jiff::Timestamp;

use super::deed::{Deed, ProxySays};
use super::remedy::{Remedy, remedy};
use super::seen::Seen;
use crate::history::{FORMAT, RepairDeed, RepairRecord, Repaired};
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

/// One deed and what it calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// What is done.
    pub deed: Deed,
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
    pub deeds: Vec<Planned>,
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
            Remedy::Deeds(_) | Remedy::Follows(_) => None,
        })
    }

    /// The differences that the deeds are to end.
    pub fn mended(&self) -> impl Iterator<Item = &Drift> {
        self.items.iter().filter_map(|item| match &item.remedy {
            Remedy::Deeds(_) | Remedy::Follows(_) => Some(&item.drift),
            Remedy::Person(_) => None,
        })
    }

    /// What is done, without the words for it.
    pub fn only_deeds(&self) -> Vec<Deed> {
        self.deeds
            .iter()
            .map(|planned| planned.deed.clone())
            .collect()
    }

    /// What it costs, a line each; the same is said once.
    pub fn costs(&self) -> Vec<String> {
        let mut costs: Vec<String> = Vec::new();
        for cost in self.deeds.iter().filter_map(|planned| planned.deed.cost()) {
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
        let mut deeds = self.deeds.iter();
        deeds.any(|planned| planned.deed.lowers_generation())
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
            deeds: self
                .deeds
                .iter()
                .map(|planned| RepairDeed {
                    does: planned.deed.title(),
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

/// What mends what differs, and what is done for it: each deed once, in the order that keeps the
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
    let mut deeds: Vec<Deed> = Vec::new();
    for item in &items {
        let Remedy::Deeds(wanted) = &item.remedy else {
            continue;
        };
        for deed in wanted {
            if !deeds.contains(deed) {
                deeds.push(deed.clone());
            }
        }
    }
    // Stable: what has the same rank stays in the order of the slots.
    deeds.sort_by_key(Deed::rank);
    for item in &mut items {
        if let Some(follows) = follows(item.drift.name, &deeds) {
            item.remedy = Remedy::Follows(follows);
        }
    }
    let deeds = deeds.into_iter().map(|deed| Planned {
        calls: deed.calls(definition, proxy),
        deed,
    });
    (items, deeds.collect())
}

/// Whether what the public gets comes from what is mended: said as the deed that ends it.
fn follows(name: Name, deeds: &[Deed]) -> Option<String> {
    let ends = |deed: &&Deed| match name {
        Name::PublicElsewhere | Name::PublicNotOurs | Name::PublicUnwell => matches!(
            deed,
            Deed::Install | Deed::Point { .. } | Deed::Start { .. } | Deed::Create { .. }
        ),
        Name::TwoLive => matches!(deed, Deed::Install),
        _ => false,
    };
    let deed = deeds.iter().find(ends)?;
    Some(format!("it is looked at again after: {}", deed.title()))
}
