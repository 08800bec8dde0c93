//! The plan of a repair, made by production's planner for what an operator observes, see `engine::repairing`.

use greenroom::inventory::{Operator, RebaseOrder, Snapshot, SwitchOrder};
use greenroom::release::{
    Known, ProxyCalls, RepairPlan, RouteProof, all_answered, plan_repair, standby_entry,
};

use super::flaws::Flaw;
use super::look::Blind;
use super::names::{number_of, release, time};
use super::others::person;
use super::planning;
use super::scope::Scope;
use super::side::Side;
use super::state::World;

/// The model shows no plan, so the proxy describes no calls.
struct NoWords;

impl ProxyCalls for NoWords {
    fn install(&self) -> Vec<String> {
        Vec::new()
    }

    fn switch(&self, _: &SwitchOrder) -> Vec<String> {
        Vec::new()
    }

    fn rebase(&self, _: &RebaseOrder) -> Vec<String> {
        Vec::new()
    }
}

impl<S: Side> Scope<S> {
    /// The repair of all differences that are observed now; none while a release drives the target or has not ended.
    pub(super) fn repair_of(&self, world: &World<S>, by: usize) -> Option<RepairPlan> {
        if world.store.lock.is_some() || self.is_unfinished(world) {
            return None;
        }
        let snapshot = S::snapshot(world, self, None, Blind::Nothing)?;
        Some(self.planned_repair(world, &snapshot, &person(by)))
    }

    /// Whether the newest release has not ended and is not in its standby, see `engine::repairing`.
    fn is_unfinished(&self, world: &World<S>) -> bool {
        let journals = &world.store.journals;
        let newest = usize::from(journals[1].is_begun());
        let recorded = journals[newest].read();
        let open = recorded.filter(|_| journals[newest].is_open());
        open.is_some_and(|it| standby_entry(&it, &planning::defined(self)).is_none())
    }

    /// Whether the same actions are still needed after the lock was taken.
    pub(super) fn is_same_repair(
        &self,
        world: &World<S>,
        snapshot: &Snapshot,
        plan: &RepairPlan,
    ) -> bool {
        // Taking the lock raised the revision of the store to the token.
        let snapshot = Snapshot {
            store_revision: snapshot.store_revision.map(|token| token - 1),
            ..snapshot.clone()
        };
        let again = self.planned_repair(world, &snapshot, &plan.operator);
        all_answered(&snapshot).is_ok()
            && !self.is_unfinished(world)
            && again.only_actions() == plan.only_actions()
    }

    fn planned_repair(&self, world: &World<S>, snapshot: &Snapshot, by: &Operator) -> RepairPlan {
        let definition = planning::defined(self);
        let released = self.released_by_route(world, snapshot);
        let (items, repair_actions) =
            plan_repair((snapshot, &released), &definition, None, &NoWords);
        RepairPlan {
            id: release(u8::MAX),
            definition,
            only: None,
            operator: by.clone(),
            made_at: time(world.hour),
            items,
            repair_actions,
            touched: Vec::new(),
            holds: Vec::new(),
        }
    }

    fn released_by_route(&self, world: &World<S>, snapshot: &Snapshot) -> Known<()> {
        let proof = RouteProof::of(snapshot)?;
        if self.has(Flaw::RouteSeenAsProven) {
            return Ok(());
        }
        let mut missing = None;
        for release in &proof.releases {
            let recorded = match number_of(*release) {
                0 => S::earlier(),
                number => world.store.journals[usize::from(number) - 1].chained(),
            };
            match proof.by(recorded.as_ref()) {
                Ok(()) => return Ok(()),
                Err(why) => missing = missing.or(Some(why)),
            }
        }
        Err(missing.unwrap_or_default())
    }
}
