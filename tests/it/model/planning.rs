//! An operator's plan, made by production's planner for the model's world; and whether the world
//! still matches the plan when the lock is taken.

use std::hash::Hash;
use std::sync::Arc;

use greenroom::history::{FORMAT, Outcome, ReleaseKind, ReleaseRecord, Takeover, WasLive};
use greenroom::inventory::{
    Clocks, Installation, Instance, Occupancy, PerSlot, Probe, Slot, Tier, VersionRef,
};
use greenroom::release::{
    Definition, Facts, Machine, Plan, PlanRequest, ProxyWords, Resolved, ResumeAction, Resumption,
    StandbyOf, TargetState, Wanted, decide, standby_entry,
};

use super::engine::BEFORE;
use super::flaws::Flaw;
use super::look;
use super::names::{LIVE, OLDER, definition, release, time, version};
use super::others::person;
use super::scope::{Scope, Want};
use super::state::World;
use crate::support::web::target;

/// The number of an operator's release.
pub(crate) fn number(scope: &Scope, by: usize) -> u8 {
    if scope.has(Flaw::PlansAreAlike) || by == 0 {
        1
    } else {
        2
    }
}

/// The plan of an operator, unless there is a reason against it.
pub(crate) fn plan(world: &World, scope: &Scope, by: usize) -> Option<Arc<Plan>> {
    let (wanted, resolved) = match scope.wants[by] {
        Want::Nothing | Want::Resume => return None,
        Want::Version(letter) => (
            Wanted::Version(VersionRef::Tag(letter.to_string())),
            Resolved::Version(Box::new(version(letter))),
        ),
        Want::Standby => (Wanted::Standby, Resolved::WarmVersion),
    };
    let request = PlanRequest {
        override_holds: None,
        target: target(),
        wanted,
        reason: None,
        operator: person(by),
    };
    let facts = facts(world, scope, number(scope, by), resolved);
    let words = ProxyWords {
        install: Vec::new(),
        switch: Vec::new(),
        warnings: Vec::new(),
        touched: Vec::new(),
    };
    let draft = decide(&request, &defined(scope), &facts).ok()?;
    let mut plan = draft.into_plan(&words);
    // Left out, because the display parts would be copied at every turn.
    for planned in &mut plan.calls {
        planned.calls.clear();
        planned.undo.clear();
    }
    // Every check of approvals needs it.
    plan.mark = Some(plan.mark());
    Some(Arc::new(plan))
}

fn facts(world: &World, scope: &Scope, number: u8, version: Resolved) -> Facts {
    Facts {
        now: time(world.hour),
        clocks: Clocks::default(),
        release: release(number),
        may_write: true,
        version,
        record: Ok(look::record(world)),
        standby: standby(world, scope).map(|_| StandbyOf::AnotherConsole),
        proxy: Ok(Some(look::answer(world))),
        pointer: None,
        installation: Ok(Installation::Current),
        slots: PerSlot::from_fn(|slot| Ok(occupancy(world, slot))),
        live_probe: world.store.route.map(|route| Probe {
            healthy: look::is_healthy(world, route.live),
            detail: String::new(),
            took: std::time::Duration::ZERO,
        }),
        unreadable: Vec::new(),
        past: Ok(vec![past()]),
        was_live: was_live(),
        live_in_first: None,
        taken: Ok(Vec::new()),
        has_image: true,
    }
}

/// The last entry of the first operator's release, if it holds the lock for a standby that may be
/// ended.
pub(crate) fn standby(world: &World, scope: &Scope) -> Option<u32> {
    let is_held = world.store.is_held_by(0) && scope.ends_standby;
    let recorded = world.store.journals[0].read().filter(|_| is_held)?;
    standby_entry(&recorded, &defined(scope))
}

fn was_live() -> WasLive {
    WasLive {
        versions: vec![version(LIVE), version(OLDER)],
        ..WasLive::default()
    }
}

/// Both earlier versions were live once.
fn past() -> ReleaseRecord {
    ReleaseRecord {
        overridden: Vec::new(),
        format: FORMAT,
        id: release(BEFORE),
        target: target(),
        kind: ReleaseKind::Promote,
        from: Some((Slot::Green, version(OLDER))),
        to: (Slot::Blue, version(LIVE)),
        operator: person(0),
        reason: None,
        opened_at: time(0),
        plan: Vec::new(),
        baseline: None,
        live: None,
        chain: None,
        closed: Some((time(0), Outcome::Done)),
    }
}

/// The part of a plan that depends on when it was made.
pub(crate) fn mark(plan: &Plan) -> impl Hash {
    let id = |instance: &Option<Instance>| instance.as_ref().map(|it| it.id.clone());
    let from = plan.from.as_ref();
    (
        (plan.slot, plan.generation, plan.kind),
        from.map(|from| (from.slot, from.generation, from.version.digest.clone())),
        (id(&plan.leftover), id(&plan.warm)),
        plan.made_at,
    )
}

/// What the engine checks once more under the lock, see `Engine::open`.
pub(crate) fn is_still_so(world: &World, plan: &Plan) -> bool {
    let found = occupancy(world, plan.slot);
    plan.unchanged(&look::record(world), &found).is_ok()
}

fn occupancy(world: &World, slot: Slot) -> Occupancy {
    match look::instance(world, slot) {
        None => Occupancy::Free,
        Some(instance) => Occupancy::Ours(Box::new(instance)),
    }
}

/// The first operator's release as its journal leaves it, for another operator to resume.
pub(crate) fn resumed_machine(
    world: &World,
    scope: &Scope,
    by: usize,
    resume_action: ResumeAction,
) -> Option<(Arc<Plan>, Machine)> {
    let recorded = world.store.journals[0].read()?;
    let record = look::record(world);
    let instances = Slot::BOTH.map(|slot| look::instance(world, slot));
    let current = TargetState {
        record: &record,
        instances: &instances.into_iter().flatten().collect::<Vec<_>>(),
        now: time(world.hour),
        clocks: &Clocks::default(),
    };
    let definition = defined(scope);
    let plan = Plan::resumed(&recorded, &definition, current, resume_action).ok()?;
    let plan = Arc::new(plan);
    let resumption = Resumption {
        resume_action,
        how: Takeover::Resumed,
        by: person(by),
        from: recorded.last_driver().clone(),
        note: None,
    };
    let machine = Machine::resume(Arc::clone(&plan), &recorded, resumption, scope.on_failure);
    Some((plan, machine))
}

fn defined(scope: &Scope) -> Definition {
    let mut definition = definition(tier(scope));
    definition.rules.approvals = u8::from(!scope.others.is_empty());
    definition
}

fn tier(scope: &Scope) -> Tier {
    if scope.has(Flaw::PlanForgetsTier) {
        Tier::Development
    } else {
        scope.tier
    }
}
