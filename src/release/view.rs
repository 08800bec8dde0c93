//! A common view of what releases and repairs observed: the slots, the route and the edges of a target. A release
//! observes what a step needs, and a repair observes everything. The guards of both read this view.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::observation::why_blind;
use super::{Definition, Observation};
use crate::inventory::{
    Digest, EdgeTraffic, Edges, Instance, InstanceId, PerSlot, Probe, Registration, RegistryRecord,
    Revisioned, Route, Slot, SlotMembers, Snapshot, StoredKey, TaskRun,
};
use crate::release::action::Action;

#[derive(Debug, Clone)]
pub(super) struct View<'a> {
    pub(super) definition: &'a Definition,
    /// None if the runtime was not observed.
    members: Option<PerSlot<Cow<'a, SlotMembers>>>,
    probes: PerSlot<Option<&'a Probe>>,
    /// The public requests of the last seconds; 0 if unknown.
    requests: PerSlot<u64>,
    /// None if the store was not observed.
    stored: Option<Stored<'a>>,
    pub(super) edges: &'a Edges,
    /// The revision of the store at which this driver took the lock; none if unknown.
    pub(super) store_revision: Option<i64>,
    /// The tasks of the release; none if they were not observed.
    pub(super) tasks: Option<&'a [TaskRun]>,
    /// Whether the actions may stop and remove the live version, because the service is exclusive.
    pub(super) stops_live: bool,
    /// A message for each value that could not be observed.
    blind: &'a [String],
    /// The members that earlier actions of the same stage start (true) or stop (false), in the order of the actions.
    started: Vec<(Slot, InstanceId, bool)>,
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
    /// The store and every edge are known, and none of them names the slot.
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
            members: instances.map(|slots| PerSlot::from_fn(|slot| Cow::Borrowed(slots.get(slot)))),
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
            edges: &observation.edges,
            store_revision: None,
            tasks: observation.tasks.as_deref(),
            stops_live: false,
            blind: &observation.blind,
            started: Vec::new(),
        }
    }

    /// The view of a repair. The caller checks first that runtime, store and every edge have answered.
    pub(super) fn of_snapshot(snapshot: &'a Snapshot, definition: &'a Definition) -> Self {
        let slots = &snapshot.slots;
        let registrations = PerSlot::from_fn(|slot| slots.get(slot).registration.as_ref());
        Self {
            definition,
            members: Some(PerSlot::from_fn(|slot| {
                Cow::Borrowed(&slots.get(slot).members)
            })),
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
            edges: &snapshot.edges,
            store_revision: snapshot.store_revision,
            // A repair runs no task.
            tasks: None,
            stops_live: false,
            blind: &[],
            started: Vec::new(),
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
            Action::Remove { slot, instance } => {
                if let Some(members) = &mut self.members {
                    let there = members.get_mut(*slot);
                    *there = Cow::Owned(there.without(instance));
                }
            }
            Action::Stop { slot, instance } => self.started.push((*slot, instance.clone(), false)),
            Action::Start { slot, instance } => self.started.push((*slot, instance.clone(), true)),
            _ => {}
        }
        self
    }

    /// The members of a slot; none if the runtime was not observed.
    pub(super) fn members(&self, slot: Slot) -> Option<&SlotMembers> {
        Some(self.members.as_ref()?.get(slot))
    }

    /// The digest that runs in a slot; none if it is not known or if the slot has no digest.
    pub(super) fn digest(&self, slot: Slot) -> Option<&Digest> {
        self.members(slot)?.digest()
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

    /// Whether an earlier action of the same stage starts a member of the slot. Then the health of the slot is not known
    /// yet.
    pub(super) fn is_started(&self, slot: Slot) -> bool {
        let mut started = self.started.iter().rev();
        let last = started.find(|(of, ..)| *of == slot);
        last.is_some_and(|(.., is_started)| *is_started)
    }

    pub(super) fn runs(&self, slot: Slot, id: &InstanceId) -> bool {
        let mut started = self.started.iter().rev();
        let is_running = || {
            let member = self.members(slot).and_then(|members| members.get(id));
            member.is_some_and(Instance::is_running)
        };
        started
            .find(|(_, of, _)| of == id)
            .map_or_else(is_running, |(.., is_started)| *is_started)
    }

    /// Whether a member is up, or an earlier action of the same stage starts it. A member that such an action stops is
    /// not.
    pub(super) fn may_be_up(&self, member: &Instance) -> bool {
        let mut started = self.started.iter().rev();
        let last = started.find(|(_, id, _)| *id == member.id);
        last.map_or(member.is_up(), |(.., is_started)| *is_started)
    }

    pub(super) fn why_blind(&self) -> String {
        why_blind(self.blind)
    }

    /// The digest that runs in a slot, if the slot is whole and the probe of this observation found it healthy. The error
    /// says why the slot is not healthy. The image's own HEALTHCHECK does not count: a version that was released had the
    /// traffic with the same HEALTHCHECK. A promote checks it for its candidate. A background service is not
    /// probed, so its HEALTHCHECK always counts.
    pub(super) fn healthy(&self, slot: Slot) -> Result<&Digest, String> {
        let Some(members) = self.members(slot) else {
            return Err(format!(
                "it is not known whether {slot} is running: {}",
                self.why_blind()
            ));
        };
        if let Some(difference) = members.difference() {
            return Err(format!("{slot} {difference}"));
        }
        let Some(digest) = members.digest() else {
            return Err(format!("{slot} is empty"));
        };
        if let Some(stopped) = members.iter().find(|member| !member.is_running()) {
            let name = members.name_of_member(slot, stopped);
            return Err(format!("{name} is not running"));
        }
        if self.definition.is_background()
            && let Some(why) = members.unhealthy(*self.probes.get(slot))
        {
            return Err(format!("{slot} is not healthy: {why}"));
        }
        match self.probes.get(slot) {
            Some(probe) if probe.healthy => Ok(digest),
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
        let has_it = self.edges.live_phrase();
        let with = |who: &str| Traffic::With(format!("{slot} {has_it}: {who} names it"));
        let Some(stored) = &self.stored else {
            return unknown(&self.why_blind());
        };
        match self.edges.traffic(slot) {
            EdgeTraffic::Without => {}
            EdgeTraffic::With(edge) => return with(&edge),
            EdgeTraffic::Unknown(why) if self.blind.is_empty() => return unknown(&why),
            EdgeTraffic::Unknown(_) => return unknown(&self.why_blind()),
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
