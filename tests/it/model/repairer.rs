//! An operator who repairs: production's machine of a repair, what it waits for, and what was really so when it looked.
//! Every action is checked against the interlocks before it is performed.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use greenroom::history::RepairOutcome;
use greenroom::inventory::{Slot, Snapshot};
use greenroom::release::{
    Action, ApprovedRepair, RepairEffect, RepairEvent, RepairMachine, RepairPlan,
};

use super::calls::{Doing, Who};
use super::names::time;
use super::never::Violation;
use super::side::Side;
use super::state::{End, World};

/// What a repair waits for.
#[derive(Debug, Clone, Hash)]
pub(crate) enum Owed {
    /// Its record. For each action, whether the record says that the action was started.
    Record(Vec<bool>),
    Look,
    Count(Slot),
    Act(Doing),
    Pause,
}

/// What was really recorded and observed. The machine may have been shown something else.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Knows {
    /// For each action, whether its start was recorded.
    pub(crate) started: Vec<bool>,
    /// Whether nothing has been observed since the last action.
    pub(crate) unseen: bool,
    /// For each action, the interlock that it would have broken at the last observation.
    pub(crate) forbidden: Vec<Option<Violation>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Repairer {
    pub(crate) machine: RepairMachine,
    pub(crate) plan: Arc<RepairPlan>,
    pub(crate) approved: Arc<ApprovedRepair>,
    pub(crate) by: usize,
    pub(crate) token: i64,
    pub(crate) owed: Option<Owed>,
    pub(crate) knows: Knows,
    /// What was observed when the lock was taken, for a flaw that repeats it.
    pub(crate) first: Arc<Snapshot>,
}

impl Hash for Repairer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.machine.hash(state);
        (self.token, &self.owed, &self.knows).hash(state);
    }
}

impl Repairer {
    pub(crate) fn new(
        machine: RepairMachine,
        plan: Arc<RepairPlan>,
        approved: ApprovedRepair,
        by: usize,
        token: i64,
        first: Snapshot,
    ) -> Self {
        let count = plan.repair_actions.len();
        Self {
            machine,
            plan,
            approved: Arc::new(approved),
            by,
            token,
            owed: None,
            knows: Knows {
                started: vec![false; count],
                unseen: true,
                forbidden: vec![None; count],
            },
            first: Arc::new(first),
        }
    }

    pub(crate) fn who(&self) -> Who<'static> {
        Who {
            by: self.by,
            token: self.token,
            plan: None,
        }
    }

    /// How the repair has ended.
    pub(crate) fn end(&self) -> Option<End> {
        let (_, outcome) = self.machine.record().closed.as_ref()?;
        Some(match outcome {
            RepairOutcome::Done => End::Repaired,
            RepairOutcome::Remains { .. } => End::Remains,
            RepairOutcome::Failed { .. } => End::Failed,
            RepairOutcome::Stopped { .. } => End::Stopped,
        })
    }

    pub(crate) fn hear<S: Side>(&mut self, world: &mut World<S>, event: RepairEvent) {
        for effect in self.machine.handle(time(world.hour), event) {
            let owe = match effect {
                RepairEffect::Announce(_) => continue,
                RepairEffect::Record(record) => {
                    let actions = record.repair_actions.iter();
                    Owed::Record(actions.map(|it| it.started_at.is_some()).collect())
                }
                RepairEffect::Observe => Owed::Look,
                RepairEffect::Count(slot) => Owed::Count(slot),
                RepairEffect::Wait(_) => Owed::Pause,
                RepairEffect::Act(action) => {
                    self.hold_against(world, &action);
                    self.knows.unseen = true;
                    Owed::Act(Doing::new(vec![action], None))
                }
            };
            if self.owed.is_some() {
                world.violations.add(Violation::Overlapped);
            }
            self.owed = Some(owe);
        }
    }

    fn hold_against<S: Side>(&self, world: &mut World<S>, action: &Action) {
        let actions = self.plan.only_actions();
        let at = actions.iter().position(|planned| planned == action);
        let Some(at) = at.filter(|_| self.approved.covers(action)) else {
            world.violations.add(Violation::WrongApproval);
            return;
        };
        if !self.knows.started[at] || self.knows.unseen {
            world.violations.add(Violation::Blindly);
        }
        if world.is_at_it(self.by) {
            world.violations.add(Violation::Overlapped);
        }
        if let Some(violation) = self.knows.forbidden[at] {
            world.violations.add(violation);
        }
    }
}
