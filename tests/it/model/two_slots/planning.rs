//! What production's planner needs to know about two slots, and whether they are still as a plan needs them.

use greenroom::history::{FORMAT, Outcome, Recorded, ReleaseKind, ReleaseRecord, WasLive};
use greenroom::inventory::{
    Clocks, Edge, EdgeAnswer, Edges, Installation, Occupancy, PerSlot, Probe, Slot, SlotMembers,
};
use greenroom::release::{Definition, Facts, Plan, Resolved, ResumeAction, StandbyOf, TargetState};

use super::super::names::{LIVE, OLDER, release, time, version};
use super::super::others::person;
use super::super::planning;
use super::super::scope::Scope;
use super::super::state::World;
use super::engine::BEFORE;
use super::{Slots, look};
use crate::support::web::target;

pub(super) fn facts(
    world: &World<Slots>,
    scope: &Scope<Slots>,
    number: u8,
    version: Resolved,
) -> Facts {
    Facts {
        now: time(world.hour),
        clocks: Clocks::default(),
        release: release(number),
        may_write: true,
        version,
        record: Ok(look::record(world)),
        standby: planning::standby(world, scope).map(|_| StandbyOf::AnotherConsole),
        edges: if scope.side.kind.is_background() {
            Edges::none()
        } else {
            Edges::from(Edge {
                answer: EdgeAnswer::Routes(look::answer(world)),
                installation: Some(Installation::Current),
                ..Edge::default()
            })
        },
        slots: PerSlot::from_fn(|slot| Ok(occupancy(world, slot))),
        live_probe: world.side.route.map(|route| Probe {
            healthy: scope.side.kind.is_background() || look::is_healthy(world, route.live),
            detail: String::new(),
            took: std::time::Duration::ZERO,
        }),
        unreadable: Vec::new(),
        past: Ok(heads(world, scope)),
        was_live: was_live(),
        live_in_first: None,
        taken: Ok(Vec::new()),
        has_image: true,
    }
}

fn was_live() -> WasLive {
    WasLive {
        versions: vec![version(LIVE), version(OLDER)],
        ..WasLive::default()
    }
}

/// The newest releases. Only the plan of a worker depends on those of the operators.
fn heads(world: &World<Slots>, scope: &Scope<Slots>) -> Vec<ReleaseRecord> {
    let journals = world.store.journals.iter();
    let opened = journals.filter(|_| scope.side.kind.is_background());
    let mut heads: Vec<_> = opened
        .filter_map(|journal| Some(journal.read()?.head))
        .collect();
    heads.sort_by_key(|head| std::cmp::Reverse(head.id));
    heads.push(past());
    heads
}

/// Both earlier versions were live once.
pub(super) fn past() -> ReleaseRecord {
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
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
    }
}

pub(super) fn is_as_planned(world: &World<Slots>, plan: &Plan) -> bool {
    let found = occupancy(world, plan.slot);
    plan.unchanged(&look::record(world), &found).is_ok()
}

fn occupancy(world: &World<Slots>, slot: Slot) -> Occupancy {
    match look::instance(world, slot) {
        None => Occupancy::Free,
        Some(instance) => Occupancy::Ours(SlotMembers::new([instance])),
    }
}

pub(super) fn resumed(
    world: &World<Slots>,
    recorded: &Recorded,
    definition: &Definition,
    resume_action: ResumeAction,
) -> Option<Plan> {
    let record = look::record(world);
    let instances = Slot::BOTH.map(|slot| look::instance(world, slot));
    let current = TargetState {
        record: &record,
        instances: &instances.into_iter().flatten().collect::<Vec<_>>(),
        now: time(world.hour),
        clocks: &Clocks::default(),
    };
    Plan::resumed(recorded, definition, current, resume_action).ok()
}
