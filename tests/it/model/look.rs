//! What drivers and planners observe of a world, changed by the flaws.

use std::collections::BTreeMap;
use std::time::Duration;

use greenroom::checks::{CaseReport, Report, Verdict};
use greenroom::inventory::{
    Clocks, Connections, FencingToken, ImageLabels, Installation, Instance, InstanceId,
    InstanceState, LockHolder, LockRecord, PerSlot, Probe, ProxyAnswer, RegisteredMember,
    Registration, RegistryRecord, Revisioned, Route, RuntimeHealth, Slot, SlotMembers,
};
use greenroom::release::{Ask, Observation, Plan};

use super::engine::{Running, index};
use super::flaws::Flaw;
use super::names::{digest, letter, release, time};
use super::others::person;
use super::scope::Scope;
use super::state::World;
use crate::support::web::{endpoint, target};

/// Why an observation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Blind {
    Nothing,
    Engine,
    Registry,
    Proxy,
}

pub(crate) fn see(
    world: &World,
    scope: &Scope,
    plan: &Plan,
    ask: Ask,
    blind: Blind,
    checks_pass: bool,
) -> Observation {
    let engine = blind != Blind::Engine;
    let mut observation = Observation {
        image: (ask.image && engine).then_some(true),
        installation: ask.installation.then_some(Installation::Current),
        instances: (ask.instances && engine)
            .then(|| PerSlot::from_fn(|slot| SlotMembers::new(instance(world, slot)))),
        probe: ask.probe.map(|slot| probe(is_healthy(world, slot))),
        registry: (ask.registry && blind != Blind::Registry).then(|| record(world)),
        proxy: (ask.proxy && blind != Blind::Proxy).then(|| Some(answer(world))),
        connections: (ask.connections.is_some() && blind != Blind::Proxy)
            .then_some(Connections::Open(0)),
        report: None,
        public: None,
        direct: None,
        traffic: None,
        live_in_first: None,
        past_of_first: None,
        clocks: Clocks::default(),
        blind: Vec::new(),
    };
    if ask.checks && engine {
        observation.report = running(world, plan.slot).map(|it| report(world, it, checks_pass));
    }
    if blind != Blind::Nothing {
        observation.blind.push("it is not heard".into());
    }
    if let (Some(Some(proxy)), Some(route)) = (&mut observation.proxy, world.store.route)
        && scope.has(Flaw::ProxySeenAsRouted)
    {
        proxy.slot = Some(route.live);
        proxy.generation = route.generation;
    }
    deceive(&mut observation, scope, plan);
    observation
}

fn running(world: &World, slot: Slot) -> Option<Running> {
    world.engine[index(slot)].filter(|running| running.up)
}

pub(crate) fn is_healthy(world: &World, slot: Slot) -> bool {
    world.engine[index(slot)].is_some_and(Running::is_healthy)
}

fn probe(healthy: bool) -> Probe {
    Probe {
        healthy,
        detail: String::new(),
        took: Duration::ZERO,
    }
}

fn report(world: &World, running: Running, passes: bool) -> Report {
    Report {
        digest: digest(running.digest),
        run: None,
        at: time(world.hour),
        cases: vec![CaseReport {
            name: "home".into(),
            required: true,
            verdict: verdict(passes),
            detail: String::new(),
            took: Duration::ZERO,
            request: String::new(),
            response: String::new(),
        }],
    }
}

fn verdict(passes: bool) -> Verdict {
    if passes {
        Verdict::Passed
    } else {
        Verdict::Failed
    }
}

pub(crate) fn instance(world: &World, slot: Slot) -> Option<Instance> {
    let running = world.engine[index(slot)]?;
    Some(Instance {
        id: InstanceId(running.id.to_string()),
        name: slot.to_string(),
        target: target(),
        slot,
        digest: digest(running.digest),
        tag: None,
        release: Some(release(running.release)),
        state: if running.up {
            InstanceState::Running
        } else {
            InstanceState::Exited { code: Some(0) }
        },
        health: RuntimeHealth::Unchecked,
        started_at: None,
        restarts: 0,
        last_exit: None,
        pid: None,
        labels: ImageLabels::default(),
        configuration: BTreeMap::new(),
    })
}

