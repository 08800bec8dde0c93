//! A common view of what releases and repairs observed: the slots, the route and the proxy of a target. A release
//! observes what a step needs, and a repair observes everything. The guards of both read this view.

use std::collections::BTreeMap;

use super::observation::why_blind;
use super::{Definition, Observation};
use crate::inventory::{
    Installation, Instance, PerSlot, PointerState, Probe, ProxyAnswer, Registration,
    RegistryRecord, Revisioned, Route, Slot, Snapshot, StoredKey,
};
use crate::release::action::Action;

#[derive(Debug, Clone)]
pub(super) struct View<'a> {
    pub(super) definition: &'a Definition,
    /// None if the runtime was not observed.
    instances: Option<PerSlot<Option<&'a Instance>>>,
    probes: PerSlot<Option<&'a Probe>>,
    /// The public requests of the last seconds; 0 if unknown.
    requests: PerSlot<u64>,
    /// None if the store was not observed.
    stored: Option<Stored<'a>>,
    /// None if the proxy was not observed, or does not answer for the target.
    pub(super) proxy: Option<&'a ProxyAnswer>,
    pub(super) pointer: Option<PointerState>,
    /// The revision of the store at which this driver took the lock; none if unknown.
    pub(super) store_revision: Option<i64>,
    pub(super) installation: Option<&'a Installation>,
    /// A message for each value that could not be observed.
    blind: &'a [String],
    /// Whether an earlier action of the same stage starts (true) or stops (false) the slot's instance; none if neither.
    started: PerSlot<Option<bool>>,
}

/// What the store says about a target.
#[derive(Debug, Clone)]
struct Stored<'a> {
    registrations: PerSlot<Option<&'a Registration>>,
    route: Option<&'a Route>,
    is_route_unreadable: bool,
    /// Whether the registration of each slot cannot be read.
    unreadable_slots: PerSlot<bool>,
}

/// Whether a slot has traffic. The texts are the reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Traffic {
    /// Store and proxy are known, and neither of them names the slot.
    Without,
    With(String),
    Unknown(String),
}

impl<'a> View<'a> {
    /// The view of a release. `probed` is the slot whose health endpoint was requested.
    pub(super) fn of(
        observation: &'a Observation,
        definition: &'a Definition,
        probed: Option<Slot>,
    ) -> Self {
        let probe = observation.probe.as_ref();
        let instances = observation.instances.as_ref();
        Self {
            definition,
            instances: instances.map(|slots| PerSlot::from_fn(|slot| slots.get(slot).as_ref())),
            probes: PerSlot::from_fn(|slot| probe.filter(|_| probed == Some(slot))),
            requests: PerSlot::default(),
            stored: observation.registry.as_ref().map(|record| {
                let RegistryRecord {
                    route,
                    slots,
                    problems,
                    ..
                } = record;
                let registrations = PerSlot::from_fn(|slot| slots.get(slot).as_ref());
                Stored::of(definition, route.as_ref(), registrations, problems)
            }),
            proxy: observation.proxy.as_ref().and_then(Option::as_ref),
            pointer: None,
            store_revision: None,
            installation: observation.installation.as_ref(),
            blind: &observation.blind,
            started: PerSlot::default(),
        }
    }

    /// The view of a repair. The caller checks first that runtime, store and proxy have answered.
    pub(super) fn of_snapshot(snapshot: &'a Snapshot, definition: &'a Definition) -> Self {
        let slots = &snapshot.slots;
        let registrations = PerSlot::from_fn(|slot| slots.get(slot).registration.as_ref());
        Self {
            definition,
            instances: Some(PerSlot::from_fn(|slot| slots.get(slot).instance.as_ref())),
            probes: PerSlot::from_fn(|slot| slots.get(slot).probe.as_ref()),
            requests: PerSlot::from_fn(|slot| {
                let rates = slots.get(slot).rates.as_ref();
                rates.map_or(0, |rates| rates.requests)
            }),
            stored: Some(Stored::of(
                definition,
                snapshot.route.as_ref(),
                registrations,
                &snapshot.problems,
            )),
            proxy: snapshot.proxy.as_ref(),
            pointer: snapshot.pointer,
            store_revision: snapshot.store_revision,
            installation: snapshot.installation.as_ref(),
            blind: &[],
            started: PerSlot::default(),
        }
    }

