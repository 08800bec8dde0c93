//! Puts snapshots together from what the sources tell, each in its own time.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::inventory::{
    EnvironmentName, Instance, KeyLine, PerSlot, Probe, ProxyAnswer, PublicAnswer, RegistryRecord,
    ServiceName, SlotSnapshot, Snapshot, SourceState, Sources, Target, Tier, World,
};
use crate::ports::Clock;
use crate::release::Site;

/// The order things are shown in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The services.
    pub services: Vec<ServiceName>,
    /// The environments, in promotion order.
    pub environments: Vec<(EnvironmentName, Tier)>,
}

/// What one source has to tell.
#[derive(Debug)]
pub(super) enum Part {
    /// What runs, for each target of an engine.
    Instances(Vec<(Target, Vec<Instance>)>),
    /// What the registry holds for a target.
    Record(Target, Box<RegistryRecord>, Vec<KeyLine>),
    /// What the proxy and the public address say for a target.
    Routing(Target, Box<Routing>),
    /// A source is not heard for these targets.
    Silent(Source, Vec<Target>, String, Timestamp),
}

/// Which source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Runtime,
    Registry,
    Router,
}

/// The proxy's side of a target.
#[derive(Debug)]
pub(super) struct Routing {
    pub(super) proxy: Option<ProxyAnswer>,
    pub(super) public: Option<PublicAnswer>,
    pub(super) probes: PerSlot<Option<Probe>>,
}

pub(super) struct Assembly {
    frame: Frame,
    snapshots: BTreeMap<Target, Arc<Snapshot>>,
    clock: Arc<dyn Clock>,
}

impl Assembly {
    pub(super) fn new(frame: Frame, sites: &[Site], clock: Arc<dyn Clock>) -> Self {
        let snapshots = sites
            .iter()
            .map(|site| {
                (
                    site.definition.target.clone(),
                    Arc::new(unknown(site, clock.now())),
                )
            })
            .collect();
        Self {
            frame,
            snapshots,
            clock,
        }
    }

    pub(super) fn world(&self) -> World {
        World {
            services: self.frame.services.clone(),
            environments: self.frame.environments.clone(),
            snapshots: self.snapshots.clone(),
        }
    }

    pub(super) fn add(&mut self, part: Part) {
        match part {
            Part::Instances(by_target) => {
                for (target, instances) in by_target {
                    self.change(&target, |snapshot| take_instances(snapshot, instances));
                }
            }
            Part::Record(target, record, keys) => {
                self.change(&target, |snapshot| take_record(snapshot, *record, keys));
            }
            Part::Routing(target, routing) => {
                self.change(&target, |snapshot| take_routing(snapshot, *routing));
            }
            Part::Silent(source, targets, why, retry_at) => {
                for target in targets {
                    let why = why.clone();
                    self.change(&target, |snapshot| silence(snapshot, source, why, retry_at));
                }
            }
        }
    }

    /// A snapshot that did not change keeps its identity, so that nothing is drawn for it.
    fn change(&mut self, target: &Target, how: impl FnOnce(&mut Snapshot)) {
        let now = self.clock.now();
        let Some(known) = self.snapshots.get_mut(target) else {
            return;
        };
        let mut changed = (**known).clone();
        how(&mut changed);
        if changed != **known {
            changed.at = now;
            *known = Arc::new(changed);
        }
    }
}

fn unknown(site: &Site, now: Timestamp) -> Snapshot {
    let definition = &site.definition;
    Snapshot {
        target: definition.target.clone(),
        tier: definition.tier,
        slots: PerSlot::from_fn(|slot| SlotSnapshot {
            endpoint: definition.endpoints.get(slot).clone(),
            instance: None,
            registration: None,
            probe: None,
        }),
        route: None,
        proxy: None,
        public: None,
        lock: None,
        hold: None,
        problems: BTreeMap::new(),
        keys: Vec::new(),
        sources: Sources::default(),
        at: now,
    }
}

fn take_instances(snapshot: &mut Snapshot, instances: Vec<Instance>) {
    snapshot.sources.runtime = SourceState::Live;
    let mut by_slot: PerSlot<Option<Instance>> = PerSlot::default();
    for instance in instances {
        let slot = instance.slot;
        *by_slot.get_mut(slot) = Some(instance);
    }
    snapshot.slots.blue.instance = by_slot.blue;
    snapshot.slots.green.instance = by_slot.green;
}

fn take_record(snapshot: &mut Snapshot, record: RegistryRecord, keys: Vec<KeyLine>) {
    snapshot.sources.registry = SourceState::Live;
    snapshot.slots.blue.registration = record.slots.blue;
    snapshot.slots.green.registration = record.slots.green;
    snapshot.route = record.route;
    snapshot.lock = record.lock;
    snapshot.hold = record.hold;
    snapshot.problems = record.problems;
    snapshot.keys = keys;
}

fn take_routing(snapshot: &mut Snapshot, routing: Routing) {
    snapshot.sources.router = SourceState::Live;
    snapshot.proxy = routing.proxy;
    snapshot.public = routing.public;
    // How long a probe took changes every time and is not news.
    for (slot, probe) in [
        (crate::inventory::Slot::Blue, routing.probes.blue),
        (crate::inventory::Slot::Green, routing.probes.green),
    ] {
        let side = snapshot.slots.get_mut(slot);
        let is_same = match (&side.probe, &probe) {
            (Some(known), Some(new)) => known.healthy == new.healthy && known.detail == new.detail,
            (None, None) => true,
            _ => false,
        };
        if !is_same {
            side.probe = probe;
        }
    }
}

fn silence(snapshot: &mut Snapshot, source: Source, why: String, retry_at: Timestamp) {
    let since = snapshot.at;
    let state = match source {
        Source::Runtime => &mut snapshot.sources.runtime,
        Source::Registry => &mut snapshot.sources.registry,
        Source::Router => &mut snapshot.sources.router,
    };
    let since = match state {
        SourceState::Stale { since, .. } => *since,
        _ => since,
    };
    *state = SourceState::Stale {
        since,
        why,
        retry_at: Some(retry_at),
    };
}
