//! Assembles snapshots from the answers of the sources, which arrive independently.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::inventory::{
    ClockReading, Edge, EdgeAnswer, EdgeName, EnvironmentName, Installation, Instance, KeyLine,
    PerSlot, PointerState, Probe, PublicAnswer, Rates, RegistryRecord, ServiceName, Slot, Snapshot,
    SourceState, Target, Tier, World, engine_of, store_of,
};
use crate::ports::Clock;
use crate::release::{Observed, Releases, Site};

/// The services and environments in the order in which they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub services: Vec<ServiceName>,
    /// The environments in promotion order.
    pub environments: Vec<(EnvironmentName, Tier)>,
}

/// One answer of a source.
#[derive(Debug)]
pub(super) enum Part {
    /// The instances of each target of a runtime.
    Instances(Vec<(Target, Vec<Instance>)>),
    /// The store's record of a target.
    Record(Target, Box<Registered>),
    /// The answers of an edge for a target.
    Routing(Target, EdgeName, Box<Routing>),
    /// An edge did not answer for a target: the reason, and when a watcher asks the edge again.
    SilentEdge(Target, EdgeName, String, Timestamp),
    /// What the public address at an edge and the slots answered, even if the edge did not.
    Probed(Target, EdgeName, Box<Probed>),
    /// The reading of a source's clock; none if the source has no clock or did not answer.
    Clock(Source, Vec<Target>, Option<ClockReading>),
    /// A source did not answer for these targets: the reason, and when a watcher asks the source again.
    Silent(Source, Vec<Target>, String, Timestamp),
}

/// The store's content for a target.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) record: RegistryRecord,
    pub(super) keys: Vec<KeyLine>,
    /// When record and keys were read.
    pub(super) at: Timestamp,
    /// The newest release, if its journal was read.
    pub(super) release: Option<Arc<Observed>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Runtime,
    Registry,
}

/// What an edge answered about a target.
#[derive(Debug)]
pub(super) struct Routing {
    pub(super) answer: EdgeAnswer,
    /// What the edge checks before a switch; none if it was not read.
    pub(super) pointer: Option<PointerState>,
    /// The state of the edge's configuration, or why the state is unknown. None if it was not inspected; then the
    /// snapshot keeps the last state.
    pub(super) installation: Option<Result<Installation, String>>,
    /// The rates, or why they are unknown. None if the target is not on screen or not installed, or if the edge did not
    /// report the rates in time.
    pub(super) rates: Option<Result<PerSlot<Option<Rates>>, String>>,
}

/// The answers of the public address and the health endpoints.
#[derive(Debug)]
pub(super) struct Probed {
    pub(super) public: Option<PublicAnswer>,
    pub(super) probes: PerSlot<Option<Probe>>,
}

pub(super) struct Assembly {
    frame: Frame,
    snapshots: BTreeMap<Target, Arc<Snapshot>>,
    releases: Releases,
    clock: Arc<dyn Clock>,
}