    /// The view after an action, as far as later actions of the same stage depend on it.
    #[must_use]
    pub(super) fn after(mut self, action: &Action) -> Self {
        match action {
            Action::Deregister(slot) => {
                if let Some(stored) = &mut self.stored {
                    *stored.registrations.get_mut(*slot) = None;
                }
            }
            Action::Remove { slot, .. } => {
                if let Some(instances) = &mut self.instances {
                    *instances.get_mut(*slot) = None;
                }
            }
            Action::Stop { slot, .. } => *self.started.get_mut(*slot) = Some(false),
            Action::Start { slot, .. } => *self.started.get_mut(*slot) = Some(true),
            _ => {}
        }
        self
    }

    pub(super) fn instance(&self, slot: Slot) -> Option<&'a Instance> {
        *self.instances.as_ref()?.get(slot)
    }

    /// Whether it is known what is in the slots.
    pub(super) fn knows_slots(&self) -> bool {
        self.instances.is_some()
    }

    pub(super) fn entry(&self, slot: Slot) -> Option<&'a Registration> {
        *self.stored.as_ref()?.registrations.get(slot)
    }

    pub(super) fn is_entry_unreadable(&self, slot: Slot) -> bool {
        let stored = self.stored.as_ref();
        stored.is_some_and(|stored| *stored.unreadable_slots.get(slot))
    }

    pub(super) fn route(&self) -> Option<&'a Route> {
        self.stored.as_ref()?.route
    }

    pub(super) fn is_route_unreadable(&self) -> bool {
        let stored = self.stored.as_ref();
        stored.is_some_and(|stored| stored.is_route_unreadable)
    }

    pub(super) fn requests(&self, slot: Slot) -> u64 {
        *self.requests.get(slot)
    }

    /// Whether an earlier action of the same stage starts the slot's instance. Then its health is not known yet.
    pub(super) fn is_started(&self, slot: Slot) -> bool {
        *self.started.get(slot) == Some(true)
    }

    pub(super) fn runs(&self, slot: Slot) -> bool {
        let is_running = || self.instance(slot).is_some_and(Instance::is_running);
        self.started.get(slot).unwrap_or_else(is_running)
    }

    pub(super) fn why_blind(&self) -> String {
        why_blind(self.blind)
    }

    /// The running instance in a slot, if the probe of this observation found it healthy. The error says why the slot
    /// has no healthy instance. The image's own HEALTHCHECK does not count: a version that was released had the traffic
    /// with the same HEALTHCHECK. A promote checks it for its candidate.
    pub(super) fn healthy(&self, slot: Slot) -> Result<&'a Instance, String> {
        let Some(instance) = self.instance(slot) else {
            return Err(match self.instances {
                Some(_) => format!("{slot} is empty"),
                None => format!(
                    "it is not known whether {slot} is running: {}",
                    self.why_blind()
                ),
            });
        };
        if !instance.is_running() {
            return Err(format!("{slot} is not running"));
        }
        match self.probes.get(slot) {
            Some(probe) if probe.healthy => Ok(instance),
            Some(probe) => Err(format!("{slot} is not healthy: {}", probe.detail)),
            None => Err(format!(
                "{slot} was not probed: check that a health endpoint is configured"
            )),
        }
    }

    /// Whether a slot has traffic (interlock 1).
    pub(super) fn traffic(&self, slot: Slot) -> Traffic {
        let unknown = |why: &str| {
            Traffic::Unknown(format!("it is not known whether {slot} has traffic: {why}"))
        };
        let with = |who: &str| Traffic::With(format!("{slot} has the traffic: {who} names it"));
        let (Some(stored), Some(proxy)) = (&self.stored, self.proxy) else {
            return if self.blind.is_empty() {
                unknown("the proxy does not answer for this target")
            } else {
                unknown(&self.why_blind())
            };
        };
        if proxy.slot == Some(slot) {
            return with("the proxy");
        }
        if stored.is_route_unreadable {
            return unknown("the route cannot be read");
        }
        match stored.route {
            Some(route) if route.live == slot => with("the route"),
            _ => Traffic::Without,
        }
    }
}

impl<'a> Stored<'a> {
    fn of(
        definition: &Definition,
        route: Option<&'a Revisioned<Route>>,
        registrations: PerSlot<Option<&'a Revisioned<Registration>>>,
        problems: &BTreeMap<String, String>,
    ) -> Self {
        let is_unreadable = |name: &str| {
            let mut keys = problems.keys();
            keys.any(|key| StoredKey::is_named(&definition.target, key, name))
        };
        Self {
            registrations: PerSlot::from_fn(|slot| {
                registrations.get(slot).map(|entry| &entry.value)
            }),
            route: route.map(|route| &route.value),
            is_route_unreadable: is_unreadable("route"),
            unreadable_slots: PerSlot::from_fn(|slot| is_unreadable(&format!("slots/{slot}"))),
        }
    }
}
