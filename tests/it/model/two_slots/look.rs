//! What drivers and planners observe of two slots, changed by the flaws.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use greenroom::inventory::{
    Address, Addresses, Connections, Edge, EdgeAnswer, Edges, FencingToken, ImageLabels,
    Installation, Instance, InstanceId, InstanceState, JobCount, PerSlot, Probe, ProxyAnswer,
    RegisteredMember, Registration, RegistryRecord, Revisioned, Route, RuntimeHealth, Slot,
    SlotMembers,
};
use greenroom::release::{Observation, Plan};

use super::super::driver::Driver;
use super::super::look::{self, Blind, Look};
use super::super::names::{digest, letter, release, time};
use super::super::scope::Scope;
use super::super::side::{Side, Sighting};
use super::super::state::World;
use super::engine::{Running, index};
use super::flaws::SlotsFlaw;
use super::store::Entered;
use super::{Seen, Slots};
use crate::support::edge;
use crate::support::web::{endpoint, target};

pub(super) fn see(
    world: &World<Slots>,
    scope: &Scope<Slots>,
    driver: &Driver<Slots>,
    look: Look,
) -> Sighting<Slots> {
    let plan = &driver.plan;
    let Look { ask, blind, .. } = look;
    let engine = blind != Blind::Engine;
    let mut observation = Observation {
        image: (ask.image && engine).then_some(true),
        edges: if scope.side.kind.is_background() {
            Edges::none()
        } else {
            Edges::from(Edge {
                answer: if ask.proxy && blind != Blind::Proxy {
                    EdgeAnswer::Routes(answer(world))
                } else {
                    EdgeAnswer::Unknown
                },
                installation: ask.installation.then_some(Installation::Current),
                ..Edge::default()
            })
        },
        instances: (ask.instances && engine)
            .then(|| PerSlot::from_fn(|slot| SlotMembers::new(instance(world, slot)))),
        probe: ask.probe.map(|slot| {
            if scope.side.kind.is_background() {
                Probe::without_address()
            } else {
                probe(is_healthy(world, slot))
            }
        }),
        registry: (ask.registry && blind != Blind::Registry).then(|| record(world)),
        connections: (ask.connections.is_some() && blind != Blind::Proxy)
            .then_some(Connections::Open(0)),
        jobs: (ask.jobs.is_some() && engine).then_some(JobCount::Left(0)),
        tasks: (ask.tasks && engine).then(|| world.side.tasks.observed(|flaw| scope.has_own(flaw))),
        ..look::nothing(blind)
    };
    if ask.checks && engine {
        let candidate = running(world, plan.slot);
        observation.report = candidate.map(|it| look::report(world, it.digest, look.checks_pass));
    }
    if scope.has_own(SlotsFlaw::ProxySeenAsRouted)
        && let Some(proxy) = edge(&mut observation.edges).answer.proxy_mut()
        && let Some(route) = world.side.route
    {
        proxy.slot = Some(route.live);
        proxy.generation = route.generation;
    }
    look::deceive(&mut observation, scope, plan);
    deceive(&mut observation, scope, plan);
    let digest = world.side.candidate(plan);
    let mut seen = Seen {
        probe: ask.probe.map(|slot| (slot, is_healthy(world, slot))),
        digest: digest.filter(|_| ask.instances && engine),
    };
    let repeats = scope.has_own(SlotsFlaw::OldObservation);
    if let Some(old) = driver.memory.as_ref().filter(|_| repeats) {
        observation.instances.clone_from(&old.instances);
        observation.probe.clone_from(&old.probe);
        seen = Seen::default();
    }
    let is_of_candidate = ask.instances && ask.probe == Some(plan.slot);
    Sighting {
        memory: (repeats && is_of_candidate).then(|| Arc::new(observation.clone())),
        observation,
        seen,
    }
}

fn running(world: &World<Slots>, slot: Slot) -> Option<Running> {
    world.side.engine[index(slot)].filter(|running| running.up)
}

pub(crate) fn is_healthy(world: &World<Slots>, slot: Slot) -> bool {
    world.side.engine[index(slot)].is_some_and(Running::is_healthy)
}

pub(super) fn probe(healthy: bool) -> Probe {
    Probe {
        healthy,
        detail: String::new(),
        took: Duration::ZERO,
    }
}

