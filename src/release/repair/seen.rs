//! An observation of a target, with the questions that a repair asks of it.

use super::action::Rewrite;
use crate::inventory::drift::{Drift, Name, still_gets_requests};
use crate::inventory::{
    Digest, ImageLabels, Instance, ProxyAnswer, Registration, ReleaseId, Route, Slot, Snapshot,
    StoredKey, Version, highest_generation, is_beyond_any_switch,
};
use crate::release::{Definition, Known};

/// How far the generation is raised if the store went back.
const FAR_AHEAD: u64 = 1_000;

/// A generation so much higher that no driver can have it which last saw `generation` or one of the next few.
pub(super) fn out_of_reach(generation: u64) -> u64 {
    (generation / FAR_AHEAD + 1) * FAR_AHEAD + FAR_AHEAD
}

#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) definition: &'a Definition,
    /// All differences of the snapshot.
    pub(super) drifts: &'a [Drift],
    /// Whether a release proves that it released the version in the slot of the route; the error says why none does.
    pub(super) released: &'a Known<()>,
}

impl<'a> Seen<'a> {
    pub(super) fn instance(&self, slot: Slot) -> Option<&'a Instance> {
        self.snapshot.slots.get(slot).instance.as_ref()
    }

    pub(super) fn entry(&self, slot: Slot) -> Option<&'a Registration> {
        let entry = self.snapshot.slots.get(slot).registration.as_ref()?;
        Some(&entry.value)
    }

    pub(super) fn route(&self) -> Option<&'a Route> {
        Some(&self.snapshot.route.as_ref()?.value)
    }

    /// The route, if it names this slot.
    pub(super) fn routed(&self, slot: Slot) -> Option<&'a Route> {
        self.route().filter(|route| route.live == slot)
    }

    pub(super) fn proxy(&self) -> Option<&'a ProxyAnswer> {
        self.snapshot.proxy.as_ref()
    }

    fn runs(&self, slot: Slot) -> bool {
        self.instance(slot).is_some_and(Instance::is_running)
    }

    /// Whether a slot can have the traffic: an instance is running in it, and no probe found it unhealthy.
    pub(super) fn is_fit(&self, slot: Slot) -> bool {
        let probe = self.snapshot.slots.get(slot).probe.as_ref();
        self.runs(slot) && probe.is_none_or(|probe| probe.healthy)
    }

    /// Whether the proxy names another slot than the route, and is right. It is if it has a higher generation and its slot
    /// can have the traffic: each switch writes the route first, so the route was edited, or it went back (in a restored
    /// store, even one whose revision was raised). It is also right if the route has a generation that no switch has made,
    /// except where a release proves the version in the route's slot and only that slot can have the traffic.
    fn is_proxy_ahead(&self) -> bool {
        let (Some(route), Some(proxy)) = (self.route(), self.proxy()) else {
            return false;
        };
        let Some(slot) = proxy.slot.filter(|slot| *slot != route.live) else {
            return false;
        };
        if is_beyond_any_switch(route.generation, self.proxys_generation()) {
            return self.is_fit(slot) || !self.is_fit(route.live) || self.released.is_err();
        }
        proxy.generation > route.generation && self.is_fit(slot)
    }

    /// Whether the store is behind the proxy's token. Then the proxy is newer and decides who has the traffic.
    pub(super) fn store_went_back(&self) -> bool {
        let mut drifts = self.drifts.iter();
        drifts.any(|drift| drift.name == Name::StoreWentBack)
    }

    /// Whether the running instance in a slot is right even if the store differs: the proxy names the slot, and is newer than
    /// the store.
    pub(super) fn is_truth(&self, slot: Slot) -> bool {
        (self.store_went_back() || self.is_proxy_ahead()) && self.is_pointed_at(slot)
    }

    /// A generation that no switch from before the store went back can have. In the store each switch is one
    /// generation, and the pointer follows before the next one starts. So a switch that has not arrived yet is at most
    /// a few generations ahead of the pointer.
    pub(super) fn generation_after_all(&self) -> u64 {
        let routed = self
            .route()
            .map_or(0, |route| self.possible_generation(route));
        out_of_reach(self.proxys_generation().max(routed))
    }

    /// The highest generation in the proxy's answer and in its live pointer.
    pub(super) fn proxys_generation(&self) -> u64 {
        highest_generation(None, self.proxy(), self.snapshot.pointer.as_ref())
    }

    /// The generation of the route; the proxy's if no switch can have made the route's.
    pub(super) fn possible_generation(&self, route: &Route) -> u64 {
        if is_beyond_any_switch(route.generation, self.proxys_generation()) {
            self.proxy().map_or(0, |proxy| proxy.generation)
        } else {
            route.generation
        }
    }

    /// The slot that should have the traffic: the one in the route. Without a route, if no release proves it, or if that
    /// slot no longer runs anything while the proxy's slot does: the proxy's slot. Then no traffic moves.
    pub(super) fn should(&self) -> Option<Slot> {
        let named = self.proxy().and_then(|proxy| proxy.slot);
        if named.is_some() && (self.store_went_back() || self.is_proxy_ahead()) {
            return named;
        }
        match (self.route().map(|route| route.live), named) {
            (Some(routed), Some(named)) if routed != named => {
                let is_gone = !self.runs(routed) && self.runs(named);
                let follows = is_gone || self.released.is_err();
                Some(if follows { named } else { routed })
            }
            (Some(routed), _) => Some(routed),
            (None, named) => named,
        }
    }

    pub(super) fn should_have_traffic(&self, slot: Slot) -> bool {
        self.should() == Some(slot)
    }

    /// The release of the version that runs in a slot.
    pub(super) fn release_of(&self, slot: Slot) -> Option<ReleaseId> {
        let by_entry = self.entry(slot).map(|entry| entry.release);
        let by_route = self.routed(slot).map(|route| route.release);
        let by_label = self.instance(slot).and_then(|instance| instance.release);
        if self.is_truth(slot) && by_label.is_some() {
            return by_label;
        }
        by_entry.or(by_route).or(by_label)
    }

    /// Whether a slot runs what the route says, or what was registered there. A container cannot change its image, so
    /// exactly the registered instance counts, whatever digest is registered.
    pub(super) fn is_released(&self, slot: Slot) -> bool {
        let Some(instance) = self.instance(slot) else {
            return false;
        };
        if self.is_truth(slot) {
            return true;
        }
        match (self.routed(slot), self.entry(slot)) {
            (Some(route), _) => route.digest == instance.digest,
            (None, Some(entry)) => entry.digest == instance.digest || entry.instance == instance.id,
            (None, None) => true,
        }
    }

    pub(super) fn version(&self, tag: Option<String>, digest: Digest) -> Version {
        Version {
            repository: self.definition.repository.clone(),
            tag,
            digest,
            labels: ImageLabels::default(),
        }
    }

    pub(super) fn has_requests(&self, slot: Slot) -> bool {
        still_gets_requests(self.snapshot, slot)
    }

    /// Whether the proxy names this slot.
    pub(super) fn is_pointed_at(&self, slot: Slot) -> bool {
        self.proxy().is_some_and(|proxy| proxy.slot == Some(slot))
    }

    /// Why what is in a slot is neither started nor given the traffic: no release proves it, and the proxy does not send
    /// the traffic there.
    pub(super) fn unproven(&self, slot: Slot) -> Option<&'a str> {
        let why = self.released.as_ref().err()?;
        (!self.is_pointed_at(slot)).then_some(why.as_str())
    }

    /// Whether the proxy's configuration differs, so that it is installed again.
    pub(super) fn is_installed_anew(&self) -> bool {
        let differs = [Name::ProxyEdited, Name::ProxyNotInstalled];
        self.drifts
            .iter()
            .any(|drift| differs.contains(&drift.name))
    }

    /// Whether a key of the target exists and cannot be read.
    pub(super) fn is_unreadable(&self, name: &str) -> bool {
        let target = &self.snapshot.target;
        let mut keys = self.snapshot.problems.keys();
        keys.any(|key| StoredKey::is_named(target, key, name))
    }

    /// Whether the route names another digest than the running one, which its own release registered. Then the route
    /// was edited.
    pub(super) fn is_digest_of_route_edited(&self) -> bool {
        let Some(route) = self.route() else {
            return false;
        };
        let (Some(instance), Some(entry)) = (self.instance(route.live), self.entry(route.live))
        else {
            return false;
        };
        instance.digest != route.digest
            && entry.digest == instance.digest
            && entry.instance == instance.id
            && entry.release == route.release
    }

    /// Whether the route is already as wanted.
    pub(super) fn is_route(&self, wanted: &Rewrite) -> bool {
        self.route().is_some_and(|route| {
            route.live == wanted.live
                && route.generation == wanted.generation
                && route.digest == wanted.digest
                && route.endpoint == *self.definition.endpoints.get(wanted.live)
        })
    }
}