fn switched(plan: &Plan) -> Revisioned<Route> {
    let value = Route {
        generation: plan.generation,
        live: plan.slot,
        endpoint: endpoint(plan.slot),
        digest: plan.version.digest.clone(),
        release: plan.release,
        token: FencingToken(1),
    };
    Revisioned { value, revision: 1 }
}

pub(crate) fn record(world: &World) -> RegistryRecord {
    let store = &world.store;
    RegistryRecord {
        route: store.route.map(|route| Revisioned {
            value: Route {
                generation: route.generation,
                live: route.live,
                endpoint: endpoint(route.live),
                digest: digest(route.digest),
                release: release(route.release),
                token: FencingToken(route.token),
            },
            revision: 1,
        }),
        slots: PerSlot::from_fn(|slot| {
            store.slots[index(slot)].map(|entered| Revisioned {
                value: registration(slot, entered.digest, entered.release, entered.token),
                revision: 1,
            })
        }),
        lock: store.lock.map(|lock| LockHolder {
            record: LockRecord {
                purpose: greenroom::inventory::LockPurpose::Release,
                operator: person(lock.by),
                console: lock.by.to_string(),
                release: release(0),
                since: time(0),
                message: String::new(),
            },
            token: FencingToken(lock.token),
            ttl_seconds: Some(30),
        }),
        hold: world.hold_seen(),
        peer_approvals: world.given_seen(),
        revision: i64::MAX,
        ..RegistryRecord::default()
    }
}

fn registration(slot: Slot, runs: char, of: u8, token: i64) -> Registration {
    Registration {
        slot,
        members: vec![RegisteredMember {
            endpoint: endpoint(slot),
            instance: InstanceId(of.to_string()),
        }],
        tag: None,
        digest: digest(runs),
        release: release(of),
        registered_at: time(0),
        token: FencingToken(token),
    }
}

pub(crate) fn answer(world: &World) -> ProxyAnswer {
    let pointer = world.proxy.pointer();
    ProxyAnswer {
        slot: pointer.slot,
        generation: pointer.generation,
        token: pointer.token,
        configuration: String::new(),
    }
}

fn deceive(observation: &mut Observation, scope: &Scope, plan: &Plan) {
    let before = plan.from.as_ref();
    if let Some(record) = &mut observation.registry {
        if scope.has(Flaw::RouteSeenAsBefore)
            && let (Some(route), Some(before)) = (&mut record.route, before)
        {
            route.value.live = before.slot;
            route.value.generation = before.generation;
        }
        let is_by_hand = record
            .route
            .as_ref()
            .is_none_or(|route| route.value.generation > plan.generation);
        if scope.has(Flaw::RouteSeenAsSwitched) && is_by_hand {
            record.route = Some(switched(plan));
        }
        if scope.has(Flaw::HolderSeenAsNobody) {
            record.lock = None;
        }
        if scope.has(Flaw::RegistrationSeenAsPlanned) {
            let seen = registration(plan.slot, letter(&plan.version.digest), 1, 1);
            *record.slots.get_mut(plan.slot) = Some(Revisioned {
                value: seen,
                revision: 1,
            });
        }
    }
    if let Some(probe) = &mut observation.probe {
        probe.healthy |= scope.has(Flaw::ProbeSeenGood);
    }
    if let Some(slots) = &mut observation.instances
        && let Some(instance) = slots.get_mut(plan.slot).iter_mut().next()
        && scope.has(Flaw::DigestSeenAsPlanned)
    {
        instance.digest = plan.version.digest.clone();
    }
    if let Some(report) = &mut observation.report {
        if scope.has(Flaw::ChecksSeenOfPlan) {
            report.digest = plan.version.digest.clone();
        }
        if scope.has(Flaw::ChecksSeenPassed) {
            for case in &mut report.cases {
                case.verdict = Verdict::Passed;
            }
        }
    }
}