impl Assembly {
    pub(super) fn new(frame: Frame, sites: &[Site], clock: Arc<dyn Clock>) -> Self {
        let snapshots = sites
            .iter()
            .map(|site| {
                (
                    site.definition.target.clone(),
                    Arc::new(unobserved(site, clock.now())),
                )
            })
            .collect();
        Self {
            frame,
            snapshots,
            releases: Releases::new(),
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

    pub(super) fn releases(&self) -> &Releases {
        &self.releases
    }

    pub(super) fn add(&mut self, part: Part) {
        match part {
            Part::Instances(by_target) => {
                for (target, instances) in by_target {
                    self.change(&target, |snapshot| snapshot.take_instances(instances));
                }
            }
            Part::Record(target, registered) => {
                let Registered {
                    record,
                    keys,
                    at,
                    release,
                } = *registered;
                self.change(&target, |snapshot| take_record(snapshot, record, keys, at));
                match release {
                    Some(release) => self.releases.insert(target, release),
                    None => self.releases.remove(&target),
                };
            }
            Part::Routing(target, edge, routing) => {
                self.change(&target, |snapshot| {
                    snapshot.change_edge(&edge, |edge| take_routing(edge, *routing));
                });
            }
            Part::SilentEdge(target, edge, why, retry_at) => {
                let now = self.clock.now();
                self.change(&target, |snapshot| {
                    snapshot.change_edge(&edge, |edge| {
                        edge.state = edge.state.silent(why, now, Some(retry_at));
                    });
                });
            }
            Part::Probed(target, edge, probed) => {
                self.change(&target, |snapshot| take_probed(snapshot, &edge, *probed));
            }
            Part::Clock(source, targets, reading) => {
                for target in targets {
                    let of = match source {
                        Source::Runtime => engine_of(&target.environment),
                        Source::Registry => store_of(&target.environment),
                    };
                    let reading = reading.as_ref().map(|reading| reading.called(of.clone()));
                    self.change(&target, |snapshot| snapshot.clocks.keep(&of, reading));
                }
            }
            Part::Silent(source, targets, why, retry_at) => {
                for target in targets {
                    let why = why.clone();
                    let now = self.clock.now();
                    self.change(&target, |snapshot| {
                        mark_silent(snapshot, source, why, now, retry_at);
                    });
                }
            }
        }
    }

    /// Changes the snapshot of a target. An unchanged snapshot keeps its `Arc`, so that nothing is drawn again.
    fn change(&mut self, target: &Target, edit: impl FnOnce(&mut Snapshot)) {
        let now = self.clock.now();
        let Some(known) = self.snapshots.get_mut(target) else {
            return;
        };
        let mut changed = (**known).clone();
        edit(&mut changed);
        if changed != **known {
            changed.at = now;
            *known = Arc::new(changed);
        }
    }
}

fn unobserved(site: &Site, now: Timestamp) -> Snapshot {
    let definition = &site.definition;
    let target = definition.target.clone();
    Snapshot {
        preview: definition.preview.clone(),
        freezes: definition.rules.freezes.clone(),
        kind: definition.kind,
        runtime_kind: definition.runtime_kind,
        ..Snapshot::unobserved(target, definition.tier, &definition.endpoints, now)
    }
}

fn take_record(snapshot: &mut Snapshot, record: RegistryRecord, keys: Vec<KeyLine>, at: Timestamp) {
    let on_lease = record.lock.is_some() || keys.iter().any(|key| key.ttl_seconds.is_some());
    // The remaining time of a lease counts from the time of the reading. Without a lease the old time stays, so that an
    // equal record does not change the snapshot.
    if on_lease || snapshot.keys_at.is_none() {
        snapshot.keys_at = Some(at);
    }
    snapshot.sources.registry = SourceState::Live;
    snapshot.take_record(record);
    snapshot.keys = keys;
}

fn take_routing(edge: &mut Edge, routing: Routing) {
    edge.take_answer(Ok(routing.answer));
    if routing.pointer.is_some() || !edge.is_pointer_current() {
        edge.pointer = routing.pointer;
    }
    if let Some(checked) = routing.installation {
        edge.take_installation(checked);
    }
    // If the edge reported no rates now, the old rates are dropped, because they would soon be outdated.
    edge.take_rates(routing.rates.unwrap_or_else(|| Ok(PerSlot::default())));
}

fn take_probed(snapshot: &mut Snapshot, edge: &EdgeName, probed: Probed) {
    if !snapshot.edges.is_empty() {
        snapshot.edges.edge_mut(edge).public = probed.public;
    }
    // The duration of a probe differs every time, so a probe that differs only in its duration is ignored.
    for (slot, probe) in [
        (Slot::Blue, probed.probes.blue),
        (Slot::Green, probed.probes.green),
    ] {
        let slot_snapshot = snapshot.slots.get_mut(slot);
        let is_same = match (&slot_snapshot.probe, &probe) {
            (Some(known), Some(new)) => known.healthy == new.healthy && known.detail == new.detail,
            (None, None) => true,
            _ => false,
        };
        if !is_same {
            slot_snapshot.probe = probe;
        }
    }
}

fn mark_silent(
    snapshot: &mut Snapshot,
    source: Source,
    why: String,
    now: Timestamp,
    retry_at: Timestamp,
) {
    let state = match source {
        Source::Runtime => &mut snapshot.sources.runtime,
        Source::Registry => &mut snapshot.sources.registry,
    };
    *state = state.silent(why, now, Some(retry_at));
}

#[cfg(test)]
mod tests;