pub(crate) fn instance(world: &World<Slots>, slot: Slot) -> Option<Instance> {
    let running = world.side.engine[index(slot)]?;
    Some(Instance {
        id: InstanceId(running.id.to_string()),
        name: slot.to_string(),
        target: target(),
        slot,
        number: 1,
        of: 1,
        endpoint: None,
        digest: digest(running.digest),
        tag: None,
        release: Some(release(running.release)),
        state: if running.up {
            InstanceState::Running
        } else {
            InstanceState::Exited { code: Some(0) }
        },
        health: if world.side.kind.is_background() && running.up && !running.is_healthy() {
            RuntimeHealth::Unhealthy
        } else {
            RuntimeHealth::Unchecked
        },
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
        addresses: endpoint(plan.slot).into(),
        digest: plan.version.digest.clone(),
        release: plan.release,
        token: FencingToken(1),
    };
    Revisioned { value, revision: 1 }
}

pub(super) fn record(world: &World<Slots>) -> RegistryRecord {
    let slots = &world.side;
    RegistryRecord {
        route: slots.route.map(|route| Revisioned {
            value: Route {
                generation: route.generation,
                live: route.live,
                addresses: addresses(slots, route.live),
                digest: digest(route.digest),
                release: release(route.release),
                token: FencingToken(route.token),
            },
            revision: 1,
        }),
        slots: PerSlot::from_fn(|slot| {
            slots.registered[index(slot)].map(|entered| Revisioned {
                value: registration(slots.address(slot), slot, entered),
                revision: 1,
            })
        }),
        ..look::record(world)
    }
}

fn addresses(slots: &Slots, slot: Slot) -> Addresses {
    let address = slots.address(slot);
    address.map_or_else(|| Addresses::counted(1), Addresses::from)
}

fn registration(endpoint: Option<Address>, slot: Slot, entered: Entered) -> Registration {
    Registration {
        slot,
        members: vec![RegisteredMember {
            endpoint,
            instance: InstanceId(entered.instance.to_string()),
        }],
        tag: None,
        digest: digest(entered.digest),
        release: release(entered.release),
        registered_at: time(0),
        token: FencingToken(entered.token),
    }
}

/// The registration of what runs in a slot.
pub(super) fn registered(slot: Slot, running: Running) -> Revisioned<Registration> {
    let entered = Entered {
        digest: running.digest,
        instance: running.id,
        release: running.release,
        token: 0,
    };
    Revisioned {
        value: registration(Some(endpoint(slot)), slot, entered),
        revision: 1,
    }
}

pub(crate) fn answer(world: &World<Slots>) -> ProxyAnswer {
    let pointer = world.side.proxy.pointer();
    ProxyAnswer {
        slot: pointer.slot,
        generation: pointer.generation,
        token: pointer.token,
        configuration: String::new(),
    }
}

fn deceive(observation: &mut Observation, scope: &Scope<Slots>, plan: &Plan) {
    let before = plan.from.as_ref();
    if let Some(record) = &mut observation.registry {
        if scope.has_own(SlotsFlaw::RouteSeenAsBefore)
            && let (Some(route), Some(before)) = (&mut record.route, before)
        {
            route.value.live = before.slot;
            route.value.generation = before.generation;
        }
        let is_by_hand = record
            .route
            .as_ref()
            .is_none_or(|route| route.value.generation > plan.generation);
        if scope.has_own(SlotsFlaw::RouteSeenAsSwitched) && is_by_hand {
            record.route = Some(switched(plan));
        }
        if scope.has_own(SlotsFlaw::RegistrationSeenAsPlanned) {
            let entered = Entered {
                digest: letter(&plan.version.digest),
                instance: 1,
                release: 1,
                token: 1,
            };
            let seen = registration(Some(endpoint(plan.slot)), plan.slot, entered);
            *record.slots.get_mut(plan.slot) = Some(Revisioned {
                value: seen,
                revision: 1,
            });
        }
    }
    if let Some(probe) = &mut observation.probe {
        probe.healthy |= scope.has_own(SlotsFlaw::ProbeSeenGood);
    }
    if let Some(slots) = &mut observation.instances
        && let Some(instance) = slots.get_mut(plan.slot.other()).iter_mut().next()
        && scope.has_own(SlotsFlaw::SlotSeenStopped)
    {
        instance.state = InstanceState::Exited { code: Some(0) };
    }
    if let Some(slots) = &mut observation.instances
        && let Some(instance) = slots.get_mut(plan.slot).iter_mut().next()
        && scope.has_own(SlotsFlaw::DigestSeenAsPlanned)
    {
        instance.digest = plan.version.digest.clone();
    }
}
